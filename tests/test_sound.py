import struct
import subprocess
import wave
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from medley.errors import FilmError
from medley.film.encode import check_encoding, encode_film
from medley.media import sound
from medley.media.ffmpeg import cause, run
from medley.media.sound import check_sound
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
        ("a.mkv", 61, Fraction(30000, 1001)),
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
    assert check_sound(song(tmp_path / "a.wav", 1.25), "aac") == Fraction(5, 4)


def bad_sounds(folder):
    (folder / "torn.mp3").write_bytes(b"no music at all" * 50)
    (folder / "folder.mp3").mkdir()
    (folder / "empty.wav").touch()
    song(folder / "nothing.wav", 0)
    with wave.open(str(folder / "nine.wav"), "wb") as file:  # nobody knows what is where
        file.setparams((9, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(9 * 2 * 400))
    frames = [draw_pixels(32, 48, 1)] * 3
    encode_film(frames, folder / "silent.mp4", fps=Fraction(5), width=48, height=32, frame_count=3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.mp3", "there is no sound file '.*absent.mp3'"),
        ("folder.mp3", "folder.mp3' is a folder, no sound file; name a file in it"),
        ("silent.mp4", "silent.mp4' has no sound in it; name another audio"),
        ("torn.mp3", r"cannot use the sound of '.*torn.mp3' \(F[^|]*\); name another audio"),
        ("empty.wav", r"cannot use the sound of '.*empty.wav' \([^|]*\); name another audio"),
        ("nothing.wav", "nothing.wav' has not a moment of sound in it; name another audio"),
        ("nine.wav", r"'.*nine.wav' \(Rematrix is needed between 9 channels [^|]*\); name another"),
    ],
)
def test_bad_sound_is_one_line_before_any_frame(tmp_path, name, words):
    bad_sounds(tmp_path)
    with pytest.raises(FilmError, match=words) as caught:
        check_encoding(tmp_path / "a.mp4", FormatSettings(audio=tmp_path / name))
    assert "\n" not in str(caught.value)


def write_floats(path, samples, rate=8000):
    """A WAV of one channel of 32-bit floats, which the standard library does not write."""
    data = np.asarray(samples, "<f4").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, rate, rate * 4, 4, 32)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(data)) + data
    path.write_bytes(struct.pack("<4sI", b"RIFF", len(body)) + body)
    return path


def test_samples_that_are_no_numbers_are_silent_and_the_rest_is_heard(tmp_path):
    samples = np.sin(np.arange(8000) / 8000 * 2 * np.pi * 440) * 0.6
    samples[2000:3000] = np.nan
    samples[5000:5010] = np.inf, *[-np.inf] * 9
    path = write_floats(tmp_path / "broken.wav", samples)
    check_encoding(tmp_path / "a.mp4", FormatSettings(audio=path))
    film(tmp_path / "a.mp4", path, audio_fade=0)
    got = heard(tmp_path / "a.mp4")
    assert loudness(got, 0.26, 0.36) < 0.02
    assert loudness(got, 0.1, 0.2) == pytest.approx(0.3, rel=0.1)
    assert loudness(got, 0.7, 0.9) == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
def test_recordings_joined_with_other_rates_and_channels_are_one_sound(tmp_path, name):
    pieces = b""
    for rate, channels in (("44100", "2"), ("22050", "1"), ("48000", "2")):
        source = ["-i", str(song(tmp_path / "one.wav", 0.5)), "-ar", rate, "-ac", channels]
        run("-y", *source, str(tmp_path / "piece.aac"))
        pieces += (tmp_path / "piece.aac").read_bytes()
    (tmp_path / "joined.aac").write_bytes(pieces)
    check_encoding(tmp_path / name, FormatSettings(audio=tmp_path / "joined.aac"))
    facts = film(tmp_path / name, tmp_path / "joined.aac", count=50, audio_fade=0)
    assert facts.audio_s is not None
    assert abs(facts.audio_s - 2) <= Fraction(1, 25)
    full = 20_000 / 32_768 / 2  # one channel is shared out to two
    for start in (0.1, 0.65, 1.15):
        assert loudness(heard(tmp_path / name), start, start + 0.2) == pytest.approx(full, rel=0.15)
    assert list(tmp_path.glob(".*")) == []


def test_ffmpeg_without_a_sound_encoder_is_said_before_any_frame(tmp_path, monkeypatch):
    monkeypatch.setitem(sound._BITRATE, "no-such-codec", "1k")
    words = r"cannot encode sound by no-such-codec here \(Unknown encoder 'no-such-codec'\)"
    with pytest.raises(FilmError, match=words):
        check_sound(song(tmp_path / "a.wav", 0.1), "no-such-codec")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "[mp3float @ 0x55] [error] Header missing\n"
            "[aist#0:0 @ 0x5] [dec:mp3float @ 0x5] [error] Error submitting packet to decoder: x\n"
            "[libx264 @ 000001e2ab] [error] width not divisible by 2 (65x65)\n"
            "[vost#0:0 @ 0x5] [enc:libx264 @ 0x5] [error] Error while opening encoder - x\n"
            "[vf#0:0 @ 0x56] [error] Task finished with error code: -22 (Invalid argument)\n"
            "[error] Conversion failed!\n",
            "width not divisible by 2 (65x65)",
        ),
        (
            "Svt[error]: Source Height must be less than or equal to 8704)\n"
            "[libsvtav1 @ 0x55] [error] Error setting encoder parameters: bad parameter\n",
            "Source Height must be less than or equal to 8704)",
        ),
        (
            "a line without a level\n[fatal] Stream map '' matches no streams.\n"
            "[error] Error parsing options for output file -.\n",
            "Stream map '' matches no streams",
        ),
        (
            "[vf#0:0 @ 0x56] [error] Task finished with error code: -22\n",
            "Task finished with error code: -22",
        ),
        ("Killed\n", "Killed"),
        ("\n", "it said nothing"),
    ],
)
def test_of_what_ffmpeg_says_the_cause_is_told_and_not_what_follows_from_it(said, why):
    assert cause(said.splitlines()) == why


def test_ffmpegs_own_words_have_their_cause_first():
    source = ["-f", "lavfi", "-i", "color=s=65x65", "-frames:v", "1", "-pix_fmt", "yuv420p"]
    done = run(*source, "-c:v", "libx264", "-f", "null", "-")
    assert done.returncode != 0
    assert cause(done.stderr.splitlines()) == "width not divisible by 2 (65x65)"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
def test_full_disk_is_not_the_songs_fault(tmp_path):
    words = r"write the samples of '.*a\.wav' beside the film \([^|]*No space left on device\)"
    with pytest.raises(FilmError, match=words):
        sound.normalize_sound(song(tmp_path / "a.wav", 2), Path("/dev/full"), Fraction(2))
