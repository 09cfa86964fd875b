import copy

import pytest
import torch
import torch.nn.functional as nnf
from torchvision.models import vgg19

from medley.settings import SHORTEST_SIDE
from medley.tensors import to_tensor
from medley.vgg.layers import LAYERS, convolutions_for
from medley.vgg.network import VGG19, _pool_maxima
from medley.vgg.weights import load_weights

from .conftest import draw_pixels

CAFFE_MEAN = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)


@pytest.fixture(scope="module")
def peer():
    """torchvision's VGG-19 with random weights, scaled so that features neither die nor explode."""
    torch.manual_seed(0)
    return vgg19(weights=None).features.eval().requires_grad_(False)


def weights_of(peer):
    convolutions = [layer for layer in peer if isinstance(layer, torch.nn.Conv2d)]
    names = [name for name in LAYERS if name.startswith("conv")]
    return {n: (c.weight, c.bias) for n, c in zip(names, convolutions, strict=True)}


def test_there_are_thirty_seven_layers_in_order():
    assert len(LAYERS) == 37
    assert LAYERS[:5] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1")
    assert LAYERS[-1] == "pool5"


def test_every_layer_agrees_with_torchvision(peer):
    image = torch.rand(1, 3, 35, 41)
    network = VGG19(weights_of(peer), LAYERS)
    features = network(image)
    x = image.flip(1) * 255 - CAFFE_MEAN
    for layer, name in zip(peer, LAYERS, strict=True):
        x = torch.relu(x) if name.startswith("relu") else layer(x)
        torch.testing.assert_close(features[name], x)


def test_layers_in_place_give_the_same_features_and_gradient(peer):
    weights = weights_of(peer)
    image = torch.rand(1, 3, 32, 32)
    gradients = []
    for layers in (["relu1_1", "relu3_1"], ["conv1_1", "relu1_1", "conv2_1", "relu3_1"]):
        variable = image.clone().requires_grad_()
        features = VGG19(weights, layers)(variable)
        (features["relu1_1"].square().sum() + features["relu3_1"].square().sum()).backward()
        gradients.append(variable.grad)
    torch.testing.assert_close(*gradients)


def test_average_pooling_averages(peer):
    image = torch.rand(1, 3, 16, 16)
    features = VGG19(weights_of(peer), ["relu1_2", "pool1"], "average")(image)
    torch.testing.assert_close(features["pool1"], torch.nn.AvgPool2d(2)(features["relu1_2"]))


@pytest.mark.parametrize("padding", ["replicate", "reflect"])
def test_other_paddings_agree_with_torch_s_own(peer, padding):
    framed = copy.deepcopy(peer)
    for layer in framed:
        if isinstance(layer, torch.nn.Conv2d):
            layer.padding_mode = padding
    layers = LAYERS[:-6]
    features = VGG19(weights_of(peer), layers, padding=padding)(image := torch.rand(1, 3, 37, 48))
    x = image.flip(1) * 255 - CAFFE_MEAN
    for layer, name in zip(framed, layers, strict=False):
        x = torch.relu(x) if name.startswith("relu") else layer(x)
        torch.testing.assert_close(features[name], x)


def test_picture_one_feature_wide_cannot_be_mirrored_and_is_repeated(peer):
    image = torch.rand(1, 3, 16, 40)
    found = VGG19(weights_of(peer), ["relu5_1"], padding="reflect")(image)["relu5_1"]
    assert found.shape == (1, 512, 1, 2)
    assert found.isfinite().all()


def test_scaled_averages_have_about_the_power_of_maxima():
    layers = ("relu2_1", "relu3_1", "relu4_1", "relu5_1")
    weights = load_weights(8, layers=convolutions_for(layers)).tensors
    image = to_tensor(draw_pixels(96, 112, 5))
    powers = {}
    for pooling in ("max", "average", "average-scaled"):
        found = VGG19(weights, layers, pooling)(image)
        powers[pooling] = {name: features.norm() for name, features in found.items()}
    for name in layers:
        assert powers["average-scaled"][name] / powers["max"][name] == pytest.approx(1, abs=0.5)
    assert powers["average"]["relu5_1"] / powers["max"]["relu5_1"] < 0.5


