"""Keeping the photo's colours: what the paintings give then, and what is minimized.

Source: Gatys, Bethge, Hertzmann and Shechtman (2016), Preserving Color in Neural Artistic Style
Transfer (arXiv 1606.05897). Departure: of the linear maps between colour statistics, which are
many, both ways take the one of `match_colors`, which moves colours least.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from medley.transfer.color_transfer import color_statistics, luminance, match_colors
from medley.transfer.losses import Losses
from medley.transfer.optimize import Evaluator

Preserved = Literal["off", "luminance", "statistics"]


def recolor_painting(
    painting: Tensor, content: Tensor, wish: Preserved, free: Tensor | None = None
) -> Tensor:
    """Give a painting the content's colours, as far as is wished.

    Args:
        painting: `(1, 3, height, width)` in [0, 1].
        content: `(1, 3, height, width)` in [0, 1], of any size.
        wish: "statistics" gives it the mean and covariance of the content's colours, "luminance"
            makes it gray, with the content's brightness and contrast.
        free: how much each of the content's pixels counts, `(1, 1, height, width)`.
    """
    if wish == "off":
        return painting
    if wish == "luminance":
        painting, content = luminance(painting), luminance(content)
    return match_colors(painting, color_statistics([content], free=free))


class LightObjective:
    """The loss of a picture's luminance; the gradient leaves a gray picture gray."""

    def __init__(self, objective: Evaluator) -> None:
        """Take the objective of gray pictures of three equal channels."""
        self._objective = objective

    def turn_to(self, content: Tensor) -> None:
        """Hold on to another content from now on, as gray as the first."""
        self._objective.turn_to(content)

    def mix(self, strengths: Sequence[float]) -> None:
        """Let the paintings pull otherwise from now on, in their order; 1 on average."""
        self._objective.mix(strengths)

    def evaluate(self, image: Tensor, with_gradient: bool) -> tuple[Losses, Tensor | None]:
        """Judge a picture `(1, 3, height, width)`, gray if a gradient is wanted."""
        losses, gradient = self._objective.evaluate(luminance(image), with_gradient)
        if gradient is not None:
            gradient = gradient.mean(dim=1, keepdim=True).expand_as(image).contiguous()
        return losses, gradient
