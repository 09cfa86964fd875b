"""Words on pictures: a font that ships with Pillow, so that they look the same everywhere."""

import unicodedata
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from medley.images import Pixels

# A caption on the picture: its letters' height against the picture's shorter side.
CAPTION_SHARE = 1 / 24

# The bundled font draws ASCII and little more; what NFKD leaves whole is spelled out here.
SPELLED = str.maketrans(
    {"–": "-", "—": "-", "×": "x", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
    | {"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "đ": "d", "Đ": "D", "ı": "i"}
)


def caption(frame: Pixels, text: str) -> Pixels:
    """A copy of `frame` with `text` in its lower left corner, white over a soft shadow.

    The letters grow with the picture. Accents are dropped and what the font cannot draw becomes
    a question mark; text wider than the picture ends in an ellipsis.
    """
    height, width = frame.shape[:2]
    size = max(8, round(min(height, width) * CAPTION_SHARE))
    fitted = _fit(" ".join(drawable(text).split()), size, width - 2 * size)
    if not fitted:
        return frame.copy()
    shadow, letters = _stamp(fitted, size)
    top, left = max(0, height - letters.shape[0]), 0
    captioned = frame.copy()
    patch = captioned[top : top + letters.shape[0], left : left + letters.shape[1]]
    seen = (slice(0, patch.shape[0]), slice(0, patch.shape[1]))
    patch[:] = np.rint(patch * (1 - shadow[seen]) * (1 - letters[seen]) + 255 * letters[seen])
    return captioned


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The bundled font at a height in pixels."""
    return ImageFont.load_default(size)


def drawable(text: str) -> str:
    """`text` in letters that the font has: accents dropped, what is left a question mark."""
    plain = unicodedata.normalize("NFKD", text.translate(SPELLED))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return "".join(letter if _is_drawn(letter) or letter.isspace() else "?" for letter in plain)


@cache
def _is_drawn(letter: str) -> bool:
    """Whether the bundled font draws a letter otherwise than it draws one that is in no font."""
    mask = font(24).getmask
    return bytes(mask(letter)) != bytes(mask("\uffff"))


def _fit(line: str, size: int, width: int) -> str:
    """`line` cut to `width` pixels, with an ellipsis where it was cut; empty if nothing fits."""
    length = font(size).getlength
    if length(line) <= width:
        return line
    for end in range(len(line) - 1, 0, -1):
        cut = line[:end].rstrip() + "…"
        if length(cut) <= width:
            return cut
    return ""


def wrap(text: str, size: int, width: int, most: int) -> list[str]:
    """Break `text` at spaces into at most `most` lines of `width` pixels; the last may be cut."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and (len(lines) == most or font(size).getlength(longer) <= width):
            lines[-1] = longer
        else:
            lines.append(word)
    return [_fit(line, size, width) for line in lines]


@lru_cache(maxsize=8)
def _stamp(text: str, size: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """How much shadow and how much white a caption lays on its corner, both `(h, w, 1)` in 0-1."""
    width = round(font(size).getlength(text)) + 2 * size
    letters = Image.new("L", (width, round(2.4 * size)))
    ImageDraw.Draw(letters).text((size, 1.5 * size), text, fill=255, font=font(size), anchor="ls")
    shadow = letters.filter(ImageFilter.GaussianBlur(size / 4))
    dark, light = (
        np.asarray(layer, np.float32)[..., None] / np.float32(255) for layer in (shadow, letters)
    )
    return np.minimum(dark * np.float32(1.6), np.float32(0.75)), light
