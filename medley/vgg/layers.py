"""What VGG-19 is asked for by name: layers, and how it pools, pads and computes; without torch."""

from collections.abc import Sequence
from typing import Literal

from medley.settings import VGG_LAYERS

Pooling = Literal["max", "average", "average-scaled"]
Padding = Literal["zeros", "replicate", "reflect"]
Precision = Literal["float32", "tf32", "bfloat16", "float16"]
"""Types that the convolutions compute in; tf32 is CUDA's shorter float32, and nothing elsewhere."""

HALVES = ("bfloat16", "float16")
"""Precisions in which features are halves."""

LAYERS = tuple(VGG_LAYERS)
"""The thirty-seven layers in the order in which a picture passes them."""


def convolutions_for(layers: Sequence[str]) -> tuple[str, ...]:
    """Name the convolutions that must be there to reach all of `layers`.

    Raises:
        ValueError: a name is not one of `LAYERS`, or there is none.
    """
    return tuple(name for name in path_to(layers) if name.startswith("conv"))


def path_to(layers: Sequence[str]) -> tuple[str, ...]:
    """Name all layers that a picture passes to reach all of `layers`.

    Raises:
        ValueError: `convolutions_for` refuses a name.
    """
    unknown = [name for name in layers if name not in LAYERS]
    if unknown or not layers:
        raise ValueError(f"layers are names like 'relu4_2' ({len(LAYERS)} of them), not {unknown}")
    deepest = max(LAYERS.index(name) for name in layers)
    return LAYERS[: deepest + 1]
