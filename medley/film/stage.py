"""Whole frames: the picture at its place, what stands behind and beside it, and what lies over."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

from medley.film.compose import mix, wipe
from medley.film.fit import Layout, backdrop, fit_picture
from medley.film.grid import GROUND
from medley.film.overlay import Overlay, moments
from medley.film.timeline import Frame, Still
from medley.images import Pixels

_GROUNDS = 3  # contents whose backdrops are kept; a frame shows two at most


def dress(
    pictures: Iterable[Pixels],
    timeline: Sequence[Frame],
    fps: Fraction,
    layout: Layout,
    content: Callable[[int], Pixels],
    home: Sequence[int],
    overlays: Sequence[Overlay],
) -> Iterator[Pixels]:
    """Turn the pictures of a film into its frames.

    Args:
        pictures: one for each frame, of the layout's picture size; they are not written into.
        timeline: what each frame shows.
        fps: frames a second.
        layout: where the pictures stand.
        content: gives a content's pixels by its number, of the layout's picture size.
        home: the number of each shot's content.
        overlays: drawn into each frame in turn.

    Yields:
        uint8 `(layout.height, layout.width, 3)`; an array that may be yielded again.
    """
    make_ground = _grounds(layout, content)

    def ground_of(still: Still) -> Pixels:
        return make_ground(still.step if still.shot is None else home[still.shot])

    for picture, moment in zip(pictures, moments(timeline, fps), strict=True):
        if layout.is_plain:
            frame = picture.copy() if overlays else picture
        else:
            shown = moment.frame
            frame = ground_of(shown.first)
            if shown.second is not None and ground_of(shown.second) is not frame:
                turn = wipe if shown.wipe else mix
                frame = turn(frame, ground_of(shown.second), shown.mix)
            frame = frame.copy()
            layout.picture.of(frame)[:] = picture
        for overlay in overlays:
            overlay(frame, moment)
        yield frame


def seat(picture: Pixels, layout: Layout, ground: Callable[[], Pixels] | None = None) -> Pixels:
    """A picture at its place in a frame of another size.

    Args:
        picture: of any size.
        layout: where it stands.
        ground: gives what is behind it, if anything shows; by default an even dark ground.
    """
    box = layout.picture
    fitted = fit_picture(picture, box.height, box.width)
    if fitted.shape[:2] == (layout.height, layout.width):
        return fitted
    size = layout.height, layout.width, 3
    seated = ground().copy() if ground else np.full(size, GROUND, np.uint8)
    box.of(seated)[:] = fitted
    return seated


def _grounds(layout: Layout, content: Callable[[int], Pixels]) -> Callable[[int], Pixels]:
    """What is behind the picture, and the content beside it, made once for each content."""

    @lru_cache(maxsize=_GROUNDS)
    def make(number: int) -> Pixels:
        ground = backdrop(content(number), layout)
        if box := layout.beside:
            box.of(ground)[:] = fit_picture(content(number), box.height, box.width)
        return ground

    return make
