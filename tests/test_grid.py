"""Several pictures in one frame; every expectation is counted out by hand or pixel by pixel."""

import math

import numpy as np
import pytest

from medley.film.composite import GROUND, arrange, border_at, fit_pane, split
from medley.film.layout import MAX_HEIGHT, MAX_WIDTH, choose_columns, plan_grid

from .conftest import draw_pixels


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (6, 3), (8, 4), (9, 3), (17, 5)]
)
def test_columns_are_those_that_one_would_choose(count, columns):
    assert choose_columns(count) == columns


@pytest.mark.parametrize("count", range(1, 34))
def test_any_number_of_panes_stands_apart_in_an_even_frame(count):
    grid = plan_grid(count, 31, 47)
    assert grid.height % 2 == grid.width % 2 == 0
    taken = np.zeros((grid.height, grid.width), int)
    for number in range(count):
        top, left = grid.corner(number)
        pane = taken[top : top + 31, left : left + 47]
        assert pane.shape == (31, 47)
        pane += 1
    assert taken.max() == 1
    assert taken.sum() == count * 31 * 47
    # What is left over is thin gaps, and less than a row's worth of empty places.
    assert (grid.rows - 1) * grid.columns < count <= grid.rows * grid.columns


@pytest.mark.parametrize(("height", "width"), [(1024, 1024), (700, 1900), (3000, 500)])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_large_panes_are_scaled_down_in_proportion(height, width, count):
    grid = plan_grid(count, height, width)
    assert grid.width <= MAX_WIDTH
    assert grid.height <= MAX_HEIGHT
    assert grid.pane_width / grid.pane_height == pytest.approx(width / height, rel=0.01)
    assert grid.pane_height <= height


def test_panes_stand_where_the_grid_says_and_a_short_last_row_is_centred():
    grid = plan_grid(5, 20, 30)
    panes = [np.full((20, 30, 3), 50 + 40 * number, np.uint8) for number in range(5)]
    frame = arrange(grid, panes)
    assert frame.shape == (44, 98, 3)
    assert frame[0, 0, 0] == 50
    assert frame[0, 34, 0] == 90
    assert frame[19, 97, 0] == 130
    assert (frame[20:24] == GROUND).all()
    last = frame[24, :, 0]
    assert (last[17:47] == 170).all()
    assert (last[51:81] == 210).all()
    assert (np.delete(last, [*range(17, 47), *range(51, 81)]) == GROUND).all()


def test_panes_that_do_not_fit_the_grid_are_refused():
    grid = plan_grid(2, 20, 30)
    pane = np.zeros((20, 30, 3), np.uint8)
    with pytest.raises(ValueError, match="the grid has 2 panes, not 1"):
        arrange(grid, [pane])
    with pytest.raises(ValueError, match="pane 1 is 30x21 pixels, but the grid's are 30x20"):
        arrange(grid, [pane, np.zeros((21, 30, 3), np.uint8)])
    with pytest.raises(ValueError, match="at least one pane, not 0"):
        plan_grid(0, 20, 30)


def test_picture_of_another_shape_keeps_its_proportions_in_a_pane():
    white = np.full((10, 40, 3), 255, np.uint8)
    pane = fit_pane(white, 30, 60)
    assert (pane[8:22, :] > 250).all()
    assert (pane[:7] == GROUND).all()
    assert (pane[23:] == GROUND).all()
    assert fit_pane(white, 10, 40) is white


@pytest.mark.parametrize("count", [45, 180, 1201])
def test_border_swings_smoothly_from_side_to_side_and_the_film_loops(count):
    way = [border_at(frame, count, 30) for frame in range(count)]
    moves = np.abs(np.diff([*way, way[0]]))
    assert way[0] == 0.5
    assert 0.05 < min(way) < 0.1
    assert 0.9 < max(way) < 0.95
    assert moves.max() <= 2 * math.pi * 0.44 * max(1, round(count / 150)) / count + 1e-9


def test_split_shows_the_first_left_of_the_border_and_the_second_right_of_it():
    first, second = draw_pixels(20, 30, 1), draw_pixels(20, 30, 2)
    both = split(first, second, 0.5)
    assert (both[:, :14] == first[:, :14]).all()
    assert (both[:, 16:] == second[:, 16:]).all()
    assert (both[:, 14:16] == 255).all()
    with pytest.raises(ValueError, match="shapes"):
        split(first, second[:10], 0.5)
