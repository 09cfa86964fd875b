"""What Pillow leaves open in a TIFF: which of its pages is the picture, and values of many bits."""

import io
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from medley.errors import PictureError
from medley.kinds import RAW

Deep = npt.NDArray[Any]
"""Values of more than 8 bits, `(height, width)` or `(height, width, 3)`."""

_MOST_PAGES = 100  # that are looked at; a microscope's stack may have thousands
_BYTES = 4  # of a pixel, on average, that a picture of the most pixels may have
_SMALLER = 4  # a page of so many times fewer pixels is a preview

# Tags and values of TIFF 6.0, TIFF Technical Note 1, and DNG 1.6.
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 254, 256, 257, 258, 262
_ORIENTATION, _MOST, _SUBIFDS, _SAMPLE_FORMAT, _MOST_OF_ANY_TYPE = 274, 281, 330, 339, 341
_TAGS = (
    _SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC,
    _ORIENTATION, _MOST, _SUBIFDS, _SAMPLE_FORMAT, _MOST_OF_ANY_TYPE,
)  # fmt: skip
_REDUCED, _MASK = 1, 4
_FLOAT = 3
_USUAL = (1, 2)  # gray from black to white, RGB
_APART = 2  # a plane for each colour
_SENSOR = (32803, 34892)  # a colour filter's mosaic, and what is not developed yet

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it says is said by us


class DecoderError(Exception):
    """A decoder's own error, which is its cause; never raised for a fault of medley's."""


