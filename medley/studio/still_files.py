"""Files of still pictures: photos that are read, repainted, and written in the format asked for."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import medley
from medley.color import mix_light
from medley.errors import (
    DivergedError,
    FilmError,
    MedleyError,
    OutputError,
    PictureError,
    ResourceError,
    Setting,
)
from medley.events import Event, Listener
from medley.files import check_free, write_bytes
from medley.images import Pixels, lay_on_white, read_layers
from medley.kinds import may_be_picture
from medley.moments import stem_of
from medley.settings import (
    SUFFIXES,
    BlendSettings,
    StillFormat,
    StillSettings,
)
from medley.shipped import check_there
from medley.stills import Levels, check_size, encode_still
from medley.studio.editing.credits import titles
from medley.studio.shooting.spec import ShotSpec
from medley.studio.still import StillContext
from medley.tensors import to_tensor
from medley.transfer.optimize import Iterate


@dataclass(frozen=True)
class Source:
    """A picture's file, or the bytes of a picture with a name for errors."""

    path: Path
    data: bytes | None = None


@dataclass(frozen=True)
class StillJob:
    """A picture that is to be repainted.

    Attributes:
        content: source of the photo.
        output: file of the result; None if the caller writes it elsewhere.
    """

    content: Source
    output: Path | None


@dataclass(frozen=True)
class StillFile:
    """Format and settings in which the results of a run are written.

    Attributes:
        format: format of the files.
        settings: settings with depth and quality.
        strength: share of the result in the mix with the photo, in [0, 1].
    """

    format: StillFormat
    settings: StillSettings
    strength: float


@dataclass(frozen=True)
class Repainted:
    """The outcome of a picture that was to be repainted.

    Attributes:
        job: job that has ended.
        data: bytes of the file; empty after a failure, and for a film.
        facts: size, losses, seconds and settings.
        error: error of a failed job.
    """

    job: StillJob
    data: bytes = b""
    facts: dict[str, Any] | None = None
    error: MedleyError | None = None


def read_paintings(sources: Sequence[Source]) -> list[tuple[Path, Image.Image]]:
    """Decode the paintings.

    Raises:
        PictureError: one of them is unreadable.
    """
    for each in sources:
        if each.data is None:
            check_there(each.path)
    return [(each.path, lay_on_white(*read_layers(each.path, each.data))) for each in sources]


def plan_folder(
    folder: Path,
    output: Path,
    file_format: StillFormat,
    force: bool,
    paintings: Sequence[Path],
) -> tuple[list[StillJob], list[StillJob]]:
    """List the pictures of a folder that are still to be repainted into another folder.

    Pictures of one name but for the suffix keep theirs: `a.jpg` and `a.png` become `a.jpg.png`
    and `a.png.png`.

    Returns:
        Jobs to be done, and jobs whose output exists already.

    Raises:
        PictureError: there is no picture, or the folder cannot be listed.
        OutputError: both folders are the same, `output` cannot be written to, or a painting would
            be replaced.
    """
    suffix = suffix_of(file_format)
    files = list_pictures(folder, output)
    return plan_files(files, output, lambda _: suffix, force, paintings)


def suffix_of(file_format: StillFormat) -> str:
    """The suffix of files in a format."""
    return next(end for end, kind in SUFFIXES.items() if kind == file_format)


def plan_files(
    files: Sequence[Path],
    output: Path,
    suffix: Callable[[Path], str],
    force: bool,
    others: Sequence[Path] = (),
) -> tuple[list[StillJob], list[StillJob]]:
    """List the files out of some that are still to be repainted into a folder.

    Args:
        files: photos and clips; see `plan_folder` for what becomes of their names.
        output: the folder.
        suffix: gives the suffix of a file's result.
        force: True to replace what is there.
        others: other files that are read, which no output may replace.

    Returns:
        Jobs to be done, and jobs whose output exists already.

    Raises:
        OutputError: `output` cannot be written to, two pictures would have one name there, or a
            file that is read would be replaced.
    """
    if output.is_file():
        raise OutputError(f"'{output}' is a file, and several are read; name a folder for them")
    stems = Counter(map(stem_of, files))
    taken: dict[Path, Path] = {}
    jobs: list[StillJob] = []
    finished: list[StillJob] = []
    for path in files:
        stem = stem_of(path)
        name = path.name if stems[stem] > 1 else stem
        target = output / f"{name}{suffix(path)}"
        if target in taken:
            raise OutputError(
                f"'{taken[target]}' and '{path}' would both become '{target}'; rename one, or give"
                " it a folder of its own"
            )
        taken[target] = path
        if target.exists() and not force:
            finished.append(StillJob(Source(path), target))
            continue
        check_free(target, force, [*files, *others])
        jobs.append(StillJob(Source(path), target))
    return jobs, finished


