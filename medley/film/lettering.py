"""Words on pictures, in DejaVu Sans: the same letters everywhere.

A line with letters that DejaVu Sans lacks, such as Chinese ones, is set in a font of this machine's
that has them; a letter that none has becomes a box, and is never another letter. Right-to-left
writing is put in order by Pillow's own layout engine where it was built with one, which also joins
Arabic letters; elsewhere by python-bidi.
"""

import math
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from bidi.algorithm import get_display
from PIL import Image, ImageDraw, ImageFilter, ImageFont, features

from medley.film.fonts import DEJAVU, face_of, has, shows
from medley.film.layers import Layer, blend, widened
from medley.images import Pixels

# A caption on the picture: its letters' height against the picture's shorter side.
CAPTION_SHARE = 1 / 24
CAPTION_HIGHEST = 0.4  # of a picture's height, that two lines may take
CAPTION_LINES = 3.3  # what they do take, against the letters' height
PLAQUE_LINES = 3  # of a title, and of what follows it
PLAQUE_PAD = 0.6  # above and below, against the letters' height
PLAQUE_HALO = 0.5  # the dark around letters, against their height
PLAQUE_GLOW = 3.0  # how much darker that is than letters are when they are blurred
LABEL_SHARE = 1 / 15  # a label's letters, whose picture is one of several
LABEL_LEAST = 10  # pixels
LABEL_PAD, LABEL_RISE = 1.0, 0.15  # left and right of a label, above and below: of that height
DETAIL_SHARE = 0.82  # of further lines, against the first
STRIP_DARKNESS = 0.66  # white on it keeps a contrast of 7:1 even on a white picture (WCAG AAA)
LINE = 1.3  # from one line to the next, against the letters' height

Ink = int | tuple[int, int, int]

_LAYS_OUT = features.check("raqm")
_BOX = "□"


def caption(frame: Pixels, text: str) -> Pixels:
    """A copy of `frame` with `text` on a dark strip along its lower edge; see `caption_layer`."""
    captioned = frame.copy()
    if (layer := caption_layer(text, *frame.shape[:2])) is not None:
        blend(captioned, [(layer, 1.0)])
    return captioned


def caption_layer(text: str, height: int, width: int) -> Layer | None:
    """`text` on a dark strip along the lower edge of a picture of that size; None if nothing fits.

    The letters grow with the picture. A first line is white, a second smaller and fainter; the
    lines after that are dropped, and on a tiny picture it too. What is wider than the picture ends
    in an ellipsis, and writing that goes from right to left stands on the right.
    """
    size = max(8, round(min(height, width) * CAPTION_SHARE))
    lines = tuple(" ".join(drawable(line).split()) for line in text.split("\n")[:2])
    lines = tuple(line for line in lines if line)
    if CAPTION_LINES * size > CAPTION_HIGHEST * height:
        lines = lines[:1]
    letters = _strip(lines, size, width)
    return None if letters is None else _on_dark(letters, height - len(letters), 0)


def plaque_layer(text: str, size: int, width: int) -> Layer | None:
    """`text` in the middle of a bar that wide, as on a plaque below a painting; None for nothing.

    A first line is white and is broken where it is too long, further ones are smaller and fainter.
    What is behind the letters is darkened around them.

    Args:
        text: lines.
        size: the letters' height in pixels.
        width: the bar's.
    """
    room = round(width - 2 * size)
    head, *tail = [" ".join(drawable(line).split()) for line in text.split("\n")]
    small = round(size * DETAIL_SHARE)
    lines = [(line, size, 255) for line in wrap(head, size, room, PLAQUE_LINES)]
    lines += [(part, small, 215) for line in tail for part in wrap(line, small, room, PLAQUE_LINES)]
    lines = [line for line in lines if line[0]]
    if not lines:
        return None
    top = PLAQUE_PAD * size
    letters = Image.new("L", (width, round(2 * top + sum(LINE * at for _, at, _ in lines))))
    draw = ImageDraw.Draw(letters)
    for line, at, ink in lines:
        write(draw, ((width - length(line, at)) / 2, top), line, at, ink)
        top += LINE * at
    halo = letters.filter(ImageFilter.GaussianBlur(PLAQUE_HALO * size))
    dark = np.minimum(1, PLAQUE_GLOW * np.asarray(halo, np.float32) / 255)[..., None]
    light = np.asarray(letters, np.float32)[..., None] / np.float32(255)
    cover = 1 - (1 - np.float32(STRIP_DARKNESS) * dark) * (1 - light)
    return Layer(0, 0, widened(255 * light), widened(cover))


