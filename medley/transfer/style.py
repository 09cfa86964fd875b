"""The style loss: how far a picture's statistics are from its paintings', layer by layer.

Statistics are means over places, of a whole picture or of what a mask guides a painting to, so
that they can be summed up from parts of a picture.

Source: Gatys, Ecker and Bethge (2016), Image Style Transfer Using Convolutional Neural Networks,
equations 4 and 5; with masks Gatys et al. (2017), as `gram_sum` says.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor

from medley.settings import VGG_LAYERS, ShotSettings
from medley.transfer.gram import gram_sum
from medley.transfer.wasserstein import Gaussian, gaussian_of, wasserstein

_STYLE_SCALE = 10.0
# Its gradient is then about as large as Gram's, from the start to a result (three pairs of photo
# and painting, where the ratio at relu4_1 lies between 0.4 and 2.5).
_WASSERSTEIN_SCALE = 10.0


class StyleTarget(NamedTuple):
    """A painting as a target: how strongly it pulls the picture, and where.

    Attributes:
        strength: against the shot's other paintings; 1 on average.
        mask: `(1, 1, height, width)` in [0, 1] over the content; everywhere if there is none.
    """

    strength: float = 1.0
    mask: Tensor | None = None


class Part(NamedTuple):
    """One statistic that is summed over a picture: its kind, its layer and its mask."""

    kind: str
    layer: str = ""
    mask: int = 0


Statistics = dict[str, Tensor]
"""A painting's statistic at each style layer."""


def _itself(value: Tensor) -> Tensor:
    return value


