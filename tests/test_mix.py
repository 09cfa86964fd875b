import threading
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from PIL import Image, ImageDraw

from medley.errors import FilmError
from medley.film import fonts, lettering, poster
from medley.film.lettering import caption, drawable, label, ordered, undrawable, write
from medley.film.mix import WIPE_SHARE, joined, mix, pad_to_even, render_frames, wipe
from medley.film.poster import WALL, _plan_wall, contact_sheet
from medley.film.timeline import CONTENT, Frame, Join, Still

from .conftest import draw_pixels

FIRST, SECOND = draw_pixels(30, 41, 1), draw_pixels(30, 41, 2)


def linear_mix(first, second, amount):
    """By the formulas of IEC 61966-2-1, a pixel at a time."""

    def decode(level):
        return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4

    def encode(light):
        return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055

    pairs = zip(first.ravel() / 255, second.ravel() / 255, strict=True)
    mixed = [encode(decode(a) * (1 - amount) + decode(b) * amount) for a, b in pairs]
    return np.rint(np.array(mixed) * 255).reshape(first.shape)


@pytest.mark.parametrize("amount", [0.1, 0.5, 0.93])
def test_mix_is_linear_in_light(amount):
    assert (mix(FIRST, SECOND, amount) == linear_mix(FIRST, SECOND, amount)).all()


def test_mix_at_its_ends_is_exact():
    assert (mix(FIRST, SECOND, 0) == FIRST).all()
    assert (mix(FIRST, SECOND, 1) == SECOND).all()
    assert (mix(FIRST, FIRST, 0.37) == FIRST).all()


def test_mix_of_black_and_white_is_brighter_than_the_middle_level():
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert mix(black, white, 0.5)[0, 0, 0] == 188


@pytest.mark.parametrize("join", [mix, wipe])
def test_bad_mixes_are_refused(join):
    with pytest.raises(ValueError, match="shapes"):
        join(FIRST, SECOND[1:], 0.5)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        join(FIRST, SECOND, 1.5)


@pytest.mark.parametrize("width", [1, 2, 41, 300])
def test_wipe_begins_with_the_first_picture_and_ends_with_the_second(width):
    first, second = draw_pixels(9, width, 1), draw_pixels(9, width, 2)
    assert (wipe(first, second, 0) == first).all()
    assert (wipe(first, second, 1) == second).all()
    assert (wipe(first, first, 0.4) == first).all()


@pytest.mark.parametrize("amount", [0.001, 0.2, 0.5, 0.77, 0.999])
def test_wipe_mixes_linearly_in_light_behind_a_soft_border_from_the_left(amount):
    width, soft = 100, round(100 * WIPE_SHARE)
    first, second = draw_pixels(20, width, 1), draw_pixels(20, width, 2)
    wiped = wipe(first, second, amount)
    for column in range(width):
        way = (amount * (width + soft) - column - 0.5) / soft
        part = min(max(way, 0), 1)
        expected = linear_mix(first[:, column], second[:, column], part * part * (3 - 2 * part))
        assert np.abs(wiped[:, column] - expected).max() == 0


def test_wipe_moves_steadily_and_shows_both_pictures_only_within_its_border():
    black, white = np.zeros((2, 200, 3), np.uint8), np.full((2, 200, 3), 255, np.uint8)
    shades = np.array([wipe(black, white, amount)[0, :, 0] for amount in np.linspace(0, 1, 60)])
    assert (np.diff(shades.astype(int), axis=0) >= 0).all()
    assert (np.diff(shades.astype(int), axis=1) <= 0).all()
    mixed = ((shades > 0) & (shades < 255)).sum(axis=1)
    assert mixed.max() <= 200 * WIPE_SHARE
    assert mixed[10:50].min() > 0.8 * 200 * WIPE_SHARE


def test_even_picture_is_not_touched_and_odd_one_repeats_its_edge():
    assert pad_to_even(FIRST[:, :40]).shape == (30, 40, 3)
    padded = pad_to_even(FIRST[:29])
    assert padded.shape == (30, 42, 3)
    assert (padded[29] == padded[28]).all()
    assert (padded[:, 41] == padded[:, 40]).all()


@pytest.fixture
def without_layout(monkeypatch):
    """Pillow as it is where it was built without its layout engine."""
    caches = (lettering._font, lettering._strip)
    monkeypatch.setattr(lettering, "_LAYS_OUT", False)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_caption_is_white_on_a_dark_strip_of_any_picture(level):
    picture = np.full((240, 400, 3), level, np.uint8)
    captioned = caption(picture, "Café\nHilma af Klint, 1907")
    strip = captioned[205:]
    assert strip.max() > 240
    assert (captioned[:200] == level).all()
    assert (picture == level).all()
    ground, ink = (np.sort(strip[..., 0].ravel())[[0, -1]] / 255) ** 2.2
    assert (ink + 0.05) / (ground + 0.05) > 7  # contrast ratio, WCAG 2.1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_label_is_white_on_a_dark_plate_in_its_corner_of_any_picture(level):
    picture = np.full((240, 400, 3), level, np.uint8)
    left, right = label(picture, "8-bit"), label(picture, "8-bit", right=True)
    ground, ink = (np.sort(left[220:, :60, 0].ravel())[[0, -1]] / 255) ** 2.2
    assert (ink + 0.05) / (ground + 0.05) > 7  # contrast ratio, WCAG 2.1
    for labelled, elsewhere in ((left, np.s_[:, 120:]), (right, np.s_[:, :280])):
        assert (labelled[:200] == level).all()
        assert (labelled[elsewhere] == level).all()
    assert left.sum() == right.sum()  # the same plate, in another place
    assert (picture == level).all()


