"""The pass of a style network: any size, always within range, one painting or a blend."""

import pytest
import torch

from medley.stylenet.network import StyleNet, make_network
from medley.stylenet.shape import Shape, full_shape, small_shape


def make(styles=1, shape=None):
    torch.manual_seed(3)
    network = StyleNet(shape or small_shape(styles=styles))
    with torch.no_grad():
        for gain, offset in zip(network.gains, network.offsets, strict=True):
            gain.copy_(torch.randn_like(gain))
            offset.copy_(torch.randn_like(offset))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (7, 8), (8, 8), (13, 21), (64, 33)])
@pytest.mark.parametrize("shape", [small_shape(), small_shape(0.04, 0), full_shape(0.1, 1)])
def test_a_picture_of_any_size_comes_out_at_its_size_and_in_range(size, shape):
    picture = make(shape=shape)(torch.rand(1, 3, *size))
    assert picture.shape == (1, 3, *size)
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert torch.isfinite(picture).all()


def test_photos_of_a_batch_do_not_see_each_other():
    network, photos = make(), torch.rand(2, 3, 16, 24)
    alone = torch.cat([network(photos[:1]), network(photos[1:])])
    assert torch.allclose(network(photos), alone, atol=1e-5)


def test_flat_and_extreme_photos_stay_finite():
    network = make()
    for level in (0.0, 0.5, 1.0):
        assert torch.isfinite(network(torch.full((1, 3, 16, 16), level))).all()


def test_a_mix_goes_from_one_painting_to_the_other():
    network, photo = make(styles=2), torch.rand(1, 3, 24, 24)
    first, second = network(photo, [1, 0]), network(photo, [0, 1])
    assert torch.equal(network(photo), first)
    assert (first - second).abs().max() > 0.1
    steps = [network(photo, [1 - share, share]) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    distances = [(step - first).abs().mean() for step in steps]
    assert distances == sorted(distances)
    assert torch.equal(steps[-1], second)


def test_a_mix_blends_what_normalizes_each_painting():
    network, photo = make(styles=2), torch.rand(1, 3, 24, 24)
    single = make()
    for ours, theirs in ((single.gains, network.gains), (single.offsets, network.offsets)):
        for own, both in zip(ours, theirs, strict=True):
            own.copy_(0.3 * both[:1] + 0.7 * both[1:])
    for own, other in zip(single.kernels, network.kernels, strict=True):
        own.copy_(other)
    assert torch.allclose(single(photo), network(photo, [0.3, 0.7]), atol=1e-5)


def test_a_mix_has_a_share_for_each_painting():
    with pytest.raises(ValueError, match="2 paintings"):
        make(styles=2)(torch.rand(1, 3, 8, 8), [1.0])


def test_numbers_of_a_network_make_the_same_network():
    network, photo = make(styles=2), torch.rand(1, 3, 16, 20)
    again = make_network(network.to_file([], {}))
    assert torch.equal(again(photo, [0.5, 0.5]), network(photo, [0.5, 0.5]))


@pytest.mark.parametrize("arguments", [((0, 9, 9), 3), ((9, 9, 9), -1), ((9, 9, 9), 3, 0)])
def test_a_shape_without_channels_blocks_or_paintings_is_refused(arguments):
    with pytest.raises(ValueError, match="no"):
        Shape(*arguments)
