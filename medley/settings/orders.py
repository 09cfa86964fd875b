"""What a whole film is ordered by: its inputs and every knob, whoever orders it.

The command line, a config file and a batch's manifest all come down to one of these.
"""

from pathlib import Path
from typing import TypeVar

from pydantic import Field

from medley.settings.catalog import CatalogSettings
from medley.settings.fields import Settings
from medley.settings.film import CutSettings, FilmSettings
from medley.settings.networks import SweepSettings
from medley.settings.run import RunSettings
from medley.settings.shot import LookSettings, ShotSettings

Schema = TypeVar("Schema", bound=Settings)


def order_names() -> frozenset[str]:
    """Every name that some order knows: a file may hold them all, and each takes its own."""
    return frozenset(name for order in ORDERS for name in order.model_fields)


class Order(Settings):
    """What every film is ordered by."""

    styles: tuple[Path, ...] = Field(
        min_length=1,
        description="Folders of paintings, or paintings; repeatable, or several at once.",
    )
    output: Path | None = Field(None, description="The film, ending in .mp4.")

    def part(self, schema: type[Schema]) -> Schema:
        """The fields of this order that another schema has."""
        return schema(**{name: getattr(self, name) for name in schema.model_fields})


class RenderOrder(RunSettings, FilmSettings, ShotSettings, CatalogSettings, Order):
    """A medley: one photo through many paintings."""

    content: Path = Field(description="The photo to be repainted.")

    @property
    def film_path(self) -> Path:
        """Where the film goes."""
        return self.output or Path("outputs", f"{self.content.stem}-medley.mp4")


class SweepOrder(RunSettings, CutSettings, LookSettings, CatalogSettings, SweepSettings, Order):
    """A sweep: the same shots with the network at many bit widths."""

    contents: tuple[Path, ...] = Field(
        min_length=1, description="The photo to be repainted; repeatable."
    )

    @property
    def film_path(self) -> Path:
        """Where the film goes."""
        return self.output or Path("outputs", f"{self.contents[0].stem}-sweep.mp4")


ORDERS: tuple[type[Order], ...] = (RenderOrder, SweepOrder)
"""All that can be ordered."""
