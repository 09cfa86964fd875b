"""How much the eye sees change between two pictures of 8 bits, as shots' traces have it."""

import numpy as np

from medley.color import light_of_levels, linear_to_oklab
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
    light = light_of_levels().astype(np.float32)
    total = 0.0
    for start in range(0, len(old), _ROWS):
        part = slice(start, start + _ROWS)
        apart = linear_to_oklab(light[new[part]]) - linear_to_oklab(light[old[part]])
        total += float(np.sqrt(np.einsum("ij,ij->i", apart, apart)).sum(dtype=np.float64))
    return total / len(old)
