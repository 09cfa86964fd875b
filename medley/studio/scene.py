"""What a shot is made of: its pictures and settings, and the network that sees them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from medley.files import sha256
from medley.images import (
    Pixels,
    read_picture,
    resize,
    size_for_pixels,
    size_for_side,
    to_pixels,
)
from medley.paintings import Painting
from medley.settings import ShotSettings, TileWish
from medley.studio.device import choose_precision
from medley.studio.forecast import choose_tile
from medley.studio.negatives import Negative, digest_of
from medley.studio.room import free_memory_each
from medley.transfer import losses
from medley.transfer.scales import Scale, plan_scales
from medley.vgg.network import HALVES, VGG19, Precision, convolutions_for
from medley.vgg.weights import Weights, load_weights

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


def load_camera(settings: ShotSettings, device: torch.device, tile: int | None = None) -> Camera:
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
    return Camera(weights, network, exact, device, precision, tile)


def fit_tiles(
    camera: Camera,
    content: Pixels,
    settings: ShotSettings,
    wish: TileWish,
    devices: Sequence[torch.device] = (),
) -> Camera:
    """Let the camera compute in tiles where that is wished, or the memory does not suffice.

    Args:
        camera: of one process, or of the first of several.
        content: the picture.
        settings: of the shot.
        wish: what was asked for.
        devices: of all processes that take shots at once, if those are several.

    Raises:
        RoomError: it does not suffice even in tiles.
    """
    free = free_memory_each(devices or [camera.device])
    scales = scales_of(content, settings)
    tile = choose_tile(wish, scales, settled(settings, camera), free)
    return replace(camera, tile=tile)


def settled(settings: ShotSettings, camera: Camera) -> ShotSettings:
    """The settings, with the precision that "auto" comes to."""
    return settings.model_copy(update={"precision": camera.precision})


def scales_of(content: Pixels, settings: ShotSettings) -> tuple[Scale, ...]:
    """List the sizes at which a shot's steps are taken."""
    height, width, _ = content.shape
    return plan_scales(height, width, settings.steps, settings.scales)


def resize_content(picture: Image.Image, settings: ShotSettings, name: object) -> Pixels:
    """Bring the content to the size that the settings ask for.

    Raises:
        PictureError: it would be too narrow for the network.
    """
    return _pixels(resize(picture, *content_size(picture.height, picture.width, settings), name))


def read_at(path: Path, height: int, width: int) -> Pixels:
    """Read a picture file and bring it to that size.

    Raises:
        PictureError: it is unreadable, or would be too narrow.
    """
    return _pixels(resize(read_picture(path), height, width, path))


def content_size(height: int, width: int, settings: ShotSettings) -> tuple[int, int]:
    """Height and width that the settings ask for, of a photo of that size."""
    if settings.size is None:
        return size_for_pixels(height, width, settings.pixels)
    return size_for_side(height, width, settings.size)


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
        "content": digest_of(scene.content),
        "paintings": [digest_of(painting) for painting in scene.paintings],
        "start": scene.start_name,
        "weights": weights_digest,
        "settings": scene.settings.model_dump(
            mode="json", exclude={"bits", "weights", "size", "pixels", "init", "precision"}
        ),
        "precision": precision,
    }
    return sha256(json.dumps(decides, sort_keys=True).encode())[:24]


def _start(content: Pixels, settings: ShotSettings, seed: int) -> tuple[Pixels, str]:
    if settings.init == "content":
        return content, "content"
    height, width, _ = content.shape
    make = partial(_noise, height, width, seed)
    if settings.init_file is not None:
        make = partial(read_at, settings.init_file, height, width)
    if isinstance(content, Negative):  # then the start is one too
        path = settings.init_file
        digest = _start_digest(path, height, width) if path else ""
        name = digest or f"noise:{seed}"
        return Negative(content.shape, path or name, digest, make), name
    start = make()
    return start, f"noise:{seed}" if settings.init_file is None else digest_of(start)


def _noise(height: int, width: int, seed: int) -> Pixels:
    generator = torch.Generator().manual_seed(seed)
    return to_pixels(torch.rand((1, 3, height, width), generator=generator))


@lru_cache(maxsize=64)
def _start_digest(path: Path, height: int, width: int) -> str:
    return digest_of(read_at(path, height, width))


def _pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture)
