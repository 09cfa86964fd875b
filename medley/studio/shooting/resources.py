"""How much memory and disk there is, and what is said when it was not enough."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from medley.errors import ResourceError
from medley.settings import ShotSettings
from medley.studio.shooting.costs import smaller
from medley.studio.shooting.devices import accelerators, kind_of_device
from medley.transfer.scales import Scale

_WORDS = ("can't allocate memory", "out of memory")  # of torch's allocators: CPU; CUDA and MPS

_PROCESS = 650_000_000  # bytes: what torch, the weights and small pictures take on Linux
_CONTEXT = 600_000_000  # bytes: what a process takes on a CUDA device before it does anything

# Limit, usage, statistics and the row in them that tells of cached files; versions 2 and 1.
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
    """Bytes of memory that shots on the device may take, as far as planning can know.

    Returns:
        For CUDA all that the device has; None if it cannot be known.
    """
    if kind_of_device(device) == "cuda":
        return accelerators()[device].memory_bytes
    bounds = [_free_on_machine(), _free_in_container(Path("/sys/fs/cgroup"))]
    return min((bound for bound in bounds if bound is not None), default=None)


def free_memory_each(devices: Sequence[str]) -> int | None:
    """Bytes that each process on these devices may take for a shot; those on the same one share.

    Args:
        devices: one for each process.
    """
    shares = [
        # Each process loads torch and the weights for itself.
        free // devices.count(device) - process_memory(device)
        for device in dict.fromkeys(devices)
        if (free := free_memory(device)) is not None
    ]
    return max(0, min(shares)) if shares else None


def process_memory(device: str) -> int:
    """Bytes that a process takes on a device, or for the CPU, before its first shot."""
    return _CONTEXT if kind_of_device(device) == "cuda" else _PROCESS


def resident_memory() -> int:
    """Bytes of memory that this process has now."""
    resident: int = psutil.Process().memory_info().rss
    return resident


def _free_on_machine() -> int:
    available: int = psutil.virtual_memory().available
    return available


def _free_in_container(root: Path) -> int | None:
    """What the control group, if there is one, leaves; pages of files can be dropped at need."""
    for limit, usage, statistics_, cached in _CGROUPS:
        try:
            most, used = (int((root / name).read_text("ascii")) for name in (limit, usage))
            rows = dict(
                line.split() for line in (root / statistics_).read_text("ascii").splitlines()
            )
        except (OSError, ValueError):  # no such group; "max": no limit
            continue
        return most - used + int(rows.get(cached, 0))
    return None


def free_disk(folder: Path) -> int | None:
    """Bytes free where a folder is or will be; None if that cannot be known."""
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
    """Turn any allocator's complaint within the block into one line with the way out.

    Args:
        scales: sizes of the shot at work.
        settings: the shot's, with its precision settled.
        tile: side of its tiles in pixels, or None.

    Raises:
        ResourceError: memory ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        words = str(error).lower()
        if isinstance(error, RuntimeError) and not any(known in words for known in _WORDS):
            raise
        height, width, _ = scales[-1]
        raise ResourceError(
            f"the memory ran out at {width}x{height} pixels; pass ",
            *smaller(scales, settings, tile),
        ) from error
