"""What goes into an engine and what comes out of it: jobs, and events."""

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
        spec: what is shot; its key is the job's name, and no two jobs of a run have the same.
        label: what a batch and `medley status` call the shot.
        tile: whether it is computed in tiles.
        shrinks: how many times smaller tiles than that are wanted, because memory ran out.
        deterministic: whether operations that vary from run to run are refused.
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
    """Where a worker works.

    Attributes:
        name: tells it from the others, such as "cpu.2".
        device: on which it computes.
        root: the workspace's folder.
        sharing: how many workers share the device's memory.
        several: whether it may take more than one shot, for which it then keeps what its networks
            have seen in pictures.
    """

    name: str
    device: str
    root: Path
    sharing: int = 1
    several: bool = True


def is_passing(error: Exception) -> bool:
    """Whether another attempt may do better, be it elsewhere or later."""
    return not isinstance(error, MedleyError) or isinstance(
        error, WorkerLostError | OutputError | ResourceError
    )


class Engine(Protocol):
    """Where shots are taken: in this process, in others of this machine, or on a cluster's."""

    def run(self, jobs: Iterable[Job | None]) -> Generator[Event, None, None]:
        """Take every job's shot, as many at once as there are workers, and tell what happens.

        A failure is that shot's alone. Workers are given shots only while the iterator is being
        advanced, so whoever does other work between two events does it on a thread. When the
        iterator is closed or an exception leaves it, workers leave checkpoints and end.

        Args:
            jobs: asked for the next one only when it will soon be wanted. None means that there is
                none now, and will be one when a job that was given before has ended.

        Yields:
            "started" at each attempt, "step" after each iterate, "told", "retry", and "shotend"
            once for each job.

        Raises:
            MedleyError: no worker can be had.
        """
        ...
