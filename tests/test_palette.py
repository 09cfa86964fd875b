import itertools

import numpy as np

from medley.color import linear_to_oklab, srgb_to_linear
from medley.film.palette import ColourCount, best_palette, nearest

from .conftest import draw_pixels


def to_oklab(colours):
    return linear_to_oklab(srgb_to_linear(colours))


def error(points, counts, means):
    return float((counts * ((points - means[nearest(points, means)]) ** 2).sum(1)).sum())


def test_few_colours_are_kept_as_they_are():
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [1, 2, 3], [250, 250, 250]])
    palette = best_palette(colours / 255, np.array([1.0, 500.0, 3.0, 9.0, 2.0]), 255)
    assert sorted(map(tuple, palette[:, 0])) == sorted(map(tuple, colours))


def test_palette_is_nearly_the_best_of_all_partitions():
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(6):
        colours, counts = rng.random((7, 3)), rng.integers(1, 9, 7).astype(float)
        points = to_oklab(colours)
        least = np.inf
        for labels in itertools.product(range(3), repeat=7):
            if set(labels) == {0, 1, 2}:
                own = np.array(labels)
                means = [np.average(points[own == k], 0, counts[own == k]) for k in range(3)]
                least = min(least, error(points, counts, np.array(means)))
        found = to_oklab(best_palette(colours, counts, 3)[:, 0] / 255)
        ratios.append(error(points, counts, found) / least)
    # Lloyd's iteration ends in a local optimum, and palettes have 8 bits.
    assert np.median(ratios) < 1.05
    assert max(ratios) < 1.6


def test_palette_beats_even_steps_and_the_commonest_colours():
    count = ColourCount()
    for seed in range(3):
        count.add(draw_pixels(60, 80, seed))
    colours, counts = count.colours()
    points = to_oklab(colours)
    found = to_oklab(best_palette(colours, counts, 64)[:, 0] / 255)
    even = to_oklab(np.array(list(itertools.product(np.linspace(0, 1, 4), repeat=3))))
    common = points[np.argsort(counts)[-64:]]
    assert error(points, counts, found) < 0.3 * error(points, counts, even)
    assert error(points, counts, found) < 0.3 * error(points, counts, common)


def test_colours_are_counted_with_their_means():
    frame = np.zeros((4, 6, 3), np.uint8)
    frame[:2] = (8, 16, 32)
    frame[2:] = (10, 18, 34)  # of the same cell
    frame[:, 0] = (255, 255, 255)
    count = ColourCount()
    count.add(frame)
    count.add(frame)
    colours, counts = count.colours()
    assert np.allclose(colours * 255, [(9, 17, 33), (255, 255, 255)])
    assert counts.tolist() == [40, 8]


def test_large_frames_are_counted_in_part_and_every_frame_elsewhere():
    frame = np.full((600, 800, 3), 7, np.uint8)
    count = ColourCount()
    for _ in range(5):
        count.add(frame)
    counted = count.colours()[1].sum() / 5
    assert 20_000 < counted < 80_000
