"""Codes to bytes and back at 1 to 8 bits each: eight codes take exactly `bits` bytes.

Bit order: the codes form one stream, least significant bit first. Code `i` takes the stream's bits
`i * bits` to `(i + 1) * bits - 1`, and bit `t` of the stream is bit `t % 8` of byte `t // 8`. So
each `bits` bytes, read as one little-endian integer, hold eight codes, the first in the lowest
bits; at 8 bits the bytes are the codes. Unused bits of the last byte are zero.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

# How many codes one table look-up yields, by width. More codes mean fewer look-ups but a larger
# table: these keep it at 2**16 rows or fewer and a row at 32 bytes or fewer for float32 values.
_CODES_PER_FIELD = {1: 8, 2: 4, 3: 4, 4: 4, 5: 2, 6: 2, 7: 2, 8: 2}

# Groups of eight codes looked up at a time: a chunk's indices and values stay in the CPU cache.
_CHUNK_GROUPS = 8192


def packed_size(count: int, bits: int) -> int:
    """Bytes that `count` codes of `bits` bits take."""
    return (count * bits + 7) // 8


def pack(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Lay codes end to end in as few bytes as they need.

    Args:
        codes: uint8, any shape, each below `2**bits`; taken in C order.
        bits: 1 to 8.

    Returns:
        uint8 `(packed_size(codes.size, bits),)`.

    Raises:
        ValueError: bits outside 1 to 8, or a code that does not fit.
    """
    _check_bits(bits)
    flat = codes.reshape(-1)
    if flat.size and int(flat.max()) >= 2**bits:
        raise ValueError(f"code {flat.max()} does not fit into {bits} bits")
    groups = np.zeros((-(-flat.size // 8), 8), np.uint8)
    groups.reshape(-1)[: flat.size] = flat
    words = np.zeros(len(groups), "<u8")
    for position in range(8):
        words |= groups[:, position].astype("<u8") << np.uint64(position * bits)
    octets = words.view(np.uint8).reshape(-1, 8)[:, :bits]
    return octets.reshape(-1)[: packed_size(flat.size, bits)].copy()


def unpack(packed: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.uint8]:
    """The codes that `pack` laid into `packed`: uint8 `(count,)`.

    Raises:
        ValueError: bits outside 1 to 8, or `packed` is not as long as `count` codes make it.
    """
    _check_bits(bits)
    codes = np.empty(count, np.uint8)
    look_up(packed, bits, np.arange(2**bits, dtype=np.uint8), codes)
    return codes


def look_up(
    packed: NDArray[np.uint8], bits: int, values: NDArray[Scalar], out: NDArray[Scalar]
) -> None:
    """Write `values[code]` for every packed code into `out`, without making the codes.

    A field of several codes indexes a table that holds the values of every such combination, so
    one look-up fetches 2 to 8 values. NumPy lets go of the interpreter lock meanwhile, so layers
    may be looked up on several threads.

    Args:
        packed: uint8 `(packed_size(out.size, bits),)`, as `pack` makes it.
        bits: 1 to 8.
        values: `(2**bits,)`, what each code stands for.
        out: C-contiguous, any shape, the type of `values`; overwritten.

    Raises:
        ValueError: bits outside 1 to 8, or sizes that do not belong together.
    """
    _check_bits(bits)
    if packed.size != packed_size(out.size, bits) or len(values) != 2**bits:
        raise ValueError(
            f"{out.size} codes of {bits} bits take {packed_size(out.size, bits)} bytes"
            f" and {2**bits} values, not {packed.size} and {len(values)}"
        )
    if out.dtype != values.dtype or not out.flags.c_contiguous:
        raise ValueError("out must be C-contiguous and of the type of values")
    per_field = _CODES_PER_FIELD[bits]
    table = _table(values, bits, per_field)
    flat, raw = out.reshape(-1), packed.reshape(-1)
    whole = flat.size // 8  # groups of eight codes, `bits` bytes each
    rows = flat[: whole * 8].reshape(-1, per_field)
    per_group = 8 // per_field
    for first in range(0, whole, _CHUNK_GROUPS):
        last = min(first + _CHUNK_GROUPS, whole)
        fields = _fields(raw[first * bits : last * bits], bits, per_field)
        # "clip" never clips here; the default mode would buffer the whole output.
        np.take(table, fields, 0, rows[first * per_group : last * per_group], "clip")
    if rest := flat.size - whole * 8:
        tail = int.from_bytes(raw[whole * bits :].tobytes(), "little")
        for position in range(rest):
            flat[whole * 8 + position] = values[(tail >> position * bits) & (2**bits - 1)]


def _table(values: NDArray[Scalar], bits: int, per_field: int) -> NDArray[Scalar]:
    """The values of every combination of `per_field` codes, the first code in the lowest bits."""
    fields = np.arange(2 ** (bits * per_field))[:, None]
    codes: NDArray[np.intp] = (fields >> (np.arange(per_field) * bits)) & (2**bits - 1)
    return np.take(values, codes)


def _fields(raw: NDArray[np.uint8], bits: int, per_field: int) -> NDArray[Any]:
    """Cut whole groups of `bits` bytes into unsigned fields of `per_field` codes each."""
    width = bits * per_field
    if width in (8, 16):
        return raw.view(f"<u{width // 8}")
    groups = raw.reshape(-1, bits)
    fields = np.empty((len(groups), 8 // per_field), np.intp)
    for position in range(8 // per_field):
        byte, shift = divmod(position * width, 8)
        field = groups[:, byte].astype(np.intp)
        for more in range(1, -(-(shift + width) // 8)):
            field |= groups[:, byte + more].astype(np.intp) << (8 * more)
        fields[:, position] = (field >> shift) & (2**width - 1)
    return fields.reshape(-1)


def _check_bits(bits: int) -> None:
    if bits not in range(1, 9):
        raise ValueError(f"codes take 1 to 8 bits, not {bits}")
