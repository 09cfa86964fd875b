"""A moment of a clip where a picture's file could stand: `clip.mp4@2.5s`."""

import re
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

_FORM = re.compile(r"(?P<file>.+)@(?P<seconds>[0-9]+(?:\.[0-9]+)?)s", re.DOTALL)


class Moment(NamedTuple):
    """A clip's file, and how many seconds after its beginning."""

    file: Path
    time_s: Fraction


def moment_of(path: Path) -> Moment | None:
    """The moment that a path names; None if it names a file, as it does where there is such a one.

    The file of the moment need not be there.
    """
    found = _FORM.fullmatch(path.name)
    if not found or path.exists():
        return None
    return Moment(path.with_name(found["file"]), Fraction(found["seconds"]))


def file_of(path: Path) -> Path:
    """The file that is read for a path, which may name a moment in it."""
    moment = moment_of(path)
    return moment.file if moment else path


def stem_of(path: Path) -> str:
    """What names made of a picture's begin with: `photo`, or `clip-2.5s`."""
    moment = moment_of(path)
    return f"{moment.file.stem}-{path.name.rpartition('@')[2]}" if moment else path.stem
