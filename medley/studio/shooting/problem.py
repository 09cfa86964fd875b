"""The optimization problem of a shot: from its spec to tensors, objectives and iterates."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from medley.images import Pixels
from medley.studio.shooting.masks import Masks
from medley.studio.shooting.model import Model
from medley.studio.shooting.resources import out_of_memory_named
from medley.studio.shooting.spec import ShotSpec
from medley.stylenet.apply import repaint_after
from medley.tensors import in_floats, resize, to_pixels, to_tensor
from medley.transfer.color_transfer import (
    Palette,
    Patch,
    color_statistics,
    lend_chroma,
    luminance,
    match_colors,
)
from medley.transfer.keep import Keep
from medley.transfer.optimize import Evaluator, Iterate, Problem, RunState, optimize
from medley.transfer.preserve import LightObjective, recolor_painting
from medley.transfer.pyramid import resample
from medley.transfer.style import StyleTarget
from medley.transfer.style_path import Turns, Walk, convex_weights
from medley.transfer.tiling import make_objective


def iterate(
    spec: ShotSpec,
    model: Model,
    tile: int | None = None,
    state: RunState | None = None,
    levels: int = 255,
) -> Iterator[Iterate]:
    """Run a shot's optimization, from its start or from a state, without writing to the disk.

    Args:
        spec: spec of the shot.
        model: model with the weights that the spec names.
        tile: side in pixels of the tiles that pictures are computed in; None for no tiles.
        state: state at which an equal run was interrupted; None to begin.
        levels: steps between black and white that the last picture is rounded to.

    Yields:
        Iterates from step 0, or from the one after the state's.

    Raises:
        DivergedError: the loss is no longer finite.
        ResourceError: the device's memory does not suffice.
    """
    with out_of_memory_named(spec.scales, spec.settled, tile):
        # Made here, so that only the generator holds the tensors and can free them early.
        yield from optimize(make_problem(spec, model, tile, levels), state)


def make_objective_of(spec: ShotSpec, model: Model, tile: int | None = None) -> Evaluator:
    """Make the objective of a shot at full size, in float32."""
    problem = make_problem(spec, model, tile)
    return problem.objective_at(problem.height, problem.width, True)


def make_problem(
    spec: ShotSpec, model: Model, tile: int | None = None, levels: int = 255
) -> Problem:
    """Make the problem that a shot's optimization solves; arguments as in `iterate`."""
    content, paintings = spec.content.pixels(), [work.picture.pixels() for work in spec.paintings]
    height, width, _ = content.shape
    preserved = spec.settings.preserve_color
    in_light = preserved == "luminance"

    def tensor(pixels: Pixels) -> Tensor:
        # Converted whenever it is needed, because a float picture takes four times the memory.
        return to_tensor(pixels).to(model.device)

    def seen(pixels: Pixels) -> Tensor:
        return luminance(tensor(pixels)) if in_light else tensor(pixels)

    keep = _keep(spec, lambda: seen(content), model.device)
    free = keep.free(height, width) if keep else None

    def painted() -> Iterator[Tensor]:
        for painting in paintings:
            yield recolor_painting(tensor(painting), tensor(content), preserved, free)

    def objective_at(high: int, wide: int, exact: bool) -> Evaluator:
        shrink = math.sqrt(high * wide / (height * width))
        objective: Evaluator = make_objective(
            model.exact if exact else model.network,
            resample(seen(content), high, wide),
            [_shrunk(painting, shrink, spec.settings.shortest_side) for painting in painted()],
            spec.settings,
            tile,
            _style_targets(spec, high, wide, model.device, keep),
            model.features,
        )
        return LightObjective(objective) if in_light else objective

    return Problem(
        height,
        width,
        lambda: seen(start_pixels(spec)),
        _palette(spec, list(painted())) if _wants_colors(spec) else None,
        objective_at,
        spec.settings,
        half=model.is_half,
        show=_lend_chroma_of(content, model.device) if in_light else None,
        levels=levels,
        mix=mixed_at(spec),
        keep=keep,
    )


