"""A layer's codes on uniform grids, one for each column, in as many bits as their entropy.

A *column* is one input at one place of the 3x3 kernel; its step is so many quarters of an octave
below the layer's `unit` as `steps` says. A weight is its code times its column's step times its
row's `scale`. As arrays:

    stream       uint16, the words of `rans`: codes in zigzag order (0, -1, 1, -2, 2, ...), in nine
                 parts, one for each place of the kernel, each `(out, in)` in C order
    states       uint16 `(2, lanes)`
    contexts     uint8 `(CONTEXTS,)`: the table of each context, several of which may share one
    frequencies  uint16: tables end to end, each as long as it takes to sum to `2**PRECISION`
    steps        uint8 `(in, 3, 3)`
    unit         float32 `(1,)`
    scale        float16 `(out,)`

A kernel's weights are large or small together. So a code's context is how large the weights of its
kernel are that came before, in its own column's steps, and roughly how many they are; for the
kernel's first place, it is the column's step. All of it is reckoned in whole numbers, because a
reader must come to the very same contexts.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medley.vgg import rans

Array = NDArray[Any]
Codes = NDArray[np.int8]
Octets = NDArray[np.uint8]
Words = NDArray[np.uint16]
Floats = NDArray[np.float32]

OCTAVE = 4
"""Column steps to an octave."""
MOST = 127
"""The largest code."""
ARRAYS = frozenset({"stream", "states", "contexts", "frequencies", "steps", "unit", "scale"})

_PLACES = 9
_LANE = 2048  # codes to a lane, for whose state they pay a third of a per cent
_LANES = 1024  # at most
_ROOTS = np.array([2 ** (-part / OCTAVE) for part in range(OCTAVE)], np.float32)
_ZIGZAG = np.array([-(s + 1) // 2 if s % 2 else s // 2 for s in range(2 * MOST + 1)], np.int8)

_PARTS = 16  # of a step: the unit in which the mean weight before is measured
_EDGES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 80, 128])
_LEVELS = np.searchsorted(_EDGES, np.arange(_EDGES[-1] + 1), side="right").astype(np.uint8)
_BANDS = (0, 0, 1, 1, 1, 2, 2, 2, 2)  # how many weights came before, roughly
_CLASSES = 16  # of columns, half an octave each, at the kernel's first place
_FIRST = 3 * (len(_EDGES) + 1)
CONTEXTS = _FIRST + _CLASSES
_SIZES = np.rint(8 * 2.0 ** (np.arange(37) / OCTAVE)).astype(np.int32)  # whole, for contexts


def sizes(unit: float, steps: Octets) -> Floats:
    """Columns' steps, float32 of the shape of `steps`: the unit, so many quarter octaves lower."""
    lower = np.ldexp(_ROOTS[steps % OCTAVE], -(steps // OCTAVE).astype(np.int32))
    return np.float32(unit) * lower


def values(codes: Codes, arrays: Mapping[str, Array]) -> Floats:
    """The weights that codes stand for, float32 of their shape.

    Args:
        codes: int8 `(out, in, 3, 3)`.
        arrays: `unit`, `steps` and `scale`.
    """
    found = codes.astype(np.float32)
    found *= sizes(arrays["unit"][0], arrays["steps"])
    found *= arrays["scale"].astype(np.float32)[:, None, None, None]
    return found


def write(codes: Codes, steps: Octets) -> dict[str, Array]:
    """Encode codes as `stream`, `states`, `contexts` and `frequencies`.

    Args:
        codes: int8 `(out, in, 3, 3)`, from -127 to 127.
        steps: uint8 `(in, 3, 3)`.
    """
    parts = np.ascontiguousarray(codes.reshape(-1, _PLACES).T)
    seen = _Seen(len(codes), steps)
    contexts = np.stack([seen.contexts(part) for part in parts])
    wide = parts.astype(np.int16)
    symbols = np.where(wide < 0, -2 * wide - 1, 2 * wide).astype(np.uint8)
    many = int(symbols.max(initial=0)) + 1
    flat = contexts.astype(np.intp) * many + symbols
    counts = np.bincount(flat.reshape(-1), minlength=CONTEXTS * many).reshape(CONTEXTS, many)
    joined, places = _joined(counts.astype(np.float64))
    table = rans.frequencies(joined)
    # Small layers get more lanes than their size is worth: it is steps that take time.
    lanes = max(1, min(_LANES, max(parts.size // _LANE, math.isqrt(parts.size) // 2)))
    states, words = rans.encode(symbols, places[contexts], table, lanes)
    rows = [np.trim_zeros(row, "b") for row in table]
    return {
        "stream": words,
        "states": states,
        "contexts": places,
        "frequencies": np.concatenate(rows),
    }


def read(out: int, arrays: Mapping[str, Array]) -> Codes:
    """The codes that `write` encoded, int8 `(out, in, 3, 3)`.

    Args:
        out: output channels.
        arrays: what `write` gave, and `steps`.

    Raises:
        ValueError: they do not belong together.
    """
    steps, places = arrays["steps"], arrays["contexts"]
    table = _table(arrays["frequencies"])
    decoder = rans.Decoder(table, arrays["states"], arrays["stream"])
    seen = _Seen(out, steps)
    parts = np.empty((_PLACES, out * len(steps)), np.int8)
    for part in parts:
        symbols = decoder.take(places[seen.before()])
        np.take(_ZIGZAG, symbols, out=part)
        seen.add(part)
    decoder.finish()
    return np.ascontiguousarray(parts.T).reshape(out, *steps.shape)


class _Seen:
    """The codes of a layer's kernels up to a place, and what context that makes."""

    def __init__(self, out: int, steps: Octets) -> None:
        """Begin before the first place.

        Args:
            out: output channels.
            steps: uint8 `(in, 3, 3)`.
        """
        columns = np.ascontiguousarray(steps.reshape(len(steps), _PLACES).T)
        higher = np.minimum(columns.max(initial=0) - columns, len(_SIZES) - 1)
        self._sizes = _SIZES[higher]
        self._classes = _FIRST + np.minimum(columns[0] // 2, _CLASSES - 1)
        self._sums = np.zeros((out, len(steps)), np.int32)
        self._place = 0

    def before(self) -> Octets:
        """Contexts at the place at hand, uint8 `(out * in,)`."""
        place = self._place
        if not place:
            return np.broadcast_to(self._classes.astype(np.uint8), self._sums.shape).reshape(-1)
        means = self._sums * _PARTS // (place * self._sizes[place])
        np.minimum(means, len(_LEVELS) - 1, out=means)
        levels = _LEVELS + np.uint8(_BANDS[place] * (len(_EDGES) + 1))
        found: Octets = levels[means].reshape(-1)
        return found

    def add(self, codes: Codes) -> None:
        """Take the codes `(out * in,)` of the place at hand, and go on to the next."""
        large = np.abs(codes).reshape(self._sums.shape).astype(np.int32)
        large *= self._sizes[self._place]
        self._sums += large
        self._place += 1

    def contexts(self, codes: Codes) -> Octets:
        """Contexts at the place at hand, whose codes are known already."""
        found = self.before()
        self.add(codes)
        return found


def _joined(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], Octets]:
    """Join contexts as long as the table that is saved takes more bits than the worse fit.

    Args:
        counts: `(CONTEXTS, symbols)`.

    Returns:
        The tables' counts, `(tables, symbols)`; and each context's table, uint8 `(CONTEXTS,)`.
    """
    used = counts.any(axis=1)
    places = np.zeros(len(counts), np.uint8)
    places[used] = np.arange(used.sum())
    tables = counts[used]
    costs = _bits(tables)
    while len(tables) > 1:
        dearer = _bits(tables[:, None] + tables[None]) - costs[:, None] - costs[None]
        np.fill_diagonal(dearer, np.inf)
        one, other = sorted(divmod(int(dearer.argmin()), len(tables)))
        if dearer[one, other] >= 0:
            break
        tables[one] += tables[other]
        tables = np.delete(tables, other, axis=0)
        costs = _bits(tables)
        places[used & (places == other)] = one
        places[places > other] -= 1
    return (tables if len(tables) else counts[:1]), places


def _bits(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """What symbols take, and the table of them, by their counts `(..., symbols)`."""
    total = counts.sum(axis=-1, keepdims=True)
    shares = np.divide(counts, total, out=np.ones_like(counts), where=counts > 0)
    last = (counts > 0) * np.arange(1, counts.shape[-1] + 1)
    found: NDArray[np.float64] = 16 * last.max(axis=-1) - (counts * np.log2(shares)).sum(axis=-1)
    return found


def _table(frequencies: Words) -> Words:
    """Tables that lie end to end as rows of one length, `(tables, symbols)`.

    Raises:
        ValueError: they do not sum to `2**PRECISION` each, or one has more symbols than there are.
    """
    total = 1 << rans.PRECISION
    ends = frequencies.cumsum(dtype=np.int64)
    count = int(ends[-1]) // total if len(ends) else 0
    stops = np.searchsorted(ends, np.arange(1, count + 1) * total) + 1
    if not count or (ends[stops - 1] % total).any() or stops[-1] != len(ends):
        raise ValueError("frequencies that do not fill their range")
    rows = np.split(frequencies, stops[:-1])
    width = max(map(len, rows))
    if width > len(_ZIGZAG):
        raise ValueError("more symbols than there are codes")
    return np.stack([np.pad(row, (0, width - len(row))) for row in rows])
