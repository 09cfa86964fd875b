"""How much the eye sees change between two pictures of 8 bits, as shots' traces have it."""

from functools import cache

import numpy as np
import numpy.typing as npt

from medley.images import Pixels

_ROWS = 2**16  # pixels whose change is computed at once


def visual_change(before: Pixels, after: Pixels) -> float:
    """Mean distance in Oklab between two pictures of one shape, uint8 `(height, width, 3)`.

    The measure of `medley.transfer.visual`, without torch.

    Raises:
        ValueError: the shapes differ.

    Source: Ottosson (2020), A perceptual color space for image processing.
    """
    if before.shape != after.shape:
        raise ValueError(f"cannot compare pictures of shapes {before.shape} and {after.shape}")
    old, new = before.reshape(-1, 3), after.reshape(-1, 3)
    total = 0.0
    for start in range(0, len(old), _ROWS):
        part = slice(start, start + _ROWS)
        apart = _oklab(new[part]) - _oklab(old[part])
        total += float(np.sqrt(np.einsum("ij,ij->i", apart, apart)).sum(dtype=np.float64))
    return total / len(old)


# Linear light to Oklab's cone response, and that to lightness and two opponent colours.
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)


@cache
def _linear() -> npt.NDArray[np.float32]:
    level = np.arange(256) / 255
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def _oklab(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    lab: npt.NDArray[np.float32] = np.cbrt(_linear()[pixels] @ _TO_CONES.T) @ _TO_LAB.T
    return lab
