"""A process that takes shots, from its first breath to its last, as `engines.local` hires them.

It has one connection to who hired it and nothing else in common with it. What comes through: the
next job in; ready for the first, an event, or how a job ended, out. A connection that ends is the
sign to stop.
"""

from __future__ import annotations

import _thread
import contextlib
import queue
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

from medley.allocation import give_back_large_blocks
from medley.errors import MedleyError
from medley.studio.engines.jobs import Job, Place

if TYPE_CHECKING:  # torch comes with it
    from medley.studio.engines.worker import Worker


class Ready(NamedTuple):
    """The process waits for its first job."""


class Ended(NamedTuple):
    """The job's end."""

    error: MedleyError | None


class Bug(NamedTuple):
    """The process ends because of an error in the program, and prints its traceback."""

    words: str


def serve(line: Connection, place: Place, share: tuple[int | None, int]) -> None:
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
            say(Ready())
            while job := jobs.get():
                say(Ended(_attempt(worker, job, say)))
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # there is nothing left to stop
            if (bug := sys.exception()) and not isinstance(bug, KeyboardInterrupt):
                say(Bug(f"{type(bug).__name__}: {bug}"))


def _attempt(worker: Worker, job: Job, say: Callable[[object], None]) -> MedleyError | None:
    """Take a job's shot, and give the error that it ends with as a value."""
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
