"""Chapters and comments in a film's file, as ffmpeg reads them back."""

import json
import re
import subprocess
from fractions import Fraction

import imageio_ffmpeg
import numpy as np
import pytest

from medley.film.encode import encode_film
from medley.media.film_file import UNTAGGED, Chapter, Tags, read_comment
from medley.settings import FormatSettings

from .conftest import draw_pixels, film_pixels
from .test_sound import song

FPS = Fraction(24000, 1001)
CARRIERS = ("a.mp4", "a.mov", "a.mkv", "a.webm")
AWKWARD = {
    "marks": r"a=b;c#d\e [CHAPTER] title=\\n",
    "no latin": "富嶽三十六景, 葛飾北斎",
    "a letter that is none": "caf\udce9",
    "lines": "One\n  painting\tmore",
    "marks of no letter": "a\x00b\x07c",
    "like a tag": "comment=x",
    "empty": "",
}


def film(path, tags=UNTAGGED, count=12, **settings):
    frames = [np.roll(draw_pixels(32, 48, 1), shift, axis=1) for shift in range(count)]
    return encode_film(
        frames, path, fps=FPS, width=48, height=32, frame_count=count, tags=tags,
        settings=FormatSettings(**settings),
    )  # fmt: skip


def told(path, *options):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, *options, "-"]
    return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout


def chapters_in(path):
    """Start and end of each chapter in seconds, and its title, as ffmpeg tells them."""
    found = []
    for part in told(path, "-f", "ffmetadata").split("[CHAPTER]\n")[1:]:
        tick, start, end = re.findall(r"^(?:TIMEBASE|START|END)=(.*)$", part, re.MULTILINE)
        title = re.search(r"^title=((?:[^\\\n]|\\.)*)$", part, re.MULTILINE | re.DOTALL)
        title = re.sub(r"\\(.)", r"\1", title[1]) if title else ""
        found.append((int(start) * Fraction(tick), int(end) * Fraction(tick), title))
    return found


@pytest.mark.parametrize("name", CARRIERS)
def test_chapters_and_comment_are_read_back_and_alter_no_frame(name, tmp_path):
    parts = (Chapter(0, "One"), Chapter(5, "Two"), Chapter(9, "Three"))
    film(tmp_path / name, Tags(parts, '{"a": "b=c;\\n"}'))
    film(tmp_path / f"plain-{name}")
    found = chapters_in(tmp_path / name)
    assert [title for *_, title in found] == ["One", "Two", "Three"]
    times = [float(time * FPS) for start, end, _ in found for time in (start, end)]
    assert times == pytest.approx([0, 5, 5, 9, 9, 12], abs=1e-3)
    assert read_comment(tmp_path / name) == '{"a": "b=c;\\n"}'
    packets = ("-map", "0:v:0", "-c", "copy", "-f", "md5")
    assert told(tmp_path / name, *packets) == told(tmp_path / f"plain-{name}", *packets)


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_any_text_is_a_title_and_a_comment(text, tmp_path):
    comment = json.dumps(text)
    film(tmp_path / "a.mp4", Tags((Chapter(0, text), Chapter(6, "Two")), comment))
    line = re.sub(r"[\0-\x1f]", "", " ".join(text.split())).encode(errors="replace").decode()
    assert [title for *_, title in chapters_in(tmp_path / "a.mp4")] == [line, "Two"]
    assert json.loads(read_comment(tmp_path / "a.mp4")) == text


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "frames", "a.png"])
def test_format_without_tags_goes_without(name, tmp_path):
    frames = [draw_pixels(32, 48, 1)] * 3
    tags = Tags((Chapter(0, "One"),), "said")
    facts = encode_film(
        frames, tmp_path / name, fps=Fraction(10), width=48, height=32, frame_count=3, tags=tags
    )
    assert facts.path == tmp_path / name


def test_comment_that_mov_would_cut_is_left_out_there(tmp_path):
    for name, kept in (("a.mov", ""), ("a.mp4", "é" * 40_000)):
        film(tmp_path / name, Tags((Chapter(0, "One"),), "é" * 40_000))
        assert read_comment(tmp_path / name) == kept
        assert [title for _, _, title in chapters_in(tmp_path / name)] == ["One"]


@pytest.mark.parametrize("suffix", [".ogg", ".mp3"])
def test_tags_of_the_music_are_not_the_films(suffix, tmp_path):
    music = tmp_path / f"song{suffix}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", song(tmp_path / "a.wav", 1)]
    names = [
        word for tag in ("title", "artist", "comment") for word in ("-metadata", f"{tag}=Song")
    ]
    subprocess.run([*command, *names, music], check=True)
    for name in CARRIERS:
        film(tmp_path / name, Tags((Chapter(0, "One"),)), audio=music)
        assert b"Song" not in (tmp_path / name).read_bytes()


def test_file_without_a_comment_has_none(tmp_path):
    film(tmp_path / "a.mkv")
    (tmp_path / "torn.mp4").write_bytes(b"no film")
    assert [read_comment(tmp_path / name) for name in ("a.mkv", "torn.mp4", "gone.mp4")] == [""] * 3


def test_film_in_matroska_is_like_any_other(tmp_path):
    for codec in ("h264", "h265", "av1", "vp9"):
        facts = film(tmp_path / f"{codec}.mkv", codec=codec)
        assert (facts.frame_count, facts.fps) == (12, FPS)
    assert film_pixels(tmp_path / "h265.mkv").shape == (12, 32, 48, 3)
