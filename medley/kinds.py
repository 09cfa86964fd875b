"""What a file is by its first bytes, whatever its name ends in."""

import os
import stat
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

HEAD = 32  # bytes that tell a file's kind

_RASTER = (
    "AVIF", "BMP", "DDS", "DIB", "GIF", "ICNS", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM",
    "PSD", "QOI", "SGI", "TGA", "TIFF", "WEBP",
)  # fmt: skip


class Kind(NamedTuple):
    """A kind of file that is not opened.

    Attributes:
        name: words for it, such as "a PDF".
        way: what its owner can do.
        is_photo: whether whoever put it among pictures expects it to be used.
    """

    name: str
    way: str
    is_photo: bool = False


_SAVE = "save it as JPEG or PNG"
_HEIC = Kind("a HEIC photo, which is not read here", _SAVE, is_photo=True)
_AVIF = Kind(
    "an AVIF picture, which the Pillow that is installed here does not read",
    f"install pillow 11.3 or newer from PyPI, or {_SAVE}",
    is_photo=True,
)
_JXL = Kind("a JPEG XL picture, which is not read here", _SAVE, is_photo=True)
VIDEO = Kind("a video", "name a picture")  # or a moment of it
RAW = Kind(
    "a camera's raw file, whose picture is not read here",
    "develop it and save it as JPEG, PNG or TIFF",
    is_photo=True,
)

_DRAWINGS = (".ai", ".eps", ".pdf", ".ps", ".svg", ".svgz")

_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs")
_AVIF_BRANDS = (b"avif", b"avis")
_BEGINNINGS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\x0a", _JXL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", _JXL),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\0", RAW),
    (b"FOVb", RAW),
    (b"\0MRM", RAW),
    (b"%PDF", Kind("a PDF", "save its page as PNG")),
    (b"%!", Kind("a PostScript drawing", "save it as PNG")),
    (b"\xc5\xd0\xd3\xc6", Kind("a PostScript drawing", "save it as PNG")),
    (b"<svg", Kind("an SVG drawing", "save it as PNG")),
    (b"<?xml", Kind("an XML file or SVG drawing", "save it as PNG")),
    (b"<html", Kind("a web page", "save the picture that it shows")),
    (b"<!doctype", Kind("a web page", "save the picture that it shows")),
    (b"\0\0\1\xb3", VIDEO),
    (b"\0\0\1\xba", VIDEO),
    (b"\x1aE\xdf\xa3", VIDEO),
    (b"FLV\1", VIDEO),
    (b"OggS", VIDEO),
    (b"0&\xb2u\x8ef\xcf\x11", VIDEO),
    (b"G@\0", VIDEO),  # a transport stream's tables come first: which programs, or of whom
    (b"G@\x11", VIDEO),
    (b"YUV4MPEG2 ", VIDEO),
)


@cache
def _pillow() -> ModuleType:
    """Pillow's formats, which take time to import and are needed for pictures alone."""
    from PIL import Image

    Image.init()
    return Image


@cache
def raster_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are opened, as far as this Pillow has them.

    All others are left alone: a PostScript file would start Ghostscript, and run in it without
    end, and the rest of Pillow's list is of no use to a photograph.
    """
    return tuple(name for name in _pillow().ID if name in _RASTER)


@cache
def _suffixes() -> frozenset[str]:
    known = raster_formats()
    return frozenset(suffix for suffix, name in _pillow().EXTENSION.items() if name in known)


def is_raster(head: bytes) -> bool:
    """Whether a file that begins so is of a format that is opened."""
    if _is_text(head):  # Pillow asks for no more than two letters of some formats
        return head[:1] == b"P" and head[1:2] in b"123" and head[2:3].isspace()
    return any(_accepts(name, head) for name in raster_formats())


def _accepts(name: str, head: bytes) -> bool:
    """Whether Pillow takes a file that begins so for one of a format."""
    accept = _pillow().OPEN[name][1]
    try:
        answer = accept and accept(head[:16])
    except Exception:  # too short for it
        return False
    return bool(answer) and not isinstance(answer, str)  # a str is a regret


def kind_of(head: bytes) -> Kind | None:
    """The kind of a file that begins so, if it is known and not opened."""
    if head[4:8] == b"ftyp":
        brands = head[8:12] + head[16:]
        if any(brand in brands for brand in _HEIC_BRANDS):
            return _HEIC
        if any(brand in brands for brand in _AVIF_BRANDS):
            return None if "AVIF" in raster_formats() and _accepts("AVIF", head) else _AVIF
        return RAW if brands.startswith(b"crx ") else VIDEO
    if head[:4] in (b"II*\0", b"MM\0*") and head[8:10] == b"CR":
        return RAW
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return VIDEO
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, kind in _BEGINNINGS:
        if head.startswith(mark) or (mark[:1] == b"<" and begin.startswith(mark)):
            return kind
    return None


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its first bytes; False if it cannot be looked at."""
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            return kind_of(file.read(HEAD)) is VIDEO
    except OSError:
        return False


def may_be_picture(path: str | Path) -> bool:
    """Whether a file is a picture, or should be told of as one that cannot be read.

    It is opened only if its suffix is no picture's. One that cannot be looked at may be a picture.
    """
    if os.path.splitext(path)[1].lower() in _suffixes():  # noqa: PTH122 - 100,000 of them
        return True
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - a pipe would be waited for
            return True
        with open(path, "rb") as file:  # noqa: PTH123
            head = file.read(HEAD)
    except OSError:
        return True
    kind = kind_of(head)
    return kind.is_photo if kind else is_raster(head)


def is_drawing(path: str) -> bool:
    """Whether a file's suffix is a drawing's or a document's, which may show a picture."""
    return path.lower().endswith(_DRAWINGS)


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in head) and head[:1].isascii()
