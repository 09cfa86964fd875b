import pytest
import torch

from medley.settings import ShotSettings
from medley.transfer.lbfgs import LBFGS
from medley.transfer.optimizers import optimizer_for


def adam(**settings):
    return optimizer_for(ShotSettings(optimizer="adam", **settings), 5, 7)


def gradient_at(image):
    """Of a badly conditioned quadratic whose minimum lies partly outside [0, 1]."""
    scale = torch.logspace(0, 3, image.numel()).view_as(image)
    return 2 * scale * (image - torch.linspace(-0.5, 1.2, image.numel()).view_as(image))


def walk(optimizer, image, steps):
    path = []
    for _ in range(steps):
        image = optimizer.step(image, gradient_at(image))
        path.append(image)
    return path


@pytest.mark.parametrize(
    ("settings", "theirs"),
    [
        ({}, {"lr": 0.02, "betas": (0.9, 0.999)}),
        ({"learning_rate": 0.1}, {"lr": 0.1}),
        ({"adam_betas": "0.5, 0.99"}, {"lr": 0.02, "betas": (0.5, 0.99)}),
        ({"adam_betas": "0,0.9"}, {"lr": 0.02, "betas": (0.0, 0.9)}),
    ],
)
def test_adam_steps_as_that_of_torch_does(settings, theirs):
    start = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    ours = walk(adam(**settings), start, 40)
    variable = start.clone()
    theirs = torch.optim.Adam([variable], **theirs)
    for image in ours:
        variable.grad = gradient_at(variable)
        theirs.step()
        variable.clamp_(0, 1)
        torch.testing.assert_close(image, variable, rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", [adam, LBFGS])
@pytest.mark.parametrize("stop", [0, 1, 2, 7, 25, 29])
def test_optimizer_goes_on_where_another_stood(make, stop):
    start = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    whole = walk(make(), start, 30)
    first = make()
    at = [start, *walk(first, start, stop)][-1]
    second = make()
    second.restore(at, {name: value.clone() for name, value in first.state().items()})
    for expected, got in zip(whole[stop:], walk(second, at, 30 - stop), strict=True):
        assert torch.equal(expected, got)


@pytest.mark.parametrize("make", [adam, LBFGS])
def test_curvature_that_was_read_before_changes_nothing(make):
    image = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    expected = walk(make(), image, 30)
    optimizer = make()
    for picture in expected:
        gradient = gradient_at(image)
        optimizer.curvature(image, gradient * 2)  # of a gradient that was found wanting
        curvature = float(optimizer.curvature(image, gradient))
        image = optimizer.step(image, gradient, curvature)
        assert torch.equal(image, picture)


@pytest.mark.parametrize("make", [adam, LBFGS])
def test_state_that_was_given_away_does_not_change(make):
    optimizer, image = make(), torch.rand(1, 3, 5, 7)
    image = walk(optimizer, image, 25)[-1]
    state = optimizer.state()
    before = {name: value.clone() for name, value in state.items()}
    walk(optimizer, image, 25)
    assert before.keys() == state.keys()
    assert all(torch.equal(before[name], state[name]) for name in state)


@pytest.mark.parametrize(("make", "other"), [(adam, LBFGS), (LBFGS, adam)])
def test_state_of_another_kind_or_shape_is_refused(make, other):
    image = torch.rand(1, 3, 5, 7)
    optimizer, stranger = make(), other()
    walk(optimizer, image, 4)
    walk(stranger, image, 4)
    kind = "L-BFGS" if make is LBFGS else "Adam"
    with pytest.raises(ValueError, match=rf"no {kind} over a picture of \(1, 3, 5, 7\)"):
        make().restore(image, stranger.state())
    with pytest.raises(ValueError, match=rf"no {kind} over a picture of \(1, 3, 7, 5\)"):
        make().restore(image.view(1, 3, 7, 5), optimizer.state())
    lacking = dict(list(optimizer.state().items())[:-1])
    with pytest.raises(ValueError, match="has such a state"):
        make().restore(image, lacking)
