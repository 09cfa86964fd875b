"""Where a run computes and keeps its shots."""

from pathlib import Path

from pydantic import Field

from medley.settings.fields import Devices, Settings, TileWish


class RunSettings(Settings):
    """Where a run computes and keeps its shots; none of it changes what a shot shows."""

    heading = "Machine"

    device: Devices = Field(
        "auto",
        description="Where to compute: auto, cpu, cuda, cuda:N or mps; several, as in"
        " cuda:0,cuda:1, take different shots at once, each in its own process.",
    )
    tile: TileWish = Field(
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
