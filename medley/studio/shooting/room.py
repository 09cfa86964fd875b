"""How much memory and disk there is, and what is said when it was not enough."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from medley.errors import RoomError
from medley.settings import ShotSettings
from medley.studio.shooting.device import AnyDevice
from medley.studio.shooting.forecast import smaller
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


def free_memory(device: AnyDevice) -> int | None:
    """Bytes of memory that a shot on the device may still take; None if that cannot be known."""
    if device.type == "cuda":
        import torch

        name = str(device)
        free, _ = torch.cuda.mem_get_info(name)
        # Torch holds on to memory that it has no tensors in, and uses it first.
        held = torch.cuda.memory_reserved(name) - torch.cuda.memory_allocated(name)
        return int(free + held)
    bounds = [_free_on_machine(), _free_in_container(Path("/sys/fs/cgroup"))]
    return min((bound for bound in bounds if bound is not None), default=None)


def free_memory_each(devices: Sequence[AnyDevice]) -> int | None:
    """Bytes that each of the processes on these devices may take; those on the same one share."""
    shares = []
    for device in dict.fromkeys(devices):
        if (free := free_memory(device)) is not None:
            # One process is this one; of several each loads torch and the weights for itself.
            own = 0 if len(devices) == 1 else process_memory(device)
            shares.append(free // devices.count(device) - own)
    return max(0, min(shares)) if shares else None


def process_memory(device: AnyDevice) -> int:
    """Bytes that one more process takes on a device, or for the CPU, before its first shot."""
    return _CONTEXT if device.type == "cuda" else _PROCESS


def _free_on_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:  # not Linux
        pass
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2  # a guess
    return None


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


def resident_memory(device: AnyDevice) -> int:
    """Bytes that are in use before a shot: of the process, or of a CUDA device by it."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.memory_allocated(str(device)))
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return _PROCESS
    return pages * os.sysconf("SC_PAGE_SIZE")


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

    Raises:
        RoomError: memory ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        words = str(error).lower()
        if isinstance(error, RuntimeError) and not any(known in words for known in _WORDS):
            raise
        height, width, _ = scales[-1]
        raise RoomError(
            f"the memory ran out at {width}x{height} pixels; pass {smaller(scales, settings, tile)}"
        ) from error
