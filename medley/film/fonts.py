"""Which font draws a line: DejaVu Sans, which ships with matplotlib, unless it lacks a letter.

Then it is the font of this machine that has the most of the line's letters.
"""

import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

DEJAVU = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")

_PLAIN = ("regular", "book", "medium")  # words in the names of files that are neither bold nor thin
_DRAWS_BOXES = ("lastresort", "adobeblank")  # such fonts claim every letter and have none


def face_of(line: str) -> Path:
    """The font for a line; DejaVu Sans if no other has more of its letters."""
    return _face_of(frozenset(map(ord, filter(shows, line))))


def has(face: Path, letter: str) -> bool:
    """Whether a font draws a letter."""
    return shows(letter) and bool(_count(face, frozenset([ord(letter)])))


def shows(letter: str) -> bool:
    """Whether there is anything to be seen of a letter: not of a space, control or direction."""
    return not letter.isspace() and not unicodedata.category(letter).startswith("C")


@lru_cache(maxsize=1024)
def _face_of(letters: frozenset[int]) -> Path:
    if _count(DEJAVU, letters) == len(letters):
        return DEJAVU
    return max((DEJAVU, *_others()), key=lambda face: _count(face, letters))


@lru_cache(maxsize=4096)
def _count(face: Path, letters: frozenset[int]) -> int:
    """How many of the letters a font has."""
    return int(np.isin(np.fromiter(letters, np.uint32), _letters(face)).sum())


@cache
def _letters(face: Path) -> npt.NDArray[np.uint32]:
    return np.fromiter(FT2Font(str(face)).get_charmap(), np.uint32)


@cache
def _others() -> tuple[Path, ...]:
    """This machine's fonts that Pillow and matplotlib can use, plain ones first, then by name."""
    # Imported only where DejaVu lacks a letter: it lists every font of the machine.
    from matplotlib.font_manager import findSystemFonts

    def rank(face: Path) -> tuple[bool, str, str]:
        name = face.stem.casefold()
        return not any(word in name for word in _PLAIN), name, str(face)

    found = {Path(name) for name in findSystemFonts()}
    faces = [face for face in found if not face.stem.casefold().startswith(_DRAWS_BOXES)]
    return tuple(filter(_is_usable, sorted(faces, key=rank)))


def _is_usable(face: Path) -> bool:
    """Whether a font can be opened at any size; one of coloured bitmaps cannot."""
    try:
        ImageFont.truetype(face, 24, layout_engine=ImageFont.Layout.BASIC)
        _letters(face)
    except Exception:  # whatever either makes of a foreign file
        return False
    return True
