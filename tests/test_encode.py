import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from medley.errors import FilmError, OutputError
from medley.files import part_files
from medley.film.encode import encode_film
from medley.film.facts import read_facts
from medley.film.mix import pad_to_even
from medley.media import ffmpeg
from medley.media.film_file import parse_facts
from medley.settings import FormatSettings

from .conftest import draw_pixels, film_pixels


def film(path, frames, fps=Fraction(10), count=None, size=(32, 48), **more):
    height, width = size
    total = len(frames) if count is None else count
    return encode_film(frames, path, fps=fps, width=width, height=height, frame_count=total, **more)


def moving(count, size=(32, 48)):
    return [np.roll(draw_pixels(*size, 1), shift, axis=1) for shift in range(count)]


@pytest.mark.parametrize("fps", [Fraction(1), Fraction(24000, 1001), Fraction(30), Fraction(240)])
def test_film_reads_back_with_its_frames_size_and_rate(tmp_path, fps):
    facts = film(tmp_path / "a.mp4", moving(7), fps)
    assert (facts.frame_count, facts.fps, facts.height, facts.width) == (7, fps, 32, 48)
    assert film_pixels(tmp_path / "a.mp4").shape == (7, 32, 48, 3)
    assert read_facts(tmp_path / "a.mp4") == facts


@pytest.mark.parametrize("name", ["12:30.mp4", "pipe:1.mp4", "-y.mp4", "a%03d'\n é.mp4"])
def test_film_may_have_any_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert film(Path(name), moving(2)).path == Path(name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_colours_survive_within_two_levels_and_are_tagged(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 90, 30), (128, 128, 128), (0, 0, 0)]
    stripes = np.repeat(np.array(colours, np.uint8), 32, axis=0)
    frame = np.broadcast_to(stripes, (32, len(stripes), 3))
    film(tmp_path / "a.mp4", [frame] * 3, size=frame.shape[:2])
    shown = film_pixels(tmp_path / "a.mp4")[1, 16, 16::32].astype(int)
    assert np.abs(shown - colours).max() <= 2
    command = [*ffmpeg.ffmpeg(), "-i", tmp_path / "a.mp4"]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    assert "yuv420p(tv, bt709, " in said


def test_film_starts_to_play_before_it_is_loaded(tmp_path):
    film(tmp_path / "a.mp4", moving(3))
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_odd_sizes_are_padded_not_squeezed(tmp_path):
    odd = draw_pixels(31, 47, 1)
    padded = pad_to_even(odd)
    film(tmp_path / "a.mp4", [padded])
    assert padded.shape == (32, 48, 3)
    assert (padded[:31, :47] == odd).all()
    with pytest.raises(ValueError, match="even sides, not 47x31"):
        film(tmp_path / "b.mp4", [odd], size=(31, 47))


def test_progress_counts_every_frame(tmp_path):
    seen: list[int] = []
    film(tmp_path / "a.mp4", moving(4), progress=seen.append)
    assert seen == [1, 2, 3, 4]


def test_frames_are_taken_one_at_a_time(tmp_path):
    alive = 0

    def frames():
        nonlocal alive
        for frame in moving(5):
            alive += 1
            yield frame

    def progress(written):
        assert alive == written

    film(tmp_path / "a.mp4", frames(), count=5, progress=progress)
    assert alive == 5


@pytest.mark.parametrize("count", [3, 5])
def test_wrong_number_of_frames_leaves_no_film(tmp_path, count):
    with pytest.raises(FilmError, match=rf"reads back as 4 frames .* not as {count} frames"):
        film(tmp_path / "a.mp4", moving(4), count=count)
    assert list(tmp_path.iterdir()) == []


def test_frame_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="frame 1 is"):
        film(tmp_path / "a.mp4", [draw_pixels(32, 48, 1), draw_pixels(32, 46, 1)])
    assert list(tmp_path.iterdir()) == []


