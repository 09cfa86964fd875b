"""The motion of a clip's frames: flow, trust, and pictures that are warped along."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from medley.film import flow
from medley.tensors import to_tensor
from medley.transfer.motion import Motion, motion_between, novelty, stillness, trust, warp

from .conftest import draw_pixels

HEIGHT, WIDTH = 96, 128


def textured(height=HEIGHT + 40, width=WIDTH + 40, seed=1):
    """A still with enough in every place of it to be found again."""
    rng = np.random.default_rng(seed)
    fine = np.kron(rng.integers(-40, 40, (height // 4, width // 4, 3)), np.ones((4, 4, 1)))
    return np.clip(draw_pixels(height, width, seed)[: fine.shape[0]] + fine, 0, 255)


def seen(still, x, y, zoom=1.0):
    """What of a still is in the frame whose corner is there, at columns and rows of it."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] / zoom
    planes = [
        map_coordinates(still[..., each], [rows + y, columns + x], order=1) for each in range(3)
    ]
    return np.rint(np.stack(planes, axis=2)).astype(np.uint8)


def still_of(*frames):
    return stillness(motion_between(*frames), *map(to_tensor, frames))


@pytest.fixture(params=["dis", "ilk"])
def method(request, monkeypatch):
    if request.param == "dis":
        pytest.importorskip("cv2")
    monkeypatch.setattr(flow, "flow_method", lambda: request.param)
    return request.param


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("moved", [(2.0, 0.0), (-1.5, 2.5)])
def test_pan_s_motion_is_found_and_trusted_except_where_the_still_enters(moved):
    still, (x, y) = textured(), moved
    motion = motion_between(seen(still, 20, 20), seen(still, 20 + x, 20 + y))
    believed = motion.trust > 0
    error = (motion.came[0] - torch.tensor(moved)[:, None, None]).norm(dim=0)[believed]
    assert believed[8:-8, 8:-8].float().mean() > 0.8
    assert error.median() < 0.15
    assert error.quantile(0.95) < 0.6
    entered = believed[:, -1] if x > 0 else believed[:, 0]
    assert entered.float().mean() < 0.1


@pytest.mark.usefixtures("method")
def test_zoom_s_motion_is_found():
    still, zoom = textured(), 1.04
    motion = motion_between(seen(still, 20, 20), seen(still, 20, 20, zoom))
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    meant = torch.tensor(np.stack([columns, rows]) * (1 / zoom - 1)).float()
    error = (motion.came[0] - meant).norm(dim=0)[motion.trust > 0]
    assert error.median() < 0.2
    assert motion.trust[8:-8, 8:-8].mean() > 0.7


@pytest.mark.usefixtures("method")
def test_frame_that_stands_still_is_trusted_all_over():
    frame = seen(textured(), 20, 20)
    motion = motion_between(frame, frame)
    assert motion.trust.mean() > 0.98
    assert motion.came.abs().max() < 0.3


@pytest.mark.usefixtures("method")
def test_what_was_hidden_behind_something_is_not_trusted():
    ground, thing = seen(textured(), 20, 20), seen(textured(seed=2), 20, 20)[:40, :40]
    frames = []
    for left in (30, 38):
        frame = ground.copy()
        frame[24:64, left : left + 40] = thing
        frames.append(frame)
    motion = motion_between(*frames)
    assert motion.trust[28:60, 31:37].mean() < 0.35  # that lay behind it a frame before
    assert motion.trust[:, 90:].mean() > 0.9
    assert motion.trust[32:56, 48:66].mean() > 0.7  # the thing itself


@pytest.mark.usefixtures("method")
def test_what_was_hidden_is_new_and_neither_noise_nor_what_moves_is():
    rng = np.random.default_rng(1)
    noises = [rng.normal(0, 4, (HEIGHT, WIDTH, 3)) for _ in range(2)]

    def noisy(*frames):
        pairs = zip(frames, noises, strict=True)
        return [np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8) for frame, noise in pairs]

    def new(*frames):
        frames = noisy(*frames)
        return novelty(motion_between(*frames).filled(), *map(to_tensor, frames))[0, 0]

    even, wide = np.full((HEIGHT, WIDTH, 3), 90), textured()
    assert new(even, even).max() == 0
    assert new(seen(wide, 20, 20), seen(wide, 23, 21))[8:-8, 8:-8].mean() < 0.03
    frames = []
    for left in (30, 38):
        frame = seen(wide, 20, 20)
        frame[24:64, left : left + 40] = seen(textured(seed=2), 20, 20)[:40, :40]
        frames.append(frame)
    found = new(*frames)
    assert found[28:60, 31:37].mean() > 0.6
    assert found[:, 90:].mean() < 0.03


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("size", [(1, 1), (3, 40), (13, 7)])
def test_frames_of_any_size_have_a_motion(size):
    frames = [draw_pixels(60, 60, seed)[: size[0], : size[1]] for seed in (1, 2)]
    motion = motion_between(*frames).filled()
    assert motion.came.shape == (1, 2, *size)
    assert motion.trust.shape == size
    assert motion.warp(torch.rand(1, 3, *size)).isfinite().all()
    assert novelty(motion, *map(to_tensor, frames)).shape == (1, 1, *size)


