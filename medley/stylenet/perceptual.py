"""The loss of a style network's pictures: near the photo in structure, the painting in manner.

Source: Johnson, Alahi and Fei-Fei (2016), Perceptual Losses for Real-Time Style Transfer and
Super-Resolution, equations 2 to 4. Departures: of the content only the correlation counts
(`_structure_apart`), because level and contrast of features are the painting's to decide, and what
both terms pull at a small network can not learn; Gram matrices are compared relative to the
painting's, so that one balance serves all paintings; and the palette counts by itself
(`palette_distance`), because a small network soon meets Gram matrices in a single hue.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor

from medley.images import Pixels
from medley.tensors import to_tensor
from medley.transfer.losses import pick, total_variation
from medley.vgg.layers import Precision, convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.weights import load_weights

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYERS = ("relu2_1", "relu3_1", "relu4_1")
LAYERS = STYLE_LAYERS

_STYLE_SCALE, _PALETTE_SCALE = 3.0, 5.0
"""What a weight of 1 means: photo and painting can both be recognized on photos not trained on."""

_SMOOTHNESS = 0.3  # weight of the total variation: enough against single pixels, and no blur

_TARGET_SCALE = 1.0  # weight of the mean absolute difference to a picture that is known
_EPSILON = 1e-4
_PALETTE_POINTS = 2048  # pixels whose colours are compared, of each picture
_PALETTE_LINES = 16  # directions in colour space along which they are


class Balance(NamedTuple):
    """Weights of the terms beside the content's."""

    style: float
    palette: float


class Judged(NamedTuple):
    """Loss of a batch and its terms, unweighted, as scalars."""

    total: Tensor
    content: Tensor
    style: Tensor
    palette: Tensor


@dataclass(frozen=True)
class _Manner:
    """What is compared of a painting: Gram matrices by layer, and its colours `(n, 3)`."""

    grams: dict[str, Tensor]
    colors: Tensor


class Perceptual:
    """The loss of repainted photos against the photos and paintings that they were made from."""

    def __init__(self, network: VGG19, paintings: Sequence[Tensor], balance: Balance) -> None:
        """Look at the paintings once.

        Args:
            network: gives at least the features of `LAYERS`.
            paintings: float RGB `(1, 3, height, width)` in [0, 1], of any sizes.
            balance: weights of style and palette.
        """
        self._network, self._balance = network, balance
        with torch.no_grad():
            self._manners = [self._look(painting) for painting in paintings]

    def _look(self, painting: Tensor) -> _Manner:
        grams = {name: _grams(found)[0] for name, found in self._network.walk(painting)}
        return _Manner(grams, painting[0].flatten(1).T)

    def __call__(
        self,
        pictures: Tensor,
        photos: Tensor,
        styles: Sequence[int],
        random: torch.Generator,
        targets: Tensor | None = None,
    ) -> Judged:
        """Judge a batch.

        Args:
            pictures: float RGB `(n, 3, height, width)` in [0, 1], repainted.
            photos: what they were made from, of the same shape.
            styles: number of each one's painting.
            random: draws the colours that are compared; on the CPU.
            targets: what they should have become, of the same shape, if that is known.
        """
        with torch.no_grad():
            kept = pick(self._network.walk(photos), CONTENT_LAYERS)
        apart, astray = [], []
        for name, found in self._network.walk(pictures):
            aims = torch.stack([self._manners[style].grams[name] for style in styles])
            strayed = (_grams(found) - aims).square().sum((1, 2))
            apart.append((strayed / aims.square().sum((1, 2))).mean())
            if name in CONTENT_LAYERS:
                astray.append(_structure_apart(found.float(), kept[name].float()))
        content = torch.stack(astray).mean()
        manner = torch.stack(apart).mean()
        palette = torch.stack(
            [
                palette_distance(picture.flatten(1).T, self._manners[style].colors, random)
                for picture, style in zip(pictures, styles, strict=True)
            ]
        ).mean()
        total = content + _SMOOTHNESS * total_variation(pictures) / 255
        total = total + _STYLE_SCALE * self._balance.style * manner
        total = total + _PALETTE_SCALE * self._balance.palette * palette
        if targets is not None:
            total = total + _TARGET_SCALE * (pictures - targets).abs().mean()
        return Judged(total, content, manner, palette)


def judge_after(
    paintings: Sequence[Pixels],
    weights: int | Path,
    balance: Balance,
    precision: Precision,
    device: torch.device,
) -> Perceptual:
    """The loss after some paintings, by the VGG-19 of some weights.

    Args:
        paintings: uint8 `(height, width, 3)`, of any sizes.
        weights: bits or a file; see `vgg.weights.load_weights`.
        balance: weights of style and palette.
        precision: precision of the VGG-19.
        device: device that computes.

    Raises:
        WeightsError: the weights are missing or damaged.
    """
    loaded = load_weights(weights, layers=convolutions_for(LAYERS))
    network = VGG19(loaded.tensors, LAYERS, "max", precision, fed=loaded.fed).to(device).eval()
    return Perceptual(network, [to_tensor(each).to(device) for each in paintings], balance)


def _grams(features: Tensor) -> Tensor:
    """Gram matrices `(n, c, c)` of features `(n, c, h, w)`, divided by the number of places.

    In the features' own precision, whose rounding is a thousandth of what strays: that takes a
    third of the time that widening them would.
    """
    places = features.permute(0, 2, 3, 1).flatten(1, 2)
    return (places.transpose(1, 2) @ places).float() / places.shape[1]


def _structure_apart(found: Tensor, kept: Tensor) -> Tensor:
    """How little the channels of features `(n, c, h, w)` go with those kept: 0 fully, 1 not at all.

    One minus Pearson's correlation over all places, a mean over channels in which those that vary
    most in what is kept count most.
    """
    found = found - found.mean((2, 3), keepdim=True)
    kept = kept - kept.mean((2, 3), keepdim=True)
    power, wanted = found.square().mean((2, 3)), kept.square().mean((2, 3))
    least = _EPSILON * wanted.mean(1, keepdim=True) ** 2
    correlation = (found * kept).mean((2, 3)) / (power * wanted + least).sqrt()
    shares = wanted / wanted.sum(1, keepdim=True).clamp_min(_EPSILON)
    return (shares * (1 - correlation)).sum(1).mean()


def palette_distance(colors: Tensor, others: Tensor, random: torch.Generator) -> Tensor:
    """Sliced Wasserstein distance of two sets of colours `(n, 3)`, squared, by random lines.

    As many points are drawn from each, projected on the same lines, sorted and compared.

    Source: Rabin, Peyré, Delon and Bernot (2011), Wasserstein Barycenter and its Application to
    Texture Mixing.
    """
    lines = nnf.normalize(torch.randn(3, _PALETTE_LINES, generator=random), dim=0).to(colors)
    drawn, aimed = (
        each[torch.randint(len(each), (_PALETTE_POINTS,), generator=random).to(each.device)] @ lines
        for each in (colors, others)
    )
    return (drawn.sort(0).values - aimed.sort(0).values).square().mean()
