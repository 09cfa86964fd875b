"""What stands on a film's frames beside the pictures."""

from typing import Literal, Self

from pydantic import Field, model_validator

from medley.settings.fields import Settings

Corner = Literal["none", "top-left", "top-right", "bottom-left", "bottom-right"]


class ComposeSettings(Settings):
    """What stands on a film's frames beside the pictures."""

    heading = "On the frames"

    captions: Literal["auto", "none", "number", "title", "full"] = Field(
        "auto",
        description="Words on the film: full adds artist and year; auto: titles if they are known.",
    )
    title: str | None = Field(
        None, description="A title over the photo before the film; a second line is smaller."
    )
    title_seconds: float = Field(
        3.0, ge=0.5, le=60, allow_inf_nan=False, description="Film time of the title, added to it."
    )
    inset: Corner = Field("none", description="The painting, small, in a corner of its results.")
    sparkline: Corner = Field(
        "none", description="The falling loss, as a small curve in a corner, up to the step shown."
    )
    beside: Literal["none", "content"] = Field(
        "none", description="What stands beside the picture, or above it where that is larger."
    )

    @model_validator(mode="after")
    def _corners_are_free(self) -> Self:
        if self.inset == self.sparkline != "none":
            raise ValueError(
                f"--inset and --sparkline are both {self.inset}; put one of them elsewhere"
            )
        return self
