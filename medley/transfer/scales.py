"""Coarse to fine: the sizes that a shot is optimized at, and what a coarse picture shows at full.

VGG-19 looks at about 200 pixels at once, whatever a picture's size, so that only a small picture
gets large strokes. A shot therefore begins small and grows. Every iterate is still shown at full
size: what has changed at the coarse size is laid under the detail that the starting picture has
beyond it. That detail also enters a larger size with it, so that nothing jumps from sharp to
blurred or back.

Source: Gatys, Bethge, Hertzmann and Shechtman (2017), Controlling Perceptual Factors in Neural
Style Transfer (arXiv 1611.07865), section 6, for the growing; the detail is ours.
"""

import math
from typing import NamedTuple

import torch.nn.functional as nnf
from torch import Tensor

COARSEST = 256 * 256  # pixels; there a stroke is as large as a painter's
_GROWTH = 2  # of the area from one size to the next, sqrt(2) of the sides
_ALONE = 400 * 400  # pixels up to which one size does


class Scale(NamedTuple):
    """A size in pixels, and how many of a shot's steps are taken at it."""

    height: int
    width: int
    steps: int


def plan_scales(height: int, width: int, steps: int, wish: str = "auto") -> tuple[Scale, ...]:
    """Lay out the sizes of a shot from coarse to fine; the last one is its full size.

    Args:
        height: of the full size, pixels.
        width: likewise.
        steps: optimizer steps of the whole shot, shared out evenly; what is left over goes to the
            finest sizes. With fewer steps than sizes, the coarsest sizes are left out.
        wish: "auto" for sizes sqrt(2) apart from about `COARSEST` on, and one alone up to 400 x
            400; a number of sizes sqrt(2) apart; or long sides in pixels, such as "256,512", to
            which the full size is added.
    """
    sides = _long_sides(height, width, wish)[-steps:]
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


def _long_sides(height: int, width: int, wish: str) -> list[float]:
    longest = max(height, width)
    if "," in wish:
        smaller = {side for side in map(int, wish.split(",")) if side < longest}
        return [*sorted(smaller), longest]
    if wish != "auto":
        count = int(wish)
    elif height * width <= _ALONE:
        count = 1
    else:
        count = 1 + math.floor(math.log(height * width / COARSEST, _GROWTH) + 1e-9)
    smallest = max(1, 1 + math.floor(math.log(min(height, width) / SHORTEST_SIDE, _GROWTH**0.5)))
    return [longest * _GROWTH ** (-at / 2) for at in reversed(range(min(count, smallest)))]


def resample(image: Tensor, height: int, width: int) -> Tensor:
    """Bring an image `(1, 3, ...)` to another size, antialiased; values may leave [0, 1] a little."""
    if image.shape[2:] == (height, width):
        return image
    return nnf.interpolate(image, size=(height, width), mode="bicubic", antialias=True)


def detail_beyond(image: Tensor, height: int, width: int) -> Tensor:
    """What is lost of an image when it is brought to a smaller size and back."""
    return image - resample(resample(image, height, width), *image.shape[2:])
