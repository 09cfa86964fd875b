"""Where many shots are taken at once, and what becomes of those that fail."""

from typing import Literal

from pydantic import Field

from medley.settings.fields import Devices, Settings


class EngineSettings(Settings):
    """Where many shots are taken at once, and what becomes of those that fail."""

    engine: Literal["local", "ray"] = Field(
        "local", description="Take shots in processes of this machine, or on a Ray cluster."
    )
    devices: Devices = Field(
        "auto",
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