def test_label_grows_with_the_picture_and_stays_within_it():
    def plate(side):
        changed = (label(np.full((side, side, 3), 255, np.uint8), "32-bit float") != 255).any(2)
        return changed.any(0).sum(), changed.any(1).sum()

    small, large = plate(300), plate(900)
    assert np.divide(large, small) == pytest.approx([3, 3], rel=0.1)
    assert label(np.zeros((9, 8, 3), np.uint8), "32-bit float").shape == (9, 8, 3)


def test_long_caption_stays_within_the_picture():
    gray = np.full((60, 80, 3), 128, np.uint8)
    long = caption(gray, "a very long title " * 9 + "\nby many artists" * 9)
    assert long.shape == gray.shape
    assert (long[:30] == 128).all()
    assert (caption(gray, "") == gray).all()
    assert (caption(gray, " \n\x00") == gray).all()


def test_tiny_picture_takes_a_caption():
    assert caption(np.full((4, 6, 3), 9, np.uint8), "title\nartist").shape == (4, 6, 3)


def test_accented_names_keep_their_accents():
    names = "Žofie Ångström, Łukasz Čiurlionis, Tōhaku, Nguyễn, Дмитрий, Ελένη"
    assert drawable(names) == names
    assert drawable("cafe\u0301") == "café"
    assert drawable("new\u200e\x07line") == "newline"


