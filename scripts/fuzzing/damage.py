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
    b"\0", b"\xff", b'"', b"'", b",", b";", b"[", b"{", b"\n", b"\r", b"=", b"\xef\xbb\xbf",
    "語".encode(), b"9" * 30, b"[" * 5000, b"../",
    b"-1", b"1", b"2.5", b"nan", b"inf", b"Infinity", b"1e999", b"true", b"null", b"''", b"'x'",
    b"[]", b"{}", b"[[1]]", b"['a', 1]", b"[3, 3, 3, 64]", b"1979-05-27",
)  # fmt: skip
_VALUE = re.compile(rb"[=:] *([^,}=:\n]+)")

Change = Callable[[bytearray, int, random.Random], None]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Damage a file in one to eight places; half of the time its checksums are made right again."""
    found = bytearray(data)
    is_text = data[8:9] == b"{" or b"\0" not in data
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        end = min(len(found), _HEAD) if chance.random() < 0.8 else len(found)
        change = _value if is_text and chance.random() < 0.7 else chance.choice(_CHANGES)
        change(found, chance.randrange(max(1, end)), chance)
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


def _value(data: bytearray, at: int, chance: random.Random) -> None:
    """Put another value behind one of the first equal signs or colons of a text."""
    places = [found.span(1) for found in _VALUE.finditer(data, 0, 4 * _HEAD)]
    if not places:
        _insert(data, at, chance)
        return
    start, end = chance.choice(places)
    value = chance.choice(_TEXTS)
    data[start:end] = value
    if data[8:9] == b"{":  # a file of weights says first how long its text is
        length = int.from_bytes(data[:8], "little") + len(value) - (end - start)
        data[:8] = max(0, length).to_bytes(8, "little")


def _cut(data: bytearray, at: int, chance: random.Random) -> None:
    del data[at : at + chance.randrange(1, 20)]


def _repeat(data: bytearray, at: int, chance: random.Random) -> None:
    data[at:at] = data[at : at + chance.randrange(1, 64)]


_CHANGES: tuple[Change, ...] = (_flip, _set, _set, _number, _number, _insert, _value, _cut, _repeat)


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
