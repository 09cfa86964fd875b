"""One shot: from a content and its paintings to every iterate in the workspace."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor

import medley
from medley.errors import CheckpointError
from medley.images import Pixels, send_pixels, to_tensor
from medley.settings import ShotSettings
from medley.shots import Shot, TraceRow
from medley.studio.shooting import checkpoint
from medley.studio.shooting.camera import Camera
from medley.studio.shooting.room import out_of_memory_named
from medley.studio.shooting.scene import RECIPE, Scene, scales_of, settled, shot_key
from medley.transfer.color import Palette, Patch, color_statistics, lend_chroma, luminance
from medley.transfer.optimize import Evaluator, Iterate, Problem, RunState, optimize
from medley.transfer.preserve import LightObjective, recolor_painting
from medley.transfer.scales import resample
from medley.transfer.style import StyleTarget
from medley.transfer.style_path import Walk, convex_weights
from medley.transfer.tiling import make_objective
from medley.workspace import Recorder, Workspace


def iterate(
    scene: Scene, camera: Camera, position: RunState | None = None, levels: int = 255
) -> Iterator[Iterate]:
    """Run a scene's optimization, from its start or on from a position, keeping nothing.

    The last picture is rounded to as many levels above black.

    Raises:
        DivergedError: the loss is no longer finite.
        RoomError: the device's memory does not suffice.
    """
    settings = settled(scene.settings, camera)
    with out_of_memory_named(scales_of(scene.content, settings), settings, camera.tile):
        # Tensors that the generator alone holds: it drops them when it needs them no longer.
        yield from optimize(_problem(scene, camera, levels), position)


def set_objective(scene: Scene, camera: Camera) -> Evaluator:
    """What a scene's shot minimizes at full size, in float32."""
    height, width, _ = scene.content.shape
    return _problem(scene, camera).objective_at(height, width, True)


def _problem(scene: Scene, camera: Camera, levels: int = 255) -> Problem:
    height, width, _ = scene.content.shape
    preserved = scene.settings.preserve_color
    in_light = preserved == "luminance"

    def tensor(pixels: Pixels) -> Tensor:
        # Made anew from 8 bits whenever it is needed: a float picture is four times as large.
        return to_tensor(pixels).to(camera.device)

    def seen(pixels: Pixels) -> Tensor:
        return luminance(tensor(pixels)) if in_light else tensor(pixels)

    def painted() -> Iterator[Tensor]:
        for painting in scene.paintings:
            yield recolor_painting(tensor(painting), tensor(scene.content), preserved)

    def objective_at(high: int, wide: int, exact: bool) -> Evaluator:
        shrink = math.sqrt(high * wide / (height * width))
        objective: Evaluator = make_objective(
            camera.exact if exact else camera.network,
            resample(seen(scene.content), high, wide),
            [_shrunk(painting, shrink, scene.settings.shortest_side) for painting in painted()],
            scene.settings,
            camera.tile,
            _targets(scene, high, wide, camera.device),
            camera.cache,
        )
        return LightObjective(objective) if in_light else objective

    return Problem(
        height,
        width,
        lambda: seen(scene.read_start()),
        _palette(scene, list(painted())) if _wants_colors(scene) else None,
        objective_at,
        scene.settings,
        half=camera.is_half,
        show=(lambda image: lend_chroma(image, tensor(scene.content))) if in_light else None,
        levels=levels,
        mix=partial(_strengths, scene, scene.blend.walk) if scene.blend.walk else None,
    )


def _wants_colors(scene: Scene) -> bool:
    return not scene.start_has_colors and scene.settings.style_weight > 0


def _strengths(scene: Scene, walk: Walk, step: int) -> list[float]:
    """How the paintings pull at a step of a walk."""
    count = len(scene.paintings)
    weights = walk.weights(step, count)
    if scene.settings.style_loss == "wasserstein":
        weights = convex_weights(weights)
    return [count * weight for weight in weights]


