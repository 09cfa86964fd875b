"""Specs of small shots, made in memory, and one way to take them."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import pytest
from PIL import Image

from medley.events import Event
from medley.images import Pixels
from medley.paintings.draws import Painting
from medley.pictures import Picture, fit_painting, held_picture, resize_content
from medley.settings import ShotSettings
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.model import Model
from medley.studio.shooting.shoot import shoot
from medley.studio.shooting.spec import ShotSpec
from medley.studio.shot_maker import ShotMaker
from medley.vgg.identity import identify_weights
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace

from .conftest import draw_pixels

PHOTO = Image.fromarray(draw_pixels(30, 40, 1))
CONTENT_PATH = Path("content.png")


@lru_cache(maxsize=1)
def _shipped() -> str:
    return identify_weights(8).digest


def small_spec(
    paintings: int = 1,
    seed: int = 0,
    blend: Blend | None = None,
    first: int = 2,
    **settings: object,
) -> ShotSpec:
    """Make the spec of one small photo after small paintings, both resized as the settings ask.

    Args:
        paintings: how many there are.
        seed: decides noise.
        blend: how the paintings share the picture.
        first: the number of the first painting; each number is another picture.
        settings: 32 pixels and 4 steps unless they say otherwise.
    """
    chosen = ShotSettings.model_validate({"size": 32, "steps": 4} | settings)
    content = resize_content(PHOTO, chosen, CONTENT_PATH)
    pictures = []
    for number in range(first, first + paintings):
        drawn = Image.fromarray(draw_pixels(28, 36, number))
        pictures.append(fit_painting(content, drawn, painting_path(number), chosen))
    return _make(content, pictures, chosen, seed, blend)


def spec_of(
    content: Pixels,
    paintings: Sequence[Pixels],
    settings: ShotSettings,
    seed: int = 0,
    blend: Blend | None = None,
) -> ShotSpec:
    """Make the spec of pixels as they are."""
    pictures = [held_picture(painting_path(at), one) for at, one in enumerate(paintings, 2)]
    return _make(held_picture(CONTENT_PATH, content), pictures, settings, seed, blend)


def painting_path(number: int) -> Path:
    """Name the painting of that number."""
    return Path(f"painting_{number}.png")


def _make(
    content: Picture,
    pictures: Sequence[Picture],
    settings: ShotSettings,
    seed: int,
    blend: Blend | None,
) -> ShotSpec:
    """Put together what the fixture `model` can take: the bundle's weights, in float32."""
    works = [Painting(picture.path, picture) for picture in pictures]
    maker = ShotMaker(settings, _shipped(), "float32", seed, pytest.fail)
    return maker.make(content, works, blend=blend)


def take(
    root: Path,
    model: Model,
    spec: ShotSpec | None = None,
    on_step: Callable[[Event], object] = id,
    warn: Callable[[str], object] = pytest.fail,
    tile: int | None = None,
) -> Shot:
    """Take a shot into the workspace at `root`.

    Args:
        root: the workspace's folder.
        model: computes it.
        spec: what is shot; `small_spec()` if there is none.
        on_step: called with the event of each step; what it raises ends the shot there.
        warn: called with the lines that the user is told; there must be none by default.
        tile: side of tiles in pixels.
    """
    spec, workspace = spec or small_spec(), Workspace(root)
    with closing(shoot(spec, model, tile, workspace)) as events:
        for event in events:
            assert event.key == spec.key
            if event.kind == "told":
                warn(event.text)
            else:
                assert event.kind == "step"
                on_step(event)
    return workspace.shot(spec.key)
