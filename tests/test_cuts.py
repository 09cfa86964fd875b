"""Cuts of a clip: told from what moves, from what is lit, and from the camera that is swung."""

from itertools import pairwise

import numpy as np
import pytest

from medley.film.cuts import glance, is_cut

from .test_pursuit import still


def scene(seed):
    """A picture twice as wide as a frame, with things of some colours on a ground of another."""
    rng = np.random.default_rng(seed)
    picture = np.empty((180, 480, 3), np.uint8)
    picture[:] = rng.integers(40, 216, 3)
    for _ in range(60):
        y, x = rng.integers(0, 160), rng.integers(0, 440)
        picture[y : y + rng.integers(6, 40), x : x + rng.integers(6, 60)] = rng.integers(0, 256, 3)
    noise = rng.normal(0, 3, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def shot(seed, count=6, move=3, gain=0.0):
    """Frames of a camera that turns over a scene, which gets lighter or darker meanwhile."""
    wide = scene(seed)
    for number in range(count):
        frame = wide[:, number * move : number * move + 240]
        yield np.clip(frame * (1 + gain * number), 0, 255).astype(np.uint8)


def cuts(frames):
    seen = [glance(frame) for frame in frames]
    return [number for number, pair in enumerate(pairwise(seen), start=1) if is_cut(*pair)]


def test_cuts_between_scenes_are_found_to_the_frame():
    assert cuts([*shot(1), *shot(2), *shot(3, count=2), *shot(1)]) == [6, 12, 14]


@pytest.mark.parametrize(
    "frames",
    [
        shot(1, move=0),
        shot(1, move=12),
        shot(1, gain=-0.1),
        shot(2, move=40),
        [still()[:40, :60]] * 2,
        [np.zeros((9, 16, 3), np.uint8)] * 2,
    ],
    ids=["still", "pan", "fading", "swung", "small", "black"],
)
def test_within_a_shot_there_are_none(frames):
    assert cuts(list(frames)) == []


def test_fade_to_another_scene_is_no_cut():
    one, other = (next(shot(seed)).astype(float) for seed in (1, 2))
    mixed = [((1 - t) * one + t * other).astype(np.uint8) for t in np.linspace(0, 1, 13)]
    assert cuts(mixed) == []
