"""How much the eye sees change between two pictures."""

import torch
from torch import Tensor

from medley.color import TO_CONES, TO_OKLAB, srgb_to_linear
from medley.tensors import constant

_CHUNK = 2**18  # pixels whose change is computed at once on a CPU
_LARGE_CHUNK = 2**23  # the same elsewhere, where each chunk is twenty launches more; 400 MB


def visual_change(before: Tensor, after: Tensor) -> float:
    """Mean distance in Oklab between two pictures `(1, 3, height, width)` in [0, 1].

    0.02 is about what one can just tell apart in two flat patches side by side.

    Source: Ottosson (2020), A perceptual color space for image processing.
    """
    return float(summed_change(before, after)) / (after.shape[2] * after.shape[3])


def summed_change(before: Tensor, after: Tensor) -> Tensor:
    """Distance in Oklab summed over the pixels: a scalar on their device that nobody waits for."""
    pairs = zip(_in_chunks(before), _in_chunks(after), strict=True)
    sums = [(_oklab(new) - _oklab(old)).norm(dim=0).sum() for old, new in pairs]
    return torch.stack(sums).sum()


def _in_chunks(image: Tensor) -> tuple[Tensor, ...]:
    """Split a picture's pixels into parts `(3, count)`, so that temporaries are small."""
    chunk = _CHUNK if image.device.type == "cpu" else _LARGE_CHUNK
    return torch.split(image.squeeze(0).flatten(1), chunk, dim=1)


def _oklab(srgb: Tensor) -> Tensor:
    to_cones, to_oklab = (constant(one, srgb.dtype, srgb.device) for one in (TO_CONES, TO_OKLAB))
    cones = (to_cones @ srgb_to_linear(srgb)).clamp_min_(0) ** (1 / 3)
    return to_oklab @ cones
