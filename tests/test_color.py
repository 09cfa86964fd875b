"""sRGB, linear light and Oklab, against skimage's and the published values."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2xyz, xyz2rgb
from skimage.color.colorconv import xyz_from_rgb

from medley.color import (
    light_of_levels,
    linear_to_oklab,
    linear_to_srgb,
    mix_light,
    nearest_levels,
    srgb_to_linear,
)
from medley.film.mix import mix
from medley.tensors import to_pixels, to_tensor

from .conftest import draw_pixels

LEVELS = np.linspace(0, 1, 3 * 1001).reshape(-1, 3)


def light_of_skimage(srgb):
    """XYZ is linear in light, so that undoing skimage's matrix leaves its curve alone."""
    return rgb2xyz(srgb) @ np.linalg.inv(xyz_from_rgb).T


def test_curve_and_its_inverse_are_those_of_skimage():
    light = srgb_to_linear(LEVELS)
    np.testing.assert_allclose(light, light_of_skimage(LEVELS), atol=1e-12)
    np.testing.assert_allclose(linear_to_srgb(light), xyz2rgb(light @ xyz_from_rgb.T), atol=1e-6)
    np.testing.assert_allclose(linear_to_srgb(light), LEVELS, atol=1e-7)


@pytest.mark.parametrize("curve", [srgb_to_linear, linear_to_srgb])
def test_tensor_and_array_of_one_depth_have_one_curve(curve):
    single = LEVELS.astype(np.float32)
    found = curve(torch.from_numpy(single))
    assert found.dtype == torch.float32
    assert curve(single).dtype == np.float32
    np.testing.assert_allclose(found, curve(single), atol=2e-7)
    np.testing.assert_allclose(found, curve(LEVELS), atol=2e-7)


def test_every_level_comes_back_from_its_light():
    assert nearest_levels(light_of_levels()).tolist() == list(range(256))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("colour", "oklab"),
    [((1, 1, 1), (1, 0, 0)), ((1, 0, 0), (0.62796, 0.22486, 0.12585)), ((0, 0, 0), (0, 0, 0))],
)
def test_oklab_has_its_published_values(colour, oklab, dtype):
    found = linear_to_oklab(np.array([colour], dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found[0], oklab, atol=1e-4)


@pytest.mark.parametrize("amount", [0, 0.1, 0.5, 0.93, 1])
def test_mix_of_light_is_that_of_the_film_to_eight_bits(amount: float) -> None:
    first, second = draw_pixels(40, 30, 1), draw_pixels(40, 30, 2)
    found = to_pixels(mix_light(to_tensor(first), to_tensor(second), amount)).astype(int)
    expected = mix(first, second, amount).astype(int)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 1e-3
