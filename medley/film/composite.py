"""Whole frames: the picture at its place, what stands behind and beside it, and what lies over."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from medley.film.layout import GAP_SHARE, LEAST_GAP, SNAP, Grid, Layout
from medley.film.mix import joined, pad_to_even
from medley.film.overlay import Moment, Overlay
from medley.film.timeline import Frame
from medley.images import Pixels, contain
from medley.settings.film import MIDDLE, Focus

GROUND = 18  # gray level behind pictures
BACKDROP_LIGHT = 0.42  # of the blurred picture behind a padded one, against its own
_BACKDROP_SIDE = 96  # pixels at which it is blurred; nothing fine is left of it anyway
_BACKDROP_BLUR = 2.0  # pixels at that size
_BACKDROP_LEVELS = [round(BACKDROP_LIGHT * level) for level in range(256)] * 3
_CONTENTS = 3  # contents whose panes are kept; a frame shows two at most
SPLIT_REACH = 0.44  # how far from the middle a split's border goes, against the width
SPLIT_PERIOD_S = 5.0  # about what the border takes there and back


def composite(
    pictures: Iterable[Pixels],
    timeline: Sequence[Frame],
    presence: Sequence[Mapping[int, float]],
    layout: Layout,
    content: Callable[[int], Pixels],
    home: Sequence[int],
    overlays: Sequence[Overlay],
    border: Callable[[int], float] | None = None,
) -> Iterator[Pixels]:
    """Turn the pictures of a film into its frames.

    Args:
        pictures: one for each frame, of the layout's picture size; they are not written into.
        timeline: what each frame shows.
        presence: how much of each shot's overlays is in each frame; see `presences`.
        layout: where the pictures stand.
        content: gives a content's pixels by its number, of the layout's picture size.
        home: the number of each shot's content.
        overlays: drawn into each frame in turn.
        border: where the border stands in a frame of a number, left of which the content is shown
            in the picture's place, as a share of the width; nowhere by default.

    Yields:
        uint8 `(layout.height, layout.width, 3)`; an array that may be yielded again.
    """
    pane_of = lru_cache(maxsize=_CONTENTS)(partial(_content_pane, layout, content))
    kept, kept_shown = None, None
    frame: Pixels
    times = zip(pictures, timeline, presence, strict=True)
    for number, (whole, shown, amounts) in enumerate(times):
        picture = whole
        if border and (shown.first.shot, shown.second) != (None, None):
            picture = split(_beside(shown, home, pane_of), whole, border(number))
        if layout.is_plain:
            frame = picture
        elif picture is not kept or shown != kept_shown:  # a held frame is not laid out again
            frame = lay_frame(picture, layout)
            if layout.beside:
                layout.beside.of(frame)[:] = _beside(shown, home, pane_of)
            kept, kept_shown = picture, shown
        dressed = frame.copy() if overlays else frame
        for overlay in overlays:
            overlay(dressed, Moment(number, shown, amounts))
        yield dressed


def lay_frame(picture: Pixels, layout: Layout) -> Pixels:
    """A picture at its place, and behind it itself: blurred, dimmed, as wide as the frame.

    Where little is left of the frame but a gap between two panes, it is an even dark ground.

    Args:
        picture: pixels of the layout's picture size.
        layout: where it stands; what is for the content beside it is left dark.

    Returns:
        A fresh array, uint8 `(layout.height, layout.width, 3)`.
    """
    frame = _dark(layout.height, layout.width)
    if layout.has_bars:
        scale = _BACKDROP_SIDE / max(layout.height, layout.width)
        small = _backdrop(picture, layout.height * scale, layout.width * scale)
        down, right = small.height / layout.height, small.width / layout.width
        for bar in layout.bars:  # to enlarge the whole frame would take twice as long
            part = (bar.left * right, bar.top * down, bar.right * right, bar.bottom * down)
            size = bar.width, bar.height
            bar.of(frame)[:] = np.asarray(small.resize(size, Image.Resampling.BICUBIC, part))
    layout.picture.of(frame)[:] = picture
    return frame


def _backdrop(picture: Pixels, height: float, width: float) -> Image.Image:
    """A small copy of a picture in a frame's shape, blurred and dimmed."""
    high, wide = max(2, round(height)), max(2, round(width))
    # Averaging is a sixth of the work of a finer filter, of which blurring leaves nothing.
    image = ImageOps.fit(Image.fromarray(picture), (wide, high), Image.Resampling.BOX)
    return image.filter(ImageFilter.GaussianBlur(_BACKDROP_BLUR)).point(_BACKDROP_LEVELS)


def _content_pane(layout: Layout, content: Callable[[int], Pixels], number: int) -> Pixels:
    box = layout.beside or layout.picture
    return fit_picture(content(number), box.height, box.width)


