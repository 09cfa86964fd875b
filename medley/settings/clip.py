"""Settings of a clip that is repainted: which part of it, how it is followed, and its film."""

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import Field, create_model

from medley.settings.base import Settings, Text
from medley.settings.film import EncodeSettings, Fps, Sound, WalkOverlays


def parse_seconds(text: str) -> Fraction:
    """Read a time in a clip, as an exact number of seconds, such as 2.5 or 2.5s.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s?", text)
    if not found:
        raise ValueError(f"{text!r} is not a number of seconds such as 2.5")
    return Fraction(found[1])


def format_seconds(time_s: Fraction) -> str:
    """Write a time in the form that `parse_seconds` reads."""
    return f"{float(time_s):.9f}".rstrip("0").rstrip(".")


_Seconds = Annotated[Fraction, Text(parse_seconds, format_seconds)]

_NAMED: dict[str, Any] = {  # as nobody may name the field of a class
    "from": (
        _Seconds | None,
        Field(None, description="Where in the clip the film begins, in seconds."),
    ),
    "to": (_Seconds | None, Field(None, description="Where in the clip it ends.")),
}


class ClipPart(Settings):
    """Which part of a clip is meant."""

    heading = "Size and time"

    @property
    def begin_s(self) -> Fraction | None:
        """Seconds from the clip's beginning; None for its first frame."""
        found: Fraction | None = getattr(self, "from")
        return found

    @property
    def end_s(self) -> Fraction | None:
        """Seconds from the clip's beginning; None for its end."""
        found: Fraction | None = getattr(self, "to")  # noqa: B009
        return found


PartSettings: type[ClipPart] = create_model("PartSettings", __base__=ClipPart, **_NAMED)
"""Schema of which part of a clip is meant: from and to."""


class ClipSettings(Settings):
    """How the picture follows a clip, and the way through the paintings."""

    heading = "Film"

    seconds_per_painting: float | None = Field(
        None,
        gt=0,
        le=3600,
        description="Film time from one painting to the next, without end; the way from the first"
        " to the last is as long as the clip unless it is given.",
    )
    per_cut: bool = Field(
        False,
        description="The next painting at each cut of the clip, instead of a way through them.",
    )
    steps_per_frame: int = Field(
        3, ge=1, le=1000, description="Optimizer steps by which the picture follows in each frame."
    )
    flicker: float = Field(
        0.25,
        ge=0,
        le=1,
        description="From 0, which holds what does not move, over 0.5, which lets it change as all"
        " else, to 1, which paints every frame anew; that needs a hundred steps a frame.",
    )
    walk_rate: float = Field(
        0.01,
        gt=0,
        le=1,
        description="Adam's step while it follows, of the way from black to white: larger ones"
        " follow more closely, smaller ones more calmly.",
    )
    linger: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="How much slower the way passes a painting than it goes on average.",
    )


class ClipFilmSettings(EncodeSettings, WalkOverlays):
    """Cutting of a repainted clip into a film, with overlays."""

    heading = "Film"

    fps: Fps | None = Field(  # type: ignore[assignment]
        None, description="Frames a second of the film; the clip's own unless given."
    )
    audio: Sound | None = Field(
        None,
        description="Sound in place of the clip's own: a file, cut to the film's length, or"
        " silent.",
    )
