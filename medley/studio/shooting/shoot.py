"""Taking of a shot: from its spec to every iterate in the workspace."""

import math
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor

import medley
from medley.errors import CheckpointError, MedleyError
from medley.events import Event
from medley.images import Pixels
from medley.settings import ShotSettings
from medley.studio.shooting import checkpoint
from medley.studio.shooting.model import Model
from medley.studio.shooting.resources import out_of_memory_named
from medley.studio.shooting.spec import RECIPE, ShotSpec
from medley.tensors import send_pixels, to_pixels, to_tensor
from medley.transfer.color_transfer import (
    Palette,
    Patch,
    color_statistics,
    lend_chroma,
    luminance,
    match_colors,
)
from medley.transfer.optimize import Evaluator, Iterate, Problem, RunState, optimize
from medley.transfer.preserve import LightObjective, recolor_painting
from medley.transfer.pyramid import resample
from medley.transfer.style import StyleTarget
from medley.transfer.style_path import Walk, convex_weights
from medley.transfer.tiling import make_objective
from medley.workspace.shot import Shot, TraceRow
from medley.workspace.store import Recorder, Workspace


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

    def painted() -> Iterator[Tensor]:
        for painting in paintings:
            yield recolor_painting(tensor(painting), tensor(content), preserved)

    def objective_at(high: int, wide: int, exact: bool) -> Evaluator:
        shrink = math.sqrt(high * wide / (height * width))
        objective: Evaluator = make_objective(
            model.exact if exact else model.network,
            resample(seen(content), high, wide),
            [_shrunk(painting, shrink, spec.settings.shortest_side) for painting in painted()],
            spec.settings,
            tile,
            _style_targets(spec, high, wide, model.device),
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
        show=(lambda image: lend_chroma(image, tensor(content))) if in_light else None,
        levels=levels,
        mix=partial(_strengths, spec, spec.blend.walk) if spec.blend.walk else None,
    )


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
    if start.name == "content":
        return content.pixels()
    if start.name == "color":
        palette = color_statistics([to_tensor(work.picture.pixels()) for work in spec.paintings])
        return to_pixels(match_colors(to_tensor(content.pixels()), palette))
    generator = torch.Generator().manual_seed(start.seed)
    return to_pixels(torch.rand((1, 3, content.height, content.width), generator=generator))


def _wants_colors(spec: ShotSpec) -> bool:
    return not spec.start_has_colors and spec.settings.style_weight > 0


def _strengths(spec: ShotSpec, walk: Walk, step: int) -> list[float]:
    """The strength of each painting at a step of a walk."""
    count = len(spec.paintings)
    weights = walk.weights(step, count)
    if spec.settings.style_loss == "wasserstein":
        weights = convex_weights(weights)
    return [count * weight for weight in weights]


def _style_targets(
    spec: ShotSpec, height: int, width: int, device: torch.device
) -> list[StyleTarget]:
    """The style targets of the paintings, with strengths and masks, for a picture of a size."""
    blend = spec.blend
    strengths = blend.strengths or (1.0,) * len(spec.paintings)
    masks = [torch.from_numpy(mask)[None, None].to(device) for mask in blend.masks]
    if not masks:
        return list(map(StyleTarget, strengths))
    if masks[0].shape[2:] != (height, width):
        small = partial(nnf.interpolate, size=(height, width), mode="bilinear", antialias=True)
        masks = [small(mask) for mask in masks]
    return list(map(StyleTarget, strengths, masks))


def _palette(spec: ShotSpec, paintings: Sequence[Tensor]) -> Palette:
    """The colours of the paintings, mixed by strength or masked like the style targets."""
    if not spec.blend.masks:
        return color_statistics(paintings, spec.blend.strengths)
    masks = [torch.from_numpy(mask)[None, None].to(paintings[0]) for mask in spec.blend.masks]
    return list(map(Patch, [color_statistics([painting]) for painting in paintings], masks))


def _shrunk(painting: Tensor, factor: float, shortest: int) -> Tensor:
    height, width = (max(shortest, round(side * factor)) for side in painting.shape[2:])
    return resample(painting, height, width) if factor < 1 else painting


