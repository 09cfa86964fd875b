"""What a plan will take on this machine: time, memory and disk, before anything begins."""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from medley.errors import ResourceError
from medley.studio.engines.jobs import Job
from medley.studio.plan import Plan
from medley.studio.shooting.costs import (
    TILES,
    Pace,
    choose_tile,
    disk_bytes,
    peak_bytes,
    shot_seconds,
)
from medley.studio.shooting.devices import kind_of_device
from medley.studio.shooting.paces import CALIBRATION, known_pace
from medley.studio.shooting.resources import free_memory_each, process_memory, resident_memory

_WORTH = 5  # times a calibration's work that a run must have, to be held up by one

Patience = Literal["none", "worth it", "always", "anew"]
"""Whether the pace is measured, which takes seconds and imports torch: never, if it is not known
and the run is long, if it is not known, or in any case."""


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    Attributes:
        missing: shots that are to be taken.
        finished: shots that were found.
        steps: of all shots that are to be taken.
        seconds: for them, or None if the machine's pace is not known.
        memory_bytes: at the peak, of all processes (on CUDA: of the fullest device).
        disk_bytes: that the workspace will grow by.
        tile: side in pixels of the smallest tiles, or None if pictures are computed as a whole.
    """

    missing: int
    finished: int
    steps: int
    seconds: float | None
    memory_bytes: float
    disk_bytes: float
    tile: int | None


def forecast(
    plan: Plan,
    devices: Sequence[str],
    pace: Pace | None,
    warn: Callable[[str], None] | None = None,
) -> Forecast:
    """Foretell what a plan will take.

    Args:
        plan: what is to be done.
        devices: one for each process that takes shots at once.
        pace: of one process that has its device for itself, if it is known.
        warn: told of shots that would not fit into a process's memory just now, even in tiles;
            without it they are an error.

    Raises:
        ResourceError: shots will not fit, and nobody is told.
    """
    jobs = list(plan.jobs.values())
    devices = devices[: max(1, len(jobs))]
    free = free_memory_each(devices)
    disk = peak = 0.0
    steps, tiles = 0, []
    took: dict[Hashable, float] = {}
    examples = {_likeness(job): job for job in jobs}
    for alike, count in Counter(map(_likeness, jobs)).items():
        job = examples[alike]
        scales, settings = job.spec.scales, job.spec.settled
        tile = _tile(job, count, free, warn)
        took[alike] = shot_seconds(scales, pace, tile, settings.keep_every) if pace else 0.0
        disk += count * disk_bytes(scales, settings)
        peak = max(peak, peak_bytes(scales, settings, tile))
        steps += count * sum(scale.steps for scale in scales)
        if tile:
            tiles.append(tile)
    return Forecast(
        missing=len(jobs),
        finished=len(plan.labels) - len(jobs),
        steps=steps,
        seconds=_seconds(jobs, took, len(set(devices))) if pace or not jobs else None,
        memory_bytes=_memory(devices, peak),
        disk_bytes=disk,
        tile=min(tiles, default=None),
    )


def pace_for(plan: Plan, device: str, patience: Patience) -> Pace | None:
    """Give the pace at which a plan's first missing shot is taken, if that is known.

    Args:
        plan: what is to be done.
        device: where.
        patience: whether it is measured.

    Raises:
        WeightsError: it is measured, and the network's weights are not there or not whole.
    """
    if not plan.jobs:
        return None
    specs = [job.spec for job in plan.jobs.values()]
    known = None if patience == "anew" else known_pace(device, specs[0].precision)
    if known or patience == "none":
        return known
    work = sum(scale.pixel_steps for spec in specs for scale in spec.scales)
    worth = _WORTH * sum(scale.pixel_steps for scale in CALIBRATION)
    if patience == "worth it" and work <= worth:
        return None
    # torch takes a second to import: only what computes brings it.
    from medley.studio.shooting.benchmark import benchmark

    return benchmark(specs[0].settled, device)


def _tile(
    job: Job, count: int, free: float | None, warn: Callable[[str], None] | None
) -> int | None:
    try:
        return choose_tile(job.tile, job.spec.scales, job.spec.settled, free)
    except ResourceError as error:
        if warn is None:
            raise
        warn(f"{count:,} shots will not fit: {error}")  # memory may be free when their turn comes
        return TILES[-1]


def _memory(devices: Sequence[str], peak: float) -> float:
    """Bytes at the peak; a single process is this one, several have this one beside them."""
    if not peak:
        return float(resident_memory())
    most = max(devices.count(device) for device in set(devices))
    shots = most * (process_memory(devices[0]) + peak)
    if len(devices) == 1 or kind_of_device(devices[0]) == "cuda":
        return shots
    return resident_memory() + shots


def _likeness(job: Job) -> Hashable:
    """What decides time and memory; settings as objects, since comparing them is slow.

    The shots of a film share them.
    """
    return job.spec.content.shape, id(job.spec.settings), job.tile


def _seconds(jobs: Sequence[Job], took: Mapping[Hashable, float], devices: int) -> float:
    """Time until the last job ends, each begun on the device that is free first.

    Processes on one device share its arithmetic: two of them are hardly quicker than one. A job
    that goes on from another waits for its end.
    """
    free = [0.0] * max(1, devices)
    ends: dict[str | None, float] = {}
    for job in jobs:
        begin = max(heapq.heappop(free), ends.get(job.spec.after, 0.0))
        ends[job.key] = begin + took[_likeness(job)]
        heapq.heappush(free, ends[job.key])
    return max(free)
