"""What a run tells while it goes on: the one type of progress, for displays, logs and programs."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["stage", "started", "step", "told", "retry", "shotend", "cutting", "filmend"]


@dataclass(frozen=True)
class Event:
    """Something that happened to a shot, a film, or a computation beside them.

    Attributes:
        kind: "stage": a computation besides shots is so far. "started": an attempt at a shot
            begins. "step": an iterate is there. "told": `text` should be known, such as that
            another process is at the shot. "retry": an attempt failed with `error`, and there will
            be another one. "shotend": a shot is finished or given up. "cutting": a frame
            of a film is written. "filmend": a film is there or cannot be made.
        key: the shot's key, or the film's path; "" if it is about neither.
        title: what people call the shot or the computation.
        worker: the name of the process that is at it, such as "cpu.2".
        device: where that one computes.
        step: the last iterate's number, the frames written, or the parts done.
        steps: how many there will be.
        loss: of the last iterate, weighted sum in the network's 0-255 units.
        seconds: spent on it so far.
        text: for people, in one line.
        error: why it was given up, or an attempt at it. A `MedleyError` is something that the
            user can mend; another one is a bug, whose traceback has been printed.
        attempts: how many there were; 0 where another run took the shot, or nobody did.
        lost: keys of a film's shots that were given up.
    """

    kind: Kind
    key: str = ""
    title: str = ""
    worker: str = ""
    device: str = ""
    step: int = 0
    steps: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    text: str = ""
    error: Exception | None = None
    attempts: int = 0
    lost: tuple[str, ...] = ()


def stage(what: str, done: int, total: int) -> Event:
    """Tell that a computation has done so many of its parts."""
    return Event("stage", title=what, step=done, steps=total)