def label(frame: Pixels, text: str, *, right: bool = False) -> Pixels:
    """A copy of `frame` with a short `text` on a dark plate in its lower left or right corner.

    The letters grow with the picture; what is wider than it ends in an ellipsis.
    """
    height, width = frame.shape[:2]
    size = max(LABEL_LEAST, round(min(height, width) * LABEL_SHARE))
    line = drawable(text)
    plate = min(width, math.ceil(length(line, size) + LABEL_PAD * size))
    left = width - plate if right else 0
    letters = _strip((line,), size, plate, (LABEL_PAD / 2, LABEL_RISE))
    labelled = frame.copy()
    if letters is not None:
        blend(labelled, [(_on_dark(letters, height - len(letters), left), 1.0)])
    return labelled


def _on_dark(letters: npt.NDArray[np.float32], top: int, left: int) -> Layer:
    """White letters, and the strip that darkens what is behind them."""
    cover = 1 - np.float32(1 - STRIP_DARKNESS) * (1 - letters)
    return Layer(top, left, widened(255 * letters), widened(cover))


def write(
    draw: ImageDraw.ImageDraw, corner: tuple[float, float], line: str, size: int, ink: Ink
) -> None:
    """Draw a line of drawable text whose upper left corner is `corner`."""
    left, top = corner
    base = top + _font(DEJAVU, size).getmetrics()[0]  # all fonts stand on one line
    shown = line if _LAYS_OUT else ordered(line)
    draw.text((left, base), shown, fill=ink, font=_font(face_of(line), size), anchor="ls")


@cache
def _font(face: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font at a height in pixels."""
    engine = ImageFont.Layout.RAQM if _LAYS_OUT else ImageFont.Layout.BASIC
    return ImageFont.truetype(face, size, layout_engine=engine)


def length(line: str, size: int) -> float:
    """Pixels that a line is wide."""
    return _font(face_of(line), size).getlength(line)


def ordered(line: str) -> str:
    """A line's letters from left to right as they are seen, by the Unicode rules (UAX 9)."""
    shown: str = get_display(line)
    return shown


def drawable(text: str) -> str:
    """`text` in letters that a font here has; else without their accents, else a box."""
    return "\n".join(map(_drawable, text.split("\n")))


def undrawable(text: str) -> str:
    """The letters of a text for which there will be boxes, each once."""
    lines = unicodedata.normalize("NFC", text).split("\n")
    lost = {each for line in lines for each in line if _drawn(each, face_of(line)) == _BOX}
    return "".join(sorted(lost - {_BOX}))


def _drawable(line: str) -> str:
    line = unicodedata.normalize("NFC", line)
    return "".join(_drawn(letter, face_of(line)) for letter in line)


def _drawn(letter: str, face: Path) -> str:
    """A letter as that font shows it."""
    if letter.isspace() or has(face, letter):
        return letter
    if not shows(letter):
        return ""
    parts = unicodedata.normalize("NFKD", letter)
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return plain if plain and all(has(face, part) for part in plain) else _BOX


def _fit(line: str, size: int, width: float) -> str:
    """`line` cut to `width` pixels, with an ellipsis where it was cut; empty if nothing fits."""
    if length(line, size) <= width:
        return line
    for end in range(len(line) - 1, 0, -1):
        cut = line[:end].rstrip() + "…"
        if length(cut, size) <= width:
            return cut
    return ""


def wrap(text: str, size: int, width: int, most: int) -> list[str]:
    """Break `text` at spaces into at most `most` lines of `width` pixels; the last may be cut."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and (len(lines) == most or length(longer, size) <= width):
            lines[-1] = longer
        else:
            lines.append(word)
    return [_fit(line, size, width) for line in lines]


@lru_cache(maxsize=64)
def _strip(
    lines: tuple[str, ...], size: int, width: int, margins: tuple[float, float] = (1.0, 0.45)
) -> npt.NDArray[np.float32] | None:
    """How much white a caption lays on its strip, `(h, width, 1)` in 0-1; None if nothing fits."""
    sizes = [size, round(size * DETAIL_SHARE)]
    left, pad = margins[0] * size, margins[1] * size
    room = width - 2 * left
    fitted = [(_fit(line, at, room), at) for line, at in zip(lines, sizes, strict=False)]
    fitted = [(line, at) for line, at in fitted if line]
    if not fitted:
        return None
    letters = Image.new("L", (width, round(2 * pad + sum(LINE * at for _, at in fitted))))
    draw = ImageDraw.Draw(letters)
    top = pad
    for (line, at), ink in zip(fitted, (255, 215), strict=False):
        start = width - left - length(line, at) if _goes_left(line) else left
        write(draw, (start, top), line, at, ink)
        top += LINE * at
    return np.asarray(letters, np.float32)[..., None] / np.float32(255)


def _goes_left(line: str) -> bool:
    """Whether the first letter that has a direction goes from right to left."""
    kinds = (unicodedata.bidirectional(letter) for letter in line)
    return next((kind for kind in kinds if kind in ("L", "R", "AL")), "L") != "L"
