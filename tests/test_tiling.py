import subprocess
import sys

import pytest
import torch

from medley.settings import VGG_LAYERS, ShotSettings
from medley.settings.shot import LOSS_LAYERS
from medley.transfer.losses import Objective
from medley.transfer.tiles import grid_for, lay_tiles
from medley.transfer.tiling import TiledObjective, make_objective
from medley.vgg.layers import convolutions_for
from medley.vgg.network import VGG19


def picture(height, width, seed):
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(seed))


def narrow_network(pooling, layers=LOSS_LAYERS, channels=8, seed=None):
    """VGG-19 with few channels: random, or with all weights alike and positive."""
    weights, inputs, generator = {}, 3, torch.Generator().manual_seed(seed or 0)
    for name in convolutions_for(layers):
        shape = (channels, inputs, 3, 3)
        weight = torch.randn(shape, generator=generator) * (2 / inputs / 9) ** 0.5
        weight = weight if seed else torch.full(shape, 1 / inputs)
        weights[name], inputs = (weight, torch.zeros(channels)), channels
    return VGG19(weights, layers, pooling)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_reach_is_how_far_a_pixel_changes_features(pooling):
    layers = ["relu1_1", "relu2_1", "relu3_4", "pool3", "relu4_2", "relu5_1"]
    network = narrow_network(pooling, layers, channels=2).double()
    length = 352
    base = 100 + torch.zeros(1, 3, 16, length, dtype=torch.float64)
    with torch.no_grad():
        before = network(base)
        for layer, features in before.items():
            _, _, stride, halo = VGG_LAYERS[layer]
            count = length // stride
            assert features.shape[3] == count
            for feature in (count // 2, count // 2 + 1):
                inside = (feature * stride - halo, (feature + 1) * stride + halo - 1)
                for pixel in (inside[0] - 1, *inside, inside[1] + 1):
                    touched = base.clone()
                    touched[..., pixel] += 1000
                    apart = network(touched)[layer] - before[layer]
                    changed = bool(apart[..., feature].abs().max() > 0)
                    assert changed == (inside[0] <= pixel <= inside[1]), (layer, pixel)


def test_halo_covers_every_layer_that_the_loss_looks_at():
    assert max(VGG_LAYERS[layer].halo for layer in LOSS_LAYERS) == 70
    assert grid_for(LOSS_LAYERS) == (16, 80)


@pytest.mark.parametrize(
    ("height", "width", "side"), [(16, 16, 16), (17, 500, 32), (203, 117, 64), (1000, 33, 999)]
)
def test_cores_cover_every_pixel_once_and_begin_where_pooling_does(height, width, side):
    count = torch.zeros(height, width)
    for tile in lay_tiles(height, width, side):
        top, bottom, left, right = tile.core
        count[top:bottom, left:right] += 1
        assert max(bottom - top, right - left) <= side
        assert all(start % 16 == 0 for start in (top, left, tile.region[0], tile.region[2]))
    assert (count == 1).all()


def test_tile_narrower_than_a_feature_is_a_mistake():
    with pytest.raises(ValueError, match="sides of 16 pixels or more, not 15"):
        lay_tiles(100, 100, 15)


SIZES = {
    "two by two": ((208, 224), 112),
    "odd": ((203, 117), 64),
    "thin": ((17, 333), 48),
    "tall and thin": ((301, 16), 64),
    "tile larger than the picture": ((40, 50), 512),
    "a last core without any deep feature": ((33, 200), 16),
}


def both(size, side, count=1, network=None, **settings):
    """Loss and gradient, of the whole picture and in tiles."""
    chosen = ShotSettings(**settings)
    network = network or narrow_network(chosen.pooling, seed=5)
    content, image = picture(*size, 1), picture(*size, 2)
    paintings = [picture(90 + 20 * seed, 150, seed) ** 2 for seed in range(3, 3 + count)]
    objectives = [
        Objective(network, content, paintings, chosen),
        TiledObjective(network, content, paintings, chosen, side),
    ]
    return [objective.evaluate(image, with_gradient=True) for objective in objectives]


def assert_equal(whole, tiled):
    losses, gradient = whole
    torch.testing.assert_close(torch.stack(tiled[0]), torch.stack(losses), rtol=1e-4, atol=0)
    apart = (tiled[1] - gradient).norm() / gradient.norm()
    assert apart < 1e-4
    assert (tiled[1] - gradient).abs().max() < 1e-4 * gradient.abs().max()


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_tiled_loss_and_gradient_are_those_of_the_whole(name, pooling):
    assert_equal(*both(*SIZES[name], pooling=pooling, tv_weight=50))


def test_tiled_loss_and_gradient_are_those_of_the_whole_with_real_weights(model):
    assert_equal(*both((117, 203), 112, network=model.network))


@pytest.mark.parametrize(
    ("content_weight", "style_weight", "tv_weight"), [(1e4, 0, 0), (0, 1, 0), (1e-9, 0, 1)]
)
def test_each_term_alone_is_that_of_the_whole(content_weight, style_weight, tv_weight):
    weights = {
        "content_weight": content_weight, "style_weight": style_weight, "tv_weight": tv_weight
    }  # fmt: skip
    assert_equal(*both((131, 99), 48, **weights))


def test_several_paintings_of_other_sizes_pull_as_on_the_whole():
    assert_equal(*both((120, 150), 64, count=3))


def test_content_compared_with_itself_costs_nothing():
    content = picture(100, 90, 1)
    tiled = TiledObjective(narrow_network("max", seed=5), content, [content], ShotSettings(), 48)
    losses, gradient = tiled.evaluate(content, with_gradient=False)
    assert losses.content.item() < 1e-9
    assert gradient is None


def test_picture_no_larger_than_a_tile_is_not_tiled():
    content, settings, network = picture(64, 40, 1), ShotSettings(), narrow_network("max")
    for tile in (None, 64):
        made = make_objective(network, content, [content], settings, tile)
        assert isinstance(made, Objective)
    assert isinstance(make_objective(network, content, [content], settings, 48), TiledObjective)


MEMORY = """
import gc, resource, sys, torch
from medley.settings import VGG_LAYERS, ShotSettings
from medley.transfer.losses import Objective
from medley.transfer.tiling import TiledObjective
from tests.test_tiling import narrow_network, picture
torch.set_num_threads(1)

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

side, tile = (int(argument) for argument in sys.argv[1:])
network = narrow_network("max", seed=5, channels=8)
image = picture(side, side, 1)
image_mb = image.nbytes / 2**20
if tile:
    objective = TiledObjective(network, image, [image], ShotSettings(), tile)
else:
    objective = Objective(network, image, [image], ShotSettings())
before = peak_mb()
objective.evaluate(image + 0, with_gradient=True)
print(peak_mb() - before - 2 * image_mb)  # a picture and its gradient are the least there is
"""


def working_mb(side, tile):
    command = [sys.executable, "-c", MEMORY, str(side), str(tile)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_peak_memory_depends_on_the_tile_and_not_on_the_picture():
    small, large, whole = working_mb(400, 128), working_mb(800, 128), working_mb(800, 0)
    assert large < small + 12
    assert large < whole / 3


def test_channels_that_lie_side_by_side_change_neither_loss_nor_gradient():
    whole, other = picture(96, 112, 1), [picture(80, 90, 3)]
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        network = narrow_network("max", seed=6).to(memory_format=layout)
        for tile in (None, 64):
            objective = make_objective(network, picture(96, 112, 2), other, ShotSettings(), tile)
            losses, gradient = objective.evaluate(whole, with_gradient=True)
            assert gradient.is_contiguous()
            found.append((torch.stack(losses), gradient / gradient.abs().max()))
    for losses, gradient in found[1:]:
        torch.testing.assert_close(losses, found[0][0], rtol=1e-4, atol=0)
        torch.testing.assert_close(gradient, found[0][1], rtol=0, atol=1e-4)
