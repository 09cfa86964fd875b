"""Several shots at once on one machine: a process for each worker takes them from one list.

Each process has one connection to this one and nothing else in common with it. What comes through:
the next job in; ready for the next, an event, or how the last job ended, out. A connection that
ends is the sign to stop, so that none outlives this process, however that ends.
"""

from __future__ import annotations

import _thread
import contextlib
import multiprocessing
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, NamedTuple

from medley.allocation import give_back_large_blocks
from medley.errors import LostError, MedleyError, RoomError
from medley.studio.engines.jobs import Event, Job, Outcome, Place, is_passing
from medley.studio.shooting.device import AnyDevice
from medley.workspace import Workspace

if TYPE_CHECKING:  # torch comes with it
    from medley.studio.engines.worker import Worker

_STILLBORN = 5  # processes in a row that end before they are ready, until one gives up


class _Ready(NamedTuple):
    """A process waits for a job; it has ended the one before, if there was one."""

    error: MedleyError | None = None


class _Bug(NamedTuple):
    """A process ends because of an error in the program, and prints its traceback."""

    words: str


@dataclass
class _Attempt:
    """A job that is being tried, waits for another try, or has not been tried yet."""

    job: Job
    number: int = 1
    spent: float = 0.0
    began: float = 0.0

    def stop(self) -> None:
        self.spent += time.monotonic() - self.began


@dataclass
class _Member:
    """A process, its place, and the job that it has or will have as soon as it is ready."""

    place: Place
    process: BaseProcess
    attempt: _Attempt | None
    is_ready: bool = False
    bug: str = ""


class LocalEngine:
    """Takes shots in processes of this machine, one for each device that is named."""

    def __init__(
        self,
        devices: Sequence[AnyDevice],
        workspace: Workspace,
        retries: int = 0,
        shrink: bool = False,
    ) -> None:
        """Start nothing yet.

        Args:
            devices: one for each process; a device may be named several times.
            workspace: where the shots go.
            retries: how often a shot is tried again whose process died or lacked memory.
            shrink: whether one that lacked memory is then computed in smaller tiles.
        """
        self.devices = devices
        self.workspace = workspace
        self.retries = retries
        self.shrink = shrink

    def run(
        self, jobs: Iterable[Job | None], watch: Callable[[Event], None]
    ) -> Generator[Outcome, None, None]:
        """Take every job's shot, as `Engine` says; the first processes start with the first jobs.

        Raises:
            LostError: processes end before they have begun anything, again and again.
        """
        shift = _Shift(self, jobs, watch)
        try:
            yield from shift.outcomes()
        finally:
            shift.end()

    def places(self) -> list[Place]:
        """Where each process works; their names tell them apart."""
        names = [
            f"{device}.{self.devices[:at].count(device) + 1}"
            for at, device in enumerate(self.devices)
        ]
        return [
            Place(name, str(device), self.workspace.root, self.devices.count(device))
            for name, device in zip(names, self.devices, strict=True)
        ]


