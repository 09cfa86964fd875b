"""Sound laid under a film: made alike before anything else, cut to the film's length, faded."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

from medley.errors import FilmError, Setting
from medley.media.ffmpeg import cause, run, url

RATE = 48_000  # samples a second, which AAC and Opus both have
_CHANNELS = 2
_FRAME_BYTES = 2 * _CHANNELS  # 16 bits of each channel
_BITRATE = {"aac": "192k", "libopus": "160k"}
_RAW = ("-f", "s16le", "-ar", str(RATE), "-ac", str(_CHANNELS))

# What is no number, as a broken recorder writes it, is silence, and nothing is beyond full scale.
_FINITE = r"aeval=clip(if(isnan(val(ch))\,0\,val(ch))\,-1\,1):c=same,"
_ALIKE = f"aresample={RATE},aformat=sample_fmts=s16:channel_layouts=stereo"


def check_sound(path: Path, codec: str) -> Fraction:
    """Find out whether a file's sound can be laid under a film, by making it alike to its end.

    Args:
        path: the file.
        codec: "aac" or "libopus", which the film's sound will have.

    Returns:
        How many seconds it lasts.

    Raises:
        FilmError: there is no such file, no sound in it, it cannot be read or be made stereo, or
            ffmpeg lacks the codec.
    """
    if path.is_dir():
        raise FilmError(f"'{path}' is a folder, no sound file; name a file in it with ",
                        Setting("audio"))  # fmt: skip
    if not path.is_file():
        raise FilmError(
            f"there is no sound file '{path}'; check its name, or name another ", Setting("audio"),
            ", or none",
        )  # fmt: skip
    if why := _complaint(codec):
        raise FilmError(
            f"ffmpeg cannot encode sound by {codec} here ({why}); pass ", Setting("audio", "none")
        )
    # A line for each second, and what is left: the listing of an hour is a short one. Which samples
    # are numbers does not matter for it, and takes several times as long as all the rest.
    listed = ["-c:a", "pcm_s16le", "-f", "framecrc", "-"]
    done = _filter(path, f"{_ALIKE},asetnsamples={RATE}:p=0", listed)
    if "matches no streams" in done.stderr:
        raise FilmError(f"'{path}' has no sound in it; name another ", Setting("audio"))
    if done.returncode:
        why = cause(done.stderr.splitlines())
        raise FilmError(
            f"ffmpeg cannot use the sound of '{path}' ({why}); name another ", Setting("audio")
        )
    rows = [line.split(",") for line in done.stdout.splitlines() if line[:1] == "0"]
    if not rows:
        raise FilmError(
            f"'{path}' has not a moment of sound in it; name another ", Setting("audio")
        )
    return Fraction(sum(int(row[3]) for row in rows), RATE)


class ClipSound(NamedTuple):
    """The sound that a clip has of its own.

    Attributes:
        path: the clip.
        codec: ffmpeg's name of its codec.
        start_s: seconds from its beginning at which the first frame is shown.
    """

    path: Path
    codec: str
    start_s: Fraction


def normalize_sound(
    path: Path, raw: Path, most_s: Fraction, start_s: Fraction | None = None
) -> Fraction:
    """Write a file's sound as the film takes it: finite samples, one rate, two channels.

    A file's rate and channels may change on the way, as where recordings were joined; whatever is
    done with it after this has one kind of sound before it.

    Args:
        path: the file; `check_sound` has accepted it.
        raw: file for the samples, 16 bits each.
        most_s: seconds after which the rest is left out.
        start_s: seconds from the beginning of a clip, before which it is left out; None for the
            beginning of the sound itself.

    Returns:
        How many seconds there are.

    Raises:
        FilmError: it cannot be read any more, or there is no room for its samples.
    """
    samples = -(-most_s.numerator * RATE // most_s.denominator)
    filters = f"{_FINITE}{_ALIKE},atrim=end_sample={samples}"
    if start_s is not None:  # what is silent before the sound begins counts too
        first = round(start_s * RATE)
        alike = _ALIKE.replace(f"={RATE},", f"={RATE}:async=1:first_pts=0,", 1)
        filters = f"{_FINITE}{alike},atrim=start_sample={first}:end_sample={first + samples}"
    done = _filter(path, filters, ["-y", *_RAW, url(raw)])
    if done.returncode:
        raise FilmError(
            f"ffmpeg cannot write the samples of '{path}' beside the film"
            f" ({cause(done.stderr.splitlines())}); make room there, or check that file"
        )
    return Fraction(raw.stat().st_size // _FRAME_BYTES, RATE)


def normalized_input(raw: Path) -> list[str]:
    """ffmpeg's options that take what `normalize_sound` wrote."""
    return [*_RAW, "-i", url(raw)]


def sound_options(codec: str, length_s: Fraction, sound_s: Fraction, fade_s: float) -> list[str]:
    """ffmpeg's options that fit its second input's sound to a film.

    It begins with the film, is cut at the film's end and faded there. Sound that is shorter fades
    at its own end, and silence follows: music that begins again is noticed, its end is not.

    Args:
        codec: "aac" or "libopus".
        length_s: seconds that the film lasts.
        sound_s: seconds that the sound lasts.
        fade_s: seconds in which it fades in, and out again; half of what is heard at most.
    """
    end = float(min(length_s, sound_s))
    fade = min(fade_s, end / 2)
    fades = f"afade=d={fade:.6f},afade=t=out:st={end - fade:.6f}:d={fade:.6f}," if fade else ""
    samples = round(length_s * RATE)
    filters = f"{fades}apad,atrim=end_sample={samples}"
    return ["-af", filters, "-c:a", codec, "-b:a", _BITRATE[codec]]


def _filter(path: Path, filters: str, output: Sequence[str]) -> CompletedProcess[str]:
    """Decode a file's first sound and filter it, whatever comes of it."""
    return run("-i", url(path), "-map", "0:a:0", "-af", filters, *output)


@cache
def _complaint(codec: str) -> str:
    """What ffmpeg says when it is to encode a moment of silence so; "" if it does."""
    silence = ["-f", "lavfi", "-i", f"anullsrc=r={RATE}:cl=stereo", "-t", "0.1"]
    done = run(*silence, "-c:a", codec, "-b:a", _BITRATE[codec], "-f", "null", "-")
    return cause(done.stderr.splitlines()) if done.returncode else ""
