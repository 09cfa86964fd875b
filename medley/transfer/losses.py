"""What style transfer minimizes: content, style (Gram) and total-variation losses.

All of them are in the network's 0-255 units and weighted as pastiche 1.6.0 weights them, so that
the numbers can be compared with it.

Source: Gatys, Ecker and Bethge (2016), Image Style Transfer Using Convolutional Neural Networks,
equations 1 to 7; departures are said where they happen.
"""

from collections.abc import Sequence
from typing import NamedTuple

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
    flat = features.squeeze(0).flatten(1)
    return flat @ flat.T / flat.shape[1]


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of horizontal plus of vertical neighbours, in 0-255 units.

    Args:
        image: `(1, 3, height, width)` in [0, 1].

    Source: Rudin, Osher and Fatemi (1992), the anisotropic form, as a mean instead of a sum.
    """
    horizontal = (image[..., :, 1:] - image[..., :, :-1]).abs().mean()
    vertical = (image[..., 1:, :] - image[..., :-1, :]).abs().mean()
    return 255 * (horizontal + vertical)


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
            self._content = network(content)[CONTENT_LAYER].clone()
            self._grams = [_grams(network(painting)) for painting in paintings]

    def __call__(self, image: Tensor) -> Losses:
        """Judge a picture `(1, 3, height, width)` in [0, 1]."""
        weights = self._settings
        features = self._network(image)
        content = _CONTENT_SCALE * nnf.mse_loss(features[CONTENT_LAYER], self._content)
        content = weights.content_weight * content
        grams = _grams(features)
        style = torch.stack(
            [
                # Gatys et al. divide by 4 channels^2 (height x width)^2 and weigh layers by 1/5;
                # the Gram matrix here has the area in it already.
                _STYLE_SCALE / len(grams[layer]) ** 2 * nnf.mse_loss(grams[layer], target[layer])
                for target in self._grams
                for layer in STYLE_LAYERS
            ]
        ).sum()
        style = weights.style_weight / len(self._grams) * style
        tv = _TV_SCALE * weights.tv_weight * total_variation(image)
        return Losses(content + style + tv, content, style, tv)


def _grams(features: dict[str, Tensor]) -> dict[str, Tensor]:
    return {layer: gram_matrix(features[layer]) for layer in STYLE_LAYERS}
