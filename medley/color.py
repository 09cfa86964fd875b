"""sRGB and linear light, Oklab, and luma, for arrays and for tensors, without importing torch.

Sources: sRGB transfer functions, IEC 61966-2-1:1999; Ottosson (2020), A perceptual color space for
image processing; luma, ITU-R BT.601.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Floats = TypeVar("Floats", NDArray[np.float32], NDArray[np.float64])
Values = TypeVar("Values", NDArray[np.float32], NDArray[np.float64], "Tensor")

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma, the Y of YIQ."""

TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
"""Linear light to Oklab's cone response, whose cube root goes into `TO_OKLAB`."""

TO_OKLAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
"""Cube roots of the cone response to lightness and two opponent colours."""


def srgb_to_linear(level: Values) -> Values:
    """Linear light, 0 to 1, of sRGB levels in [0, 1]."""
    return _where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(light: Values) -> Values:
    """SRGB levels in [0, 1] of linear light in [0, 1]."""
    return _where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


@cache
def light_of_levels() -> NDArray[np.float64]:
    """Linear light of each of the 256 sRGB levels, `(256,)`."""
    return srgb_to_linear(np.arange(256) / 255)


def nearest_levels(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The nearest of the 256 sRGB levels of linear light in [0, 1], uint8 of the same shape."""
    return np.rint(linear_to_srgb(light) * 255).astype(np.uint8)


def linear_to_oklab(light: Floats) -> Floats:
    """Oklab of colours `(n, 3)` in linear light; equal distances in it look equal."""
    to_cones, to_oklab = (np.array(matrix, light.dtype).T for matrix in (TO_CONES, TO_OKLAB))
    oklab: Floats = np.cbrt(light @ to_cones) @ to_oklab
    return oklab


def mix_light(first: Tensor, second: Tensor, amount: float) -> Tensor:
    """Mix two pictures in [0, 1] in linear light: `first * (1 - amount) + second * amount`."""
    if amount in (0, 1):
        return second if amount else first
    return linear_to_srgb(srgb_to_linear(first).lerp(srgb_to_linear(second), amount))


def _where(condition: Any, first: Values, second: Values) -> Values:
    # A tensor brings its own `where`, so that torch need not be imported for it.
    if isinstance(first, np.ndarray):
        return np.where(condition, first, second)
    return first.where(condition, second)