def _targets(scene: Scene, height: int, width: int, device: torch.device) -> list[StyleTarget]:
    """How the paintings pull on a picture of that size."""
    blend = scene.blend
    strengths = blend.strengths or (1.0,) * len(scene.paintings)
    masks = [torch.from_numpy(mask)[None, None].to(device) for mask in blend.masks]
    if not masks:
        return list(map(StyleTarget, strengths))
    if masks[0].shape[2:] != (height, width):
        small = partial(nnf.interpolate, size=(height, width), mode="bilinear", antialias=True)
        masks = [small(mask) for mask in masks]
    return list(map(StyleTarget, strengths, masks))


def _palette(scene: Scene, paintings: Sequence[Tensor]) -> Palette:
    """The paintings' colours, mixed or where each of them pulls."""
    if not scene.blend.masks:
        return color_statistics(paintings, scene.blend.strengths)
    masks = [torch.from_numpy(mask)[None, None].to(paintings[0]) for mask in scene.blend.masks]
    return list(map(Patch, [color_statistics([painting]) for painting in paintings], masks))


def _shrunk(painting: Tensor, factor: float, shortest: int) -> Tensor:
    height, width = (max(shortest, round(side * factor)) for side in painting.shape[2:])
    return resample(painting, height, width) if factor < 1 else painting


def shoot(
    scene: Scene,
    camera: Camera,
    workspace: Workspace,
    description: dict[str, Any],
    on_iterate: Callable[[Iterate], None],
    tell: Callable[[str], None],
) -> Shot:
    """Take a shot into the workspace, unless it lies there finished already.

    One that was interrupted is gone on with; on the CPU it comes to the same pixels.

    Args:
        scene: what is shot.
        camera: on which network and device.
        workspace: where the iterates go.
        description: what `shot.json` says of the inputs, for people.
        on_iterate: called after each iterate has been handed to the encoders.
        tell: called with what the user should know: that another process is waited for, or that
            an interrupted shot must start over.

    Raises:
        DivergedError: the loss is no longer finite; the shot stays unfinished.
        RoomError: the device's memory does not suffice; what was kept is kept.
        OutputError: the workspace cannot be written to, or the shot that this one goes on from is
            not finished.
        PictureError: that shot's result is unreadable.
    """
    key = shot_key(scene, camera.weights.digest, camera.precision)
    shot = workspace.shot(key)
    about = {**_describe(scene, camera), "key": key, **description}
    with workspace.claim(key, lambda: tell("another process is taking this shot; waiting")):
        # Asked with the claim in hand: another process may have just finished it.
        if not shot.is_finished:
            stamp = {"version": checkpoint.VERSION, "recipe": RECIPE, "key": key}
            position = _find_position(shot, scene, camera, stamp, tell)
            begun = position.step if position else 0
            iterates = iterate(scene, camera, position)
            del position  # or all of its pictures would stay in memory
            with (
                workspace.record(key, about, begun) as recorder,
                checkpoint.Keeper(recorder, stamp) as keeper,
            ):
                told = False
                for current in iterates:
                    if current.exact and not told and camera.is_half:
                        tell(f"{camera.precision} overflowed; this shot goes on in float32")
                        told = True
                    _record(recorder, current, scene.settings)
                    if current.position:
                        keeper.reach(current.position)
                    on_iterate(current)
                recorder.finish(_outcome(current))
    return shot


def _describe(scene: Scene, camera: Camera) -> dict[str, Any]:
    return {
        "medley": medley.__version__,
        "torch": torch.__version__,
        "recipe": RECIPE,
        "device": str(camera.device),
        "precision": camera.precision,
        "weights": camera.weights.digest,
        "start": scene.start_name,
        "settings": scene.settings.model_dump(mode="json"),
    }


def _find_position(
    shot: Shot, scene: Scene, camera: Camera, stamp: dict[str, Any], tell: Callable[[str], None]
) -> RunState | None:
    """Find out where an unfinished shot can be gone on with; none if it must start over."""
    if not shot.state_path.exists():
        return None
    try:
        position = checkpoint.unpack(shot.state_path, stamp, camera.device)
        same = {name: stamp[name] for name in ("recipe", "key")}
        shot.check_until(position.step, scene.settings.keep_every, same)
        _problem(scene, camera).check(position)
    except CheckpointError as error:
        tell(f"{error}; this shot starts over")
    except ValueError as error:
        tell(f"'{shot.state_path}' does not fit ({error}); this shot starts over")
    else:
        return position
    return None


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