class Style:
    """The style loss of pictures of one size."""

    def __init__(
        self, settings: ShotSettings, targets: Sequence[StyleTarget], height: int, width: int
    ) -> None:
        """Lay the masks over the features.

        Args:
            settings: the layers, their weights, and which statistics.
            targets: how and where each painting pulls.
            height: pixels of the judged pictures.
            width: pixels of the judged pictures.
        """
        self._settings = settings
        self._layers = settings.style_layer_weights
        self._by_wasserstein = settings.style_loss == "wasserstein"
        self._targets = targets
        self._references: list[dict[str, Tensor | Gaussian]] = []
        self._apart: dict[tuple[str, int, int], Tensor] = {}
        self._pulls: list[_Pull] = []
        # Paintings that share a mask, or have none, look at the same statistics.
        masks = {id(target.mask): target.mask for target in targets}
        self._mask_of = [list(masks).index(id(target.mask)) for target in targets]
        self._guides: list[dict[str, Tensor]] = [
            {layer: guide_at(mask, layer) for layer in self._layers}
            for mask in masks.values()
            if mask is not None
        ]
        self._masks = range(len(masks))
        self._places = {
            layer: (height // VGG_LAYERS[layer].stride) * (width // VGG_LAYERS[layer].stride)
            for layer in self._layers
        }
        self._counts: dict[tuple[str, int], float] = {
            (layer, mask): float(self._guides[mask][layer].sum()) if self._guides else places
            for layer, places in self._places.items()
            for mask in self._masks
        }

    @property
    def statistics(self) -> tuple[str, ...]:
        """Everything that decides a painting's statistics, besides its features."""
        return ("moments" if self._by_wasserstein else "grams", *self._layers)

    def aim(self, paintings: Sequence[Statistics]) -> None:
        """Take the paintings' statistics, in the order of their targets."""
        self._nothing = next(iter(paintings[0].values())).new_zeros(())
        make: Callable[[Tensor], Tensor | Gaussian]
        make = gaussian_of if self._by_wasserstein else _itself
        self._references = [
            {layer: make(statistic) for layer, statistic in painting.items()}
            for painting in paintings
        ]
        self._apart, self._pulls = {}, []

    def mix(self, strengths: Sequence[float]) -> None:
        """Let the paintings pull otherwise from now on, in their order; 1 on average."""
        pairs = zip(self._targets, strengths, strict=True)
        self._targets = [target._replace(strength=strength) for target, strength in pairs]
        self._pulls = []

    def look(self, features: Iterable[tuple[str, Tensor]]) -> Statistics:
        """A whole painting's statistics, from its features."""
        return {
            name: self.share(found, found.shape[2:].numel())
            for name, found in features
            if name in self._layers
        }

    def share(self, features: Tensor, places: int) -> Tensor:
        """The part that features add to a statistic that is a mean over so many places."""
        return gram_sum(features, with_sum=self._by_wasserstein) / places

    def sums(
        self,
        layer: str,
        features: Tensor,
        cut: Callable[[Tensor], Tensor] = _itself,
    ) -> Iterator[tuple[Part, Tensor]]:
        """Yield the parts that a layer's features add to the statistics under each mask.

        Args:
            layer: any layer; nothing comes of one that is no style layer.
            features: those of the judged picture, or of a part of it.
            cut: views that part of a map `(1, 1, ...)` over all of the layer's features.
        """
        for mask in self._masks if layer in self._layers else ():
            # A small mask may cover nothing of a layer whose features are far apart.
            if count := self._counts[layer, mask]:
                guide = cut(self._guides[mask][layer]) if self._guides else None
                yield (
                    Part("style", layer, mask),
                    gram_sum(features, guide, self._by_wasserstein) / count,
                )

    def loss(self, sums: Mapping[Part, Tensor]) -> Tensor:
        """Weigh how far a picture's statistics, as `sums` gave them, are from the paintings'.

        Each mask counts by the area that it covers: every place is then pulled as strongly as
        without masks. Gatys et al. (2017) leave that to weights.
        """
        apart = []
        self._pulls = self._pulls or [
            pull
            for mask in self._masks
            for layer in self._layers
            for pull in self._pulls_at(layer, mask)
        ]
        for layer, mask, strength, reference, beyond in self._pulls:
            found = sums.get(Part("style", layer, mask))
            if found is None:
                continue
            factor = self._layers[layer] * strength
            if self._guides:
                factor *= len(self._guides) * self._counts[layer, mask] / self._places[layer]
            distance = _distance(found, reference)
            apart.append(factor * (distance if beyond is None else distance + beyond))
        whole = torch.stack(apart).sum() if apart else self._nothing
        return self._settings.style_weight / len(self._references) * whole

    def _pulls_at(self, layer: str, mask: int) -> "list[_Pull]":
        """What pulls at a layer under a mask: of Gram matrices one, in the middle of all.

        The sum of w_k |G - T_k|^2 over the paintings is W |G - M|^2 and what the paintings are
        apart, with W the sum of the weights, and M the mean of the matrices T_k by them: one
        comparison a step for any number of paintings, and the same gradient.
        """
        numbered = zip(self._targets, self._references, self._mask_of, strict=True)
        pulling = {
            number: (target.strength, reference[layer])
            for number, (target, reference, own) in enumerate(numbered)
            if own == mask and target.strength
        }
        grams = {number: gram for number, (_, gram) in pulling.items() if isinstance(gram, Tensor)}
        if not grams:
            return [_Pull(layer, mask, *pull, None) for pull in pulling.values()]
        (first, mean), *others = grams.items()
        whole, beyond = pulling[first][0], None
        for number, gram in others:
            whole += pulling[number][0]
            mean = torch.lerp(mean, gram, pulling[number][0] / whole)
        for one, other in itertools.combinations(grams, 2):
            if (layer, one, other) not in self._apart:
                self._apart[layer, one, other] = _distance(grams[one], grams[other])
            share = pulling[one][0] * pulling[other][0] / whole**2
            added = share * self._apart[layer, one, other]
            beyond = added if beyond is None else beyond + added
        return [_Pull(layer, mask, whole, mean, beyond)]


class _Pull(NamedTuple):
    """What a layer's statistic under a mask is compared with, how strongly, and what is added."""

    layer: str
    mask: int
    strength: float
    reference: Tensor | Gaussian
    beyond: Tensor | None


def guide_at(mask: Tensor, layer: str) -> Tensor:
    """Bring a mask `(1, 1, height, width)` to a layer: the mean of what each feature stands on."""
    stride = VGG_LAYERS[layer].stride
    return nnf.avg_pool2d(mask, stride) if stride > 1 else mask


def _distance(found: Tensor, target: Tensor | Gaussian) -> Tensor:
    if isinstance(target, Gaussian):
        return _WASSERSTEIN_SCALE / len(found) * wasserstein(found, target)
    # Gatys et al. divide by 4 channels^2 (height x width)^2 and weigh layers by 1/5;
    # the Gram matrix here has the area in it already.
    return _STYLE_SCALE / len(found) ** 2 * nnf.mse_loss(found, target)
