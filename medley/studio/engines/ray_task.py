"""One shot as a task of Ray's: what a worker of the cluster does, and where it tells of it."""

import contextlib
import os
import shutil
import socket
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import ray
import torch

import medley
from medley.errors import MedleyError, ResourceError, Setting, WorkerLostError
from medley.events import Event
from medley.files import sha256, write_bytes
from medley.studio.engines.archive import pack_shot
from medley.studio.engines.jobs import Job, WorkerInfo, is_passing
from medley.studio.engines.worker import Worker
from medley.workspace.store import Workspace


@dataclass(frozen=True)
class RunContext:
    """What all workers of a run are told.

    Attributes:
        root: the workspace, as this machine names it.
        probe: a file in it by which a worker sees whether it has the same folder.
        threads: how many each worker computes with.
        sharing: how many workers share a device's memory.
        retries: how often a shot is tried again.
        shrink: whether a shot that lacked memory is then computed in smaller tiles.
        version: the medley that this machine has.
    """

    root: Path
    probe: str
    threads: int
    sharing: int
    retries: int
    shrink: bool
    version: str


class TaskResult(NamedTuple):
    """How a task ended: an error that no other attempt would mend, and files if they are wanted."""

    worker: str
    error: MedleyError | None = None
    files: dict[str, bytes] | None = None


class EventQueue:
    """Where workers write what they do, and where it is counted; an actor on this machine."""

    def __init__(self) -> None:
        """Begin with nothing written."""
        self._events: list[Event] = []
        self._attempts: Counter[str] = Counter()
        self._short: Counter[str] = Counter()
        self._open: dict[str, Event] = {}

    def begin(self, event: Event) -> tuple[int, int]:
        """Write down that a worker begins with a shot.

        Returns:
            Which attempt this is, and how many before it ended for want of memory, perhaps.
        """
        if lost := self._open.get(event.key):
            self._short[event.key] += 1
            words = f"the process of {lost.worker} is gone, perhaps for want of memory"
            self._events.append(replace(lost, kind="retry", error=WorkerLostError(words)))
        self._open[event.key] = event
        self._events.append(event)
        self._attempts[event.key] += 1
        return self._attempts[event.key], self._short[event.key]

    def put(self, event: Event) -> None:
        """Write an event down."""
        self._events.append(event)

    def end(self, key: str, short: bool = False) -> None:
        """Write down that an attempt has ended, be it well, and whether memory was short."""
        self._open.pop(key, None)
        if short:
            self._short[key] += 1

    def drain(self) -> list[Event]:
        """Give what has been written since the last time."""
        events, self._events = self._events, []
        return events


def ray_task(job: Job, events: Any, context: RunContext, lent: list[Any]) -> TaskResult:
    """Take a shot on whichever machine this runs; an error that is raised makes Ray try again.

    Args:
        job: the shot, its pictures in memory.
        events: the handle of an `EventQueue`.
        context: what all workers are told.
        lent: a reference to the bytes of the shot's weights file, or None.
    """
    device = _own_device()
    name = f"{socket.gethostname()}.{os.getpid()}"
    steps = job.spec.settings.steps
    started = Event("started", job.key, job.spec.title, name, device, steps=steps)
    attempt, shrinks = ray.get(events.begin.remote(started))
    root = _root_here(context)
    if context.version != medley.__version__:
        words = f"'{name}' has medley {medley.__version__}, not {context.version}; install the same"
        return TaskResult(name, MedleyError(words))
    if attempt > context.retries + 1:  # Ray counts processes that it ended itself on its own
        return TaskResult(name, job.spec.about(_ended_too_often()))
    if context.shrink:
        job = replace(job, shrinks=shrinks)
    try:
        worker = _worker(WorkerInfo(name, device, root, context.sharing), context.threads)
        with contextlib.closing(worker.take(_with_weights(job, root, lent[0]))) as told:
            for event in told:
                if event.kind != "started":  # that the queue has
                    events.put.remote(event)
    except MedleyError as error:
        if is_passing(error) and attempt <= context.retries:
            events.put.remote(replace(started, kind="retry", error=error))
            ray.get(events.end.remote(job.key, isinstance(error, ResourceError)))
            raise
        ray.get(events.end.remote(job.key))
        return TaskResult(name, error)
    ray.get(events.end.remote(job.key))
    if root == context.root:
        return TaskResult(name)
    shot = Workspace(root).shot(job.key)
    files = pack_shot(shot)
    shutil.rmtree(shot.path, ignore_errors=True)
    return TaskResult(name, files=files)


def _ended_too_often() -> ResourceError:
    return ResourceError(
        "Ray ended its process for want of memory again and again; pass a smaller ",
        Setting("size"), ", or ", Setting("shrink", True),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _worker(info: WorkerInfo, threads: int) -> Worker:
    """This process's worker, with the networks that it has loaded for earlier shots."""
    torch.set_num_threads(threads)
    return Worker(info)


def _own_device() -> str:
    """The device that Ray gave this task."""
    numbers = ray.get_gpu_ids()
    if not numbers:
        return "cpu"
    # The process is to see all of them: CUDA looks once, and its next shot may get another.
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    return f"cuda:{numbers[0]}"


@lru_cache(maxsize=1)
def _root_here(context: RunContext) -> Path:
    """The workspace if this machine has the same folder, else a folder of this machine's own."""
    try:
        (context.root / context.probe).read_bytes()
    except OSError:
        return Path(tempfile.gettempdir(), f"medley-{sha256(str(context.root).encode())[:12]}")
    return context.root


def _with_weights(job: Job, root: Path, lent: Any) -> Job:
    """The job, with its file of weights where this machine has it."""
    named = job.spec.settings.weights
    if named is None or named.is_file():
        return job
    content: bytes = ray.get(lent)
    path = root / "weights" / f"{sha256(content)[:24]}.safetensors"
    if not path.is_file():
        write_bytes(path, content)
    settings = job.spec.settings.model_copy(update={"weights": path})
    return replace(job, spec=replace(job.spec, settings=settings))
