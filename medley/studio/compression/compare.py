"""The effect of quantization on the features that style transfer looks at, scheme by scheme."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from medley.images import read_picture, resize, size_for_pixels
from medley.settings.shot import CONTENT_LAYER, LOSS_LAYERS, STYLE_LAYERS
from medley.tensors import to_tensor
from medley.transfer.gram import gram_matrix
from medley.vgg import weightfile
from medley.vgg.layers import convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.weights import Weights, load_weights

PIXELS = 128 * 128  # area at which features of pictures are compared
LOADS = 3  # loads that are timed; the best time counts

Tensors = Mapping[str, tuple[Tensor, Tensor]]


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


class FeatureComparison:
    """Holds the float network's features of a few pictures, and measures others against them."""

    def __init__(self, originals: Tensors, pictures: Sequence[Tensor]) -> None:
        """Compute the features.

        Args:
            originals: the float convolutions.
            pictures: tensors `(1, 3, height, width)` in [0, 1].

        Raises:
            ValueError: there are no pictures.
        """
        if not pictures:
            raise ValueError("a comparison needs at least one picture")
        self.originals = originals
        self._pictures = pictures
        self._features = [self._see(originals, picture) for picture in pictures]

    def __call__(self, tensors: Tensors) -> Errors:
        """Measure a network; convolutions that it lacks are taken from the float one."""
        off = dict.fromkeys(LOSS_LAYERS, 0.0)
        off_grams = dict.fromkeys(STYLE_LAYERS, 0.0)
        for picture, features in zip(self._pictures, self._features, strict=True):
            seen = self._see({**self.originals, **tensors}, picture)
            for layer in LOSS_LAYERS:
                off[layer] += _relative(seen[layer], features[layer])
            for layer in STYLE_LAYERS:
                grams = gram_matrix(seen[layer]), gram_matrix(features[layer])
                off_grams[layer] += _relative(*grams)
        count = len(self._pictures)
        return Errors(
            {layer: total / count for layer, total in off.items()},
            {layer: total / count for layer, total in off_grams.items()},
        )

    @staticmethod
    @torch.no_grad()
    def _see(tensors: Tensors, picture: Tensor) -> dict[str, Tensor]:
        features: dict[str, Tensor] = VGG19(tensors, LOSS_LAYERS)(picture)
        return features


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
    bits = max(weights.layer_bits.values())
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


def _relative(seen: Tensor, reference: Tensor) -> float:
    return float((seen - reference).norm() / reference.norm())
