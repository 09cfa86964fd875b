import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from medley.errors import FilmError
from medley.film import codecs
from medley.film.codecs import check_encoder, check_size, choose_encoder
from medley.film.encode import encode_film
from medley.media import ffmpeg
from medley.media.ffmpeg import run
from medley.pictures import Picture
from medley.settings import FormatSettings, RenderOrder, SweepOrder, WalkOrder
from medley.studio import film_checks

from .conftest import draw_pixels, film_pixels

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (200, 90, 30), (128, 128, 128),
           (0, 0, 0), (255, 255, 255)]  # fmt: skip


@pytest.fixture(autouse=True)
def _forget():
    """What was found out about one ffmpeg does not hold for the next test's."""
    codecs._try.cache_clear()
    yield
    codecs._try.cache_clear()


@pytest.mark.parametrize(
    ("name", "codec", "encoder"),
    [
        ("a.mp4", "h264", "x264"), ("a.mp4", "h265", "x265"), ("a.mp4", "av1", "svt-av1"),
        ("a.mp4", "av1", "aom"), ("a.mov", "h264", "x264"), ("a.mov", "h265", "x265"),
        ("a.webm", "vp9", "vpx"), ("a.webm", "av1", "svt-av1"),
    ],
)  # fmt: skip
def test_colours_survive_within_two_levels_and_are_tagged(tmp_path, name, codec, encoder):
    stripes = np.repeat(np.array(COLOURS, np.uint8), 32, axis=0)
    frame = np.broadcast_to(stripes, (64, len(stripes), 3))
    settings = FormatSettings(codec=codec, encoder=encoder)
    facts = encode_film(
        [frame] * 4, tmp_path / name, fps=Fraction(24000, 1001), width=len(stripes), height=64,
        frame_count=4, settings=settings,
    )  # fmt: skip
    shown = film_pixels(tmp_path / name)[:, 32, 16::32].astype(int)
    assert np.abs(shown - COLOURS).max() <= 2
    command = ffmpeg.ffmpeg("-i", str(tmp_path / name), "-f", "null", "-")
    said = subprocess.run(command, capture_output=True, text=True)
    kind = {"h264": "h264 (High)", "h265": "hevc (Main 10) (hvc1", "av1": "av1", "vp9": "vp9"}
    assert f"Video: {kind[codec]}" in said.stderr
    assert "(tv, bt709" in said.stderr
    assert "bt709/" not in said.stderr  # which would say that one of the three tags is another
    counted = said.stderr.rpartition("frame=")[2].split()[0]
    assert (int(counted), facts.frame_count, facts.fps) == (4, 4, Fraction(24000, 1001))


@pytest.mark.parametrize("width", [16, 48, 62, 64])
@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_tiny_films_are_made_too(tmp_path, codec, width):
    frames = [np.full((48, width, 3), level, np.uint8) for level in (10, 200, 90)]
    facts = encode_film(
        frames, tmp_path / "a.mp4", fps=Fraction(25), width=width, height=48, frame_count=3,
        settings=FormatSettings(codec=codec),
    )  # fmt: skip
    assert (facts.frame_count, facts.width) == (3, width)


def drifting(count):
    """A texture that turns into others and comes round, as far in each frame."""
    textures = [draw_pixels(96, 128, seed).astype(float) - 128 for seed in (1, 2)]
    for turn in 2 * np.pi * np.arange(count) / count:
        mixed = np.cos(turn) * textures[0] + np.sin(turn) * textures[1]
        yield np.clip(np.rint(128 + mixed / 1.5), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("codec", "most"), [("h264", 1.0), ("h265", 1.0), ("av1", 1.3)])
def test_encoded_loop_changes_at_its_seam_no_more_than_elsewhere(tmp_path, codec, most):
    path = tmp_path / "a.mp4"
    encode_film(
        drifting(100), path, fps=Fraction(30), width=128, height=96, frame_count=100,
        settings=FormatSettings(codec=codec), loops=True,
    )  # fmt: skip
    frames = film_pixels(path).astype(int)
    *inside, seam = np.abs(np.roll(frames, -1, 0) - frames).mean((1, 2, 3))
    assert seam < most * max(inside)


@pytest.mark.parametrize("count", [2, 3, 9, 24, 100])
def test_zones_before_a_seam_follow_one_another_to_the_films_end(count):
    first, *others = codecs.seam_zones(count).removeprefix("zones=").split("/")
    assert first.startswith("0,0,b=")
    spans = [tuple(map(int, zone.split(",")[:2])) for zone in others]
    assert spans[-1][1] == count - 1
    assert all(start <= end for start, end in spans)
    assert all(one[1] + 1 == other[0] for one, other in pairwise(spans))
    assert spans[0][0] > 0
    assert codecs.seam_zones(1) == ""


def test_quality_is_one_scale_for_all_codecs():
    for encoder in codecs._ENCODERS.values():
        numbers = [int(encoder.command(crf, 640)[5]) for crf in (1, 16, 30, 51)]
        assert numbers == sorted(numbers)
        assert 1 <= numbers[0] < numbers[-1] <= encoder.most


