"""The optimizers that lead the picture from one iterate to the next: L-BFGS and Adam."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from medley.settings import ShotSettings
from medley.transfer.lbfgs import LBFGS

_EPSILON = 1e-8


class Optimizer(Protocol):
    """Proposes one picture after another, and can be stopped and gone on with between two."""

    def products(self, image: Tensor, gradient: Tensor) -> Tensor:
        """Numbers that `step` must know; read with others, they cost no wait."""

    def step(
        self, image: Tensor, gradient: Tensor, products: Sequence[float] | None = None
    ) -> Tensor:
        """Propose a new picture in [0, 1], from the one proposed last and the gradient there."""

    def resized(self, image: Tensor, settings: ShotSettings) -> "Optimizer":
        """The optimizer that goes on with the same picture at another size, which is `image`."""

    def state(self) -> dict[str, Tensor]:
        """Name all that decides the next steps, zero-copy; nobody changes the tensors in place."""

    def restore(self, image: Tensor, state: Mapping[str, Tensor]) -> None:
        """Go on where another stood; ValueError if the state is not of its kind and shape."""


def optimizer_for(
    settings: ShotSettings, height: int, width: int, free_share: float = 1.0
) -> Optimizer:
    """Make the optimizer that the settings ask for, for pictures of that size.

    Args:
        settings: the optimizer and its own settings.
        height: pixels of the picture.
        width: pixels of the picture.
        free_share: share of the picture that moves.
    """
    if settings.optimizer == "lbfgs":
        return LBFGS(min(settings.history_at(height, width), settings.steps), free_share)
    return Adam(settings.learning_rate, *settings.adam_betas)


class Adam:
    """Adam on one picture, projected onto [0, 1] after each step.

    torch's own changes its averages in place; here a state that was given away stays as it is.

    Source: Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, algorithm 1.
    """

    def __init__(self, rate: float, mean_decay: float, square_decay: float) -> None:
        """Begin with no gradient seen.

        Args:
            rate: size of a step in pixel values.
            mean_decay: decay of the gradient's mean, beta 1 in the paper.
            square_decay: decay of its square's mean, beta 2.
        """
        self._rate, self._decays = rate, (mean_decay, square_decay)
        self._state: dict[str, Tensor] = {}

    def products(self, image: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG002
        """None: `step` asks for none."""
        return gradient.new_empty(0)

    def step(
        self,
        image: Tensor,
        gradient: Tensor,
        products: Sequence[float] | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Propose the next picture from the one proposed last and the loss's gradient there."""
        old = self._state or {
            "mean": torch.zeros_like(image),
            "square": torch.zeros_like(image),
            "count": torch.zeros((), dtype=torch.int64),  # stays on the CPU
        }
        count = old["count"] + 1
        mean_decay, square_decay = self._decays
        mean = old["mean"].lerp(gradient, 1 - mean_decay)
        square = (old["square"] * square_decay).addcmul_(gradient, gradient, value=1 - square_decay)
        self._state = {"mean": mean, "square": square, "count": count}
        taken = int(count)
        rate = self._rate / (1 - mean_decay**taken)
        spread = square.sqrt().div_(math.sqrt(1 - square_decay**taken)).add_(_EPSILON)
        return torch.addcdiv(image, mean, spread, value=-rate).clamp_(0, 1)

    def resized(self, image: Tensor, settings: ShotSettings) -> "Adam":  # noqa: ARG002
        """Begin anew for the same picture at another size."""
        return Adam(self._rate, *self._decays)

    def state(self) -> dict[str, Tensor]:
        """Name all that decides the next steps; the tensors are shared, and nobody changes them."""
        return dict(self._state)

    def restore(self, image: Tensor, state: Mapping[str, Tensor]) -> None:
        """Go on where another stood whose `state` that was; an empty one is that of a beginner.

        Raises:
            ValueError: it is not the state of an Adam over a picture of the image's shape.
        """
        shapes = {"mean": image.shape, "square": image.shape, "count": torch.Size()}
        if state and {name: value.shape for name, value in state.items()} != shapes:
            raise ValueError(f"no Adam over a picture of {tuple(image.shape)} has such a state")
        self._state = dict(state)
        if state:
            self._state["count"] = state["count"].cpu()
