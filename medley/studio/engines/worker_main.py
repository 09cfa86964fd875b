"""The main function of a process that `ProcessEngine` starts: it takes shots until it is stopped.

A connection is all that it shares with the process that started it. It receives jobs, and sends
`Ready`, events, `Ended` for each job, and `Bug`. It stops when the connection is closed.
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

from medley.allocation import collect_seldom, fix_cublas_workspaces, give_back_large_blocks
from medley.errors import MedleyError
from medley.studio.engines.jobs import Job, WorkerInfo


class Ready(NamedTuple):
    """The process waits for its first job."""


class Ended(NamedTuple):
    """A job has ended, with or without an error."""

    key: str
    error: MedleyError | None


class Bug(NamedTuple):
    """The process ends because of an error in the program, and prints its traceback."""

    words: str


def worker_main(connection: Connection, info: WorkerInfo, share: tuple[int | None, int]) -> None:
    """Take the shots of the jobs that are received, until the connection is closed.

    Args:
        connection: connection to the process that started this one.
        info: name and device of this worker, and its workspace.
        share: threads of all processes together (None: torch's default), and number of processes.
    """
    give_back_large_blocks()
    collect_seldom()
    fix_cublas_workspaces()
    # Imported here: torch must find the allocator already set, and the parent does without torch.
    from medley.studio.engines.worker import Worker, share_threads

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    share_threads(*share)
    jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
    send = partial(_send, connection)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            signal.signal(signal.SIGTERM, _stop)
            threading.Thread(target=_receive_jobs, args=(connection, jobs), daemon=True).start()
            worker = Worker(info)
            send(Ready())
            while job := jobs.get():
                send(Ended(job.key, _take(worker, job, send)))
        except Exception as bug:
            send(Bug(f"{type(bug).__name__}: {bug}"))
            raise
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # checkpoints are written; let it end


def _take(worker: Any, job: Job, send: Callable[[object], None]) -> MedleyError | None:
    """Take a job's shot and send its events; return the error that it ended with."""
    try:
        with contextlib.closing(worker.take(job)) as events:
            for event in events:
                send(event)
    except MedleyError as error:
        return error
    return None


def _send(connection: Connection, message: object) -> None:
    # If the other end is closed, `_receive_jobs` is about to interrupt this thread anyway.
    with contextlib.suppress(OSError):
        connection.send(message)


def _receive_jobs(connection: Connection, jobs: queue.SimpleQueue[Job | None]) -> None:
    """Queue the jobs that arrive; interrupt the main thread when the connection is closed."""
    try:
        while True:
            jobs.put(connection.recv())
    except (EOFError, OSError):
        _thread.interrupt_main(signal.SIGTERM)
    jobs.put(None)


def _stop(*_: Any) -> None:
    """Interrupt the shot at work, once; further signals must not cut off its checkpoint."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
