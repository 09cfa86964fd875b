"""Settings that choose the shots of a workspace to be removed."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from medley.settings.base import Settings

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _read_amount(value: Any, units: dict[str, int], example: str) -> Any:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", value)
    folded = {unit.lower(): size for unit, size in units.items()}
    if not found or found[2].lower() not in folded:
        raise ValueError(f"'{value}' is not an amount such as {example}; units: {', '.join(units)}")
    return float(found[1]) * folded[found[2].lower()]


def _read_age(value: Any) -> Any:
    return _read_amount(value, _SECONDS, "30d")


def _read_size(value: Any) -> Any:
    return _read_amount(value, _BYTES, "500MB")


Age = Annotated[float, BeforeValidator(_read_age), Field(ge=0)]
Size = Annotated[float, BeforeValidator(_read_size), Field(ge=0)]


def amount(size_bytes: float) -> str:
    """Write a number of bytes in a suitable unit: "1.2 MB"."""
    for unit in ("GB", "MB", "KB"):
        number = size_bytes / _BYTES[unit]
        if number >= 1:
            digits = 1 if number < 10 or unit == "GB" else 0
            return f"{number:.{digits}f} {unit}"
    return f"{size_bytes:.0f} bytes"


class PruneSettings(Settings):
    """Conditions under which shots of a workspace are removed; all that are set must hold."""

    older_than: Age | None = Field(
        None, description="Shots that have not changed for so long: 12h, 30d or 8w."
    )
    larger_than: Size | None = Field(None, description="Shots that are larger: 500MB or 2GB.")
    keep_size: Size | None = Field(
        None, description="The oldest, until the others take no more than this: 50GB."
    )
    unused: bool = Field(
        False, description="Shots that no film's sidecar names and no film waits for."
    )
    iterates: bool = Field(
        False, description="Keep the first and the last iterate of finished shots: the result."
    )
