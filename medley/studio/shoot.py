"""One shot: from a content and its paintings to every iterate in the workspace."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import medley
from medley.errors import CheckpointError
from medley.files import sha256
from medley.images import (
    Pixels,
    read_picture,
    resize,
    size_for_pixels,
    size_for_side,
    to_pixels,
    to_tensor,
)
from medley.paintings import Painting
from medley.settings import SHORTEST_SIDE, ShotSettings, TileWish
from medley.studio import checkpoint
from medley.studio.device import choose_precision
from medley.studio.forecast import choose_tile
from medley.studio.room import free_memory, out_of_memory_named
from medley.transfer import losses
from medley.transfer.color import color_statistics
from medley.transfer.optimize import Evaluator, Iterate, Position, Subject, optimize
from medley.transfer.scales import Scale, plan_scales, resample
from medley.transfer.tiling import make_objective
from medley.vgg.network import HALVES, VGG19, Precision, convolutions_for
from medley.vgg.weights import Weights, load_weights
from medley.workspace import Recorder, Shot, TraceRow, Workspace

RECIPE = 2
"""Raised whenever the same inputs come to give other pixels, so that old shots are not reused."""


@dataclass(frozen=True)
class Camera:
    """What every shot of a run shares.

    Attributes:
        weights: which the network has, as they were loaded.
        network: on the device, computing in `precision`.
        exact: the same in float32; it judges final pictures, and takes over where halves fail.
        device: where they are.
        precision: never "auto".
        tile: a picture that is larger is computed in tiles of that side; None: as a whole.
    """

    weights: Weights
    network: VGG19
    exact: VGG19
    device: torch.device
    precision: Precision
    tile: int | None = None


@dataclass(frozen=True)
class Scene:
    """One shot's pictures at the size at which they are used, and its settings.

    Attributes:
        content: what is repainted.
        paintings: whose styles are mixed, usually one; each of about the content's area.
        start: the picture that step 0 shows.
        start_name: what decides it: "content", "noise:SEED", or its pixels' digest.
        settings: everything else that decides the shot's pixels.
    """

    content: Pixels
    paintings: tuple[Pixels, ...]
    start: Pixels
    start_name: str
    settings: ShotSettings


@dataclass(frozen=True)
class Progress:
    """How far the shots are; handed to a watcher after every step.

    Attributes:
        number: of the painting at work, from 1.
        paintings: how many there are.
        title: of the painting at work.
        iterate: the last one.
        steps: of this shot.
        steps_left: in this shot and all that are still to be taken.
    """

    number: int
    paintings: int
    title: str
    iterate: Iterate
    steps: int
    steps_left: int


def load_camera(settings: ShotSettings, device: torch.device) -> Camera:
    """Load the weights that the settings ask for and put a network on the device.

    Raises:
        WeightsError: they are not there or not whole.
    """
    bits = settings.bits if settings.weights is None else None
    weights = load_weights(bits, path=settings.weights, layers=convolutions_for(losses.LAYERS))
    precision = choose_precision(settings.precision, device)
    network = VGG19(weights.tensors, losses.LAYERS, settings.pooling).to(device).eval()
    exact = network
    if precision in HALVES:
        tensors = network.weights()
        network = VGG19(tensors, losses.LAYERS, settings.pooling, precision).eval()
    return Camera(weights, network, exact, device, precision)


def fit_tiles(camera: Camera, content: Pixels, settings: ShotSettings, wish: TileWish) -> Camera:
    """Let the camera compute in tiles where that is wished, or the memory does not suffice.

    Raises:
        RoomError: it does not suffice even in tiles.
    """
    free = free_memory(camera.device)
    tile = choose_tile(wish, scales_of(content, settings), settings, free)
    return replace(camera, tile=tile)


def scales_of(content: Pixels, settings: ShotSettings) -> tuple[Scale, ...]:
    """List the sizes at which a shot's steps are taken."""
    height, width, _ = content.shape
    return plan_scales(height, width, settings.steps, settings.scales)


def resize_content(picture: Image.Image, settings: ShotSettings, name: object) -> Pixels:
    """Bring the content to the size that the settings ask for.

    Raises:
        PictureError: it would be too narrow for the network.
    """
    if settings.size is None:
        height, width = size_for_pixels(picture.height, picture.width, settings.pixels)
    else:
        height, width = size_for_side(picture.height, picture.width, settings.size)
    return _pixels(resize(picture, height, width, name))


def fit_painting(content: Pixels, picture: Image.Image, name: object) -> Pixels:
    """Bring a painting to the content's area.

    Raises:
        PictureError: it would be too narrow for the network.
    """
    height, width, _ = content.shape
    size = size_for_pixels(picture.height, picture.width, height * width)
    return _pixels(resize(picture, *size, name))