def _beside(shown: Frame, home: Sequence[int], pane_of: Callable[[int], Pixels]) -> Pixels:
    """The content that stands beside what a frame shows, and turns to another as it does."""
    stills = [shown.first] if shown.second is None else [shown.first, shown.second]
    numbers = [still.step if still.shot is None else home[still.shot] for still in stills]
    first, last = pane_of(numbers[0]), pane_of(numbers[-1])
    return first if first is last else joined(shown, first, last)


def letterbox(picture: Pixels, layout: Layout, focus: Focus = MIDDLE) -> Pixels:
    """A picture at its place in a frame of another size, on an even dark ground.

    Args:
        picture: pixels of any size.
        layout: where it stands.
        focus: the point that a crop keeps.
    """
    box = layout.picture
    fitted = fit_picture(picture, box.height, box.width, focus)
    if fitted.shape[:2] == (layout.height, layout.width):
        return fitted
    frame = _dark(layout.height, layout.width)
    box.of(frame)[:] = fitted
    return frame


def fit_picture(picture: Pixels, height: int, width: int, focus: Focus = MIDDLE) -> Pixels:
    """Scale a picture to a size, cut on both sides where its shape is another.

    The focus comes into the middle of what is kept, or as near to it as the picture's edge allows.

    Where only a row or column is missing that makes a side even, the last one is repeated.
    """
    high, wide = picture.shape[:2]
    if (high + high % 2, wide + wide % 2) == (height, width):
        return pad_to_even(picture)
    if (high, wide) == (height, width):
        return picture
    image = Image.fromarray(picture)
    scale = max(height / high, width / wide)
    cut = max(high - height / scale, wide - width / scale)
    if cut * scale <= SNAP:  # rounding, no other shape
        return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    # Pillow takes the part of what is cut that is cut on the left, and above.
    centre = (
        _share_before(focus.x, width / scale / wide), _share_before(focus.y, height / scale / high)
    )  # fmt: skip
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS, centering=centre)
    return np.asarray(fitted)


def _share_before(point: float, kept: float) -> float:
    """How much of what is cut lies before the part that is kept, a share of a side."""
    cut = 1 - kept
    return min(1.0, max(0.0, (point - kept / 2) / cut)) if cut > 0 else 0.5


def fit_pane(picture: Pixels, height: int, width: int) -> Pixels:
    """`picture` as large as fits into a pane, its proportions kept, centred on the ground."""
    if picture.shape[:2] == (height, width):
        return picture
    small = np.asarray(contain(Image.fromarray(picture), height, width))
    pane = _dark(height, width)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    pane[top : top + small.shape[0], left : left + small.shape[1]] = small
    return pane


def arrange(grid: Grid, panes: Sequence[Pixels]) -> Pixels:
    """Set panes into a frame.

    Args:
        grid: where they stand.
        panes: uint8 `(pane_height, pane_width, 3)`, as many as the grid counts.

    Returns:
        uint8 `(grid.height, grid.width, 3)`.

    Raises:
        ValueError: their number or a size is another.
    """
    if len(panes) != grid.count:
        raise ValueError(f"the grid has {grid.count} panes, not {len(panes)}")
    frame = _dark(grid.height, grid.width)
    for number, pane in enumerate(panes):
        if pane.shape != (grid.pane_height, grid.pane_width, 3):
            raise ValueError(
                f"pane {number} is {pane.shape[1]}x{pane.shape[0]} pixels,"
                f" but the grid's are {grid.pane_width}x{grid.pane_height}"
            )
        grid.box(number).of(frame)[:] = pane
    return frame


def border_at(frame: int, count: int, fps: float) -> float:
    """Where a split's border stands in a frame, as a share of the width.

    It starts in the middle, swings evenly from side to side, and is back where it began when the
    film's last frame leads into its first.

    Args:
        frame: its number, below `count`.
        count: frames of the film.
        fps: frames a second.
    """
    swings = max(1, round(count / fps / SPLIT_PERIOD_S))
    return 0.5 - SPLIT_REACH * math.sin(2 * math.pi * swings * frame / count)


def split(first: Pixels, second: Pixels, border: float) -> Pixels:
    """`first` left of a border and `second` right of it, with a bright line between.

    Args:
        first, second: uint8 `(height, width, 3)`, of one shape.
        border: where it stands, as a share of the width.

    Raises:
        ValueError: the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"cannot split pictures of shapes {first.shape} and {second.shape}")
    height, width = first.shape[:2]
    line = max(LEAST_GAP // 2, round(min(height, width) * GAP_SHARE / 2))
    place = round(border * width)
    both = second.copy()
    both[:, :place] = first[:, :place]
    both[:, max(0, place - line // 2) : place - line // 2 + line] = 255
    return both


def _dark(height: int, width: int) -> Pixels:
    return np.full((height, width, 3), GROUND, np.uint8)
