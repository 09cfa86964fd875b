"""One shot as a task of Ray's: what a worker of the cluster does, and where it says so."""

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
from medley.errors import MedleyError, RoomError
from medley.files import sha256, write_bytes
from medley.studio.engines.jobs import Event, Job, Place, is_passing
from medley.studio.engines.parcel import pack_shot
from medley.studio.engines.worker import Worker
from medley.workspace import Workspace


@dataclass(frozen=True)
class Order:
    """What all workers of a run are told.

    Attributes:
        root: the workspace, as this machine names it.
        probe: a file in it by which a worker sees whether it has the same folder.
        threads: of each worker.
        sharing: how many workers share a device's memory.
        retries, shrink: as `EngineSettings`.
        version: of medley here.
    """

    root: Path
    probe: str
    threads: int
    sharing: int
    retries: int
    shrink: bool
    version: str


class Ending(NamedTuple):
    """How a task ended: an error that no other attempt would mend, and files if they are wanted."""

    worker: str
    error: MedleyError | None = None
    files: dict[str, bytes] | None = None


class Board:
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
            text = f"the process of {lost.worker} is gone, perhaps for want of memory"
            self._events.append(replace(lost, kind="retry", text=text))
        self._open[event.key] = event
        self._events.append(event)
        self._attempts[event.key] += 1
        return self._attempts[event.key], self._short[event.key]

    def say(self, event: Event) -> None:
        """Write an event down."""
        self._events.append(event)

    def end(self, key: str, short: bool = False) -> None:
        """Write down that an attempt has ended, be it well, and whether memory was short."""
        self._open.pop(key, None)
        self._short[key] += short

    def drain(self) -> list[Event]:
        """Give what has been written since the last time."""
        events, self._events = self._events, []
        return events


def take_errand(job: Job, board: Any, order: Order, lent: list[Any]) -> Ending:
    """Take a shot on whichever machine this runs; an error that is raised makes Ray try again."""
    device = _own_device()
    name = f"{socket.gethostname()}.{os.getpid()}"
    event = Event(job.key, name, device, "started", steps=job.take.scene.settings.steps)
    attempt, shrinks = ray.get(board.begin.remote(event))
    root = _root_here(order)
    if order.version != medley.__version__:
        words = f"'{name}' has medley {medley.__version__}, not {order.version}; install the same"
        return Ending(name, MedleyError(words))
    if attempt > order.retries + 1:  # Ray counts processes that it ended itself on its own
        words = f"'{job.take.painting.path}': Ray ended its process for want of memory again and"
        return Ending(name, RoomError(f"{words} again; pass a smaller --size, or --shrink"))

    def say(event: Event) -> None:
        if event.kind != "started":  # that the board has said
            board.say.remote(event)

    if order.shrink:
        job = replace(job, shrinks=shrinks)
    try:
        worker = _worker(Place(name, device, root, order.sharing), order.threads)
        worker.take(_with_weights(job, root, lent[0]), say)
    except MedleyError as error:
        if is_passing(error) and attempt <= order.retries:
            say(replace(event, kind="retry", text=str(error)))
            ray.get(board.end.remote(job.key, isinstance(error, RoomError)))
            raise
        ray.get(board.end.remote(job.key))
        return Ending(name, error)
    ray.get(board.end.remote(job.key))
    if root == order.root:
        return Ending(name)
    shot = Workspace(root).shot(job.key)
    files = pack_shot(shot)
    shutil.rmtree(shot.path, ignore_errors=True)
    return Ending(name, files=files)


@lru_cache(maxsize=1)
def _worker(place: Place, threads: int) -> Worker:
    """This process's worker, with the networks that it has loaded for earlier shots."""
    torch.set_num_threads(threads)
    return Worker(place)


def _own_device() -> str:
    """The device that Ray gave this task."""
    numbers = ray.get_gpu_ids()
    if not numbers:
        return "cpu"
    # The process is to see all of them: CUDA looks once, and its next shot may get another.
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    return f"cuda:{numbers[0]}"


@lru_cache(maxsize=1)
def _root_here(order: Order) -> Path:
    """The workspace if this machine has the same folder, else a folder of this machine's own."""
    try:
        (order.root / order.probe).read_bytes()
    except OSError:
        return Path(tempfile.gettempdir(), f"medley-{sha256(str(order.root).encode())[:12]}")
    return order.root


def _with_weights(job: Job, root: Path, lent: Any) -> Job:
    """The job, with its file of weights where this machine has it."""
    take = job.take
    named = take.scene.settings.weights
    if named is None or named.is_file():
        return job
    content: bytes = ray.get(lent)
    path = root / "weights" / f"{sha256(content)[:24]}.safetensors"
    if not path.is_file():
        write_bytes(path, content)
    settings = take.scene.settings.model_copy(update={"weights": path})
    return replace(job, take=replace(take, scene=replace(take.scene, settings=settings)))
