"""Several shots at once on one machine: a process for each worker takes them from one list.

Each has one connection to this process, whose end is its sign to stop: none outlives this process,
however that ends. What a process does is told in `engines.worker_main`.
"""

import contextlib
import multiprocessing
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from medley.errors import MedleyError, ResourceError, Setting, WorkerLostError
from medley.events import Event
from medley.studio.engines.jobs import Job, WorkerInfo, is_passing
from medley.studio.engines.worker_main import Bug, Ended, Ready, worker_main
from medley.workspace.store import Workspace

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
class _Process:
    """A worker's process, and the job that it has, or will have once it is ready."""

    info: WorkerInfo
    process: BaseProcess
    attempt: _Attempt | None
    is_ready: bool = False
    bug: str = ""


class ProcessEngine:
    """Takes shots in processes of this machine, one for each device that is named."""

    def __init__(
        self,
        devices: Sequence[str],
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

    def run(self, jobs: Iterable[Job | None]) -> Generator[Event, None, None]:
        """Take every job's shot, as `Engine` says; the first processes start with the first jobs.

        Raises:
            WorkerLostError: processes end before they have begun anything, again and again.
        """
        pool = _Pool(self, jobs)
        try:
            yield from pool.events()
        finally:
            pool.end()

    def workers(self) -> list[WorkerInfo]:
        """Where each process works; their names tell them apart."""
        names = [
            f"{device}.{self.devices[:at].count(device) + 1}"
            for at, device in enumerate(self.devices)
        ]
        return [
            WorkerInfo(name, device, self.workspace.root, self.devices.count(device))
            for name, device in zip(names, self.devices, strict=True)
        ]


class _Pool:
    """One run: starts processes, hands out jobs, passes on what is heard."""

    def __init__(self, engine: ProcessEngine, jobs: Iterable[Job | None]) -> None:
        self._engine = engine
        self._jobs = iter(jobs)
        self._waiting: deque[_Attempt] = deque()
        self._vacant = engine.workers()
        self._threads = _own_threads()
        self._processes: dict[Connection, _Process] = {}
        self._stillborn = 0

    def events(self) -> Iterator[Event]:
        """Listen until every job has ended."""
        self._occupy()
        while any(one.attempt for one in self._processes.values()):
            heard = wait(list(self._processes))
            for line in [line for line in self._processes if line in heard]:
                for event in self._hear(line):
                    if event.kind == "shotend":
                        # Nobody should stand idle while the caller looks at how it ended.
                        self._occupy()
                    yield event
            self._occupy()

    def end(self) -> None:
        """Let every process end: one that is at a shot leaves a checkpoint first."""
        for line in self._processes:
            line.close()
        for one in self._processes.values():
            one.process.join()

    def _occupy(self) -> None:
        """Give every free process the next job, start those that are missing, and look ahead."""
        for line, one in list(self._processes.items()):
            if not one.attempt and (attempt := self._take_next()):
                one.attempt = attempt
                if one.is_ready:
                    self._hand_over(line, one)
        while self._vacant and (attempt := self._take_next()):
            self._start(self._vacant.pop(0), attempt)
        if not self._waiting and (attempt := self._take_next()):
            self._waiting.append(attempt)  # made while the others work

    def _take_next(self) -> _Attempt | None:
        if self._waiting:
            return self._waiting.popleft()
        job = next(self._jobs, None)
        return _Attempt(job) if job else None

    def _start(self, info: WorkerInfo, attempt: _Attempt) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        share = self._threads, len(self._engine.devices)
        process: BaseProcess = context.Process(target=worker_main, args=(theirs, info, share))
        with _deaf_to_interrupts():
            process.start()
        # From here on `end` knows of it.
        self._processes[ours] = _Process(info, process, attempt)
        theirs.close()

    @staticmethod
    def _hand_over(line: Connection, one: _Process) -> None:
        if one.attempt:
            one.attempt.began = time.monotonic()
            with contextlib.suppress(OSError):  # it has just died, and the line will tell
                line.send(one.attempt.job)

    def _hear(self, line: Connection) -> Iterator[Event]:
        """Hear one message, and tell what it means."""
        one = self._processes[line]
        try:
            message = line.recv()
        except (EOFError, OSError):
            yield from self._lose(line, one)
            return
        if isinstance(message, Event):
            yield message
        elif isinstance(message, Bug):
            one.bug = message.words
        elif isinstance(message, Ready):
            one.is_ready = True
            self._stillborn = 0
            self._hand_over(line, one)
        elif isinstance(message, Ended):
            yield from self._end_attempt(one, message.error)

    def _lose(self, line: Connection, one: _Process) -> Iterator[Event]:
        """A process is gone: its place is vacant, and its job waits for another."""
        line.close()
        del self._processes[line]
        one.process.join()
        self._vacant.append(one.info)
        if one.is_ready:
            if one.attempt:
                yield from self._end_attempt(one, _what_became_of(one))
            return
        self._stillborn += 1
        error = _what_became_of(one)
        if self._stillborn >= _STILLBORN or not isinstance(error, MedleyError):
            raise error
        if one.attempt:
            self._waiting.appendleft(one.attempt)

    def _end_attempt(self, one: _Process, error: Exception | None) -> Iterator[Event]:
        """Decide whether the process's job is over, or is tried again."""
        attempt, one.attempt = one.attempt, None
        if attempt is None:
            return
        attempt.stop()
        job, info = attempt.job, one.info
        event = Event("shotend", job.key, job.spec.title, info.name, info.device)
        if not error or attempt.number > self._engine.retries or not is_passing(error):
            yield replace(event, error=error, attempts=attempt.number, seconds=attempt.spent)
            return
        if self._engine.shrink and isinstance(error, ResourceError):
            job = replace(job, shrinks=job.shrinks + 1)
        self._waiting.appendleft(_Attempt(job, attempt.number + 1, attempt.spent))
        yield replace(event, kind="retry", error=error)


def _what_became_of(one: _Process) -> Exception:
    """Say why a process ended, by its exit code, and which job that is the end of."""
    device, code = one.info.device, one.process.exitcode or 0
    path = f"'{one.attempt.job.spec.painting_path}': " if one.attempt else ""
    if code > 0:
        return RuntimeError(f"{path}the process on {device} ended with {code}; {one.bug}")
    if code == -signal.SIGKILL:
        return ResourceError(
            f"{path}the system ended the process on {device} (signal {-code}), perhaps for"
            " want of memory; name fewer devices, or pass a smaller ",
            Setting("size"), " or ", Setting("tile"),
        )  # fmt: skip
    how = f"by signal {-code}" if code else "as it was told to"
    return WorkerLostError(f"{path}the process on {device} ended {how}; the same command goes on")


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
