import math

import numpy as np
import pytest
import torch
from skimage.color import deltaE_cie76, rgb2lab

from medley.errors import DivergedError
from medley.images import to_tensor
from medley.settings import ShotSettings
from medley.transfer.lbfgs import LBFGS, _dot
from medley.transfer.losses import Losses, Objective
from medley.transfer.optimize import optimize, visual_change

from .conftest import draw_pixels


def bowl(image):
    """A badly conditioned quadratic whose minimum lies inside [0, 1]."""
    scale = torch.logspace(0, 3, image.numel(), dtype=image.dtype).view_as(image)
    return (scale * (image - 0.3) ** 2).sum()


def run_lbfgs(function, start, steps, history=20):
    lbfgs, image, path = LBFGS(history), start, []
    for _ in range(steps):
        variable = image.clone().requires_grad_()
        loss = function(variable)
        (gradient,) = torch.autograd.grad(loss, variable)
        path.append((loss.item(), image))
        image = lbfgs.step(image, gradient)
    return path


def test_lbfgs_finds_the_minimum_of_a_quadratic():
    start = torch.rand(60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    loss, image = run_lbfgs(bowl, start, 150)[-1]
    assert loss < 1e-6
    assert (image - 0.3).abs().max() < 1e-3


def test_lbfgs_keeps_pixels_within_bounds_and_finds_the_minimum_on_them():
    target = torch.linspace(-0.5, 1.5, 40)
    path = run_lbfgs(lambda image: ((image - target) ** 2).sum(), torch.full((40,), 0.5), 30)
    assert all(image.min() >= 0 and image.max() <= 1 for _, image in path)
    torch.testing.assert_close(path[-1][1], target.clamp(0, 1), atol=1e-3, rtol=0)


def two_loops(moves, bends, gradient):
    """Nocedal and Wright's algorithm 7.4 in float64 numpy."""
    q, shares = gradient.astype(float), []
    for s, y in zip(reversed(moves), reversed(bends), strict=True):
        shares.append(s @ q / (y @ s))
        q = q - shares[-1] * y
    r = moves[-1] @ bends[-1] / (bends[-1] @ bends[-1]) * q
    for s, y, share in zip(moves, bends, reversed(shares), strict=True):
        r = r + (share - y @ r / (y @ s)) * s
    return -r


@pytest.mark.parametrize("history", [1, 2, 3, 20])
def test_lbfgs_moves_as_the_textbook_says_from_its_last_moves(history):
    generator = torch.Generator().manual_seed(4)
    scale = torch.linspace(1, 30, 50, dtype=torch.float64)
    lbfgs = LBFGS(history)
    image = torch.rand(50, generator=generator, dtype=torch.float64) * 0.1 + 0.45
    images, gradients = [], []
    for _ in range(6):
        gradient = 0.002 * scale * (image - 0.5)
        images.append(image.numpy())
        gradients.append(gradient.numpy().copy())  # the optimizer overwrites its own
        image = lbfgs.step(image, gradient)
    moves, bends = np.diff(images, axis=0)[-history:], np.diff(gradients, axis=0)[-history:]
    expected = images[-1] + two_loops(moves, bends, gradients[-1])
    np.testing.assert_allclose(image.numpy(), expected, rtol=1e-9)


def test_history_shrinks_with_the_picture_alone():
    settings = ShotSettings()
    assert settings.history_at(512, 512) == settings.history_at(1024, 1440) == 20
    assert settings.history_at(2048, 2048) == 9
    assert settings.history_at(4096, 2731) == 3
    assert settings.history_at(4096, 4096) == settings.history_at(16384, 16384) == 2
    assert ShotSettings(history=7).history_at(4096, 4096) == 7


def test_inner_product_of_large_pictures_is_exact():
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.rand(9_000_000, generator=generator) for _ in range(2))
    expected = float(np.dot(one.double().numpy(), other.double().numpy()))
    assert float(_dot(one, other)) == pytest.approx(expected, rel=1e-6)


def test_lbfgs_with_no_gradient_stays_where_it_is():
    image = torch.rand(8)
    assert torch.equal(LBFGS().step(image, torch.zeros(8)), image)


@pytest.fixture
def objective(camera):
    content, painting = (to_tensor(draw_pixels(32, 40, seed)) for seed in (1, 2))
    return Objective(camera.network, content, [painting], ShotSettings()), content


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_loss_falls_and_every_pixel_stays_within_bounds(objective, optimizer):
    judge, start = objective
    settings = ShotSettings(steps=25, optimizer=optimizer)
    iterates = list(optimize(judge, start, settings))
    assert [iterate.step for iterate in iterates] == list(range(26))
    assert iterates[-1].loss < iterates[0].loss / 5
    for iterate in iterates:
        assert iterate.image.min() >= 0
        assert iterate.image.max() <= 1
        assert iterate.loss == pytest.approx(iterate.content + iterate.style + iterate.tv, rel=1e-5)


def test_each_iterate_carries_the_loss_of_its_own_pixels(objective):
    judge, start = objective
    for iterate in optimize(judge, start, ShotSettings(steps=5)):
        assert judge(iterate.image).total.item() == pytest.approx(iterate.loss, rel=1e-5)


def test_first_iterate_is_the_start_and_the_last_has_eight_bits(objective):
    judge, start = objective
    iterates = list(optimize(judge, start, ShotSettings(steps=3)))
    assert torch.equal(iterates[0].image, start)
    levels = iterates[-1].image * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)


def test_same_run_gives_the_same_pixels(objective):
    judge, start = objective
    first, second = (list(optimize(judge, start, ShotSettings(steps=6)))[-1] for _ in range(2))
    assert torch.equal(first.image, second.image)


def test_loss_that_is_no_number_stops_with_advice(objective):
    judge, start = objective

    class Poisoned:
        def evaluate(self, image, with_gradient):
            losses, gradient = judge.evaluate(image, with_gradient)
            return Losses(losses.total * math.nan, *losses[1:]), gradient

    with pytest.raises(DivergedError, match="became nan at step 0; lower the weights"):
        list(optimize(Poisoned(), start, ShotSettings(steps=3)))  # type: ignore[arg-type]


def test_visual_change_ranks_pictures_as_cielab_does():
    base = draw_pixels(32, 32, 5)
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for amplitude in (1, 4, 12, 40):
        noise = rng.normal(0, amplitude, base.shape)
        other = np.clip(base + noise, 0, 255).round().astype(np.uint8)
        ours.append(visual_change(to_tensor(base), to_tensor(other)))
        theirs.append(deltaE_cie76(rgb2lab(base), rgb2lab(other)).mean() / 100)
    assert ours == sorted(ours)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    assert visual_change(to_tensor(base), to_tensor(base)) == 0


def test_visual_change_of_a_large_picture_is_the_mean_over_all_of_it():
    before, after = (torch.rand(1, 3, 700, 900) for _ in range(2))
    rows = zip(before.split(1, dim=2), after.split(1, dim=2), strict=True)
    mean = sum(visual_change(*pair) for pair in rows) / 700
    assert visual_change(before, after) == pytest.approx(mean, rel=1e-5)


def test_visual_change_from_black_to_white_is_one():
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    assert visual_change(black, white) == pytest.approx(1, abs=1e-3)
