"""Keeping the photo's colours."""

import numpy as np
import pytest
import torch

from medley.settings import ShotSettings
from medley.studio.shooting.problem import iterate, start_pixels
from medley.tensors import to_tensor
from medley.transfer.color_transfer import color_statistics, lend_chroma, luminance
from medley.transfer.losses import Objective
from medley.transfer.preserve import LightObjective, recolor_painting

from .conftest import draw_pixels
from .specs import spec_of

TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
CONTENT, PAINTING = draw_pixels(24, 32, 1), draw_pixels(28, 30, 2)


def yiq(image):
    return TO_YIQ @ np.asarray(image, np.float64).reshape(3, -1)


def muted(seed, height=24, width=32):
    """Colours far from the ends of the range, so that none is clamped."""
    return to_tensor(draw_pixels(height, width, seed)) * 0.3 + 0.35


def spec(painting=PAINTING, **settings):
    chosen = ShotSettings(**{"size": 32, "steps": 6, "precision": "float32"} | settings)
    return spec_of(CONTENT, [painting], chosen)


def test_painting_takes_mean_and_covariance_of_the_photo():
    content, painting = muted(1), muted(2, 40, 20)
    found = recolor_painting(painting, content, "statistics").numpy().reshape(3, -1)
    expected = content.numpy().reshape(3, -1)
    np.testing.assert_allclose(found.mean(1), expected.mean(1), atol=1e-4)
    np.testing.assert_allclose(np.cov(found), np.cov(expected), atol=3e-4)


def test_painting_in_luminance_is_gray_with_the_photo_s_brightness_and_contrast():
    content, painting = muted(1), muted(2, 40, 20)
    found = recolor_painting(painting, content, "luminance")
    torch.testing.assert_close(found[:, :1].expand(-1, 3, -1, -1), found, atol=1e-5, rtol=0)
    light, wanted = yiq(found)[0], yiq(content)[0]
    assert light.mean() == pytest.approx(wanted.mean(), abs=1e-3)
    assert light.std() == pytest.approx(wanted.std(), rel=1e-2)
    assert torch.equal(recolor_painting(painting, content, "off"), painting)


def test_lent_chroma_is_the_photo_s_and_light_the_picture_s():
    picture, content = muted(3), muted(4)
    found = yiq(lend_chroma(picture, content))
    np.testing.assert_allclose(found[0], yiq(picture)[0], atol=1e-5)
    np.testing.assert_allclose(found[1:], yiq(content)[1:], atol=1e-5)
    torch.testing.assert_close(lend_chroma(content, content), content, atol=1e-6, rtol=0)


def test_chroma_that_does_not_fit_fades_and_leaves_light_and_hue():
    generator = torch.Generator().manual_seed(0)
    picture, content = (torch.rand(1, 3, 20, 20, generator=generator) for _ in range(2))
    picture[..., :5, :] = picture[..., :5, :].round()  # black, white and full colours
    shown = lend_chroma(picture, content)
    assert shown.min() >= 0
    assert shown.max() <= 1
    found, own = yiq(shown), yiq(content)
    np.testing.assert_allclose(found[0], yiq(picture)[0], atol=1e-5)
    np.testing.assert_allclose(found[1] * own[2], found[2] * own[1], atol=1e-5)
    share = (found[1:] * own[1:]).sum(0) / (own[1:] ** 2).sum(0)
    assert ((share > -1e-5) & (share < 1 + 1e-5)).all()
    assert (share < 0.9).any()


def test_gradient_of_light_is_that_of_a_gray_step(model):
    content, painting = (luminance(to_tensor(pixels)) for pixels in (CONTENT, PAINTING))
    inner = Objective(model.network, content, [painting], ShotSettings())
    objective = LightObjective(inner)
    image = (content * 0.8 + 0.1).requires_grad_()
    losses, gradient = objective.evaluate(image.detach(), True)
    assert gradient is not None
    torch.testing.assert_close(gradient[:, :1].expand_as(gradient), gradient)
    gray = image[:, :1].detach().requires_grad_()
    expected = torch.autograd.grad(inner(gray.expand(-1, 3, -1, -1)).total, gray)[0]
    torch.testing.assert_close(gradient[:, :1] * 3, expected, rtol=1e-4, atol=1e-2)
    tinted = lend_chroma(image.detach(), to_tensor(CONTENT))
    assert float(objective.evaluate(tinted, False)[0].total) == pytest.approx(
        float(losses.total), rel=1e-3
    )


@pytest.mark.parametrize("settings", [{}, {"init": "noise"}, {"scales": "2"}, {"average": 0.5}])
def test_every_iterate_shown_has_the_photo_s_hues(model, settings):
    own = yiq(to_tensor(CONTENT))
    lights = []
    for current in iterate(spec(preserve_color="luminance", **settings), model):
        found = yiq(current.image)
        np.testing.assert_allclose(found[1] * own[2], found[2] * own[1], atol=2e-3)
        lights.append(found[0])
    assert np.abs(lights[-1] - lights[0]).mean() > 0.01


def test_loss_in_light_is_that_of_the_picture_shown_last(model):
    what = spec(preserve_color="luminance")
    last = list(iterate(what, model))[-1]
    content = to_tensor(CONTENT)
    painting = recolor_painting(to_tensor(PAINTING), content, "luminance")
    objective = Objective(model.network, luminance(content), [painting], what.settings)
    assert objective(luminance(last.image)).total.item() == pytest.approx(last.loss, rel=1e-4)
    assert (last.image * 255 - (last.image * 255).round()).abs().max() < 1e-3


def test_preserved_statistics_keep_the_mean_color_where_the_painting_s_would_be(model):
    red = (PAINTING * (1, 0.4, 0.2)).astype(np.uint8)

    def distance(wish, step=-1):
        image = list(iterate(spec(red, preserve_color=wish), model))[step].image
        means = image.mean(dim=(2, 3)) - to_tensor(CONTENT).mean(dim=(2, 3))
        return float(means.norm())

    assert distance("statistics") < 0.5 * distance("off")
    # The first step, which takes the painting's colours, has none to take.
    assert distance("statistics", 1) < 0.03 < distance("off", 1)


def test_noise_takes_the_photo_s_colors_where_they_are_preserved(model):
    second = list(iterate(spec(preserve_color="statistics", init="noise", steps=1), model))[1]
    wanted = color_statistics([to_tensor(CONTENT)])
    found = color_statistics([second.image])
    torch.testing.assert_close(found.mean, wanted.mean, atol=0.03, rtol=0)


def test_color_start_is_the_photo_in_the_painting_s_colors(model):
    content, painting = ((muted(seed) * 255).round().byte()[0] for seed in (1, 2))
    pixels = [each.permute(1, 2, 0).contiguous().numpy() for each in (content, painting)]
    chosen = ShotSettings(size=32, steps=2, init="color")
    what = spec_of(pixels[0], [pixels[1]], chosen)
    start = start_pixels(what)
    flat = [each.reshape(-1, 3) / 255 for each in (start, pixels[1])]
    np.testing.assert_allclose(flat[0].mean(0), flat[1].mean(0), atol=2e-3)
    np.testing.assert_allclose(np.cov(flat[0].T), np.cov(flat[1].T), atol=1e-3)
    assert what.start.name == "color"
    iterates = list(iterate(what, model))
    assert torch.equal(iterates[0].image, to_tensor(start))


def test_taking_and_keeping_colors_contradict_each_other():
    with pytest.raises(ValueError, match=r"init color takes .*preserve.color statistics keeps"):
        ShotSettings(init="color", preserve_color="statistics")
