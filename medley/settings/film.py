"""How finished shots become a film."""

from fractions import Fraction
from pathlib import Path
from typing import Literal, Self

from pydantic import Field

from medley.settings.compose import ComposeSettings
from medley.settings.fields import Fps, Settings
from medley.settings.formats import FormatSettings, check_format, format_of
from medley.settings.frame import FrameSettings

Pace = Literal["visual", "ease", "even"]
Transition = Literal["rewind", "dissolve", "wipe", "chain", "cut"]


class PaceSettings(Settings):
    """How a film's time passes, and what stands between its paintings."""

    heading = "Film"

    seconds_per_painting: float = Field(
        6.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="Film time of each painting, holds included.",
    )
    hold: float = Field(
        1.2, ge=0, le=600, allow_inf_nan=False, description="Seconds for which a result stands."
    )
    pace: Pace = Field(
        "visual",
        description="Spread frames by what the eye sees change, at a constant rate (visual) or one"
        " that swells and sinks (ease), or evenly over steps (even).",
    )
    transition: Transition = Field(
        "rewind",
        description="From a result to the next painting: run the steps backward to the photo, fade"
        " to it, let it move in, start the next shot from the result (chain: other shots, taken one"
        " after another), or cut.",
    )
    loop: bool = Field(
        True, description="End as the film begins, or hold the last result for as much longer."
    )


class EncodeSettings(FrameSettings, FormatSettings):
    """How frames become a film, whatever they show."""

    heading = "Film"

    fps: Fps = Field(Fraction(30), description="Frames a second, also as 30000/1001.")
    strength: float = Field(
        1.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How much of the result is shown; the rest is the photo.",
    )

    def fitted(self, path: Path) -> Self:
        """The same, but at the nearest rate that the format of a film of that name can keep.

        Raises:
            ValueError: as `check_format`.
        """
        check_format(path, self)
        return self.model_copy(update={"fps": format_of(path).nearest_fps(self.fps)})


class CutSettings(PaceSettings, EncodeSettings):
    """How finished shots become a film, one painting after another."""

    heading = "Film"


class FilmSettings(CutSettings, ComposeSettings):
    """How finished shots become a medley."""

    heading = "Film"
