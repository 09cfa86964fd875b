"""Animated WebP, a frame at a time: the container is ours, its pictures are libwebp's.

libwebp's own animation encoder holds the whole film until its end, and joins frames that look
alike, after which nobody can count them. The container is simple: a RIFF file of chunks, each a
name of four bytes, a length and its data, padded to an even length:

    RIFF length WEBP | VP8X flags, size | ANIM background, loops | ANMF frame | ANMF frame | ...

and an `ANMF` holds place, size, milliseconds and flags, then a picture's own chunks. A frame that
shows what the one before showed is a single transparent pixel laid over it.

Source: the WebP Container Specification, RFC 9649, section 2.
"""

import io
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from medley.film.threads import in_order
from medley.images import Pixels

_LONGEST_FILE = 2**32 - 2  # bytes
_ANIMATED, _ALPHA = 0x02, 0x10
_NO_BLENDING = 0x02
_EFFORT = 4  # libwebp's method, 0 to 6


class CorruptFileError(Exception):
    """A file is not an animated WebP, or not a whole one."""


def write_film(
    frames: Iterable[Pixels],
    path: Path,
    *,
    width: int,
    height: int,
    milliseconds: int,
    quality: int,
) -> None:
    """Write frames as they come.

    Args:
        frames: uint8 `(height, width, 3)`, at most 16,383 pixels a side.
        path: the film's file.
        width: every frame's width, in pixels.
        height: every frame's height, in pixels.
        milliseconds: how long each frame is shown.
        quality: libwebp's, 0 to 100.

    Raises:
        OSError: it cannot be written, or would be longer than a WebP can be.
    """
    with path.open("wb") as file:
        file.write(b"RIFF\0\0\0\0WEBP")
        size = _three(width - 1) + _three(height - 1)
        file.write(_chunk(b"VP8X", bytes([_ANIMATED | _ALPHA, 0, 0, 0]) + size))
        file.write(_chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, 0)))
        still = _frame(_compress(np.zeros((1, 1, 4), np.uint8), 100), 1, 1, milliseconds, 0)

        def encode(frame: Pixels | None) -> bytes:
            if frame is None:
                return still
            return _frame(_compress(frame, quality), width, height, milliseconds, _NO_BLENDING)

        for chunk in in_order(encode, _changes(frames)):
            file.write(chunk)
        length = file.tell() - 8
        if length > _LONGEST_FILE:
            raise OSError(f"a WebP of {length:,} bytes is longer than 4 GB; choose another format")
        file.seek(4)
        file.write(struct.pack("<I", length))


def read_film(path: Path) -> tuple[int, int, list[int]]:
    """Decode every frame; give width, height and the milliseconds of each frame.

    Raises:
        CorruptFileError: it is torn, or no animated WebP.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WEBP":
            raise CorruptFileError("no WebP")
        if path.stat().st_size != struct.unpack("<I", head[4:8])[0] + 8:
            raise CorruptFileError("not as long as it says")
        chunks = _chunks(file)
        name, data = next(chunks, (b"", b""))
        if name != b"VP8X" or len(data) < 10 or not data[0] & _ANIMATED:
            raise CorruptFileError("not animated")
        size = int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
        lengths = list(in_order(_decode, (data for name, data in chunks if name == b"ANMF")))
    if not lengths:
        raise CorruptFileError("without a frame")
    return *size, lengths


def _changes(frames: Iterable[Pixels]) -> Iterator[Pixels | None]:
    """Yield None for a frame that is equal to the one before."""
    before: Pixels | None = None
    for frame in frames:
        same = before is not None and (frame is before or np.array_equal(frame, before))
        yield None if same else frame
        before = frame


def _compress(pixels: Pixels, quality: int) -> bytes:
    """A picture's own chunks, as they stand in a file behind the 12 bytes of its head."""
    file = io.BytesIO()
    lossless = pixels.shape[2] == 4
    Image.fromarray(pixels).save(
        file, "WEBP", quality=quality, method=_EFFORT, lossless=lossless, exact=True
    )
    return file.getvalue()[12:]


def _frame(picture: bytes, width: int, height: int, milliseconds: int, flags: int) -> bytes:
    place = _three(0) + _three(0) + _three(width - 1) + _three(height - 1)
    return _chunk(b"ANMF", place + _three(milliseconds) + bytes([flags]) + picture)


def _decode(data: bytes) -> int:
    """Decode an `ANMF` chunk's picture, and give its milliseconds."""
    picture = data[16:]
    file = io.BytesIO(b"RIFF" + struct.pack("<I", len(picture) + 4) + b"WEBP" + picture)
    try:
        with Image.open(file, formats=("WEBP",)) as image:
            image.load()
    except Exception as error:
        raise CorruptFileError("a frame cannot be decoded") from error
    size = tuple(int.from_bytes(data[at : at + 3], "little") + 1 for at in (6, 9))
    if image.size != size:
        raise CorruptFileError(f"a frame of {image.size}, not of {size}")
    return int.from_bytes(data[12:15], "little")


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    while head := file.read(8):
        length = struct.unpack("<I", head[4:].ljust(4, b"\0"))[0]
        data = file.read(length + length % 2)
        if len(data) < length + length % 2:
            raise CorruptFileError("torn")
        yield head[:4], data[:length]


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")
