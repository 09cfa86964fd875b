"""The runner: has a plan's missing shots taken by an engine, and cuts each film once it can.

A failed shot affects only the films that need it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from medley.errors import MedleyError, ShotError
from medley.events import Event, Listener
from medley.studio.cut import MadeFilm, cut
from medley.studio.engines.choice import engine_for
from medley.studio.engines.jobs import Engine, Job
from medley.studio.film_spec import FilmSpec
from medley.studio.forecast import Prepared
from medley.studio.plan import Plan
from medley.studio.reopening import reopened
from medley.workspace.locks import Reservation, reserve
from medley.workspace.runs import NotedFilm, NotedRun, RunNote

_POLL_S = 0.5  # between two looks at the cutting thread, so that Ctrl-C is answered

Cutter = Callable[[FilmSpec, Listener], MadeFilm | None]
"""Function that cuts a film whose shots are finished, and sends events to a listener."""


@dataclass(frozen=True)
class Report:
    """The outcome of a run.

    Attributes:
        films: "filmend" event of every film, in the orders' order.
        lost: "shotend" events of the shots that failed.
        made: films that were cut in this run.
    """

    films: tuple[Event, ...]
    lost: tuple[Event, ...]
    made: tuple[MadeFilm, ...]

    @property
    def failures(self) -> list[Event]:
        """The "filmend" events of films that could not be made."""
        return [film for film in self.films if film.error]


def run_one(ready: Prepared, listener: Listener) -> MadeFilm:
    """Make the one film that was prepared, on as many of its devices as there are shots.

    Args:
        ready: what `prepare` gave for one order.
        listener: takes the events of shots and film.

    Raises:
        MedleyError: a shot cannot be taken, or the film cannot be cut.
    """
    plan = ready.plan
    (made,) = run(plan, engine_for(ready.devices, plan.workspace, len(plan.jobs)), listener).made
    return made


class _StoppedError(MedleyError):
    """The run was interrupted while a film was being cut."""


def run(
    plan: Plan,
    engine: Engine,
    listener: Listener,
    cutter: Cutter | None = None,
) -> Report:
    """Take all missing shots and make all films.

    The first failure ends the run, and shots at work leave checkpoints; but if the plan is
    unattended, everything is made that does not need what failed. Films are cut on a thread of
    their own, so that no worker waits for them.

    Args:
        plan: plan with the missing shots and the films.
        engine: engine that takes the shots.
        listener: takes every event, never on two threads at once.
        cutter: function that cuts a film; `cut` if None.

    Raises:
        MedleyError: the engine has no workers, the workspace cannot be written to, or something
            failed and the run is not unattended.
    """
    cutter = cutter or partial(cut, pictures=plan.pictures, keeps_made=plan.unattended)
    note, is_done = RunNote(plan.workspace.root, _noted(plan)), False
    note.begin()
    try:
        with ThreadPoolExecutor(1, "cut") as pool:
            runner = _Runner(plan, listener, cutter, pool, note)
            try:
                report = runner.run(engine)
            except BaseException:
                runner.stop()
                raise
        is_done = not report.failures
        return report
    finally:
        note.end(is_done)


def _noted(plan: Plan) -> NotedRun:
    """What others may know of a plan."""
    failed = [(plan.orders[at].film_path, error) for at, error in plan.failed.items()]
    films = [
        NotedFilm(_noted_path(film.path), tuple(film.keys), "made" if film.is_made else "waiting")
        for film in plan.films
    ]
    films += [NotedFilm(_noted_path(path), (), "failed", str(error)) for path, error in failed]
    steps = {key: job.spec.settings.steps for key, job in plan.jobs.items()}
    return NotedRun(tuple(films), plan.labels, steps)


def _noted_path(film: Path) -> str:
    return str(film.absolute())


class _Runner:
    """Keeps track of which shots are unfinished, and which films wait for them."""

    def __init__(
        self,
        plan: Plan,
        listener: Listener,
        cutter: Cutter,
        pool: ThreadPoolExecutor,
        note: RunNote,
    ) -> None:
        self._plan, self._cut, self._pool, self._note = plan, cutter, pool, note
        self._listener = listener
        self._listener_lock = threading.Lock()
        self._stopping = threading.Event()
        self._wanted: dict[int, set[str]] = {}
        self._films_of: dict[str, list[int]] = {}
        for number, film in enumerate(plan.films):
            if not film.is_made:
                self._wanted[number] = set(film.keys) & plan.jobs.keys()
                for key in self._wanted[number]:
                    self._films_of.setdefault(key, []).append(number)
        self._queue = deque(plan.jobs.values())
        self._unfinished = set(plan.jobs)  # keys of shots that have not ended yet
        self._waiting: dict[str, list[Job]] = {}  # by the key of the shot that they go on from
        self._submitted: set[str] = set()  # keys of shots that the engine has
        self._reservations: dict[str, Reservation] = {}
        self._lost: dict[str, Event] = {}
        self._cuts: dict[int, Future[Event]] = {}
        self._made: dict[int, MadeFilm] = {}

    def run(self, engine: Engine) -> Report:
        """Take and cut everything."""
        for key in self._plan.labels.keys() - self._plan.jobs.keys():
            # A run may have been killed just before it removed a finished shot's checkpoint.
            self._plan.workspace.shot(key).drop_state()
        for number, keys in self._wanted.items():
            if not keys:
                self._cuts[number] = self._pool.submit(self._cut_film, number)
        try:
            if self._plan.jobs:
                # An exception closes the generator at once, so that workers leave checkpoints.
                with closing(engine.run(self._jobs())) as events:
                    for event in events:
                        self._on_engine_event(event)
        finally:
            for reservation in self._reservations.values():
                reservation.end()
        return self._report()

    def stop(self) -> None:
        """Abandon the film that is being cut, and begin no other."""
        self._stopping.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _jobs(self) -> Iterator[Job | None]:
        """Yield each missing shot in turn; those that another run is taking come last.

        None is yielded if no shot can begin before one that the engine has ends.
        """
        passed_over = 0
        while self._queue or self._waiting:
            are_all_others = passed_over >= len(self._queue)
            if are_all_others and self._waiting.keys() & self._submitted:
                passed_over = 0
                yield None
                continue
            job = self._queue.popleft()
            before = job.spec.after
            if self._plan.workspace.shot(job.key).is_finished:
                self._on_shot_end(self._shot_end(job))
            elif before in self._lost:
                lost = f"it goes on from '{self._plan.labels[before]}', which failed"
                self._on_shot_end(self._shot_end(job, MedleyError(lost)))
            elif before in self._unfinished:
                self._waiting.setdefault(before, []).append(job)
            elif not self._reserve(job.key) and not are_all_others:
                self._queue.append(job)
                passed_over += 1
            else:
                passed_over = 0
                if ready := self._load(job):
                    yield ready

    def _reserve(self, key: str) -> bool:
        """Reserve a shot against other runs; False if another run has reserved it."""
        reservation = reserve(self._plan.workspace.folder, key)
        if reservation:
            self._reservations[key] = reservation
        return reservation is not None

    def _load(self, job: Job) -> Job | None:
        """Read a job's pictures into memory; None if that fails, which ends the shot."""
        try:
            ready = replace(job, spec=job.spec.loaded(self._plan.pictures.pixels))
        except MedleyError as error:
            if isinstance(error, ShotError) and job.spec.after:
                error = reopened(error, self._plan.workspace, [job.spec.after])
            self._release(job.key)
            self._on_shot_end(self._shot_end(job, job.spec.about(error)))
            return None
        self._submitted.add(job.key)
        return ready

    def _shot_end(self, job: Job, error: Exception | None = None) -> Event:
        """The "shotend" event of a shot that the engine was not given."""
        return Event("shotend", job.key, job.label, error=error)

    def _on_engine_event(self, event: Event) -> None:
        """Pass on an event of the engine, with the label that the shot has in this run."""
        event = replace(event, title=self._plan.labels[event.key])
        if event.kind == "shotend":
            self._release(event.key)
            self._on_shot_end(event)
        else:
            self._notify(event)

    def _release(self, key: str) -> None:
        self._submitted.discard(key)
        if reservation := self._reservations.pop(key, None):
            reservation.end()

    def _on_shot_end(self, end: Event) -> None:
        """Handle a shot's end: queue shots that go on from it, and cut films that are complete."""
        self._notify(end)
        if end.error and not self._plan.unattended:
            raise end.error
        self._unfinished.discard(end.key)
        self._queue.extendleft(reversed(self._waiting.pop(end.key, [])))
        if end.error:
            self._lost[end.key] = end
        for number in self._films_of[end.key]:
            self._wanted[number].discard(end.key)
            if not self._wanted[number] and not self._lost_of(number):
                self._cuts[number] = self._pool.submit(self._cut_film, number)

    def _lost_of(self, number: int) -> list[Event]:
        keys = dict.fromkeys(self._plan.films[number].keys)
        return [self._lost[key] for key in keys if key in self._lost]

    def _cut_film(self, number: int) -> Event:
        """Cut a film, on the thread pool, and return its "filmend" event."""
        film = self._plan.films[number]
        path, began, error = str(film.path), time.monotonic(), None
        self._note.tell(_noted_path(film.path), "cutting")
        try:
            if made := self._cut(film, self._on_cut_event):
                self._made[number] = made
        except (MedleyError, OSError) as failure:
            error = MedleyError("interrupted") if self._stopping.is_set() else failure
        seconds, shots = time.monotonic() - began, len(film.shots)
        end = Event("filmend", path, steps=shots, seconds=seconds, error=error)
        if not self._stopping.is_set():
            why = "" if error is None else str(error)
            self._note.tell(_noted_path(film.path), "failed" if error else "made", why)
        self._notify(end)
        return end

    def _on_cut_event(self, event: Event) -> None:
        if self._stopping.is_set():
            raise _StoppedError
        self._notify(event)

    def _notify(self, event: Event) -> None:
        with self._listener_lock:
            self._listener(event)

    def _report(self) -> Report:
        ends: dict[Path, Event] = {}
        for number, error in self._plan.failed.items():
            path = self._plan.orders[number].film_path
            ends[path] = end = Event("filmend", str(path), error=error)
            self._notify(end)
        for number, film in enumerate(self._plan.films):
            ends[film.path] = self._end_of_film(number, film)
        order = [order.film_path for order in self._plan.orders]
        made = tuple(self._made[number] for number in sorted(self._made))
        return Report(tuple(ends[path] for path in order), tuple(self._lost.values()), made)

    def _end_of_film(self, number: int, film: FilmSpec) -> Event:
        path, shots = str(film.path), len(film.shots)
        if lost := self._lost_of(number):
            first = lost[0].error
            why = first.args if isinstance(first, MedleyError) else (first,)
            error = MedleyError(f"{len(lost)} of {shots} shots failed: ", *why)
            keys = tuple(shot.key for shot in lost)
            end = Event("filmend", path, steps=shots, error=error, lost=keys)
            self._note.tell(_noted_path(film.path), "failed", str(error))
            self._notify(end)
            return end
        if film.is_made:
            return Event("filmend", path, steps=shots)
        future = self._cuts[number]
        while not future.done():  # a wait without a timeout would not be interrupted by Ctrl-C
            wait([future], _POLL_S)
        end = future.result()
        if end.error and not self._plan.unattended:
            raise end.error
        return end
