"""Each scheme against a second implementation: torch's own rounding, or plain indexing."""

import dataclasses

import numpy as np
import pytest
import torch

from medley.vgg import codebook, packing, schemes
from medley.vgg.schemes import code_entropy, decode, quantize_layer, with_narrower

BIAS = np.float32([0.5, -1.0, 0.0, 2.0])


def make_weight(seed: int = 0) -> np.ndarray:
    """Four output channels whose ranges differ by a factor of a thousand."""
    rng = np.random.default_rng(seed)
    spread = np.float32([0.01, 0.1, 1.0, 10.0]).reshape(4, 1, 1, 1)
    return rng.standard_normal((4, 5, 3, 3), np.float32) * spread


@pytest.mark.parametrize("bits", range(1, 9))
def test_kmeans_layer_decodes_to_the_nearest_centroids(bits):
    weight = make_weight()
    entries = codebook.optimal_codebooks(weight, [bits])[bits]
    layer = quantize_layer(weight, BIAS, "kmeans", bits)
    assert np.array_equal(decode(layer), entries[codebook.assign(weight, entries)])
    assert layer.distortion == pytest.approx(np.mean((decode(layer) - weight) ** 2), rel=1e-5)
    assert layer.power == pytest.approx(np.mean(weight**2), rel=1e-5)
    assert layer.size_bytes == packing.packed_size(180, bits) + 4 * 2**bits + 16


@pytest.mark.parametrize("bits", range(1, 9))
def test_affine_layers_decode_as_torch_has_it(bits):
    weight = make_weight()
    for scheme in ("affine", "affine-channel"):
        layer = quantize_layer(weight, BIAS, scheme, bits)
        scale = torch.from_numpy(layer.arrays["scale"])
        zero = torch.from_numpy(layer.arrays["zero"]).int()
        channels = torch.arange(4) if scheme == "affine-channel" else torch.zeros(4, dtype=int)
        expected = torch.fake_quantize_per_channel_affine(
            torch.from_numpy(weight), scale[channels], zero[channels], 0, 0, 2**bits - 1
        )
        assert torch.allclose(torch.from_numpy(decode(layer)), expected, rtol=1e-6)
        assert len(scale) == len(set(channels.tolist()))


def test_affine_error_stays_within_half_a_step_and_zero_is_exact():
    weight = make_weight()
    weight[:, 0] = 0.0
    layer = quantize_layer(weight, BIAS, "affine-channel", 8)
    step = layer.arrays["scale"].reshape(-1, 1, 1, 1)
    assert np.all(np.abs(decode(layer) - weight) <= 1.001 * step)  # ends may clip by half a step
    assert np.mean(np.abs(decode(layer) - weight) <= 0.501 * step) > 0.98
    assert not decode(layer)[:, 0].any()


def test_a_scale_for_each_channel_helps_where_their_ranges_differ():
    weight = make_weight()
    one = quantize_layer(weight, BIAS, "affine", 6).distortion
    each = quantize_layer(weight, BIAS, "affine-channel", 6).distortion
    assert each < 0.5 * one


def test_constant_layers_survive_every_scheme():
    for value in (0.0, 0.25, -3.0):
        weight = np.full((4, 1, 3, 3), value, np.float32)
        for scheme in sorted(set(schemes.SCHEMES) - {schemes.CALIBRATED}):
            bits = schemes.FLOAT_BITS.get(scheme, 2)
            assert decode(quantize_layer(weight, BIAS, scheme, bits)) == pytest.approx(weight)


def test_short_floats_are_rounded_as_torch_rounds_them():
    ties = np.float32([1 + 2**-8, 1 + 3 * 2**-8, -(1 + 2**-8), 1e-40, 0.0, 3.0e38]).reshape(
        6, 1, 1, 1
    )
    weight = torch.cat([torch.from_numpy(make_weight())[:, :1, :1, :1], torch.from_numpy(ties)])
    layer = quantize_layer(weight.numpy(), np.zeros(10, np.float32), "bfloat16", 16)
    assert torch.equal(torch.from_numpy(decode(layer)), weight.bfloat16().float())
    weight = torch.from_numpy(make_weight())
    layer = quantize_layer(weight.numpy(), BIAS, "float16", 16)
    assert torch.equal(torch.from_numpy(decode(layer)), weight.half().float())


