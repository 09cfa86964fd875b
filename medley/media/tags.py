"""What a video's file says of itself: chapters, and a comment, in ffmpeg's own form of metadata."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from medley.media.ffmpeg import run, url

_MARK = ";FFMETADATA1"
_SPECIAL = re.compile(r"([=;#\\\n])")  # each has a backslash before it
_LINE = re.compile(r"(?:[^\\\n]|\\.)*", re.DOTALL)


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
