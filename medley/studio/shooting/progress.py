"""How far shots are, as people are told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far the shots are; handed to a watcher after every step.

    Attributes:
        number: of the painting at work, from 1.
        paintings: how many there are.
        title: of the painting at work.
        step: of the last iterate.
        loss: likewise.
        seconds: spent on this shot.
        steps: of this shot.
        steps_left: in this shot and all that are still to be taken.
        what: is counted.
        at_once: how many are at work.
    """

    number: int
    paintings: int
    title: str
    step: int
    loss: float
    seconds: float
    steps: int
    steps_left: int
    what: str = "painting"
    at_once: int = 1
