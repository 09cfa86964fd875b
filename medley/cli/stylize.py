"""`medley stylize`: still pictures, one or a folder of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.config import config_options, settle
from medley.cli.help import Grouped, by_worth
from medley.cli.options import read_settings, settings_options
from medley.cli.words import INTERRUPTED, counted, printable
from medley.errors import PictureError
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
    from medley.cli.progress import Display
    from medley.studio.still import Repainted, Source, StillContext, StillFile, StillJob

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
    blending = read_settings(BlendSettings, options)
    files = _paintings(blending, paintings)
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import notes
    from medley.cli.progress import display
    from medley.stills import check_format
    from medley.studio.shooting.devices import one_device
    from medley.studio.shooting.model import computing_deterministically, load_model
    from medley.studio.still import StillContext, StillFile, read_paintings

    check_format(file_format, still.depth, still.file_quality)
    with display(notes(quiet)) as show:
        read = [_source(path) for path in (content, *files)]
        works, device = read_paintings(read[1:]), one_device(run.device)
        jobs = _plan(read, blending.mask_files, output, file_format, force, show.warn)
        if not jobs:
            return
        model = load_model(shot, device)
        context = StillContext(works, shot, seed, model, run.tile, blending, show.warn)
        file = StillFile(file_format, still, strength)
        with computing_deterministically(run.deterministic):
            failed = _paint(context, file, jobs, content.is_dir(), show, as_json)
    if failed:
        listed = printable(", ".join(f"'{path}'" for path in failed))
        of = counted(len(jobs), "picture")
        click.echo(f"Error: {len(failed)} of {of} failed: {listed}", err=True)
        click.get_current_context().exit(1)


def _paintings(blending: BlendSettings, named: tuple[Path, ...]) -> list[Path]:
    """The paintings of one picture: those that were named, or those of the masks."""
    masked = [wish.painting for wish in blending.mask]
    if masked and named:
        raise PictureError("--mask names its paintings itself; leave the others out")
    if not masked and not named:
        raise PictureError("there is no painting; name one, or pass --mask MASK=PAINTING")
    return masked or list(named)


def _paint(
    context: StillContext,
    file: StillFile,
    jobs: list[StillJob],
    is_folder: bool,
    show: Display,
    as_json: bool,
) -> list[Path]:
    """Repaint all pictures and report each; give the photos that failed."""
    from medley.cli.progress import words_of
    from medley.studio.still import repaint_all, repaint_one

    names = {str(job.content.path): job.content.path.name for job in jobs}
    steps = dict.fromkeys(names, context.settings.steps)
    if is_folder:
        show.expect_shots("picture", names, steps)
    else:
        show.expect_shots("painting", {}, steps)
    failed = []
    try:
        if not is_folder:
            _report(repaint_one(context, file, jobs[0], show.on), as_json)
            return []
        for done in repaint_all(context, file, jobs, show.on):
            if done.error is not None:
                failed.append(done.job.content.path)
                show.warn(f"passed over: {words_of(done.error)}")
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
) -> list[StillJob]:
    """Find out what is to be done, and whether it can be written."""
    from medley.files import check_free
    from medley.studio.still import StillJob, plan_folder

    content = read[0]
    if content.data is None and content.path.is_dir():
        others = [*(each.path for each in read[1:]), *masks]
        jobs, finished = plan_folder(content.path, output, file_format, force, others)
        for job in finished:
            tell(f"'{job.output}' is there already; --force replaces it")
        return jobs
    if output == _STREAM:
        return [StillJob(content, None)]
    check_free(output, force, [*(each.path for each in read), *masks])
    return [StillJob(content, output)]


def _report(done: Repainted, as_json: bool) -> None:
    """Give out what came of a picture: the picture itself, its path, or a line of JSON."""
    from medley.cli.progress import words_of

    path = done.job.output
    if as_json:
        about = {"content": str(done.job.content.path), "path": str(path)}
        told = {"error": words_of(done.error)} if done.error else (done.facts or {}) | about
        click.echo(json.dumps(about | told))
    elif path is None:
        sys.stdout.buffer.write(done.data)
        sys.stdout.buffer.flush()
    elif done.error is None:
        click.echo(path)
