"""Cuts of a clip: where a frame shows something else than the one before."""

import numpy as np
from PIL import Image

from medley.film.flow import dense_flow
from medley.images import Pixels

_LONG = 96  # pixels of the longer side of what frames are compared by
_SHADES = 3  # bits of a channel that colours are told apart by
_APART, _APART_LEAST = 0.01, 0.5  # see `medley.transfer.motion.trust`
# Of 1, the most that the sides of a cut have in common. Across the five cuts of a film of streets
# it is 0.77 and 0.23, within its shots the least is 0.91 and 0.44; of unlike photos, 0.53, 0.31.
_COMMON_COLORS, _FOLLOWED = 0.85, 0.35


def glance(frame: Pixels) -> Pixels:
    """Shrink a frame to what cuts are found by."""
    height, width, _ = frame.shape
    scale = _LONG / max(height, width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX))


def is_cut(earlier: Pixels, later: Pixels) -> bool:
    """Whether there is a cut between two frames: colours change, and little of one is in the other.

    Either alone is mistaken: shots of one place have much the same colours, and a camera that is
    swung leaves no place that can be followed.

    Args:
        earlier: a frame; see `glance`.
        later: the next one, of that size.
    """
    if _common_colors(earlier, later) > _COMMON_COLORS:
        return False
    return _followed(earlier, later) <= _FOLLOWED


def _common_colors(first: Pixels, second: Pixels) -> float:
    """The overlap of two pictures' histograms, of 1."""
    return float(np.minimum(_histogram(first), _histogram(second)).sum()) / first[..., 0].size


def _histogram(picture: Pixels) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """How many pixels have each colour, as three bits of each channel."""
    shades = (picture >> (8 - _SHADES)).astype(np.intp)
    levels = 1 << _SHADES
    numbers = (shades[..., 0] * levels + shades[..., 1]) * levels + shades[..., 2]
    return np.bincount(numbers.ravel(), minlength=levels**3)


def _followed(earlier: Pixels, later: Pixels) -> float:
    """Of how much of a frame the way to the one before, and back again, ends where it began."""
    came, went = dense_flow(later, earlier), dense_flow(earlier, later)
    height, width, _ = came.shape
    y, x = np.mgrid[0:height, 0:width]
    column, row = (np.rint(came + np.stack([x, y], 2)).astype(int)[..., axis] for axis in (0, 1))
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    back = went[row.clip(0, height - 1), column.clip(0, width - 1)]
    lengths = np.square(came).sum(2) + np.square(back).sum(2)
    returns = np.square(came + back).sum(2) <= _APART * lengths + _APART_LEAST
    return float((returns & inside).mean())