def _lend_chroma_of(content: Pixels, device: torch.device) -> Callable[[Tensor], Tensor]:
    """What gives gray pictures the content's colours; it copies those to the device only once."""
    pixels = torch.from_numpy(np.array(content)).to(device)
    return lambda image: lend_chroma(image, in_floats(pixels))


def start_pixels(spec: ShotSpec) -> Pixels:
    """Read or make the picture that step 0 shows, uint8 `(height, width, 3)`.

    Raises:
        OutputError: the picture is the result of a shot that is not finished.
        PictureError: the picture is unreadable.
    """
    start, content = spec.start, spec.content
    if start.picture:
        return start.picture.pixels()
    if start.after:
        return start.after.result()
    if start.net:
        return repaint_after(start.net, start.shares, content.pixels())
    if start.name == "content":
        return content.pixels()
    if start.name == "color":
        palette = color_statistics([to_tensor(work.picture.pixels()) for work in spec.paintings])
        photo = to_tensor(content.pixels())
        keep = _keep(spec, lambda: photo, photo.device)
        free = keep.free(content.height, content.width) if keep else None
        return to_pixels(match_colors(photo, palette, free))
    generator = torch.Generator().manual_seed(start.seed)
    return to_pixels(torch.rand((1, 3, content.height, content.width), generator=generator))


def _wants_colors(spec: ShotSpec) -> bool:
    return not spec.start_has_colors and spec.settings.style_weight > 0


def mixed_at(spec: ShotSpec) -> Callable[[int], list[float]] | None:
    """What gives the strength of each painting at a step of a walk; None of any other shot."""
    return partial(_strengths, spec, spec.blend.walk) if spec.blend.walk else None


def _strengths(spec: ShotSpec, walk: Walk | Turns, step: int) -> list[float]:
    """The strength of each painting at a step of a walk."""
    count = len(spec.paintings)
    weights = walk.weights(step, count)
    if spec.settings.style_loss == "wasserstein":
        weights = convex_weights(weights)
    return [count * weight for weight in weights]


def _keep(spec: ShotSpec, photo: Callable[[], Tensor], device: torch.device) -> Keep | None:
    """The region in which the photo stays, if there is one."""
    if spec.kept is None:
        return None
    mask = _as_tensors(spec.kept, device)[0]
    return Keep(photo, spec.settings.keep_strength * mask)


def _style_targets(
    spec: ShotSpec, height: int, width: int, device: torch.device, keep: Keep | None
) -> list[StyleTarget]:
    """The style targets of the paintings, with strengths and masks, for a picture of a size."""
    blend = spec.blend
    strengths = blend.strengths or (1.0,) * len(spec.paintings)
    masks = _as_tensors(blend.masks, device)
    free = keep.free(height, width) if keep else None
    if not masks:
        return [StyleTarget(strength, free) for strength in strengths]
    if masks[0].shape[2:] != (height, width):
        masks = [resize(mask, height, width, "bilinear") for mask in masks]
    if free is not None:
        masks = [mask * free for mask in masks]
    return list(map(StyleTarget, strengths, masks))


def _palette(spec: ShotSpec, paintings: Sequence[Tensor]) -> Palette:
    """The colours of the paintings, mixed by strength or masked like the style targets."""
    if not spec.blend.masks:
        return color_statistics(paintings, spec.blend.strengths)
    masks = _as_tensors(spec.blend.masks, paintings[0].device)
    return list(map(Patch, [color_statistics([painting]) for painting in paintings], masks))


def _as_tensors(masks: Masks | None, device: torch.device) -> list[Tensor]:
    """Masks as floats `(1, 1, height, width)`."""
    return [torch.from_numpy(mask)[None, None].to(device) for mask in masks.values] if masks else []


def _shrunk(painting: Tensor, factor: float, shortest: int) -> Tensor:
    height, width = (max(shortest, round(side * factor)) for side in painting.shape[2:])
    return resample(painting, height, width) if factor < 1 else painting
