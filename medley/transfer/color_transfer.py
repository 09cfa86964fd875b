"""Colours given from one picture to another: their statistics, or all but luminance."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from medley.color import LUMA
from medley.tensors import constant

_FLATTEST = (
    1e-5  # added variance, (0.8 of 255 levels)^2: a flat picture has no covariance to invert
)


class ColorStatistics(NamedTuple):
    """Mean `(3,)` and covariance `(3, 3)` of a picture's RGB values."""

    mean: Tensor
    covariance: Tensor


class Patch(NamedTuple):
    """Colours of a part of a picture, and where that is: `(1, 1, height, width)` in [0, 1]."""

    colors: ColorStatistics
    mask: Tensor


Palette = ColorStatistics | Sequence[Patch]
"""Colours for a whole picture, or for its parts; what no part covers keeps its own."""


def color_statistics(
    pictures: Sequence[Tensor], strengths: Sequence[float] = (), free: Tensor | None = None
) -> ColorStatistics:
    """Measure the colours of pictures, each of which counts the same whatever its size.

    Args:
        pictures: each `(1, 3, height, width)` in [0, 1].
        strengths: how much each counts, 1 on average; all alike by default.
        free: how much each pixel counts, `(1, 1, height, width)`; all alike by default.

    Raises:
        ValueError: no pictures.
    """
    if not pictures:
        raise ValueError("colours are those of at least one picture")
    means = []
    squares = []
    for picture, strength in zip(pictures, strengths or [1.0] * len(pictures), strict=True):
        colors = picture.squeeze(0).flatten(1)
        if free is None:
            means.append(strength * colors.mean(dim=1))
            squares.append(strength * (colors @ colors.T / colors.shape[1]))
        else:
            counted = colors * (free / free.sum()).flatten()
            means.append(strength * counted.sum(dim=1))
            squares.append(strength * (counted @ colors.T))
    mean = torch.stack(means).mean(dim=0)
    return ColorStatistics(mean, torch.stack(squares).mean(dim=0) - torch.outer(mean, mean))


def match_colors(
    image: Tensor,
    target: Palette,
    free: Tensor | None = None,
    own: ColorStatistics | None = None,
) -> Tensor:
    """Give a picture the mean and covariance of other colours, moving its own as little as can be.

    Args:
        image: `(1, 3, height, width)` in [0, 1].
        target: the statistics that it shall have, or those of its parts.
        free: how much each pixel counts in its own, `(1, 1, height, width)`; all alike by default.
        own: the statistics that it has, if it is a part of a picture that is moved as a whole.

    Returns:
        `(1, 3, height, width)`, clamped to [0, 1], which is the only thing that keeps the
        statistics from being met exactly.

    Source: Pitie and Kokaram (2007), The linear Monge-Kantorovitch linear colour mapping for
    example-based colour transfer, equation 7. Departure: a little variance is added to both.
    """
    if not isinstance(target, ColorStatistics):
        moves = [patch.mask * (match_colors(image, patch.colors, free) - image) for patch in target]
        return torch.stack(moves).sum(dim=0).add_(image).clamp_(0, 1)
    own = own or color_statistics([image], free=free)
    ridge = _FLATTEST * torch.eye(3, dtype=own.covariance.dtype, device=own.covariance.device)
    root = _matrix_power(own.covariance + ridge, 0.5)
    inverse = _matrix_power(own.covariance + ridge, -0.5)
    middle = _matrix_power(root @ (target.covariance + ridge) @ root, 0.5)
    matrix = inverse @ middle @ inverse
    colors = image.squeeze(0).flatten(1) - own.mean[:, None]
    return (matrix @ colors + target.mean[:, None]).view_as(image).clamp_(0, 1)


def luminance(image: Tensor) -> Tensor:
    """The gray picture `(1, 3, height, width)` of a picture's luminance, of three equal channels.

    Source: Gatys, Bethge, Hertzmann and Shechtman (2016), Preserving Color in Neural Artistic Style
    Transfer (arXiv 1606.05897), luminance-only transfer: Y of the YIQ colour space.
    """
    return _luma(image).repeat(1, 3, 1, 1)


def lend_chroma(image: Tensor, content: Tensor) -> Tensor:
    """Give a picture's luminance the colours of another.

    Args:
        image: `(1, 3, height, width)` in [0, 1]; only its luminance counts.
        content: picture of the same shape, which lends the rest.

    Returns:
        `(1, 3, height, width)` in [0, 1], with exactly the luminance of `image`.

    Source: Gatys et al. (2016), see `luminance`: I and Q are the content's. Departure: a colour
    that is too bright or dark for the screen fades until it is not, where clipping would shift it.
    """
    light = _luma(image)
    chroma = content - _luma(content)
    above = chroma.amax(dim=1, keepdim=True).clamp_min(_FLATTEST)
    below = chroma.amin(dim=1, keepdim=True).clamp_max(-_FLATTEST)
    room = torch.minimum((1 - light) / above, light / -below).clamp_max(1)
    return torch.addcmul(light, chroma, room).clamp_(0, 1)


def _luma(image: Tensor) -> Tensor:
    luma = constant(LUMA, image.dtype, image.device).view(1, 3, 1, 1)
    return (image * luma).sum(dim=1, keepdim=True)


def _matrix_power(symmetric: Tensor, exponent: float) -> Tensor:
    # On the CPU, and in double only there: it is three by three, and MPS has neither.
    values, vectors = torch.linalg.eigh(symmetric.cpu().double())
    power: Tensor = vectors @ torch.diag(values.clamp_min(1e-12) ** exponent) @ vectors.T
    return power.to(symmetric)
