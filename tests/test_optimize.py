import math
import weakref

import numpy as np
import pytest
import torch
from skimage.color import deltaE_cie76, rgb2lab

from medley.errors import DivergedError
from medley.images import to_tensor
from medley.settings import ShotSettings
from medley.transfer.lbfgs import LBFGS
from medley.transfer.losses import Losses, Objective
from medley.transfer.optimize import Position, optimize, visual_change

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


def test_run_goes_on_from_a_position_and_then_lets_go_of_it(objective):
    judge, start = objective
    settings = ShotSettings(steps=6)
    whole = list(optimize(judge, start, settings))
    held = whole[2].position
    assert held is not None
    own = {name: value.clone() for name, value in held.tensors.items()}
    watched = weakref.ref(own["before"])
    run = optimize(judge, start, settings, Position(held.step, held.seconds, own))
    del own
    for expected, got in zip(whole[3:], run, strict=True):
        assert torch.equal(got.image, expected.image)
        assert (got.step, got.change) == (expected.step, expected.change)
        assert got.seconds > held.seconds
        assert (watched() is None) == (got.step > 3)


def test_position_of_another_picture_or_run_is_refused(objective):
    judge, start = objective
    position = list(optimize(judge, start, ShotSettings(steps=6)))[5].position
    with pytest.raises(ValueError, match=r"no run over a picture of \(1, 3, 40, 32\) stands there"):
        next(optimize(judge, start.view(1, 3, 40, 32), ShotSettings(steps=6), position))
    with pytest.raises(ValueError, match="stands there"):
        next(optimize(judge, start, ShotSettings(steps=5), position))
    with pytest.raises(ValueError, match="no Adam over a picture"):
        next(optimize(judge, start, ShotSettings(steps=6, optimizer="adam"), position))


def test_loss_that_is_no_number_stops_with_advice(objective):
    judge, start = objective

    def poisoned(image):
        losses = judge(image)
        return Losses(losses.total * math.nan, *losses[1:])

    with pytest.raises(DivergedError, match="became nan at step 0; lower the weights"):
        list(optimize(poisoned, start, ShotSettings(steps=3)))  # type: ignore[arg-type]


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


def test_visual_change_from_black_to_white_is_one():
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    assert visual_change(black, white) == pytest.approx(1, abs=1e-3)
