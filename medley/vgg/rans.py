"""An entropy coder for codes of few values: interleaved rANS, many lanes a step.

A *symbol* is a small number, its *context* says which of several distributions it is drawn from.
Symbols come in *parts*: the contexts of a part may depend on the symbols of those before it.
Symbol `i` of a part belongs to lane `i % lanes`; in a step all lanes take one symbol each, which is
one pass of NumPy over them. The lanes share one stream of 16-bit words: a lane whose state falls
below 2**16 takes the stream's next word, lower lanes first.

Source: Duda (2013), Asymmetric numeral systems, arXiv:1311.2540, section 3 (the range variant);
Giesen (2014), Interleaved entropy coders, arXiv:1402.3392, for lanes that share a stream.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Octets = NDArray[np.uint8]
Words = NDArray[np.uint16]

PRECISION = 12
"""The frequencies of a context's symbols sum to two to this power."""

_TOTAL = 1 << PRECISION
_LEAST = 1 << 16  # a state below it takes a word


def frequencies(counts: NDArray[Any]) -> Words:
    """Round symbols' counts to frequencies that sum to `2**PRECISION`.

    Every symbol that occurs keeps at least 1. What rounding leaves over goes where it costs
    fewest bits.

    Args:
        counts: how often each symbol occurs in each context, `(contexts, symbols)`; at most
            `2**PRECISION` symbols.

    Returns:
        uint16 of that shape. A context that never occurs has all of it on its first symbol.
    """
    rounded = np.zeros(counts.shape, np.int64)
    for row, count in zip(rounded, counts.astype(np.float64), strict=True):
        if not count.any():
            row[0] = _TOTAL
            continue
        ideal = count * (_TOTAL / count.sum())
        row[:] = np.where(count > 0, np.maximum(np.rint(ideal), 1), 0)
        while (over := int(row.sum()) - _TOTAL) != 0:
            step = -1 if over > 0 else 1
            free = (row > 1) if over > 0 else (row > 0)
            # The bits that one more or one less costs, over all occurrences.
            cost = -count * np.log2(np.where(free, (row + step) / np.maximum(row, 1), 1))
            row[np.where(free, cost, np.inf).argmin()] += step
    return rounded.astype(np.uint16)


def encode(symbols: Octets, contexts: Octets, table: Words, lanes: int) -> tuple[Words, Words]:
    """Write symbols as a stream of words.

    Args:
        symbols: uint8 `(parts, n)`.
        contexts: uint8 of that shape, each symbol's row of the table.
        table: what `frequencies` gave; a symbol must not have the frequency 0 where it occurs.
        lanes: 1 or more.

    Returns:
        The lanes' states, uint16 `(2, lanes)`, upper halves first; and the words.

    Raises:
        ValueError: a symbol occurs that has no frequency.
    """
    ends = table.astype(np.uint64).cumsum(axis=1)
    states = np.full(lanes, _LEAST, np.uint64)
    written: list[Words] = []
    for part, where in zip(symbols[::-1], contexts[::-1], strict=True):
        for first in reversed(range(0, len(part), lanes)):
            drawn, rows = part[first : first + lanes], where[first : first + lanes]
            frequency = table[rows, drawn].astype(np.uint64)
            if not frequency.all():
                raise ValueError("a symbol that never occurs by the table cannot be written")
            x = states[: len(drawn)]
            # The state after the symbol must stay below 2**32.
            full = x >= frequency << np.uint64(32 - PRECISION)
            written.append((x[full] & np.uint64(0xFFFF)).astype(np.uint16))
            x[full] >>= np.uint64(16)
            whole, rest = np.divmod(x, frequency)
            x[:] = (whole << np.uint64(PRECISION)) + rest + (ends[rows, drawn] - frequency)
    words = np.concatenate(written[::-1]) if written else np.zeros(0, np.uint16)
    halves = np.stack([states >> np.uint64(16), states & np.uint64(0xFFFF)])
    return halves.astype(np.uint16), words


class Decoder:
    """Reads what `encode` wrote, part by part."""

    def __init__(self, table: Words, states: Words, words: Words) -> None:
        """Begin at a stream's first symbol.

        Args:
            table: as it was given to `encode`.
            states: the lanes' states, uint16 `(2, lanes)`.
            words: the stream.

        Raises:
            ValueError: frequencies that do not sum to `2**PRECISION`.
        """
        self._slots, self._contexts = _slots(table), len(table)
        self._states = (states[0].astype(np.uint32) << np.uint32(16)) | states[1]
        # A torn stream ends in zeros.
        self._words = np.concatenate([words, np.zeros(len(self._states), np.uint16)])
        self._taken, self._count = 0, len(words)

    def take(self, contexts: Octets) -> Octets:
        """The next part's symbols, uint8 `(n,)`.

        Args:
            contexts: uint8 `(n,)`, as they were given to `encode`.

        Raises:
            ValueError: a context has no row in the table.
        """
        if contexts.size and contexts.max() >= self._contexts:
            raise ValueError("a context that the table lacks")
        lanes, words, taken = len(self._states), self._words, self._taken
        symbols = np.empty(len(contexts), np.uint8)
        for first in range(0, len(contexts), lanes):
            rows = contexts[first : first + lanes]
            state = self._states[: len(rows)]
            found = self._slots[rows, state & np.uint32(_TOTAL - 1)]
            np.right_shift(found, 24, out=symbols[first : first + lanes], casting="unsafe")
            state >>= np.uint32(PRECISION)
            state *= ((found >> np.uint32(12)) & np.uint32(0xFFF)) + np.uint32(1)
            state += found & np.uint32(0xFFF)
            short = (state < _LEAST).nonzero()[0]
            state[short] = (state[short] << np.uint32(16)) | words[taken : taken + len(short)]
            taken = min(taken + len(short), self._count)
        self._taken = taken
        return symbols

    def finish(self) -> None:
        """See that all of the stream was taken, and that it ends as one begins.

        Raises:
            ValueError: it was not that of the symbols that were taken.
        """
        if self._taken != self._count or (self._states != _LEAST).any():
            raise ValueError("the stream is not that of so many symbols")


def _slots(table: Words) -> NDArray[np.uint32]:
    """For each context and each `state % 2**PRECISION`, what a step needs, `(contexts, total)`.

    The symbol in the upper 8 bits, its frequency less 1 in the next 12, and the place within its
    range in the lowest 12.

    Raises:
        ValueError: a row does not sum to `2**PRECISION`.
    """
    if (table.sum(axis=1, dtype=np.int64) != _TOTAL).any():
        raise ValueError("frequencies that do not fill their range")
    numbers = np.arange(table.shape[1], dtype=np.uint32)
    place = np.arange(_TOTAL, dtype=np.uint32)
    rows = []
    for frequency in table.astype(np.uint32):
        start = frequency.cumsum(dtype=np.uint32) - frequency
        drawn = np.repeat(numbers, frequency)
        step = (drawn << np.uint32(24)) | ((frequency[drawn] - np.uint32(1)) << np.uint32(12))
        rows.append(step | (place - start[drawn]))
    return np.stack(rows)
