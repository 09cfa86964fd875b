"""One shot as a Ray task: what a worker of the cluster runs, and the queue for its events."""

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
from medley.allocation import fix_cublas_workspaces
from medley.errors import MedleyError, ResourceError, Setting, WorkerLostError
from medley.events import Event
from medley.files import sha256, write_bytes
from medley.studio.engines.archive import pack_shot
from medley.studio.engines.jobs import Job, WorkerInfo, is_passing
from medley.studio.engines.worker import Worker
from medley.workspace.store import Workspace


@dataclass(frozen=True)
class RunContext:
    """Settings that all workers of a run have in common.

    Attributes:
        root: path of the workspace on the machine that started the run.
        probe: name of a file in the workspace; a worker that can read it shares the folder.
        threads: torch threads of each worker.
        sharing: number of workers that share a device's memory.
        retries: most further attempts at a shot.
        shrink: True to use smaller tiles after memory ran out.
        version: medley's version on the machine that started the run.
    """

    root: Path
    probe: str
    threads: int
    sharing: int
    retries: int
    shrink: bool
    version: str


class TaskResult(NamedTuple):
    """Result of a task: an error that no retry would mend, or a shot's files if not shared."""

    worker: str
    error: MedleyError | None = None
    files: dict[str, bytes] | None = None


class EventQueue:
    """Queue of the workers' events, which counts attempts; an actor on this machine."""

    def __init__(self) -> None:
        """Begin with no events."""
        self._events: list[Event] = []
        self._attempts: Counter[str] = Counter()
        self._short: Counter[str] = Counter()
        self._open: dict[str, Event] = {}

    def begin(self, event: Event) -> tuple[int, int]:
        """Record that a worker begins an attempt at a shot.

        Returns:
            Number of this attempt from 1, and number of earlier ones that probably ended for want
            of memory.
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
        """Add an event."""
        self._events.append(event)

    def end(self, key: str, short: bool = False) -> None:
        """Record that an attempt has ended, well or not, and whether memory ran out."""
        self._open.pop(key, None)
        if short:
            self._short[key] += 1

    def drain(self) -> list[Event]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events


def ray_task(job: Job, events: Any, context: RunContext, weights: list[Any]) -> TaskResult:
    """Take a shot on whichever machine this runs; an error that is raised makes Ray retry.

    Args:
        job: shot with its pictures in memory.
        events: handle of an `EventQueue`.
        context: settings that all workers have in common.
        weights: one reference to the bytes of the shot's weights file, or None; in a list, so that
            Ray does not fetch it unasked.
    """
    device = _own_device()
    name = f"{socket.gethostname()}.{os.getpid()}"
    steps = job.spec.settings.steps
    started = Event("started", job.key, job.label, name, device, steps=steps)
    attempt, shrinks = ray.get(events.begin.remote(started))
    root = _root_here(context)
    if context.version != medley.__version__:
        words = f"'{name}' has medley {medley.__version__}, not {context.version}; install the same"
        return TaskResult(name, MedleyError(words))
    if attempt > context.retries + 1:  # Ray does not count attempts that it ended for memory
        return TaskResult(name, job.spec.about(_ended_too_often()))
    if context.shrink:
        job = replace(job, shrinks=shrinks)
    try:
        worker = _worker(WorkerInfo(name, device, root, context.sharing), context.threads)
        with contextlib.closing(worker.take(_with_weights(job, root, weights[0]))) as progress:
            for event in progress:
                if event.kind != "started":  # `begin` has queued that one
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
    """The worker of this process, with the networks that it has loaded for earlier shots."""
    torch.set_num_threads(threads)
    fix_cublas_workspaces()
    return Worker(info)


def _own_device() -> str:
    """The device that Ray gave this task.

    Ray names it by its number or, as the cluster's machines are set up, by its UUID ("GPU-5e0f...")
    or that of a slice ("MIG-...").

    Raises:
        MedleyError: torch finds no device of that name.
    """
    names = [str(name) for name in ray.get_gpu_ids()]
    if not names:
        return "cpu"
    name = names[0]
    if name.startswith("MIG-") or not (name.isdecimal() or _torch_knows_uuids()):
        # CUDA shows a process one slice, that which it may see when it first looks. The process
        # stays on that one, whichever a later task is given: all others are on their own.
        return "cuda:0"
    # CUDA looks once at which devices it may see, and the next task may get another one.
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    if name.isdecimal():
        return f"cuda:{name}"
    for index in range(torch.cuda.device_count()):
        if f"GPU-{torch.cuda.get_device_properties(index).uuid}".startswith(name):
            return f"cuda:{index}"  # the name may have been cut short
    raise MedleyError(f"Ray gives out the device '{name}', and torch finds none of that name")


def _torch_knows_uuids() -> bool:
    return hasattr(getattr(torch._C, "_CudaDeviceProperties", None), "uuid")


@lru_cache(maxsize=1)
def _root_here(context: RunContext) -> Path:
    """The workspace's folder if this machine shares it, else a temporary folder here."""
    try:
        (context.root / context.probe).read_bytes()
    except OSError:
        return Path(tempfile.gettempdir(), f"medley-{sha256(str(context.root).encode())[:12]}")
    return context.root


def _with_weights(job: Job, root: Path, weights: Any) -> Job:
    """The job with its weights file, written from Ray's object store if it is not here."""
    named = job.spec.settings.weights
    if named is None or named.is_file():
        return job
    content: bytes = ray.get(weights)
    path = root / "weights" / f"{sha256(content)[:24]}.safetensors"
    if not path.is_file():
        write_bytes(path, content)
    settings = job.spec.settings.model_copy(update={"weights": path})
    return replace(job, spec=replace(job.spec, settings=settings))
