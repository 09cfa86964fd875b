"""Where a shot keeps its photo: a mask that is white on the subject, as a file."""

from collections.abc import Callable, Sequence
from pathlib import Path

from medley.errors import PictureError
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.masks import LEAST, Masks, read_masks, shared, why_black


def read_kept(path: Path, height: int, width: int, warn: Callable[[str], None]) -> Masks:
    """Read a mask of what stays.

    Args:
        path: file of the mask.
        height: height of the shot in pixels.
        width: width of the shot in pixels.
        warn: takes a line if the mask may not be as it is meant.

    Raises:
        PictureError: the mask is unreadable, or keeps nothing or everything.
    """
    (mask,), whole = read_masks((path,), height, width, warn)
    if mask.sum() < LEAST:
        raise PictureError(f"'{path}' keeps nothing: {why_black(path)} what shall stay")
    if (1 - mask).sum() < LEAST:
        raise PictureError(
            f"'{path}' keeps everything: it is white all over; paint black what shall be repainted"
        )
    return shared((path,), (mask,), whole, str(mask.shape))


def check_room(kept: Masks, strength: float, blend: Blend, paintings: Sequence[Path]) -> None:
    """Check that what is kept leaves a place to each painting that has a mask.

    Args:
        kept: what is kept.
        strength: how much of the photo stays there.
        blend: masks of the paintings.
        paintings: files of the paintings, in their order.

    Raises:
        PictureError: a painting has no place left.
    """
    if not blend.masks:
        return
    free = 1 - strength * kept.values[0]
    masks = zip(blend.masks.files, paintings, blend.masks.values, strict=True)
    for name, painting, mask in masks:
        if (mask * free).sum() < LEAST:
            raise PictureError(
                f"mask '{name}' of '{painting}' lies wholly in what '{kept.files[0]}' keeps;"
                " leave it out, or keep less"
            )
