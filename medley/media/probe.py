"""What is in a film's file: ffmpeg decodes every frame, to the last."""

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from medley.errors import FilmError
from medley.media.ffmpeg import cause, run, url


@dataclass(frozen=True)
class FilmFacts:
    """What a film is, as read back from the file.

    Attributes:
        path: the film's file.
        frame_count: how many pictures are in it.
        fps: pictures a second; None where the file has no rate, as loose pictures have.
        height: every picture's height, in pixels.
        width: every picture's width, in pixels.
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
        """Everything but the path, for people."""
        frames = "1 frame" if self.frame_count == 1 else f"{self.frame_count} frames"
        text = f"{frames} of {self.width}x{self.height}"
        if self.fps:
            text += f" at {float(self.fps):.5g} fps, {float(self.frame_count / self.fps):.1f} s"
        return text if self.audio_s is None else f"{text} with {float(self.audio_s):.1f} s of sound"


def probe(path: Path, *options: str) -> FilmFacts:
    """Decode a file of pictures and sound to its end and say what is in it.

    Args:
        path: the file.
        options: further output options of ffmpeg's.

    Raises:
        FilmError: ffmpeg cannot read it, or the frames do not follow one another evenly.
    """
    streams = ["-map", "0:v:0", "-map", "0:a:0?"]
    done = run("-i", url(path), *streams, *options, "-f", "framecrc", "-")
    if done.returncode:
        raise FilmError(f"ffmpeg cannot read '{path}': {cause(done.stderr.splitlines())}")
    return parse_facts(done.stdout, path)


def parse_facts(listing: str, path: Path) -> FilmFacts:
    """Find size, rate and number of frames in ffmpeg's `framecrc` listing of decoded frames.

    Its head gives the length of a tick in seconds, as a fraction, and the size; then comes a line
    per frame, `stream, decoding time, time, duration, bytes, sum`, the times in ticks. Stream 0
    are the pictures, stream 1 is the sound.

    Raises:
        FilmError: the listing lacks one of them, or the frames do not follow one another evenly.
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