def lacking(folder: Path, *libraries: str) -> str:
    """An ffmpeg like ours that was built without some encoders."""
    real = ffmpeg.imageio_ffmpeg.get_ffmpeg_exe()
    path = folder / "ffmpeg"
    path.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"for name in {libraries!r}:\n"
        "    if name in sys.argv:\n"
        "        sys.exit(f\"[vost#0:0 @ 0x5] Unknown encoder '{name}'\\nError opening output\")\n"
        f"os.execv({real!r}, ['ffmpeg', *sys.argv[1:]])\n"
    )
    path.chmod(0o755)
    return str(path)


def test_encoder_that_ffmpeg_lacks_is_named_with_those_it_has(tmp_path, monkeypatch):
    fake = lacking(tmp_path, "libx265", "libaom-av1", "h264_nvenc", "hevc_nvenc", "av1_nvenc")
    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", lambda: fake)
    words = r"h265 by x265 here \(Unknown encoder 'libx265'\); it can by x264, svt-av1, vpx: choose"
    with pytest.raises(FilmError, match=words):
        check_encoder(Path("a.mp4"), FormatSettings(encoder="x265"))
    with pytest.raises(FilmError, match=r"h265 by software for h265 here .*it can by x264"):
        check_encoder(Path("a.mp4"), FormatSettings(codec="h265"))
    with pytest.raises(FilmError, match=r"h264 by nvenc here \(Unknown encoder 'h264_nvenc'\)"):
        check_encoder(Path("a.mp4"), FormatSettings(encoder="nvenc"))
    check_encoder(Path("a.mp4"), FormatSettings())


def test_second_encoder_of_a_codec_stands_in_for_the_first(tmp_path, monkeypatch):
    assert choose_encoder(Path("a.webm"), FormatSettings(codec="av1")).library == "libsvtav1"
    codecs._try.cache_clear()
    fake = lacking(tmp_path, "libsvtav1")
    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", lambda: fake)
    assert choose_encoder(Path("a.webm"), FormatSettings(codec="av1")).library == "libaom-av1"


def test_first_encoder_that_takes_frames_of_the_films_size_is_chosen():
    settings = FormatSettings(codec="av1")
    assert choose_encoder(Path("a.mp4"), settings, 9000, 16).library == "libaom-av1"
    check_size(Path("a.mp4"), settings, 9000, 16)
    words = (
        r"16x9000 in av1 here \(Source Height must be .*\); it can in h264 by x264, av1 by aom: "
    )
    with pytest.raises(FilmError, match=words):
        check_size(Path("a.mp4"), FormatSettings(codec="av1", encoder="svt-av1"), 9000, 16)


def test_films_of_usual_sizes_are_tried_once(monkeypatch):
    tried = []
    codecs._try.cache_clear()
    monkeypatch.setattr(codecs, "run", lambda *words: tried.append(words) or run(*words))
    for height, width in ((313, 470), (1080, 1920), (4096, 256), (2160, 3840)):
        check_size(Path("a.mp4"), FormatSettings(), height, width)
    assert len(tried) == 1
    check_size(Path("a.mp4"), FormatSettings(), 32, 470)
    check_size(Path("a.mp4"), FormatSettings(), 256, 4098)
    assert len(tried) == 3


def test_frames_are_checked_at_the_size_that_a_film_will_have(monkeypatch):
    asked = []
    monkeypatch.setattr(film_checks, "check_frame", lambda *words: asked.append(words[2:]))
    photos = [Picture(Path("a.png"), 30, 41, "")]
    common = {"content": ("a.png",), "styles": ("b.png",)}
    checks = film_checks.FilmChecks(force=False, unattended=False, writes=False)
    checks.frame(RenderOrder.of(**common), photos)
    checks.frame(RenderOrder.of(**common, beside="content"), photos)
    checks.frame(WalkOrder.of(**common, resolution="1600px"), photos)
    checks.frame(SweepOrder.of(**common, bits="8,4", layout="row"), photos)
    checks.frame(SweepOrder.of(**common, bits="8,4", layout="split"), photos)
    assert asked == [(30, 41), (30, 88), (1142, 1600), (30, 86), (30, 42)]


@pytest.mark.gpu
@pytest.mark.skipif(bool(codecs.complaint(codecs._ENCODERS["nvenc", "h264"])), reason="needs NVENC")
def test_nvenc_makes_films_where_it_is(tmp_path):
    for codec in ("h264", "h265"):
        settings = FormatSettings(codec=codec, encoder="nvenc")
        check_encoder(tmp_path / "a.mp4", settings)
        frame = np.full((256, 256, 3), (255, 0, 0), np.uint8)
        encode_film(
            [frame] * 4, tmp_path / "a.mp4", fps=Fraction(25), width=256, height=256,
            frame_count=4, settings=settings,
        )  # fmt: skip
        assert np.abs(film_pixels(tmp_path / "a.mp4").astype(int) - frame).max() <= 2