def test_failure_while_frames_are_made_leaves_no_film(tmp_path):
    def frames():
        yield from moving(3)
        raise KeyboardInterrupt

    (tmp_path / "a.mp4").write_bytes(b"the old film")
    with pytest.raises(KeyboardInterrupt):
        film(tmp_path / "a.mp4", frames(), count=9)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"the old film"


def fake_ffmpeg(folder: Path, body: str) -> str:
    path = folder / "ffmpeg"
    path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "body",
    [
        "sys.stderr.write('No space left on device\\n'); sys.exit(28)",
        "sys.stdin.buffer.read(5000); sys.stderr.write('No space left on device\\n'); os._exit(1)",
    ],
)
def test_failing_ffmpeg_speaks_for_itself(tmp_path, monkeypatch, body):
    fake = fake_ffmpeg(tmp_path, body)
    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", lambda: fake)
    with pytest.raises(FilmError, match=r"ffmpeg stopped with code .* No space left on device"):
        film(tmp_path / "out" / "a.mp4", moving(80))
    assert list((tmp_path / "out").iterdir()) == []


def test_killed_ffmpeg_leaves_no_film(tmp_path, monkeypatch):
    fake = fake_ffmpeg(tmp_path, "sys.stdin.buffer.read(9000); os.kill(os.getpid(), 9)")
    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", lambda: fake)
    with pytest.raises(FilmError, match="ffmpeg was ended by SIGKILL"):
        film(tmp_path / "out" / "a.mp4", moving(80))
    assert list((tmp_path / "out").iterdir()) == []


def test_talkative_ffmpeg_does_not_block(tmp_path, monkeypatch):
    fake = fake_ffmpeg(tmp_path, "sys.stderr.write('words\\n' * 300_000); sys.exit(3)")
    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", lambda: fake)
    with pytest.raises(FilmError, match="code 3"):
        film(tmp_path / "a.mp4", moving(2))


def test_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        film(tmp_path / "file" / "a.mp4", moving(1))


def test_file_that_is_no_film_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(os.urandom(100))
    with pytest.raises(FilmError, match=r"cannot read .*a\.mp4"):
        read_facts(tmp_path / "a.mp4")


LISTING = """#software: Lavf62.12.100
#tb 0: {tick}
#media_type 0: video
#codec_id 0: rawvideo
#dimensions 0: 640x360
#sar 0: 1/1
{rows}
"""


def rows_at(times):
    return "\n".join(f"0, {time:10}, {time:10},        1,   345600, 0x1234abcd" for time in times)


@pytest.mark.parametrize(
    ("tick", "times", "fps"),
    [
        ("1001/30000", range(5), Fraction(30000, 1001)),
        ("1/15360", range(0, 512 * 4, 512), Fraction(30)),
        ("1/1", [0], Fraction(1)),
    ],
)
def test_rate_is_found_as_an_exact_fraction(tick, times, fps):
    facts = parse_facts(LISTING.format(tick=tick, rows=rows_at(times)), Path("a.mp4"))
    assert (facts.frame_count, facts.fps, facts.height, facts.width) == (len(times), fps, 360, 640)


def test_listing_without_frames_or_with_uneven_ones_is_refused():
    with pytest.raises(FilmError, match=r"finds no film in 'a\.mp4'"):
        parse_facts("#tb 0: 1/30\n", Path("a.mp4"))
    with pytest.raises(FilmError, match="do not follow one another evenly"):
        parse_facts(LISTING.format(tick="1/30", rows=rows_at([0, 1, 3])), Path("a.mp4"))


def test_missing_picture_is_not_taken_for_an_unwritable_film(tmp_path):
    def frames():
        yield from moving(2)
        (tmp_path / "000004.png").read_bytes()

    with pytest.raises(FilmError, match=r"picture cannot be read .*000004\.png"):
        film(tmp_path / "a.mp4", frames(), count=9)
    assert list(tmp_path.iterdir()) == []


