"""Several shots at once on one machine: one process for each worker, all fed from one queue.

Each process has one connection to this one and stops when it is closed, so that none outlives this
process, however that ends. `engines.worker_main` is what a process runs.
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

_FAILED_STARTS = 5  # processes that may end in a row before they are ready; then the run fails


@dataclass
class _Attempt:
    """A job's current or next attempt, and the seconds that earlier ones took."""

    job: Job
    number: int = 1
    spent: float = 0.0
    began: float = 0.0

    def stop(self) -> None:
        self.spent += time.monotonic() - self.began


@dataclass
class _Process:
    """A worker's process, and the job that it is at, or will get once it is ready."""

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
        """Keep the arguments; processes start with the first jobs.

        Args:
            devices: device of each process; a device may be named several times.
            workspace: workspace that keeps the shots.
            retries: most further attempts at a shot whose process died or ran out of memory.
            shrink: True to use smaller tiles after memory ran out.
        """
        self.devices = devices
        self.workspace = workspace
        self.retries = retries
        self.shrink = shrink

    def run(self, jobs: Iterable[Job | None]) -> Generator[Event, None, None]:
        """Take every job's shot, as `Engine` says; the first processes start with the first jobs.

        Raises:
            WorkerLostError: several processes in a row ended before they were ready.
        """
        pool = _Pool(self, jobs)
        try:
            yield from pool.events()
        finally:
            pool.end()

    def workers(self) -> list[WorkerInfo]:
        """The workers, named by device and number, such as "cpu.2"."""
        names = [
            f"{device}.{self.devices[:at].count(device) + 1}"
            for at, device in enumerate(self.devices)
        ]
        return [
            WorkerInfo(name, device, self.workspace.root, self.devices.count(device))
            for name, device in zip(names, self.devices, strict=True)
        ]


class _Pool:
    """One run: starts processes, sends them jobs, and passes on their events."""

    def __init__(self, engine: ProcessEngine, jobs: Iterable[Job | None]) -> None:
        self._engine = engine
        self._jobs = iter(jobs)
        self._waiting: deque[_Attempt] = deque()
        self._unstarted = engine.workers()
        self._threads = _torch_threads()
        self._processes: dict[Connection, _Process] = {}
        self._failed_starts = 0

    def events(self) -> Iterator[Event]:
        """Yield what processes send until every job has ended."""
        self._assign_jobs()
        while any(one.attempt for one in self._processes.values()):
            ready = wait(list(self._processes))
            for connection in [one for one in self._processes if one in ready]:
                for event in self._receive(connection):
                    if event.kind == "shotend":
                        # No process should be idle while the caller handles the event.
                        self._assign_jobs()
                    yield event
            self._assign_jobs()

    def end(self) -> None:
        """Close all connections and wait for the processes, which write checkpoints first."""
        for connection in self._processes:
            connection.close()
        for one in self._processes.values():
            one.process.join()

    def _assign_jobs(self) -> None:
        """Give every free process a job, start missing processes, and fetch one job in advance."""
        for connection, one in list(self._processes.items()):
            if not one.attempt and (attempt := self._take_next()):
                one.attempt = attempt
                if one.is_ready:
                    self._send_job(connection, one)
        while self._unstarted and (attempt := self._take_next()):
            self._start(self._unstarted.pop(0), attempt)
        if not self._waiting and (attempt := self._take_next()):
            self._waiting.append(attempt)  # its pictures are read while the processes work

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
        with _interrupts_ignored(), _signals_blocked():
            process.start()
        # Kept before anything else can fail, so that `end` waits for it.
        self._processes[ours] = _Process(info, process, attempt)
        theirs.close()

    @staticmethod
    def _send_job(connection: Connection, one: _Process) -> None:
        if one.attempt:
            one.attempt.began = time.monotonic()
            with contextlib.suppress(OSError):  # a process that has died is noticed in `_receive`
                connection.send(one.attempt.job)

    def _receive(self, connection: Connection) -> Iterator[Event]:
        """Receive one message of a process, and yield the events that it stands for."""
        one = self._processes[connection]
        try:
            message = connection.recv()
        except (EOFError, OSError):
            yield from self._remove(connection, one)
            return
        if isinstance(message, Event):
            yield message
        elif isinstance(message, Bug):
            one.bug = message.words
        elif isinstance(message, Ready):
            one.is_ready = True
            self._failed_starts = 0
            self._send_job(connection, one)
        elif isinstance(message, Ended):
            yield from self._end_attempt(one, message.error)

    def _remove(self, connection: Connection, one: _Process) -> Iterator[Event]:
        """Forget a process that has ended; its job waits for another one."""
        connection.close()
        del self._processes[connection]
        one.process.join()
        self._unstarted.append(one.info)
        if one.is_ready:
            if one.attempt:
                yield from self._end_attempt(one, _exit_error(one))
            return
        self._failed_starts += 1
        error = _exit_error(one)
        if self._failed_starts >= _FAILED_STARTS or not isinstance(error, MedleyError):
            raise error
        if one.attempt:
            self._waiting.appendleft(one.attempt)

    def _end_attempt(self, one: _Process, error: Exception | None) -> Iterator[Event]:
        """End the process's job, or queue it for another attempt."""
        attempt, one.attempt = one.attempt, None
        if attempt is None:
            return
        attempt.stop()
        job, info = attempt.job, one.info
        event = Event("shotend", job.key, job.label, info.name, info.device)
        if not error or attempt.number > self._engine.retries or not is_passing(error):
            yield replace(event, error=error, attempts=attempt.number, seconds=attempt.spent)
            return
        if self._engine.shrink and isinstance(error, ResourceError):
            job = replace(job, shrinks=job.shrinks + 1)
        self._waiting.appendleft(_Attempt(job, attempt.number + 1, attempt.spent))
        yield replace(event, kind="retry", error=error)


def _exit_error(one: _Process) -> Exception:
    """The error that says why a process ended, by its exit code, and at which job."""
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
def _interrupts_ignored() -> Iterator[None]:
    """Let a process that is started in the block ignore Ctrl-C, which a terminal sends to all.

    A closed connection stops it instead, exactly once: a second interrupt would cut off the
    checkpoint that the first one made it write.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signal handlers can only be set on the main thread
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Let a process that is started in the block never see SIGUSR1, which Slurm sends to all.

    This process sees it once the block ends: a scheduler does not send it twice.
    """
    if not hasattr(signal, "SIGUSR1"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _torch_threads() -> int | None:
    """The number of torch's threads, or None where this process has not imported torch."""
    torch = sys.modules.get("torch")
    return torch.get_num_threads() if torch else None
