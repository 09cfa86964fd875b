"""Pictures by what they are: file, size and digest; pixels are read when they are wanted."""

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

    A plan of ten thousand shots holds these alone, a few hundred bytes each.

    Attributes:
        path: the file; of a picture that came without one, what errors call it.
        height: pixels to which it is brought.
        width: pixels to which it is brought.
        digest: SHA-256 of shape and pixels at that size, which decides keys of shots.
        held: the pixels, where they are in memory: for another process, or because there is no
            file to read them from again.
    """

    path: Path
    height: int
    width: int
    digest: str
    held: Pixels | None = field(default=None, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the pixels, `(height, width, 3)`."""
        return self.height, self.width, 3

    def pixels(self) -> Pixels:
        """Give the pixels, uint8 `(height, width, 3)`, read from the file if they are not held.

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
        """Give the same picture with its pixels in memory."""
        return replace(self, held=pixels)


def held_picture(path: Path, pixels: Pixels) -> Picture:
    """Make a picture of pixels in memory, uint8 `(height, width, 3)`."""
    height, width, _ = pixels.shape
    return Picture(path, height, width, digest_of(pixels), pixels)


def digest_of(pixels: Pixels) -> str:
    """Digest a picture's shape and pixels."""
    return sha256(str(pixels.shape).encode(), pixels.tobytes())


def read_at(path: Path, height: int, width: int) -> Pixels:
    """Read a picture file and bring it to that size.

    Raises:
        PictureError: it is unreadable, or would be too narrow.
    """
    return resized(read_picture(path), height, width, path)


def resized(
    picture: Image.Image, height: int, width: int, name: object, shortest: int = SHORTEST_SIDE
) -> Pixels:
    """Bring a decoded picture to that size.

    Args:
        picture: upright RGB.
        height: pixels that are wanted.
        width: pixels that are wanted.
        name: what errors call it.
        shortest: pixels that its shorter side must have for the network.

    Raises:
        PictureError: it would be too narrow.
    """
    return np.asarray(resize(picture, height, width, name, shortest))
