from fractions import Fraction

import numpy as np
import pytest

from medley.color import light_of_levels
from medley.film.composite import composite, lay_frame
from medley.film.layers import Layer, blend
from medley.film.layout import plan_layout
from medley.film.lettering import caption
from medley.film.mix import mix, wipe
from medley.film.overlay import (
    Moment,
    captions,
    insets,
    presences,
    shares_of,
    sparklines,
)
from medley.film.places import plan_places
from medley.film.timeline import CONTENT, Frame, Still
from medley.film.title import title, title_frames, title_layer
from medley.settings import FrameSize

from .conftest import draw_pixels

PLACES = plan_places([], plan_layout(180, 240))
GRAY = np.full((180, 240, 3), 128, np.uint8)
HELD = Frame(Still(0, 4), None, 0.0)


def shown(overlay, frame=HELD, presence=None, on=GRAY, number=0):
    drawn = on.copy()
    overlay(drawn, Moment(number, frame, {0: 1.0} if presence is None else presence))
    return drawn


def present(timeline, loops=False):
    return presences([*map(shares_of, timeline)], Fraction(10), loops)


def framed(pictures, timeline, layout, contents=(), home=(0,), overlays=()):
    """The frames of a film; an array of theirs may be given again."""
    presence = present(timeline)
    of = contents.__getitem__
    return list(composite(pictures, timeline, presence, layout, of, home, overlays))


def layer(top, left, height, width, level, cover):
    filled = np.full((height, width, 1), cover, np.float32)
    return Layer(top, left, level * filled, filled)


def test_layer_covers_as_much_as_it_says_and_nothing_else():
    frame = GRAY.copy()
    blend(frame, [(layer(10, 20, 30, 40, 255, 0.5), 1.0)])
    assert (frame[10:40, 20:60] == 192).all()
    assert (frame != 128).any(2).sum() == 30 * 40
    blend(frame, [(layer(0, 0, 5, 5, 255, 1), 0.0)])
    assert (frame[:5] == 128).all()


def test_layer_that_reaches_over_the_edge_is_cut():
    frame = GRAY.copy()
    blend(frame, [(layer(-5, -7, 10, 10, 0, 1), 1.0), (layer(175, 236, 40, 40, 0, 1), 1.0)])
    assert (frame == 0).any(2).sum() == 5 * 3 + 5 * 4


def test_two_halves_of_a_layer_are_the_whole_of_it():
    half, whole = GRAY.copy(), GRAY.copy()
    one = layer(100, 0, 80, 240, 20, 0.7)
    blend(whole, [(one, 1.0)])
    blend(half, [(one, 0.5), (one, 0.5)])
    assert (half == whole).all()


def test_overlays_rise_when_their_shot_comes_and_fade_as_it_does():
    shot, other = Still(0, 3), Still(1, 0)
    dissolve = [Frame(shot, CONTENT, amount) for amount in (0.2, 0.4, 0.6, 0.8)]
    timeline = [Frame(CONTENT, None, 0), *[Frame(shot, None, 0)] * 6, *dissolve]
    timeline += [Frame(other, None, 0)]
    presence = present(timeline)
    assert presence[0] == {}
    rising = [one[0] for one in presence[1:7]]
    assert rising == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert [one[0] for one in presence[7:11]] == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert presence[11] == {1: 0.25}


def test_two_steps_of_one_shot_are_the_whole_shot():
    assert present([Frame(Still(0, 3), Still(0, 4), 0.3)] * 20)[-1] == {0: pytest.approx(1)}


def test_overlays_are_gone_before_their_shot_is_and_before_a_loop_begins_again():
    shown = [Frame(CONTENT, None, 0), *[Frame(Still(0, 3), None, 0)] * 9]
    shown += [Frame(Still(1, 3), None, 0)] * 9
    amounts = [sum(one.values()) for one in present(shown, loops=True)]
    assert amounts[5] == amounts[14] == 1
    assert amounts[9:11] == [0.25, 0.25]
    assert amounts[-1] == 0.25
    assert present(shown)[-1] == {1: 1}  # a film that ends is not seen to lose them


def test_overlays_of_what_goes_on_in_a_loop_stay():
    assert present([HELD] * 9, loops=True) == [{0: 1}] * 9


