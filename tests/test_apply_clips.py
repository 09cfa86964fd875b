"""`medley apply` to clips: films of the same length, rate and sound."""

import json
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from medley.film.clips import open_clip
from medley.film.facts import read_facts
from medley.media.ffmpeg import run as ffmpeg
from medley.media.ffmpeg import url
from medley.stylenet.apply import Painter
from medley.stylenet.netfile import StyleName, read, write
from medley.stylenet.network import StyleNet, make_network
from medley.stylenet.shape import small_shape

from .conftest import draw_pixels, film_pixels
from .test_render import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a network, and a clip of odd sides with sound, made once."""
    folder = tmp_path_factory.mktemp("place")
    torch.manual_seed(5)
    network = StyleNet(small_shape(0.1, 1, styles=1))
    write(folder / "net.safetensors", replace(network.to_file([StyleName("Glass")], {}), bits=8))
    for number in range(8):
        Image.fromarray(draw_pixels(25, 33, number // 2)).save(folder / f"{number}.png")
    late = "sine=d=0.8:r=48000,volume=enable='lt(t,0.4)':volume=0"
    done = ffmpeg(
        "-framerate", "10", "-i", url(folder / "%d.png"), "-f", "lavfi", "-i", late,
        "-c:v", "ffv1", "-c:a", "aac", url(folder / "clip.mkv"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def place(folder, tmp_path):
    for name in ("net.safetensors", "clip.mkv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    return tmp_path


def apply(place, *arguments, expect=0):
    words = ("apply", "net.safetensors", *arguments, "--device", "cpu")
    return run(*words, cwd=place, expect=expect)


def heard(path, *options):
    """The sound as it lies in a file, by its digest."""
    return ffmpeg("-i", url(path), "-map", "0:a", *options, "-f", "md5", "-").stdout


def test_film_has_the_clip_s_length_rate_and_sound_and_each_frame_is_the_network_s(place):
    told = apply(place, "clip.mkv", "-o", "made.mp4")
    facts = read_facts(place / "made.mp4")
    assert (facts.frame_count, facts.fps, facts.height, facts.width) == (8, 10, 26, 34)
    assert heard(place / "made.mp4", "-c", "copy") == heard(place / "clip.mkv", "-c", "copy")
    assert told.stdout == "made.mp4\n"
    assert "8 frames of 34x26 at 10 fps, 0.8 s with 0.8 s of sound" in told.stderr
    assert "frames a second were repainted" in told.stderr
    painter = Painter(make_network(read(place / "net.safetensors")))
    light = np.array([0.2126, 0.7152, 0.0722])  # as no colour of a single pixel is kept
    shown = film_pixels(place / "made.mp4")[:, :25, :33] @ light
    for number, frame in enumerate(open_clip(place / "clip.mkv").frames()):
        made = painter.repaint(frame).pixels()
        assert np.abs(shown[number] - made @ light).mean() < 5


def test_film_says_how_it_was_made_without_anybody_s_folders(place):
    told = apply(place, place / "clip.mkv", "-o", "made.mkv", "--json", "--size", "24")
    facts = json.loads(told.stdout)
    assert (facts["frames"], facts["fps"], facts["width"]) == (8, "10", 24)
    assert str(place) not in json.dumps({**facts, "content": ""})
    assert read_facts(place / "made.mkv").width == 24


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_part_of_a_clip_has_the_part_of_the_sound_that_belongs_to_it(place, suffix):
    name = f"made{suffix}"
    apply(place, "clip.mkv", "-o", name, "--from", "0.4", "--to", "0.7s", "--fps", "20")
    facts = read_facts(place / name)
    assert (facts.frame_count, facts.fps) == (6, 20)
    raw = place / "raw"
    ffmpeg("-y", "-i", url(place / name), "-f", "f32le", "-ac", "1", "-ar", "48000", url(raw))
    sound = np.abs(np.fromfile(raw, np.float32))
    assert sound[: 48 * 20].max() > 0.05  # loud from its beginning, as the clip is from 0.4 s on
    apply(place, "clip.mkv", "-o", name, "--to", "0.3", "--force")
    assert read_facts(place / name).frame_count == 3


def test_gif_has_a_rate_that_it_can_keep_and_no_sound_and_both_are_told(place):
    done = ffmpeg("-i", url(place / "clip.mkv"), "-r", "24", url(place / "fast.mkv"))
    assert done.returncode == 0
    told = apply(place, "fast.mkv", "-o", "made.gif")
    assert read_facts(place / "made.gif").fps == 25
    assert "cannot keep 24 frames a second evenly; the film has 25" in told.stderr
    assert "has no sound; that of 'fast.mkv' is left out" in told.stderr


def test_video_becomes_a_webp_that_moves(place):
    apply(place, "clip.mkv", "-o", "made.webp")
    facts = read_facts(place / "made.webp")
    assert (facts.frame_count, facts.fps, facts.height, facts.width) == (8, 10, 25, 33)
    apply(place, "made.webp", "-o", "still.webp")
    apply(place, "made.webp", "-o", "part.webp", "--to", "0.4")
    assert read_facts(place / "part.webp").frame_count == 4
    with Image.open(place / "still.webp") as still:
        assert not still.is_animated


def test_folder_and_animation_are_clips_where_a_film_is_asked_for(place):
    (place / "frames").mkdir()
    pictures = [Image.fromarray(draw_pixels(24, 32, n)) for n in range(3)]
    for number, picture in enumerate(pictures):
        picture.save(place / "frames" / f"{number + 8}.png")
    pictures[0].save(place / "a.webp", save_all=True, append_images=pictures[1:], duration=250)
    for name, fps in (("frames", 30), ("a.webp", 4)):
        apply(place, name, "-o", f"{name}.mp4")
        facts = read_facts(place / f"{name}.mp4")
        assert (facts.frame_count, facts.fps) == (3, fps)


def test_frame_that_stands_is_painted_once(place, monkeypatch):
    painted = []
    own = Painter.repaint

    def count(self, *arguments):
        painted.append(1)
        return own(self, *arguments)

    monkeypatch.setattr(Painter, "repaint", count)
    apply(place, "clip.mkv", "-o", "made.mp4", "--fps", "20")
    assert read_facts(place / "made.mp4").frame_count == 16
    assert len(painted) == 4


def test_interrupted_clip_leaves_nothing_behind(place, monkeypatch):
    own, painted = Painter.repaint, []

    def stop(self, *arguments):
        painted.append(1)
        if len(painted) == 3:
            raise KeyboardInterrupt
        return own(self, *arguments)

    monkeypatch.setattr(Painter, "repaint", stop)
    before = sorted(place.iterdir())
    apply(place, "clip.mkv", "-o", "made.mp4", expect=130)
    assert sorted(place.iterdir()) == before


def test_broken_end_is_told_before_the_work(place):
    data = (place / "clip.mkv").read_bytes()
    (place / "clip.mkv").write_bytes(data[: 3 * len(data) // 4])
    told = apply(place, "clip.mkv", "-o", "made.mp4")
    assert "warning: 'clip.mkv' is damaged (" in told.stderr
    count = read_facts(place / "made.mp4").frame_count
    assert 0 < count < 8
    assert f"{count / 10:g} s of it could be read" in told.stderr


CASES = {
    "still": (["photo.png", "-o", "a.mp4"], 2, "'photo.png' does not move; pass --style walk"),
    "gone": (["gone.mp4", "-o", "a.mp4"], 1, "there is no .*'gone.mp4'; check its name"),
    "sound": (["song.m4a", "-o", "a.mp4"], 1, "nothing but sound in 'song.m4a'"),
    "picture": (["clip.mkv", "-o", "a.png"], 1, r"is a video, .*'clip.mkv@2.5s'"),
    "late": (["clip.mkv", "-o", "a.mp4", "--from", "9"], 1, "no frame after --from 9"),
    "order": (["clip.mkv", "-o", "a.mp4", "--from", "2", "--to", "1"], 1, "--to 1 is not after"),
    "no time": (["clip.mkv", "-o", "a.mp4", "--from", "soon"], 2, "'soon' is not a number of sec"),
    "fps 0": (["clip.mkv", "-o", "a.mp4", "--fps", "0"], 2, "0 is not between 1 and 240"),
    "fps 1000": (["clip.mkv", "-o", "a.mp4", "--fps", "1000"], 2, "not between 1 and 240"),
    "format": (["clip.mkv", "-o", "a.mp4", "--format", "png"], 2, "--format is not for clips"),
    "no clip": (["photo.png", "-o", "a.png", "--from", "1"], 2, "--from and --to are for a clip"),
    "itself": (["clip.mkv", "-o", "clip.mkv", "--force"], 1, "is an input and would be replaced"),
    "there": (["clip.mkv", "-o", "there.mp4"], 1, "'there.mp4' exists; pass --force"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(place, make_picture, case):
    make_picture("photo.png")
    (place / "there.mp4").touch()
    ffmpeg("-f", "lavfi", "-i", "sine=d=0.1", url(place / "song.m4a"))
    words, code, why = CASES[case]
    before = sorted(place.iterdir())
    told = apply(place, *words, expect=code)
    (line,) = told.stderr.splitlines()
    assert line.startswith("Error: ")
    assert re.search(why, line)
    assert sorted(place.iterdir()) == before


def test_rate_is_exact(place):
    made = ffmpeg("-r", "30000/1001", "-i", url(place / "clip.mkv"), url(place / "ntsc.mkv"))
    assert made.returncode == 0, made.stderr
    apply(place, "ntsc.mkv", "-o", "made.mp4")
    assert read_facts(place / "made.mp4").fps == Fraction(30000, 1001)
