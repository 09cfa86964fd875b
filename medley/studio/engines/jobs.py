"""The interface of engines: jobs go in, events come out."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from medley.errors import MedleyError, OutputError, ResourceError, WorkerLostError
from medley.events import Event
from medley.settings import TileSetting
from medley.studio.shooting.spec import ShotSpec


@dataclass(frozen=True)
class Job:
    """One shot to be taken.

    Attributes:
        spec: spec of the shot; no two jobs of a run have the same key.
        label: name of the shot in a batch and in `medley status`.
        tile: side of tiles in pixels, "auto" or "off".
        shrinks: number of times that tiles are made smaller, because memory ran out as often.
        deterministic: True to refuse operations whose results vary from run to run.
    """

    spec: ShotSpec
    label: str = ""
    tile: TileSetting = "auto"
    shrinks: int = 0
    deterministic: bool = False

    @property
    def key(self) -> str:
        """The shot's key."""
        return self.spec.key


@dataclass(frozen=True)
class WorkerInfo:
    """Name, device and workspace of a worker.

    Attributes:
        name: name that no other worker of the run has, such as "cpu.2".
        device: name of the device that it computes on.
        root: folder of the workspace.
        sharing: number of workers that share the device's memory.
        several: True if it may take more than one shot: it then caches features of pictures.
    """

    name: str
    device: str
    root: Path
    sharing: int = 1
    several: bool = True


def is_passing(error: Exception) -> bool:
    """Whether another attempt, elsewhere or later, may succeed."""
    return not isinstance(error, MedleyError) or isinstance(
        error, WorkerLostError | OutputError | ResourceError
    )


class Engine(Protocol):
    """Takes shots: in this process, in several on this machine, or on a cluster."""

    def run(self, jobs: Iterable[Job | None]) -> Generator[Event, None, None]:
        """Take every job's shot, as many at once as there are workers, and yield events.

        A failed shot does not affect the others. Workers are given shots only while the iterator
        is being advanced, so a caller with other work to do between events does it on a thread.
        When the iterator is closed or an exception leaves it, workers write checkpoints and end.

        Args:
            jobs: jobs, each taken from the iterable shortly before it is needed. None means that
                there will be a further one only after an earlier one has ended.

        Yields:
            "started" at each attempt, "step" after each iterate, "told", "retry", and "shotend"
            once for each job.

        Raises:
            MedleyError: no worker can be had.
        """
        ...
