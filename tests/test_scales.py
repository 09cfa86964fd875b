"""Sizes from coarse to fine, and what coarse pictures show at full size."""

import pytest
import torch

from medley import tensors
from medley.settings import ShotSettings
from medley.tensors import to_tensor
from medley.transfer.pyramid import DETAIL_KEPT, Pyramid, resample
from medley.transfer.scales import Scale, plan_scales, scale_at, steps_left

from .conftest import draw_pixels


def test_pictures_up_to_400_pixels_have_one_size():
    assert plan_scales(400, 400, 120) == (Scale(400, 400, 120),)
    assert plan_scales(250, 620, 7) == (Scale(250, 620, 7),)


def test_larger_pictures_double_their_area_from_256_pixels_on():
    assert plan_scales(512, 512, 120) == (
        Scale(256, 256, 40),
        Scale(362, 362, 40),
        Scale(512, 512, 40),
    )
    sizes = plan_scales(683, 1024, 120)
    assert [size[:2] for size in sizes] == [(241, 362), (342, 512), (483, 724), (683, 1024)]
    assert len(plan_scales(4096, 4096, 120)) == 9


@pytest.mark.parametrize("wish", ["auto", 1, 3, 16, (64, 100, 200)])
@pytest.mark.parametrize("steps", [1, 2, 7, 120])
@pytest.mark.parametrize("size", [(16, 16), (37, 900), (600, 511)])
def test_steps_add_up_and_the_last_size_is_the_full_one(size, steps, wish):
    scales = plan_scales(*size, steps, wish)
    assert sum(scale.steps for scale in scales) == steps
    assert min(scale.steps for scale in scales) >= 1
    assert scales[-1][:2] == size
    assert sorted(scales) == list(scales)


def test_no_size_is_too_narrow_for_the_network():
    assert plan_scales(40, 4000, 160, 16)[0].height >= 16


def test_left_over_steps_go_to_the_finest_sizes():
    assert [scale.steps for scale in plan_scales(600, 600, 11, 3)] == [3, 4, 4]


def test_listed_sides_are_taken_in_order_and_those_too_large_left_out():
    sizes = plan_scales(300, 600, 30, (512, 100, 100, 900))
    assert [scale[:2] for scale in sizes] == [(50, 100), (256, 512), (300, 600)]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("often", "not 'auto', a number of sizes, or sides such as 256,512"),
        ("-3", "not 'auto'"),
        ("0", "0 is not between 1 and 16 sizes"),
        ("17", "17 is not between 1 and 16 sizes"),
        ("8,512", "has a side beyond 16 to 16384 pixels"),
        ("", "not 'auto'"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(wish, message):
    with pytest.raises(ValueError, match=message):
        ShotSettings(scales=wish)


SCALES = plan_scales(60, 84, 30, 3)


@pytest.fixture
def ground():
    return to_tensor(draw_pixels(60, 84, 3))


@pytest.fixture
def pyramid(ground):
    return Pyramid(SCALES, ground)


def test_unchanged_start_shows_as_itself_at_every_size(pyramid, ground):
    # As long as all detail shows; clamping is all that may differ.
    frame = pyramid.frame(pyramid.shrink(0), 0)
    assert frame.shape == ground.shape
    assert (frame - ground).abs().mean() < 1e-3


def test_every_frame_has_the_full_size_and_stays_within_bounds(pyramid, ground):
    for step in range(31):
        noisy = torch.rand_like(pyramid.shrink(step))
        frame = pyramid.frame(noisy, step)
        assert frame.shape == ground.shape
        assert frame.min() >= 0
        assert frame.max() <= 1


@pytest.mark.parametrize("step", [10, 20])
def test_growing_is_hardly_seen_in_the_frames(pyramid, step):
    before = pyramid.shrink(step - 1).mul(0.7).add(0.1)
    grown = pyramid.grow(before, step)
    assert grown.shape[2:] == scale_at(SCALES, step)[:2]
    jump = (pyramid.frame(grown, step) - pyramid.frame(before, step - 1)).abs().mean()
    blurred = resample(before, *scale_at(SCALES, step)[:2]).clamp(0, 1)
    blur = (pyramid.frame(blurred, step) - pyramid.frame(before, step - 1)).abs().mean()
    assert jump < blur / 2
    assert jump < 0.01


def test_pictures_grow_only_where_the_size_changes(pyramid):
    image = pyramid.shrink(4)
    assert pyramid.grow(image, 5) is image


def test_full_size_carries_half_of_the_detail(pyramid, ground):
    small = pyramid.shrink(19)
    grown = pyramid.grow(small, 20)
    detail = ground - resample(small, 60, 84)
    expected = (resample(small, 60, 84) + DETAIL_KEPT * detail).clamp(0, 1)
    torch.testing.assert_close(grown, expected, atol=1e-3, rtol=0)
    assert (grown - resample(small, 60, 84).clamp(0, 1)).abs().mean() > 0.005


def test_coarse_frame_shows_what_changed_beneath_the_detail(pyramid, ground):
    small = pyramid.shrink(0)
    darker = pyramid.frame((small - 0.1).clamp(0, 1), 0)
    inside = (ground > 0.2) & (ground < 0.8)
    torch.testing.assert_close((ground - darker)[inside].mean().item(), 0.1, atol=0.01, rtol=0)


def test_steps_that_are_left_are_those_after_the_ones_that_were_taken():
    scales = [Scale(20, 30, 4), Scale(40, 60, 5)]
    assert steps_left(scales, 0) == tuple(scales)
    assert steps_left(scales, 3) == (Scale(20, 30, 1), Scale(40, 60, 5))
    assert steps_left(scales, 4) == (Scale(40, 60, 5),)
    assert steps_left(scales, 7) == (Scale(40, 60, 2),)
    assert steps_left(scales, 9) == (Scale(40, 60, 0),)


def test_pictures_are_resized_on_the_cpu_where_the_device_cannot(monkeypatch):
    asked = []

    def interpolate(image, **how):
        asked.append(image.device.type)
        if len(asked) == 1:
            raise NotImplementedError("'aten::_upsample_bicubic2d_aa.out' is not for MPS")
        return known(image, **how)

    known = tensors.interpolate
    image = torch.rand(1, 3, 16, 12)
    expected = resample(image, 8, 6)
    monkeypatch.setattr(tensors, "interpolate", interpolate)
    assert torch.equal(resample(image, 8, 6), expected)
    assert asked == ["cpu", "cpu"]
