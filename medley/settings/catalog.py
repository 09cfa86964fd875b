"""Which paintings of a catalog are used."""

from typing import Literal

from pydantic import Field

from medley.settings.base import Settings, Years


class CatalogSettings(Settings):
    """Which paintings of those that are there."""

    heading = "Paintings"

    sample: int | None = Field(
        None, ge=1, description="Draw this many of the paintings at random, instead of all by name."
    )
    seed: int = Field(
        0, ge=0, le=2**63 - 1, description="Decides the draw, and the noise of --init noise."
    )
    artist: str | None = Field(None, description="Only paintings by this artist.")
    genre: str | None = Field(None, description="Only paintings of this genre.")
    style_name: str | None = Field(None, description="Only paintings in this style.")
    years: Years | None = Field(
        None, description="Only paintings of a year, or of years such as 1880-1920."
    )
    split: Literal["test", "train", "all"] = Field(
        "test", description="Which part of Painter by Numbers; other folders have no parts."
    )
    spread: Literal["none", "artist", "genre", "style"] = Field(
        "none", description="With --sample: draw evenly over these."
    )

    @property
    def span(self) -> tuple[int, int] | None:
        """The first and the last of the years."""
        if self.years is None:
            return None
        first, _, last = self.years.partition("-")
        return int(first), int(last or first)
