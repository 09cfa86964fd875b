"""The one door to picture files that somebody else has made: all formats, and all their faults.

Whatever Pillow or tifffile raise for a file is a `PictureError` with its name. `decoding` catches
it at their calls alone, so that a fault of medley's own keeps its traceback.
"""

import io
import math
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, JpegImagePlugin, UnidentifiedImageError
from PIL.ExifTags import Base

from medley import tiffs
from medley.errors import PictureError
from medley.kinds import HEAD, VIDEO, kind_of, raster_formats
from medley.settings import LONGEST_SIDE
from medley.tiffs import DecoderError, Deep, decoding

# Set once, not around each read: pictures are read on threads, and filters are global.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
Image.MAX_IMAGE_PIXELS = LONGEST_SIDE**2  # what medley makes it must be able to read

# A JPEG of more pixels is decoded at 1/2, 1/4 or 1/8 of its size, whichever comes below first.
REDUCED_ABOVE = 40_000_000
_REDUCTIONS = (1, 2, 4, 8)  # what libjpeg can do while it decodes

_BOMBS = (Image.DecompressionBombWarning, Image.DecompressionBombError)
_JPEG = b"\xff\xd8\xff"  # how every JPEG begins
_SHOWN = 150  # most letters of a decoder's own words

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Decoded(NamedTuple):
    """A picture as its file has it, but upright, and with its opacity apart.

    Attributes:
        pixels: picture in the mode L, RGB or CMYK; or values of more than 8 bits.
        alpha: opacity from 0 to 255, if the file has any.
        profile: the embedded colour profile.
        white: value that the file says is white, if it says so.
    """

    pixels: Image.Image | Deep
    alpha: Image.Image | None
    profile: bytes | None
    white: float | None


def decode(path: Path, data: bytes | None = None, in_full: bool = False) -> Decoded:
    """Decode the whole of a picture file; of an animation the first frame.

    Args:
        path: the file; only its name counts if there are `data`.
        data: what is in it, if that is known.
        in_full: True to decode a huge JPEG at its own size.

    Raises:
        PictureError: no such file, not a picture, truncated, or suspiciously huge.
    """
    with naming(path, data), opened(path, data) as file:
        try:
            picture = open_picture(file, path, in_full)
        except UnidentifiedImageError:
            file.seek(0)
            if not tiffs.is_tiff(file.read(HEAD)):
                raise
            file.seek(0)
            values, white = tiffs.decode_deep(file)
            return Decoded(values, None, None, white)
        with picture:
            return decoded(picture)


def decoded(picture: Image.Image) -> Decoded:
    """Decode an open picture.

    Raises:
        OSError: it is torn.
        DecoderError: Pillow raised anything else.
    """
    with decoding():
        picture.load()
    tags = getattr(picture, "tag_v2", {})
    profile = picture.info.get("icc_profile")
    pixels, alpha = _apart(upright(picture))
    return Decoded(pixels, alpha, profile, tiffs.white_of(tags))


def size_in(path: Path) -> tuple[int, int]:
    """Read the width and height that a picture file's header gives, before it is turned upright.

    Raises:
        PictureError: no such file, not a picture, or suspiciously huge.
    """
    with naming(path), opened(path) as file, open_picture(file, path) as picture:
        return picture.size


def open_picture(file: BinaryIO, path: Path | None = None, in_full: bool = False) -> Image.Image:
    """Open a raster picture for decoding; a huge JPEG so that little of it is ever in memory.

    Args:
        file: file that stays open until the picture is decoded.
        path: its name for errors.
        in_full: True to decode a huge JPEG at its own size all the same.

    Raises:
        OSError: it is no picture that Pillow knows, or cannot be read.
        DecoderError: Pillow raised anything else.
        PictureError: of a TIFF nothing but a preview can be read.
    """
    begin = file.read(HEAD)
    file.seek(0)
    if begin.startswith(_JPEG):
        return _open_jpeg(file, in_full)
    if tiffs.is_tiff(begin):
        return tiffs.open_page(file, path)
    with decoding():
        return Image.open(file, formats=raster_formats())


