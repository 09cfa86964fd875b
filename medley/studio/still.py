"""Still pictures: shots of which only the last iterate is kept, each in a file of its own."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import medley
from medley.errors import DivergedError, OutputError, PictureError, RoomError
from medley.files import check_free, write_bytes
from medley.images import Pixels, lay_on_white, read_layers, to_tensor
from medley.paintings import Painting
from medley.settings import (
    REST,
    SUFFIXES,
    BlendSettings,
    ShotSettings,
    StillFormat,
    StillSettings,
    TileWish,
)
from medley.stills import Levels, encode_still
from medley.studio.shooting.blend import read_blend
from medley.studio.shooting.camera import Camera
from medley.studio.shooting.progress import Progress
from medley.studio.shooting.scene import (
    Scene,
    fit_painting,
    fit_tiles,
    resize_content,
    set_scene,
)
from medley.studio.shooting.shoot import iterate
from medley.transfer.color import mix_light
from medley.transfer.optimize import Iterate


@dataclass(frozen=True)
class Source:
    """A picture's file, or what came from elsewhere under a name."""

    path: Path
    data: bytes | None = None


@dataclass(frozen=True)
class Errand:
    """A picture that is to be repainted.

    Attributes:
        content: the photo.
        output: where the result goes; None for somewhere else than into a file.
    """

    content: Source
    output: Path | None


@dataclass(frozen=True)
class Easel:
    """What all pictures of a run have in common.

    Attributes:
        paintings: their files, decoded.
        settings: of the shots.
        seed: of their noise.
        camera: the network, on its device.
        tile: whether in tiles.
        file_format: of the files, which settles the next.
        file: how they are written.
        strength: how much of the result is shown; the rest is the photo.
        blending: how the paintings share a picture.
        tell: told what the user should know, a line each.
    """

    paintings: Sequence[tuple[Path, Image.Image]]
    settings: ShotSettings
    seed: int
    camera: Camera
    tile: TileWish
    file_format: StillFormat
    file: StillSettings
    strength: float
    blending: BlendSettings
    tell: Callable[[str], None]


@dataclass(frozen=True)
class Repainted:
    """What came of an errand.

    Attributes:
        errand: the errand.
        data: the file's bytes; none if it failed.
        facts: what is to be known of it: size, losses, seconds, settings.
        error: why it failed, in one line.
    """

    errand: Errand
    data: bytes = b""
    facts: dict[str, Any] | None = None
    error: str | None = None


def read_paintings(sources: Sequence[Source]) -> list[tuple[Path, Image.Image]]:
    """Decode the paintings.

    Raises:
        PictureError: one of them is unreadable.
    """
    return [(each.path, lay_on_white(*read_layers(each.path, each.data))) for each in sources]


def plan_folder(
    folder: Path,
    output: Path,
    file_format: StillFormat,
    force: bool,
    paintings: Sequence[Path],
) -> tuple[list[Errand], list[Errand]]:
    """Find out which pictures of a folder are still to be repainted into another.

    Pictures of one name but for the suffix keep theirs: `a.jpg` and `a.png` become `a.jpg.png`
    and `a.png.png`.

    Returns:
        Errands to be run, and those whose output is there already.

    Raises:
        PictureError: there is no picture, or the folder cannot be listed.
        OutputError: the other folder is the same one, or not to be written to, or one of the
            paintings would be replaced.
    """
    if output.is_file():
        raise OutputError(f"'{output}' is a file, and '{folder}' a folder; name a folder for it")
    if output.is_dir() and output.samefile(folder):
        raise OutputError(f"'{output}' is the folder that is read; name another --output")
    files = _list_pictures(folder)
    stems = [path.stem for path in files]
    suffix = next(end for end, kind in SUFFIXES.items() if kind == file_format)
    errands: list[Errand] = []
    finished: list[Errand] = []
    for path in files:
        name = path.name if stems.count(path.stem) > 1 else path.stem
        errand = Errand(Source(path), output / f"{name}{suffix}")
        is_there = (output / f"{name}{suffix}").exists() and not force
        (finished if is_there else errands).append(errand)
    for errand in errands:
        check_free(errand.output or output, force, [*files, *paintings])
    return errands, finished


def _list_pictures(folder: Path) -> list[Path]:
    Image.init()
    try:
        files = sorted(path for path in folder.iterdir() if path.name[:1] != ".")
    except OSError as error:
        raise PictureError(
            f"cannot list '{folder}' ({error.strerror}); check its permissions"
        ) from error
    known = [path for path in files if path.suffix.lower() in Image.EXTENSION and path.is_file()]
    if not known:
        raise PictureError(f"there is no picture in '{folder}'; name another folder")
    return known


Watch = Callable[[Progress], None]


def repaint_one(easel: Easel, errands: Sequence[Errand], watch: Watch) -> Iterator[Repainted]:
    """Repaint the one photo that there is.

    Raises:
        MedleyError: as `_repaint`.
    """
    (errand,) = errands
    yield _repaint(easel, errand, watch)


