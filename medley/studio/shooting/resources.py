"""Free memory and disk of this machine, and the error for when memory runs out."""

import shutil
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from medley.errors import ResourceError, Setting
from medley.settings import ShotSettings
from medley.studio.shooting.costs import smaller
from medley.studio.shooting.devices import accelerators, kind_of_device
from medley.transfer.scales import Scale

# How torch, cuDNN, cuBLAS and the others say that memory ran out. Where it is short, cuBLAS cannot
# be initialized, cuDNN finds no engine, and a slice of a GPU (MIG) cannot say how much it has.
_WORDS = (
    "can't allocate memory",
    "out of memory",
    "outofmemory",
    "not enough memory",
    "bad_alloc",
    "alloc_failed",
    "cublas_status_not_initialized",
    "unable to find an engine",
    "unable to find a valid cudnn algorithm",
    "nvml_success == ",
)

_PROCESS = 650_000_000  # bytes: what torch, the weights and small pictures take on Linux
_CONTEXT = 600_000_000  # bytes: what a process takes on a CUDA device before it does anything

# Limit, usage, statistics and the row in them with cached files; control groups 2 and 1.
_CGROUPS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def free_memory(device: str) -> int | None:
    """Measure the memory that shots on the device may take, without torch.

    Returns:
        Free bytes, or for CUDA all bytes that the device has; None if that is unknown.
    """
    if kind_of_device(device) == "cuda":
        return accelerators()[device].memory_bytes
    bounds = [_free_on_machine(), _free_in_container(Path("/sys/fs/cgroup"))]
    return min((bound for bound in bounds if bound is not None), default=None)


def free_memory_each(devices: Sequence[str]) -> int | None:
    """Bytes that each process on these devices may take for a shot; None if that is unknown.

    Args:
        devices: device of each process; processes on the same device share its memory.
    """
    shares = [
        # Each process loads its own torch and weights.
        free // devices.count(device) - process_memory(device)
        for device in dict.fromkeys(devices)
        if (free := free_memory(device)) is not None
    ]
    return max(0, min(shares)) if shares else None


def process_memory(device: str) -> int:
    """Bytes that a process takes on its device before its first shot."""
    return _CONTEXT if kind_of_device(device) == "cuda" else _PROCESS


def resident_memory() -> int:
    """Bytes of memory that this process takes now."""
    resident: int = psutil.Process().memory_info().rss
    return resident


def _free_on_machine() -> int:
    available: int = psutil.virtual_memory().available
    return available


def _free_in_container(root: Path) -> int | None:
    """Bytes that the control group leaves, if there is one; cached files count as free."""
    for limit, usage, statistics_, cached in _CGROUPS:
        try:
            most, used = (int((root / name).read_text("ascii")) for name in (limit, usage))
            rows = dict(
                line.split() for line in (root / statistics_).read_text("ascii").splitlines()
            )
        except (OSError, ValueError):  # there is no such group, or its limit is "max"
            continue
        return most - used + int(rows.get(cached, 0))
    return None


def free_disk(folder: Path) -> int | None:
    """Bytes that are free on the disk of a folder that may not exist yet; None if unknown."""
    for place in (folder, *folder.absolute().parents):
        if place.exists():
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return None
    return None


@contextmanager
def out_of_memory_named(
    scales: Sequence[Scale], settings: ShotSettings, tile: int | None
) -> Iterator[None]:
    """Turn an allocator's error within the block into one that names the way out.

    Args:
        scales: sizes of the shot.
        settings: settings of the shot, with the precision settled.
        tile: side of its tiles in pixels, or None.

    Raises:
        ResourceError: memory ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        _free_what_failed(error)
        height, width, _ = scales[-1]
        raise ResourceError(
            f"the memory ran out at {width}x{height} pixels; pass ",
            *smaller(scales, settings, tile),
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator of Python, torch or a library of the device's has raised this."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(known in words for known in _WORDS)


def refusal(error: RuntimeError, device: str) -> ResourceError | None:
    """The error to raise where a device takes no network; None if that is not what is wrong."""
    if is_taken(error):
        return ResourceError(
            f"'{device}' admits one process at a time, and another has it (its compute mode is"
            " exclusive); wait for that, or pass another ",
            Setting("device"),
        )
    if is_out_of_memory(error):
        return ResourceError(
            f"'{device}' has no memory left for the network; end other programs there, or pass"
            " another ",
            Setting("device"),
        )
    return None


def is_taken(error: RuntimeError) -> bool:
    """Whether a device that admits one process alone has refused this one."""
    return "busy or unavailable" in str(error).lower()


def _free_what_failed(error: BaseException) -> None:
    """Free the tensors of the functions that an error has left, so that others find the memory.

    Its traceback would hold them for as long as somebody holds the error.
    """
    traceback.clear_frames(error.__traceback__)
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
