"""A moment of a clip as a picture: `clip.mp4@2.5s`, wherever a photo is read."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medley.errors import PictureError
from medley.images import read_layers, read_picture
from medley.moments import file_of, moment_of, stem_of

from .clips import gray_clip, make, numbers
from .test_render import TINY, run

QUICK = ("--size", "32", "--steps", "2", "--precision", "float32", "--device", "cpu")


def test_path_names_a_moment_unless_there_is_such_a_file(tmp_path):
    assert moment_of(tmp_path / "a.mp4@2.5s") == (tmp_path / "a.mp4", 2.5)
    for name in ("a.mp4", "a@2.5", "a.mp4@s", "a.mp4@-1s", "a.mp4@2.s", "@2s", "a@2s/b.png"):
        assert moment_of(tmp_path / name) is None
        assert file_of(tmp_path / name) == tmp_path / name
    assert file_of(Path("me@home.mp4@2s")) == Path("me@home.mp4")
    assert stem_of(Path("a/b.mp4@2.5s")) == "b-2.5s"
    (tmp_path / "a.mp4@2s").touch()
    assert moment_of(tmp_path / "a.mp4@2s") is None


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif", ".webp"])
def test_frame_is_the_one_that_is_shown_at_that_moment(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix in (".mp4", ".mkv"):
        gray_clip(path, "-g", "50")
    else:
        frames = [Image.new("RGB", (32, 24), (12 * n,) * 3) for n in range(20)]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    times = ("0", "0.1", "0.79", "0.8", "1.9", "1.99")
    shown = [read_picture(Path(f"{path}@{time}s")) for time in times]
    assert numbers(shown) == [0, 1, 7, 8, 19, 19]
    with pytest.raises(PictureError, match=r"no '@2s' in '.*', which lasts 2 s; name an earlier"):
        read_picture(Path(f"{path}@2s"))


def test_moment_keeps_what_shines_through(tmp_path):
    make(tmp_path / "a.mov", "-vf", "format=rgba,colorchannelmixer=aa=0.5", "-c:v", "qtrle")
    layers = read_layers(tmp_path / "a.mov@0.5s")
    assert set(np.asarray(layers.alpha).flat) <= {127, 128}


def test_moment_of_what_is_no_clip_is_refused_in_one_line(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.png")
    (tmp_path / "notes.txt").write_text("words\n" * 50)
    for name, words in (
        ("photo.png@2s", "photo.png' is a picture, no clip; name it without '@2s'"),
        ("notes.txt@2s", "notes.txt' is no clip"),
        ("gone.mp4@2s", "there is no picture '.*gone.mp4'; check its name"),
    ):
        with pytest.raises(PictureError, match=words) as told:
            read_picture(tmp_path / name)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".ogv"])
def test_video_in_the_place_of_a_photo_is_told_what_to_name(tmp_path, suffix):
    codec = {".ogv": "libtheora", ".avi": "mpeg4"}.get(suffix, "libx264")
    path = make(tmp_path / f"a{suffix}", "-pix_fmt", "yuv420p", "-c:v", codec, "-frames:v", "3")
    with pytest.raises(PictureError, match=r"is a video, .* name a moment of it.*@2\.5s'.*apply"):
        read_picture(path)


def test_stylize_takes_a_moment_and_never_replaces_its_clip(tmp_path, make_picture):
    make_picture("painting.png", seed=2)
    make(tmp_path / "a.webp", "-frames:v", "6", "-loop", "0")
    words = ("stylize", "a.webp@0.5s", "painting.png", *QUICK)
    run(*words, "-o", "made.png", cwd=tmp_path)
    with Image.open(tmp_path / "made.png") as made:
        assert made.size == (32, 24)
    told = run(*words, "-o", "a.webp", "--force", cwd=tmp_path, expect=1)
    assert "'a.webp' is an input and would be replaced" in told.stderr


def test_film_of_a_moment_is_named_by_it_and_made_again_from_its_sidecar(tmp_path, make_picture):
    make_picture("painting.png", seed=2)
    gray_clip(tmp_path / "a.mp4")
    order = ("--content", "a.mp4@0.5s", "--styles", "painting.png", *TINY)
    run("render", *order, cwd=tmp_path)
    sidecar = json.loads((tmp_path / "outputs" / "a-0.5s-medley.json").read_text("utf-8"))
    assert "a.mp4@0.5s" in json.dumps(sidecar)
    again = run("render", "--config", "outputs/a-0.5s-medley.json", "-o", "b.mp4", cwd=tmp_path)
    assert (tmp_path / "b.mp4").exists()
    assert "1 of 1" not in again.stderr or "kept" in again.stderr
    told = run("render", *order, "-o", "a.mp4", "--force", cwd=tmp_path, expect=1)
    assert "'a.mp4' is an input" in told.stderr
