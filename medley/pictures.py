"""Pictures described by file, size and digest, whose pixels are read only when needed.

Shots' settings decide at which sizes photos and paintings are used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from medley.errors import PictureError
from medley.files import sha256
from medley.images import Pixels, read_picture, resize, size_for_pixels, size_for_side
from medley.settings import SHORTEST_SIDE, ShotSettings, StyleSettings

_ENLARGED = 2  # times, beyond which a photo has nothing to show for it
_STROKES_SIDE = 100  # pixels; the side of a painting in which strokes can still be told apart
_SEEN_SCALES = (0.5, 2.0)  # least and largest `style_scale` that was looked at


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


def content_size(height: int, width: int, settings: ShotSettings) -> tuple[int, int]:
    """The height and width in pixels at which the settings want a photo of a given size."""
    if settings.size is None:
        return size_for_pixels(height, width, settings.pixels)
    return size_for_side(height, width, settings.size)


def enlargement(photo: Picture, height: int, width: int) -> list[str]:
    """Say that a photo of `height` x `width` pixels is enlarged more than twice, if it is."""
    if max(photo.height, photo.width) <= _ENLARGED * max(height, width):
        return []
    return [
        f"'{photo.path}' has {width}x{height} pixels and is enlarged to"
        f" {photo.width}x{photo.height}; a larger photo, or a smaller size, looks sharper"
    ]


def painting_size(
    height: int, width: int, content: Picture, settings: StyleSettings
) -> tuple[int, int]:
    """The height and width at which a painting has the content's area, times `style_scale`."""
    area = content.height * content.width * settings.style_scale**2
    return size_for_pixels(height, width, area)


def scale_notes(settings: StyleSettings, height: int, width: int) -> list[str]:
    """The notes for the user on a `style_scale` that does not do what it says.

    Args:
        settings: the scale.
        height, width: size of the photo as it is repainted.
    """
    scale, notes = settings.style_scale, []
    least, most = _SEEN_SCALES
    if not least <= scale <= most:
        notes.append(
            f"a style scale of {scale:g} is beyond {least:g} to {most:g}, within which strokes were"
            " seen to follow it"
        )
    side = scale * math.sqrt(height * width)
    if scale < 1 and side < _STROKES_SIDE:
        enough = math.ceil(max(height, width) * _STROKES_SIDE / side)
        notes.append(
            f"a style scale of {scale:g} cannot do much at {width}x{height} pixels: paintings of"
            f" about {side:.0f}x{side:.0f} have no strokes left; it can from {enough} pixels on the"
            " long side"
        )
    return notes


def resize_content(picture: Image.Image, settings: ShotSettings, name: Path) -> Picture:
    """Resize a decoded photo to the size that the settings ask for.

    Raises:
        PictureError: the result would be too narrow for the network.
    """
    size = content_size(picture.height, picture.width, settings)
    return held_picture(name, resized(picture, *size, name, settings.shortest_side))


def fit_painting(
    content: Picture, picture: Image.Image, name: Path, settings: StyleSettings
) -> Picture:
    """Resize a decoded painting to the content's area, times `style_scale`.

    Raises:
        PictureError: the result would be too narrow for the network.
    """
    size = painting_size(picture.height, picture.width, content, settings)
    return held_picture(name, resized(picture, *size, name, settings.shortest_side))
