"""The loop: yields every iterate with its loss, and never touches the disk."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from medley.errors import DivergedError
from medley.settings import ShotSettings
from medley.transfer.losses import Losses, Objective
from medley.transfer.movers import Mover, mover_for

_MOVER = "mover."


@dataclass(frozen=True)
class Position:
    """Where a run stands between two iterates: all that decides the ones still to come.

    It costs nothing to have: its tensors are the run's own, which are never changed in place.

    Attributes:
        step: of the next iterate.
        seconds: spent so far.
        tensors: the next iterate's "image", the one "before" it, and the optimizer's state by its
            own names after "mover.".
    """

    step: int
    seconds: float
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True)
class Iterate:
    """One picture on the way, and what it costs.

    Attributes:
        step: 0 for the starting picture.
        image: `(1, 3, height, width)` in [0, 1]; it is not changed afterwards.
        loss: the weighted sum of the three terms below, in the network's 0-255 units.
        change: how much the eye sees change since the iterate before; 0 for the first.
        seconds: since the loop began, and what was spent before it was gone on with.
        position: to go on from after this iterate; none after the last.
    """

    step: int
    image: Tensor
    loss: float
    content: float
    style: float
    tv: float
    change: float
    seconds: float
    position: Position | None = None


def begin(start: Tensor) -> Position:
    """The position before step 0, which shows `start`, `(1, 3, height, width)` in [0, 1]."""
    image = start.detach().clone()
    return Position(0, 0.0, {"image": image, "before": image})


def mover_at(position: Position, start: Tensor, settings: ShotSettings) -> Mover:
    """Make the optimizer of a run that stands at `position`.

    Raises:
        ValueError: a run from `start` with these settings never stands there.
    """
    tensors = position.tensors
    images = [tensors.get(name) for name in ("image", "before")]
    fits = all(image is not None and image.shape == start.shape for image in images)
    if not fits or not 0 <= position.step <= settings.steps:
        raise ValueError(f"no run over a picture of {tuple(start.shape)} stands there")
    mover = mover_for(settings)
    state = {
        name.removeprefix(_MOVER): value
        for name, value in tensors.items()
        if name.startswith(_MOVER)
    }
    mover.restore(tensors["image"], state)
    return mover


def optimize(
    objective: Objective, start: Tensor, settings: ShotSettings, position: Position | None = None
) -> Iterator[Iterate]:
    """Yield the starting picture and then one iterate for each step, or those from a position on.

    Each iterate's losses are those of its own pixels; the last one's are those of its pixels
    rounded to 8 bits, which is how it is saved.

    Args:
        objective: what to minimize.
        start: `(1, 3, height, width)` in [0, 1], on the objective's device.
        settings: steps and optimizer.
        position: of an equal run, which this one continues; on the CPU with the same pixels.

    Raises:
        DivergedError: the loss is no longer a finite number.
        ValueError: the position is not one of such a run.
    """
    position = position or begin(start)
    mover = mover_at(position, start, settings)
    image, before = position.tensors["image"], position.tensors["before"]
    began, first = time.perf_counter() - position.seconds, position.step
    del position  # or all of its pictures would stay in memory
    for step in range(first, settings.steps + 1):
        last = step == settings.steps
        if last:
            image = round_to_eight_bits(image)
        losses, gradient = objective.evaluate(image, with_gradient=not last)
        total, content, style, tv = torch.stack(losses).tolist()
        if not math.isfinite(total):
            raise DivergedError(
                f"the loss became {total} at step {step}; lower the weights or try another painting"
            )
        ahead = image if gradient is None else mover.step(image, gradient)
        seconds = time.perf_counter() - began
        yield Iterate(
            step=step,
            image=image,
            loss=total,
            content=content,
            style=style,
            tv=tv,
            change=visual_change(before, image),
            seconds=seconds,
            position=None if last else _position(step + 1, seconds, ahead, image, mover),
        )
        before, image = image, ahead


def _position(step: int, seconds: float, image: Tensor, before: Tensor, mover: Mover) -> Position:
    state = {f"{_MOVER}{name}": value for name, value in mover.state().items()}
    return Position(step, seconds, {"image": image, "before": before, **state})


def round_to_eight_bits(image: Tensor) -> Tensor:
    """Round a picture in [0, 1] to the 256 levels that a file keeps."""
    return image.mul(255).round_().div_(255)


def visual_change(before: Tensor, after: Tensor) -> float:
    """Mean distance in Oklab between two pictures `(1, 3, height, width)` in [0, 1].

    0.02 is about what one can just tell apart in two flat patches side by side.

    Source: Ottosson (2020), A perceptual color space for image processing.
    """
    return float((_oklab(after) - _oklab(before)).norm(dim=0).mean())


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


def _oklab(image: Tensor) -> Tensor:
    srgb = image.squeeze(0).flatten(1)
    linear = torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    cones = (_TO_CONES.to(srgb) @ linear).clamp_min_(0) ** (1 / 3)
    return _TO_LAB.to(srgb) @ cones
