"""Coarse to fine: the sizes that a shot is optimized at, and what a coarse picture shows at full.

VGG-19 looks at about 200 pixels at once, whatever a picture's size, so that only a small picture
gets large strokes. A shot therefore begins small and grows. Every iterate is still shown at full
size: what has changed at the coarse size is laid under the detail that the starting picture has
beyond it. That detail also enters a larger size with it, so that nothing jumps from sharp to
blurred or back.

Source: Gatys, Bethge, Hertzmann and Shechtman (2017), Controlling Perceptual Factors in Neural
Style Transfer (arXiv 1611.07865), section 6, for the growing; the detail is ours.
"""

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from medley.settings import SHORTEST_SIDE, Scales

COARSEST = 256 * 256  # pixels; there a stroke is as large as a painter's
_GROWTH = 2  # of the area from one size to the next, sqrt(2) of the sides
_ALONE = 400 * 400  # pixels up to which one size does


class Scale(NamedTuple):
    """A size in pixels, and how many of a shot's steps are taken at it."""

    height: int
    width: int
    steps: int

    @property
    def pixel_steps(self) -> int:
        """The work that is done at this size."""
        return self.height * self.width * self.steps


def plan_scales(
    height: int, width: int, steps: int, wish: Scales = "auto", shortest: int = SHORTEST_SIDE
) -> tuple[Scale, ...]:
    """Lay out the sizes of a shot from coarse to fine; the last one is its full size.

    Args:
        height: pixels of the full size.
        width: pixels of the full size.
        steps: optimizer steps of the whole shot, shared out evenly; what is left over goes to the
            finest sizes. With fewer steps than sizes, the coarsest sizes are left out.
        wish: "auto" for sizes sqrt(2) apart from about `COARSEST` on, and one alone up to 400 x
            400; a number of sizes sqrt(2) apart; or long sides in pixels, to which the full size is
            added.
        shortest: pixels that every size has on its short side, as long as the full one has.
    """
    sides = _long_sides(height, width, wish, shortest)[-steps:]
    share, rest = divmod(steps, len(sides))
    longest = max(height, width)
    return tuple(
        Scale(
            max(1, round(height * side / longest)),
            max(1, round(width * side / longest)),
            share + (len(sides) - at <= rest),
        )
        for at, side in enumerate(sides)
    )


def _long_sides(height: int, width: int, wish: Scales, shortest: int) -> list[float]:
    longest = max(height, width)
    if isinstance(wish, tuple):
        least = shortest * longest / min(height, width)
        smaller = {side for side in wish if least <= side < longest}
        return [*sorted(smaller), longest]
    if wish != "auto":
        count = wish
    elif height * width <= _ALONE:
        count = 1
    else:
        count = _doublings(height * width / COARSEST)
    count = max(1, min(count, _doublings((min(height, width) / shortest) ** 2)))
    return [longest * _GROWTH ** (-at / 2) for at in reversed(range(count))]


def _doublings(ratio: float) -> int:
    """Count the areas from 1 to `ratio`, each `_GROWTH` times the one before."""
    return 1 + math.floor(math.log(ratio, _GROWTH) + 1e-9)


def scale_at(scales: Sequence[Scale], step: int) -> Scale:
    """The size of the picture of a step; that of the last step has the full size."""
    ends = list(itertools.accumulate(scale.steps for scale in scales))
    return scales[min(bisect_right(ends, step), len(scales) - 1)]


def mean_share(scales: Sequence[Scale], step: int, decay: float) -> float:
    """The share of a step's picture in the running mean of all pictures up to it.

    The mean of n pictures weighs them by `decay` to the power of their age, and its weights sum up
    to 1 from the first picture on. At a larger size the mean so far counts as one picture: nothing
    jumps, and what a coarser size showed soon fades.

    Source: Kingma and Ba (2015), Adam, section 3, for the correction of the bias; the mean of
    iterates is Polyak and Juditsky (1992), Acceleration of Stochastic Approximation by Averaging,
    with weights that decay. Counting the sizes is ours.
    """
    began = 0
    for scale in scales[:-1]:
        if step < began + scale.steps:
            break
        began += scale.steps
    counted = step - began + 1 + (began > 0)
    return (1 - decay) / (1 - decay**counted)


def steps_left(scales: Sequence[Scale], begun: int) -> tuple[Scale, ...]:
    """The sizes at which steps are left from a step on; the last one always is."""
    left = []
    for scale in scales:
        passed = min(begun, scale.steps)
        begun -= passed
        left.append(scale._replace(steps=scale.steps - passed))
    return (*(scale for scale in left[:-1] if scale.steps), left[-1])
