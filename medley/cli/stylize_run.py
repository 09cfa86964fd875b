"""What `medley stylize` does: pictures are repainted, one by one."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click

from medley.cli.exits import keeping
from medley.cli.progress import Display, display
from medley.cli.words import STREAM, as_given, counted, printable
from medley.errors import words_of
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


class Request(NamedTuple):
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


def repaint(request: Request) -> int:
    """Repaint a picture, or a folder of them; give the exit code."""
    still, blending = request.still, request.blending
    check_format(request.file_format, still.depth, still.file_quality)
    with display(request.quiet) as show:
        content, *paintings = map(source_of, (request.content, *request.paintings))
        works, device = read_paintings(paintings), one_device(request.run.device)
        others = [*(each.path for each in paintings), *blending.mask_files]
        if request.shot.keep:
            others.append(request.shot.keep)
        jobs = _plan(request, content, others, show.warn)
        if not jobs:
            return 0
        model = load_model(request.shot, device)
        context = StillContext(
            works, request.shot, request.seed, model, request.run.tile, blending, cache(show.warn)
        )
        file = StillFile(request.file_format, still, request.strength)
        with computing_deterministically(request.run.deterministic):
            failed = _paint(context, file, jobs, request, show)
    return tell_failed(failed, len(jobs))


def tell_failed(failed: Sequence[Path], count: int, what: str = "picture") -> int:
    """Say in the end which pictures failed out of how many; give the exit code."""
    if not failed:
        return 0
    listed = printable(", ".join(f"'{path}'" for path in failed))
    click.echo(f"Error: {len(failed)} of {counted(count, what)} failed: {listed}", err=True)
    return 1


def _paint(
    context: StillContext, file: StillFile, jobs: list[StillJob], request: Request, show: Display
) -> list[Path]:
    """Repaint all pictures and report each; give the photos that failed."""
    is_folder = request.content.is_dir()
    names = {str(job.content.path): job.content.path.name for job in jobs}
    steps = dict.fromkeys(names, context.settings.steps)
    if is_folder:
        show.expect_shots("picture", names, steps)
    else:
        show.expect_shots("painting", {}, steps)
    if not is_folder:
        report(repaint_one(context, file, jobs[0], show.on), request.as_json)
        return []
    done = repaint_all(lambda job: repaint_one(context, file, job, show.on), jobs)
    return report_all(done, request.as_json, show)


def report_all(
    outcomes: Iterable[Repainted], as_json: bool, show: Display, what: str = "pictures"
) -> list[Path]:
    """Give out what came of several pictures or films, as it comes; give the photos that failed."""
    failed, finished = [], 0
    with keeping(lambda: f"; {what} that were finished are kept" if finished else ""):
        for done in outcomes:
            if done.error is None:
                finished += 1
            else:
                failed.append(done.job.content.path)
                show.warn(f"passed over: {words_of(done.error, as_given)}")
            report(done, as_json)
    return failed


def source_of(path: Path) -> Source:
    """A picture's file, or what comes in on standard input."""
    return Source(_STDIN, sys.stdin.buffer.read()) if path == STREAM else Source(path)


def _plan(
    request: Request, content: Source, others: Sequence[Path], tell: Callable[[str], None]
) -> list[StillJob]:
    """Find out what is to be done, and whether it can be written.

    Args:
        request: paintings, settings and outputs.
        content: photo, or folder of photos.
        others: other pictures that are read, which no output may replace.
        tell: takes a line about each picture that is there already.
    """
    output, force = request.output, request.force
    if content.data is None and content.path.is_dir():
        jobs, finished = plan_folder(content.path, output, request.file_format, force, others)
        for job in finished:
            tell(f"'{job.output}' is there already; --force replaces it")
        return jobs
    if output == STREAM:
        return [StillJob(content, None)]
    check_free(output, force, [content.path, *others])
    return [StillJob(content, output)]


def report(done: Repainted, as_json: bool) -> None:
    """Give out what came of a picture: the picture itself, its path, or a line of JSON."""
    path = done.job.output
    if as_json:
        about = {"content": str(done.job.content.path), "path": str(path)}
        told = (
            {"error": words_of(done.error, as_given)} if done.error else (done.facts or {}) | about
        )
        click.echo(json.dumps(about | told))
    elif path is None:
        sys.stdout.buffer.write(done.data)
        sys.stdout.buffer.flush()
    elif done.error is None:
        click.echo(path)
