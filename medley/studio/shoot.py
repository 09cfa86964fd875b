"""One shot: from a content and its paintings to every iterate in the workspace."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

import medley
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
from medley.settings import ShotSettings
from medley.transfer import losses
from medley.transfer.optimize import Iterate, optimize
from medley.vgg.network import VGG19, convolutions_for
from medley.vgg.weights import Weights, load_weights
from medley.workspace import Recorder, Shot, TraceRow, Workspace

RECIPE = 1
"""Raised whenever the same inputs come to give other pixels, so that old shots are not reused."""


@dataclass(frozen=True)
class Camera:
    """What every shot of a run shares: the network on its device, and which weights it has."""

    weights: Weights
    network: VGG19
    device: torch.device


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
        what: is counted.
    """

    number: int
    paintings: int
    title: str
    iterate: Iterate
    steps: int
    steps_left: int
    what: str = "painting"


def load_camera(settings: ShotSettings, device: torch.device) -> Camera:
    """Load the weights that the settings ask for and put a network on the device.

    Raises:
        WeightsError: they are not there or not whole.
    """
    bits = settings.bits if settings.weights is None else None
    weights = load_weights(bits, path=settings.weights, layers=convolutions_for(losses.LAYERS))
    network = VGG19(weights.tensors, losses.LAYERS, settings.pooling).to(device).eval()
    return Camera(weights, network, device)


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


def set_scene(
    content: Pixels, paintings: Sequence[Painting], settings: ShotSettings, seed: int
) -> Scene:
    """Bring the paintings to the content's area and choose the starting picture.

    Raises:
        PictureError: a painting is too narrow, or the starting picture cannot be read.
    """
    height, width, _ = content.shape
    resized = []
    for painting in paintings:
        size = size_for_pixels(painting.picture.height, painting.picture.width, height * width)
        resized.append(_pixels(resize(painting.picture, *size, painting.path)))
    start, start_name = _start(content, settings, seed)
    return Scene(content, tuple(resized), start, start_name, settings)


def shot_key(scene: Scene, weights_digest: str) -> str:
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
            mode="json", exclude={"bits", "weights", "size", "pixels", "init"}
        ),
    }
    return sha256(json.dumps(decides, sort_keys=True).encode())[:24]


def iterate(scene: Scene, camera: Camera) -> Iterator[Iterate]:
    """Run a scene's optimization, keeping nothing.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    start = to_tensor(scene.start).to(camera.device)
    return optimize(set_objective(scene, camera), start, scene.settings)


def set_objective(scene: Scene, camera: Camera) -> losses.Objective:
    """What a scene's shot minimizes, as a camera's network sees it."""
    content = to_tensor(scene.content).to(camera.device)
    paintings = [to_tensor(painting).to(camera.device) for painting in scene.paintings]
    return losses.Objective(camera.network, content, paintings, scene.settings)


def shoot(
    scene: Scene,
    camera: Camera,
    workspace: Workspace,
    description: dict[str, Any],
    on_iterate: Callable[[Iterate], None],
) -> Shot:
    """Take a shot into the workspace, unless it lies there finished already.

    Args:
        scene: what is shot.
        camera: on which network and device.
        workspace: where the iterates go.
        description: what `shot.json` says of the inputs, for people.
        on_iterate: called after each iterate has been handed to the encoders.

    Raises:
        DivergedError: the loss is no longer finite; the shot stays unfinished.
        OutputError: the workspace cannot be written to.
    """
    key = shot_key(scene, camera.weights.digest)
    shot = workspace.shot(key)
    about = {
        "medley": medley.__version__,
        "torch": torch.__version__,
        "recipe": RECIPE,
        "key": key,
        "device": str(camera.device),
        "weights": camera.weights.digest,
        "settings": scene.settings.model_dump(mode="json"),
        **description,
    }
    with workspace.claim(key):
        # Asked with the claim in hand: another process may have just finished it.
        if not shot.is_finished:
            with workspace.record(key, about) as recorder:
                for current in iterate(scene, camera):
                    _record(recorder, current, scene.settings)
                    on_iterate(current)
                recorder.finish(_outcome(current))
    return shot


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
    height, width = current.image.shape[2:]
    recorder.note(
        TraceRow(
            step=current.step,
            seconds=current.seconds,
            loss=current.loss,
            content=current.content,
            style=current.style,
            tv=current.tv,
            visual_change=current.change,
            height=height,
            width=width,
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
