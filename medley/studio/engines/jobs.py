"""What goes into an engine and what comes out of it: jobs, events and outcomes."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from medley.errors import LostError, MedleyError, OutputError, RoomError
from medley.settings import TileWish
from medley.shots import Shot
from medley.studio.shooting.takes import Take


@dataclass(frozen=True)
class Job:
    """One shot to be taken.

    Attributes:
        take: `take.shot.key` is the job's name; no two jobs of a run have the same.
        tile: whether it is computed in tiles.
        shrinks: how many times smaller tiles than that are wanted, because memory ran out.
        deterministic: whether operations that vary from run to run are refused.
    """

    take: Take
    tile: TileWish = "auto"
    shrinks: int = 0
    deterministic: bool = False

    @property
    def key(self) -> str:
        """Its name."""
        return self.take.shot.key

    @property
    def after(self) -> str | None:
        """The name of the job whose result it goes on from, which must have ended."""
        start = self.take.scene.start
        return start.key if isinstance(start, Shot) else None


@dataclass(frozen=True)
class Event:
    """Something to be seen while shots are taken.

    Attributes:
        key: of the shot.
        worker: the name of who is at it, such as "cpu.2".
        device: where that one computes.
        kind: "started" at each attempt; "step" after each iterate; "told": `text` should be known,
            such as that another process is at the shot; "retry": an attempt failed for the reason
            in `text`, and there will be another one.
        step: of the last iterate.
        steps: of the shot.
        loss: of the last iterate.
        seconds: spent on the shot, by its trace.
        text: for people, in one line.
    """

    key: str
    worker: str
    device: str
    kind: Literal["started", "step", "told", "retry"]
    step: int = 0
    steps: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class Outcome:
    """A shot's end.

    Attributes:
        key: of the shot.
        error: of the last attempt, or None if the shot is finished. A `MedleyError` is something
            that the user can mend; another one is a bug, whose traceback has been printed.
        attempts: how many there were.
        seconds: that they took together, by a clock that does not jump.
        worker: the name of who was at it last.
    """

    key: str
    error: Exception | None
    attempts: int
    seconds: float
    worker: str


@dataclass(frozen=True)
class Place:
    """Where a worker works.

    Attributes:
        name: the worker's.
        device: on which it computes.
        root: the workspace's folder.
        sharing: how many workers share the device's memory.
    """

    name: str
    device: str
    root: Path
    sharing: int = 1


def is_passing(error: Exception) -> bool:
    """Whether another attempt may do better, be it elsewhere or later."""
    return not isinstance(error, MedleyError) or isinstance(
        error, LostError | OutputError | RoomError
    )


class Engine(Protocol):
    """Where shots are taken: in this machine's processes, or on a cluster's."""

    def run(
        self, jobs: Iterable[Job | None], watch: Callable[[Event], None]
    ) -> Generator[Outcome, None, None]:
        """Take every job's shot, as many at once as there are workers, and yield how each ended.

        A failure is that shot's alone. Workers are given shots only while the iterator is being
        advanced, so whoever does other work between two outcomes does it on a thread. When the
        iterator is closed or an exception leaves it, workers leave checkpoints and end.

        Args:
            jobs: asked for the next one only when it will soon be wanted. None means that there is
                none now, and will be one when a job that was given before has ended.
            watch: called with every event, on the thread that advances the iterator.

        Raises:
            MedleyError: no worker can be had.
        """
        ...
