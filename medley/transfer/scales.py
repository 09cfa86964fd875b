"""Coarse to fine: the sizes that a shot is optimized at, and what a coarse picture shows at full.

VGG-19 looks at about 200 pixels at once, whatever a picture's size, so that only a small picture
gets large strokes. A shot therefore begins small and grows. Every iterate is still shown at full
size: what has changed at the coarse size is laid under the detail that the starting picture has
beyond it. That detail also enters a larger size with it, so that nothing jumps from sharp to
blurred or back.

Source: Gatys, Bethge, Hertzmann and Shechtman (2017), Controlling Perceptual Factors in Neural
Style Transfer (arXiv 1611.07865), section 6, for the growing; the detail is ours.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from medley.settings import SHORTEST_SIDE, Scales

if TYPE_CHECKING:  # torch takes a second to import, and plans do without
    from torch import Tensor

COARSEST = 256 * 256  # pixels; there a stroke is as large as a painter's
_GROWTH = 2  # of the area from one size to the next, sqrt(2) of the sides
_ALONE = 400 * 400  # pixels up to which one size does
DETAIL_KEPT = 0.5  # share of the starting picture's detail that enters the full size


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


class Pyramid:
    """A shot's sizes, and the starting picture whose detail lies over all coarse ones.

    Steps are counted over the whole shot; the last step's picture has the full size.
    """

    def __init__(self, scales: Sequence[Scale], ground: Tensor) -> None:
        """Take the sizes, and the picture `(1, 3, height, width)` in [0, 1] at full size."""
        self._scales = scales
        self._ground = ground
        self._detail: tuple[Scale, Tensor] | None = None

    def shrink(self, step: int) -> Tensor:
        """The starting picture in the size of that step, in [0, 1]."""
        small = self._resized(scale_at(self._scales, step))
        return small if small is self._ground else small.clamp_(0, 1)

    def frame(self, image: Tensor, step: int) -> Tensor:
        """The full-size frame of that step's picture, in [0, 1]."""
        if image.shape == self._ground.shape:
            return image
        scale = scale_at(self._scales, step)
        if self._detail is None or self._detail[0] != scale:
            lost = self._ground - self._full(self._resized(scale))
            self._detail = scale, lost
        return self._full(image).add(self._detail[1], alpha=self._share(step)).clamp_(0, 1)

    def grow(self, image: Tensor, step: int) -> Tensor:
        """Bring the picture that the step before led to into the size of that step, in [0, 1]."""
        scale = scale_at(self._scales, step)
        if image.shape[2:] == scale[:2]:
            return image
        coarse = self._resized(scale_at(self._scales, step - 1))
        lost = self._resized(scale) - resample(coarse, scale.height, scale.width)
        grown = resample(image, scale.height, scale.width)
        return grown.add(lost, alpha=self._share(step)).clamp_(0, 1)

    def _share(self, step: int) -> float:
        """The share of detail that shows; it fades so evenly that no step is seen to drop it."""
        coarse = sum(scale.steps for scale in self._scales[:-1])
        return 1 - (1 - DETAIL_KEPT) * min(1.0, step / max(1, coarse))

    def _resized(self, scale: Scale) -> Tensor:
        return resample(self._ground, scale.height, scale.width)

    def _full(self, image: Tensor) -> Tensor:
        return resample(image, *self._ground.shape[2:])


def resample(image: Tensor, height: int, width: int) -> Tensor:
    """Bring an image `(1, 3, ...)` to another size; values may leave [0, 1] a little."""
    if image.shape[2:] == (height, width):
        return image
    from torch.nn.functional import interpolate

    return interpolate(image, size=(height, width), mode="bicubic", antialias=True)
