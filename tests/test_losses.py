import numpy as np
import pytest
import torch

from medley.settings import ShotSettings
from medley.settings.shot import LOSS_LAYERS
from medley.transfer.gram import gram_matrix, gram_sum
from medley.transfer.losses import Objective, total_variation
from medley.transfer.style import StyleTarget
from medley.vgg.network import VGG19

from .test_optimize import Launches


@pytest.fixture
def network(model):
    return model.network


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(3)
    return [
        torch.rand((1, 3, *size), generator=generator) for size in ((24, 32), (28, 20), (24, 32))
    ]


def plain_loss(weights, content, paintings, image, settings):
    """The same loss by another route: float64 numpy, loops."""

    def features(picture):
        x = picture.double().flip(1) * 255
        x = x - torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64).view(1, 3, 1, 1)
        found = {}
        for block, count in enumerate((2, 2, 4, 4, 1), start=1):
            for index in range(1, count + 1):
                weight, bias = weights[f"conv{block}_{index}"]
                x = torch.nn.functional.conv2d(x, weight.double(), bias.double(), padding=1)
                x = x.clamp_min(0)
                found[f"relu{block}_{index}"] = x[0].numpy()
            if block < 5:
                x = torch.nn.functional.max_pool2d(x, 2)
        return found

    def gram(feature):
        return np.einsum("ahw,bhw->ab", feature, feature) / feature[0].size

    mine, held = features(image), features(content)
    loss = settings.content_weight * 0.01 * ((mine["relu4_2"] - held["relu4_2"]) ** 2).mean()
    for painting in paintings:
        target = features(painting)
        for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"):
            apart = ((gram(mine[layer]) - gram(target[layer])) ** 2).mean()
            channels = len(mine[layer])
            loss += settings.style_weight / len(paintings) * 10 / channels**2 * apart
    levels = image[0].double().numpy() * 255
    steps = np.abs(np.diff(levels, axis=2)).mean() + np.abs(np.diff(levels, axis=1)).mean()
    return loss + 0.5 * settings.tv_weight * steps


@pytest.mark.parametrize("count", [1, 2])
def test_loss_equals_that_of_a_plain_second_route(model, pictures, count):
    content, painting, image = pictures
    paintings = [painting, painting.flip(2) ** 2][:count]
    settings = ShotSettings(content_weight=2.5, style_weight=0.7, tv_weight=30)
    losses = Objective(model.network, content, paintings, settings)(image)
    expected = plain_loss(model.weights.tensors, content, paintings, image, settings)
    assert losses.total.item() == pytest.approx(expected, rel=1e-4)
    assert (losses.content + losses.style + losses.tv).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("masked", [False, True])
def test_paintings_together_pull_as_the_sum_of_them_one_by_one(network, pictures, masked):
    content, painting, image = pictures
    paintings = [painting, painting.flip(2) ** 2, painting.flip(1), 1 - painting]
    mask = torch.linspace(0, 1, 32).expand(1, 1, 24, 32)
    masks = [mask, 1 - mask, mask, 1 - mask] if masked else [None] * 4
    settings = ShotSettings(tv_weight=0, content_weight=1)
    targets = [StyleTarget(1.0, one) for one in masks]
    together = Objective(network, content, paintings, settings, targets)

    def alone(strengths):
        """Each by itself: where all the others have no strength."""
        single = Objective(network, content, paintings, settings, targets)
        found = []
        for number, strength in enumerate(strengths):
            single.mix([strength if place == number else 0.0 for place in range(4)])
            losses, gradient = single.evaluate(image, True)
            found.append((losses.style, gradient))
        return found

    content_pull = Objective(network, content, paintings, settings, targets)
    content_pull.mix([0.0] * 4)
    _, own = content_pull.evaluate(image, True)
    for strengths in ([1.0] * 4, [0.0, 1.5, 0.0, 2.5], [2.0, 0.5, 1.5, 0.0], [0.0, 0.0, 4.0, 0.0]):
        together.mix(strengths)
        losses, gradient = together.evaluate(image, True)
        singles = alone(strengths)
        torch.testing.assert_close(
            losses.style, sum(each[0] for each in singles), rtol=1e-5, atol=0
        )
        expected = own + sum(each[1] - own for each in singles)
        error = (gradient - expected).norm() / expected.norm()
        assert error < 1e-5


def test_many_paintings_take_hardly_more_operations_a_step_than_one(network, pictures):
    content, painting, image = pictures
    counts = []
    for count in (1, 6):
        paintings = [painting * share for share in torch.linspace(0.5, 1, count)]
        objective = Objective(network, content, paintings, ShotSettings())
        objective.evaluate(image, True)
        with Launches() as launches:
            objective.evaluate(image, True)
        counts.append(launches.count)
    assert counts[1] <= counts[0] + 5  # one addition a layer


def test_content_and_painting_cost_nothing_against_themselves(network, pictures):
    content = pictures[0]
    losses = Objective(network, content, [content], ShotSettings())(content)
    assert losses.total.item() == pytest.approx(0, abs=1e-3)


def test_gradient_agrees_with_finite_differences(model, pictures):
    # Where the loss is smooth: average pooling, in double precision.
    weights = {n: (w.double(), b.double()) for n, (w, b) in model.weights.tensors.items()}
    network = VGG19(weights, LOSS_LAYERS, "average").double()
    content, painting, image = (picture.double() for picture in pictures)
    objective = Objective(network, content, [painting], ShotSettings(tv_weight=1))
    variable = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(objective(variable).total, variable)
    towards = torch.randn(image.shape, generator=torch.Generator().manual_seed(1)).double()
    h = 1e-7
    with torch.no_grad():
        rise = objective(image + h * towards).total - objective(image - h * towards).total
    assert (rise / (2 * h)).item() == pytest.approx((gradient * towards).sum().item(), rel=1e-3)


def test_gram_matrix_does_not_depend_on_the_area():
    features = torch.rand(1, 5, 6, 4)
    doubled = torch.cat([features, features], dim=3)
    torch.testing.assert_close(gram_matrix(features), gram_matrix(doubled))


def test_total_variation_of_a_checkerboard_is_two_full_steps():
    board = (torch.arange(6).view(1, -1) + torch.arange(6).view(-1, 1)) % 2
    image = board.float().expand(1, 3, 6, 6)
    assert total_variation(image).item() == pytest.approx(510)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gram_sum_and_its_gradient_are_those_of_the_plain_product(dtype, layout):
    generator = torch.Generator().manual_seed(3)
    features = torch.randn((1, 6, 230, 170), generator=generator).to(dtype, memory_format=layout)
    slope = torch.randn((6, 6), generator=generator)
    own, plain = (features.clone().requires_grad_() for _ in range(2))
    flat = plain.float().squeeze(0).flatten(1)
    expected = flat @ flat.T
    found = gram_sum(own)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0.05)
    (found * slope).sum().backward()
    (expected * slope).sum().backward()
    assert own.grad.dtype == dtype
    torch.testing.assert_close(own.grad, plain.grad)


def test_gram_sum_of_a_part_of_a_picture_has_a_gradient_there_alone():
    features = torch.randn(1, 3, 9, 8, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda all_: gram_sum(all_[..., 2:7, 3:6]), (features,))
