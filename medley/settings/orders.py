"""What a whole film is ordered by: its inputs and every knob, whoever orders it.

The command line, a config file and a batch's manifest all come down to one of these.
"""

from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import Field, model_validator

from medley.settings.base import Settings
from medley.settings.catalog import CatalogSettings
from medley.settings.film import (
    ENDINGS,
    USUAL_SUFFIX,
    CutSettings,
    EncodeSettings,
    FilmSettings,
    WalkSettings,
    check_format,
)
from medley.settings.networks import SweepSettings
from medley.settings.presets import QualitySettings
from medley.settings.run import RunSettings
from medley.settings.shot import BlendSettings, LookSettings, ShotSettings, parse_mask

Schema = TypeVar("Schema", bound=Settings)


def order_names() -> frozenset[str]:
    """Every name that some order knows: a file may hold them all, and each takes its own."""
    return frozenset(name for order in ORDERS for name in order.model_fields)


class Order(EncodeSettings, QualitySettings):
    """What every film is ordered by."""

    heading = "Inputs and output"

    styles: tuple[Path, ...] = Field(
        min_length=1,
        description="Folders of paintings, or paintings; repeatable, or several at once.",
    )
    output: Path | None = Field(None, description=f"The film, ending in {ENDINGS}.")

    @model_validator(mode="after")
    def _has_a_format(self) -> Self:
        check_format(self.film_path, self)
        return self

    def part(self, schema: type[Schema]) -> Schema:
        """The fields of this order that another schema has, the rate as its format can keep it."""
        own = self.fitted(self.film_path)
        return schema(**{name: getattr(own, name) for name in schema.model_fields})

    @property
    def film_path(self) -> Path:
        """Where the film goes."""
        return self.output or Path("outputs", f"film{USUAL_SUFFIX}")

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files named one by one that it is made of, which no output may replace."""
        return (self.audio,) if self.audio else ()


class RenderOrder(RunSettings, FilmSettings, ShotSettings, BlendSettings, CatalogSettings, Order):
    """A medley: one photo through many paintings."""

    content: Path = Field(description="The photo to be repainted.")

    @model_validator(mode="before")
    @classmethod
    def _masks_bring_their_paintings(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not values.get("mask"):
            return values
        masked = tuple(dict.fromkeys(Path(parse_mask(text).painting) for text in values["mask"]))
        named = tuple(map(Path, values.get("styles") or masked))
        if named != masked:
            raise ValueError("--mask names its paintings itself; leave --styles out")
        return values | {"styles": masked}

    @model_validator(mode="after")
    def _shares_one_shot(self) -> Self:
        if self.style_weights and not self.is_one_shot:
            raise ValueError("--style-weights is for paintings in one shot; pass --blend with it")
        if self.mask and self.sample:
            raise ValueError("--mask names its paintings, and --sample draws others; give one")
        return self

    @property
    def film_path(self) -> Path:
        """Where the film goes."""
        return self.output or Path("outputs", f"{self.content.stem}-medley{USUAL_SUFFIX}")

    @property
    def inputs(self) -> tuple[Path, ...]:
        """As of every order, and the photo and its masks."""
        return self.content, *self.mask_files, *super().inputs


class SweepOrder(RunSettings, LookSettings, CatalogSettings, SweepSettings, CutSettings, Order):
    """A sweep: the same shots with the network at many bit widths."""

    contents: tuple[Path, ...] = Field(
        min_length=1, description="The photo to be repainted; repeatable."
    )

    @model_validator(mode="after")
    def _shots_start_alike(self) -> Self:
        if self.transition == "chain":
            raise ValueError(
                "--transition chain starts each shot from another's result, and a sweep compares"
                " shots that start alike; pass rewind, dissolve, wipe or cut"
            )
        return self

    @property
    def film_path(self) -> Path:
        """Where the film goes."""
        return self.output or Path("outputs", f"{self.contents[0].stem}-sweep{USUAL_SUFFIX}")

    @property
    def inputs(self) -> tuple[Path, ...]:
        """As of every order, and the photos."""
        return *self.contents, *super().inputs


class WalkOrder(RunSettings, ShotSettings, CatalogSettings, WalkSettings, Order):
    """A style walk: one photo that follows a path through the paintings."""

    content: Path = Field(description="The photo to be repainted.")

    @property
    def film_path(self) -> Path:
        """Where the film goes."""
        return self.output or Path("outputs", f"{self.content.stem}-walk{USUAL_SUFFIX}")

    @property
    def inputs(self) -> tuple[Path, ...]:
        """As of every order, and the photo."""
        return self.content, *super().inputs


ORDERS: tuple[type[Order], ...] = (RenderOrder, SweepOrder, WalkOrder)
"""All that can be ordered."""
