"""Where a film's pictures stand in its frames: padded or cropped to a size, or two side by side."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from medley.film.compose import pad_to_even
from medley.film.grid import GAP_SHARE, GROUND, LEAST_GAP
from medley.images import Pixels
from medley.settings import Fit, FrameSize

SCREEN_ASPECT = 16 / 9  # what two pictures side by side come near to, unless a size is given
SNAP = 2  # pixels by which a picture is stretched rather than leave so thin a bar
BACKDROP_LIGHT = 0.42  # of the blurred photo behind padded pictures, against the photo's own
_BACKDROP_SIDE = 96  # pixels at which it is blurred; nothing fine is left of it anyway
_BACKDROP_BLUR = 3.5  # of these


@dataclass(frozen=True)
class Box:
    """A rectangle of a frame, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, frame: Pixels) -> Pixels:
        """This part of a frame; what is written there stands in the frame."""
        return frame[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Layout:
    """A frame's even size, and where the picture stands in it, and the content if it does too."""

    height: int
    width: int
    picture: Box
    beside: Box | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the picture is all there is, but for a row or column that makes sides even."""
        full = self.picture.height >= self.height - 1 and self.picture.width >= self.width - 1
        return full and (self.picture.top, self.picture.left) == (0, 0)


def plan_layout(
    height: int,
    width: int,
    size: FrameSize | None = None,
    fit: Fit = "pad",
    beside: bool = False,
) -> Layout:
    """Find the places of pictures of `height` x `width` in a film of that size.

    Two stand next to each other or one over the other, whichever shows them larger.

    Args:
        height, width: of the pictures.
        size: of the frames; by default what the pictures need, made even.
        fit: whether pictures of another shape than the frame are padded or cropped.
        beside: whether the content stands beside the picture.
    """
    size = size or FrameSize()
    if size.height and size.width:
        room = size.height, size.width
        layouts = _arrangements(height, width, room, fit, beside)
        return max(layouts, key=lambda layout: _shown(layout, height, width))
    if not beside and not size.long_side:
        return Layout(height, width, Box(0, 0, height, width))
    grids = [(1, 2), (2, 1)] if beside else [(1, 1)]
    gap = _gap(height, width) if beside else 0
    height, width = _even(height), _even(width)

    def extent(rows: int, columns: int) -> tuple[int, int]:
        return rows * height + (rows - 1) * gap, columns * width + (columns - 1) * gap

    rows, columns = max(grids, key=lambda grid: _screen_share(*extent(*grid)))
    high, wide = extent(rows, columns)
    if size.long_side is None:
        return _stand(high, wide, (height, width), (rows, columns), gap, (0, 0))
    scale = size.long_side / max(high, wide)
    high, wide = (max(2, 2 * round(side * scale / 2)) for side in (high, wide))
    return _fill(high, wide, (rows, columns))


def fit_picture(picture: Pixels, height: int, width: int) -> Pixels:
    """Scale a picture to a size, cut evenly on both sides where its shape is another.

    Where only a row or column is missing that makes a side even, the last one is repeated.
    """
    high, wide = picture.shape[:2]
    if (_even(high), _even(wide)) == (height, width):
        return pad_to_even(picture)
    if (high, wide) == (height, width):
        return picture
    scale = max(height / high, width / wide)
    kept_high, kept_wide = min(high, height / scale), min(wide, width / scale)
    top, left = (high - kept_high) / 2, (wide - kept_wide) / 2
    if max(high - kept_high, wide - kept_wide) * scale <= SNAP:  # rounding, no other shape
        top, left, kept_high, kept_wide = 0, 0, high, wide
    window = (left, top, left + kept_wide, top + kept_high)
    image = Image.fromarray(picture)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box=window))


def backdrop(content: Pixels, layout: Layout) -> Pixels:
    """What stands behind the pictures: the content over the whole frame, blurred and dimmed.

    A layout that shows nothing but a gap between two pictures has an even dark ground.
    """
    shown = layout.picture.height * layout.picture.width * (2 if layout.beside else 1)
    if shown >= 0.96 * layout.height * layout.width:
        return np.full((layout.height, layout.width, 3), GROUND, np.uint8)
    scale = _BACKDROP_SIDE / max(layout.height, layout.width)
    small = max(2, round(layout.height * scale)), max(2, round(layout.width * scale))
    image = Image.fromarray(fit_picture(content, *small))
    image = image.filter(ImageFilter.GaussianBlur(_BACKDROP_BLUR))
    image = image.resize((layout.width, layout.height), Image.Resampling.BICUBIC)
    dimmed: Pixels = np.rint(np.asarray(image) * np.float32(BACKDROP_LIGHT)).astype(np.uint8)
    return dimmed


def _arrangements(
    height: int, width: int, room: tuple[int, int], fit: Fit, beside: bool
) -> list[Layout]:
    grids = [(1, 2), (2, 1)] if beside else [(1, 1)]
    if fit == "crop":
        return [_fill(*room, grid) for grid in grids]
    layouts = []
    for rows, columns in grids:
        gap = _gap(*room) if beside else 0
        high, wide = room[0] - (rows - 1) * gap, room[1] - (columns - 1) * gap
        scale = min(high / rows / height, wide / columns / width)
        pane = _snap(height * scale, high // rows), _snap(width * scale, wide // columns)
        used = rows * pane[0] + (rows - 1) * gap, columns * pane[1] + (columns - 1) * gap
        corner = (room[0] - used[0]) // 2, (room[1] - used[1]) // 2
        layouts.append(_stand(*room, pane, (rows, columns), gap, corner))
    return layouts


def _fill(height: int, width: int, grid: tuple[int, int]) -> Layout:
    """One or two panes that leave nothing of the frame but the gap between them."""
    rows, columns = grid
    gap = _gap(height, width) if rows * columns > 1 else 0
    gap += (height - gap) % 2 if rows > 1 else (width - gap) % 2 if columns > 1 else 0
    pane = (height - (rows - 1) * gap) // rows, (width - (columns - 1) * gap) // columns
    return _stand(height, width, pane, grid, gap, (0, 0))


def _stand(
    height: int,
    width: int,
    pane: tuple[int, int],
    grid: tuple[int, int],
    gap: int,
    corner: tuple[int, int],
) -> Layout:
    """The content stands first, on the left or above, and what becomes of it second."""
    first = Box(*corner, *pane)
    if grid == (1, 1):
        return Layout(height, width, first)
    down, right = (pane[0] + gap, 0) if grid[0] > 1 else (0, pane[1] + gap)
    second = Box(corner[0] + down, corner[1] + right, *pane)
    return Layout(height, width, second, first)


def _shown(layout: Layout, height: int, width: int) -> float:
    """How much a layout shows of pictures of that size: the larger and less cut, the more."""
    pane = layout.picture
    scale = max(pane.height / height, pane.width / width)
    kept = pane.height * pane.width / (scale * scale * height * width)
    return kept * pane.height * pane.width


def _screen_share(height: int, width: int) -> float:
    """How much of a screen something of that size fills."""
    aspect = width / height / SCREEN_ASPECT
    return min(aspect, 1 / aspect)


def _gap(height: int, width: int) -> int:
    gap = max(LEAST_GAP, round(min(height, width) * GAP_SHARE))
    return gap + gap % 2


def _snap(length: float, room: int) -> int:
    return room if room - length <= SNAP else max(1, round(length))


def _even(side: int) -> int:
    return side + side % 2
