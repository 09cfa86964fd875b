"""A film's file: pictures and sound, which ffmpeg decodes to the last, and what it says of itself.

It says chapters, and a comment, in ffmpeg's own form of metadata.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from medley.errors import FilmError
from medley.media.ffmpeg import cause, run, url

_MARK = ";FFMETADATA1"
_SPECIAL = re.compile(r"([=;#\\\n])")  # each has a backslash before it
_LINE = re.compile(r"(?:[^\\\n]|\\.)*", re.DOTALL)


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


class Chapter(NamedTuple):
    """A part of a film, from its first frame on, and what it is called."""

    frame: int
    title: str


@dataclass(frozen=True)
class Tags:
    """What a film's file says of itself.

    Attributes:
        chapters: parts of the film in their order, the first from frame 0.
        comment: text for programs and people; "" for none.
    """

    chapters: Sequence[Chapter] = ()
    comment: str = ""

    def text(self, fps: Fraction, frames: int) -> str:
        """Write the tags of a film of so many frames as ffmpeg reads them (`-f ffmetadata`)."""
        lines = [_MARK, f"comment={_escaped(self.comment)}"] if self.comment else [_MARK]
        ends = [*(chapter.frame for chapter in self.chapters[1:]), frames]
        for chapter, end in zip(self.chapters, ends, strict=False):
            title = _escaped(_in_a_line(chapter.title))
            lines += [
                "[CHAPTER]",
                f"TIMEBASE={fps.denominator}/{fps.numerator}",
                f"START={chapter.frame}",
                f"END={end}",
                f"title={title}",
            ]
        return "\n".join([*lines, ""])


UNTAGGED = Tags()


def read_comment(path: Path) -> str:
    """The comment in a film's file; "" if there is none, or ffmpeg cannot read the file.

    Raises:
        FilmError: ffmpeg cannot be started.
    """
    said = run("-v", "error", "-i", url(path), "-f", "ffmetadata", "-").stdout
    for line in _LINE.findall(said):
        name, _, value = line.partition("=")
        if name.lower() == "comment":
            return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        if line.startswith("["):
            break
    return ""


def _in_a_line(text: str) -> str:
    """The text without line ends, and without other marks that would end it for ffmpeg."""
    return "".join(letter for letter in " ".join(text.split()) if letter >= " ")


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
