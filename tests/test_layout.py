import numpy as np
import pytest
from PIL import Image, ImageOps
from pydantic import ValidationError

from medley.film.composite import BACKDROP_LIGHT, GROUND, fit_picture, lay_frame, letterbox
from medley.film.layout import Box, plan_layout
from medley.settings import FilmSettings, FrameSettings, FrameSize
from medley.settings.film import Focus, parse_resolution

from .conftest import draw_pixels


@pytest.mark.parametrize(
    ("text", "size"),
    {
        "1080p": (1080, 1920),
        "720P": (720, 1280),
        "480p": (480, 854),
        "4k": (2160, 3840),
        "square": (1080, 1080),
        "vertical": (1920, 1080),
        "1280x720": (720, 1280),
        " 64×48 ": (48, 64),
    }.items(),
)
def test_resolutions_by_name_and_by_number(text, size):
    assert parse_resolution(text) == FrameSize(*size)


def test_resolution_by_its_long_side_alone():
    assert parse_resolution("1600px") == FrameSize(long_side=1600)
    assert FrameSettings().resolution is None
    assert FrameSettings(resolution="720p").resolution == FrameSize(720, 1280)


@pytest.mark.parametrize(
    ("text", "complaint"),
    {
        "big": "is not a size such as 1080p",
        "1080": "is not a size",
        "": "is not a size",
        "801x600": "odd side",
        "719p": "odd side",
        "8x600": "beyond 16 to 16384",
        "20000px": "beyond",
    }.items(),
)
def test_bad_resolution_is_refused_with_a_way_out(text, complaint):
    with pytest.raises(ValidationError, match=complaint):
        FrameSettings(resolution=text)


def test_two_things_in_one_corner_are_refused():
    with pytest.raises(ValidationError, match="both top-left"):
        FilmSettings(inset="top-left", sparkline="top-left")
    assert FilmSettings(inset="top-left", sparkline="top-right").title is None


SIZES = ["854x480", "270x480", "300x300", "64x64", "100px", None]


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("picture", [(214, 320), (321, 201), (64, 64), (17, 999)])
def test_every_layout_of_another_size_is_even_and_keeps_its_pictures_inside_and_apart(
    picture, size, fit, beside
):
    wanted = parse_resolution(size) if size else None
    layout = plan_layout(*picture, wanted, fit, beside)
    if size or beside:  # else it is as the pictures are, and a format that wants even sides pads
        assert layout.height % 2 == layout.width % 2 == 0
    if wanted and wanted.height:
        assert (layout.height, layout.width) == (wanted.height, wanted.width)
    taken = np.zeros((layout.height, layout.width, 3), np.uint8)
    assert (layout.beside is not None) == beside
    for box in filter(None, (layout.picture, layout.beside)):
        view = box.of(taken)
        assert view.shape == (box.height, box.width, 3)
        assert not view.any()
        view[:] = 1


@pytest.mark.parametrize("picture", [(214, 320), (320, 214), (300, 300)])
@pytest.mark.parametrize("size", ["1080p", "square", "vertical"])
def test_padded_picture_keeps_its_proportions_and_touches_two_edges(picture, size):
    layout = plan_layout(*picture, parse_resolution(size), "pad")
    box = layout.picture
    assert box.width / box.height == pytest.approx(picture[1] / picture[0], rel=0.005)
    assert box.height == layout.height or box.width == layout.width
    assert abs(2 * box.top + box.height - layout.height) <= 1
    assert abs(2 * box.left + box.width - layout.width) <= 1


def test_cropped_picture_fills_the_frame():
    assert plan_layout(214, 320, parse_resolution("vertical"), "crop").picture == Box(
        0, 0, 1920, 1080
    )


def test_two_pictures_stand_in_a_row_or_one_over_the_other_as_the_frame_is():
    wide = plan_layout(214, 320, parse_resolution("1080p"), "pad", True)
    tall = plan_layout(214, 320, parse_resolution("vertical"), "pad", True)
    assert wide.beside.left < wide.picture.left
    assert wide.beside.top == wide.picture.top
    assert tall.beside.top < tall.picture.top
    assert tall.beside.left == tall.picture.left


def test_long_side_alone_keeps_the_shape():
    layout = plan_layout(214, 320, FrameSize(long_side=160))
    assert (layout.height, layout.width) == (108, 160)
    assert layout.is_plain


