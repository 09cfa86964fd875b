"""`medley stylize`: still pictures, one or a folder of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.config import config_options, settle
from medley.cli.help import Grouped, by_worth
from medley.cli.options import read_settings, settings_options
from medley.cli.words import INTERRUPTED, counted, printable
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

if TYPE_CHECKING:  # torch comes with it
    from rich.console import Console

    from medley.studio.still import Easel, Errand, Repainted, Source

_PATH = click.Path(path_type=Path)
_STREAM = Path("-")
_STDIN = Path("standard input")
_UNUSED = ("keep_every",)
_SHOT_OPTIONS = tuple(name for name in by_worth(ShotSettings) if name not in _UNUSED)


@click.command(cls=Grouped, short_help="Repaint one picture, or a folder of them.")
@click.argument("content", type=_PATH)
@click.argument("paintings", type=_PATH, nargs=-1)
@click.option(
    "-o", "--output", type=_PATH, required=True,
    help=f"The picture, ending in {', '.join(SUFFIXES)}; a folder for a folder; - for standard"
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

    CONTENT may be a folder, whose pictures are then all repainted into the folder --output, except
    those that are there already. A - reads standard input. What is transparent stays so.
    """
    options = settle(options)
    _check_streams(content, paintings, output, as_json)
    still = read_settings(StillSettings, options)
    file_format = _format_of(output, still, content.is_dir())
    shot = read_settings(ShotSettings, options)
    run = read_settings(RunSettings, options)
    seed = read_settings(CatalogSettings, options).seed
    strength = read_settings(CutSettings, options).strength
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import notes, warn
    from medley.stills import check_format
    from medley.studio.shooting.blend import paintings_for
    from medley.studio.shooting.camera import load_camera
    from medley.studio.shooting.device import choose_device, computing_deterministically
    from medley.studio.still import Easel, read_paintings

    check_format(file_format, still.depth, still.file_quality)
    console = notes(quiet)
    blending = read_settings(BlendSettings, options)
    read = [_source(path) for path in (content, *paintings_for(blending, paintings))]
    works, device = read_paintings(read[1:]), choose_device(*run.device)
    errands = _plan(read, blending.mask_files, output, file_format, force, partial(warn, console))
    if not errands:
        return
    camera = load_camera(shot, device)
    easel = Easel(
        works, shot, seed, camera, run.tile, file_format, still, strength, blending,
        partial(warn, console),
    )  # fmt: skip
    with computing_deterministically(run.deterministic):
        failed = _paint(easel, errands, content.is_dir(), console, as_json)
    if failed:
        listed = printable(", ".join(f"'{path}'" for path in failed))
        of = counted(len(errands), "picture")
        click.echo(f"Error: {len(failed)} of {of} failed: {listed}", err=True)
        click.get_current_context().exit(1)


def _paint(
    easel: Easel, errands: list[Errand], is_folder: bool, console: Console, as_json: bool
) -> list[Path]:
    """Run the errands and report each; give the photos that failed."""
    from medley.cli.console import warn
    from medley.cli.progress import display
    from medley.studio.still import repaint_all, repaint_one

    failed = []
    try:
        with display(console) as show:
            for done in (repaint_all if is_folder else repaint_one)(easel, errands, show.shot):
                if done.error is not None:
                    failed.append(done.errand.content.path)
                    warn(console, f"passed over: {done.error}")
                _report(done, as_json)
    except KeyboardInterrupt:
        click.echo("Interrupted; pictures that were finished are kept.", err=True)
        click.get_current_context().exit(INTERRUPTED)
    return failed


def _check_streams(content: Path, paintings: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Refuse what cannot go through standard input or output."""
    if (content, *paintings).count(_STREAM) > 1:
        raise click.UsageError("standard input holds one picture; name a file for the others")
    if _STREAM in (content, *paintings) and sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal; send a picture into it with <")
    if output != _STREAM:
        return
    if content.is_dir():
        raise click.UsageError("standard output holds one picture, not a folder; name a folder")
    if as_json:
        raise click.UsageError("--json and --output - contradict each other; give one")
    if sys.stdout.isatty():
        raise click.UsageError("standard output is a terminal; send the picture away with >")


def _format_of(output: Path, still: StillSettings, is_folder: bool) -> StillFormat:
    """The files' format: as it was asked for, or as the suffix says."""
    if is_folder and output.suffix.lower() in SUFFIXES and not output.exists():
        raise click.UsageError(
            f"--output '{output}' names one picture, and CONTENT is a folder; name a folder"
        )
    if is_folder or output == _STREAM:
        return still.format or "png"
    by_suffix = SUFFIXES.get(output.suffix.lower())
    if by_suffix is None:
        raise click.UsageError(f"--output '{output}' must end in {', '.join(SUFFIXES)}")
    if still.format not in (None, by_suffix):
        raise click.UsageError(
            f"--format {still.format} and --output '{output}' contradict each other; give one"
        )
    return by_suffix


def _source(path: Path) -> Source:
    from medley.studio.still import Source

    return Source(_STDIN, sys.stdin.buffer.read()) if path == _STREAM else Source(path)


def _plan(
    read: list[Source],
    masks: Sequence[Path],
    output: Path,
    file_format: StillFormat,
    force: bool,
    tell: Callable[[str], None],
) -> list[Errand]:
    """Find out what is to be done, and whether it can be written."""
    from medley.files import check_free
    from medley.studio.still import Errand, plan_folder

    content = read[0]
    if content.data is None and content.path.is_dir():
        others = [*(each.path for each in read[1:]), *masks]
        errands, finished = plan_folder(content.path, output, file_format, force, others)
        for errand in finished:
            tell(f"'{errand.output}' is there already; --force replaces it")
        return errands
    if output == _STREAM:
        return [Errand(content, None)]
    check_free(output, force, [*(each.path for each in read), *masks])
    return [Errand(content, output)]


def _report(done: Repainted, as_json: bool) -> None:
    """Give out what came of an errand: the picture itself, its path, or a line of JSON."""
    path = done.errand.output
    if as_json:
        about = {"content": str(done.errand.content.path), "path": str(path)}
        told = {"error": done.error} if done.facts is None else done.facts | about
        click.echo(json.dumps(about | told))
    elif path is None:
        sys.stdout.buffer.write(done.data)
        sys.stdout.buffer.flush()
    elif done.error is None:
        click.echo(path)
