"""The bundle at every width, files, the cache, and what loading refuses."""

import functools

import numpy as np
import pytest
import torch

from medley.errors import WeightsError
from medley.vgg import codebook, schemes, weightfile
from medley.vgg.identity import identify_weights
from medley.vgg.weightfile import SHAPES, Origin
from medley.vgg.weights import load_weights

ORIGIN = Origin("drawn by a test", "ab" * 32, "CC0")
BUNDLE = weightfile.BUNDLE


@functools.cache
def encoded(name, scheme, bits):
    rng = np.random.default_rng(len(name) + bits)
    return schemes.quantize_layer(
        rng.standard_normal(SHAPES[name], np.float32),
        rng.standard_normal(SHAPES[name][0], np.float32),
        scheme,
        bits,
    )


@pytest.fixture
def mixed(tmp_path):
    """A file of two layers, at 2 and 4 bits."""
    path = tmp_path / "mixed.safetensors"
    layers = {
        "conv1_2": encoded("conv1_2", "kmeans", 4),
        "conv1_1": encoded("conv1_1", "kmeans", 2),
    }
    weightfile.write(path, layers, "kmeans", ORIGIN)
    return path


def test_bundle_holds_the_whole_network_and_is_small_enough():
    loaded = load_weights()
    assert {name: tuple(weight.shape) for name, (weight, _) in loaded.tensors.items()} == SHAPES
    assert list(loaded.tensors) == list(SHAPES)
    for weight, bias in loaded.tensors.values():
        assert weight.dtype == bias.dtype == torch.float32
        assert weight.is_contiguous()
        assert bias.shape == weight.shape[:1]
    assert loaded.size_bytes == BUNDLE.stat().st_size <= 20_100_000
    assert (loaded.bits, loaded.scheme, loaded.label) == (8, "kmeans", "8-bit kmeans")
    assert loaded.name == "vgg19-8bit"


def test_bundle_says_where_it_comes_from():
    origin = weightfile.read_header(BUNDLE).origin
    assert "Simonyan" in origin.source
    assert origin.licence.startswith("CC BY 4.0")
    assert origin.sha256.startswith("bde7da0dfd62")


def test_bundle_is_close_to_the_original_and_each_bit_less_is_worse():
    layers = weightfile.read_header(BUNDLE).layers
    assert all(0 < entry.distortion < 1e-4 * entry.power for entry in layers.values())
    exact = load_weights(8, layers=["conv3_1"]).tensors["conv3_1"][0]
    errors = []
    for bits in range(7, 0, -1):
        coarse = load_weights(bits, layers=["conv3_1"])
        weight = coarse.tensors["conv3_1"][0]
        assert len(weight.unique()) == 2**bits
        assert coarse.bits == bits
        errors.append(float((weight - exact).square().mean() / exact.square().mean()))
    assert errors == sorted(errors)
    assert errors[0] < 1e-3
    assert 0.3 < errors[-1] < 0.6  # one bit: about 0.36 of a normal density's variance is lost


def test_bundled_tables_of_narrower_widths_are_what_reclustering_finds():
    _, layers, _ = weightfile.read(BUNDLE)
    for name in ("conv1_1", "conv5_4"):
        plain = {kind: array for kind, array in layers[name].arrays.items() if "narrow" not in kind}
        entries = plain["codebook"]
        counts = np.bincount(plain["codes"].reshape(-1), minlength=256)
        tables = codebook.recluster(entries, counts, [1, 3, 6])
        for bits, table in tables.items():
            expected = table.values(256)[plain["codes"]]
            assert np.array_equal(schemes.decode(layers[name], bits), expected)


def test_digest_tells_widths_apart_and_stays_the_same():
    digests = [load_weights(bits, layers=["conv1_1"]).digest for bits in range(1, 9)]
    assert len(set(digests)) == 8
    assert digests[7] == load_weights(layers=["conv1_1"]).digest
    assert digests[3] == load_weights(4).digest


def test_narrower_widths_say_what_they_would_take_on_disk():
    for bits in (1, 4):
        size = load_weights(bits, layers=["conv1_1"]).size_bytes
        assert size == 20_018_880 * bits // 8 + 16 * 4 * 2**bits + 5504 * 4


def test_file_loads_with_its_own_widths(mixed):
    loaded = load_weights(mixed)
    assert loaded.layer_bits == {"conv1_1": 2, "conv1_2": 4}
    assert loaded.bits == pytest.approx((1728 * 2 + 36864 * 4) / (1728 + 36864))
    assert loaded.label == "3.9-bit kmeans"
    assert loaded.size_bytes == mixed.stat().st_size
    for name, bits in loaded.layer_bits.items():
        layer = encoded(name, "kmeans", bits)
        assert np.array_equal(loaded.tensors[name][0], schemes.decode(layer))
        assert np.array_equal(loaded.tensors[name][1], layer.arrays["bias"])


def test_only_the_layers_asked_for_are_loaded_in_the_networks_order(mixed):
    assert list(load_weights(mixed, layers=["conv1_2", "conv1_1"]).tensors) == [
        "conv1_1",
        "conv1_2",
    ]
    assert list(load_weights(mixed, layers=["conv1_2"]).layer_bits) == ["conv1_2"]


def test_tampered_file_is_refused(mixed):
    content = bytearray(mixed.read_bytes())
    content[-1] ^= 1
    mixed.write_bytes(content)
    with pytest.raises(WeightsError, match=r"mixed\.safetensors' was changed after it was written"):
        load_weights(mixed)


def test_layer_that_a_file_lacks_is_named(mixed):
    with pytest.raises(WeightsError, match=r"mixed\.safetensors' holds no conv2_1, conv5_1"):
        load_weights(mixed, layers=["conv1_1", "conv2_1", "conv5_1"])


def test_unknown_layer_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"no convolution conv9_9; there are conv1_1, .*, conv5_4"):
        load_weights(layers=["conv9_9"])


@pytest.mark.parametrize("bits", [0, 9, 16, -1])
def test_bits_that_do_not_exist_are_refused(bits):
    with pytest.raises(ValueError, match=f"1 to 8 bits, or 32 for the float original, not {bits}"):
        load_weights(bits)


def test_float_original_is_asked_for_by_name_until_it_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="not there yet; run 'medley weights fetch'"):
        load_weights(32)
    layer = encoded("conv1_1", "float32", 32)
    path = tmp_path / "vgg19-original.safetensors"
    weightfile.write(path, {"conv1_1": layer}, "float32", ORIGIN)
    loaded = load_weights(32)
    assert loaded.label == "32-bit float32"
    assert np.array_equal(loaded.tensors["conv1_1"][0], layer.arrays["weight"])


def test_weights_are_identified_without_being_decoded(tmp_path):
    for bits in range(1, 9):
        loaded = load_weights(bits)
        assert identify_weights(bits)[:2] == (loaded.digest, loaded.size_bytes)
    assert identify_weights() == identify_weights(8)
    changed = bytearray(weightfile.BUNDLE.read_bytes())
    changed[-1] ^= 1
    path = tmp_path / "changed.safetensors"
    path.write_bytes(changed)
    with pytest.raises(WeightsError, match="was changed after it was written"):
        identify_weights(path)
