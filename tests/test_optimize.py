import gc
import math
import warnings
import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from medley.errors import DivergedError
from medley.settings import ShotSettings
from medley.studio.shooting.model import load_model
from medley.tensors import to_tensor
from medley.transfer.color_transfer import color_statistics, match_colors
from medley.transfer.lbfgs import FARTHEST_MOVE, LBFGS, _dots
from medley.transfer.losses import Losses, Objective
from medley.transfer.optimize import Problem, optimize
from medley.transfer.pyramid import resample

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


def test_no_move_of_lbfgs_is_farther_than_its_bound():
    # A curvature that is all but none proposes a leap, which ends some shots as noise.
    lbfgs, image = LBFGS(), torch.full((1000,), 0.5)
    gradient = torch.linspace(-1, 1, 1000)
    after = lbfgs.step(image, gradient)
    further = lbfgs.step(after, gradient * 0.9999)
    assert (further - after).abs().mean() == pytest.approx(FARTHEST_MOVE, rel=0.01)


def test_grown_lbfgs_moves_as_at_the_other_size():
    generator = torch.Generator().manual_seed(5)
    small, large = (torch.full((1, 3, side, side), 0.5) for side in (8, 16))
    scale = torch.rand((1, 3, 1, 1), generator=generator) + 0.5
    shift = torch.rand((1, 3, 1, 1), generator=generator) * 0.2

    def gradient(image):  # of a mean over the places, so a quarter for four times as many
        return scale * (image - 0.5 - shift) / image.shape[3] ** 2

    lbfgs = LBFGS(5)
    for _ in range(3):
        small = lbfgs.step(small, gradient(small))
    state = {
        name: value for name, value in lbfgs.state().items() if name not in ("image", "gradient")
    }
    assert len(state) == 2 * 2 + 2
    twin = LBFGS(5)
    twin.restore(small, state)
    grown = lbfgs.resized(large, ShotSettings(history=5))
    large = small[:, :, :1, :1].expand_as(large).clone()
    found, expected = grown.step(large, gradient(large)), twin.step(small, gradient(small))
    assert (found - large).abs().max() > 1e-3
    torch.testing.assert_close(found[:, :, :8, :8], expected, atol=1e-5, rtol=0)


def test_history_shrinks_with_the_picture_alone():
    settings = ShotSettings()
    assert settings.history_at(512, 512) == settings.history_at(1024, 1440) == 20
    assert settings.history_at(2048, 2048) == 9
    assert settings.history_at(4096, 2731) == 3
    assert settings.history_at(4096, 4096) == settings.history_at(16384, 16384) == 2
    assert ShotSettings(history=7).history_at(4096, 4096) == 7


def test_inner_products_of_large_pictures_are_exact():
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.rand((1, 3 * 1500 * 2000), generator=generator) for _ in range(2))
    expected = float(np.dot(one[0].double().numpy(), other[0].double().numpy()))
    found = _dots(one, other, torch.Size((1, 3, 1500, 2000)))
    assert float(found) == pytest.approx(expected, rel=1e-6)


class Watched(LBFGS):
    """Keeps the last direction, before it is bounded and projected."""

    def _direction(self, gradient, by_gradient):
        self.direction = super()._direction(gradient, by_gradient)
        return self.direction.clone()


def test_direction_is_that_of_the_two_loops_to_a_millionth():
    lbfgs = Watched(20)
    image = torch.rand((1, 3, 12, 17), generator=torch.Generator().manual_seed(6))
    goal = torch.linspace(-0.3, 1.2, image.numel()).view_as(image)
    scale = torch.logspace(-4, -2, image.numel()).view_as(image)
    images, gradients = [], []
    for step in range(40):
        gradient = scale * (image - goal)
        images.append(image.double().flatten().numpy())
        gradients.append(gradient.double().flatten().numpy())
        image = lbfgs.step(image, gradient)
        if step:
            moves = np.diff(images, axis=0).astype(np.float32).astype(float)[-20:]
            bends = np.diff(gradients, axis=0).astype(np.float32).astype(float)[-20:]
            expected = two_loops(moves, bends, gradients[-1])
            error = np.linalg.norm(lbfgs.direction.flatten().numpy() - expected)
            assert error < 1e-6 * np.linalg.norm(expected)


