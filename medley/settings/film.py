"""How finished shots become a film."""

from fractions import Fraction
from typing import Literal

from pydantic import Field

from medley.settings.fields import Fps, Settings


class CutSettings(Settings):
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
    strength: float = Field(
        1.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How much of the result is shown; the rest is the photo.",
    )
    crf: int = Field(16, ge=1, le=51, description="H.264 quality: 1 is the best, 51 the worst.")


class FilmSettings(CutSettings):
    """How finished shots become a medley."""

    captions: Literal["auto", "none", "number", "title", "full"] = Field(
        "auto",
        description="Words on the film: full adds artist and year; auto: titles if they are known.",
    )
