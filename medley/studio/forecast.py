"""Orders planned, and what they will take here: time, memory and disk, before anything begins."""

import heapq
import multiprocessing
import signal
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

from medley.errors import ResourceError, Source
from medley.events import Event, Listener
from medley.film.clips import told_length
from medley.settings import ClipOrder, FilmOrder, ShotSettings
from medley.studio.engines.jobs import Job
from medley.studio.plan import Plan, plan
from medley.studio.shooting.costs import (
    TILES,
    Pace,
    check_disk,
    disk_bytes,
    peak_bytes,
    shot_seconds,
)
from medley.studio.shooting.devices import kind_of_device
from medley.studio.shooting.paces import calibration_for, known_pace
from medley.studio.shooting.resources import (
    free_disk,
    free_memory_each,
    process_memory,
    resident_memory,
)

_LONG_S = 600  # of a clip that is foretold before it is decoded, which may take longer than a look
_TRIED_S = 20  # of it, from which the rest is foretold
_WORTH = 5  # the pace is measured for runs that are this many times as long as measuring it

Patience = Literal["none", "worth it", "always", "anew"]
"""When the pace is measured, which takes seconds and imports torch: never, if it is unknown and the
run is long, if it is unknown, or in any case."""


@dataclass(frozen=True)
class Forecast:
    """Time, memory and disk that a run will take.

    Attributes:
        missing: number of shots to be taken.
        finished: number of shots that are finished already.
        steps: steps that all missing shots together lack.
        seconds: time for the missing shots, or None if the machine's pace is unknown.
        each: time of each missing shot by itself, by key; empty if the pace is unknown.
        memory_bytes: peak memory of all processes, or on CUDA of the fullest device.
        disk_bytes: growth of the workspace.
        tile: side in pixels of the smallest tiles, or None if pictures are computed as a whole.
    """

    missing: int
    finished: int
    steps: int
    seconds: float | None
    each: Mapping[str, float]
    memory_bytes: float
    disk_bytes: float
    tile: int | None


class Prepared(NamedTuple):
    """A plan that has been checked against the machine.

    Attributes:
        plan: plan for `run.run`.
        forecast: time, memory and disk that it will take.
        devices: device of each worker.
    """

    plan: Plan
    forecast: Forecast
    devices: Sequence[str]


def prepare(
    orders: Sequence[FilmOrder],
    devices: Sequence[str],
    listener: Listener = lambda _: None,
    *,
    sources: Sequence[Source] = (),
    force: bool = False,
    unattended: bool = False,
    patience: Patience = "worth it",
    begins: bool = True,
) -> Prepared:
    """Check and plan orders, and forecast what they will take.

    Args:
        orders: orders that all have the same workspace.
        devices: device of each worker.
        listener: takes "stage" events, and "told" for shots that do not fit into the free memory.
        sources: place of each order in a manifest, for errors.
        force: True to replace existing films.
        unattended: True to plan as a batch does, which goes on after a failure.
        patience: condition for measuring the machine's pace.
        begins: True to refuse what a run refuses at once: a workspace that cannot be written to,
            or a disk that is far too small.

    Raises:
        MedleyError: an order cannot be carried out, and `unattended` is False; or the memory or
            the disk is too small; or the workspace cannot be written to.
    """
    planned = plan(
        orders,
        devices,
        sources=sources,
        force=force,
        unattended=unattended,
        writes=begins or unattended,
        listener=listener,
    )
    used = devices if unattended else planned.films[0].devices
    # A device may admit one process alone, which is to be the one that takes its shots.
    apart = kind_of_device(used[0]) == "cuda" and (unattended or len(used) > 1)
    pace = pace_for(planned, used[0], patience, apart)

    def warn(error: ResourceError) -> None:
        listener(Event("told", error=error))

    expected = forecast(planned, used, pace, warn if unattended else None)
    if begins and planned.jobs:
        planned.workspace.check_writable()
        check_disk(expected.disk_bytes, free_disk(planned.workspace.root))
    return Prepared(planned, expected, used)


def foretell(order: ClipOrder, devices: Sequence[str], listener: Listener) -> float | None:
    """Tell what the film of a long clip takes before the clip is decoded, from its beginning alone.

    Args:
        order: order of the film.
        devices: device of each worker.
        listener: takes "stage" events.

    Returns:
        Seconds, by the length that a video's file says; None if it is short, or does not say.

    Raises:
        MedleyError: see `prepare`.
    """
    (path,), begin_s = order.content, order.part.begin_s or 0
    told_s = told_length(path)
    end_s = min(told_s or 0, order.part.end_s or told_s or 0)
    if end_s - begin_s < _LONG_S:
        return None
    part = order.part.model_copy(update={"to": begin_s + _TRIED_S})
    # Turning at cuts it needs no number of frames for its paintings, and takes as long.
    way = order.clip.model_copy(update={"per_cut": True, "seconds_per_painting": None})
    tried = order.model_copy(update={"part": part, "clip": way})
    plan, found, _ = prepare([tried], devices, listener, force=True, begins=False)
    opening, followed = (found.each.get(shot.key, 0.0) for shot in plan.films[0].shots)
    return opening + followed * float((end_s - begin_s) / _TRIED_S)