class Launches(TorchDispatchMode):
    """Counts the operations that a GPU would be asked for; views are none."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += not func.is_view
        return func(*args, **kwargs or {})


def test_full_history_takes_no_more_launches_than_a_short_one():
    counts = []
    for steps in (3, 45):
        lbfgs, image = LBFGS(20), torch.rand(1, 3, 6, 8, generator=torch.manual_seed(1))
        for _ in range(steps):
            gradient = torch.sin(9 * image) * 1e-3
            with Launches() as launches:
                image = lbfgs.step(image, gradient)
        counts.append(launches.count)
    assert max(counts) <= 24


@pytest.mark.parametrize("size", [1e-20, 1e-23, 1e-30, 1e-40])
def test_gradients_whose_squares_underflow_move_a_picture_without_a_warning(size):
    lbfgs, image = LBFGS(20), torch.rand(1, 3, 6, 8, generator=torch.manual_seed(1))
    for _ in range(5):
        image = lbfgs.step(image, size * (image - 0.5))
        assert ((image >= 0) & (image <= 1)).all()


def test_lbfgs_with_no_gradient_stays_where_it_is():
    image = torch.rand(8)
    assert torch.equal(LBFGS().step(image, torch.zeros(8)), image)


class Objectives:
    """Makes the objectives of a small shot, and counts them; "poison" spoils those in halves."""

    def __init__(self, model, poison=None):
        self.network = model.network
        self.content, self.painting = (to_tensor(draw_pixels(32, 40, seed)) for seed in (1, 2))
        self.made = []
        self.poison = poison or {}

    def __call__(self, height, width, exact=True, settings=None):
        self.made.append((height, width, exact))
        content, painting = (
            resample(picture, height, width).clamp(0, 1)
            for picture in (self.content, self.painting)
        )
        objective = Objective(self.network, content, [painting], settings or ShotSettings())
        return Poisoned(objective, self.poison.get(exact))


class Poisoned:
    """An objective whose losses, or gradients, are no numbers from a certain evaluation on."""

    def __init__(self, objective, poison):
        self.objective = objective
        self.what, self.left = poison or (None, math.inf)

    def evaluate(self, image, with_gradient):
        losses, gradient = self.objective.evaluate(image, with_gradient)
        self.left -= 1
        if self.left < 0 and self.what == "loss":
            losses = Losses(losses.total * math.nan, *losses[1:])
        if self.left < 0 and self.what == "gradient" and gradient is not None:
            gradient[0, 0, 0, 0] = math.inf
        return losses, gradient


@pytest.fixture
def objectives(model):
    return Objectives(model)


def problem(objectives, half=False, **settings):
    palette = color_statistics([objectives.painting])
    return Problem(
        32, 40, lambda: objectives.content, palette, objectives, ShotSettings(**settings), half
    )


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("scales", ["1", "3"])
def test_loss_falls_and_every_pixel_stays_within_bounds(objectives, optimizer, scales):
    iterates = list(optimize(problem(objectives, steps=24, optimizer=optimizer, scales=scales)))
    assert [iterate.step for iterate in iterates] == list(range(25))
    assert iterates[-1].loss < objectives(32, 40).evaluate(objectives.content, False)[0].total / 5
    for iterate in iterates:
        assert iterate.image.shape == objectives.content.shape
        assert iterate.image.min() >= 0
        assert iterate.image.max() <= 1
        assert iterate.loss == pytest.approx(iterate.content + iterate.style + iterate.tv, rel=1e-5)


def test_each_iterate_carries_the_loss_of_its_own_pixels(objectives):
    for iterate in optimize(problem(objectives, steps=5)):
        found = objectives(32, 40).evaluate(iterate.image, False)[0].total.item()
        assert found == pytest.approx(iterate.loss, rel=1e-5)


def test_first_iterate_is_the_start_and_the_last_has_eight_bits(objectives):
    iterates = list(optimize(problem(objectives, steps=6, scales="3")))
    assert torch.equal(iterates[0].image, objectives.content)
    assert iterates[0].change == 0
    levels = iterates[-1].image * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)


def test_same_run_gives_the_same_pixels(objectives):
    first, second = (list(optimize(problem(objectives, steps=6)))[-1] for _ in range(2))
    assert torch.equal(first.image, second.image)


def test_second_iterate_takes_the_paintings_colours(objectives):
    iterates = list(optimize(problem(objectives, steps=1)))
    expected = match_colors(objectives.content, color_statistics([objectives.painting]))
    torch.testing.assert_close(iterates[1].image, expected, atol=0.003, rtol=0)


def test_colours_are_taken_although_the_loss_rises_at_first(objectives):
    fond = partial(objectives, settings=ShotSettings(content_weight=1e6))
    palette = color_statistics([objectives.painting])
    kept = Problem(32, 40, lambda: objectives.content, palette, fond, ShotSettings(steps=2))
    first, second, _ = optimize(kept)
    assert second.loss > first.loss
    expected = match_colors(objectives.content, palette)
    torch.testing.assert_close(second.image, expected, atol=0.003, rtol=0)


def test_sizes_grow_over_the_steps_and_each_objective_is_made_once(objectives):
    iterates = list(optimize(problem(objectives, steps=9, scales="3")))
    sizes = [(iterate.height, iterate.width) for iterate in iterates]
    assert sizes == [(16, 20)] * 3 + [(23, 28)] * 3 + [(32, 40)] * 4
    assert objectives.made == [(16, 20, True), (23, 28, True), (32, 40, True)]


@pytest.mark.parametrize("palette", [True, False])
def test_gradients_are_only_taken_where_the_next_picture_comes_of_them(objectives, palette):
    asked = []

    def counting(*size):
        objective = objectives(*size)
        evaluate = objective.evaluate

        def counted(image, with_gradient):
            asked.append(with_gradient)
            return evaluate(image, with_gradient)

        objective.evaluate = counted
        return objective

    whole = problem(objectives, steps=3)
    colours = whole.palette if palette else None
    list(optimize(replace(whole, objective_at=counting, palette=colours)))
    assert asked == [not palette, True, True, False]


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_half_that_fails_is_gone_on_with_in_float32(model, what):
    objectives = Objectives(model, {False: (what, 2)})
    iterates = list(optimize(problem(objectives, half=True, steps=6)))
    assert [iterate.exact for iterate in iterates] == [False] * 2 + [True] * 5
    assert objectives.made == [(32, 40, False), (32, 40, True)]
    assert all(math.isfinite(iterate.loss) for iterate in iterates)
    assert iterates[-1].loss < iterates[1].loss


def test_last_iterate_is_evaluated_in_float32_without_halves_having_failed(objectives):
    iterates = list(optimize(problem(objectives, half=True, steps=3)))
    assert not any(iterate.exact for iterate in iterates)
    assert objectives.made == [(32, 40, False), (32, 40, True)]


@pytest.mark.parametrize("half", [False, True])
def test_loss_that_is_no_number_in_float32_either_stops_with_advice(model, half):
    objectives = Objectives(model, {True: ("loss", 0), False: ("loss", 0)})
    with pytest.raises(DivergedError, match="became nan at step 0; lower the weights"):
        list(optimize(problem(objectives, half, steps=3)))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("stop", range(9))
def test_run_goes_on_from_any_state_to_the_same_pixels(objectives, optimizer, stop):
    run = problem(objectives, steps=9, scales="3", optimizer=optimizer)
    whole = list(optimize(run))
    rest = list(optimize(run, whole[stop].state))
    assert [iterate.step for iterate in rest] == list(range(stop + 1, 10))
    for one, other in zip(whole[stop + 1 :], rest, strict=True):
        assert torch.equal(one.image, other.image)
        assert (one.loss, one.change) == (other.loss, other.change)


def test_state_is_let_go_of_once_the_run_is_past_it(objectives):
    run = problem(objectives, steps=6)
    held = list(optimize(run))[2].state
    own = {name: value.clone() for name, value in held.tensors.items()}
    watched = weakref.ref(own["before"])
    rest = optimize(run, replace(held, tensors=own))
    del own
    for iterate in rest:
        assert iterate.seconds > held.seconds
        assert watched() is None


def test_states_of_other_runs_are_refused(objectives):
    run = problem(objectives, steps=9, scales="3")
    state = list(optimize(run))[5].state
    other = replace(run, height=40, width=32)
    with pytest.raises(ValueError, match=r"no run over a picture of \(1, 3, 40, 32\) stands there"):
        next(optimize(other, state))
    with pytest.raises(ValueError, match="no run of 4 steps stands at step 6"):
        next(optimize(problem(objectives, steps=4), state))
    with pytest.raises(ValueError, match="no Adam over a picture"):
        next(optimize(problem(objectives, steps=9, scales="3", optimizer="adam"), state))


class Reads(TorchDispatchMode):
    """Counts what a GPU would be waited for: single values that the program asks for."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_step_asks_for_no_value_by_itself(objectives, optimizer):
    run = optimize(problem(objectives, steps=8, optimizer=optimizer, scales="1"))
    for _ in range(3):  # the colours are weighed in the first
        next(run)
    with Reads() as reads:
        next(run)
    # That of Adam's count is on the CPU; all others are in one list.
    assert reads.count == (optimizer == "adam")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_is_waited_for_once_a_step():
    objectives = Objectives(load_model(ShotSettings(precision="float32"), torch.device("cuda")))
    objectives.content, objectives.painting = objectives.content.cuda(), objectives.painting.cuda()
    run = optimize(problem(objectives, steps=12, scales="1"))
    for _ in range(4):
        next(run)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            next(run)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert len([one for one in caught if "synchroniz" in str(one.message)]) == 1


def test_steps_leave_no_tensors_in_cycles_that_a_collector_would_have_to_find(objectives):
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in optimize(problem(objectives, steps=5)):
            pass
        gc.collect()
        assert not [each for each in gc.garbage if isinstance(each, torch.Tensor)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
