"""Symbols come back from a stream near their entropy in size, and a wrong stream is refused."""

import constriction
import numpy as np
import pytest

from medley.vgg import rans


def drawn(parts=3, count=5000, seed=0):
    """Symbols of four contexts: ever wider, and the last of a single symbol."""
    rng = np.random.default_rng(seed)
    contexts = rng.integers(0, 4, (parts, count)).astype(np.uint8)
    spread = np.array([0.3, 1.0, 4.0, 0.0])[contexts]
    symbols = np.clip(np.rint(rng.normal(0, 1, contexts.shape) * spread) + 16, 0, 32)
    return symbols.astype(np.uint8), contexts


def table_of(symbols, contexts):
    counts = np.zeros((contexts.max() + 1, symbols.max() + 1), np.int64)
    np.add.at(counts, (contexts, symbols), 1)
    return rans.frequencies(counts)


def decoded(contexts, table, states, words):
    decoder = rans.Decoder(table, states, words)
    symbols = np.stack([decoder.take(part) for part in contexts])
    decoder.finish()
    return symbols


@pytest.mark.parametrize("lanes", [1, 7, 64, 1000, 6000])
def test_symbols_come_back_whatever_the_lanes(lanes):
    symbols, contexts = drawn(count=1003)
    table = table_of(symbols, contexts)
    states, words = rans.encode(symbols, contexts, table, lanes)
    assert states.shape == (2, lanes)
    assert np.array_equal(decoded(contexts, table, states, words), symbols)


def test_contexts_may_follow_from_the_part_before():
    symbols, _ = drawn(parts=4)
    contexts = np.zeros_like(symbols)
    contexts[1:] = symbols[:-1] > 16
    table = table_of(symbols, contexts)
    decoder = rans.Decoder(table, *rans.encode(symbols, contexts, table, 64))
    part = decoder.take(np.zeros(5000, np.uint8))
    for expected in symbols[1:]:
        part = decoder.take((part > 16).astype(np.uint8))
        assert np.array_equal(part, expected)
    decoder.finish()


def test_nothing_and_a_single_symbol_take_no_words():
    for symbols in (np.zeros((1, 0), np.uint8), np.full((2, 900), 3, np.uint8)):
        contexts = np.zeros_like(symbols)
        table = rans.frequencies(np.array([[0, 0, 0, 7]]))
        states, words = rans.encode(symbols, contexts, table, 8)
        assert words.size == 0
        assert np.array_equal(decoded(contexts, table, states, words), symbols)


def test_stream_takes_what_the_symbols_entropy_says():
    symbols, contexts = drawn(count=100_000)
    table = table_of(symbols, contexts)
    states, words = rans.encode(symbols, contexts, table, 16)
    counts = np.zeros(table.shape)
    np.add.at(counts, (contexts, symbols), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    bits = -(counts * np.log2(np.where(counts > 0, shares, 1))).sum()
    assert bits < (states.nbytes + words.nbytes) * 8 < bits * 1.003


def test_stream_is_as_short_as_that_of_another_coder_with_the_same_frequencies():
    symbols, contexts = drawn(count=20_000)
    table = table_of(symbols, contexts)
    _, words = rans.encode(symbols, contexts, table, 1)
    oracle = constriction.stream.stack.AnsCoder()
    for context in reversed(range(len(table))):
        shares = table[context].astype(np.float32) / 2**rans.PRECISION
        own = symbols[contexts == context].astype(np.int32)
        model = constriction.stream.model.Categorical(shares, perfect=True)
        oracle.encode_reverse(own, model)
    assert len(words) * 16 == pytest.approx(oracle.num_bits(), rel=0.002)


def test_one_lane_s_stream_is_read_by_the_arithmetic_of_the_paper():
    symbols, contexts = drawn(parts=1, count=3000)
    table = table_of(symbols, contexts)
    states, words = rans.encode(symbols, contexts, table, 1)
    state, rest, found = int(states[0, 0]) << 16 | int(states[1, 0]), list(words.tolist()), []
    for context in contexts[0]:
        slot = state % 4096
        ends = table[context].astype(int).cumsum()
        symbol = int((ends <= slot).sum())
        frequency = int(table[context, symbol])
        state = state // 4096 * frequency + slot - (int(ends[symbol]) - frequency)
        if state < 2**16:
            state = state << 16 | rest.pop(0)
        found.append(symbol)
    assert (state, rest, found) == (2**16, [], symbols[0].tolist())


@pytest.mark.parametrize("count", [[5, 0, 1, 10**7], [1] * 256, [0, 0, 9], [0, 0, 0]])
def test_frequencies_fill_their_range_and_spare_a_place_for_all_that_occurs(count):
    (found,) = rans.frequencies(np.array([count]))
    assert found.sum() == 2**rans.PRECISION
    if any(count):
        assert np.array_equal(found > 0, np.array(count) > 0)


def test_torn_swapped_and_other_streams_are_refused():
    symbols, contexts = drawn()
    table = table_of(symbols, contexts)
    states, words = rans.encode(symbols, contexts, table, 64)
    swapped = words.copy()
    swapped[:100], swapped[100:200] = words[100:200], words[:100]
    for torn in (words[:-1], words[:9], np.append(words, np.uint16(0)), swapped):
        with pytest.raises(ValueError, match="not that of so many symbols"):
            decoded(contexts, table, states, torn)
    with pytest.raises(ValueError, match="not that of so many symbols"):
        decoded(contexts[:2], table, states, words)
    with pytest.raises(ValueError, match="context that the table lacks"):
        decoded(contexts + np.uint8(1), table, states, words)
    with pytest.raises(ValueError, match="do not fill their range"):
        rans.Decoder(table // 2, states, words)


def test_symbol_without_a_frequency_is_not_written():
    table = rans.frequencies(np.array([[3, 0]]))
    with pytest.raises(ValueError, match="never occurs"):
        rans.encode(np.ones((1, 1), np.uint8), np.zeros((1, 1), np.uint8), table, 1)