def test_only_the_convolutions_on_the_way_are_needed(peer):
    needed = convolutions_for(["relu2_1", "relu1_1"])
    assert needed == ("conv1_1", "conv1_2", "conv2_1")
    some = {name: weights_of(peer)[name] for name in needed}
    assert set(VGG19(some, ["relu2_1"])(torch.rand(1, 3, 16, 16))) == {"relu2_1"}


def test_smallest_picture_reaches_the_deepest_style_layer(peer):
    features = VGG19(weights_of(peer), ["relu5_1"])(torch.rand(1, 3, SHORTEST_SIDE, SHORTEST_SIDE))
    assert features["relu5_1"].shape == (1, 512, 1, 1)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (torch.rand(3, 20, 20), r"not torch.float32 \(3, 20, 20\)"),
        (torch.rand(1, 4, 20, 20), r"not torch.float32 \(1, 4, 20, 20\)"),
        (torch.zeros(1, 3, 20, 20, dtype=torch.uint8), r"not torch\.uint8"),
        ("photo.jpg", r"not str; medley\.features takes files"),
    ],
)
def test_what_is_no_batch_of_pictures_is_refused(peer, image, why):
    with pytest.raises(ValueError, match=why):
        VGG19(weights_of(peer), ["relu1_1"])(image)


def test_bad_arguments_are_refused(peer):
    with pytest.raises(ValueError, match="'relu4_9'"):
        VGG19(weights_of(peer), ["relu4_9"])
    with pytest.raises(ValueError, match="no weights were given for conv1_2"):
        VGG19({"conv1_1": weights_of(peer)["conv1_1"]}, ["relu1_2"])
    with pytest.raises(ValueError, match="not 'mean'"):
        VGG19(weights_of(peer), ["relu1_1"], "mean")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="padding is one of zeros, replicate, reflect, not 'same'"):
        VGG19(weights_of(peer), ["relu1_1"], padding="same")  # type: ignore[arg-type]


@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.02), ("float16", 0.003)])
def test_halves_give_nearly_the_same_features_as_float32(precision, tolerance):
    layers = ("relu1_1", "relu2_1", "relu3_1", "conv4_2", "relu4_2")
    weights = load_weights(8, layers=convolutions_for(layers)).tensors
    image = torch.rand(1, 3, 40, 36, generator=torch.Generator().manual_seed(1))
    exact = VGG19(weights, layers)(image)
    halved = VGG19(weights, layers, precision=precision)(image)
    for layer in layers:
        assert halved[layer].dtype == (torch.bfloat16 if precision == "bfloat16" else torch.float32)
        error = (halved[layer] - exact[layer]).norm() / exact[layer].norm()
        assert error < tolerance


def test_float16_does_not_overflow_where_features_exceed_its_range(peer):
    layers = ("relu1_1", "relu1_2")
    weights = {name: (3e3 * weight, bias) for name, (weight, bias) in weights_of(peer).items()}
    weights["conv1_1"] = weights_of(peer)["conv1_1"]
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    exact = VGG19(weights, layers)(image)["relu1_2"]
    halved = VGG19(weights, layers, precision="float16")(image)["relu1_2"]
    assert exact.max() > torch.finfo(torch.float16).max
    torch.testing.assert_close(halved, exact, rtol=0.01, atol=0.01 * float(exact.max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maxima_that_are_found_anew_have_torch_s_gradient_ties_included(dtype):
    x = torch.randint(0, 3, (2, 8, 7, 9)).to(dtype, memory_format=torch.channels_last)
    leaves = [x.clone().requires_grad_() for _ in range(2)]
    pooled = [_pool_maxima(leaves[0]), nnf.max_pool2d(leaves[1], 2)]
    slope = torch.randn_like(pooled[1])
    gradients = [
        torch.autograd.grad(out, leaf, slope)[0] for out, leaf in zip(pooled, leaves, strict=True)
    ]
    assert torch.equal(*pooled)
    assert torch.equal(*gradients)


def test_places_of_maxima_are_not_kept_until_the_way_back():
    x = torch.rand(1, 8, 8, 8, requires_grad=True)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        _pool_maxima(x)
    assert [one.dtype for one in kept] == [torch.float32]
