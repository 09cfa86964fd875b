"""A process that takes shots, from its start to its end, as `ProcessEngine` starts it.

It has one connection to the process that started it and nothing else in common with it. What comes
through: the next job in; ready for the first, an event, or how a job ended, out. A connection that
ends is the sign to stop.
"""

import _thread
import contextlib
import queue
import signal
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from medley.allocation import give_back_large_blocks
from medley.errors import MedleyError
from medley.studio.engines.jobs import Job, WorkerInfo


class Ready(NamedTuple):
    """The process waits for its first job."""


class Ended(NamedTuple):
    """A job's end."""

    key: str
    error: MedleyError | None


class Bug(NamedTuple):
    """The process ends because of an error in the program, and prints its traceback."""

    words: str


def worker_main(line: Connection, info: WorkerInfo, share: tuple[int | None, int]) -> None:
    """Take what comes through the connection until it ends: a process's whole life.

    Args:
        line: the connection.
        info: where the process works.
        share: threads of all processes together, or None for torch's own; and how many they are.
    """
    give_back_large_blocks()
    # Only now: torch is to find the allocator as it shall be, and the parent does without it.
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
            worker = Worker(info)
            say(Ready())
            while job := jobs.get():
                say(Ended(job.key, _take(worker, job, say)))
        except Exception as bug:
            say(Bug(f"{type(bug).__name__}: {bug}"))
            raise
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # there is nothing left to stop


def _take(worker: Any, job: Job, say: Callable[[object], None]) -> MedleyError | None:
    """Take a job's shot and pass on what is told; give the error that it ends with."""
    try:
        with contextlib.closing(worker.take(job)) as events:
            for event in events:
                say(event)
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
