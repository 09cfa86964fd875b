"""`medley stylize`: still pictures, one or a folder of them."""

import sys
from pathlib import Path
from typing import Any

import click

from medley.cli.config import config_options, settle
from medley.cli.help import Grouped, by_worth
from medley.cli.options import PATH, read_settings, settings_options
from medley.cli.words import STREAM
from medley.errors import PictureError, listed
from medley.settings import (
    SUFFIXES,
    BlendSettings,
    CatalogSettings,
    CutSettings,
    QualitySettings,
    RunSettings,
    ShotSettings,
    StillFormat,
    StillSettings,
)
from medley.shipped import painting_at

_UNUSED = ("keep_every",)
_SHOT_OPTIONS = tuple(name for name in by_worth(ShotSettings) if name not in _UNUSED)


@click.command(cls=Grouped, short_help="Repaint one picture, or a folder of them.")
@click.argument("content", type=PATH)
@click.argument("paintings", type=PATH, nargs=-1)
@click.option(
    "-o", "--output", type=PATH, required=True,
    help=f"The picture, ending in {listed(SUFFIXES)}; a folder for a folder; - for standard"
    " output.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace pictures of that name.")
@config_options(ShotSettings, CatalogSettings, RunSettings, QualitySettings, sidecar="render")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each picture.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the pictures' paths.")
@settings_options(QualitySettings)
@settings_options(ShotSettings, *_SHOT_OPTIONS, about={"steps": "Optimizer steps."})
@settings_options(BlendSettings, "style_weights", "mask")
@settings_options(CatalogSettings, "seed", about={"seed": "Decides the noise of --init noise."})
@settings_options(CutSettings, "strength")
@settings_options(StillSettings)
@settings_options(
    RunSettings, "device", "tile", "deterministic",
    about={"device": "Where to compute: auto, cpu, cuda, cuda:N or mps."},
)  # fmt: skip
def stylize(
    content: Path,
    paintings: tuple[Path, ...],
    output: Path,
    force: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Repaint the photo CONTENT after PAINTINGS, whose styles are mixed, as one still picture.

    \b
    medley stylize photo.jpg painting.jpg -o repainted.png --size 512
    medley stylize photo.jpg --mask sky.png=starry.jpg --mask rest=scream.jpg -o repainted.png
    medley stylize photos/ painting.jpg -o repainted/ --format jpeg
    medley stylize - painting.jpg -o - < photo.jpg > repainted.png

    PAINTINGS are files, or names of paintings that ship, such as glass. CONTENT may be a folder,
    whose pictures are then all repainted into the folder --output, except those that are there
    already, or a moment of a clip, as clip.mp4@2.5s. A - reads standard input. What is transparent
    stays so.
    """
    options = settle(options)
    _check_streams(content, paintings, output, as_json)
    still = read_settings(StillSettings, options)
    if content != STREAM and not content.suffix and not content.exists():
        raise PictureError(f"there is no picture or folder '{content}'; check its name")
    file_format = format_of(output, still, content.is_dir())
    shot = read_settings(ShotSettings, options)
    run = read_settings(RunSettings, options)
    seed = read_settings(CatalogSettings, options).seed
    strength = read_settings(CutSettings, options).strength
    blending = read_settings(BlendSettings, options)
    files = _paintings(blending, paintings)
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.stylize_run import Request, repaint

    request = Request(
        content, files, output, file_format, shot, blending, still, run,
        seed=seed, strength=strength, force=force, as_json=as_json, quiet=quiet,
    )  # fmt: skip
    sys.exit(repaint(request))


def _paintings(blending: BlendSettings, named: tuple[Path, ...]) -> list[Path]:
    """The paintings of one picture: those that were named, or those of the masks."""
    masked = [one.painting for one in blending.mask]
    if masked and named:
        raise PictureError("--mask names its paintings itself; leave the others out")
    if not masked and not named:
        raise PictureError("there is no painting; name one, or pass --mask MASK=PAINTING")
    found = list(map(painting_at, named))
    for name, path in zip(named, found, strict=True):
        if path != name and path.is_dir():
            raise PictureError(
                f"'{name}' stands for all paintings that ship, and one picture is painted after"
                " those that are named; name some, such as glass"
            )
    return masked or found


def _check_streams(content: Path, paintings: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Refuse what cannot go through standard input or output."""
    if (content, *paintings).count(STREAM) > 1:
        raise click.UsageError("standard input holds one picture; name a file for the others")
    if STREAM in (content, *paintings) and sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal; send a picture into it with <")
    if output != STREAM:
        return
    if content.is_dir():
        raise click.UsageError("standard output holds one picture, not a folder; name a folder")
    if as_json:
        raise click.UsageError("--json and --output - contradict each other; give one")
    if sys.stdout.isatty():
        raise click.UsageError("standard output is a terminal; send the picture away with >")


def format_of(output: Path, still: StillSettings, is_folder: bool) -> StillFormat:
    """The files' format: as it was asked for, or as the suffix says.

    Raises:
        click.UsageError: it is none, or the two contradict each other.
    """
    if is_folder and output.suffix.lower() in SUFFIXES and not output.exists():
        raise click.UsageError(
            f"--output '{output}' names one picture, and several are read; name a folder"
        )
    if is_folder or output == STREAM:
        return still.format or "png"
    by_suffix = SUFFIXES.get(output.suffix.lower())
    if by_suffix is None:
        raise click.UsageError(f"--output '{output}' must end in {listed(SUFFIXES)}")
    if still.format not in (None, by_suffix):
        raise click.UsageError(
            f"--format {still.format} and --output '{output}' contradict each other; give one"
        )
    return by_suffix
