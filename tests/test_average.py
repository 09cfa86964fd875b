"""The decaying mean of the iterates: against one computed by hand."""

import numpy as np
import pytest
import torch

from medley.settings import ShotSettings
from medley.studio.shooting.problem import iterate, make_objective_of
from medley.tensors import to_tensor
from medley.transfer.scales import mean_share, plan_scales

from .conftest import draw_pixels
from .specs import spec_of

CONTENT, PAINTING = draw_pixels(48, 64, 1), draw_pixels(48, 60, 2)


def spec(**settings):
    chosen = ShotSettings(
        **{"size": 64, "steps": 8, "precision": "float32", "scales": "1"} | settings
    )
    return spec_of(CONTENT, [PAINTING], chosen)


def mean_by_hand(values, decay):
    """Weights of decay to the power of age, divided by their sum."""
    weights = decay ** np.arange(len(values) - 1, -1, -1, dtype=np.float64)
    return np.tensordot(weights, np.stack(values), 1) / weights.sum()


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.99])
def test_mean_of_one_size_is_the_bias_corrected_exponential_mean(decay):
    scales = plan_scales(64, 64, 30, 1)
    values = list(np.random.default_rng(0).random(31))
    mean = 0.0
    for step, value in enumerate(values):
        mean += mean_share(scales, step, decay) * (value - mean)
        assert mean == pytest.approx(mean_by_hand(values[: step + 1], decay), rel=1e-12)


def test_mean_so_far_counts_as_one_picture_at_a_larger_size():
    scales = plan_scales(64, 64, 9, 3)  # steps 0-2, 3-5, and 6-9
    values = list(np.random.default_rng(0).random(10))
    mean = 0.0
    for step, value in enumerate(values):
        mean += mean_share(scales, step, 0.9) * (value - mean)
    expected = mean_by_hand(values[:3], 0.9)
    expected = mean_by_hand([expected, *values[3:6]], 0.9)
    expected = mean_by_hand([expected, *values[6:]], 0.9)
    assert mean == pytest.approx(expected, rel=1e-12)


def test_pictures_shown_are_means_and_the_run_itself_is_the_same(model):
    plain = [each.image.numpy() for each in iterate(spec(steps=9), model)]
    shown = list(iterate(spec(average=0.7), model))
    for step in range(8):
        expected = mean_by_hand(plain[: step + 1], 0.7)
        np.testing.assert_allclose(shown[step].image.numpy(), expected, atol=1e-5)
    last = shown[8].image.numpy()
    np.testing.assert_allclose(last, mean_by_hand(plain[:9], 0.7), atol=0.51 / 255)
    np.testing.assert_allclose(last * 255, np.rint(last * 255), atol=1e-3)


def test_mean_is_what_is_finally_judged(model):
    what = spec(average=0.9)
    last = list(iterate(what, model))[-1]
    losses, _ = make_objective_of(what, model).evaluate(last.image, False)
    assert float(losses.total) == pytest.approx(last.loss, rel=1e-5)


@pytest.mark.parametrize("stop", [0, 2, 3, 6, 7])
@pytest.mark.parametrize("preserve", ["off", "luminance"])
def test_mean_goes_on_from_a_checkpoint_to_the_same_pixels(model, stop, preserve):
    what = spec(average=0.9, scales="3", preserve_color=preserve)
    whole = list(iterate(what, model))
    rest = list(iterate(what, model, state=whole[stop].state))
    for one, other in zip(whole[stop + 1 :], rest, strict=True):
        assert torch.equal(one.image, other.image)


def test_mean_is_the_same_in_tiles(model):
    what = spec(average=0.9, size=96, steps=4)
    whole = list(iterate(what, model))[-1]
    tiled = list(iterate(what, model, tile=64))[-1]
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-3)
    assert (tiled.image - whole.image).abs().mean() < 1e-3


def test_no_mean_is_the_default_and_shows_each_iterate_itself(model):
    plain, zero = (list(iterate(spec(**more), model)) for more in ({}, {"average": 0.0}))
    for one, other in zip(plain, zero, strict=True):
        assert torch.equal(one.image, other.image)
    assert torch.equal(plain[0].image, to_tensor(CONTENT))
