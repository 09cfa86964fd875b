"""How much the eye sees change between two pictures."""

import torch
from torch import Tensor

from medley.transfer.color import linear_light

_CHUNK = 2**18  # pixels whose change is computed at once


def visual_change(before: Tensor, after: Tensor) -> float:
    """Mean distance in Oklab between two pictures `(1, 3, height, width)` in [0, 1].

    0.02 is about what one can just tell apart in two flat patches side by side.

    Source: Ottosson (2020), A perceptual color space for image processing.
    """
    return float(summed_change(before, after)) / (after.shape[2] * after.shape[3])


def summed_change(before: Tensor, after: Tensor) -> Tensor:
    """The same summed over the pixels, as a scalar on their device that nobody waits for."""
    pairs = zip(_in_chunks(before), _in_chunks(after), strict=True)
    sums = [(_oklab(new) - _oklab(old)).norm(dim=0).sum() for old, new in pairs]
    return torch.stack(sums).sum()


def _in_chunks(image: Tensor) -> tuple[Tensor, ...]:
    """Split a picture's pixels into parts `(3, count)`, so that temporaries are small."""
    return torch.split(image.squeeze(0).flatten(1), _CHUNK, dim=1)


# sRGB's linear light to Oklab's cone response, and that to lightness and two opponent colours.
_TO_CONES = torch.tensor(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = torch.tensor(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _oklab(srgb: Tensor) -> Tensor:
    cones = (_TO_CONES.to(srgb) @ linear_light(srgb)).clamp_min_(0) ** (1 / 3)
    return _TO_LAB.to(srgb) @ cones
