"""What a film's name says of its format, and what contradicts it."""

from fractions import Fraction
from pathlib import Path

import pytest

from medley.settings import FilmSettings, FormatSettings, RenderOrder
from medley.settings.film import ENCODERS, FORMATS, check_format, format_of


def order(**values):
    return RenderOrder.of(content=Path("photo.jpg"), styles=(Path("styles"),), **values)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp4", "video"), ("a.MOV", "video"), ("12:30.webm", "video"), ("a.gif", "gif"),
        ("a.webp", "webp"), ("frames", "sequence"), ("a.b/frames", "sequence"),
        ("sheet.png", "sheet"), ("sheet.jpeg", "sheet"),
    ],
)  # fmt: skip
def test_suffix_says_the_format(name, kind):
    assert format_of(Path(name)).kind == kind


@pytest.mark.parametrize("name", ["film.avi", "film.v2", "frames.d/"])
def test_unknown_suffix_is_refused_with_all_that_there_are(name):
    with pytest.raises(ValueError, match=r"must end in \.mp4, \.mov, .*\.jpe?g, or in nothing for"):
        format_of(Path(name))
    with pytest.raises(ValueError, match=r"must end in \.mp4"):
        order(output=Path(name))


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("a.mp4", {"codec": "vp9"}, r"vp9 does not go into \.mp4, which has h264, h265 and av1"),
        ("a.gif", {"codec": "h264"}, r"h264 does not go into \.gif, which has no choice of codecs"),
        ("frames", {"codec": "av1"}, "does not go into a folder of pictures"),
        ("a.webm", {"encoder": "x264"}, "x264 does not write vp9 or av1, which has svt-av1, aom"),
        ("a.mp4", {"codec": "h265", "encoder": "x264"}, "x264 does not write h265, which has x265"),
        ("a.gif", {"encoder": "nvenc"}, r"nvenc does not write \.gif, which needs none"),
        ("a.gif", {"audio": Path("s.mp3")}, r"no sound; .* in \.mp4, \.mov, \.mkv or \.webm"),
        ("a.png", {"audio": Path("s.mp3")}, r"audio: \.png has no sound"),
        ("frames", {"audio": Path("s.mp3")}, "a folder of pictures has no sound"),
    ],
)
def test_what_a_format_lacks_is_refused(name, values, words):
    with pytest.raises(ValueError, match=words):
        check_format(Path(name), FormatSettings(**values))
    with pytest.raises(ValueError, match=words):
        order(output=Path(name), **values)


def test_codec_that_contradicts_the_usual_name_is_refused():
    with pytest.raises(ValueError, match=r"vp9 does not go into \.mp4"):
        order(codec="vp9")


@pytest.mark.parametrize(
    ("name", "values", "codec"),
    [
        ("a.mp4", {}, "h264"),
        ("a.webm", {}, "vp9"),
        ("a.webm", {"codec": "av1"}, "av1"),
        ("a.mp4", {"encoder": "x265"}, "h265"),
        ("a.mp4", {"encoder": "svt-av1"}, "av1"),
        ("a.mp4", {"encoder": "nvenc"}, "h264"),
        ("a.webm", {"encoder": "nvenc"}, "av1"),
    ],
)
def test_encoder_decides_the_codec_where_none_is_named(name, values, codec):
    settings = FormatSettings(**values)
    check_format(Path(name), settings)
    assert settings.codec_in(Path(name)) == codec


def test_every_codec_has_an_encoder_in_software():
    written = {codec for name, own in ENCODERS.items() if name != "nvenc" for codec in own}
    assert written == {codec for form in FORMATS.values() for codec in form.codecs}


@pytest.mark.parametrize(
    ("name", "fps", "kept"),
    [
        ("a.gif", "30", Fraction(100, 3)),
        ("a.gif", "25", Fraction(25)),
        ("a.gif", "240", Fraction(50)),  # what is shorter than 2 hundredths, browsers slow down
        ("a.webp", "30", Fraction(1000, 33)),
        ("a.webp", "24", Fraction(1000, 42)),
        ("a.mp4", "30000/1001", Fraction(30000, 1001)),
        ("frames", "59.94", Fraction(60000, 1001)),
    ],
)
def test_order_has_the_rate_that_its_format_keeps(name, fps, kept):
    given = order(output=Path(name), fps=fps)
    assert given.film == FilmSettings(fps=fps)
    assert given.film.fitted(given.film_path).fps == kept
    assert format_of(Path(name)).nearest_fps(kept) == kept


def test_inputs_are_the_photo_and_the_music():
    assert order(audio=Path("song.mp3")).inputs == (Path("photo.jpg"), Path("song.mp3"))
