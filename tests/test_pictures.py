from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from medley.errors import FilmError, OutputError
from medley.film.encode import encode_film
from medley.film.facts import read_facts
from medley.film.pictures import SHEET_FRAMES, picked
from medley.settings.film import FORMATS

from .conftest import draw_pixels


def moving(count, height=31, width=47):
    return [np.roll(draw_pixels(height, width, 1), shift, axis=1) for shift in range(count)]


def film(path, frames, **more):
    height, width = frames[0].shape[:2]
    return encode_film(
        iter(frames), path, fps=Fraction(10), width=width, height=height,
        frame_count=len(frames), **more,
    )  # fmt: skip


def test_sequence_holds_every_frame_as_it_is_under_its_number(tmp_path):
    frames = moving(12)
    facts = film(tmp_path / "frames", frames)
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == [f"{number:06d}.png" for number in range(12)]
    for name, frame in zip(names, frames, strict=True):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "frames" / name)), frame)
    assert (facts.frame_count, facts.fps, facts.height, facts.width) == (12, None, 31, 47)
    assert facts.words == "12 frames of 47x31"
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


def test_sequence_appears_whole_or_not_at_all(tmp_path):
    def frames():
        yield from moving(9)
        assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_film(
            frames(), tmp_path / "frames", fps=Fraction(10), width=47, height=31, frame_count=10
        )
    assert list(tmp_path.iterdir()) == []


def test_new_sequence_leaves_nothing_of_the_old_one(tmp_path):
    film(tmp_path / "frames", moving(9))
    film(tmp_path / "frames", moving(3))
    assert len(list((tmp_path / "frames").iterdir())) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


def test_incomplete_sequence_is_refused(tmp_path):
    film(tmp_path / "frames", moving(5))
    (tmp_path / "frames" / "000002.png").rename(tmp_path / "000002.png")
    with pytest.raises(FilmError, match="does not hold a film's pictures, all of them"):
        read_facts(tmp_path / "frames")
    (tmp_path / "frames" / "000002.png").write_bytes(b"no picture")
    with pytest.raises(FilmError, match=r"000002\.png' is not a readable picture .*make it again"):
        read_facts(tmp_path / "frames")
    Image.new("RGB", (5, 5)).save(tmp_path / "frames" / "000002.png")
    with pytest.raises(FilmError, match="not all of one size"):
        read_facts(tmp_path / "frames")


@pytest.mark.parametrize("count", [1, 2, SHEET_FRAMES, 100, 541])
def test_sheet_shows_first_and_last_and_evenly_between(count):
    numbers = [number for number, _ in picked([None] * count, count)]
    assert len(numbers) == min(count, SHEET_FRAMES)
    assert (numbers[0], numbers[-1]) == (0, count - 1)
    gaps = np.diff(numbers)
    assert count == 1 or gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize("suffix", [name for name, one in FORMATS.items() if one.kind == "sheet"])
def test_sheet_is_one_picture_with_the_frames_on_it(tmp_path, suffix):
    colours = [(250, 20, 20), (20, 220, 40), (30, 60, 240)]
    frames = [np.full((30, 40, 3), colour, np.uint8) for colour in colours]
    facts = film(tmp_path / f"sheet{suffix}", frames)
    with Image.open(tmp_path / f"sheet{suffix}") as sheet:
        assert facts.words == f"1 frame of {sheet.width}x{sheet.height}"
        assert facts.fps is None
        assert sheet.size == (facts.width, facts.height)
        pixels = np.asarray(sheet).astype(int)
    for colour in colours:
        assert (np.abs(pixels - colour).max(axis=2) < 5).mean() > 0.05


def test_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        film(tmp_path / "file" / "frames", moving(1))