def test_caption_overlay_is_the_caption():
    texts = ["Café\nHilma af Klint, 1907", ""]
    over = captions(texts, PLACES)
    assert (shown(over) == caption(GRAY, "Café\nHilma af Klint, 1907")).all()
    assert (shown(over, presence={1: 1.0}) == GRAY).all()
    changed = (shown(over) != GRAY).any((1, 2))
    assert changed.sum() == plan_places(texts, PLACES.layout).height
    assert plan_places(["", ""], PLACES.layout).height == 0


def test_caption_dissolves_into_the_next_without_the_strip_flickering():
    over = captions(["one", "two"], PLACES)
    strips = [shown(over, presence={0: 1 - x, 1: x})[178, 5] for x in (0, 0.5, 1)]
    assert np.ptp(strips) == 0


def test_tiny_picture_has_one_line_of_caption_at_most():
    layout = plan_layout(44, 64)
    two, one = (plan_places([text], layout).height for text in ("Title\nArtist", "Title"))
    assert two == one < 44 / 2


@pytest.mark.parametrize("corner", ["top-left", "top-right", "bottom-left", "bottom-right"])
@pytest.mark.parametrize("shape", [(90, 120), (40, 400), (400, 40)])
def test_inset_shows_the_whole_painting_in_its_corner(corner, shape):
    painting = np.full((*shape, 3), (200, 30, 40), np.uint8)
    drawn = shown(insets([painting], PLACES, corner))
    rows, columns = np.nonzero((drawn == (200, 30, 40)).all(2))
    high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert len(rows) == high * wide
    assert wide / high == pytest.approx(shape[1] / shape[0], rel=0.15)
    assert max(high, wide) < 0.45 * 180
    assert (rows.mean() < 90) == corner.startswith("top")
    assert (columns.mean() < 120) == corner.endswith("left")


def test_lower_corner_is_raised_above_the_caption():
    painting = np.full((90, 120, 3), (200, 30, 40), np.uint8)
    with_captions = plan_places(["A title"], PLACES.layout)
    found = [shown(insets([painting], one, "bottom-left")) for one in (PLACES, with_captions)]
    rows = [np.nonzero((one == (200, 30, 40)).all(2))[0] for one in found]
    assert rows[0].max() - rows[1].max() == with_captions.height > 0


TALL = plan_layout(86, 128, FrameSize(480, 270))
SQUARE = plan_layout(86, 128, FrameSize(270, 270))
WIDE = plan_layout(128, 86, FrameSize(270, 480))
TWO = plan_layout(86, 128, FrameSize(480, 270), "pad", True)
TEXTS = ["A painting of some name\nSomebody Else, 1912", "Another"]


def places_taken(layout, corner):
    """Where captions are, and where paintings, of any shot."""
    places = plan_places(TEXTS, layout)
    blank = np.full((layout.height, layout.width, 3), 128, np.uint8)
    paintings = [draw_pixels(90, 120, 1), draw_pixels(160, 80, 2)]
    for over in captions(TEXTS, places), insets(paintings, places, corner):
        drawn = [shown(over, on=blank, presence={shot: 1.0}) != 128 for shot in range(2)]
        yield np.logical_or(*drawn).any(2)


@pytest.mark.parametrize("corner", ["top-left", "top-right", "bottom-left", "bottom-right"])
@pytest.mark.parametrize("layout", [TALL, SQUARE, WIDE, TWO], ids=str)
def test_captions_and_paintings_stand_in_bars_that_have_the_room(layout, corner):
    words, paintings = places_taken(layout, corner)
    assert words.any()
    assert paintings.any()
    assert not (words & paintings).any()
    assert not layout.panes.of(words).any()
    # A low bar has room for captions alone.
    if layout in (TALL, WIDE) or corner.startswith("top"):
        assert not layout.panes.of(paintings).any()
    else:
        assert layout.picture.of(paintings).sum() == paintings.sum()


