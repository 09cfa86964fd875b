"""Settings of the training of a style network."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from medley.settings.base import Settings, Side

SHORTEST_TRAINING_SIDE = 64  # pixels; relu4_1 of a smaller crop is too few places for statistics


def _check_net_bits(bits: int) -> int:
    if bits not in (*range(1, 9), 32):
        raise ValueError(f"{bits} is not a width; a network has 1 to 8 bits a weight, or 32")
    return bits


class ShapeSettings(Settings):
    """Size of a style network."""

    heading = "Network"

    family: Literal["small", "full"] = Field(
        "small",
        description="small: the same channels in all layers; full: 32, 64 and 128 (Johnson et al."
        " 2016).",
    )
    width: float | None = Field(
        None,
        gt=0,
        le=4,
        description="Channels, as a multiple: small has 32 times as many in all layers, 9 unless"
        " given; full has its own times as many.",
    )
    blocks: int | None = Field(
        None, ge=0, le=20, description="Residual blocks: small has 3, full has 5."
    )
    net_bits: Annotated[int, AfterValidator(_check_net_bits)] = Field(
        8, description="Bits a weight of the written network: 1 to 8, or 32 for float."
    )


class TrainSettings(Settings):
    """What a style network learns, and for how long."""

    heading = "Training"

    steps: int | None = Field(
        None, ge=1, le=10**7, description="Training steps.  [default: 3000, or as {minutes} allows]"
    )
    minutes: float | None = Field(
        None, gt=0, le=10**5, description="Minutes to train, instead of {steps}."
    )
    crop: Annotated[int, Field(ge=SHORTEST_TRAINING_SIDE, le=1024)] = Field(
        128, description="Side in pixels of the photos' crops; half as many are twice as large."
    )
    batch: int = Field(4, ge=1, le=256, description="Crops a step.")
    stroke: Side = Field(
        384,
        description="Longest side in pixels at which a painting is looked at: a larger one makes"
        " larger strokes.",
    )
    style_weight: float = Field(
        1.0, gt=0, le=1000, description="Painting against photo: more is more of the painting."
    )
    palette_weight: float = Field(
        1.0, ge=0, le=1000, description="How much the painting's range of colours counts."
    )
    rate: float = Field(
        0.01, gt=0, le=1, description="Adam's learning rate at the start; it falls to none."
    )
