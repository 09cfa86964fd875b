"""Presets: size, steps, scales and kept iterates together, by the purpose of the film."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field

from medley.settings.base import Settings, rival_of

Quality = Literal["draft", "standard", "fine"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)

Kind = Literal["cpu", "gpu"]
"""Kinds of device that presets distinguish; Apple's MPS counts as a GPU."""
DEVICE_KINDS: tuple[Kind, ...] = get_args(Kind)

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
    """Choice of the preset, which gives defaults for settings that are not set."""

    heading = "Size and time"

    quality: Quality = Field(
        "standard",
        description="Size, steps, scales and saving together, as medley presets lists them; what"
        " is given besides wins.",
    )


def preset(quality: Quality, kind: Kind) -> Mapping[str, Any]:
    """The settings of a preset on a kind of device; others keep their defaults."""
    return _PRESETS[quality][kind]


def beneath(given: Mapping[str, Any], quality: Quality, kind: Kind) -> dict[str, Any]:
    """The settings that a preset adds to the given ones: neither those nor their rivals."""
    taken = {*given, *map(rival_of, given)}
    return {name: value for name, value in preset(quality, kind).items() if name not in taken}


def kind_named(device: str) -> Kind:
    """The kind of device by its name alone; "auto" counts as a CPU."""
    return "cpu" if device in ("auto", "cpu") else "gpu"
