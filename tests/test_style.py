"""Style losses against independent references: brute force, scipy, finite differences."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from medley.settings import VGG_LAYERS, ShotSettings
from medley.transfer import gram
from medley.transfer import wasserstein as by_products
from medley.transfer.gram import gram_sum
from medley.transfer.losses import Objective
from medley.transfer.style import StyleTarget, guide_at
from medley.transfer.tiles import grid_for
from medley.transfer.tiling import TiledObjective
from medley.transfer.wasserstein import gaussian_of, root_trace, roots, wasserstein
from medley.vgg.network import VGG19

from .test_tiling import assert_equal, narrow_network, picture


def moments_of(features):
    flat = features.double()
    return torch.cat([flat @ flat.T, flat.sum(1, keepdim=True)], 1) / flat.shape[1]


def plain_distance(first, second, ridge):
    """The same distance by scipy's Schur decomposition."""
    means, covariances = [], []
    for features in (first.numpy(), second.numpy()):
        means.append(features.mean(axis=1))
        covariances.append(np.cov(features, bias=True) + ridge * np.eye(len(features)))
    root = sqrtm(covariances[1])
    cross = sqrtm(root @ covariances[0] @ root)
    apart = ((means[0] - means[1]) ** 2).sum()
    return apart + np.trace(covariances[0] + covariances[1] - 2 * np.real(cross))


