"""Settings of a run: devices, tiles, workspace, and a batch's engine."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from medley.settings.base import Settings, Text

SHORTEST_TILE = 64  # pixels; each tile is computed with 80 more pixels on each side


def parse_devices(text: str) -> tuple[str, ...]:
    """Read a list of devices, such as "cuda:0,cuda:1"; "auto" stands alone.

    Raises:
        ValueError: there can be no device of that name.
    """
    names = tuple(text.split(","))
    for name in names:
        if not re.fullmatch(r"cpu|mps|cuda(:\d{1,4})?" + ("|auto" if name == text else ""), name):
            raise ValueError(
                f"there is no device '{name}'; there are auto, cpu, cuda, cuda:0 and so on, mps,"
                " and several of them as in cuda:0,cuda:1"
            )
    return names


def _read_tile(value: Any) -> Any:
    if value in ("auto", "off"):
        return value
    try:
        side = int(value)
    except (TypeError, ValueError):
        side = 0
    if side < SHORTEST_TILE:
        raise ValueError(f"{value!r} is not auto, off, or a side of {SHORTEST_TILE} pixels or more")
    return side


TileSetting = Annotated[int | Literal["auto", "off"], BeforeValidator(_read_tile)]
Devices = Annotated[tuple[str, ...], Text(parse_devices, ",".join)]


class RunSettings(Settings):
    """Devices, memory and workspace of a run; none of these settings enters a shot's key."""

    heading = "Machine"

    device: Devices = Field(
        ("auto",),
        description="Where to compute: auto, cpu, cuda, cuda:N or mps; several, as in"
        " cuda:0,cuda:1, take different shots at once, each in its own process.",
    )
    tile: TileSetting = Field(
        "auto",
        description="Side in pixels of the tiles that a picture is computed in; auto: tiles if it"
        " does not fit into memory as a whole.",
    )
    deterministic: bool = Field(
        False,
        description="Compute so that a GPU comes to the same pixels every time, more slowly; on"
        " the CPU it does anyway.",
    )
    workspace: Path = Field(
        Path("outputs/workspace"), description="Folder that keeps all iterates."
    )


class EngineSettings(Settings):
    """Engine and workers of a batch, and retries of failed shots."""

    engine: Literal["local", "ray"] = Field(
        "local", description="Take shots in processes of this machine, or on a Ray cluster."
    )
    devices: Devices = Field(
        ("auto",),
        description="Devices that take different shots at once, such as cuda:0,cuda:1; auto: every"
        " CUDA device, else one of auto's kind. With Ray, cuda or cpu; auto: as its cluster has.",
    )
    workers: int = Field(
        1,
        ge=1,
        le=256,
        description="Processes on each device, which share its memory and the processor's threads.",
    )
    retries: int = Field(
        2,
        ge=0,
        le=100,
        description="How often a shot is tried again whose process died, or whose memory or disk"
        " did not suffice.",
    )
    shrink: bool = Field(
        False,
        description="A shot that ran out of memory is tried again in smaller tiles, which is"
        " slower.",
    )
    address: str | None = Field(
        None,
        pattern=r"^(auto|[^\s/:]+:\d{1,5})$",
        description="Of the Ray cluster that this machine belongs to: auto, or its head's"
        " HOST:PORT; without it, one is started here.",
    )
