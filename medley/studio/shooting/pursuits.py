"""The pursuit of a clip by a shot: from its spec to tensors and objectives, frame by frame."""

from collections.abc import Callable

import torch
from torch import Tensor

from medley.images import Pixels
from medley.studio.shooting.footage import Following
from medley.studio.shooting.model import Model
from medley.studio.shooting.problem import mixed_at, start_pixels
from medley.studio.shooting.spec import ShotSpec
from medley.tensors import to_tensor
from medley.transfer.color_transfer import (
    ColorStatistics,
    color_statistics,
    lend_chroma,
    luminance,
    match_colors,
)
from medley.transfer.optimize import Evaluator
from medley.transfer.preserve import LightObjective, recolor_painting
from medley.transfer.pursuit import Pursuit
from medley.transfer.style_path import convex_weights
from medley.transfer.tiling import make_objective


def make_pursuit(
    spec: ShotSpec, following: Following, model: Model, tile: int | None = None
) -> Pursuit:
    """Make what a shot that follows a clip solves.

    Args:
        spec: spec of the shot.
        following: how it follows the clip.
        model: model with the weights that the spec names.
        tile: side in pixels of the tiles that frames are computed in; None for no tiles.
    """
    preserved = spec.settings.preserve_color
    in_light = preserved == "luminance"

    def tensor(pixels: Pixels) -> Tensor:
        return to_tensor(pixels).to(model.device)

    def seen(pixels: Pixels) -> Tensor:
        return luminance(tensor(pixels)) if in_light else tensor(pixels)

    photo = tensor(spec.content.pixels())
    paintings = [work.picture.pixels() for work in spec.paintings]

    def painted() -> list[Tensor]:
        return [recolor_painting(tensor(one), photo, preserved) for one in paintings]

    def objective_for(content: Tensor, exact: bool) -> Evaluator:
        network = model.exact if exact else model.network
        objective: Evaluator = make_objective(network, content, painted(), spec.settings, tile)
        return LightObjective(objective) if in_light else objective

    def show(image: Tensor, frame: Pixels) -> Tensor:
        return lend_chroma(image, tensor(frame))

    mix = mixed_at(spec)
    return Pursuit(
        spec.content.height,
        spec.content.width,
        spec.settings.steps,
        following.steps,
        following.anew,
        following.flicker,
        frozenset(following.footage.cuts),
        lambda: seen(start_pixels(spec)),
        following.footage.frames,
        seen,
        _recoloring(spec, painted(), mix),
        objective_for,
        spec.settings,
        half=model.is_half,
        show=show if in_light else None,
        mix=mix,
    )


def _recoloring(
    spec: ShotSpec, painted: list[Tensor], mix: Callable[[int], list[float]] | None
) -> Callable[[Tensor, int], Tensor]:
    """What gives frames the colours of the paintings as they are mixed then."""
    if spec.settings.preserve_color != "off" or not spec.settings.style_weight:
        return lambda content, _: content
    apart = [color_statistics([painting]) for painting in painted]

    def recolored(content: Tensor, number: int) -> Tensor:
        shares = convex_weights(mix(number) if mix else [1.0] * len(apart))
        return match_colors(content, _mixed(apart, shares))

    return recolored


def _mixed(apart: list[ColorStatistics], shares: tuple[float, ...]) -> ColorStatistics:
    """The statistics of pictures' colours together."""
    parts = list(zip(apart, shares, strict=True))
    mean = torch.stack([share * one.mean for one, share in parts]).sum(0)
    squares = [share * (one.covariance + torch.outer(one.mean, one.mean)) for one, share in parts]
    return ColorStatistics(mean, torch.stack(squares).sum(0) - torch.outer(mean, mean))
