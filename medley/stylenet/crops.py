"""Crops that a style network is trained on: random places, scales and flips.

They are of photos, or of pairs of a photo and what it was repainted as.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from medley.errors import PictureError
from medley.images import read_picture
from medley.tensors import to_tensor

_LONGEST = 1024  # pixels of a photo's longer side that are kept; crops are a small part of it
_KEPT = 256  # photos, of at most 2.4 MB each
_TRIES = 50  # photos in a row that cannot be read

Source = TypeVar("Source")
View = TypeVar("View")


class Pair(NamedTuple):
    """A photo and what it was repainted as, after one of the paintings.

    Attributes:
        photo: picture file.
        target: picture file of the same size.
        style: number of the painting.
    """

    photo: Path
    target: Path
    style: int


class Crops(NamedTuple):
    """What a step is taken on.

    Attributes:
        photos: float RGB `(n, 3, side, side)` in [0, 1].
        styles: number of the painting of each.
        targets: what they were repainted as, of the same shape; None where that is not known.
    """

    photos: Tensor
    styles: Sequence[int]
    targets: Tensor | None = None


class _Window(NamedTuple):
    """Where a crop lies in a picture, and whether it is flipped."""

    box: tuple[int, int, int, int]
    flip: bool


class _Pool(Generic[Source, View]):
    """What crops are drawn from, read when one is drawn; the latest stay in memory."""

    def __init__(
        self, sources: Sequence[Source], read: Callable[[Source], View], tell: Callable[[str], None]
    ) -> None:
        self._sources, self._tell = list(sources), tell
        self._read = lru_cache(_KEPT)(read)
        self._bad: set[Source] = set()

    def draw(self, random: np.random.Generator) -> tuple[Source, View]:
        """Draw one; in its place, if it cannot be read, another."""
        told = ""
        for _ in range(_TRIES):
            source = self._sources[random.integers(len(self._sources))]
            try:
                return source, self._read(source)
            except PictureError as error:
                told = str(error)
                if source not in self._bad:
                    self._tell(f"passed over: {error}")
                self._bad.add(source)
        raise PictureError(f"none of {_TRIES} photos drawn can be read; the last: {told}")


class Photos:
    """Photos by their paths."""

    def __init__(self, paths: Sequence[Path], tell: Callable[[str], None]) -> None:
        """Note the paths.

        Args:
            paths: photos to draw from.
            tell: takes a line about each that turns out not to be readable.
        """
        self._pool = _Pool(paths, _shrunk, tell)

    def batch(self, side: int, count: int, random: np.random.Generator) -> Tensor:
        """Draw square crops as float RGB `(count, 3, side, side)` in [0, 1].

        A crop shows between its own side and all of the photo's shorter one, every scale alike.

        Raises:
            PictureError: no photo can be read.
        """
        crops = []
        for _ in range(count):
            _, photo = self._pool.draw(random)
            whole = min(photo.size)
            least = min(side, whole)
            shown = min(whole, round(least * (whole / least) ** random.random()))
            crops.append(_cut(photo, side, _window(photo, shown, random)))
        return torch.cat(crops)


class Pairs:
    """Photos with what they were repainted as."""

    def __init__(self, pairs: Sequence[Pair], tell: Callable[[str], None]) -> None:
        """Note the pairs.

        Args:
            pairs: pairs to draw from.
            tell: takes a line about each that turns out not to be readable.
        """
        self._pool = _Pool(pairs, _both, tell)

    def batch(self, side: int, count: int, random: np.random.Generator) -> Crops:
        """Draw square crops, each at the same place of both pictures of a pair.

        They are not scaled, so that strokes stay as large as they were painted: where a picture is
        narrower than `side`, all crops are as narrow.

        Raises:
            PictureError: no pair can be read.
        """
        drawn = [self._pool.draw(random) for _ in range(count)]
        side = min(side, *(min(photo.size) for _, (photo, _) in drawn))
        windows = [_window(photo, side, random) for _, (photo, _) in drawn]
        photos, targets = (
            torch.cat(
                [
                    _cut(views[which], side, window)
                    for (_, views), window in zip(drawn, windows, strict=True)
                ]
            )
            for which in (0, 1)
        )
        return Crops(photos, [pair.style for pair, _ in drawn], targets)


def _shrunk(path: Path) -> Image.Image:
    photo = read_picture(path)
    photo.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    return photo


def _both(pair: Pair) -> tuple[Image.Image, Image.Image]:
    return read_picture(pair.photo), read_picture(pair.target)


def _window(photo: Image.Image, shown: int, random: np.random.Generator) -> _Window:
    """Draw a square of `shown` pixels."""
    left = int(random.integers(photo.width - shown + 1))
    top = int(random.integers(photo.height - shown + 1))
    return _Window((left, top, left + shown, top + shown), random.random() < 0.5)


def _cut(photo: Image.Image, side: int, window: _Window) -> Tensor:
    crop = photo.resize((side, side), Image.Resampling.LANCZOS, box=window.box)
    if window.flip:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return to_tensor(crop)
