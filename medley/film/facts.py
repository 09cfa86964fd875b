"""What a film is, read back from its file: every frame is decoded, to the last."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from medley.errors import FilmError, PictureError
from medley.film import webp
from medley.film.ffmpeg import last_words, run, url
from medley.film.threads import in_order
from medley.images import read_picture
from medley.settings.film import Format, format_of


@dataclass(frozen=True)
class FilmFacts:
    """What a film is, as read back from the file.

    Attributes:
        path: of the film.
        frame_count: how many pictures are in it.
        fps: how many of them a second; None where the file has no rate, as loose pictures have.
        height: of each, in pixels.
        width: of each, in pixels.
        audio_s: seconds of sound; None where there is none.
    """

    path: Path
    frame_count: int
    fps: Fraction | None
    height: int
    width: int
    audio_s: Fraction | None = None

    @property
    def words(self) -> str:
        """All of that but the path, for people."""
        frames = "1 frame" if self.frame_count == 1 else f"{self.frame_count} frames"
        text = f"{frames} of {self.width}x{self.height}"
        if self.fps:
            text += f" at {float(self.fps):.5g} fps, {float(self.frame_count / self.fps):.1f} s"
        return text if self.audio_s is None else f"{text} with {float(self.audio_s):.1f} s of sound"


def read_facts(path: Path, form: Format | None = None) -> FilmFacts:
    """Decode a film to its end and say what is in it, its rate as an exact fraction.

    Args:
        path: of the film.
        form: its format, if it does not have its name yet.

    Raises:
        FilmError: it cannot be read, or its rate is not constant.
    """
    readers: dict[str, Callable[[Path], FilmFacts]] = {
        "gif": _read_gif,
        "webp": _read_webp,
        "sequence": _read_sequence,
        "sheet": _read_sheet,
    }
    try:
        return readers.get((form or format_of(path)).kind, _read_film)(path)
    except (PictureError, webp.TornError) as error:
        raise FilmError(f"'{path}' does not read back: {error}; make it again") from error
    except OSError as error:
        raise FilmError(f"'{path}' cannot be read ({error.strerror}); make it again") from error


def _read_gif(path: Path) -> FilmFacts:
    # ffmpeg takes 3 hundredths for 33 frames a second, and retimes them, unless it keeps its ticks.
    return _read_film(path, "-fps_mode", "passthrough", "-enc_time_base", "demux")


def _read_film(path: Path, *options: str) -> FilmFacts:
    streams = ["-map", "0:v:0", "-map", "0:a:0?"]
    done = run("-v", "error", "-i", url(path), *streams, *options, "-f", "framecrc", "-")
    if done.returncode:
        raise FilmError(f"ffmpeg cannot read '{path}': {last_words(done.stderr.splitlines())}")
    return parse_facts(done.stdout, path)


def parse_facts(listing: str, path: Path) -> FilmFacts:
    """Find size, rate and number of frames in ffmpeg's `framecrc` listing of decoded frames.

    Its head gives the length of a tick in seconds, as a fraction, and the size; then comes a line
    per frame, `stream, decoding time, time, duration, bytes, sum`, the times in ticks. Stream 0
    are the pictures, stream 1 is the sound.

    Raises:
        FilmError: they are not all in it, or the frames do not follow one another evenly.
    """
    tick = re.search(r"^#tb 0: (\d+/\d+)$", listing, re.MULTILINE)
    size = re.search(r"^#dimensions 0: (\d+)x(\d+)$", listing, re.MULTILINE)
    lines = [line.split(",") for line in listing.splitlines() if not line.startswith("#")]
    rows = [line for line in lines if line[0] == "0"]
    if tick is None or size is None or not rows:
        raise FilmError(f"ffmpeg finds no film in '{path}'; it may be torn, make it again")
    times = [int(row[2]) for row in rows]
    lengths = {later - earlier for earlier, later in pairwise(times)} or {int(rows[0][3])}
    length = lengths.pop()
    if lengths or length <= 0:
        raise FilmError(f"the frames of '{path}' do not follow one another evenly; make it again")
    fps = 1 / (Fraction(tick[1]) * length)
    sound = None
    if sound_tick := re.search(r"^#tb 1: (\d+/\d+)$", listing, re.MULTILINE):
        heard = sum(int(line[3]) for line in lines if line[0] == "1")
        sound = heard * Fraction(sound_tick[1])
    return FilmFacts(path, len(rows), fps, int(size[2]), int(size[1]), sound)


def _read_webp(path: Path) -> FilmFacts:
    width, height, lengths = webp.read_film(path)
    if len(set(lengths)) != 1 or not lengths[0]:
        raise FilmError(f"the frames of '{path}' do not follow one another evenly; make it again")
    return FilmFacts(path, len(lengths), Fraction(1000, lengths[0]), height, width)


def _read_sequence(path: Path) -> FilmFacts:
    names = sorted(file.name for file in path.iterdir())
    if names != [picture_name(number) for number in range(len(names))] or not names:
        raise FilmError(f"'{path}' does not hold a film's pictures, all of them; make it again")
    sizes = set(in_order(lambda name: read_picture(path / name).size, names))
    width, height = sizes.pop()
    if sizes:
        raise FilmError(f"the pictures in '{path}' are not all of one size; make them again")
    return FilmFacts(path, len(names), None, height, width)


def _read_sheet(path: Path) -> FilmFacts:
    picture = read_picture(path)
    return FilmFacts(path, 1, None, picture.height, picture.width)


def picture_name(number: int) -> str:
    """What a sequence's pictures are called, from 0."""
    return f"{number:06d}.png"
