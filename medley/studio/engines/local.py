"""Several shots at once on one machine: a process for each worker takes them from one list.

Each has one connection to this process, whose end is its sign to stop: none outlives this process,
however that ends. What a process does is told in `engines.servant`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from medley.errors import LostError, RoomError
from medley.studio.engines.jobs import Event, Job, Outcome, Place, is_passing
from medley.studio.engines.servant import Bug, Ended, Ready, serve
from medley.studio.shooting.device import AnyDevice
from medley.workspace import Workspace

_STILLBORN = 5  # processes in a row that end before they are ready, until one gives up


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
    """A process, its place, and the job that it has, or will have once it is ready."""

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
        process: BaseProcess = context.Process(target=serve, args=(theirs, place, share))
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
        """Hear one message, and tell what has ended with it, if anything has."""
        member = self._members[line]
        try:
            message = line.recv()
        except (EOFError, OSError):
            return self._lose(line, member)
        if isinstance(message, Event):
            self._watch(message)
        elif isinstance(message, Bug):
            member.bug = message.words
        elif isinstance(message, Ready):
            member.is_ready = True
            self._stillborn = 0
            if member.attempt:
                self._hand_over(line, member.attempt)
        elif isinstance(message, Ended):
            return self._end_attempt(member, message.error)
        return None

    def _lose(self, line: Connection, member: _Member) -> Outcome | None:
        """A process is gone: its place is vacant, and its job waits for another."""
        line.close()
        del self._members[line]
        member.process.join()
        self._vacant.append(member.place)
        error = _what_became_of(member)
        if member.is_ready:
            return self._end_attempt(member, error)
        self._stillborn += 1
        if self._stillborn >= _STILLBORN or isinstance(error, RuntimeError):
            raise error
        if member.attempt:
            self._waiting.appendleft(member.attempt)
        return None

    def _end_attempt(self, member: _Member, error: Exception | None) -> Outcome | None:
        """Decide whether the member's job is over, or is tried again."""
        attempt, member.attempt = member.attempt, None
        if not attempt:
            return None
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
    """Say why a process ended, by its exit code, and which job it was at."""
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


def _own_threads() -> int | None:
    """As many threads as this process may have set for itself; torch is not imported for that."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else None
