"""Pictures described by file, size and digest, whose pixels are read only when needed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from medley.errors import PictureError
from medley.files import sha256
from medley.images import Pixels, read_picture, resize
from medley.settings import SHORTEST_SIDE


@dataclass(frozen=True)
class Picture:
    """A picture file at the size at which it is used.

    A plan of ten thousand shots holds only these, a few hundred bytes each.

    Attributes:
        path: file of the picture, or a name for errors if it came without a file.
        height: height in pixels at which it is used.
        width: width in pixels at which it is used.
        digest: SHA-256 of shape and pixels at that size, which enters keys of shots.
        held: pixels in memory, for another process, or because there is no file to read them from.
    """

    path: Path
    height: int
    width: int
    digest: str
    held: Pixels | None = field(default=None, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the pixels, `(height, width, 3)`."""
        return self.height, self.width, 3

    def pixels(self) -> Pixels:
        """Return the pixels, uint8 `(height, width, 3)`, read from the file if they are not held.

        Raises:
            PictureError: the file cannot be read any more, or shows something else.
        """
        if self.held is not None:
            return self.held
        pixels = read_at(self.path, self.height, self.width)
        if digest_of(pixels) != self.digest:
            raise PictureError(f"'{self.path}' was changed since it was looked at; start again")
        return pixels

    def holding(self, pixels: Pixels) -> Self:
        """Copy the picture with its pixels in memory."""
        return replace(self, held=pixels)


def held_picture(path: Path, pixels: Pixels) -> Picture:
    """Make a picture of pixels in memory, uint8 `(height, width, 3)`."""
    height, width, _ = pixels.shape
    return Picture(path, height, width, digest_of(pixels), pixels)


def digest_of(pixels: Pixels) -> str:
    """Digest a picture's shape and pixels."""
    return sha256(str(pixels.shape).encode(), pixels.tobytes())


def read_at(path: Path, height: int, width: int) -> Pixels:
    """Read a picture file and resize it.

    Raises:
        PictureError: the file is unreadable, or the picture would be too narrow.
    """
    return resized(read_picture(path), height, width, path)


def resized(
    picture: Image.Image, height: int, width: int, name: object, shortest: int = SHORTEST_SIDE
) -> Pixels:
    """Resize a decoded picture.

    Args:
        picture: decoded picture, upright RGB.
        height: height of the result in pixels.
        width: width of the result in pixels.
        name: name of the picture for errors.
        shortest: fewest pixels that the network needs on the shorter side.

    Returns:
        Pixels, uint8 `(height, width, 3)`.

    Raises:
        PictureError: the result would be too narrow.
    """
    return np.asarray(resize(picture, height, width, name, shortest))
