"""How a style walk goes through its paintings."""

from pydantic import Field

from medley.settings.fields import Settings


class WalkSettings(Settings):
    """How a style walk goes through its paintings."""

    heading = "Film"

    seconds_per_painting: float = Field(
        4.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="Film time from one painting to the next.",
    )
    steps_per_frame: int = Field(
        2, ge=1, le=100, description="Optimizer steps by which the picture follows in each frame."
    )
    walk_rate: float = Field(
        0.01,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Adam's step while it follows, of the way from black to white: larger ones"
        " follow more closely, smaller ones more calmly.",
    )
    photo_pull: float = Field(
        10.0,
        ge=0,
        le=1e6,
        allow_inf_nan=False,
        description="How many times as strongly as by --content-weight the photo is held on to:"
        " a picture that never starts over would lose it.",
    )
    linger: float = Field(
        0.5,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="How much slower the walk passes a painting than it goes on average.",
    )
