"""VGG-19's features by layer name; pictures are brought to what it is fed here and nowhere else.

Source: Simonyan and Zisserman (2015), Very Deep Convolutional Networks for Large-Scale Image
Recognition, configuration E (arXiv 1409.1556). Its authors trained it on BGR in 0-255 with the
training set's mean colour subtracted, and that is what the weights that ship still want.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from medley.settings import VGG_LAYERS
from medley.tensors import constant
from medley.vgg.convolution import convolve
from medley.vgg.layers import Padding, Pooling, Precision, convolutions_for, path_to
from medley.vgg.normalization import CAFFE, Normalization

# By what averages of 2x2 features are multiplied to have the power of their maxima: the mean over
# medley's own paintings and four other pictures, from which single ones stray by 7 %.
_POOL_SCALES = {"pool1": 1.28, "pool2": 1.67, "pool3": 1.42, "pool4": 2.05, "pool5": 1.58}

_HALF_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_DIVISORS = {"bfloat16": 1.0, "float16": 64.0}
"""Divisor of features while they are halves: relu4_2 reaches 13,000, float16 65,504."""

_FIRST = "conv1_1"


def normalize(image: Tensor, fed: Normalization) -> Tensor:
    """Bring an RGB picture `(1, 3, height, width)` in [0, 1] to what the first layer wants."""
    x = image.flip(1) if fed.order == "BGR" else image
    x = x * fed.top - constant(fed.mean, image.dtype, image.device).view(1, 3, 1, 1)
    if fed.deviation != (1.0, 1.0, 1.0):
        x = x / constant(fed.deviation, image.dtype, image.device).view(1, 3, 1, 1)
    return x


class VGG19(nn.Module):
    """The convolutional part of VGG-19, cut off behind the deepest layer that is asked for.

    Args:
        weights: weight `(out, in, 3, 3)` and bias `(out,)` of each needed convolution, by name.
        layers: names from `LAYERS` whose features are wanted.
        pooling: "max" as trained, or "average" as Gatys et al. (2016), section 2, prefer; that
            weakens features, and "average-scaled" makes up for it.
        precision: type of all convolutions but the first, whose input has more digits than a
            bfloat16.
            Features are bfloat16 with it, else float32.
        padding: what convolutions see beyond the border: "zeros" as trained, or the features
            there once more ("replicate"), or mirrored ("reflect").
        fed: normalization of the pictures that the weights were trained on.

    Raises:
        ValueError: an unknown layer, pooling or padding, or a convolution without weights.
    """

    def __init__(
        self,
        weights: Mapping[str, tuple[Tensor, Tensor]],
        layers: Sequence[str],
        pooling: Pooling = "max",
        precision: Precision = "float32",
        padding: Padding = "zeros",
        fed: Normalization = CAFFE,
    ) -> None:
        """Keep references to the weights; only halves are copies."""
        super().__init__()
        for what, value, known in (("pooling", pooling, Pooling), ("padding", padding, Padding)):
            if value not in get_args(known):
                raise ValueError(f"{what} is one of {', '.join(get_args(known))}, not {value!r}")
        self._path = path_to(layers)
        self._wanted = frozenset(layers)
        self._pool = _pool_maxima if pooling == "max" else _pool_averages
        self._scales = _POOL_SCALES if pooling == "average-scaled" else {}
        self._padding, self._fed = padding, fed
        self.precision = precision
        self._half = _HALF_TYPES.get(precision)
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
        """Map an RGB picture `(1, 3, height, width)` in [0, 1] to its features by layer name.

        Raises:
            ValueError: the picture has another shape or type, or is too small for a layer.
        """
        if not isinstance(image, Tensor):
            raise ValueError(
                f"a network takes a float tensor (1, 3, height, width), not {type(image).__name__};"
                " medley.features takes files and pictures too"
            )
        kind = self.get_buffer(f"{_FIRST}_weight").dtype  # also in halves, the first is none
        if image.ndim != 4 or image.shape[1] != 3 or image.dtype != kind:
            raise ValueError(
                f"a network takes a tensor (1, 3, height, width) of {kind}, not"
                f" {image.dtype} {tuple(image.shape)}"
            )
        last = VGG_LAYERS[self._path[-1]]
        if min(image.shape[2:]) < last.stride:
            raise ValueError(
                f"{last.name} needs {last.stride} pixels or more on the short side, not a tensor"
                f" {tuple(image.shape)}; enlarge it, or ask for layers before {last.name}"
            )
        return dict(self.walk(image))

    def walk(self, image: Tensor, after: str | None = None) -> Iterator[tuple[str, Tensor]]:
        """Yield the wanted layers' names and features in the order in which they come to be.

        Args:
            image: RGB picture `(1, 3, height, width)` in [0, 1], or features to go on from.
            after: name of the layer whose features are given; None for a picture.

        Features that the caller is done with need not stay until the last are there. What autograd
        does with each on the spot, it also undoes on the spot: made from the whole dictionary, the
        gradients of all layers would lie in memory at once, a third more in all.
        """
        x = image if after else normalize(image, self._fed)
        for name in self._path[self._path.index(after) + 1 if after else 0 :]:
            if name.startswith("conv"):
                weight, bias = (self.get_buffer(f"{name}_{what}") for what in ("weight", "bias"))
                by_zeros = self._padding == "zeros"
                x = x if by_zeros else _framed(x, self._padding)
                x = convolve(x, weight, bias, int(by_zeros), self.precision == "tf32")
                if self._half and name == _FIRST:
                    x = x / self._divisor if self._divisor != 1 else x
                    x = x.to(self._half, memory_format=torch.channels_last)
            elif name.startswith("relu"):
                # In place where nobody asked for the convolution's own output: half the memory.
                in_place = name.replace("relu", "conv") not in self._wanted
                x = nnf.relu(x, inplace=in_place)
            else:
                x = self._pool(x)
                x = x * self._scales[name] if name in self._scales else x
            if name in self._wanted:
                yield name, x.float() * self._divisor if x.dtype == torch.float16 else x


def _pool_averages(x: Tensor) -> Tensor:
    return nnf.avg_pool2d(x, 2)


def _pool_maxima(x: Tensor) -> Tensor:
    pooled: Tensor = _MaxPool.apply(x)
    return pooled


class _MaxPool(torch.autograd.Function):
    """Pool like `max_pool2d`, but find out anew on the way back where the maxima lie.

    torch keeps their places as int64: of all four pools, a quarter of what halves keep in all.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return nnf.max_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        _, places = nnf.max_pool2d(x, 2, return_indices=True)
        side, none, apart = [2, 2], [0, 0], [1, 1]
        gradient: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
            slopes[0], x, side, side, none, apart, False, places
        )
        return gradient


def _framed(x: Tensor, padding: Padding) -> Tensor:
    """Put one more row or column on each side; torch's own padding can have random gradients."""
    for dim in (2, 3):
        last = x.shape[dim] - 1
        inward = int(padding == "reflect" and last > 0)
        first, end = x.narrow(dim, inward, 1), x.narrow(dim, last - inward, 1)
        x = torch.cat([first, x, end], dim)
    return x
