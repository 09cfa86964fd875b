"""Codes by entropy: columns' steps, errors fed back, and a size that is met."""

import math

import numpy as np
import pytest
import torch

from medley.tensors import to_tensor
from medley.vgg import columns, entropy, schemes, weightfile
from medley.vgg.calibrate import Statistics
from medley.vgg.network import VGG19
from medley.vgg.quantize import quantize_calibrated, quantize_to_size
from medley.vgg.weightfile import Origin
from medley.vgg.weights import load_weights

from .conftest import draw_pixels

NAMES = ("conv1_1", "conv1_2", "conv2_1")


@pytest.fixture(scope="module")
def tensors():
    return load_weights(8, layers=NAMES).tensors


@pytest.fixture(scope="module")
def pictures():
    return [to_tensor(draw_pixels(48, 48, seed)) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def outlook(tensors, pictures):
    return entropy.foresee(tensors, pictures)


@pytest.fixture
def frame():
    """A layer fed with inputs that go together, as neighbouring pixels do."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn((1, 5, 40, 40), generator=generator).cumsum(2) / 6 + 1
    weight, bias = torch.randn((16, 45), generator=generator), torch.randn(16)
    seen = Statistics(torch.cat([weight, bias[:, None]], dim=1))
    seen.add(inputs, inputs)
    return entropy.frame_of(weight, bias, seen)


def off(frame, codes, sizes):
    error = codes * sizes - frame.rows
    return float(((error @ frame.moments) * error).sum(1).mean() / frame.power)


def test_without_correlation_codes_are_the_nearest_multiples_but_for_a_pull_to_zero():
    rows = torch.tensor([[0.4, 0.9, -1.54, 2.7, -0.54, 300.0]])
    codes = entropy.round_feeding_back(rows, torch.ones(6), torch.eye(6))
    assert codes.tolist() == [[0, 1, -1, 3, 0, 127]]


def test_feedback_lowers_the_error_of_the_output(frame):
    sizes = entropy.Grid.of(frame, -8.0).sizes
    rounded = (frame.rows / sizes).round()
    fed_back = entropy.round_feeding_back(frame.rows, sizes, frame.factor)
    assert off(frame, fed_back, sizes) < off(frame, rounded, sizes) / 2


def test_columns_steps_are_in_proportion_to_what_their_errors_cost(frame):
    sizes = entropy.Grid.of(frame, -8.0).sizes
    ratio = (sizes / frame.factor.diagonal()).log2()
    assert float(ratio.max() - ratio.min()) <= 0.25 + 1e-4


@pytest.mark.parametrize("error", [-12.0, -9.0, -6.0])
def test_output_errs_about_as_much_as_is_tolerated(frame, error):
    layer = entropy.code_layer(frame, error)
    weight, _ = layer.decoded()
    ratio = np.log2(off(frame, weight.flatten(1), 1.0)) - error
    assert abs(ratio) < 1


def test_what_is_constant_is_taken_up_by_the_bias(frame):
    layer = entropy.code_layer(frame, -5.0)
    weight, bias = layer.decoded()
    before = frame.rows @ frame.mean + frame.bias
    torch.testing.assert_close(weight.flatten(1) @ frame.mean + bias, before, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("target", [24_000, 60_000])
def test_layers_take_what_is_asked_for_and_no_more(tensors, pictures, outlook, target):
    layers = entropy.compress(tensors, outlook, target, pictures)
    taken = sum(map(entropy.size_of, layers.values()))
    assert 0.97 * target < taken <= target


def test_file_decodes_to_the_weights_that_were_calibrated_with(
    tensors, pictures, outlook, tmp_path
):
    originals = {name: (w.numpy(), b.numpy()) for name, (w, b) in tensors.items()}
    told = {}
    layers = quantize_to_size(originals, outlook, 40_000, pictures, told.__setitem__)
    path = tmp_path / "x.safetensors"
    weightfile.write(path, layers, schemes.ENTROPY, Origin("test", "0", "none"))
    loaded = load_weights(path)
    for name in NAMES:
        weight, bias = told[name].decoded()
        assert torch.equal(loaded.tensors[name][0], weight)
        assert torch.equal(loaded.tensors[name][1], bias)


def test_features_beat_those_of_calibrated_codebooks_of_that_size(tensors, pictures, outlook):
    originals = {name: (w.numpy(), b.numpy()) for name, (w, b) in tensors.items()}
    widths = dict.fromkeys(NAMES, 3)
    books = quantize_calibrated(originals, widths, pictures)
    size = sum(layer.size_bytes for layer in books.values())
    coded = quantize_to_size(originals, outlook, size, pictures)
    image = to_tensor(draw_pixels(64, 64, 9))

    def see(layers):
        decoded = {
            name: tuple(map(torch.as_tensor, (schemes.decode(layer), layer.arrays["bias"])))
            for name, layer in layers.items()
        }
        return VGG19(decoded, ["relu2_1"])(image)["relu2_1"]

    exact = VGG19(tensors, ["relu2_1"])(image)["relu2_1"]
    ours, theirs = ((see(layers) - exact).norm() for layers in (coded, books))
    assert ours < theirs


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_pictures_of_one_colour_give_finite_layers_still(tensors, value):
    flat = [torch.full((1, 3, 32, 32), value)] * 2
    outlook = entropy.foresee(tensors, flat)
    layers = entropy.compress(tensors, outlook, 50_000, flat)
    for layer in layers.values():
        assert all(part.isfinite().all() for part in layer.decoded())


def test_codes_never_leave_their_range_however_fine_they_are(frame):
    layer = entropy.code_layer(frame, -24.0)
    assert int(layer.codes.abs().max()) <= columns.MOST
    weight, _ = layer.decoded()
    assert off(frame, weight.flatten(1), 1.0) < 1e-3


def test_less_is_taken_the_more_error_is_borne(outlook):
    for sizes in outlook.values():
        assert (
            sizes.diff() < 1e-3 * sizes[0]
        ).all()  # the finest grids are bound by the largest code
    least, most = entropy.bounds(outlook)
    assert least < most / 3


def test_layers_that_are_known_are_not_made_again(tensors, pictures, outlook):
    whole = entropy.compress(tensors, outlook, 40_000, pictures)
    told = []
    first = dict(list(whole.items())[:2])
    again = entropy.compress(
        tensors, outlook, 40_000, pictures, lambda name, _: told.append(name), first
    )
    assert told == ["conv2_1"]
    for name in NAMES:
        assert all(torch.equal(*pair) for pair in zip(whole[name], again[name], strict=True))


def test_layers_that_matter_less_err_more():
    names = list(weightfile.SHAPES)[:13]
    errors = entropy._errors(dict.fromkeys(names, torch.empty(0)), -6.0)
    # From conv1_1 on, layers are larger and matter less: each may err more than those before.
    assert [errors[name] for name in names[3:]] == sorted(errors[name] for name in names[3:])
    assert errors["conv1_1"] < errors["conv1_2"] < errors["conv3_1"] < errors["conv4_1"] - 2
    assert errors["conv5_1"] - errors["conv4_1"] == pytest.approx(
        math.log2(2 * entropy.SENSITIVITY["conv4_1"] / entropy._BEHIND), abs=1e-5
    )


@pytest.mark.parametrize("error", [-12.0, -8.0])
def test_what_a_layer_takes_is_foreseen_to_a_tenth(error):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn((1, 40, 40, 40), generator=generator).cumsum(2) / 6 + 1
    weight, bias = torch.randn((64, 360), generator=generator), torch.zeros(64)
    seen = Statistics(torch.cat([weight, bias[:, None]], dim=1))
    seen.add(inputs, inputs)
    frame = entropy.frame_of(weight, bias, seen)
    foreseen = entropy._at(entropy._foreseen(frame), error)
    assert entropy.size_of(entropy.code_layer(frame, error)) == pytest.approx(foreseen, rel=0.1)


@pytest.mark.parametrize("most", [900, 1200])
def test_a_layer_is_brought_to_the_size_that_it_may_have_from_either_side(frame, most):
    for error in (-18.0, -5.0):
        layer = entropy._brought_to(most, frame, entropy.code_layer(frame, error))
        assert 0.97 * most < entropy.size_of(layer) <= most
