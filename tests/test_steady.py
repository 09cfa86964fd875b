"""Repainted frames held steady along a clip's motion: less flicker, no trails, nothing frozen."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("cv2")

from medley.film.steady import Steady

from .conftest import draw_pixels

HEIGHT, WIDTH, COUNT = 96, 128, 8


def textured(seed):
    """A still with enough in every place of it to be found again."""
    rng = np.random.default_rng(seed)
    fine = np.kron(rng.integers(-40, 40, (40, 50, 3)), np.ones((4, 4, 1)))
    return np.clip(draw_pixels(160, 200, seed) + fine, 0, 255).astype(np.uint8)


def noisy(picture, amount, rng):
    return np.clip(picture + rng.normal(0, amount, picture.shape), 0, 255).astype(np.uint8)


def seen(still, across):
    return still[20 : 20 + HEIGHT, across : across + WIDTH]


def mirrored(picture):
    """What a network might make of a picture: other colours in the same places."""
    return np.ascontiguousarray(255 - picture[..., ::-1])


def pan(step, flicker, noise):
    """Frames of a pan with a camera's noise, and results that flicker and belong to it."""
    still, rng = textured(1), np.random.default_rng(2)
    views = [seen(still, 10 + step * number) for number in range(COUNT)]
    frames = [noisy(view, noise, rng) for view in views]
    return frames, [noisy(mirrored(view), flicker, rng) for view in views], views


def change_along(results, step):
    """Mean change of results from frame to frame, seen from what moves by whole pixels."""
    pairs = pairwise(results[3:])
    return np.mean(
        [
            np.abs(later[:, : WIDTH - step - 8].astype(int) - earlier[:, step : WIDTH - 8]).mean()
            for earlier, later in pairs
        ]
    )


@pytest.mark.parametrize("step", [0, 3])
def test_flicker_goes_and_what_is_painted_travels_with_what_moves(step):
    frames, results, views = pan(step, flicker=25, noise=3)
    steady = Steady()
    held = [steady.hold(*each) for each in zip(frames, results, strict=True)]
    assert change_along(held, step) < 0.4 * change_along(results, step)
    apart = [np.abs(each[-1].astype(int) - mirrored(views[-1])).mean() for each in (held, results)]
    assert apart[0] < 0.75 * apart[1]  # nearer to what is meant, so nothing lags behind


def test_clean_result_of_a_pan_stays_sharp():
    frames, results, _ = pan(3, flicker=0, noise=0)
    steady = Steady()
    held = [steady.hold(*each) for each in zip(frames, results, strict=True)]
    edges = [np.abs(np.diff(each[-1].astype(int), axis=1)).mean() for each in (held, results)]
    assert edges[0] > 0.9 * edges[1]


def test_other_scene_begins_at_once():
    one, other = seen(textured(1), 10), seen(textured(7), 10)
    steady = Steady()
    steady.hold(one, mirrored(one))
    assert np.array_equal(steady.hold(other, mirrored(other)), mirrored(other))


def test_something_that_passes_leaves_no_trail():
    ground, rng, steady = seen(textured(1), 10), np.random.default_rng(3), Steady()
    thing = rng.integers(0, 256, (10, 8, 3)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    for left in range(10, 70, 6):
        frame = ground.copy()
        frame[30:70, left : left + 32] = thing
        held = steady.hold(frame, mirrored(frame))
    apart = np.abs(held.astype(int) - mirrored(frame))
    assert apart[30:70, :left].mean() < 3  # of 255, where it has been


def test_size_of_a_frame_does_not_matter():
    for height, width in ((1, 1), (3, 700), (17, 16)):
        picture = np.full((height, width, 3), 90, np.uint8)
        steady = Steady()
        for _ in range(2):
            assert np.array_equal(steady.hold(picture, picture), picture)