def test_floats_are_kept_exactly():
    layer = quantize_layer(make_weight(), BIAS, "float32", 32)
    assert np.array_equal(decode(layer), make_weight())
    assert layer.distortion == 0.0


@pytest.mark.parametrize(("scheme", "value"), [("float16", 7e4), ("bfloat16", 3.4e38)])
def test_weight_too_large_for_a_short_float_is_refused(scheme, value):
    weight = np.full((4, 1, 1, 1), value, np.float32)
    with pytest.raises(ValueError, match=f"too large for {scheme}"):
        quantize_layer(weight, BIAS, scheme, 16)


def test_codebook_may_be_scaled_for_each_channel():
    layer = quantize_layer(make_weight(), BIAS, "kmeans", 3)
    scale = np.float32([1, 2, -3, 0.5])
    scaled = dataclasses.replace(layer, arrays=layer.arrays | {"scale": scale})
    assert np.array_equal(decode(scaled), decode(layer) * scale.reshape(4, 1, 1, 1))


def test_narrower_widths_decode_from_the_wider_layer():
    weight = make_weight(3)
    layer = with_narrower(quantize_layer(weight, BIAS, "kmeans", 6))
    wide = decode(layer)
    entries, counts = np.unique(wide, return_counts=True)
    for bits, narrowing in codebook.recluster(entries, counts, range(1, 6)).items():
        values = narrowing.values(len(entries))
        assert np.array_equal(decode(layer, bits), values[np.searchsorted(entries, wide)])
    assert np.array_equal(decode(layer, 6), wide)


def test_width_that_a_layer_does_not_hold_is_refused():
    layer = quantize_layer(make_weight(), BIAS, "kmeans", 4)
    with pytest.raises(ValueError, match="4 bits cannot be decoded at 2"):
        decode(layer, 2)
    with pytest.raises(ValueError, match="4 bits cannot be decoded at 5"):
        decode(with_narrower(layer), 5)


def test_entropy_counts_how_evenly_codes_are_used():
    codes = np.repeat(np.arange(4, dtype=np.uint8), 9).reshape(4, 1, 3, 3)
    entries = np.arange(4, dtype=np.float32)
    even = quantize_layer(codes.astype(np.float32), BIAS, "kmeans", 2, entries)
    assert code_entropy(even) == pytest.approx(2.0)
    assert code_entropy(quantize_layer(codes * np.float32(0), BIAS, "kmeans", 2)) == 0.0
    assert code_entropy(quantize_layer(make_weight(), BIAS, "float16", 16)) == 16.0


@pytest.mark.parametrize(
    ("scheme", "bits", "message"),
    [
        ("median", 4, "unknown scheme 'median'; there are kmeans, calibrated"),
        ("kmeans", 9, "kmeans has 1 to 8 bits, not 9"),
        ("affine", 0, "affine has 1 to 8 bits, not 0"),
        ("float16", 8, "float16 has 16 bits, not 8"),
    ],
)
def test_scheme_or_width_that_does_not_exist_is_refused(scheme, bits, message):
    with pytest.raises(ValueError, match=message):
        quantize_layer(make_weight(), BIAS, scheme, bits)


def test_layer_that_is_not_finite_or_empty_is_refused():
    with pytest.raises(ValueError, match="must be finite"):
        quantize_layer(make_weight(), np.full_like(BIAS, np.inf), "affine", 4)
    with pytest.raises(ValueError, match="needs weights"):
        quantize_layer(np.zeros((0, 5, 3, 3), np.float32), BIAS, "kmeans", 4)