def shoot(
    spec: ShotSpec, model: Model, tile: int | None, workspace: Workspace, label: str = ""
) -> Generator[Event, None, None]:
    """Take a shot into the workspace, unless it lies there finished already.

    An interrupted shot is resumed from its checkpoint; on the CPU its pixels are the same as
    without the interruption. If the generator is closed, or an error leaves it, a checkpoint is
    written. Every error's message names the painting.

    Args:
        spec: spec of the shot.
        model: model with the weights that the spec names.
        tile: side in pixels of the tiles that pictures are computed in; None for no tiles.
        workspace: workspace that keeps the iterates.
        label: name of the shot in a batch and in `medley status`.

    Yields:
        "step" after each iterate has been given to the encoders; "told" if another process is
        waited for, the shot must start over, or 16 bits overflowed.

    Raises:
        DivergedError: the loss is no longer finite; the shot stays unfinished.
        ResourceError: the device's memory does not suffice; the iterates so far stay.
        OutputError: the workspace cannot be written to, or the shot that this one goes on from is
            not finished.
        PictureError: a picture is unreadable.
    """
    named = f"'{spec.painting_path}': "
    try:
        with workspace.claim(spec.key) as claim:
            if not claim.take_now():
                yield _told(spec, named + "another process is taking this shot; waiting")
                claim.wait()
            # Checked only with the claim: another process may have just finished the shot.
            if not workspace.shot(spec.key).is_finished:
                yield from _take(spec, model, tile, workspace, label, named)
    except MedleyError as error:
        raise spec.about(error) from error


def _take(
    spec: ShotSpec, model: Model, tile: int | None, workspace: Workspace, label: str, named: str
) -> Iterator[Event]:
    key, told = spec.key, False
    stamp = {"version": checkpoint.VERSION, "recipe": RECIPE, "key": key}
    about = {**_describe(spec, model), "key": key, **spec.describe(label)}
    try:
        state = _find_state(workspace.shot(key), spec, model, stamp)
    except CheckpointError as error:
        yield _told(spec, f"{named}{error}; this shot starts over")
        state = None
    begun = state.step if state else 0
    iterates = iterate(spec, model, tile, state)
    del state  # its pictures must not stay in memory
    with (
        workspace.record(key, about, begun) as recorder,
        checkpoint.Checkpointer(recorder, stamp) as checkpointer,
    ):
        for current in iterates:
            if current.exact and model.is_half and not told:
                told = True
                text = f"{model.precision} overflowed; this shot goes on in float32"
                yield _told(spec, named + text)
            _record(recorder, current, spec.settings)
            if current.position:
                checkpointer.reach(current.position)
            yield _step(spec, current)
        recorder.finish(_outcome(current))


def _told(spec: ShotSpec, text: str) -> Event:
    return Event("told", spec.key, spec.title, text=text)


def _step(spec: ShotSpec, current: Iterate) -> Event:
    return Event(
        "step",
        spec.key,
        spec.title,
        step=current.step,
        steps=spec.settings.steps,
        loss=current.loss,
        seconds=current.seconds,
    )


def _describe(spec: ShotSpec, model: Model) -> dict[str, Any]:
    return {
        "medley": medley.__version__,
        "torch": torch.__version__,
        "recipe": RECIPE,
        "device": str(model.device),
        "precision": model.precision,
        "weights": model.weights.digest,
        "start": spec.start.name,
        "settings": spec.settings.model_dump(mode="json"),
    }


def _find_state(shot: Shot, spec: ShotSpec, model: Model, stamp: dict[str, Any]) -> RunState | None:
    """Read the state from which an unfinished shot can be resumed; None without a checkpoint.

    Raises:
        CheckpointError: the checkpoint cannot be used, and the shot must start over.
    """
    if not shot.state_path.exists():
        return None
    state = checkpoint.unpack(shot.state_path, stamp, model.device)
    same = {name: stamp[name] for name in ("recipe", "key")}
    shot.check_until(state.step, spec.settings.keep_every, same)
    try:
        make_problem(spec, model).check(state)
    except ValueError as error:
        raise CheckpointError(f"'{shot.state_path}' does not fit ({error})") from error
    return state


def _outcome(last: Iterate) -> dict[str, Any]:
    return {
        "steps": last.step,
        "seconds": round(last.seconds, 3),
        "loss": last.loss,
        "content": last.content,
        "style": last.style,
        "tv": last.tv,
    }


def _record(recorder: Recorder, current: Iterate, settings: ShotSettings) -> None:
    recorder.note(
        TraceRow(
            step=current.step,
            seconds=current.seconds,
            loss=current.loss,
            content=current.content,
            style=current.style,
            tv=current.tv,
            visual_change=current.change,
            height=current.height,
            width=current.width,
        )
    )
    if current.step % settings.keep_every == 0 or current.step == settings.steps:
        recorder.keep(current.step, send_pixels(current.image), 3 * current.image[0, 0].numel())