@pytest.fixture
def own_font(tmp_path, monkeypatch):
    """A machine whose one whole font beside DejaVu has blocks for 日, 本 and ?."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (500, 700), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    block, names = pen.glyph(), [".notdef", "question", "sun", "root"]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord("?"): "question", ord("日"): "sun", ord("本"): "root"})
    builder.setupGlyf(dict.fromkeys(names, block))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Sun", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    faces = {name: str(tmp_path / name) for name in ("LastResort.ttf", "Sun.ttf", "torn.ttf")}
    for face in faces.values():
        builder.save(face)
    Path(faces["torn.ttf"]).write_bytes(b"no font")
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(faces.values()))
    yield from forget_fonts()


@pytest.fixture
def no_fonts(monkeypatch):
    """A machine without fonts of its own."""
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    yield from forget_fonts()


def forget_fonts():
    for cache in (fonts._others, fonts._face_of):
        cache.cache_clear()
    yield
    for cache in (fonts._others, fonts._face_of):
        cache.cache_clear()


@pytest.mark.usefixtures("own_font")
def test_letters_that_dejavu_lacks_come_from_a_font_of_the_machine():
    assert fonts.face_of("abc, Żółw").name == "DejaVuSans.ttf"
    assert fonts.face_of("日本 ?").name == "Sun.ttf"
    assert (drawable("日本\nabc 日"), undrawable("日本\nabc")) == ("日本\nabc □", "")
    assert undrawable("abc 日") == "日"
    assert ink("日")[:, 10:].max() == 255


@pytest.mark.usefixtures("no_fonts")
def test_letters_that_no_font_has_become_boxes_and_are_named():
    assert drawable("日本 1831, ﬁn") == "□□ 1831, ﬁn"
    assert undrawable("本日 Żółw\n日 \x07\u200e□") == "日本"


def ink(text, size=40):
    sheet = Image.new("L", (400, 60))
    write(ImageDraw.Draw(sheet), (10, 5), text, size, 255)
    return np.asarray(sheet)


def test_hebrew_is_written_from_right_to_left():
    """Letters one by one, laid from the right, by nothing that knows of directions."""
    apart = [ink(letter).max(axis=0).astype(bool) for letter in "אשמ"]
    widths = [int(columns.sum()) for columns in apart]
    columns = ink("אשמ").max(axis=0) > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], columns, [0]])))
    seen = [int(end - start) for start, end in edges.reshape(-1, 2)]
    assert len(set(widths)) == 3
    assert np.abs(np.subtract(seen, widths[::-1])).max() <= 2


def test_hebrew_is_written_the_same_without_the_layout_engine(request):
    line = "שלום (1890) עולם"
    if not lettering._LAYS_OUT:
        pytest.skip("this Pillow has no layout engine to compare with")
    first = ink(line, 30)
    request.getfixturevalue("without_layout")
    other = ink(line, 30)
    one, two = (
        np.asarray(Image.fromarray(each).resize((100, 15))).ravel() for each in (first, other)
    )
    assert np.corrcoef(one, two)[0, 1] > 0.8
    assert ordered("abc (12)") == "abc (12)"


def test_right_to_left_caption_stands_on_the_right():
    black = np.zeros((240, 400, 3), np.uint8)
    assert caption(black, "שלום")[:, 320:].max() == 255
    assert caption(black, "שלום")[:, :320].max() == 0
    assert caption(black, "1890 abc")[:, 200:].max() == 0


def stills(still):
    return draw_pixels(8, 8, 10 + still.step + 100 * (still.shot is not None))


def test_frames_show_their_stills_in_order():
    first, second = Still(0, 1), Still(0, 2)
    timeline = [Frame(CONTENT, None, 0.0), Frame(first, second, 0.25), Frame(second, None, 0.0)]
    shown = list(render_frames(timeline, stills))
    assert (shown[0] == stills(CONTENT)).all()
    assert (shown[1] == mix(stills(first), stills(second), 0.25)).all()
    assert (shown[2] == stills(second)).all()


@pytest.mark.parametrize("join", get_args(Join))
def test_every_way_to_join_two_pictures_begins_with_one_and_ends_with_the_other(join):
    for amount, picture in ((0, FIRST), (1, SECOND)):
        frame = Frame(Still(0, 1), CONTENT, amount, join)
        assert (joined(frame, FIRST, SECOND) == picture).all()


def test_wiped_frame_is_wiped():
    first = Still(0, 1)
    (shown,) = render_frames([Frame(first, CONTENT, 0.4, "wipe")], stills)
    assert (shown == wipe(stills(first), stills(CONTENT), 0.4)).all()


def test_each_still_is_read_once_and_only_a_few_ahead():
    lock, read = threading.Lock(), []

    def reader(still):
        with lock:
            read.append(still.step)
        return stills(still)

    timeline = [Frame(Still(0, step // 3), None, 0.0) for step in range(300)]
    for number, _ in enumerate(render_frames(timeline, reader, ahead=4)):
        with lock:
            assert len(read) <= number // 3 + 6
    assert sorted(read) == list(range(100))


def test_still_of_another_size_is_named():
    timeline = [Frame(Still(0, step), None, 0.0) for step in (0, 7)]
    with pytest.raises(FilmError, match="step 7 of shot 0 is 9x8 pixels, but the film is 8x8"):
        list(render_frames(timeline, lambda still: np.zeros((8, 8 + still.step // 7, 3), np.uint8)))


def test_unreadable_still_is_raised_where_the_film_is_made():
    def reader(still):
        raise FilmError(f"no step {still.step}")

    with pytest.raises(FilmError, match="no step 3"):
        list(render_frames([Frame(Still(0, 3), None, 0.0)], reader))


@pytest.mark.parametrize("count", [0, 1, 2, 5, 23])
def test_poster_holds_every_work_within_its_limits(count):
    works = [(draw_pixels(20, 30, 3), draw_pixels(90, 120, n), f"work {n}") for n in range(count)]
    sheet = contact_sheet(draw_pixels(90, 120, 99), works, max_width=900, max_height=700)
    height, width, _ = sheet.shape
    assert width <= 900
    assert height <= 700
    assert (sheet[0, 0] == WALL).all()
    assert (sheet != np.array(WALL)).any(axis=2).mean() > 0.25


def test_poster_takes_pictures_of_any_proportions():
    works = [
        (draw_pixels(200, 9, 1), draw_pixels(20, 300, 2), "wide\nan artist, 1890"),
        (draw_pixels(9, 200, 3), draw_pixels(300, 20, 4), "long title " * 20),
    ]
    sheet = contact_sheet(draw_pixels(50, 50, 5), works, content_caption="photo")
    assert max(sheet.shape) <= 2400


def test_a_poster_s_long_detail_takes_the_lines_that_a_short_title_leaves(monkeypatch):
    written = []
    monkeypatch.setattr(
        poster, "write", lambda _, corner, text, *__: written.append((corner, text))
    )
    photo = draw_pixels(300, 400, 1)
    for title, is_cut in (("glass", False), ("a title that is wide " * 4, True)):
        written.clear()
        detail = "Evening over the harbour, An Artist With Two Names, about 1890; by the network"
        sheet = contact_sheet(photo, [(photo, photo, f"{title}\n{detail}")])
        texts = [text for _, text in written]
        assert ("".join(texts).endswith("by the network")) != is_cut
        assert max(corner[1] for corner, _ in written) < sheet.shape[0]


@pytest.mark.parametrize("shape", [(60, 120), (60, 90), (60, 60), (90, 60)])
@pytest.mark.parametrize("results", [1, 2, 3, 4, 6, 7, 9])
def test_last_row_of_a_poster_is_more_than_half_full(shape, results):
    picture = draw_pixels(*shape, 5)
    wall, _ = _plan_wall(picture, [picture] * results, 2400, 2400)
    assert 2 * ((wall.count - 1) % wall.columns + 1) > wall.columns
