import subprocess
import wave
from fractions import Fraction

import imageio_ffmpeg
import numpy as np
import pytest

from medley.errors import FilmError
from medley.film.encode import check_encoding, encode_film
from medley.media.sound import sound_length
from medley.settings import FormatSettings

from .conftest import draw_pixels

RATE = 16_000


def song(path, seconds, frequency=440.0):
    level = np.sin(np.arange(round(seconds * RATE)) / RATE * 2 * np.pi * frequency) * 20_000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(level.astype("<i2").tobytes())
    return path


def film(path, song_path, count=25, fps=Fraction(25), **more):
    frames = [np.roll(draw_pixels(32, 48, 1), shift, axis=1) for shift in range(count)]
    settings = FormatSettings(audio=song_path, **more)
    return encode_film(
        frames, path, fps=fps, width=48, height=32, frame_count=count, settings=settings
    )


def heard(path):
    """The film's sound, decoded to one channel at `RATE`, in [-1, 1]."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-map", "0:a:0"]
    raw = ["-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
    done = subprocess.run([*command, *raw], capture_output=True, check=True)
    return np.frombuffer(done.stdout, "<i2") / 32768


def loudness(samples, start_s, end_s):
    return float(np.sqrt((samples[round(start_s * RATE) : round(end_s * RATE)] ** 2).mean()))


@pytest.mark.parametrize(
    ("name", "count", "fps"),
    [
        ("a.mp4", 47, Fraction(24000, 1001)),
        ("a.mov", 25, Fraction(10)),
        ("a.webm", 31, Fraction(30)),
    ],
)
def test_sound_is_as_long_as_the_film_and_changes_nothing_else(tmp_path, name, count, fps):
    facts = film(tmp_path / name, song(tmp_path / "song.wav", 4.0), count, fps)
    assert (facts.frame_count, facts.fps) == (count, fps)
    assert facts.audio_s is not None
    assert abs(facts.audio_s - count / fps) <= 1 / fps
    assert abs(len(heard(tmp_path / name)) / RATE - count / fps) <= 1 / fps


def test_sound_fades_in_and_out(tmp_path):
    film(tmp_path / "a.mp4", song(tmp_path / "song.wav", 5.0), count=50, audio_fade=0.5)
    samples = heard(tmp_path / "a.mp4")
    full = loudness(samples, 0.8, 1.2)
    assert loudness(samples, 0, 0.1) < 0.3 * full
    assert loudness(samples, 1.9, 2.0) < 0.3 * full
    assert loudness(samples, 0.2, 0.3) == pytest.approx(full / 2, rel=0.15)
    film(tmp_path / "b.mp4", song(tmp_path / "song.wav", 5.0), count=50, audio_fade=0)
    assert loudness(heard(tmp_path / "b.mp4"), 0.05, 0.15) == pytest.approx(full, rel=0.05)


def test_short_song_fades_at_its_own_end_and_silence_follows(tmp_path):
    facts = film(tmp_path / "a.mp4", song(tmp_path / "song.wav", 1.0), count=50, audio_fade=0.4)
    samples = heard(tmp_path / "a.mp4")
    assert facts.audio_s == 2
    assert loudness(samples, 0.9, 1.0) < 0.3 * loudness(samples, 0.45, 0.55)
    assert loudness(samples, 1.1, 2.0) < 1e-3


def test_length_of_a_song_is_exact(tmp_path):
    assert sound_length(song(tmp_path / "a.wav", 1.25)) == Fraction(5, 4)


def bad_sounds(folder):
    (folder / "torn.mp3").write_bytes(b"no music at all" * 50)
    (folder / "folder.mp3").mkdir()
    (folder / "empty.wav").touch()
    frames = [draw_pixels(32, 48, 1)] * 3
    encode_film(frames, folder / "silent.mp4", fps=Fraction(5), width=48, height=32, frame_count=3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.mp3", "there is no sound file '.*absent.mp3'"),
        ("folder.mp3", "there is no sound file '.*folder.mp3'"),
        ("silent.mp4", "silent.mp4' has no sound in it; name another audio"),
        ("torn.mp3", "ffmpeg cannot read '.*torn.mp3' .*; name another audio"),
        ("empty.wav", "ffmpeg cannot read '.*empty.wav' .*; name another audio"),
    ],
)
def test_bad_sound_is_one_line_before_any_frame(tmp_path, name, words):
    bad_sounds(tmp_path)
    with pytest.raises(FilmError, match=words) as caught:
        check_encoding(tmp_path / "a.mp4", FormatSettings(audio=tmp_path / name))
    assert "\n" not in str(caught.value)
