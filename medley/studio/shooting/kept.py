"""Where a shot keeps its photo: a mask that is white on the subject, as a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from medley.errors import PictureError
from medley.files import sha256
from medley.studio.shooting.blend import Blend, Mask, read_mask

_LEAST = 1.0  # pixel; what is smaller is nothing


@dataclass(frozen=True)
class Kept:
    """A mask of what stays, at the size of a shot.

    Attributes:
        path: file of the mask.
        height: height of the shot in pixels.
        width: width of the shot in pixels.
        digest: digest of the mask's values at that size.
        held: values in memory; read from the file when needed if None.
    """

    path: Path
    height: int
    width: int
    digest: str
    held: Mask | None = field(default=None, repr=False, compare=False)

    @property
    def mask(self) -> Mask:
        """The mask's values, which are read from the file if they are not held.

        Raises:
            PictureError: the file cannot be read any more, or shows something else.
        """
        if self.held is not None:
            return self.held
        mask = read_mask(self.path, self.height, self.width, lambda _: None)
        if _digest(mask) != self.digest:
            raise PictureError(f"'{self.path}' was changed since it was looked at; start again")
        return mask

    def holding(self) -> Self:
        """Copy it with the values in memory."""
        return replace(self, held=self.mask)

    def without_mask(self) -> Self:
        """Copy it without the values, which the file still has."""
        return replace(self, held=None)


def read_kept(path: Path, height: int, width: int, warn: Callable[[str], None]) -> Kept:
    """Read a mask of what stays.

    Args:
        path: file of the mask.
        height: height of the shot in pixels.
        width: width of the shot in pixels.
        warn: takes a line if the mask may not be as it is meant.

    Raises:
        PictureError: the mask is unreadable, or keeps nothing or everything.
    """
    mask = read_mask(path, height, width, warn)
    if mask.sum() < _LEAST:
        raise PictureError(
            f"'{path}' keeps nothing: it is black all over; paint white what shall stay"
        )
    if (1 - mask).sum() < _LEAST:
        raise PictureError(
            f"'{path}' keeps everything: it is white all over; paint black what shall be repainted"
        )
    return Kept(path, height, width, _digest(mask), mask)


def check_room(blend: Blend, kept: Kept, strength: float) -> None:
    """Check that what is kept leaves a place to each painting that has a mask.

    Args:
        blend: masks of the paintings.
        kept: what is kept.
        strength: how much of the photo stays there.

    Raises:
        PictureError: a painting has no place left.
    """
    free = 1 - strength * kept.mask
    for masked, mask in zip(blend.files.named if blend.files else (), blend.masks, strict=True):
        if (mask * free).sum() < _LEAST:
            raise PictureError(
                f"mask '{masked.mask}' of '{masked.painting}' lies wholly in what '{kept.path}'"
                " keeps; leave it out, or keep less"
            )


def _digest(mask: Mask) -> str:
    return sha256(str(mask.shape).encode(), mask.tobytes())