@pytest.mark.parametrize("places", [6, 400])  # fewer than channels, and more
def test_wasserstein_is_that_of_scipy(places):
    generator = torch.Generator().manual_seed(4)
    first = 3 * torch.randn((12, places), generator=generator).double() + 1
    mix = torch.randn((12, 12), generator=generator).double()
    second = mix @ torch.randn((12, 90), generator=generator).double()
    target = gaussian_of(moments_of(second))
    found = wasserstein(moments_of(first), target)
    expected = plain_distance(first, second, float(target.ridge))
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_wasserstein_of_features_from_themselves_is_nothing():
    features = torch.randn((8, 5), generator=torch.Generator().manual_seed(1))
    moments = moments_of(features).float()
    assert wasserstein(moments, gaussian_of(moments)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("places", [3, 50])
def test_gradient_of_wasserstein_agrees_with_finite_differences(places):
    generator = torch.Generator().manual_seed(2)
    features = torch.randn((6, places), generator=generator).double().requires_grad_()
    target = gaussian_of(moments_of(torch.rand((6, 40), generator=generator)))
    assert torch.autograd.gradcheck(
        lambda flat: wasserstein(moments_of(flat), target), (features,), atol=1e-4
    )


def test_gradient_of_the_root_is_finite_where_eigenvalues_are_equal_or_zero():
    for matrix in (torch.eye(5).double(), torch.zeros(5, 5).double()):
        variable = matrix.requires_grad_()
        (gradient,) = torch.autograd.grad(root_trace(variable), variable)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("smallest", [1e-2, 1e-6, 1e-11])
def test_roots_by_products_are_those_of_scipy(smallest):
    random = np.random.default_rng(0)
    turn, _ = np.linalg.qr(random.normal(size=(24, 24)))
    matrix = 7e4 * (turn * np.geomspace(1, smallest, 24)) @ turn.T
    root, inverse = (found.numpy() for found in roots(torch.from_numpy(matrix)))
    expected = sqrtm(matrix)
    np.testing.assert_allclose(root, expected, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_allclose(inverse @ expected, np.eye(24), atol=1e-3)


@pytest.mark.parametrize("places", [20, 900])
def test_wasserstein_by_products_is_that_by_eigenvalues(monkeypatch, places):
    random = torch.Generator().manual_seed(places)
    scale = 100 * torch.logspace(0, -2, 64)[:, None]

    def moments():
        features = (scale * torch.randn(64, places, generator=random)).clamp_min(0)
        return torch.cat([features @ features.T / places, features.mean(1, keepdim=True)], 1)

    ours, theirs = moments().requires_grad_(), moments()

    def judged():
        loss = wasserstein(ours, gaussian_of(theirs))
        return loss, *torch.autograd.grad(loss, ours)

    expected, slope = judged()
    monkeypatch.setattr(by_products, "_by_eigenvalues", lambda _: False)
    found, gradient = judged()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    assert (gradient - slope).norm() < 1e-3 * slope.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_guided_gram_is_that_of_loops_over_all_places(dtype):
    generator = torch.Generator().manual_seed(3)
    features = torch.randn((1, 4, 5, 7), generator=generator).to(dtype)
    guide = torch.rand((1, 1, 5, 7), generator=generator)
    found = gram_sum(features, guide, with_sum=True)
    values, shares = features.float()[0].numpy(), guide[0, 0].numpy()
    expected = np.zeros((4, 5))
    for row in range(5):
        for column in range(7):
            here = values[:, row, column]
            expected[:, :4] += shares[row, column] * np.outer(here, here)
            expected[:, 4] += shares[row, column] * here
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_gradient_of_guided_gram_and_sum_agrees_with_finite_differences():
    generator = torch.Generator().manual_seed(3)
    features = torch.randn((1, 3, 4, 3), generator=generator).double().requires_grad_()
    guide = torch.rand((1, 1, 4, 3), generator=generator).double()
    assert torch.autograd.gradcheck(lambda all_: gram_sum(all_, guide, True), (features,))


def test_guide_is_the_mean_of_what_a_feature_stands_on():
    mask = torch.rand((1, 1, 37, 50), generator=torch.Generator().manual_seed(1))
    guide = guide_at(mask, "relu3_1")
    assert guide.shape == (1, 1, 9, 12)
    assert guide[0, 0, 2, 5].item() == pytest.approx(mask[0, 0, 8:12, 20:24].mean().item())
    assert guide_at(mask, "conv1_1") is mask


def judged(image, paintings, targets=(), network=None, content=None, **settings):
    chosen = ShotSettings(**settings)
    network = network or narrow_network("max", chosen.layers, seed=5)
    content = picture(*image.shape[2:], 1) if content is None else content
    return Objective(network, content, paintings, chosen, targets)(image)


def test_mask_of_everything_is_no_mask():
    image, painting = picture(48, 64, 2), picture(40, 50, 3)
    plain = judged(image, [painting])
    masked = judged(image, [painting], [StyleTarget(1.0, torch.ones(1, 1, 48, 64))])
    assert masked.style.item() == pytest.approx(plain.style.item(), rel=1e-5)


def test_halves_of_the_picture_under_one_painting_pull_nearly_as_the_whole():
    image, painting = picture(64, 64, 2), picture(64, 64, 3) ** 4
    left = torch.zeros(1, 1, 64, 64)
    left[..., :32] = 1
    plain = judged(image, [painting])
    masked = judged(image, [painting] * 2, [StyleTarget(1.0, left), StyleTarget(1.0, 1 - left)])
    assert masked.style.item() == pytest.approx(plain.style.item(), rel=0.2)


def test_what_no_mask_covers_gets_no_gradient_from_the_style():
    image, painting = picture(320, 32, 2).requires_grad_(), picture(40, 50, 3)
    mask = torch.zeros(1, 1, 320, 32)
    mask[:, :, :64] = 1
    losses = judged(image, [painting], [StyleTarget(1.0, mask)])
    (gradient,) = torch.autograd.grad(losses.style, image)
    halo = max(layer.halo for layer in map(VGG_LAYERS.get, ShotSettings().layers))
    assert gradient[:, :, 64 + halo :].abs().max() == 0
    assert gradient[:, :, :64].abs().max() > 0


def test_mask_too_small_for_any_feature_of_a_layer_pulls_there_with_nothing():
    image, painting = picture(40, 40, 2), picture(40, 40, 3)
    mask = torch.zeros(1, 1, 40, 40)
    mask[..., -1, -1] = 1  # pooling leaves the last odd rows out
    for loss in ("gram", "wasserstein"):
        losses = judged(image, [painting], [StyleTarget(1.0, mask)], style_loss=loss)
        assert losses.total.isfinite()
        nothing = judged(
            image, [painting], [StyleTarget(1.0, mask)], style_loss=loss, style_layers="pool4"
        )
        assert nothing.style.item() == 0


def test_strengths_weigh_paintings_against_each_other():
    image, paintings = picture(40, 48, 2), [picture(40, 40, 3), picture(40, 40, 4) ** 3]
    alone = [judged(image, [each]).style.item() for each in paintings]
    mixed = judged(image, paintings, [StyleTarget(4 / 3), StyleTarget(2 / 3)]).style.item()
    assert mixed == pytest.approx((2 * alone[0] + alone[1]) / 3, rel=1e-5)


def test_layers_weigh_as_they_are_asked_to():
    image, painting = picture(40, 48, 2), picture(40, 40, 3)
    network = narrow_network("max", ["conv2_1", "pool1", "relu3_2"], seed=5)
    common = {"network": network, "content_layers": "conv2_1"}
    one, other = (
        judged(image, [painting], style_layers=layers, **common) for layers in ("pool1", "relu3_2")
    )
    both = judged(image, [painting], style_layers="pool1:0.5,relu3_2:3", **common)
    expected = 0.5 * one.style.item() + 3 * other.style.item()
    assert both.style.item() == pytest.approx(expected, rel=1e-5)
    double = judged(image, [painting], style_layers="pool1", network=network,
                    content_layers="conv2_1:2")  # fmt: skip
    assert double.content.item() == pytest.approx(2 * one.content.item(), rel=1e-6)


CASES = {
    "wasserstein": {"style_loss": "wasserstein"},
    "conv, relu and pool": {
        "style_layers": "conv1_1:2,relu2_2,pool3:0.5", "content_layers": "conv3_2,relu4_2:3"
    },
    "one layer for both": {"style_layers": "relu3_1", "content_layers": "relu3_1"},
    "deepest": {"style_layers": "relu1_1,relu5_4,pool5", "content_layers": "relu5_2"},
    "replicate": {"padding": "replicate"},
    "reflect": {"padding": "reflect"},
    "scaled": {"pooling": "average-scaled"},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("masked", [False, True])
def test_every_loss_in_tiles_is_that_of_the_whole(name, masked):
    chosen = ShotSettings(tv_weight=5, **CASES[name])
    height, width = 203, 117
    network = VGG19(
        narrow_network("max", chosen.layers, seed=5).weights(),
        chosen.layers, chosen.pooling, padding=chosen.padding,
    )  # fmt: skip
    content, image = picture(height, width, 1), picture(height, width, 2)
    paintings = [picture(90 + 20 * seed, 150, seed) ** 2 for seed in (3, 4)]
    targets = [StyleTarget(1.5), StyleTarget(0.5)]
    if masked:
        soft = torch.linspace(0, 1, width).expand(1, 1, height, width)
        targets = [StyleTarget(1.5, soft), StyleTarget(0.5, 1 - soft)]
    whole = Objective(network, content, paintings, chosen, targets)
    tiled = TiledObjective(network, content, paintings, chosen, 64, targets)
    assert_equal(*(each.evaluate(image, with_gradient=True) for each in (whole, tiled)))


@pytest.mark.parametrize("loss", ["gram", "wasserstein"])
def test_half_precision_comes_to_nearly_the_same_loss(model, loss):
    settings = ShotSettings(style_loss=loss)
    halved = VGG19(model.network.weights(), settings.layers, precision="bfloat16")
    image, painting = picture(48, 64, 2), picture(40, 50, 3)
    exact, near = (
        judged(image, [painting], network=network, style_loss=loss)
        for network in (model.network, halved)
    )
    assert near.total.item() == pytest.approx(exact.total.item(), rel=0.03)


def test_tiles_lie_as_the_layers_that_are_looked_at_allow():
    assert grid_for(["relu1_1"]) == (1, 1)
    assert grid_for(["relu3_1", "conv1_1"]) == (4, 12)
    assert grid_for(["pool5"]) == (32, 128)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("strength", [1.0, 1e-9])
def test_gram_of_halves_by_the_device_s_own_sums_is_the_widened_one(
    monkeypatch, kind, layout, strength
):
    features = torch.rand(1, 6, 9, 7).to(kind).to(memory_format=layout)
    slope = strength * torch.randn(6, 7)

    def both() -> tuple[torch.Tensor, torch.Tensor]:
        leaf = features.clone().requires_grad_()
        gram = gram_sum(leaf, with_sum=True)
        gram.backward(slope)
        return gram.detach(), leaf.grad

    widened_gram, widened_slope = both()
    asked = []

    def summed(left, right):
        assert left.dtype == right.dtype == kind
        asked.append(left.shape)
        return left.float() @ right.float()

    monkeypatch.setattr(gram, "_sums_halves", lambda features: features.dtype == kind)
    monkeypatch.setattr(gram, "_summed", summed)
    found, found_slope = both()
    assert len(asked) == 3
    torch.testing.assert_close(found, widened_gram, rtol=1e-6, atol=1e-6)
    assert found_slope.dtype == kind and found_slope.is_contiguous(memory_format=layout)
    far = 2e-5 * widened_slope.abs().max().item() + torch.finfo(kind).smallest_normal / 1000
    torch.testing.assert_close(found_slope, widened_slope, rtol=torch.finfo(kind).eps, atol=far)
