"""`medley batch`: many films from one manifest, unattended."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.options import read_settings, settings_options
from medley.cli.words import counted, printable
from medley.settings import EngineSettings
from medley.settings.presets import Kind, kind_named

if TYPE_CHECKING:  # they take half a second to import
    from rich.console import Console

    from medley.settings.manifest import Manifest
    from medley.studio.batches.batch import Report
    from medley.studio.batches.schedule import Schedule
    from medley.studio.shooting.device import Device
    from medley.studio.shooting.forecast import Forecast

_PATH = click.Path(path_type=Path)
_LISTED = 30  # films that --check names one by one


@click.command(short_help="Make many films from one manifest.")
@click.argument("manifest", type=_PATH, required=False)
@settings_options(EngineSettings)
@click.option("--workspace", type=_PATH, help="Keeps all iterates, instead of the manifest's.")
@click.option("--check", is_flag=True, help="Say what is wrong, or what it would take, and stop.")
@click.option("--schema", is_flag=True, help="Print the manifest's JSON Schema, for editors.")
@click.option("--yes", is_flag=True, help="Make more than 10,000 films.")
@click.option("--force", is_flag=True, help="Replace films that were made otherwise.")
@click.option("--quiet", is_flag=True, help="Say nothing but what failed and the films' paths.")
@click.option(
    "--log-json", type=_PATH, metavar="FILE",
    help="Log every event and step there, one JSON object a line.",
)  # fmt: skip
@click.option(
    "--page", type=_PATH, metavar="FILE",
    help="The summary page.  [default: MANIFEST.html in the films' folder]",
)  # fmt: skip
def batch(
    manifest: Path | None,
    workspace: Path | None,
    check: bool,
    schema: bool,
    yes: bool,
    force: bool,
    quiet: bool,
    log_json: Path | None,
    page: Path | None,
    **options: Any,
) -> None:
    """Make all films that MANIFEST asks for, each as soon as its last shot is taken.

    \b
    medley batch films.toml --check
    medley batch films.toml --devices cuda:0,cuda:1

    A shot that several films need is taken once, and one that is finished never again: the same
    command goes on where it was interrupted or killed. What fails is reported at the end; every
    other film is made.
    """
    if schema:
        from medley.settings.manifest_schema import manifest_schema

        click.echo(json.dumps(manifest_schema(), indent=2))
        return
    if manifest is None:
        raise click.UsageError("name a MANIFEST, such as films.toml")
    settings = read_settings(EngineSettings, options)
    from medley.settings.manifest import read_manifest

    found = read_manifest(manifest, yes, workspace, partial(_kind, *settings.devices))
    # What is wrong with the manifest should not wait for these.
    from medley.cli.console import notes
    from medley.studio.batches.schedule import planning_crew
    from medley.studio.engine import open_engine
    from medley.studio.shooting.forecast import check_disk
    from medley.studio.shooting.room import free_disk
    from medley.workspace import Workspace

    console = notes(quiet)
    crew = planning_crew(settings)
    planned = _plan(found, crew, force, console)
    expected = _foretell(planned, crew, check, console)
    _show_plan(planned, expected, console, check)
    if check:
        sys.exit(bool(planned.failed))
    engine = open_engine(settings, Workspace(found.workspace))
    check_disk(expected.disk_bytes, free_disk(found.workspace))
    _run(found, planned, engine, crew[0], console, log_json, page)


def _kind(device: str, *_: str) -> Kind:
    if device != "auto":
        return kind_named(device)
    from medley.studio.shooting.device import kind_of

    return kind_of(device)


def _plan(manifest: Manifest, crew: list[Device], force: bool, console: Console) -> Schedule:
    from medley.cli.progress import display
    from medley.studio.batches.schedule import plan_batch

    with display(console) as show:
        return plan_batch(manifest, crew, force, show.stage)


def _foretell(planned: Schedule, crew: list[Device], patient: bool, console: Console) -> Forecast:
    """Foretell; the pace is measured for it only if someone waits for the answer."""
    from medley.cli.console import warn
    from medley.studio.batches.schedule import foretell_batch
    from medley.studio.shooting.device import choose_precision
    from medley.studio.shooting.pace import known_pace, pace_on

    jobs = list(planned.jobs.values())
    pace = None
    if jobs:
        settings = jobs[0].take.scene.settings
        pace = known_pace(crew[0], choose_precision(settings.precision, crew[0]))
        if patient and not pace:
            pace = pace_on(crew[0], settings)
    tell = partial(warn, console)
    return foretell_batch(jobs, planned.shots - len(jobs), crew, pace, tell)


def _show_plan(planned: Schedule, expected: Forecast, console: Console, check: bool) -> None:
    from medley.cli.console import show_table, warn
    from medley.cli.planning import forecast_line

    def line(text: str) -> None:
        if check:
            click.echo(text)
        else:
            console.print(text, highlight=False, markup=False, soft_wrap=True)

    for film, error in planned.failed:
        warn(console, f"{film.source}: '{film.path}' cannot be made: {error}")
    if check and planned.films and len(planned.films) <= _LISTED:
        rows = [
            [
                str(plan.film.path),
                plan.film.kind,
                f"{len(plan.takes)}",
                "made" if plan.is_made else f"{len(planned.jobs.keys() & set(plan.keys))}",
            ]
            for plan in planned.films
        ]
        show_table(["film", "kind", "shots", "missing"], rows)
    line(
        f"{counted(len(planned.order), 'film')}, {planned.made:,} of them made;"
        f" {counted(planned.shots, 'different shot')}, {expected.finished:,} of them finished"
    )
    if expected.missing:
        line(forecast_line(expected))


def _run(
    manifest: Manifest,
    planned: Schedule,
    engine: Any,
    device: Device,
    console: Console,
    log_json: Path | None,
    page: Path | None,
) -> None:
    from medley.cli.board import board
    from medley.studio.batches.batch import run_batch
    from medley.studio.batches.cutting import cut_plan
    from medley.studio.batches.journal import journal_path, open_journal
    from medley.studio.batches.page import common_folder, write_page

    log = log_json or journal_path(planned.workspace.root, manifest.path)
    summary = page or common_folder([film.path for film in planned.order]) / (
        f"{manifest.path.stem}.html"
    )
    with open_journal(log, every_step=log_json is not None) as journal:
        journal.write("batch", {"manifest": manifest.path, "films": len(planned.order),
                                "shots": planned.shots, "missing": len(planned.jobs)})  # fmt: skip
        with board(console, planned) as show:

            def watch(happening: Any) -> None:
                journal.note(happening)
                show.show(happening)

            def tell(text: str) -> None:
                journal.write("told", {"text": text})

            cut = partial(cut_plan, device=device, tell=tell)
            report = run_batch(planned, engine, cut, watch)
        journal.write("end", {"failed": len(report.failures)})
    write_page(summary, manifest.path.stem, report)
    for film in report.films:
        if not film.error:
            click.echo(film.film)
    console.print(
        f"summary '{summary}', log '{log}'", highlight=False, markup=False, soft_wrap=True
    )
    if report.failures:
        _show_failures(report, log)
        sys.exit(1)


def _show_failures(report: Report, log: Path) -> None:
    """Tell on standard error what failed and why, even if all else is quiet."""
    click.echo(
        f"Error: {len(report.failures):,} of {counted(len(report.films), 'film')} failed; the same"
        f" command tries again; log '{log}'",
        err=True,
    )
    for film in report.failures:
        click.echo(f"  {printable(film.film)}: {printable(film.error or '')}", err=True)
    for shot in report.lost:
        attempts = f" after {shot.attempts} attempts" if shot.attempts > 1 else ""
        click.echo(
            f"  shot {shot.key} ({printable(shot.title)}){attempts}: {printable(shot.error or '')}",
            err=True,
        )