def set_scene(
    content: Pixels, paintings: Sequence[Painting], settings: ShotSettings, seed: int
) -> Scene:
    """Put content and fitted paintings together and choose the starting picture.

    Raises:
        PictureError: the starting picture cannot be read.
    """
    pictures = tuple(painting.picture for painting in paintings)
    start, start_name = _start(content, settings, seed)
    return Scene(content, pictures, start, start_name, settings)


def shot_key(scene: Scene, weights_digest: str, precision: Precision) -> str:
    """Digest everything that decides a shot's pixels; equal keys mean equal pixels.

    The bits and the sizes are in it through the weights' and the pictures' own digests. The
    device is not: floating point differs a little between devices, but a shot is a shot.
    """
    decides = {
        "recipe": RECIPE,
        "content": _digest(scene.content),
        "paintings": [_digest(painting) for painting in scene.paintings],
        "start": scene.start_name,
        "weights": weights_digest,
        "settings": scene.settings.model_dump(
            mode="json", exclude={"bits", "weights", "size", "pixels", "init", "precision"}
        ),
        "precision": precision,
    }
    return sha256(json.dumps(decides, sort_keys=True).encode())[:24]


def iterate(scene: Scene, camera: Camera, position: Position | None = None) -> Iterator[Iterate]:
    """Run a scene's optimization, from its start or on from a position, keeping nothing.

    Raises:
        DivergedError: the loss is no longer finite.
        RoomError: the device's memory does not suffice.
    """
    with out_of_memory_named(scales_of(scene.content, scene.settings), scene.settings, camera.tile):
        # Tensors that the generator alone holds: it drops them when it needs them no longer.
        yield from optimize(_subject(scene, camera), position)


def _subject(scene: Scene, camera: Camera) -> Subject:
    content = to_tensor(scene.content).to(camera.device)
    paintings = [to_tensor(painting).to(camera.device) for painting in scene.paintings]
    full = content.shape[2:].numel()

    def objective_at(height: int, width: int, exact: bool) -> Evaluator:
        shrink = math.sqrt(height * width / full)
        return make_objective(
            camera.exact if exact else camera.network,
            resample(content, height, width),
            [_shrunk(painting, shrink) for painting in paintings],
            scene.settings,
            camera.tile,
        )

    return Subject(
        to_tensor(scene.start).to(camera.device),
        color_statistics(paintings),
        objective_at,
        scene.settings,
        half=camera.network is not camera.exact,
    )


def _shrunk(painting: Tensor, factor: float) -> Tensor:
    height, width = (max(SHORTEST_SIDE, round(side * factor)) for side in painting.shape[2:])
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
        OutputError: the workspace cannot be written to.
    """
    key = shot_key(scene, camera.weights.digest, camera.precision)
    shot = workspace.shot(key)
    about = {
        "medley": medley.__version__,
        "torch": torch.__version__,
        "recipe": RECIPE,
        "key": key,
        "device": str(camera.device),
        "precision": camera.precision,
        "weights": camera.weights.digest,
        "settings": scene.settings.model_dump(mode="json"),
        **description,
    }
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
                    if current.exact and not told and camera.network is not camera.exact:
                        tell(f"{camera.precision} overflowed; this shot goes on in float32")
                        told = True
                    _record(recorder, current, scene.settings)
                    if current.position:
                        keeper.reach(current.position)
                    on_iterate(current)
                recorder.finish(_outcome(current))
    return shot


def _find_position(
    shot: Shot, scene: Scene, camera: Camera, stamp: dict[str, Any], tell: Callable[[str], None]
) -> Position | None:
    """Find out where an unfinished shot can be gone on with; none if it must start over."""
    if not shot.state_path.exists():
        return None
    try:
        position = checkpoint.unpack(shot.state_path, stamp, camera.device)
        same = {name: stamp[name] for name in ("recipe", "key")}
        shot.check_until(position.step, scene.settings.keep_every, same)
        _subject(scene, camera).check(position)
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
        recorder.keep(current.step, to_pixels(current.image))


def _start(content: Pixels, settings: ShotSettings, seed: int) -> tuple[Pixels, str]:
    if settings.init == "content":
        return content, "content"
    height, width, _ = content.shape
    if settings.init_file is None:
        generator = torch.Generator().manual_seed(seed)
        noise = torch.rand((1, 3, height, width), generator=generator)
        return to_pixels(noise), f"noise:{seed}"
    start = _pixels(resize(read_picture(settings.init_file), height, width, settings.init))
    return start, _digest(start)


def _pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture)


def _digest(pixels: Pixels) -> str:
    return sha256(str(pixels.shape).encode(), pixels.tobytes())
