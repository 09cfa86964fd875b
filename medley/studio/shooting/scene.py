"""What a shot is made of: its pictures and settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

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
from medley.settings import ShotSettings, StyleSettings, TileWish
from medley.shots import Shot
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.camera import Camera
from medley.studio.shooting.device import AnyDevice
from medley.studio.shooting.forecast import choose_tile
from medley.studio.shooting.negatives import Negative, developed, digest_of
from medley.studio.shooting.room import free_memory_each
from medley.transfer.scales import Scale, plan_scales
from medley.vgg.layers import Precision

RECIPE = 3
"""Raised whenever the same inputs come to give other pixels, so that old shots are not reused."""

# The settings that there were when the recipe was last raised, in the key at any value.
_ALWAYS_COUNTED = frozenset(
    {"steps", "optimizer", "scales", "history", "content_weight", "style_weight", "tv_weight"}
    | {"pooling", "keep_every"}
)


@dataclass(frozen=True)
class Scene:
    """One shot's pictures at the size at which they are used, and its settings.

    Attributes:
        content: what is repainted.
        paintings: whose styles are mixed, usually one; each of about the content's area.
        start: the picture that step 0 shows; or the shot whose result it is, which is finished
            by the time that this one begins.
        start_name: what decides it: "content", "color", "noise:SEED", its pixels' digest, or
            "shot:KEY", so that a shot's key is known before the one that it goes on from is taken.
        settings: everything else that decides the shot's pixels.
        blend: how the paintings share the picture.
    """

    content: Pixels
    paintings: tuple[Pixels, ...]
    start: Pixels | Shot
    start_name: str
    settings: ShotSettings
    blend: Blend = field(default_factory=Blend)

    def read_start(self) -> Pixels:
        """Give the picture that step 0 shows.

        Raises:
            OutputError: it is the result of a shot that is not finished.
            PictureError: that result is unreadable.
        """
        return self.start.result() if isinstance(self.start, Shot) else self.start

    @property
    def start_has_colors(self) -> bool:
        """Whether step 1 need not give the start any colours; on a walk it has some painting's."""
        if self.blend.walk:
            return True
        kept = self.settings.preserve_color != "off"
        return self.start_name == ("content" if kept else "color")


def fit_tiles(
    camera: Camera,
    content: Pixels,
    settings: ShotSettings,
    wish: TileWish,
    devices: Sequence[AnyDevice] = (),
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
    return plan_scales(height, width, settings.steps, settings.scales, settings.shortest_side)


def resize_content(picture: Image.Image, settings: ShotSettings, name: object) -> Pixels:
    """Bring the content to the size that the settings ask for.

    Raises:
        PictureError: it would be too narrow for the network.
    """
    size = content_size(picture.height, picture.width, settings)
    return _pixels(resize(picture, *size, name, settings.shortest_side))


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


def fit_painting(
    content: Pixels, picture: Image.Image, name: object, settings: StyleSettings
) -> Pixels:
    """Bring a painting to the content's area, or to the size against it that the settings ask for.

    Raises:
        PictureError: it would be too narrow for the network.
    """
    height, width, _ = content.shape
    area = height * width * settings.style_scale**2
    size = size_for_pixels(picture.height, picture.width, area)
    return _pixels(resize(picture, *size, name, settings.shortest_side))


def set_scene(
    content: Pixels,
    paintings: Sequence[Painting],
    settings: ShotSettings,
    seed: int,
    after: Shot | None = None,
    blend: Blend | None = None,
) -> Scene:
    """Put content and fitted paintings together and choose the starting picture.

    Args:
        content: at its size.
        paintings: whose styles are mixed.
        settings: of the shot; `init` says what it starts from,
        seed: and this decides noise,
        after: unless it goes on from the result of this shot, of the same content.

    Raises:
        PictureError: the starting picture cannot be read.
    """
    pictures = tuple(painting.picture for painting in paintings)
    if after:
        return Scene(content, pictures, after, f"shot:{after.key}", settings, blend or Blend())
    start, start_name = _start(content, pictures, settings, seed)
    return Scene(content, pictures, start, start_name, settings, blend or Blend())


def shot_key(scene: Scene, weights_digest: str, precision: Precision) -> str:
    """Digest everything that decides a shot's pixels; equal keys mean equal pixels.

    The bits and the sizes are in it through the weights' and the pictures' own digests. The
    device is not: floating point differs a little between devices, but a shot is a shot. Settings
    that came after the recipe count where they are not at their default, so that older shots stay.
    """
    settings = scene.settings.model_dump(
        mode="json", exclude={"bits", "weights", "size", "pixels", "init", "precision"}
    )
    defaults = _defaults()
    decides = {
        "recipe": RECIPE,
        "content": digest_of(scene.content),
        "paintings": [digest_of(painting) for painting in scene.paintings],
        "start": scene.start_name,
        "weights": weights_digest,
        "settings": {
            name: value
            for name, value in settings.items()
            if name in _ALWAYS_COUNTED or value != defaults[name]
        },
        "precision": precision,
    }
    if blend := scene.blend.digest:
        decides["blend"] = blend
    return sha256(json.dumps(decides, sort_keys=True).encode())[:24]


@cache
def _defaults() -> dict[str, Any]:
    return ShotSettings().model_dump(mode="json")


def _start(
    content: Pixels, paintings: Sequence[Pixels], settings: ShotSettings, seed: int
) -> tuple[Pixels, str]:
    if settings.init == "content":
        return content, "content"
    height, width, _ = content.shape
    path = settings.init if isinstance(settings.init, Path) else None
    name, make = f"noise:{seed}", partial(_noise, height, width, seed)
    if settings.init == "color":
        name, make = "color", partial(_colored, content, paintings)
    elif path is not None:
        make = partial(read_at, path, height, width)
    if isinstance(content, Negative):  # then the start is one too
        digest = _start_digest(path, height, width) if path else ""
        called = path or name
        if name == "color":  # other pictures give other pixels, and the darkroom goes by the name
            called = " ".join([name, *map(digest_of, (content, *paintings))])
        return Negative(content.shape, called, digest, make), digest or name
    start = make()
    return start, name if path is None else digest_of(start)


def _colored(content: Pixels, paintings: Sequence[Pixels]) -> Pixels:
    """The content in the paintings' colours."""
    from medley.transfer.color import color_statistics, match_colors

    palette = color_statistics([to_tensor(developed(painting)) for painting in paintings])
    return to_pixels(match_colors(to_tensor(developed(content)), palette))


def _noise(height: int, width: int, seed: int) -> Pixels:
    import torch

    generator = torch.Generator().manual_seed(seed)
    return to_pixels(torch.rand((1, 3, height, width), generator=generator))


@lru_cache(maxsize=64)
def _start_digest(path: Path, height: int, width: int) -> str:
    return digest_of(read_at(path, height, width))


def _pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture)
