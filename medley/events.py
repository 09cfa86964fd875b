"""Events: the one type of progress that a run reports to displays, logs and programs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["stage", "started", "step", "told", "retry", "shotend", "cutting", "filmend"]


@dataclass(frozen=True)
class Event:
    """Something that happened to a shot, a film, or a computation beside them.

    Attributes:
        kind: kind of the event. "stage": a part of a computation besides shots is done. "started":
            an attempt at a shot begins. "step": an iterate is computed. "told": the user should
            read `text`, or `error`, which ends nothing. "retry": an attempt failed with `error`,
            and there will be another. "shotend": a shot is finished or has failed. "cutting": a
            frame of a film is written.
            "filmend": a film is finished or has failed.
        key: key of the shot, or path of the film; "" for neither.
        title: name of the shot or the computation, for people.
        worker: name of the worker that takes the shot, such as "cpu.2".
        device: device of that worker.
        step: number of the last iterate, of frames written, or of parts done.
        steps: number of all steps, frames or parts; for "filmend", of the film's shots.
        is_timed: whether a "stage" event's parts are seconds.
        loss: loss of the last iterate, a weighted sum in the network's 0-255 units.
        seconds: seconds spent so far.
        text: a line for the user.
        error: error of the attempt, shot or film. A `MedleyError` or an `OSError` is one that
            the user can mend; any other is a bug, whose traceback has been printed.
        attempts: number of attempts; 0 if another run took the shot, or none did.
        lost: keys of a film's shots that failed.
    """

    kind: Kind
    key: str = ""
    title: str = ""
    worker: str = ""
    device: str = ""
    step: int = 0
    steps: int = 0
    is_timed: bool = False
    loss: float = 0.0
    seconds: float = 0.0
    text: str = ""
    error: Exception | None = None
    attempts: int = 0
    lost: tuple[str, ...] = ()


def stage(what: str, done: int, total: int, is_timed: bool = False) -> Event:
    """Make a "stage" event: a computation has done so many of its parts, or of its seconds."""
    return Event("stage", title=what, step=done, steps=total, is_timed=is_timed)


Listener = Callable[[Event], None]
"""Takes the events of a run, one after another."""
