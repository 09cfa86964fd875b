"""Sound laid under a film: looked at before, cut to the film's length, faded."""

from fractions import Fraction
from pathlib import Path

from medley.errors import FilmError, Setting
from medley.media.ffmpeg import last_words, run, url

RATE = 48_000  # samples a second, which AAC and Opus both have
_BITRATE = {"aac": "192k", "libopus": "160k"}


def sound_length(path: Path) -> Fraction:
    """Decode a file's sound to its end and say how many seconds it lasts.

    Raises:
        FilmError: there is no such file, no sound in it, or it cannot be read.
    """
    if not path.is_file():
        raise FilmError(f"there is no sound file '{path}'; check its name")
    # The stream's own rate keeps the listing short, and whole packets are what it counts.
    done = run("-v", "error", "-i", url(path), "-map", "0:a:0", "-f", "framecrc", "-")
    rows = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    tick = next((line for line in done.stdout.splitlines() if line.startswith("#tb 0: ")), None)
    if "matches no streams" in done.stderr:
        raise FilmError(f"'{path}' has no sound in it; name another ", Setting("audio"))
    if done.returncode or tick is None or not rows:
        why = last_words(done.stderr.splitlines())
        raise FilmError(f"ffmpeg cannot read '{path}' ({why}); name another ", Setting("audio"))
    return sum(int(row[3]) for row in rows) * Fraction(tick.partition(": ")[2])


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
    filters = f"aresample={RATE},asetpts=N/SR/TB,{fades}apad,atrim=end_sample={samples}"
    return ["-af", filters, "-c:a", codec, "-b:a", _BITRATE[codec], "-ac", "2", "-ar", str(RATE)]
