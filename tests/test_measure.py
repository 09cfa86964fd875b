"""Likeness of pictures and what many of them say together, against plain computations."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from medley.settings import ShotSettings
from medley.studio.compression.networks import FLOAT, Network, Variant
from medley.studio.editing import report
from medley.studio.editing.measure import QUANTITIES, Measure, Spread, recommend, summarize
from medley.studio.editing.scoring import difference, distortion, noise_ratio, similarity

from .conftest import draw_pixels


def network(bits, size_bytes=None):
    size = bits * 1000 if size_bytes is None else size_bytes
    return Network(Variant("kmeans", bits), f"{bits}-bit", ShotSettings(), "digest", size, 0.0, 0.1)


def measure(of, ratio, content="photo"):
    return Measure(content, "painting", of, "key", 100 * ratio, 50.0, ratio, 0.9, 30.0, 0.01)


@pytest.mark.parametrize("worst", [1.117, 1.004, 1.6, 30])
def test_chart_has_files_in_the_order_of_bits_and_ticks_that_can_be_read(monkeypatch, worst):
    drawn = []
    monkeypatch.setattr(report.Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    exact = Network(FLOAT, "float", ShotSettings(), "digest", 80_000_000)
    files = [
        Network(Variant("entropy", bits, Path(name)), name, ShotSettings(), name, 2_000_000)
        for name, bits in (("four", 4), ("least", 1.85), ("also", 4))
    ]
    others = [network(8), *files, network(4), network(2)]
    measures = [measure(exact, 1), *(measure(one, worst) for one in others)]
    report.draw_sweep(summarize(measures), exact, 1)
    left = drawn[0].axes[0]
    labels = [label.get_text() for label in left.get_xticklabels()]
    order = [labels[left.get_xticks().tolist().index(place)] for place in range(len(labels))]
    assert order == ["least", "2", "4", "four", "also", "8", "float"]
    bottom, top = left.get_ylim()
    assert sum(bottom <= tick <= top for tick in left.get_yticks()) >= 3


def test_similarity_of_a_single_window_is_the_paper_s_formula():
    first, second = draw_pixels(11, 11, 1), draw_pixels(11, 11, 2)
    bell = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(bell, bell) / bell.sum() ** 2
    expected = []
    for channel in range(3):
        x, y = first[..., channel].astype(float), second[..., channel].astype(float)
        mean_x, mean_y = (window * x).sum(), (window * y).sum()
        var_x = (window * (x - mean_x) ** 2).sum()
        var_y = (window * (y - mean_y) ** 2).sum()
        both = (window * (x - mean_x) * (y - mean_y)).sum()
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        expected.append(
            (2 * mean_x * mean_y + c1) * (2 * both + c2)
            / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
        )  # fmt: skip
    assert similarity(first, second) == pytest.approx(np.mean(expected), rel=1e-6)
    assert similarity(first, first) == pytest.approx(1)


def test_noise_ratio_is_that_of_the_mean_squared_error():
    first = np.full((12, 14, 3), 100, np.uint8)
    second = first.copy()
    second[::2] += 10  # a mean squared error of 50
    assert noise_ratio(second, first) == pytest.approx(10 * math.log10(255**2 / 50))
    assert noise_ratio(first, first) == math.inf


def test_difference_of_black_and_white_is_their_lightness():
    black, white = (np.full((4, 5, 3), level, np.uint8) for level in (0, 255))
    assert difference(black, white) == pytest.approx(1, abs=1e-3)
    assert difference(white, white) == 0


def test_summary_gives_median_and_range_over_pairs():
    four = network(4)
    measures = [measure(four, ratio, f"photo {ratio}") for ratio in (1.5, 1.0, 1.1)]
    summary = summarize([*measures, measure(network(8), 1.0)])
    assert summary[four]["ratio"] == Spread(1.1, 1.0, 1.5)
    assert set(summary[four]) == set(QUANTITIES)
    assert [one.bits for one in summary] == [4, 8]


def test_recommended_is_the_smallest_file_whose_median_is_within_five_percent():
    full, eight, five, four = (network(bits) for bits in (32, 8, 5, 4))
    ratios = {full: [1, 1, 1], eight: [1, 1, 1.2], five: [1.04, 1.05, 9], four: [1, 1.06, 1.06]}
    measures = [measure(one, ratio) for one, found in ratios.items() for ratio in found]
    assert recommend(summarize(measures), full) == five
    small = network(6, size_bytes=10)
    assert recommend(summarize([*measures, measure(small, 1.0)]), full) == small
    assert recommend(summarize([measure(full, 1.0), measure(four, 1.051)]), full) == full


def test_distortion_is_relative_to_the_power_of_all_layers():
    exact = {"a": (torch.tensor([3.0, 4.0]), torch.zeros(1)), "b": (torch.tensor([5.0]), None)}
    off = {"a": (torch.tensor([3.0, 5.0]), torch.ones(1)), "b": (torch.tensor([5.0]), None)}
    assert distortion(off, exact) == pytest.approx(1 / 50)
    assert distortion(exact, exact) == 0
