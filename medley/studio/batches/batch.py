"""A batch: the shots of many films through one engine, and each film as soon as it has its last."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from medley.errors import MedleyError
from medley.studio.batches.filmplan import FilmPlan
from medley.studio.batches.schedule import Schedule
from medley.studio.engines.jobs import Engine, Event, Job, Outcome
from medley.studio.engines.sharing import Reservation, reserve


@dataclass(frozen=True)
class ShotEnd:
    """A shot is finished, or given up.

    Attributes:
        key: of the shot.
        title: what people call it.
        error: why it was given up, or None.
        attempts: how many there were; 0 if another batch took it, or nobody did.
        seconds: that they took.
        worker: who was at it.
    """

    key: str
    title: str
    error: str | None
    attempts: int = 0
    seconds: float = 0.0
    worker: str = ""


@dataclass(frozen=True)
class Cutting:
    """How far a film's frames are."""

    film: str
    frame: int
    frames: int


@dataclass(frozen=True)
class FilmEnd:
    """A film is there, or cannot be made.

    Attributes:
        film: its path.
        error: why it is not there, or None.
        seconds: that cutting it took; 0 if it was there before.
        shots: how many it has.
        lost: keys of those of them that were given up.
    """

    film: str
    error: str | None
    seconds: float = 0.0
    shots: int = 0
    lost: tuple[str, ...] = ()


Happening = Event | ShotEnd | Cutting | FilmEnd
Cutter = Callable[[FilmPlan, Callable[[int, int], None]], None]
"""Cuts a film whose shots are finished, telling the number of frames written and their total."""


@dataclass(frozen=True)
class Report:
    """How a batch ended: every film in the manifest's order, and the shots that were given up."""

    films: tuple[FilmEnd, ...]
    lost: tuple[ShotEnd, ...]

    @property
    def failures(self) -> list[FilmEnd]:
        """Films that are not there."""
        return [film for film in self.films if film.error]


class _StoppedError(MedleyError):
    """The batch was interrupted while a film was being cut."""


def run_batch(
    schedule: Schedule, engine: Engine, cut: Cutter, watch: Callable[[Happening], None]
) -> Report:
    """Take all missing shots and make all films; whatever fails is that film's affair alone.

    Films are cut on a thread of their own, so that no worker waits for it.

    Args:
        schedule: as planned.
        engine: takes the shots.
        cut: makes a film.
        watch: told what happens; never by two threads at once.

    Raises:
        MedleyError: the engine has no workers, or the workspace cannot be written to.
    """
    with ThreadPoolExecutor(1, "cut") as pool:
        run = _Run(schedule, cut, watch, pool)
        try:
            return run.run(engine)
        except BaseException:
            run.stop()
            raise


