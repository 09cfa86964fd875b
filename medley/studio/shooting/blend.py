"""Blends of several paintings in one picture: the weight of each, and the masks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from medley.errors import PictureError, SettingsError
from medley.files import sha256
from medley.paintings.draws import Draw, Kept, Painting
from medley.settings import REST, BlendSettings, MaskedPainting
from medley.studio.shooting.masks import LEAST, Mask, Masks, read_masks, shared, why_black
from medley.transfer.style_path import Turns, Walk

_WARN_SHARE = 0.005  # share of the picture above which a warning says that masks do not add up


@dataclass(frozen=True)
class Blend:
    """Weights and masks of one shot's paintings, in their order.

    Attributes:
        strengths: weights relative to each other, 1 on average; equal if there are none.
        masks: where each painting pulls; everywhere if there are none.
        walk: change of the strengths from step to step, if they change; excludes masks.
    """

    strengths: tuple[float, ...] = ()
    masks: Masks | None = None
    walk: Walk | Turns | None = None

    @property
    def digest(self) -> str | None:
        """The digest of all that decides pixels; None for equal weights without masks or walk."""
        if self.walk:
            return sha256(repr(self.walk).encode())
        if self.masks:
            return self.masks.digest
        if all(strength == 1 for strength in self.strengths):
            return None
        return sha256(repr(self.strengths).encode())

    def holding_masks(self) -> Self:
        """Copy the blend with the masks' values in memory."""
        return replace(self, masks=self.masks and self.masks.holding())

    def without_masks(self) -> Self:
        """Copy the blend without the masks' values, which the files still have."""
        return replace(self, masks=self.masks and self.masks.released())


def paintings_of_blend(blending: BlendSettings, drawn: Draw[Kept]) -> list[Painting[Kept]]:
    """Sort the drawn paintings in the order of the masks that name them, if there are masks.

    Raises:
        PictureError: a mask's painting is unreadable.
    """
    if not blending.mask:
        return drawn.paintings
    by_path = {painting.path: painting for painting in drawn.paintings}
    missing = [masked for masked in blending.mask if masked.painting not in by_path]
    if missing:
        why = next((text for text in drawn.skipped if str(missing[0].painting) in text), "")
        raise PictureError(why or f"'{missing[0].painting}' was not drawn; remove the filters")
    return [by_path[masked.painting] for masked in blending.mask]


def read_blend(
    blending: BlendSettings, count: int, height: int, width: int, warn: Callable[[str], None]
) -> Blend:
    """Read the masks and weights of one shot's paintings.

    Args:
        blending: settings that name masks or weights.
        count: number of paintings.
        height: height of the shot in pixels.
        width: width of the shot in pixels.
        warn: takes a line about each mask that may not be as it is meant.

    Raises:
        PictureError: a mask is unreadable or covers nothing, or weights do not match.
    """
    try:
        strengths = blending.strengths(count)
    except SettingsError as error:
        raise PictureError(*error.args) from None
    if not blending.mask:
        return Blend(strengths)
    files = [masked.mask for masked in blending.mask]
    masks, whole = read_masks(files, height, width, warn)
    for masked, mask in zip(blending.mask, masks, strict=True):
        if mask.sum() < LEAST:
            raise PictureError(
                f"mask '{masked.mask}' of '{masked.painting}' covers nothing: {_why(masked)}"
            )
    _warn_of_sums(np.maximum(whole, 1) if REST in files else whole, warn)
    return Blend(strengths, shared(files, masks, whole, repr(strengths)))


def _why(masked: MaskedPainting) -> str:
    if isinstance(masked.mask, Path):
        return f"{why_black(masked.mask)} where it shall pull"
    return "the masks leave nothing for it"


def _warn_of_sums(whole: Mask, warn: Callable[[str], None]) -> None:
    over, under = (float(np.mean(part)) for part in (whole > 1.02, whole < 0.98))
    if over > _WARN_SHARE:
        warn(f"the masks overlap on {over:.0%} of the picture, whose paintings share it there")
    if under > _WARN_SHARE:
        warn(
            f"{under:.0%} of the picture is in no mask and stays as it is;"
            f" a mask '{REST}=PAINTING' fills it"
        )
