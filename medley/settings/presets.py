"""Presets: size, steps, scales and saving set together, by what the film is for."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field

from medley.settings.base import Settings, rival_of

Quality = Literal["draft", "standard", "fine"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)

Kind = Literal["cpu", "gpu"]
"""What a device is, as far as presets care; Apple's MPS counts as a GPU."""
KINDS: tuple[Kind, ...] = get_args(Kind)

MEANINGS: Mapping[Quality, str] = {
    "draft": "to choose paintings and weights by: about a minute for three on two cores",
    "standard": "the defaults: minutes a painting on a laptop's CPU",
    "fine": "for a large screen: about seven minutes a painting on two cores with AMX",
}

_PRESETS: Mapping[Quality, Mapping[Kind, Mapping[str, Any]]] = {
    # One size is enough below 400 pixels: the network sees most of the picture at once.
    "draft": {
        "cpu": {"pixels": 224 * 224, "steps": 30, "scales": 1, "keep_every": 1},
        "gpu": {"pixels": 384 * 384, "steps": 60, "scales": 1, "keep_every": 1},
    },
    "standard": {"cpu": {}, "gpu": {}},
    # Sixty steps at each of its sizes: eighty end a little lower, which is not seen.
    "fine": {
        "cpu": {"pixels": 640 * 640, "steps": 180, "scales": "auto", "keep_every": 1},
        "gpu": {"pixels": 1280 * 1280, "steps": 300, "scales": "auto", "keep_every": 2},
    },
}


class QualitySettings(Settings):
    """Which preset stands where nothing else is said."""

    heading = "Size and time"

    quality: Quality = Field(
        "standard",
        description="Size, steps, scales and saving together, as medley presets lists them; what"
        " is given besides wins.",
    )


def preset(quality: Quality, kind: Kind) -> Mapping[str, Any]:
    """What a preset sets on a kind of device; what it does not name keeps its default."""
    return _PRESETS[quality][kind]


def beneath(given: Mapping[str, Any], quality: Quality, kind: Kind) -> dict[str, Any]:
    """What a preset sets beneath the settings that are given: neither those nor their rivals."""
    taken = {*given, *map(rival_of, given)}
    return {name: value for name, value in preset(quality, kind).items() if name not in taken}


def kind_named(device: str) -> Kind:
    """The kind of device that a name says outright; "auto" counts as a CPU."""
    return "cpu" if device in ("auto", "cpu") else "gpu"
