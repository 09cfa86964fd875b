"""What the machine is and how quick its parts are, and the tests that need it."""

import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import PIL
import torch

import medley
from gpu_checking.bench import Bench, Row, pixels_of
from medley.files import write_bytes
from medley.images import encode_png

ROOT = Path(__file__).resolve().parent.parent.parent
_DRIVER = Path("/proc/driver/nvidia/version")


def facts(bench: Bench) -> Iterator[Row]:
    """Names and versions, then one row for each speed."""
    row: Row = {"medley": medley.__version__, "python": platform.python_version()}
    row |= {"torch": torch.__version__, "pillow": PIL.__version__, "cores": os.cpu_count()}
    if bench.on_cuda:
        free, total = torch.cuda.mem_get_info(bench.device)
        row |= {"card": torch.cuda.get_device_name(bench.device), "memory_gb": total / 1e9}
        row |= {"free_gb": free / 1e9, "cudnn": _cudnn()}
        row["capability"] = ".".join(map(str, torch.cuda.get_device_capability(bench.device)))
        if _DRIVER.exists():
            row["driver"] = _DRIVER.read_text("utf-8", "replace").splitlines()[0]
    yield row
    one = torch.zeros(1, device=bench.device)
    took = bench.median_s(lambda: [one.add_(1) for _ in range(1000)])
    yield {"what": "start a kernel", "value": took * 1e3, "unit": "us"}
    yield from _bounds(bench)
    yield from _host(bench)


def _cudnn() -> int | None:
    found: int | None = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return found


def _bounds(bench: Bench) -> Iterator[Row]:
    """Bytes a second that are copied, and operations a second of a large product."""
    size = bench.pick(2**31, 2**20)
    source = torch.empty(size, dtype=torch.uint8, device=bench.device)
    target = torch.empty_like(source)
    took = bench.median_s(partial(target.copy_, source))
    yield {"what": "copy on the device", "value": 2 * size / took / 1e9, "unit": "GB/s"}
    del source, target
    side = bench.pick(8192, 128)
    for dtype in (torch.bfloat16, torch.float32):
        matrix = torch.randn(side, side, device=bench.device, dtype=dtype)
        took = bench.median_s(partial(torch.mm, matrix, matrix))
        what = f"product of {str(dtype).removeprefix('torch.')}"
        yield {"what": what, "value": 2 * side**3 / took / 1e12, "unit": "TFLOP/s"}


def _host(bench: Bench) -> Iterator[Row]:
    """What the processor and the disk take to keep an iterate."""
    for side in bench.pick((384, 512, 1280), (64,)):
        spent = min(_processor_s(partial(encode_png, pixels_of(side, 2))) for _ in range(3))
        yield {"what": f"encode {side}x{side} as PNG", "value": spent * 1e3, "unit": "ms"}
    data, path = encode_png(pixels_of(bench.pick(512, 64), 2)), bench.scratch / "written.png"
    took = statistics.median(bench.seconds(partial(write_bytes, path, data)) for _ in range(9))
    yield {"what": "write and sync one", "value": took * 1e3, "unit": "ms"}


def _processor_s(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def tests(bench: Bench) -> Iterator[Row]:
    """The tests marked `gpu`, as they are; where they fail, once more with warnings let pass."""
    if not importlib.util.find_spec("pytest"):
        yield {"what": "pytest -m gpu", "left_out": "pytest is not installed"}
        return
    files = sorted(str(path) for path in (ROOT / "tests").glob("test_*.py") if _is_marked(path))
    for more in ([], ["-W", "default::UserWarning"]):
        command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-rA", *more]
        command += ["-p", "no:cacheprovider", "--basetemp", str(bench.scratch / "tests"), *files]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        ended = (done.stdout.strip().splitlines() or ["nothing"])[-1]
        what = " ".join(["pytest -m gpu", *more])
        is_well = done.returncode == 0
        yield {"what": what, "ok": is_well, "ended": ended, "said": done.stdout[-4000:]}
        if is_well:
            return


def _is_marked(path: Path) -> bool:
    return "mark.gpu" in path.read_text("utf-8")