def test_ffmpeg_that_cannot_be_started_is_not_taken_for_an_unwritable_film(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "none"))
    with pytest.raises(FilmError, match=r"ffmpeg cannot be started .*none"):
        film(tmp_path / "a.mp4", moving(2))

    def finds_none():
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", finds_none)
    with pytest.raises(FilmError, match=r"no ffmpeg here .*; reinstall imageio-ffmpeg"):
        film(tmp_path / "a.mp4", moving(2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-3), Fraction(23.976)])
def test_rate_that_ffmpeg_cannot_keep_is_refused(tmp_path, fps):
    with pytest.raises(ValueError, match="fps must be above 0, its terms at most 1,001,000"):
        film(tmp_path / "a.mp4", moving(2), fps)


def test_frames_that_are_not_bytes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="frame 0 is float64"):
        film(tmp_path / "a.mp4", [frame / 255 for frame in moving(2)])


@pytest.mark.skipif(os.name != "posix", reason="a shell's ulimit stands in for a full disk")
def test_disk_that_fills_up_is_said_in_ffmpegs_words(tmp_path, monkeypatch):
    real = ffmpeg.imageio_ffmpeg.get_ffmpeg_exe()
    fake = tmp_path / "ffmpeg"
    fake.write_text(f"#!/bin/sh\ntrap '' XFSZ\nulimit -f 8\nexec '{real}' \"$@\"\n")
    fake.chmod(0o755)
    monkeypatch.setattr(ffmpeg.imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(fake))
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 48, 3), dtype=np.uint8)
    with pytest.raises(FilmError, match="File too large"):
        film(tmp_path / "out" / "a.mp4", list(noise), settings=FormatSettings(crf=1))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif"])
def test_ffmpeg_killed_in_mid_film_leaves_nothing(tmp_path, monkeypatch, name):
    started = []

    class Watched(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    def frames():
        for number, frame in enumerate(noise(400, 64, 96)):
            if number == 9:
                started[-1].kill()
            yield frame

    monkeypatch.setattr(ffmpeg.subprocess, "Popen", Watched)
    with pytest.raises(FilmError, match=r"ffmpeg was ended by SIGKILL .* at frame \d+: it said"):
        film(tmp_path / "out" / name, frames(), count=400, size=(64, 96))
    assert list((tmp_path / "out").iterdir()) == []


def noise(count, height, width):
    rng = np.random.default_rng(0)
    return (rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count))


SMALL_DISK = """
import resource, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from medley.errors import MedleyError
from medley.film.encode import encode_film
rng = np.random.default_rng(0)
frames = (rng.integers(0, 256, (64, 96, 3), dtype=np.uint8) for _ in range(90))
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
try:
    encode_film(
        frames, Path(sys.argv[1]), fps=Fraction(25), width=96, height=64, frame_count=90
    )
except MedleyError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.mark.skipif(os.name != "posix", reason="a limit stands in for a full disk")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        # ffmpeg dies of the limit's signal before it can say anything.
        (
            "a.gif",
            r"FilmError: ffmpeg was ended by SIGXFSZ \(the file is larger than the file size",
        ),
        ("a.webp", r"OutputError: cannot write '.*a\.webp' \(File too large\)"),
        ("frames", r"OutputError: cannot write '.*frames' \(File too large\)"),
        ("sheet.png", r"OutputError: cannot write '.*sheet\.png' \(File too large\)"),
    ],
)
def test_full_disk_leaves_nothing_whatever_the_format(tmp_path, name, words):
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(tmp_path / "out" / name)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert re.search(words, done.stderr), done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_error_names_the_film_even_where_its_part_is_the_callers(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medley.film.webp.write_film", fails)
    words = r"cannot write '.*a\.webp' \(No space left on device\)"
    with (
        pytest.raises(OutputError, match=words),
        part_files(tmp_path / "a.json", tmp_path / "a.webp") as (_, part),
    ):
        film(tmp_path / "a.webp", moving(3), part=part)
    assert list(tmp_path.iterdir()) == []