def list_pictures(
    folder: Path, output: Path, is_known: Callable[[Path], bool] = may_be_picture
) -> list[Path]:
    """The pictures of a folder, by name, without hidden ones and those of its folders.

    Args:
        folder: the folder.
        output: the folder of the results.
        is_known: tells which files are meant.

    Raises:
        PictureError: there is no picture, or the folder cannot be listed.
        OutputError: it is the folder `output`.
    """
    if output.is_file():
        raise OutputError(f"'{output}' is a file, and '{folder}' a folder; name a folder for it")
    if output.is_dir() and output.samefile(folder):
        raise OutputError(
            f"'{output}' is the folder that is read; name another ", Setting("output")
        )
    try:
        files = sorted(path for path in folder.iterdir() if path.name[:1] != ".")
    except OSError as error:
        raise PictureError(
            f"cannot list '{folder}' ({error.strerror}); check its permissions"
        ) from error
    known = [path for path in files if not path.is_dir() and is_known(path)]
    if not known:
        raise PictureError(f"there is no picture in '{folder}'; name another folder")
    return known


def repaint_one(
    context: StillContext, file: StillFile, job: StillJob, listener: Listener
) -> Repainted:
    """Repaint one photo after all paintings at once, and write the result if it has a file.

    Args:
        context: paintings, settings and model.
        file: format and settings of the file.
        job: photo and output.
        listener: takes a "step" event after each step.

    Raises:
        OutputError: the file cannot be written.
        PictureError: a picture is unreadable or too narrow, or too long for the format.
        DivergedError: the loss is no longer finite.
        ResourceError: the memory does not suffice, even in tiles.
    """
    name = job.content.path
    layers = read_layers(name, job.content.data)
    spec = context.spec(lay_on_white(*layers), name)
    check_size(file.format, spec.content.height, spec.content.width, name)
    title = titles(spec.paintings)
    levels, steps = 2**file.settings.depth - 1, spec.settings.steps
    for current in context.iterate(spec, levels):
        event = Event("step", str(name), title, step=current.step, steps=steps)
        listener(replace(event, loss=current.loss, seconds=current.seconds))
    facts = _facts(context, file, spec, current)
    pixels = _levels(current.image, spec.content.pixels(), layers.alpha, file)
    data = encode_still(pixels, file.format, json.dumps(facts), file.settings.file_quality)
    if job.output:
        write_bytes(job.output, data)
    return Repainted(job, data, facts)


def repaint_all(
    repaint: Callable[[StillJob], Repainted], jobs: Sequence[StillJob]
) -> Iterator[Repainted]:
    """Repaint one photo after another; a failed one is yielded with its error.

    Args:
        repaint: function that repaints one.
        jobs: photos and outputs.

    Raises:
        OutputError: a file cannot be written.
    """
    for job in jobs:
        try:
            done = repaint(job)
        except (PictureError, FilmError, DivergedError, ResourceError) as error:
            named = f"'{job.content.path}': "
            if str(job.content.path) not in str(error):
                error = type(error)(named, *error.args)
            done = Repainted(job, error=error)
        yield done


def _levels(
    image: torch.Tensor, content: Pixels, alpha: Image.Image | None, file: StillFile
) -> Levels:
    """Mix a result with the photo, round it, and give it the photo's transparency."""
    image = image.cpu()
    if file.strength < 1:
        image = mix_light(to_tensor(content), image, file.strength)
    return with_alpha(_rounded(image, file.settings.depth), alpha)


def with_alpha(pixels: Levels, alpha: Image.Image | None) -> Levels:
    """Give a result the transparency of its photo, if that has any."""
    if alpha is None:
        return pixels
    height, width, _ = pixels.shape
    opacity = np.asarray(alpha.resize((width, height), Image.Resampling.BILINEAR))
    deep = opacity if pixels.dtype == np.uint8 else opacity.astype(np.uint16) * 257
    return np.dstack([pixels, deep])


def _rounded(image: torch.Tensor, depth: int) -> Levels:
    top = 2**depth - 1
    levels = image.mul(top).round_().clamp_(0, top)[0].permute(1, 2, 0).numpy()
    return levels.astype(np.uint8) if depth == 8 else levels.astype(np.uint16)


def _facts(context: StillContext, file: StillFile, spec: ShotSpec, last: Iterate) -> dict[str, Any]:
    """The metadata of a file: names without folders, which are private."""
    shown = spec.settings.model_dump(mode="json", exclude={"keep_every"})
    return {
        "medley": medley.__version__,
        "content": spec.content.path.name,
        "paintings": [work.path.name for work in spec.paintings],
        "height": spec.content.height,
        "width": spec.content.width,
        "loss": last.loss,
        "content_loss": last.content,
        "style_loss": last.style,
        "tv_loss": last.tv,
        "seconds": round(last.seconds, 3),
        "weights": spec.weights,
        "settings": {
            **_no_folders(shown),
            "precision": spec.precision,
            "seed": context.seed,
            "strength": file.strength,
            **_blend_facts(context.blending),
        },
    }


def _blend_facts(blending: BlendSettings) -> dict[str, Any]:
    """The masks and weights that were asked for, without folders; empty if there are none."""
    weights = blending.model_dump(mode="json")["style_weights"]
    masks = [f"{Path(one.mask).name}={one.painting.name}" for one in blending.mask]
    asked = {"style_weights": weights, "mask": masks}
    return {name: one for name, one in asked.items() if one}


def _no_folders(settings: dict[str, Any]) -> dict[str, Any]:
    files = {name: settings[name] for name in ("init", "weights") if settings.get(name)}
    return settings | {name: Path(file).name for name, file in files.items()}
