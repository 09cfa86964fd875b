"""Crops of photos that a style network is trained on: random places, scales and flips."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

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


class Photos:
    """Photos by their paths, read when a crop of them is drawn; the latest stay in memory."""

    def __init__(self, paths: Sequence[Path], tell: Callable[[str], None]) -> None:
        """Note the paths.

        Args:
            paths: photos to draw from.
            tell: takes a line about each that turns out not to be readable.
        """
        self._paths, self._tell = list(paths), tell
        self._read = lru_cache(_KEPT)(_shrunk)
        self._bad: set[Path] = set()

    def batch(self, side: int, count: int, random: np.random.Generator) -> Tensor:
        """Draw square crops as float RGB `(count, 3, side, side)` in [0, 1].

        A crop shows between its own side and all of the photo's shorter one, every scale alike.

        Raises:
            PictureError: no photo can be read.
        """
        return torch.cat([_crop(self._draw(random), side, random) for _ in range(count)])

    def _draw(self, random: np.random.Generator) -> Image.Image:
        """Draw a photo; in place of one that cannot be read, another."""
        for _ in range(_TRIES):
            path = self._paths[random.integers(len(self._paths))]
            try:
                return self._read(path)
            except PictureError as error:
                if path not in self._bad:
                    self._tell(f"passed over: {error}")
                self._bad.add(path)
        raise PictureError(f"none of {_TRIES} photos drawn can be read; look at '{path}', the last")


def _shrunk(path: Path) -> Image.Image:
    photo = read_picture(path)
    photo.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
    return photo


def _crop(photo: Image.Image, side: int, random: np.random.Generator) -> Tensor:
    whole = min(photo.size)
    least = min(side, whole)
    shown = min(whole, round(least * (whole / least) ** random.random()))
    left = int(random.integers(photo.width - shown + 1))
    top = int(random.integers(photo.height - shown + 1))
    box = (left, top, left + shown, top + shown)
    crop = photo.resize((side, side), Image.Resampling.LANCZOS, box=box)
    if random.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return to_tensor(crop)
