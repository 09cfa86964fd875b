from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from medley.errors import FilmError
from medley.files import scratch_folder
from medley.film.facts import read_facts
from medley.film.gif import write_gif
from medley.media import ffmpeg

from .conftest import draw_pixels


def write(path, frames, fps=Fraction(25)):
    height, width = frames[0].shape[:2]
    with scratch_folder(path) as folder:
        write_gif(iter(frames), path, folder, width=width, height=height, fps=fps)
    return path


def moving(count, height=31, width=47):
    return [np.roll(draw_pixels(height, width, 1), shift, axis=1) for shift in range(count)]


@pytest.mark.parametrize("hundredths", [2, 3, 100])
def test_pillow_reads_back_every_frame_with_its_time(tmp_path, hundredths):
    frames = moving(5)
    with Image.open(write(tmp_path / "a.gif", frames, Fraction(100, hundredths))) as film:
        shown = [(np.array(one.convert("RGB")), one.info["duration"])
                 for one in ImageSequence.Iterator(film)]  # fmt: skip
        assert (film.n_frames, film.size, film.info["loop"]) == (5, (47, 31), 0)
    for frame, (pixels, milliseconds) in zip(frames, shown, strict=True):
        assert milliseconds == 10 * hundredths
        assert np.abs(pixels.astype(int) - frame).mean() < 8
    facts = read_facts(tmp_path / "a.gif")
    assert (facts.frame_count, facts.fps) == (5, Fraction(100, hundredths))


def test_held_frames_are_frames_still(tmp_path):
    first, second = moving(2)
    facts = read_facts(write(tmp_path / "a.gif", [first] * 4 + [second] * 4))
    assert (facts.frame_count, facts.fps) == (8, 25)


def test_few_colours_stay_as_they_are(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (0, 0, 0), (255, 255, 255)]
    frame = np.repeat(np.array(colours, np.uint8), 8, axis=0)[None].repeat(16, axis=0)
    with Image.open(write(tmp_path / "a.gif", [frame] * 2)) as film:
        assert np.array_equal(np.array(film.convert("RGB")), frame)


def test_nothing_is_left_but_the_film(tmp_path, monkeypatch):
    write(tmp_path / "a.gif", moving(2))
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]
    real = imageio_ffmpeg.get_ffmpeg_exe()
    fake = tmp_path / "ffmpeg"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *paletteuse*) exit 9;; esac\nexec \'{real}\' "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(fake))
    with pytest.raises(FilmError, match="ffmpeg stopped with code 9"):
        write(tmp_path / "b.gif", moving(2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "ffmpeg"]


def test_name_may_hold_what_ffmpeg_would_read_as_a_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_facts(write(Path("a%03d: é.gif"), moving(2))).frame_count == 2