def repaint_all(easel: Easel, errands: Sequence[Errand], watch: Watch) -> Iterator[Repainted]:
    """Repaint one photo after another; one that cannot be is passed over with its error.

    Args:
        easel: what they have in common.
        errands: photos and outputs.
        watch: told how far they are.

    Raises:
        OutputError: a file cannot be written.
    """
    for number, errand in enumerate(errands, start=1):
        try:
            done = _repaint(easel, errand, watch, (number, len(errands)))
        except (PictureError, DivergedError, RoomError) as error:
            text, path = str(error), str(errand.content.path)
            done = Repainted(errand, error=text if path in text else f"'{path}': {text}")
        yield done


def _repaint(
    easel: Easel, errand: Errand, watch: Watch, place: tuple[int, int] | None = None
) -> Repainted:
    """Repaint one photo after all paintings at once, and write the result if it has a file.

    Raises:
        OutputError: the file cannot be written.
        PictureError: a picture is unreadable or too narrow.
        DivergedError: the loss is no longer finite.
        RoomError: the memory does not suffice, even in tiles.
    """
    name, settings = errand.content.path, easel.settings
    layers = read_layers(name, errand.content.data)
    content = resize_content(lay_on_white(*layers), settings, name)
    works = [
        Painting(path, fit_painting(content, picture, path, settings))
        for path, picture in easel.paintings
    ]
    blend = read_blend(easel.blending, len(works), content, easel.tell)
    scene = set_scene(content, works, settings, easel.seed, blend=blend)
    camera = fit_tiles(easel.camera, content, settings, easel.tile)
    number, count = place or (1, 1)
    title = name.name if place else " + ".join(work.title for work in works)
    what = "picture" if place else "painting"
    for current in iterate(scene, camera, levels=2**easel.file.depth - 1):
        left = settings.steps * (count - number + 1) - current.step
        step, loss, seconds = current.step, current.loss, current.seconds
        watch(Progress(number, count, title, step, loss, seconds, settings.steps, left, what))
    facts = _facts(easel, scene, works, errand, current)
    pixels = _levels(current.image, content, layers.alpha, easel)
    data = encode_still(pixels, easel.file_format, json.dumps(facts), easel.file.file_quality)
    if errand.output:
        write_bytes(errand.output, data)
    return Repainted(errand, data, facts)


def _levels(
    image: torch.Tensor, content: Pixels, alpha: Image.Image | None, easel: Easel
) -> Levels:
    """The result as it is written: mixed with the photo, rounded, and with its transparency."""
    image = image.cpu()
    if easel.strength < 1:
        image = mix_light(to_tensor(content), image, easel.strength)
    pixels = _rounded(image, easel.file.depth)
    if alpha is None:
        return pixels
    height, width, _ = content.shape
    opacity = np.asarray(alpha.resize((width, height), Image.Resampling.BILINEAR))
    deep = opacity if pixels.dtype == np.uint8 else opacity.astype(np.uint16) * 257
    return np.dstack([pixels, deep])


def _rounded(image: torch.Tensor, depth: int) -> Levels:
    top = 2**depth - 1
    levels = image.mul(top).round_().clamp_(0, top)[0].permute(1, 2, 0).numpy()
    return levels.astype(np.uint8) if depth == 8 else levels.astype(np.uint16)


def _facts(
    easel: Easel, scene: Scene, works: Sequence[Painting], errand: Errand, last: Iterate
) -> dict[str, Any]:
    """What a file says of itself: names, but no folders, which are nobody else's business."""
    height, width, _ = scene.content.shape
    return {
        "medley": medley.__version__,
        "content": errand.content.path.name,
        "paintings": [work.path.name for work in works],
        "height": height,
        "width": width,
        "loss": last.loss,
        "content_loss": last.content,
        "style_loss": last.style,
        "tv_loss": last.tv,
        "seconds": round(last.seconds, 3),
        "weights": easel.camera.weights.digest,
        "settings": {
            **_no_folders(scene.settings.model_dump(mode="json", exclude={"keep_every"})),
            "precision": easel.camera.precision,
            "seed": easel.seed,
            "strength": easel.strength,
            **_wishes(easel.blending),
        },
    }


def _wishes(blending: BlendSettings) -> dict[str, Any]:
    """What was wished of a blend, if anything was."""
    wishes = blending.model_dump(mode="json", include={"style_weights"})
    wishes["mask"] = [
        f"{wish.mask if wish.mask == REST else wish.mask.name}={wish.painting.name}"
        for wish in blending.mask
    ]
    return {name: wish for name, wish in wishes.items() if wish}


def _no_folders(settings: dict[str, Any]) -> dict[str, Any]:
    files = {name: settings[name] for name in ("init", "weights") if settings.get(name)}
    return settings | {name: Path(file).name for name, file in files.items()}
