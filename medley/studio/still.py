"""One still picture: a shot of which only the last iterate is kept."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from medley.files import check_free, write_bytes
from medley.images import encode_png, read_picture, to_pixels
from medley.paintings import Painting
from medley.settings import BlendSettings, ShotSettings, TileWish
from medley.studio.blend import paintings_for, read_blend
from medley.studio.scene import fit_painting, fit_tiles, load_camera, resize_content, set_scene
from medley.studio.shoot import Progress, iterate


def make_still(
    content: Path,
    paintings: Sequence[Path],
    output: Path,
    settings: ShotSettings,
    seed: int,
    device: torch.device,
    tile: TileWish,
    force: bool,
    watch: Callable[[Progress], None],
    blending: BlendSettings,
    tell: Callable[[str], None],
) -> None:
    """Repaint `content` after all `paintings` at once and write the result as PNG.

    Raises:
        OutputError: `output` exists and `force` is not set, or it cannot be written.
        PictureError: a picture is unreadable or too narrow.
        WeightsError: the weights are not there or not whole.
        DivergedError: the loss is no longer finite.
        RoomError: the memory does not suffice, even in tiles.
    """
    paintings = paintings_for(blending, paintings)
    check_free(output, force, [content, *paintings, *blending.mask_files])
    resized = resize_content(read_picture(content), settings, content)
    works = [
        Painting(path, fit_painting(resized, read_picture(path), path, settings))
        for path in paintings
    ]
    blend = read_blend(blending, len(works), resized, tell)
    scene = set_scene(resized, works, settings, seed, blend)
    title = " + ".join(work.title for work in works)
    camera = fit_tiles(load_camera(settings, device), scene.content, settings, tile)
    for current in iterate(scene, camera):
        left = settings.steps - current.step
        step, loss, seconds = current.step, current.loss, current.seconds
        watch(Progress(1, 1, title, step, loss, seconds, settings.steps, left))
    write_bytes(output, encode_png(to_pixels(current.image), level=6))