def test_long_title_in_a_narrow_bar_is_broken_and_stays_in_it():
    layout = WIDE
    texts = ["The very long title of a painting with many words\nSomebody of some name, 1912"]
    places = plan_places(texts, layout)
    bar = layout.bar("right")
    assert places.bar == "right"
    assert places.captions.bottom == layout.picture.bottom
    rows, columns = np.nonzero(places.caption(texts[0]).ink[..., 0] > 100)
    assert 0 <= columns.min() <= columns.max() < bar.width
    assert np.ptp(rows) > places.caption("One\nTwo").ink.shape[0]


def test_bar_too_narrow_leaves_captions_and_paintings_on_the_picture():
    layout = plan_layout(86, 128, FrameSize(270, 380))
    places = plan_places(TEXTS, layout)
    assert places.captions == layout.picture
    assert places.corner("top-left", 40, 40).box == layout.picture


def test_white_words_in_the_bar_of_a_white_picture_can_be_read():
    box = TALL.picture
    frame = lay_frame(np.full((box.height, box.width, 3), 255, np.uint8), TALL)
    drawn = shown(captions(["HIIIH"], plan_places(["HIIIH"], TALL)), on=frame)
    words = TALL.bar("bottom").of(drawn)[..., 0]
    rows = np.nonzero((words == 255).any(1))[0]
    line = light_of_levels()[words[rows[len(rows) // 2]]]
    letters = np.nonzero(line == 1)[0]
    assert (1 + 0.05) / (line[letters[0] : letters[-1]].min() + 0.05) > 7  # WCAG, enhanced


def test_shot_without_a_painting_or_a_trace_has_nothing_over_it():
    assert (shown(insets([None], PLACES, "top-left")) == GRAY).all()
    assert (shown(sparklines([{}], PLACES, "top-left")) == GRAY).all()
    assert (shown(sparklines([{0: 3.0}], PLACES, "top-left")) == GRAY).all()


def test_curve_of_losses_below_zero_is_drawn():
    assert (shown(sparklines([{0: 900.0, 1: -5.0, 2: 3.0}], PLACES, "top-left")) != GRAY).any()


def dot(drawn):
    """Where the one warm thing on a gray picture is."""
    rows, columns = np.nonzero(drawn[..., 0].astype(int) - drawn[..., 2] > 60)
    return rows.mean(), columns.mean()


def test_sparklines_dot_moves_down_and_to_the_right_with_the_step():
    over = sparklines([{step: 1e6 / (1 + step) for step in range(101)}], PLACES, "top-left")
    frames = [Frame(Still(0, 0), None, 0), Frame(Still(0, 20), Still(0, 21), 0.5)]
    frames += [Frame(Still(0, 100), None, 0), Frame(Still(0, 100), CONTENT, 0.4)]
    spots = [dot(shown(over, frame)) for frame in frames]
    assert spots[0] < spots[1] < spots[2]
    assert spots[0][1] < spots[1][1] < spots[2][1]
    assert spots[3] == pytest.approx(spots[2], abs=0.3)
    between = [dot(shown(over, Frame(Still(0, step), None, 0)))[1] for step in (20, 21)]
    assert between[0] <= spots[1][1] <= between[1]


@pytest.mark.parametrize("side", [16, 64, 400])
def test_overlays_fit_into_pictures_of_any_size(side):
    texts = ["A title that is long\nAn artist"]
    places = plan_places(texts, plan_layout(side, side))
    gray = np.full((side, side, 3), 128, np.uint8)
    over = [
        captions(texts, places),
        insets([draw_pixels(90, 120, 1)], places, "bottom-right"),
        sparklines([{0: 9.0, 5: 1.0}], places, "bottom-left"),
        title("A title that is rather long\nand more", side, side, Fraction(10), 20),
    ]
    for overlay in over:
        drawn = shown(overlay, on=gray, number=10)
        assert drawn.shape == gray.shape
        assert side < 64 or (drawn != gray).any()  # nothing legible fits into 16 pixels


def test_title_comes_and_goes_and_leaves_the_first_and_later_frames_alone():
    over = title("Words", 180, 240, Fraction(10), 30)
    light = [shown(over, number=number).mean() for number in (0, 3, 7, 15, 23, 27, 30, 31)]
    assert light[0] == light[6] == light[7] == 128
    assert light[0] > light[1] > light[2] == light[3] == light[4] < light[5] < light[0]
    assert shown(over, number=15).max() == 255
    assert title_frames(Fraction(24000, 1001), 3.0) == 72
    assert title_frames(Fraction(1), 0.1) == 1


def test_title_stands_in_the_middle_and_within_the_frame():
    for text in ("Words", "A very long title of many words that go on and on\nand a second line"):
        rows, columns = np.nonzero(title_layer(text, 180, 240).ink[..., 0] > 100)
        assert columns.mean() == pytest.approx(120, abs=8)
        assert rows.mean() == pytest.approx(90, abs=20)
        assert columns.min() > 10
        assert columns.max() < 230


def test_plain_film_without_overlays_is_its_pictures():
    pictures = [draw_pixels(31, 40, seed) for seed in range(2)]
    timeline = [HELD, HELD]
    frames = framed(pictures, timeline, plan_layout(31, 40))
    assert all((frame == picture).all() for frame, picture in zip(frames, pictures, strict=True))


def test_pictures_are_never_written_into():
    picture = draw_pixels(60, 80, 1)
    kept = picture.copy()
    layout = plan_layout(60, 80)
    over = [captions(["title"], plan_places(["title"], layout))]
    frames = framed([picture] * 9, [HELD] * 9, layout, overlays=over)
    assert (picture == kept).all()
    assert (frames[-1] != kept).any()


def test_content_stands_beside_its_picture_and_dissolves_with_it():
    contents = [draw_pixels(60, 80, seed) for seed in (1, 2)]
    picture = draw_pixels(60, 80, 3)
    layout = plan_layout(60, 80, FrameSize(120, 320), "pad", True)
    timeline = [HELD, Frame(Still(0, 4), Still(1, 0), 0.25), Frame(Still(None, 1), None, 0)]
    sized = np.zeros((layout.picture.height, layout.picture.width, 3), np.uint8)
    sized[:] = picture[5, 5]
    frames = framed([sized] * 3, timeline, layout, contents, [0, 1])
    assert all((layout.picture.of(frame) == sized).all() for frame in frames)
    first, between, second = (layout.beside.of(frame) for frame in frames)
    assert (between == mix(first, second, 0.25)).all()
    assert (first != second).any()


def test_what_stands_behind_is_of_the_frame_itself():
    layout = plan_layout(60, 80, FrameSize(120, 80))
    pictures = [draw_pixels(60, 80, seed) for seed in (1, 2, 2)]
    pictures[2] = pictures[1]  # held
    first, second, third = framed(pictures, [HELD] * 3, layout)
    assert (first == lay_frame(pictures[0], layout)).all()
    assert (second == lay_frame(pictures[1], layout)).all()
    assert (first[0] != second[0]).any()
    assert (second == third).all()


def test_content_beside_a_picture_is_wiped_with_it():
    contents = [draw_pixels(60, 80, seed) for seed in (1, 2)]
    layout = plan_layout(60, 80, FrameSize(140, 80), "pad", True)
    sized = np.zeros((layout.picture.height, layout.picture.width, 3), np.uint8)
    turn = Frame(Still(0, 4), Still(None, 1), 0.5, "wipe")
    timeline = [HELD, turn, Frame(Still(None, 1), None, 0)]
    frames = framed([sized] * 3, timeline, layout, contents, [0, 1])
    first, between, second = (layout.beside.of(frame) for frame in frames)
    assert (first != second).any()
    assert (between == wipe(first, second, 0.5)).all()


def test_split_has_the_content_left_of_its_border_and_none_where_it_is_all_there_is():
    content, picture = (np.full((30, 40, 3), level, np.uint8) for level in (10, 90))
    timeline = [Frame(Still(None, 0), None, 0), HELD, HELD]
    presence, borders = present(timeline), [0.5, 0.25, 0.75]
    made = composite(
        [content, picture, picture], timeline, presence, plan_layout(30, 40),
        lambda _: content, (0,), (), borders.__getitem__,
    )  # fmt: skip
    first, *others = (frame[15] for frame in made)
    assert (first == 10).all()
    for row, at in zip(others, (10, 30), strict=True):
        assert (row[: at - 2] == 10).all()
        assert (row[at + 2 :] == 90).all()
        assert (row[at] == 255).all()
