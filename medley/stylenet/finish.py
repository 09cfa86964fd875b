"""A repainted photo brought back to its own colours, or mixed with the photo, band by band."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from medley.color import mix_light
from medley.images import Pixels
from medley.tensors import to_pixels, to_tensor
from medley.transfer.color_transfer import (
    ColorStatistics,
    color_statistics,
    lend_chroma,
    match_colors,
)
from medley.transfer.preserve import Preserved


class Made(Protocol):
    """A repainted photo that is handed out band by band, any number of times."""

    def bands(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield it from top to bottom: which rows, and float32 `(rows, width, 3)` in [0, 1]."""


def finish(
    made: Made, photo: Pixels, preserve_color: Preserved = "off", strength: float = 1.0
) -> Pixels:
    """Round a repainted photo to pixels.

    Args:
        made: what the network made of the photo.
        photo: the photo itself, uint8 RGB `(height, width, 3)`.
        preserve_color: "luminance" takes nothing but light and dark from the result, "statistics"
            gives it the mean and covariance of the photo's colours.
        strength: share of the result in the mix with the photo, in linear light.
    """
    picture = np.empty(photo.shape, np.uint8)
    own = target = None
    if preserve_color == "statistics":
        own = _statistics(_image(band) for _, band in made.bands())
        target = _statistics(to_tensor(photo[rows]) for rows, _ in made.bands())
    for rows, band in made.bands():
        image, content = _image(band), to_tensor(photo[rows])
        if preserve_color == "luminance":
            image = lend_chroma(image, content)
        elif target is not None:
            image = match_colors(image, target, own=own)
        picture[rows] = to_pixels(mix_light(content, image, strength))
    return picture


def _image(band: Tensor) -> Tensor:
    return band.permute(2, 0, 1)[None].cpu()


def _statistics(images: Iterable[Tensor]) -> ColorStatistics:
    """Mean and covariance of the colours of a picture that comes in bands."""
    count, total, squares = 0, torch.zeros(3), torch.zeros(3, 3)
    for image in images:
        pixels = image.shape[2] * image.shape[3]
        mean, covariance = color_statistics([image])
        count += pixels
        total = total + mean.double() * pixels
        squares = squares + (covariance + torch.outer(mean, mean)).double() * pixels
    mean = total / count
    covariance = squares / count - torch.outer(mean, mean)
    return ColorStatistics(mean.float(), covariance.float())
