"""What style transfer minimizes: content, style (Gram) and total-variation losses.

All of them are in the network's 0-255 units and weighted as pastiche 1.6.0 weights them, so that
the numbers can be compared with it.

Source: Gatys, Ecker and Bethge (2016), Image Style Transfer Using Convolutional Neural Networks,
equations 1 to 7; departures are said where they happen.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor

from medley.settings import ShotSettings
from medley.vgg.network import VGG19

CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
LAYERS = (CONTENT_LAYER, *STYLE_LAYERS)

_CONTENT_SCALE = 0.01
_STYLE_SCALE = 10.0
_TV_SCALE = 0.5
_PLACES = 2**15  # features are widened at so many places at once


Grams = dict[str, Tensor]
"""By style layer, the Gram matrix `(channels, channels)`."""


class Losses(NamedTuple):
    """A picture's loss and the three weighted terms that it sums, as scalars."""

    total: Tensor
    content: Tensor
    style: Tensor
    tv: Tensor


def gram_matrix(features: Tensor) -> Tensor:
    """Correlate the channels of features `(1, channels, height, width)` over all places.

    Returns:
        `(channels, channels)`, divided by height x width so that pictures of different sizes
        can be compared.

    Source: Gatys et al. (2016), equation 3, which does not divide.
    """
    return gram_sum(features) / features.shape[2:].numel()


def gram_sum(features: Tensor) -> Tensor:
    """The Gram matrix of features `(1, channels, height, width)`, not divided, as float32 or wider.

    Half precision is widened a part at a time, and one product gives the gradient where autograd
    would take two: features of a picture's full size are what memory goes to.
    """
    gram: Tensor = _GramSum.apply(features)
    return gram


class _GramSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        parts = [_widened(part) for part in _places(features)]
        return torch.stack([part @ part.T for part in parts]).sum(0)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        slope = slopes[0] + slopes[0].T
        gradient = torch.empty_like(features)
        for part, into in zip(_places(features), _places(gradient), strict=True):
            into.copy_(slope @ _widened(part))
        return gradient


def _places(features: Tensor) -> tuple[Tensor, ...]:
    """Views of the features `(channels, places)`, a part of the places each."""
    return torch.split(features.squeeze(0).flatten(1), _PLACES, dim=1)


def _widened(features: Tensor) -> Tensor:
    return features if features.dtype == torch.float64 else features.float()


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
    """By what the content features' mean squared difference counts."""
    return settings.content_weight * _CONTENT_SCALE


def tv_weight(settings: ShotSettings) -> float:
    """By what the total variation counts."""
    return settings.tv_weight * _TV_SCALE


def style_loss(grams: Grams, targets: Sequence[Grams], settings: ShotSettings) -> Tensor:
    """Weigh how far a picture's Gram matrices are from those of its paintings.

    Source: Gatys et al. (2016), equations 4 and 5.
    """
    apart = [
        # Gatys et al. divide by 4 channels^2 (height x width)^2 and weigh layers by 1/5;
        # the Gram matrix here has the area in it already.
        _STYLE_SCALE / len(grams[layer]) ** 2 * nnf.mse_loss(grams[layer], target[layer])
        for target in targets
        for layer in STYLE_LAYERS
    ]
    return settings.style_weight / len(targets) * torch.stack(apart).sum()


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
    ) -> None:
        """Compute the targets.

        Args:
            network: gives at least the features of `LAYERS`.
            content: `(1, 3, height, width)` in [0, 1]; every judged picture has its size.
            paintings: likewise, of any sizes; each pulls with an equal share.
            settings: the weights of the three terms.
        """
        self._network = network
        self._settings = settings
        with torch.no_grad():
            self._content = next(f for name, f in network.walk(content) if name == CONTENT_LAYER)
            self._grams = [self._statistics(painting)[0] for painting in paintings]

    def __call__(self, image: Tensor) -> Losses:
        """Judge a picture `(1, 3, height, width)` in [0, 1]."""
        grams, apart = self._statistics(image, self._content)
        content = content_weight(self._settings) * apart
        style = style_loss(grams, self._grams, self._settings)
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

    def _statistics(self, image: Tensor, content: Tensor | None = None) -> tuple[Grams, Tensor]:
        """Gram matrices, and the mean squared difference from content features, if they are given.

        Each is made as soon as its features are there, for `VGG19.walk`'s reason.
        """
        grams, apart = {}, image.new_zeros(())
        for name, features in self._network.walk(image):
            if name in STYLE_LAYERS:
                grams[name] = gram_matrix(features)
            elif content is not None and name == CONTENT_LAYER:
                apart = nnf.mse_loss(_widened(features), _widened(content))
        return grams, apart
