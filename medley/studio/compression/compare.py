"""The effect of quantization on the features that style transfer looks at, scheme by scheme."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medley.images import read_picture, resize, size_for_pixels
from medley.settings.shot import CONTENT_LAYER, LOSS_LAYERS, STYLE_LAYERS
from medley.tensors import to_tensor
from medley.transfer.gram import gram_matrix
from medley.vgg import weightfile
from medley.vgg.layers import LAYERS, convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.normalization import CAFFE, Normalization
from medley.vgg.weights import Weights, load_weights

PIXELS = 128 * 128  # area at which features of pictures are compared
LOADS = 3  # loads that are timed; the best time counts

Tensors = Mapping[str, tuple[Tensor, Tensor]]

_CONVOLUTIONS = convolutions_for(LOSS_LAYERS)


@dataclass(frozen=True)
class Errors:
    """Relative errors of a network against the float one, averaged over all pictures.

    Attributes:
        features: relative error of features, |difference| / |float|, by layer.
        grams: relative error of Gram matrices, by style layer.
    """

    features: dict[str, float]
    grams: dict[str, float]

    @property
    def total(self) -> float:
        """One number to rank by: the squares of what style transfer compares, summed."""
        return sum(error**2 for error in self.grams.values()) + self.features[CONTENT_LAYER] ** 2

    @property
    def values(self) -> tuple[float, ...]:
        """All errors in a row, from which `of` makes them again."""
        features = (self.features[layer] for layer in LOSS_LAYERS)
        return (*features, *(self.grams[layer] for layer in STYLE_LAYERS))

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Make errors from a row of them."""
        count = len(LOSS_LAYERS)
        return cls(
            dict(zip(LOSS_LAYERS, values[:count], strict=True)),
            dict(zip(STYLE_LAYERS, values[count:], strict=True)),
        )


class FeatureComparison:
    """Holds the float network's features of a few pictures, and measures others against them."""

    def __init__(
        self, originals: Tensors, pictures: Sequence[Tensor], fed: Normalization = CAFFE
    ) -> None:
        """Compute the features.

        Args:
            originals: the float convolutions.
            pictures: tensors `(1, 3, height, width)` in [0, 1].
            fed: what the network wants to be fed.

        Raises:
            ValueError: there are no pictures.
        """
        if not pictures:
            raise ValueError("a comparison needs at least one picture")
        self.originals, self._fed = originals, fed
        self._pictures = pictures
        before = [layer for layer in map(_before, _CONVOLUTIONS) if layer]
        self._features = [
            self._see(originals, picture, [*LOSS_LAYERS, *before]) for picture in pictures
        ]

    def __call__(self, tensors: Tensors) -> Errors:
        """Measure a network; convolutions that it lacks are taken from the float one."""
        return self._errors(
            [self._see({**self.originals, **tensors}, one) for one in self._pictures]
        )

    def of_layer(self, name: str, weight: Tensor, bias: Tensor) -> Errors:
        """Measure the float network with one convolution replaced.

        Pictures pass only the layers from it on; a convolution behind all layers that are looked
        at has no errors.
        """
        if name not in _CONVOLUTIONS:
            return self._errors(self._features)
        changed = {**self.originals, name: (weight, bias)}
        if not (before := _before(name)):
            return self({name: (weight, bias)})
        beyond = [layer for layer in LOSS_LAYERS if LAYERS.index(layer) > LAYERS.index(before)]
        return self._errors(
            [here | self._see(changed, here[before], beyond, before) for here in self._features]
        )

    @torch.no_grad()
    def _see(
        self,
        tensors: Tensors,
        x: Tensor,
        layers: Sequence[str] = LOSS_LAYERS,
        after: str | None = None,
    ) -> dict[str, Tensor]:
        return dict(VGG19(tensors, layers, fed=self._fed).walk(x, after))

    def _errors(self, seen: Sequence[Mapping[str, Tensor]]) -> Errors:
        pairs = list(zip(seen, self._features, strict=True))

        def mean(layer: str, of: Callable[[Tensor], Tensor]) -> float:
            return fmean(_relative(of(now[layer]), of(exact[layer])) for now, exact in pairs)

        return Errors(
            {layer: mean(layer, lambda features: features) for layer in LOSS_LAYERS},
            {layer: mean(layer, gram_matrix) for layer in STYLE_LAYERS},
        )


@dataclass(frozen=True)
class Candidate:
    """One row of a comparison.

    Attributes:
        scheme, bits: scheme and bit width in which the weights are stored.
        size_bytes: size of the whole file.
        distortion: relative error of the weights, |difference|^2 / |float|^2 over all layers.
        load_s: seconds from the file to a ready network of all its layers.
        errors: errors of features and Gram matrices.
    """

    scheme: str
    bits: int
    size_bytes: int
    distortion: float
    load_s: float
    errors: Errors

    @property
    def values(self) -> NDArray[np.float64]:
        """All numbers but the bits in a row, from which `of` makes the candidate again."""
        return np.array([self.size_bytes, self.distortion, self.load_s, *self.errors.values])

    @classmethod
    def of(cls, scheme: str, bits: int, values: NDArray[np.float64]) -> Self:
        """Make a candidate from its numbers."""
        size_bytes, distortion, load_s, *errors = values.tolist()
        return cls(scheme, bits, int(size_bytes), distortion, load_s, Errors.of(errors))


def read_pictures(paths: Sequence[Path], pixels: int = PIXELS) -> list[Tensor]:
    """Read pictures at about `pixels` area, to compare or calibrate networks by.

    Returns:
        Tensors `(1, 3, height, width)` in [0, 1].

    Raises:
        PictureError: one of them is unreadable or too narrow.
    """
    found = []
    for path in paths:
        picture = read_picture(path)
        size = size_for_pixels(picture.height, picture.width, pixels)
        found.append(to_tensor(resize(picture, *size, path)))
    return found


def measure(path: Path, comparison: FeatureComparison) -> Candidate:
    """Time the loading of a weights file, and compare its features with the float network's.

    Raises:
        WeightsError: the file is not whole.
    """
    weights, load_s = load_timed(partial(load_weights, path))
    entries = weightfile.read_header(path).layers.values()
    counts = [torch.Size(entry.shape).numel() for entry in entries]
    off = sum(e.distortion * count for e, count in zip(entries, counts, strict=True))
    power = sum(e.power * count for e, count in zip(entries, counts, strict=True))
    bits = int(max(weights.layer_bits.values()))
    needed = {name: weights.tensors[name] for name in convolutions_for(LOSS_LAYERS)}
    errors = comparison(needed)
    return Candidate(weights.scheme, bits, weights.size_bytes, off / power, load_s, errors)


def load_timed(load: Callable[[], Weights]) -> tuple[Weights, float]:
    """Load weights a few times and time each load.

    Returns:
        The weights, and the fewest seconds from the call to a ready network of all layers.

    Raises:
        WeightsError: the weights are missing or damaged.
    """
    seconds = []
    for _ in range(LOADS):
        began = time.perf_counter()
        weights = load()
        VGG19(weights.tensors, [f"relu{name[4:]}" for name in weights.tensors])
        seconds.append(time.perf_counter() - began)
    return weights, min(seconds)


def _before(name: str) -> str | None:
    """The layer whose features a convolution takes; None for the picture itself."""
    place = LAYERS.index(name)
    return LAYERS[place - 1] if place else None


def _relative(seen: Tensor, reference: Tensor) -> float:
    return float((seen - reference).norm() / reference.norm())
