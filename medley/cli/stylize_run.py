"""What `medley stylize` does: pictures are repainted, one by one."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from medley.cli.console import notes
from medley.cli.progress import Display, display
from medley.cli.words import INTERRUPTED, STREAM, counted, printable, words_of
from medley.files import check_free
from medley.settings import BlendSettings, RunSettings, ShotSettings, StillFormat, StillSettings
from medley.stills import check_format
from medley.studio.shooting.devices import one_device
from medley.studio.shooting.model import computing_deterministically, load_model
from medley.studio.still import StillContext
from medley.studio.still_files import (
    Repainted,
    Source,
    StillFile,
    StillJob,
    plan_folder,
    read_paintings,
    repaint_all,
    repaint_one,
)

_STDIN = Path("standard input")


class Wishes(NamedTuple):
    """What was asked for: the options of the command, read and found to fit one another."""

    content: Path
    paintings: list[Path]
    output: Path
    file_format: StillFormat
    shot: ShotSettings
    blending: BlendSettings
    still: StillSettings
    run: RunSettings
    seed: int
    strength: float
    force: bool
    as_json: bool
    quiet: bool


def repaint(wishes: Wishes) -> int:
    """Repaint a picture, or a folder of them; give the exit code."""
    still, blending = wishes.still, wishes.blending
    check_format(wishes.file_format, still.depth, still.file_quality)
    with display(notes(wishes.quiet)) as show:
        content, *paintings = map(_source, (wishes.content, *wishes.paintings))
        works, device = read_paintings(paintings), one_device(wishes.run.device)
        jobs = _plan(
            wishes, content, [*(each.path for each in paintings), *blending.mask_files], show.warn
        )
        if not jobs:
            return 0
        model = load_model(wishes.shot, device)
        context = StillContext(
            works, wishes.shot, wishes.seed, model, wishes.run.tile, blending, show.warn
        )
        file = StillFile(wishes.file_format, still, wishes.strength)
        with computing_deterministically(wishes.run.deterministic):
            failed = _paint(context, file, jobs, wishes, show)
    if failed:
        listed = printable(", ".join(f"'{path}'" for path in failed))
        of = counted(len(jobs), "picture")
        click.echo(f"Error: {len(failed)} of {of} failed: {listed}", err=True)
    return int(bool(failed))


def _paint(
    context: StillContext, file: StillFile, jobs: list[StillJob], wishes: Wishes, show: Display
) -> list[Path]:
    """Repaint all pictures and report each; give the photos that failed."""
    is_folder = wishes.content.is_dir()
    names = {str(job.content.path): job.content.path.name for job in jobs}
    steps = dict.fromkeys(names, context.settings.steps)
    if is_folder:
        show.expect_shots("picture", names, steps)
    else:
        show.expect_shots("painting", {}, steps)
    failed = []
    try:
        if not is_folder:
            _report(repaint_one(context, file, jobs[0], show.on), wishes.as_json)
            return []
        for done in repaint_all(context, file, jobs, show.on):
            if done.error is not None:
                failed.append(done.job.content.path)
                show.warn(f"passed over: {words_of(done.error)}")
            _report(done, wishes.as_json)
    except KeyboardInterrupt:
        click.echo("Interrupted; pictures that were finished are kept.", err=True)
        sys.exit(INTERRUPTED)
    return failed


def _source(path: Path) -> Source:
    return Source(_STDIN, sys.stdin.buffer.read()) if path == STREAM else Source(path)


def _plan(
    wishes: Wishes, content: Source, others: Sequence[Path], tell: Callable[[str], None]
) -> list[StillJob]:
    """Find out what is to be done, and whether it can be written.

    Args:
        wishes: what was asked for.
        content: the photo, or the folder of them.
        others: all other pictures that are read; none of them is written over.
        tell: told which pictures are there already, a line each.
    """
    output, force = wishes.output, wishes.force
    if content.data is None and content.path.is_dir():
        jobs, finished = plan_folder(content.path, output, wishes.file_format, force, others)
        for job in finished:
            tell(f"'{job.output}' is there already; --force replaces it")
        return jobs
    if output == STREAM:
        return [StillJob(content, None)]
    check_free(output, force, [content.path, *others])
    return [StillJob(content, output)]


def _report(done: Repainted, as_json: bool) -> None:
    """Give out what came of a picture: the picture itself, its path, or a line of JSON."""
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
