"""The title: words over the dimmed photo, before the film begins."""

from fractions import Fraction
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from medley.film.layers import Layer, blend
from medley.film.lettering import drawable, length, wrap, write
from medley.film.overlay import Moment, Overlay
from medley.film.timeline import ease
from medley.images import Pixels

FADE_S = 0.7  # seconds in which a title comes, and again in which it goes
DIM = 0.55  # of the photo's light that a title takes away
WIDEST = 0.84  # against the frame's width
SIZE_SHARE = 1 / 8.5  # letters' height against the frame's shorter side
LEAST_SHARE = 1 / 16  # of a title that is long
SUBTITLE = 0.48  # letters' height against the title's
LINE, GAP = 1.22, 0.5  # from one line to the next, and above a subtitle, against its letters
MOST_LINES = 3
LEAST = 7  # pixels


def title_frames(fps: Fraction, seconds: float) -> int:
    """How many frames a title takes, one at least."""
    return max(1, round(fps * Fraction(str(seconds))))


def title(text: str, height: int, width: int, fps: Fraction, count: int) -> Overlay:
    """Words in the middle of the first `count` frames, over the dimmed picture.

    They are not there yet in the first of them, and no longer in the one after the last, so that
    the film still loops.

    Args:
        text: a first line, and smaller ones after it.
        height, width: size of a frame, in pixels.
        fps: frames a second.
        count: frames that the title takes.
    """
    fade = max(1.0, min(float(fps) * FADE_S, count / 2))

    @lru_cache(maxsize=1)
    def layer() -> Layer:
        return title_layer(text, height, width)

    def draw(frame: Pixels, moment: Moment) -> None:
        if moment.number < count:
            amount = min(1.0, moment.number / fade, (count - moment.number) / fade)
            blend(frame, [(layer(), ease(amount))])

    return draw


def title_layer(text: str, height: int, width: int) -> Layer:
    """A title in the middle of a frame, and the dimming behind it."""
    letters = Image.new("L", (width, height))
    draw = ImageDraw.Draw(letters)
    lines = _set_lines(text, height, width)
    heights = [LINE * size + (GAP * size if small else 0) for _, size, small in lines]
    top = (height - sum(heights)) / 2
    for (line, size, small), high in zip(lines, heights, strict=True):
        top += GAP * size if small else 0
        write(draw, ((width - length(line, size)) / 2, top), line, size, 225 if small else 255)
        top += high - (GAP * size if small else 0)
    light = np.asarray(letters, np.float32)[..., None] / np.float32(255)
    return Layer(0, 0, 255 * light, 1 - np.float32(1 - DIM) * (1 - light))


def _set_lines(text: str, height: int, width: int) -> list[tuple[str, int, bool]]:
    """Break a title into lines, each with its size and whether it is the first below the title.

    The letters shrink until the title fits into few lines, as far as they may.
    """
    head, *tail = [" ".join(drawable(line).split()) for line in text.strip().split("\n")]
    side, room = min(height, width), round(width * WIDEST)
    size, least = round(side * SIZE_SHARE), max(LEAST, round(side * LEAST_SHARE))
    size = max(size, LEAST)
    while size > least and (
        len(wrap(head, size, room, MOST_LINES + 1)) > 2
        or any(length(word, size) > room for word in head.split())
    ):
        size -= 1
    lines = [(line, size, False) for line in wrap(head, size, room, MOST_LINES)]
    small = max(LEAST - 1, round(size * SUBTITLE))
    for number, line in enumerate(line for line in tail if line):
        lines += [
            (part, small, number == place == 0)
            for place, part in enumerate(wrap(line, small, room, 2))
        ]
    return [line for line in lines if line[0]]
