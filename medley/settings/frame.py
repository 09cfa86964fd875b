"""How large a film's frames are, and how pictures of another shape stand in them."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from medley.settings.fields import LONGEST_SIDE, SHORTEST_SIDE, Settings

Fit = Literal["pad", "crop"]

RESOLUTIONS = {"4k": (2160, 3840), "square": (1080, 1080), "vertical": (1920, 1080)}
"""Frames that have a name: height and width in pixels."""


@dataclass(frozen=True)
class FrameSize:
    """A film's size: a frame of that height and width, or a picture's own shape of a long side."""

    height: int | None = None
    width: int | None = None
    long_side: int | None = None


def parse_resolution(text: str) -> FrameSize:
    """Read a film's size: 1080p and the like are 16:9, 1600px is a long side.

    Raises:
        ValueError: it is none, or has a side that is odd, too short or too long.
    """
    name = text.strip().lower()
    if name in RESOLUTIONS:
        return FrameSize(*RESOLUTIONS[name])
    if found := re.fullmatch(r"(\d{1,6})(p|px)", name):
        side = int(found[1])
        if found[2] == "px":
            _check_sides(text, side)
            return FrameSize(long_side=side)
        # 16:9 to the nearest even width: 480p is 854x480.
        size = side, 2 * round(side * 8 / 9)
    elif found := re.fullmatch(r"(\d{1,6})[x×](\d{1,6})", name):
        size = int(found[2]), int(found[1])
    else:
        known = ", ".join(RESOLUTIONS)
        raise ValueError(f"{text!r} is not a size such as 1080p, {known}, 1280x720 or 1600px")
    _check_sides(text, *size)
    return FrameSize(*size)


def _check_sides(text: str, *sides: int) -> None:
    if any(not SHORTEST_SIDE <= side <= LONGEST_SIDE for side in sides):
        raise ValueError(f"{text!r} has a side beyond {SHORTEST_SIDE} to {LONGEST_SIDE} pixels")
    if any(side % 2 for side in sides):
        raise ValueError(f"{text!r} has an odd side, and films need even ones; make it even")


def _check_resolution(text: str) -> str:
    parse_resolution(text)
    return text


Resolution = Annotated[str, AfterValidator(_check_resolution)]


class FrameSettings(Settings):
    """How large a film's frames are, and how pictures of another shape stand in them."""

    heading = "Film"

    resolution: Resolution | None = Field(
        None,
        description="Size of the film: 720p, 1080p, 4k, square (1080x1080), vertical (1080x1920),"
        " WIDTHxHEIGHT, or a long side such as 1600px; by default the pictures' own.",
    )
    fit: Fit = Field(
        "pad",
        description="Where the shapes differ: pad, with the photo blurred, or crop the picture.",
    )

    @property
    def frame_size(self) -> FrameSize | None:
        """The size asked for, if one was."""
        return None if self.resolution is None else parse_resolution(self.resolution)
