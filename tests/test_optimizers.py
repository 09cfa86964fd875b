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
def test_products_that_were_read_before_change_nothing(make):
    image = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    expected = walk(make(), image, 30)
    optimizer = make()
    for picture in expected:
        gradient = gradient_at(image)
        optimizer.products(image, gradient * 2)  # of a gradient that was found wanting
        products = optimizer.products(image, gradient).tolist()
        image = optimizer.step(image, gradient, products)
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


def test_lbfgs_goes_on_from_a_state_of_an_older_version():
    start = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    first = LBFGS()
    at = walk(first, start, 25)[-1]
    state = first.state()
    order = state.pop("order").tolist()
    del state["products"]
    older = {name: state[name] for name in ("image", "gradient")}
    for number, slot in enumerate(order):
        move, bend = state[f"{slot}.move"], state[f"{slot}.bend"]
        older |= {f"{number}.move": move, f"{number}.bend": bend}
        older[f"{number}.rho"] = 1 / (move * bend).sum()
    second = LBFGS()
    second.restore(at, older)
    found = second.step(at, gradient_at(at))
    torch.testing.assert_close(found, first.step(at, gradient_at(at)), atol=1e-6, rtol=0)
    del older["3.rho"]
    with pytest.raises(ValueError, match="has such a state"):
        LBFGS().restore(at, older)


@pytest.mark.parametrize("history", [1, 2, 3, 9])
def test_grown_lbfgs_goes_on_where_another_stood(history):
    lbfgs = LBFGS(6)
    walk(lbfgs, torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(0)), 12)
    settings = ShotSettings(history=history, steps=40)
    large = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(1))
    grown, other = lbfgs.resized(large, settings), LBFGS(history)
    other.restore(large, {name: value.clone() for name, value in grown.state().items()})
    for one, same in zip(walk(grown, large, 12), walk(other, large, 12), strict=True):
        assert torch.equal(one, same)


@pytest.mark.parametrize("order", [[0, 2, 1], [0, 0, 1], [1, -1, -1], [7, 1, 0]])
def test_state_whose_moves_lie_nowhere_is_refused(order):
    lbfgs = LBFGS(3)
    image = walk(lbfgs, torch.rand(1, 3, 4, 6), 12)[-1]
    state = lbfgs.state()
    state["order"] = torch.tensor(order[: len(state["order"])])
    state |= {f"{slot}.{part}": image for slot in order for part in ("move", "bend")}
    with pytest.raises(ValueError, match="has such a state"):
        LBFGS(3).restore(image, state)
