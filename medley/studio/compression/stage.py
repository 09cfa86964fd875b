"""What is told of a long computation."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """How far a long computation is: `done` of `total`, and at what."""

    what: str
    done: int
    total: int


Watch = Callable[[Stage], None]
