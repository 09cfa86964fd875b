"""How much the eye sees change."""

import numpy as np
import pytest
import torch
from skimage.color import deltaE_cie76, rgb2lab

from medley.tensors import to_tensor
from medley.transfer.visual import visual_change

from .conftest import draw_pixels


def test_visual_change_ranks_pictures_as_cielab_does():
    base = draw_pixels(32, 32, 5)
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for amplitude in (1, 4, 12, 40):
        noise = rng.normal(0, amplitude, base.shape)
        other = np.clip(base + noise, 0, 255).round().astype(np.uint8)
        ours.append(visual_change(to_tensor(base), to_tensor(other)))
        theirs.append(deltaE_cie76(rgb2lab(base), rgb2lab(other)).mean() / 100)
    assert ours == sorted(ours)
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    assert visual_change(to_tensor(base), to_tensor(base)) == 0


def test_visual_change_of_a_large_picture_is_the_mean_over_all_of_it():
    before, after = (torch.rand(1, 3, 700, 900) for _ in range(2))
    rows = zip(before.split(1, dim=2), after.split(1, dim=2), strict=True)
    mean = sum(visual_change(*pair) for pair in rows) / 700
    assert visual_change(before, after) == pytest.approx(mean, rel=1e-5)


def test_visual_change_from_black_to_white_is_one():
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    assert visual_change(black, white) == pytest.approx(1, abs=1e-3)