class _Shift:
    """One run: hires processes, hands out jobs, passes on what is heard."""

    def __init__(
        self, engine: LocalEngine, jobs: Iterable[Job | None], watch: Callable[[Event], None]
    ) -> None:
        self._engine = engine
        self._jobs = iter(jobs)
        self._watch = watch
        self._waiting: deque[_Attempt] = deque()
        self._vacant = engine.places()
        self._threads = _own_threads()
        self._members: dict[Connection, _Member] = {}
        self._stillborn = 0

    def outcomes(self) -> Iterator[Outcome]:
        """Listen until every job has ended."""
        self._occupy()
        while any(member.attempt for member in self._members.values()):
            heard = wait(list(self._members))
            for line in [line for line in self._members if line in heard]:
                if outcome := self._hear(line):
                    # Nobody should stand idle while the caller looks at the outcome.
                    self._occupy()
                    yield outcome
            self._occupy()

    def end(self) -> None:
        """Let every process go home: one that is at a shot leaves a checkpoint first."""
        for line in self._members:
            line.close()
        for member in self._members.values():
            member.process.join()

    def _occupy(self) -> None:
        """Give everyone who is free the next job, hire where there is a place, and look ahead."""
        for line, member in list(self._members.items()):
            if not member.attempt and (attempt := self._take_next()):
                member.attempt = attempt
                if member.is_ready:
                    self._hand_over(line, attempt)
        while self._vacant and (attempt := self._take_next()):
            self._hire(self._vacant.pop(0), attempt)
        if not self._waiting and (attempt := self._take_next()):
            self._waiting.append(attempt)  # made while the others work

    def _take_next(self) -> _Attempt | None:
        if self._waiting:
            return self._waiting.popleft()
        job = next(self._jobs, None)
        return _Attempt(job) if job else None

    def _hire(self, place: Place, attempt: _Attempt) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        share = self._threads, len(self._engine.devices)
        process: BaseProcess = context.Process(target=_serve, args=(theirs, place, share))
        with _deaf_to_interrupts():
            process.start()
        # From here on `end` knows of it.
        self._members[ours] = _Member(place, process, attempt)
        theirs.close()

    @staticmethod
    def _hand_over(line: Connection, attempt: _Attempt) -> None:
        attempt.began = time.monotonic()
        with contextlib.suppress(OSError):  # it has just died, and the line will tell
            line.send(attempt.job)

    def _hear(self, line: Connection) -> Outcome | None:
        member = self._members[line]
        try:
            message = line.recv()
        except (EOFError, OSError):
            return self._lose(line, member)
        if isinstance(message, Event):
            self._watch(message)
        elif isinstance(message, _Bug):
            member.bug = message.words
        elif not member.is_ready:
            member.is_ready = True
            self._stillborn = 0
            if member.attempt:
                self._hand_over(line, member.attempt)
        elif member.attempt:
            return self._end_attempt(member, member.attempt, message.error)
        return None

    def _lose(self, line: Connection, member: _Member) -> Outcome | None:
        """A process is gone: its place is vacant, and its job waits for another."""
        line.close()
        del self._members[line]
        member.process.join()
        self._vacant.append(member.place)
        error = _what_became_of(member)
        if member.is_ready:
            return self._end_attempt(member, member.attempt, error) if member.attempt else None
        self._stillborn += 1
        if self._stillborn >= _STILLBORN or isinstance(error, RuntimeError):
            raise error
        if member.attempt:
            self._waiting.appendleft(member.attempt)
        return None

    def _end_attempt(
        self, member: _Member, attempt: _Attempt, error: Exception | None
    ) -> Outcome | None:
        """Decide whether the member's job is over, or is tried again."""
        member.attempt = None
        attempt.stop()
        job, place = attempt.job, member.place
        if not error or attempt.number > self._engine.retries or not is_passing(error):
            return Outcome(job.key, error, attempt.number, attempt.spent, place.name)
        self._watch(Event(job.key, place.name, place.device, "retry", text=str(error)))
        if self._engine.shrink and isinstance(error, RoomError):
            job = replace(job, shrinks=job.shrinks + 1)
        self._waiting.appendleft(_Attempt(job, attempt.number + 1, attempt.spent))
        return None


def _what_became_of(member: _Member) -> Exception:
    """Say why a process ended, by its exit code."""
    device, code = member.place.device, member.process.exitcode or 0
    path = f"'{member.attempt.job.take.painting.path}': " if member.attempt else ""
    if code > 0:
        return RuntimeError(f"{path}the process on {device} ended with {code}; {member.bug}")
    if code == -signal.SIGKILL:
        return RoomError(
            f"{path}the system ended the process on {device} (signal {-code}), perhaps for"
            " want of memory; name fewer devices, or pass a smaller --size or --tile"
        )
    how = f"by signal {-code}" if code else "as it was told to"
    return LostError(f"{path}the process on {device} ended {how}; the same command goes on")


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let a process that is started in the block ignore Ctrl-C, which its terminal sends to all.

    It is told to stop in another way, once: a second interrupt would end its last checkpoint.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # here it cannot be set
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(line: Connection, place: Place, share: tuple[int | None, int]) -> None:
    """Take what comes through the connection until it ends: a process's whole life.

    Args:
        line: the connection.
        place: where the process works.
        share: threads of all processes together, or None for torch's own; and how many they are.
    """
    give_back_large_blocks()
    import torch

    from medley.studio.engines.worker import Worker

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    threads, processes = share
    torch.set_num_threads(max(1, (threads or torch.get_num_threads()) // processes))
    jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(line, jobs), daemon=True).start()
    say = partial(_say, line)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            worker = Worker(place)
            say(_Ready())
            while job := jobs.get():
                say(_Ready(_attempt(worker, job, say)))
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # there is nothing left to stop
            if (bug := sys.exception()) and not isinstance(bug, KeyboardInterrupt):
                say(_Bug(f"{type(bug).__name__}: {bug}"))


def _own_threads() -> int | None:
    """As many threads as this process may have set for itself; torch is not imported for that."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else None


def _attempt(worker: Worker, job: Job, say: Callable[[object], None]) -> MedleyError | None:
    try:
        worker.take(job, say)
    except MedleyError as error:
        return error
    return None


def _say(line: Connection, message: object) -> None:
    # Where nobody listens any more, the interrupt is on its way; an error would come in its way.
    with contextlib.suppress(OSError):
        line.send(message)


def _listen(line: Connection, jobs: queue.SimpleQueue[Job | None]) -> None:
    """Pass on what comes; interrupt the main thread when the connection ends."""
    try:
        while True:
            jobs.put(line.recv())
    except (EOFError, OSError):
        _thread.interrupt_main(signal.SIGTERM)
    jobs.put(None)


def _stop(*_: Any) -> None:
    """Interrupt what is being done, once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
