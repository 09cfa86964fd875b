"""How a shot's colours and iterates are treated."""

from typing import Literal

from pydantic import Field

from medley.settings.fields import Settings


class FinishSettings(Settings):
    """What else decides a shot's pixels: whose colours, and which iterates."""

    heading = "Look"

    preserve_color: Literal["off", "luminance", "statistics"] = Field(
        "off",
        description="Keep the photo's colours: statistics recolors the painting by them first,"
        " luminance takes nothing but light and dark from it.",
    )
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Show the running mean of the iterates, in which each counts so many times as"
        " much as the next, such as 0.9; 0 shows each iterate itself.",
    )