@contextmanager
def naming(path: Path, data: bytes | None = None) -> Iterator[None]:
    """Make an error with the file's name of what a decoder or the file raises in the block.

    Raises:
        PictureError: the picture cannot be read.
    """
    try:
        yield
    except FileNotFoundError:
        is_address = str(path).lower().startswith(("http:", "https:"))
        way = (
            "addresses are not fetched: name a file that you fetched"
            if is_address
            else ("check its name")
        )
        raise PictureError(f"there is no picture '{path}'; {way}") from None
    except IsADirectoryError:
        raise PictureError(f"'{path}' is a folder, not a picture; name a file in it") from None
    except (DecoderError, OSError, MemoryError) as raised:
        error = raised.__cause__ if isinstance(raised, DecoderError) else raised
        if isinstance(error, _BOMBS):
            limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
            raise PictureError(
                f"'{path}' claims more than {limit:.0f} megapixels; scale it down first"
            ) from None
        size, head = _look(path) if data is None else (len(data), data[:HEAD])
        kind = kind_of(head)
        if kind is VIDEO and data is not None:
            raise PictureError(
                f"'{path}' is a video, and clips are read from files alone; name its file, or for a"
                " picture a moment of it, such as 'clip.mp4@2.5s'"
            ) from error
        if kind is VIDEO:
            raise PictureError(
                f"'{path}' is a video, and a picture is needed; name a moment of it, such as"
                f" '{path}@2.5s' (medley clip repaints the whole of it, or foretells what that"
                " takes; medley apply repaints it at once)"
            ) from error
        if kind:
            raise PictureError(f"'{path}' is {kind.name}; {kind.way}") from error
        raise PictureError(f"'{path}' is not a readable picture ({_why(size, error)})") from error


@contextmanager
def opened(path: Path, data: bytes | None = None) -> Iterator[BinaryIO]:
    """Open a file, or its bytes.

    Raises:
        OSError: it is no regular file, or cannot be read.
    """
    if data is not None:
        yield io.BytesIO(data)
        return
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):  # a pipe would be waited for, a device may never end
        raise OSError("a pipe or a device, no file")
    with path.open("rb") as file:
        yield file


def _look(path: Path) -> tuple[int | None, bytes]:
    """The size and the first bytes of a file, as far as they can be read."""
    try:
        with opened(path) as file:
            head = file.read(HEAD)
        return path.stat().st_size, head
    except OSError:
        return None, b""


class _Jpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG whose EXIF is not asked for dots per inch, which do not matter and may be damaged."""

    def _read_dpi_from_exif(self) -> None:
        pass


def _open_jpeg(file: BinaryIO, in_full: bool) -> Image.Image:
    # Not by Image.open, which refuses a huge picture before it could be asked for less of it.
    with decoding():
        picture = _Jpeg(file)
    width, height = picture.size
    # A progressive JPEG's coefficients are all in memory at once, however little comes out.
    reductions = (1,) if in_full or picture.info.get("progressive") else _REDUCTIONS
    for reduction in reductions:
        if width * height <= REDUCED_ABOVE * reduction**2:
            break
    with decoding():
        picture.draft(None, (width // reduction, height // reduction))
        if picture.width * picture.height > (Image.MAX_IMAGE_PIXELS or math.inf):
            raise Image.DecompressionBombError
    return picture


def upright(picture: Image.Image) -> Image.Image:
    """Turn a picture upright by its orientation tag alone; the rest of its EXIF may be damaged."""
    picture.load()  # which turns a TIFF already
    try:
        orientation = picture.getexif().get(Base.Orientation.value)
    except Exception:  # it says nothing that can be read
        return picture
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return picture if method is None else picture.transpose(method)


def _apart(picture: Image.Image) -> tuple[Image.Image | Deep, Image.Image | None]:
    """A decoded picture in one of the modes of `Decoded`, and its opacity if it has any."""
    key = picture.info.get("transparency")
    if picture.mode.startswith("I") or picture.mode == "F":
        deep = np.asarray(picture)
        if not isinstance(key, int):
            return deep, None
        return deep, Image.fromarray(np.where(deep == key, 0, 255).astype(np.uint8))
    if picture.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # Pillow has reduced such a PNG to 8 bits, but not the colour that is transparent.
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    if picture.mode in ("P", "PA") or key is not None:
        picture = _converted(picture, "RGBA")
    alpha = None
    if picture.mode in ("RGBA", "LA"):
        alpha = picture.getchannel("A")
        picture = _converted(picture, picture.mode[:-1])
    if picture.mode not in ("RGB", "L", "CMYK"):
        picture = _converted(picture, "RGB")
    return picture, alpha


def _converted(picture: Image.Image, mode: str) -> Image.Image:
    with decoding():  # which stumbles over damaged palettes and transparent colours
        return picture.convert(mode)


def _why(size: int | None, error: BaseException | None) -> str:
    if size == 0:
        return "the file is empty"
    if "truncated" in str(error) or isinstance(error, EOFError):
        return f"truncated after {size or 0:,} bytes"
    if isinstance(error, UnidentifiedImageError):
        return "no picture format that Pillow knows"
    if isinstance(error, MemoryError):
        return "too large for the memory that is free"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = " ".join(str(error).split())[:_SHOWN]
    return said or type(error).__name__
