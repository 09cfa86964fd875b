"""A finished picture as a file: PNG, JPEG, WebP, AVIF or TIFF, in sRGB and with words in it."""

import io
import zlib
from functools import cache

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image, ImageCms, PngImagePlugin, features
from PIL.ExifTags import Base

import medley
from medley.errors import OutputError, PictureError, Setting
from medley.images import lay_on_white
from medley.settings import DEEP, LOSSY, StillFormat

Levels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""RGB or RGBA, `(height, width, 3 or 4)`, of 8 or 16 bits."""

QUALITY = {"jpeg": 92, "webp": 92, "avif": 80}
"""Quality where none is given: no difference is seen at arm's length."""

_LONGEST_SIDES = {"jpeg": 65_500, "webp": 16_383, "avif": 32_768}
"""Most pixels a side of the formats that have a limit, or whose decoder has one."""

_PILLOW = {"jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF"}
_COMPRESSION = 6  # of zlib, for PNG


def check_format(file_format: StillFormat, depth: int, quality: int | None) -> None:
    """Find out before any work is done whether such a file can be written.

    Raises:
        OutputError: this Pillow cannot, or the format has no such depth or quality.
    """
    name = file_format.upper()
    if depth > 8 and file_format not in DEEP:
        raise OutputError(
            Setting("depth", depth),
            f" and {name} contradict each other; PNG and TIFF have {depth} bits",
        )
    if quality is not None and file_format not in LOSSY:
        raise OutputError(
            Setting("file_quality", quality),
            f" and {name} contradict each other; {name} loses nothing",
        )
    if file_format in ("webp", "avif") and not features.check(file_format):
        raise OutputError(
            f"the Pillow that is installed here cannot write {name};"
            " install pillow 11.3 or newer from PyPI, or name a .png"
        )


def check_size(file_format: StillFormat, height: int, width: int, name: object) -> None:
    """Find out before any work is done whether a format has room for a picture of that size.

    Raises:
        PictureError: it has not; `name` says of which picture.
    """
    most = _LONGEST_SIDES.get(file_format)
    if most and max(height, width) > most:
        raise PictureError(
            f"'{name}' would become {width}x{height} pixels, and {file_format.upper()} has {most:,}"
            " a side at most; lower ",
            Setting("size"),
            ", or choose PNG",
        )


def encode_still(
    pixels: Levels, file_format: StillFormat, description: str, quality: int | None = None
) -> bytes:
    """Encode a picture with the sRGB profile.

    Args:
        pixels: 16 bits in PNG and TIFF only; JPEG, which has no transparency, lays it on white.
        file_format: format of the file.
        description: ASCII that the file carries in EXIF's ImageDescription, which is TIFF's own,
            or in PNG's Description.
        quality: 1 to 100, for JPEG, WebP and AVIF only.

    Raises:
        ValueError: the format has no 16 bits.
    """
    if pixels.dtype != np.uint8 and file_format not in DEEP:
        raise ValueError(f"{file_format} has no {8 * pixels.itemsize} bits")
    if file_format == "png":
        return _encode_png(pixels, description)
    if file_format == "tiff":
        return _encode_tiff(pixels, description)
    exif = Image.Exif()
    exif[Base.ImageDescription.value] = description
    exif[Base.Software.value] = _software()
    picture = Image.fromarray(pixels)
    if file_format == "jpeg" and picture.mode == "RGBA":
        picture = lay_on_white(picture.convert("RGB"), picture.getchannel("A"))
    # Brush strokes differ in colour from pixel to pixel; WebP has no choice.
    more = {"subsampling": "4:4:4"} if file_format != "webp" else {}
    buffer = io.BytesIO()
    picture.save(
        buffer,
        _PILLOW[file_format],
        quality=QUALITY[file_format] if quality is None else quality,
        exif=exif,
        icc_profile=srgb_profile(),
        **more,
    )
    return buffer.getvalue()


@cache
def srgb_profile() -> bytes:
    """The sRGB profile, the same bytes every time."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = b"".join(part.to_bytes(2, "big") for part in (2000, 1, 1, 0, 0, 0))
    return profile[:24] + made + profile[36:]  # it says of itself when it was made


def _software() -> str:
    return f"medley {medley.__version__}"


def _encode_png(pixels: Levels, description: str) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Software", _software())
    texts.add_text("Description", description)
    buffer = io.BytesIO()
    if pixels.dtype == np.uint8:
        picture = Image.fromarray(pixels)
        picture.save(
            buffer, "PNG", pnginfo=texts, icc_profile=srgb_profile(), compress_level=_COMPRESSION
        )
        return buffer.getvalue()
    height, width, channels = pixels.shape
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    colors = 2 if channels == 3 else 6  # truecolour, without and with alpha
    profile = b"sRGB\0\0" + zlib.compress(srgb_profile())
    buffer.write(b"\x89PNG\r\n\x1a\n")
    PngImagePlugin.putchunk(buffer, b"IHDR", size, bytes([16, colors, 0, 0, 0]))
    PngImagePlugin.putchunk(buffer, b"iCCP", profile)
    for kind, data, *_ in texts.chunks:
        PngImagePlugin.putchunk(buffer, kind, data)
    PngImagePlugin.putchunk(buffer, b"IDAT", zlib.compress(_filtered(pixels), _COMPRESSION))
    PngImagePlugin.putchunk(buffer, b"IEND")
    return buffer.getvalue()


def _filtered(pixels: Levels) -> bytes:
    """The rows as a PNG of 16 bits has them: big-endian, less the row above (filter type 2).

    Source: Portable Network Graphics (PNG) Specification, Third Edition, sections 7 and 9. Pillow
    writes no colours of 16 bits.
    """
    rows = pixels.astype(">u2").reshape(len(pixels), -1).view(np.uint8)
    less = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # modulo 256, as it must be
    kinds = np.full((len(rows), 1), 2, np.uint8)
    return np.hstack([kinds, less]).tobytes()


def _encode_tiff(pixels: Levels, description: str) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        photometric="rgb",
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        description=description,
        software=_software(),
        metadata=None,
    )
    return buffer.getvalue()
