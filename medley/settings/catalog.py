"""Settings that choose paintings of a catalog, and what ships: by name, or where none is named."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from medley.settings.base import Settings, Text, is_set
from medley.settings.shot import NetStart
from medley.shipped import name_of, painting_at, shipped_folder
from medley.shipped_nets import net_at, net_name_of
from medley.shipped_weights import weights_at, weights_name_of

SHIPPED_SAMPLE = 3
"""Paintings that are drawn of those that ship where none are named."""


def find_shipped(name: str, value: Any, folder: Path = Path()) -> Any:
    """Find the paintings, style network or weights that a setting's value means by their names.

    Args:
        name: name of the setting.
        value: its value; most settings name no such thing.
        folder: folder that a relative path is relative to, where one that exists wins over a name.
    """
    return _changed(
        name,
        value,
        lambda path: painting_at(path, folder),
        lambda path: net_at(path, folder),
        lambda path: weights_at(path, folder),
    )


def name_shipped(name: str, value: Any) -> Any:
    """Name the paintings, style network or weights that ship and stand in a setting's value."""
    return _changed(name, value, name_of, net_name_of, weights_name_of)


def _changed(
    name: str,
    value: Any,
    painting: Callable[[Path], Path],
    net: Callable[[Path], Path],
    weights: Callable[[Path], Path],
) -> Any:
    if name == "weights" and value:
        return tuple(map(weights, value)) if isinstance(value, tuple) else weights(value)
    if name == "styles":
        return tuple(map(painting, value))
    if name == "mask":
        return tuple(wish._replace(painting=painting(wish.painting)) for wish in value)
    return value._replace(path=net(value.path)) if isinstance(value, NetStart) else value


def with_shipped(values: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a film's values by flat name: without paintings, some that ship are drawn."""
    if is_set(values.get("styles")) or values.get("mask"):
        return dict(values)
    sample = values.get("sample") or SHIPPED_SAMPLE
    return {**values, "styles": (shipped_folder(),), "sample": sample}


def parse_years(text: str) -> tuple[int, int]:
    """Read a year such as "1890", or the first and the last of several, such as "1880-1920".

    Raises:
        ValueError: the text is neither, or the last year comes before the first.
    """
    found = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a year such as 1890, or two such as 1880-1920")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise ValueError(f"{text!r} ends before it begins")
    return first, last


def format_years(years: tuple[int, int]) -> str:
    """Write years in the form that `parse_years` reads."""
    return "-".join(f"{year:04}" for year in dict.fromkeys(years))


class CatalogSettings(Settings):
    """Filters and sampling of the paintings of a catalog."""

    heading = "Paintings"

    sample: int | None = Field(
        None, ge=1, description="Draw this many of the paintings at random, instead of all by name."
    )
    seed: int = Field(
        0,
        ge=0,
        le=2**63 - 1,
        description="Decides the draw, and the noise of {init} noise.",
    )
    artist: str | None = Field(None, description="Only paintings by this artist.")
    genre: str | None = Field(None, description="Only paintings of this genre.")
    style_name: str | None = Field(None, description="Only paintings in this style.")
    years: Annotated[tuple[int, int], Text(parse_years, format_years)] | None = Field(
        None, description="Only paintings of a year, or of years such as 1880-1920."
    )
    split: Literal["test", "train", "all"] = Field(
        "test", description="Which part of Painter by Numbers; other folders have no parts."
    )
    spread: Literal["none", "artist", "genre", "style"] = Field(
        "none", description="With {sample}: draw evenly over these."
    )