@contextmanager
def decoding() -> Iterator[None]:
    """Mark whatever is raised in the block, which holds calls of a decoder and nothing else.

    Raises:
        OSError: the decoder raised one; medley's own reading of the file may raise it as well.
        DecoderError: the decoder raised anything else.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise DecoderError from error


class _Page(NamedTuple):
    """A picture in a TIFF: its place in bytes, and what its tags say of it."""

    offset: int
    height: int
    width: int
    is_reduced: bool
    is_sensor: bool
    orientation: int | None

    @property
    def area(self) -> int:
        return self.height * self.width


def is_tiff(begin: bytes) -> bool:
    """Whether a file that begins so is a TIFF, or a camera's raw file in the form of one."""
    return begin[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_page(file: BinaryIO, path: Path | None) -> Image.Image:
    """Open the page of a TIFF that is its picture: the first, unless that is a preview.

    Raises:
        PictureError: nothing but a preview can be read.
        OSError: it is no TIFF that Pillow knows, or cannot be read.
        DecoderError: Pillow raised anything else.
    """
    pages = _list_pages(file)
    file.seek(0)
    if not pages:
        return _open(file)
    first, largest = pages[0], max(pages, key=lambda page: page.area)
    if len(pages) == 1 or (not first.is_reduced and first.area * _SMALLER >= largest.area):
        return _open(file)
    data = file.read()
    for page in sorted(pages, key=lambda page: -page.area):
        if page.area * _SMALLER < largest.area or page.is_sensor:
            continue
        try:
            picture = _open(io.BytesIO(_beginning_with(data, page.offset)))
        except UnidentifiedImageError:
            continue
        if page.orientation is None and first.orientation is not None:
            with decoding():
                picture.getexif()[_ORIENTATION] = first.orientation
        return picture
    is_raw = any(page.is_sensor for page in pages)
    why = f"{RAW.name}; {RAW.way}" if is_raw else "of a kind that Pillow lacks; save it as PNG"
    raise PictureError(
        f"of '{path}' ({largest.width}x{largest.height}) only a preview of"
        f" {first.width}x{first.height} pixels can be read: it is {why}"
    )


def decode_deep(file: BinaryIO) -> tuple[Deep, float | None]:
    """Decode a TIFF whose values Pillow lacks, such as floats of three colours.

    Returns:
        The values, and what the file says is white.

    Raises:
        OSError: it is none of gray or RGB, or cannot be read.
        DecoderError: it claims to be huge, or tifffile raised anything else.
    """
    import tifffile  # only for a TIFF that Pillow cannot read

    with decoding(), tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        tags = {tag.code: tag.value for tag in page.tags}
        samples, size = page.samplesperpixel, (page.imagelength, page.imagewidth)
        is_apart = samples == 3 and page.planarconfig == _APART
        if page.nbytes > _BYTES * (Image.MAX_IMAGE_PIXELS or math.inf):
            raise Image.DecompressionBombError
        if page.photometric not in _USUAL or samples not in (1, 3):
            raise UnidentifiedImageError
        values: Deep = page.asarray()
    if is_apart:
        values = np.moveaxis(values, 0, -1)
    if values.shape == (*size, 1):
        values = values[..., 0]
    if values.dtype.kind not in "uif" or values.shape not in (size, (*size, 3)):
        raise UnidentifiedImageError
    return values, white_of(tags) or (255.0 if values.dtype.itemsize == 1 else None)


def white_of(tags: Mapping[int, Any]) -> float | None:
    """The value that a TIFF's tags say is white, if they say so.

    That is the largest value, if it is one at which a scale ends: all ones, or of floats above 1.
    Some programs give there the brightest value of this very picture, by which a dark one would
    become bright. Else a value's bits tell, if they are fewer than its place has.
    """
    tags = _read(tags)
    most = _number(tags.get(_MOST_OF_ANY_TYPE)) or _number(tags.get(_MOST))
    is_float = _FLOAT in np.atleast_1d(tags.get(_SAMPLE_FORMAT, 1))
    if most and (most > 1 if is_float else math.log2(most + 1).is_integer()):
        return most
    bits = _number(tags.get(_BITS))
    return 2**bits - 1 if bits and 8 < bits < 16 else None


def _number(value: Any) -> float | None:
    """The largest number of a tag, if it is above 0 and finite."""
    values = [one for one in np.atleast_1d(value) if isinstance(one, int | float | np.number)]
    most = float(max(values, default=0))
    return most if 0 < most < math.inf else None


def _open(file: BinaryIO) -> Image.Image:
    with decoding():
        return Image.open(file, formats=("TIFF",))


def _list_pages(file: BinaryIO) -> list[_Page]:
    """List a TIFF's pages and the pages within them, as far as they can be read."""
    head = file.read(8)
    if 43 in head[2:4]:  # BigTIFF
        head += file.read(8)
    pages: list[_Page] = []
    seen: set[int] = set()
    waiting = [_tags_at(file, head, 0)[1]]
    while waiting and len(seen) < _MOST_PAGES:
        offset = waiting.pop(0)
        if not isinstance(offset, int) or not offset or offset in seen:
            continue
        seen.add(offset)
        tags, following = _tags_at(file, head, offset)
        if page := _page(offset, tags):
            pages.append(page)
        within = tags.get(_SUBIFDS, ())
        waiting += [following, *(within if isinstance(within, tuple) else (within,))]
    return pages


def _tags_at(file: BinaryIO, head: bytes, offset: int) -> tuple[dict[int, Any], object]:
    """The tags of the page at an offset, and the next one's; at 0 none, and the first one's.

    A page that Pillow cannot read has no tags, and none is next.
    """
    try:
        tags = ImageFileDirectory_v2(head)
        if offset:
            file.seek(offset)
            tags.load(file)
        following = tags.next
    except Exception:  # whatever Pillow raises; the pages before are there
        return {}, None
    return _read(tags), following


def _read(tags: Mapping[int, Any]) -> dict[int, Any]:
    """The values of the tags that count; one that Pillow cannot read counts as absent."""
    found: dict[int, Any] = {}
    for tag in _TAGS:
        with suppress(Exception):  # whatever Pillow raises, which reads a value when asked for it
            found[tag] = tags[tag]
    return found


def _page(offset: int, tags: Mapping[int, Any]) -> _Page | None:
    """What tags say of a page; None if it is no picture."""
    width, height, kind = (tags.get(tag) for tag in (_WIDTH, _HEIGHT, _SUBFILE))
    if not (isinstance(width, int) and isinstance(height, int) and width * height):
        return None
    kind = kind if isinstance(kind, int) else 0
    turned = tags.get(_ORIENTATION)
    if kind & _MASK:
        return None
    return _Page(
        offset, height, width, bool(kind & _REDUCED), tags.get(_PHOTOMETRIC) in _SENSOR,
        turned if isinstance(turned, int) else None,
    )  # fmt: skip


def _beginning_with(data: bytes, offset: int) -> bytes:
    """A TIFF whose first page is the one at an offset: its header is another, all else stays."""
    length = 8 if 43 in data[2:4] else 4
    place = offset.to_bytes(length, "little" if data[:2] == b"II" else "big")
    return data[:length] + place + data[2 * length :]