def forecast(
    plan: Plan,
    devices: Sequence[str],
    pace: Pace | None,
    warn: Callable[[ResourceError], None] | None = None,
) -> Forecast:
    """Forecast time, memory and disk of a plan.

    Args:
        plan: plan with the missing shots.
        devices: device of each process that takes shots.
        pace: pace of a process that does not share its device, if it is known.
        warn: takes an error about shots that will not fit into the memory that is free now, even in
            tiles; if None, such shots are an error.

    Raises:
        ResourceError: shots will not fit, and `warn` is None.
    """
    jobs = list(plan.jobs.values())
    devices = devices[: max(1, len(jobs))]
    free = free_memory_each(devices)
    disk = peak = 0.0
    steps, tiles = 0, []
    took: dict[str, float] = {}
    alike: dict[Hashable, list[Job]] = {}
    for job in jobs:
        alike.setdefault(_likeness(job, plan.begun.get(job.key, 0)), []).append(job)
    for same in alike.values():
        job, count = same[0], len(same)
        settings = job.spec.settled
        left = job.spec.scales_from(plan.begun.get(job.key, 0))
        tile = _tile(job, count, devices, free, warn)
        if pace:
            each = settings.keep_every, job.spec.evaluations
            seconds = shot_seconds(left, pace, tile, *each)
            took |= dict.fromkeys((one.key for one in same), seconds)
        disk += count * disk_bytes(left, settings)
        peak = max(peak, peak_bytes(job.spec.scales, settings, tile))
        steps += count * sum(scale.steps for scale in left)
        if tile:
            tiles.append(tile)
    return Forecast(
        missing=len(jobs),
        finished=len(plan.labels) - len(jobs) - len(plan.gone),
        steps=steps,
        seconds=_seconds(jobs, took, len(set(devices))) if pace or not jobs else None,
        each=took,
        memory_bytes=_memory(devices, peak),
        disk_bytes=disk,
        tile=min(tiles, default=None),
    )


def pace_for(plan: Plan, device: str, patience: Patience, apart: bool = False) -> Pace | None:
    """Look up or measure the pace for a plan's first missing shot.

    Args:
        plan: plan with the missing shots.
        device: device that takes the shot.
        patience: condition for measuring the pace.
        apart: True to measure it in a process of its own, so that this one leaves the device alone.

    Returns:
        The pace, or None if it is unknown and is not measured.

    Raises:
        WeightsError: the pace is measured, and the network's weights are missing or damaged.
    """
    if not plan.jobs:
        return None
    specs = [job.spec for job in plan.jobs.values()]
    known = None if patience == "anew" else known_pace(device, specs[0].precision)
    if known or patience == "none":
        return known
    left = [(spec.evaluations, spec.scales_from(plan.begun.get(spec.key, 0))) for spec in specs]
    work = sum(each * scale.pixel_steps for each, scales in left for scale in scales)
    worth = _WORTH * sum(scale.pixel_steps for scale in calibration_for(device))
    if patience == "worth it" and work <= worth:
        return None
    return (_apart if apart else _here)(specs[0].settled, device)


def _here(settings: ShotSettings, device: str) -> Pace:
    """Measure the pace in this process."""
    # torch takes a second to import, and is needed only where the pace is measured.
    from medley.studio.shooting.benchmark import benchmark

    return benchmark(settings, device)


def _apart(settings: ShotSettings, device: str) -> Pace:
    """Measure the pace in a process that then ends; Ctrl-C is answered by this one."""
    context = multiprocessing.get_context("spawn")
    ignored = signal.SIGINT, signal.SIG_IGN
    with ProcessPoolExecutor(1, context, initializer=signal.signal, initargs=ignored) as pool:
        return pool.submit(_here, settings, device).result()


def _tile(
    job: Job,
    count: int,
    devices: Sequence[str],
    free: float | None,
    warn: Callable[[ResourceError], None] | None,
) -> int | None:
    strictest = max(devices, key=lambda device: device != "cpu")
    try:
        return job.spec.choose_tile(job.tile, free, strictest)
    except ResourceError as error:
        if warn is None:
            raise
        # Memory may be free when their turn comes.
        warn(ResourceError(f"{count:,} shots will not fit: ", *error.args))
        return TILES[-1]


def _memory(devices: Sequence[str], peak: float) -> float:
    """Peak memory in bytes; a single process is this one, several run beside this one."""
    if not peak:
        return float(resident_memory())
    most = max(devices.count(device) for device in set(devices))
    shots = most * (process_memory(devices[0]) + peak)
    if len(devices) == 1 or kind_of_device(devices[0]) == "cuda":
        return shots
    return resident_memory() + shots


def _likeness(job: Job, begun: int) -> Hashable:
    """A value that is equal for jobs that take the same time and memory from a step on.

    Settings count by identity, because comparing them is slow and the shots of a film share them.
    """
    return job.spec.content.shape, id(job.spec.settings), job.tile, begun


def _seconds(jobs: Sequence[Job], took: Mapping[str, float], devices: int) -> float:
    """Time until the last job ends, if each begins on the device that is free first.

    Processes on one device share its arithmetic, so that two are hardly quicker than one. A job
    that goes on from another waits for that one's end.
    """
    free = [0.0] * max(1, devices)
    ends: dict[str | None, float] = {}
    for job in jobs:
        begin = max(heapq.heappop(free), ends.get(job.spec.after, 0.0))
        ends[job.key] = begin + took.get(job.key, 0.0)
        heapq.heappush(free, ends[job.key])
    return max(free)