class _Run:
    """Keeps account of shots and films."""

    def __init__(
        self,
        schedule: Schedule,
        cut: Cutter,
        watch: Callable[[Happening], None],
        pool: ThreadPoolExecutor,
    ) -> None:
        self._schedule, self._cut, self._pool = schedule, cut, pool
        self._watch_all = watch
        self._voice = threading.Lock()
        self._stopping = threading.Event()
        self._wanted: dict[int, set[str]] = {}
        self._films_of: dict[str, list[int]] = {}
        for number, plan in enumerate(schedule.films):
            if not plan.is_made:
                self._wanted[number] = set(plan.keys) & schedule.jobs.keys()
                for key in self._wanted[number]:
                    self._films_of.setdefault(key, []).append(number)
        self._queue = deque(schedule.jobs.values())
        self._open = set(schedule.jobs)  # shots that have not ended yet
        self._waiting: dict[str, list[Job]] = {}  # by the shot whose end they wait for
        self._out: set[str] = set()  # shots that the engine has
        self._held: dict[str, Reservation] = {}
        self._lost: dict[str, ShotEnd] = {}
        self._cuts: dict[int, Future[FilmEnd]] = {}

    def run(self, engine: Engine) -> Report:
        """Take and cut everything."""
        for number, keys in self._wanted.items():
            if not keys:
                self._cuts[number] = self._pool.submit(self._make, number)
        try:
            # Closed at once where an exception leaves it, so that workers leave checkpoints.
            with closing(engine.run(self._jobs(), self._watch)) as outcomes:
                for outcome in outcomes:
                    self._settle(self._end_of(outcome))
        finally:
            for reservation in self._held.values():
                reservation.end()
        return self._report()

    def stop(self) -> None:
        """Let the film at work be left, and begin no other."""
        self._stopping.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _jobs(self) -> Iterator[Job | None]:
        """Each missing shot when its turn comes; those that another batch is at come last.

        None where nothing can be begun until the engine has ended something.
        """
        passed_over = 0
        while self._queue or self._waiting:
            are_all_others = passed_over >= len(self._queue)
            if are_all_others and self._waiting.keys() & self._out:
                passed_over = 0
                yield None
                continue
            job = self._queue.popleft()
            if job.take.shot.is_finished:
                self._settle(self._end(job.key))
            elif (before := job.after) in self._lost:
                lost = f"it goes on from '{self._schedule.titles[before]}', which failed"
                self._settle(self._end(job.key, lost))
            elif before in self._open:
                self._waiting.setdefault(before, []).append(job)
            elif not self._reserve(job.key) and not are_all_others:
                self._queue.append(job)
                passed_over += 1
            else:
                passed_over = 0
                if ready := self._develop(job):
                    yield ready

    def _reserve(self, key: str) -> bool:
        """Tell other batches that the shot is about to be taken, unless one has said so before."""
        reservation = reserve(self._schedule.workspace, key)
        if reservation:
            self._held[key] = reservation
        return reservation is not None

    def _develop(self, job: Job) -> Job | None:
        """The job with its pictures in memory, if they can be read."""
        try:
            ready = replace(job, take=self._schedule.darkroom.develop(job.take))
        except MedleyError as error:
            self._let_go(job.key)
            self._settle(self._end(job.key, str(error)))
            return None
        self._out.add(job.key)
        return ready

    def _end(self, key: str, error: str | None = None) -> ShotEnd:
        """The end of a shot for which the engine was not asked."""
        return ShotEnd(key, self._schedule.titles[key], error)

    def _end_of(self, outcome: Outcome) -> ShotEnd:
        self._let_go(outcome.key)
        return ShotEnd(
            outcome.key,
            self._schedule.titles[outcome.key],
            str(outcome.error) if outcome.error else None,
            outcome.attempts,
            outcome.seconds,
            outcome.worker,
        )

    def _let_go(self, key: str) -> None:
        self._out.discard(key)
        if reservation := self._held.pop(key, None):
            reservation.end()

    def _settle(self, end: ShotEnd) -> None:
        """Note a shot's end: those that wait for it come next, and films that have all are cut."""
        self._watch(end)
        self._open.discard(end.key)
        self._queue.extendleft(reversed(self._waiting.pop(end.key, [])))
        if end.error:
            self._lost[end.key] = end
        for number in self._films_of[end.key]:
            self._wanted[number].discard(end.key)
            if not self._wanted[number] and not self._lost_of(number):
                self._cuts[number] = self._pool.submit(self._make, number)

    def _lost_of(self, number: int) -> list[ShotEnd]:
        keys = dict.fromkeys(self._schedule.films[number].keys)
        return [self._lost[key] for key in keys if key in self._lost]

    def _make(self, number: int) -> FilmEnd:
        """Cut a film, on the pool's thread."""
        plan = self._schedule.films[number]
        path, began, error = plan.film.path, time.monotonic(), None
        try:
            self._cut(plan, partial(self._on_frame, path))
        except _StoppedError:
            error = "interrupted"
        except (MedleyError, OSError) as failure:
            error = str(failure)
        end = FilmEnd(str(path), error, time.monotonic() - began, len(plan.takes))
        self._watch(end)
        return end

    def _on_frame(self, path: Path, frame: int, frames: int) -> None:
        if self._stopping.is_set():
            raise _StoppedError
        self._watch(Cutting(str(path), frame, frames))

    def _watch(self, happening: Happening) -> None:
        with self._voice:
            self._watch_all(happening)

    def _report(self) -> Report:
        ends: dict[Path, FilmEnd] = {}
        for film, error in self._schedule.failed:
            ends[film.path] = end = FilmEnd(str(film.path), str(error))
            self._watch(end)
        for number, plan in enumerate(self._schedule.films):
            shots = len(plan.takes)
            if lost := self._lost_of(number):
                reason = f"{len(lost)} of {shots} shots failed: {lost[0].error}"
                end = FilmEnd(str(plan.film.path), reason, 0.0, shots, tuple(o.key for o in lost))
                self._watch(end)
            elif plan.is_made:
                end = FilmEnd(str(plan.film.path), None, 0.0, shots)
            else:
                end = self._cuts[number].result()
            ends[plan.film.path] = end
        order = [film.path for film in self._schedule.order]
        return Report(tuple(ends[path] for path in order), tuple(self._lost.values()))
