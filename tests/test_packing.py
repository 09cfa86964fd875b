"""Round trips at every width and length, against Python's own big integers."""

import numpy as np
import pytest

from medley.vgg.packing import look_up, pack, packed_size, unpack

WIDTHS = range(1, 9)


def random_codes(count: int, bits: int) -> np.ndarray:
    return np.random.default_rng(count * 10 + bits).integers(0, 2**bits, count, np.uint8)


def packed_by_big_integer(codes: np.ndarray, bits: int) -> bytes:
    stream = sum(int(code) << (bits * place) for place, code in enumerate(codes))
    return stream.to_bytes((len(codes) * bits + 7) // 8, "little")


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("count", [*range(18), 1001])
def test_codes_are_packed_as_documented_and_come_back(bits: int, count: int) -> None:
    codes = random_codes(count, bits)
    packed = pack(codes, bits)
    assert packed.tobytes() == packed_by_big_integer(codes, bits)
    assert np.array_equal(unpack(packed, bits, count), codes)


@pytest.mark.parametrize("bits", WIDTHS)
def test_codes_come_back_across_chunks(bits: int) -> None:
    codes = random_codes(2 * 8 * 8192 + 13, bits)
    assert np.array_equal(unpack(pack(codes, bits), bits, codes.size), codes)


@pytest.mark.parametrize("bits", WIDTHS)
def test_looking_up_equals_unpacking_then_indexing(bits: int) -> None:
    codes = random_codes(3 * 5 * 9, bits).reshape(3, 5, 3, 3)
    values = np.random.default_rng(bits).standard_normal(2**bits).astype(np.float32)
    out = np.empty(codes.shape, np.float32)
    look_up(pack(codes, bits), bits, values, out)
    assert np.array_equal(out, values[codes])


def test_packed_bytes_may_begin_anywhere_in_a_larger_buffer() -> None:
    codes = random_codes(64, 4)
    buffer = np.concatenate([np.zeros(3, np.uint8), pack(codes, 4)])
    assert np.array_equal(unpack(buffer[3:], 4, 64), codes)


def test_bit_order_is_pinned() -> None:
    assert pack(np.array([1, 2, 7], np.uint8), 3).tolist() == [0b11_010_001, 0b1]


@pytest.mark.parametrize("bits", WIDTHS)
def test_a_code_takes_its_bits_and_no_more(bits: int) -> None:
    assert packed_size(2_359_296, bits) == 2_359_296 * bits // 8
    assert pack(np.zeros((4, 2, 3, 3), np.uint8), bits).size == packed_size(72, bits) == 9 * bits


@pytest.mark.parametrize("bits", [0, 9])
def test_widths_that_do_not_exist_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 8 bits, not {bits}"):
        pack(np.zeros(1, np.uint8), bits)
    with pytest.raises(ValueError, match=f"1 to 8 bits, not {bits}"):
        unpack(np.zeros(1, np.uint8), bits, 1)


def test_code_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="code 4 does not fit into 2 bits"):
        pack(np.array([0, 4], np.uint8), 2)


def test_wrong_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="10 codes of 3 bits take 4 bytes"):
        unpack(np.zeros(5, np.uint8), 3, 10)
    with pytest.raises(ValueError, match="and 8 values, not 4 and 7"):
        look_up(np.zeros(4, np.uint8), 3, np.zeros(7), np.zeros(10))


def test_output_of_another_type_or_layout_is_refused() -> None:
    packed, values = np.zeros(2, np.uint8), np.zeros(2, np.float32)
    with pytest.raises(ValueError, match="C-contiguous and of the type"):
        look_up(packed, 1, values, np.zeros(16))
    with pytest.raises(ValueError, match="C-contiguous and of the type"):
        look_up(packed, 1, values, np.zeros((4, 4), np.float32).T)