def test_picture_is_cut_in_its_middle():
    picture = np.zeros((40, 120, 3), np.uint8)
    picture[:, 40:80] = 200
    assert fit_picture(picture, 40, 40).min() > 190
    assert fit_picture(picture, 20, 60).shape == (20, 60, 3)


@pytest.mark.parametrize("shape", [(90, 200), (200, 90), (120, 121)])
@pytest.mark.parametrize("size", [(60, 60), (30, 100), (100, 30)])
@pytest.mark.parametrize("x", [0.0, 0.1, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("y", [0.0, 0.3, 1.0])
def test_focus_stays_in_view_and_comes_to_the_middle_where_it_can(shape, size, x, y):
    row, column = min(shape[0] - 1, int(y * shape[0])), min(shape[1] - 1, int(x * shape[1]))
    picture = np.zeros((*shape, 3), np.uint8)
    picture[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4] = 255
    cropped = fit_picture(picture, *size, Focus(x, y))[..., 0].astype(float)
    assert cropped.max() > 128
    scale = max(size[0] / shape[0], size[1] / shape[1])
    rows, columns = (np.nonzero(cropped > 100)[axis].mean() for axis in (0, 1))
    for found, side, whole, point in (
        (rows, size[0], shape[0], y),
        (columns, size[1], shape[1], x),
    ):
        start = min(max(0, point * whole * scale - side / 2), whole * scale - side)
        assert found == pytest.approx(point * whole * scale - start, abs=3 * scale + 1)


def test_crop_without_a_focus_is_where_it_always_was():
    picture = draw_pixels(60, 111, 3)
    image = Image.fromarray(picture)
    middle = np.asarray(ImageOps.fit(image, (40, 50), Image.Resampling.LANCZOS))
    assert (fit_picture(picture, 50, 40) == middle).all()


def test_scaling_is_pillows_own_lanczos():
    picture = draw_pixels(60, 90, 3)
    expected = Image.fromarray(picture).resize((45, 30), Image.Resampling.LANCZOS)
    assert (fit_picture(picture, 30, 45) == np.asarray(expected)).all()


def test_picture_of_the_right_size_is_not_touched_and_a_missing_edge_is_repeated():
    picture = draw_pixels(31, 40, 3)
    assert fit_picture(picture, 31, 40) is picture
    assert (fit_picture(picture, 32, 40)[31] == picture[30]).all()


def test_what_is_behind_a_picture_is_the_picture_darker_and_smoother():
    picture, layout = draw_pixels(90, 120, 4), plan_layout(90, 120, FrameSize(320, 120))
    frame = lay_frame(picture, layout)
    assert (layout.picture.of(frame) == picture).all()
    above, below = layout.bars
    behind = np.concatenate([above.of(frame), below.of(frame)])
    assert behind.shape == (320 - 90, 120, 3)
    assert 0.3 < behind.mean() / picture.mean() < 0.5
    assert np.abs(np.diff(above.of(frame).astype(int), axis=0)).max() < 12
    brighter = lay_frame(np.full_like(picture, 255), layout)
    assert (above.of(brighter) == round(255 * BACKDROP_LIGHT)).all()


def test_gap_between_two_pictures_alone_is_even_and_dark():
    layout = plan_layout(90, 120, beside=True)
    frame = lay_frame(draw_pixels(90, 120, 4), layout)
    (gap,) = layout.bars
    assert (gap.of(frame) == GROUND).all()


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("picture", [(214, 320), (321, 201), (17, 999)])
@pytest.mark.parametrize("size", ["854x480", "270x480", "300x300"])
def test_panes_and_bars_are_the_whole_frame_and_no_place_twice(picture, size, beside):
    layout = plan_layout(*picture, parse_resolution(size), "pad", beside)
    taken = np.zeros((layout.height, layout.width, 1), np.uint8)
    for box in filter(None, (layout.picture, layout.beside, *layout.bars)):
        box.of(taken)[:] += 1
    assert (taken == 1).all()


def test_sweeps_frame_is_framed_by_a_larger_one():
    frame = draw_pixels(40, 60, 5)
    framed = letterbox(frame, plan_layout(40, 60, FrameSize(80, 60)))
    assert (framed[20:60] == frame).all()
    assert (framed[:20] == GROUND).all()
