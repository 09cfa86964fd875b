"""Codes come back from their stream, whatever they are, in less than their entropy by columns."""

import numpy as np
import pytest

from medley.vgg import columns


def drawn(out=32, inputs=24, spread=1.5, seed=0):
    """Codes whose kernels are large or small as a whole, as those of a trained network are."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(0, 12, (inputs, 3, 3)).astype(np.uint8)
    strong = spread * np.exp(rng.normal(0, 1, (out, inputs, 1, 1))) * 2 ** (steps / 4 - 1.5)
    codes = np.rint(rng.normal(0, 1, (out, inputs, 3, 3)) * strong)
    return np.clip(codes, -127, 127).astype(np.int8), steps


def written(codes, steps):
    return columns.write(codes, steps) | {"steps": steps}


@pytest.mark.parametrize("spread", [0.0, 0.05, 1.0, 60.0])
@pytest.mark.parametrize("shape", [(1, 1), (64, 3), (5, 70)])
def test_codes_come_back_whatever_they_are(shape, spread):
    codes, steps = drawn(*shape, spread)
    found = columns.read(len(codes), written(codes, steps))
    assert found.dtype == np.int8
    assert np.array_equal(found, codes)


def test_steps_of_the_whole_range_and_the_largest_codes_come_back():
    codes, steps = drawn(spread=200.0)
    steps[...] = np.linspace(0, 255, steps.size).reshape(steps.shape)
    assert {-127, 127} <= set(codes.reshape(-1).tolist())
    assert np.array_equal(columns.read(32, written(codes, steps)), codes)


def test_kernels_that_are_large_as_a_whole_take_fewer_bits_than_their_columns_tell():
    codes, steps = drawn(128, 128)
    arrays = written(codes, steps)
    taken = 8 * sum(array.nbytes for name, array in arrays.items() if name != "steps")
    by_column = 0.0
    for step in np.unique(steps):
        counts = np.bincount(codes[:, steps == step].reshape(-1).astype(int) + 127)
        shares = counts[counts > 0] / counts.sum()
        by_column -= counts.sum() * (shares * np.log2(shares)).sum()
    assert taken < 0.97 * by_column


def test_few_codes_share_few_tables():
    many = written(*drawn(128, 128))
    few = written(*drawn(4, 4))
    tables = [int(arrays["contexts"].max()) + 1 for arrays in (few, many)]
    assert tables[0] <= 2 < tables[1]
    assert sum(few[name].nbytes for name in ("states", "frequencies")) < 150


def test_weights_are_codes_by_column_steps_by_row_scales():
    codes, steps = drawn()
    scale = np.linspace(0.9, 1.1, 32).astype(np.float16)
    arrays = {"steps": steps, "unit": np.array([0.02], np.float32), "scale": scale}
    expected = codes * (0.02 * 2.0 ** (steps / -4.0)) * scale.astype(float)[:, None, None, None]
    np.testing.assert_allclose(columns.values(codes, arrays), expected, rtol=1e-6)


BROKEN = {
    "not that of so many symbols": lambda arrays: arrays | {"stream": arrays["stream"][:-1]},
    "context that the table lacks": lambda arrays: arrays | {
        "contexts": np.full(columns.CONTEXTS, 250, np.uint8)
    },
    "do not fill their range": lambda arrays: arrays | {"frequencies": arrays["frequencies"][1:]},
    "more symbols than there are": lambda arrays: arrays | {
        "frequencies": np.array([0] * 255 + [4096], np.uint16)
    },
}  # fmt: skip


@pytest.mark.parametrize("message", BROKEN)
def test_arrays_that_do_not_belong_together_are_refused(message):
    codes, steps = drawn()
    with pytest.raises(ValueError, match=message):
        columns.read(32, BROKEN[message](written(codes, steps)))


def test_streams_of_two_layers_are_not_taken_for_each_other():
    one, other = written(*drawn()), written(*drawn(seed=1))
    with pytest.raises(ValueError, match="not that of so many symbols"):
        columns.read(32, one | {"stream": other["stream"]})
    with pytest.raises(ValueError, match="not that of so many symbols"):
        columns.read(32, one | {"steps": other["steps"]})


@pytest.mark.parametrize("frequencies", [[], [0, 0], [4095], [4096, 0], [3000, 3000, 2192]])
def test_tables_that_are_none_are_refused(frequencies):
    codes, steps = drawn()
    arrays = written(codes, steps) | {"frequencies": np.array(frequencies, np.uint16)}
    with pytest.raises(ValueError, match="do not fill their range"):
        columns.read(32, arrays)
