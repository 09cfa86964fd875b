"""A style walk: how much each painting pulls while the target moves on a smooth path through them.

The target is a mixture of the paintings' statistics whose weights sum to 1. Gram matrices are
compared by squares, so that `sum_i w_i |G - G_i|^2` has the gradient of `|G - sum_i w_i G_i|^2`:
paintings that pull with changing strengths are one target that moves.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Walk:
    """A lap through all paintings of a shot, step by step, and the way to where it begins.

    Attributes:
        lap: steps from the first painting through all others back to it.
        lead: steps before that, on the path's end.
        linger: how much slower it passes a painting than it goes on average, from 0 to below 1.
    """

    lap: int
    lead: int
    linger: float

    def weights(self, step: int, paintings: int) -> tuple[float, ...]:
        """The weights of the paintings at a step of the shot."""
        place = paintings * (step - self.lead) / self.lap
        return path_weights(lingering(place, self.linger), paintings)


@dataclass(frozen=True)
class Turns:
    """One painting alone at a time, and the next one from certain steps on.

    Attributes:
        at: those steps, ascending; the first painting begins before them.
    """

    at: tuple[int, ...]

    def weights(self, step: int, paintings: int) -> tuple[float, ...]:
        """The weights of the paintings at a step of the shot."""
        number = bisect_right(self.at, step) % paintings
        return tuple(float(place == number) for place in range(paintings))


def lingering(place: float, linger: float) -> float:
    """Slow down at whole numbers, where the paintings are, and make up for it between them.

    Args:
        place: on the path, as it would be at an even pace.
        linger: what is taken from the pace at a painting, and added midway between two.
    """
    return place - linger * math.sin(2 * math.pi * place) / (2 * math.pi)


def resting(place: float, rest: float) -> float:
    """Stand still at whole numbers, where the paintings are, and go from one to the next.

    Args:
        place: on the path, as it would be at an even pace.
        rest: share of the time that it stands, half before and half behind each number, from 0 to
            below 1.
    """
    whole = math.floor(place)
    moved = (place - whole - rest / 2) / (1 - rest)
    return whole + lingering(min(1.0, max(0.0, moved)), 1.0)


def path_weights(place: float, paintings: int) -> tuple[float, ...]:
    """Weights of the paintings at a place on a closed, smooth path that passes through each.

    Between two paintings the path is a cubic Bezier curve; its inner control points lie so that it
    leaves a painting in the direction from the one before to the one after, as it came: there is
    no corner anywhere. Weights sum to 1, and those of paintings further off fall a little below 0.

    Args:
        place: the path is at painting i where it is i, and at the first one again after the last.
        paintings: how many there are, 2 or more.

    Source: Catmull and Rom (1974), A Class of Local Interpolating Splines, the uniform cubic, as
    Bezier segments.
    """
    whole = math.floor(place)
    along = place - whole
    before, first, second, after = (_unit(whole + at, paintings) for at in (-1, 0, 1, 2))
    leaving, arriving = first + (second - before) / 6, second - (after - first) / 6
    rest = 1 - along
    weights = (
        rest**3 * first
        + 3 * rest**2 * along * leaving
        + 3 * rest * along**2 * arriving
        + along**3 * second
    )
    return tuple(weights.tolist())


def convex_weights(weights: Sequence[float]) -> tuple[float, ...]:
    """Make path weights those of a convex combination: none below 0, summing to 1.

    Some distances allow no painting to push the picture away.
    """
    kept = [max(0.0, weight) for weight in weights]
    return tuple(weight / sum(kept) for weight in kept)


def _unit(painting: int, paintings: int) -> npt.NDArray[np.float64]:
    unit: npt.NDArray[np.float64] = np.eye(paintings)[painting % paintings]
    return unit
