"""Whole networks, small ones: widths, schemes, processes, and what is refused."""

import numpy as np
import pytest

from medley.errors import WeightsError
from medley.vgg import schemes
from medley.vgg.quantize import network_codebooks, quantize


def make_network():
    rng = np.random.default_rng(0)
    shapes = {"conv1_1": (4, 3, 3, 3), "conv1_2": (6, 4, 3, 3), "conv2_1": (8, 6, 3, 3)}
    return {
        name: (rng.standard_normal(shape, np.float32), np.zeros(shape[0], np.float32))
        for name, shape in shapes.items()
    }


def test_each_layer_gets_its_own_width():
    widths = {"conv1_1": 6, "conv1_2": 1, "conv2_1": 3}
    layers = quantize(make_network(), widths, workers=1)
    assert {name: layer.bits for name, layer in layers.items()} == widths
    for name, layer in layers.items():
        assert len(np.unique(schemes.decode(layer))) == 2 ** widths[name]


def test_processes_find_what_one_alone_finds():
    alone = quantize(make_network(), 4, workers=1)
    together = quantize(make_network(), 4, workers=2)
    assert list(together) == list(alone)
    for name, layer in alone.items():
        for kind, array in layer.arrays.items():
            assert np.array_equal(together[name].arrays[kind], array)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_finished_layer_is_told(workers):
    told = {}
    widths = {name: [1, 2] for name in make_network()}
    weights = {name: weight for name, (weight, _) in make_network().items()}
    found = network_codebooks(weights, widths, told.__setitem__, workers)
    assert told == found
    assert list(found) == ["conv1_1", "conv1_2", "conv2_1"]
    assert all(list(codebooks) == [1, 2] for codebooks in found.values())


@pytest.mark.parametrize("scheme", sorted(set(schemes.SCHEMES) - {schemes.CALIBRATED}))
def test_every_scheme_tells_of_each_layer_once(scheme):
    told = []
    bits = schemes.FLOAT_BITS.get(scheme, 5)
    layers = quantize(make_network(), bits, scheme, told.append, workers=1)
    assert told == list(layers) == list(make_network())
    assert all(layer.bits == bits for layer in layers.values())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda weight: weight * np.float32(np.nan), "conv1_2 has NaN or infinite weights"),
        (lambda weight: weight[:0], "conv1_2 has no weights"),
    ],
)
def test_broken_layer_is_named(spoil, message):
    network = make_network()
    weight, bias = network["conv1_2"]
    network["conv1_2"] = (spoil(weight), bias)
    with pytest.raises(WeightsError, match=message):
        quantize(network, 4)


def test_weight_too_large_for_the_scheme_is_named_with_its_layer():
    network = make_network()
    network["conv1_2"][0][0, 0, 0, 0] = 1e5
    with pytest.raises(WeightsError, match="conv1_2 cannot be stored: the largest weight, 100000"):
        quantize(network, 16, "float16")


@pytest.mark.parametrize(
    ("bits", "scheme", "message"),
    [
        (0, "kmeans", "kmeans has 1 to 8 bits, not 0"),
        (9, "affine", "affine has 1 to 8 bits, not 9"),
        ({"conv1_1": 4}, "kmeans", "not 0"),
        (4, "octal", "unknown scheme 'octal'"),
    ],
)
def test_widths_and_schemes_that_do_not_exist_are_refused(bits, scheme, message):
    with pytest.raises(ValueError, match=message):
        quantize(make_network(), bits, scheme)


def test_calibrated_scheme_asks_for_pictures():
    with pytest.raises(ValueError, match="made by quantize_calibrated, from pictures"):
        quantize(make_network(), 4, schemes.CALIBRATED)
