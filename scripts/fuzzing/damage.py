"""Damage to a file's bytes, mostly to its head, where formats keep what they are believed in."""

import hashlib
import random
import re
import struct
import zlib
from collections.abc import Callable

_HEAD = 400  # bytes in which most of the damage is done
_PNG = b"\x89PNG\r\n\x1a\n"
_DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"|"sha256": "([0-9a-f]{64})"')
_NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_TEXTS = (
    b"\0", b"\xff", b'"', b"'", b",", b";", b"[", b"{", b"\n", b"\r", b"=", b"-1", b"nan", b"1e999",
    b"9" * 30, b"[" * 50, b"\xef\xbb\xbf", "語".encode(), b"true", b"''", b"../",
)  # fmt: skip

Change = Callable[[bytearray, int, random.Random], None]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Damage a file in one to eight places; half of the time its checksums are made right again."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        end = min(len(found), _HEAD) if chance.random() < 0.8 else len(found)
        chance.choice(_CHANGES)(found, chance.randrange(max(1, end)), chance)
    if chance.random() < 0.05:
        del found[chance.randrange(len(found) + 1) :]
    return _summed(bytes(found)) if chance.random() < 0.5 else bytes(found)


def _flip(data: bytearray, at: int, chance: random.Random) -> None:
    if at < len(data):
        data[at] ^= 1 << chance.randrange(8)


def _set(data: bytearray, at: int, chance: random.Random) -> None:
    data[at : at + 1] = bytes([chance.randrange(256)])


def _number(data: bytearray, at: int, chance: random.Random) -> None:
    number, length = chance.choice(_NUMBERS), chance.choice((1, 2, 4))
    order = chance.choice(("little", "big"))
    data[at : at + length] = (number % 256**length).to_bytes(length, order)  # type: ignore[arg-type]


def _insert(data: bytearray, at: int, chance: random.Random) -> None:
    data[at:at] = chance.choice(_TEXTS)


def _cut(data: bytearray, at: int, chance: random.Random) -> None:
    del data[at : at + chance.randrange(1, 20)]


def _repeat(data: bytearray, at: int, chance: random.Random) -> None:
    data[at:at] = data[at : at + chance.randrange(1, 64)]


_CHANGES: tuple[Change, ...] = (_flip, _set, _set, _number, _number, _insert, _cut, _repeat)


def _summed(data: bytes) -> bytes:
    """The same file with its checksums right, so that what lies behind them is looked at."""
    if data.startswith(_PNG):
        return _png_summed(data)
    if found := _DIGEST.search(data):  # a file of weights: its digest is taken with zeros in place
        start, end = found.span(found.lastindex or 1)
        zeros = data[:start] + b"0" * 64 + data[end:]
        return data[:start] + hashlib.sha256(zeros).hexdigest().encode() + data[end:]
    return data


def _png_summed(data: bytes) -> bytes:
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = struct.unpack_from(">L", data, at)[0]
        body = data[at + 4 : at + 8 + length]
        if len(body) < 4 + length:
            break
        parts += [data[at : at + 4], body, struct.pack(">L", zlib.crc32(body))]
        at += 12 + length
    return b"".join([*parts, data[at:]])