def test_opencv_s_flow_does_not_depend_on_its_threads():
    cv2 = pytest.importorskip("cv2")
    frames = seen(textured(), 20, 20), seen(textured(), 23, 21)
    threads, found = cv2.getNumThreads(), []
    for count in (1, 4):
        cv2.setNumThreads(count)
        found.append(flow.dense_flow(*frames))
        assert cv2.getNumThreads() == count
    cv2.setNumThreads(threads)
    assert (found[0] == found[1]).all()


def uniform(x, y, height=24, width=32):
    return torch.tensor([x, y]).float()[None, :, None, None].expand(1, 2, height, width).clone()


def test_picture_is_warped_to_where_it_went_and_mirrored_at_the_border():
    image = torch.rand(1, 5, 24, 32)
    moved = warp(image, uniform(3, -2))
    assert torch.allclose(moved[..., 2:, :-3], image[..., :-2, 3:], atol=1e-5)
    assert torch.allclose(moved[..., 2:, -3:], image[..., :-2, -3:].flip(3), atol=1e-5)
    assert torch.allclose(moved[..., :2, :-3], image[..., :2, 3:].flip(2), atol=1e-5)
    assert torch.allclose(warp(image, uniform(0, 0)), image, atol=1e-5)


def test_trust_needs_the_way_back_to_end_where_the_way_there_began():
    came, went = uniform(2, 0), uniform(-2, 0)
    went[..., 8:16, 8:16] = 4.0
    found = trust(came, went)
    assert found[:8, :30].min() == 1  # what came from beyond the right border is not trusted
    assert found[:, 30:].max() == 0
    assert found[9:15, 8:13].max() == 0


def test_places_without_trust_take_the_motion_of_trusted_ones_near_them():
    came = uniform(1, 0, 160, 320)
    came[..., 160:] = torch.tensor([0.0, 4.0])[None, :, None, None]
    wrong = came.clone()
    trusted = torch.ones(160, 320)
    for columns in (slice(60, 100), slice(220, 260)):
        wrong[..., 60:100, columns] = -9.0
        trusted[60:100, columns] = 0
    found = Motion(wrong, trusted).filled()
    assert (found.came - came)[..., :130].abs().max() < 0.5
    assert (found.came - came)[..., 190:].abs().max() < 0.5
    assert torch.equal(found.came[..., trusted > 0], came[..., trusted > 0])


def test_far_from_all_trust_the_median_motion_counts_and_without_any_there_is_none():
    wrong, trusted = uniform(-30, 30, 200, 300), torch.zeros(200, 300)
    wrong[..., :20, :20] = torch.tensor([2.0, -1.0])[None, :, None, None]
    trusted[:20, :20] = 1
    found = Motion(wrong, trusted).filled().came
    assert torch.allclose(found, uniform(2, -1, 200, 300), atol=0.05)
    assert Motion(wrong, torch.zeros(200, 300)).filled().came.abs().max() == 0


def test_noise_before_a_still_camera_is_still_and_a_pan_is_not():
    wide, rng = textured().astype(np.uint8), np.random.default_rng(4)

    def loud(frame):
        return np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)

    first, second = loud(wide[:, :128]), loud(wide[:, :128])
    held = still_of(first, second)
    assert held.shape == (1, 1, *first.shape[:2])
    assert held.mean() > 0.95
    panned = loud(wide[:, 2:130])
    assert still_of(first, panned).max() == 0


def test_what_moves_before_a_still_camera_is_told_from_what_does_not():
    first = textured().astype(np.uint8)
    second = first.copy()
    second[30:50, 13:33] = first[30:50, 10:30]
    held = still_of(first, second)[0, 0]
    assert held[:, 110:].min() > 0.9
    assert held[32:48, 15:31].mean() < 0.5


def test_light_that_changes_is_not_held():
    first = textured().astype(np.uint8)
    lighter = np.clip(first.astype(int) + 20, 0, 255).astype(np.uint8)
    assert still_of(first, lighter).mean() < 0.05
