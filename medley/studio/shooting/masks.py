"""Masks of a shot: pictures that are white where something is meant, read at the shot's size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from medley.errors import PictureError
from medley.files import sha256
from medley.images import Layers, lay_on_white, read_layers
from medley.settings import REST

Mask = npt.NDArray[np.float32]
"""Weight of a painting or of the photo at each pixel, float32 `(height, width)` in [0, 1]."""

LEAST = 1.0
"""Pixels of white that a mask has at least; less is nothing."""

_COLOR = 32  # levels between the channels of what is seen as a color, which JPEG's gray has not
_COLORED = 0.02  # share of the pixels that makes a mask a colored picture
_LOOKED_AT = 256  # pixels of a side that are looked at for colors
_STRETCH = 0.02  # change of the proportions that is not worth a word


@dataclass(frozen=True)
class Masks:
    """Masks that lie in files, at the size of a shot; where they overlap they share the place.

    Attributes:
        files: files of the masks in their order; `REST` is what all others leave.
        height: height of the shot in pixels.
        width: width of the shot in pixels.
        beside: what is digested together with the values.
        digest: digest of that and of the values at that size.
        held: values in memory; read from the files when needed if None.
    """

    files: tuple[Path | str, ...]
    height: int
    width: int
    beside: str
    digest: str
    held: tuple[Mask, ...] | None = field(default=None, repr=False, compare=False)

    @property
    def values(self) -> tuple[Mask, ...]:
        """The masks' values, which are read from the files if they are not held.

        Raises:
            PictureError: a mask cannot be read any more, or shows something else.
        """
        if self.held is not None:
            return self.held
        masks, whole = read_masks(self.files, self.height, self.width, lambda _: None)
        found = shared(self.files, masks, whole, self.beside)
        if found.digest != self.digest:
            names = " or ".join(f"'{path}'" for path in self.files if path != REST)
            raise PictureError(f"{names} was changed since it was looked at; start again")
        return found.values

    def holding(self) -> Self:
        """Copy them with the values in memory."""
        return replace(self, held=self.values)

    def released(self) -> Self:
        """Copy them without the values, which the files still have."""
        return replace(self, held=None)


def read_masks(
    files: Sequence[Path | str], height: int, width: int, warn: Callable[[str], None]
) -> tuple[list[Mask], Mask]:
    """Read masks at the size of a shot.

    Args:
        files: files of the masks; `REST` is what all others leave.
        height: height of the shot in pixels.
        width: width of the shot in pixels.
        warn: takes a line about each mask that has other proportions, or colors.

    Returns:
        The masks as they are, and the sum of those that are files.

    Raises:
        PictureError: a mask is unreadable.
    """
    read = [_read(path, height, width, warn) for path in files if isinstance(path, Path)]
    whole = sum(read, np.zeros((height, width), np.float32))
    rest: Mask = np.clip(1 - whole, 0, 1).astype(np.float32)
    each = iter(read)
    return [rest if path == REST else next(each) for path in files], whole


def shared(files: Sequence[Path | str], masks: Sequence[Mask], whole: Mask, beside: str) -> Masks:
    """Make of masks, as `read_masks` gives them, masks that nowhere add up to more than 1."""
    sums = np.maximum(whole, 1)
    values = tuple(_divided(mask, sums) for mask in masks)
    digest = sha256(beside.encode(), *(mask.tobytes() for mask in values))
    height, width = whole.shape
    return Masks(tuple(files), height, width, beside, digest, values)


def why_black(path: Path) -> str:
    """Say why nothing in a mask is white, and what is to be done there."""
    alpha = read_layers(path).alpha
    if alpha is None:
        return "it is black all over; paint white"
    is_empty = alpha.getextrema()[1] == 0
    where = "transparent all over" if is_empty else "black wherever it is not transparent"
    return f"it is {where}, and what is transparent counts as black; paint opaque white"


def _read(path: Path, height: int, width: int, warn: Callable[[str], None]) -> Mask:
    layers = read_layers(path)
    if _is_colored(layers):
        meant = (
            "its opacity is likely what is meant: give that, its alpha channel, as a gray picture"
            if layers.alpha
            else "give one that is white where it is meant and black elsewhere"
        )
        warn(f"mask '{path}' is colored, and its brightness counts; {meant}")
    picture = lay_on_white(*layers).convert("L")
    if layers.alpha:  # what is transparent counts as black
        picture = Image.composite(picture, Image.new("L", picture.size), layers.alpha)
    if picture.size != (width, height):
        # A shot's short side is rounded to a whole pixel, which is no stretch.
        usual = max(_STRETCH, 0.5 / min(height, width))
        if abs(picture.width * height / (picture.height * width) - 1) > usual:
            warn(
                f"mask '{path}' is stretched from {picture.width}x{picture.height} to"
                f" {width}x{height}; its proportions are not the photo's"
            )
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return _divided(np.asarray(picture, np.float32), np.float32(255))


def _is_colored(layers: Layers) -> bool:
    """Whether what is seen of a picture is a photo's or a painting's, and not a mask's grays."""
    size = (min(layers.picture.width, _LOOKED_AT), min(layers.picture.height, _LOOKED_AT))
    nearest = Image.Resampling.NEAREST
    seen = np.asarray(layers.picture.resize(size, nearest)).astype(np.int16)
    colored = np.ptp(seen, axis=2) > _COLOR
    if layers.alpha:
        colored = colored[np.asarray(layers.alpha.resize(size, nearest)) > 127]
    return colored.size > 0 and float(colored.mean()) > _COLORED


def _divided(mask: Mask, by: Mask | np.float32) -> Mask:
    shares: Mask = np.divide(mask, by, dtype=np.float32)
    return shares
