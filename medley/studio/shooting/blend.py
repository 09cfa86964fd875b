"""Blends of several paintings in one picture: the weight of each, and the masks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from medley.errors import PictureError, SettingsError
from medley.files import sha256
from medley.images import lay_on_white, read_layers
from medley.paintings.draws import Draw, Kept, Painting
from medley.settings import REST, BlendSettings, MaskedPainting
from medley.transfer.style_path import Walk

Mask = npt.NDArray[np.float32]
"""Weight of a painting at each pixel, float32 `(height, width)` in [0, 1]."""

_WARN_SHARE = 0.005  # share of the picture above which a warning says that masks do not add up


class MaskFiles(NamedTuple):
    """The masks of one shot's paintings, as files.

    Attributes:
        named: masks and their paintings, in the paintings' order.
        height: height of the shot in pixels.
        width: width of the shot in pixels.
        digest: digest of the blend with the values that the masks have at that size.
    """

    named: tuple[MaskedPainting, ...]
    height: int
    width: int
    digest: str


@dataclass(frozen=True)
class Blend:
    """Weights and masks of one shot's paintings, in their order.

    Attributes:
        strengths: weights relative to each other, 1 on average; equal if there are none.
        files: files of the masks; each painting pulls everywhere if there are none.
        walk: change of the strengths from step to step, if they change; excludes masks.
        held: values of the masks in memory; read from the files when needed if None.
    """

    strengths: tuple[float, ...] = ()
    files: MaskFiles | None = None
    walk: Walk | None = None
    held: tuple[Mask, ...] | None = field(default=None, repr=False, compare=False)

    @property
    def digest(self) -> str | None:
        """The digest of all that decides pixels; None for equal weights without masks or walk."""
        if self.walk:
            return sha256(repr(self.walk).encode())
        if self.files:
            return self.files.digest
        if all(strength == 1 for strength in self.strengths):
            return None
        return _digest(self.strengths, ())

    @property
    def masks(self) -> tuple[Mask, ...]:
        """The masks' values, which are read from the files if they are not held.

        Raises:
            PictureError: a mask cannot be read any more, or shows something else.
        """
        if not self.files:
            return ()
        if self.held is not None:
            return self.held
        masks = _read_masks(*self.files[:3], lambda _: None)
        if _digest(self.strengths, masks) != self.files.digest:
            names = ", ".join(f"'{masked.mask}'" for masked in self.files.named)
            raise PictureError(f"of the masks {names} one was changed since; start again")
        return masks

    def holding_masks(self) -> Self:
        """Copy the blend with the masks' values in memory."""
        return replace(self, held=self.masks)

    def without_masks(self) -> Self:
        """Copy the blend without the masks' values, which the files still have."""
        return replace(self, held=None)


def _digest(strengths: tuple[float, ...], masks: Sequence[Mask]) -> str:
    return sha256(repr(strengths).encode(), *(mask.tobytes() for mask in masks))


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
    named = tuple(blending.mask)
    masks = _read_masks(named, height, width, warn)
    files = MaskFiles(named, height, width, _digest(strengths, masks))
    return Blend(strengths, files, held=masks)


def _read_masks(
    named: tuple[MaskedPainting, ...], height: int, width: int, warn: Callable[[str], None]
) -> tuple[Mask, ...]:
    white = "it is black all over; paint white where it shall pull"
    masks = {
        number: _check_covers(read_mask(masked.mask, height, width, warn), masked, white)
        for number, masked in enumerate(named)
        if isinstance(masked.mask, Path)
    }
    whole = sum(masks.values(), np.zeros((height, width), np.float32))
    rest: Mask = np.clip(1 - whole, 0, 1).astype(np.float32)
    for number, masked in enumerate(named):
        if masked.mask == REST:
            masks[number] = _check_covers(rest, masked, "the masks leave nothing for it")
            whole = np.maximum(whole, 1)
    _warn_of_sums(whole, warn)
    sums = np.maximum(whole, 1)
    return tuple(_divided(masks[number], sums) for number in sorted(masks))


def read_mask(path: Path, height: int, width: int, warn: Callable[[str], None]) -> Mask:
    """Read a mask at the size of a shot; what is transparent in it counts as black.

    Args:
        path: file of the mask.
        height: height of the shot in pixels.
        width: width of the shot in pixels.
        warn: takes a line if the mask has another size.

    Raises:
        PictureError: the mask is unreadable.
    """
    layers = read_layers(path)
    picture = lay_on_white(*layers).convert("L")
    if layers.alpha:  # what is transparent counts as black
        picture = Image.composite(picture, Image.new("L", picture.size), layers.alpha)
    if picture.size != (width, height):
        text = f"mask '{path}' is resized from {picture.width}x{picture.height} to {width}x{height}"
        if abs(picture.width * height / (picture.height * width) - 1) > 0.02:
            text += "; its proportions are not the photo's"
        warn(text)
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    white = np.full((height, width), 255, np.float32)
    return _divided(np.asarray(picture, np.float32), white)


def _divided(mask: Mask, by: Mask) -> Mask:
    shares: Mask = np.divide(mask, by, dtype=np.float32)
    return shares


def _check_covers(mask: Mask, masked: MaskedPainting, why: str) -> Mask:
    if mask.sum() < 1:  # pixel
        raise PictureError(f"mask '{masked.mask}' of '{masked.painting}' covers nothing: {why}")
    return mask


def _warn_of_sums(whole: Mask, warn: Callable[[str], None]) -> None:
    over, under = (float(np.mean(part)) for part in (whole > 1.02, whole < 0.98))
    if over > _WARN_SHARE:
        warn(f"the masks overlap on {over:.0%} of the picture, whose paintings share it there")
    if under > _WARN_SHARE:
        warn(
            f"{under:.0%} of the picture is in no mask and stays as it is;"
            f" a mask '{REST}=PAINTING' fills it"
        )
