"""VGG-19's features by layer name; the network's input convention lives here and nowhere else.

Source: Simonyan and Zisserman (2015), Very Deep Convolutional Networks for Large-Scale Image
Recognition, configuration E (arXiv 1409.1556). Its authors trained it on BGR in 0-255 with the
training set's mean colour subtracted, and that is what these weights still want.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

Pooling = Literal["max", "average"]
Precision = Literal["float32", "tf32", "bfloat16", "float16"]
"""What the convolutions compute in; tf32 is CUDA's shorter float32, and nothing elsewhere."""

HALVES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_DIVISORS = {"bfloat16": 1.0, "float16": 64.0}
"""By what features are divided while they are halves: relu4_2 reaches 13,000, float16 65,504."""

CONVOLUTIONS_PER_BLOCK = (2, 2, 4, 4, 4)
_FIRST = "conv1_1"
_MEAN_BGR = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)


def _layer_names() -> tuple[str, ...]:
    names = []
    for block, count in enumerate(CONVOLUTIONS_PER_BLOCK, start=1):
        for index in range(1, count + 1):
            names += [f"conv{block}_{index}", f"relu{block}_{index}"]
        names.append(f"pool{block}")
    return tuple(names)


LAYERS = _layer_names()
"""The thirty-seven layers in the order in which a picture passes them."""


def convolutions_for(layers: Sequence[str]) -> tuple[str, ...]:
    """Name the convolutions that must be there to reach all of `layers`.

    Raises:
        ValueError: a name is not one of `LAYERS`, or there is none.
    """
    return tuple(name for name in _path_to(layers) if name.startswith("conv"))


def center(image: Tensor) -> Tensor:
    """Bring an RGB picture `(1, 3, height, width)` in [0, 1] to what the first layer wants."""
    return image.flip(1) * 255 - _MEAN_BGR.to(image)


class VGG19(nn.Module):
    """The convolutional part of VGG-19, cut off behind the deepest layer that is asked for.

    Args:
        weights: for each needed convolution its weight `(out, in, 3, 3)` and bias `(out,)`.
        layers: names from `LAYERS` whose features are wanted.
        pooling: "max" as trained, or "average" as Gatys et al. (2016), section 2, prefer.
        precision: of all convolutions but the first, whose input has more digits than a bfloat16.
            Features are bfloat16 with it, else float32.

    Raises:
        ValueError: an unknown layer or pooling, or a convolution without weights.
    """

    def __init__(
        self,
        weights: Mapping[str, tuple[Tensor, Tensor]],
        layers: Sequence[str],
        pooling: Pooling = "max",
        precision: Precision = "float32",
    ) -> None:
        """Keep references to the weights; only halves are copies."""
        super().__init__()
        if pooling not in ("max", "average"):
            raise ValueError(f"pooling is 'max' or 'average', not {pooling!r}")
        self._path = _path_to(layers)
        self._wanted = frozenset(layers)
        self._pool = nnf.max_pool2d if pooling == "max" else nnf.avg_pool2d
        self._half = HALVES.get(precision)
        self._divisor = _DIVISORS.get(precision, 1.0)
        for name in convolutions_for(layers):
            if name not in weights:
                raise ValueError(f"no weights were given for {name}")
            weight, bias = weights[name]
            if self._half and name != _FIRST:
                # The network is homogeneous: input and biases divided, all features are divided.
                weight = weight.to(self._half, memory_format=torch.channels_last)
                bias = (bias / self._divisor).to(self._half)
            self.register_buffer(f"{name}_weight", weight, persistent=False)
            self.register_buffer(f"{name}_bias", bias, persistent=False)

    def weights(self) -> dict[str, tuple[Tensor, Tensor]]:
        """The convolutions' weights and biases as they are, on the network's device."""
        return {
            name: (self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias"))
            for name in self._path
            if name.startswith("conv")
        }

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Map an RGB picture `(1, 3, height, width)` in [0, 1] to its features by layer name."""
        return dict(self.walk(image))

    def walk(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield the wanted layers' names and features in the order in which they come to be.

        Features that the caller is done with need not stay until the last are there. What autograd
        does with each on the spot, it also undoes on the spot: made from the whole dictionary, the
        gradients of all layers would lie in memory at once, a third more in all.
        """
        x = center(image)
        for name in self._path:
            if name.startswith("conv"):
                weight = self.get_buffer(f"{name}_weight")
                x = nnf.conv2d(x, weight, self.get_buffer(f"{name}_bias"), padding=1)
                if self._half and name == _FIRST:
                    x = (x / self._divisor).to(self._half, memory_format=torch.channels_last)
            elif name.startswith("relu"):
                # In place where nobody asked for the convolution's own output: half the memory.
                in_place = name.replace("relu", "conv") not in self._wanted
                x = nnf.relu(x, inplace=in_place)
            else:
                x = self._pool(x, 2)
            if name in self._wanted:
                yield name, x.float() * self._divisor if x.dtype == torch.float16 else x


def _path_to(layers: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in layers if name not in LAYERS]
    if unknown or not layers:
        raise ValueError(f"layers are names like 'relu4_2' ({len(LAYERS)} of them), not {unknown}")
    deepest = max(LAYERS.index(name) for name in layers)
    return LAYERS[: deepest + 1]
