"""How finished shots become a film."""

from fractions import Fraction
from pathlib import Path
from typing import Literal, Self

from pydantic import Field

from medley.settings.fields import Fps
from medley.settings.formats import FormatSettings, check_format, format_of


class CutSettings(FormatSettings):
    """How finished shots become any film."""

    fps: Fps = Field(Fraction(30), description="Frames a second, also as 30000/1001.")
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
    pace: Literal["visual", "even"] = Field(
        "visual", description="Spread frames by what the eye sees change, or evenly over steps."
    )

    def fitted(self, path: Path) -> Self:
        """The same, but at the nearest rate that the format of a film of that name can keep.

        Raises:
            ValueError: as `check_format`.
        """
        check_format(path, self)
        return self.model_copy(update={"fps": format_of(path).nearest_fps(self.fps)})


class FilmSettings(CutSettings):
    """How finished shots become a medley."""

    captions: Literal["auto", "none", "number", "title", "full"] = Field(
        "auto",
        description="Words on the film: full adds artist and year; auto: titles if they are known.",
    )
