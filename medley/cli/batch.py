"""`medley batch`: many films from one manifest, unattended."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.options import read_settings, settings_options
from medley.cli.words import counted, in_options, printable
from medley.settings import EngineSettings
from medley.settings.presets import Kind, kind_named

if TYPE_CHECKING:  # they take half a second to import
    from medley.cli.progress import Display
    from medley.settings.manifest import Manifest
    from medley.studio.forecast import Forecast
    from medley.studio.plan import Plan
    from medley.studio.run import Report

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

    found = read_manifest(manifest, yes, workspace, lambda: _kind(settings.devices))
    # What is wrong with the manifest should not wait for these.
    from medley.cli.console import notes
    from medley.cli.progress import display
    from medley.studio.engines.choice import open_engine, planning_devices
    from medley.studio.forecast import forecast, pace_for
    from medley.studio.plan import plan
    from medley.studio.shooting.costs import check_disk
    from medley.studio.shooting.resources import free_disk

    console, devices = notes(quiet), planning_devices(settings)
    with display(console) as show:
        planned = plan(
            [film.order for film in found.films],
            devices,
            sources=[film.source for film in found.films],
            force=force,
            keeps_made=True,
            listener=show.on,
        )
    # The pace is measured only if someone waits for the answer.
    pace = pace_for(planned, devices[0], "always" if check else "none")
    with display(console) as show:
        expected = forecast(planned, devices, pace, show.warn)
        _show_plan(found, planned, expected, show, check)
    if check:
        sys.exit(bool(planned.failed))
    engine = open_engine(settings, planned.workspace)
    check_disk(expected.disk_bytes, free_disk(found.workspace))
    with display(console) as show:
        show.expect(planned, is_batch=True)
        report = _run(found, planned, engine, show, log_json, page)
    if report.failures:
        sys.exit(1)


def _kind(devices: tuple[str, ...]) -> Kind:
    if devices != ("auto",):
        return kind_named(devices[0])
    from medley.studio.shooting.devices import preset_kind

    return preset_kind(devices[0])


def _show_plan(
    manifest: Manifest, planned: Plan, expected: Forecast, show: Display, check: bool
) -> None:
    from medley.cli.console import show_table
    from medley.cli.films import forecast_line
    from medley.cli.progress import words_of

    line = click.echo if check else show.line
    for number, error in planned.failed.items():
        film = manifest.films[number]
        show.warn(f"{film.source}: '{film.path}' cannot be made: {words_of(error)}")
    if check and planned.films and len(planned.films) <= _LISTED:
        rows = []
        for one in planned.films:
            missing = len(planned.jobs.keys() & set(one.keys))
            state = "made" if one.is_made else f"{missing}"
            rows.append([str(one.path), one.order.kind, f"{len(one.shots)}", state])
        show_table(["film", "kind", "shots", "missing"], rows)
    line(
        f"{counted(len(planned.orders), 'film')}, {planned.made:,} of them made;"
        f" {counted(len(planned.labels), 'different shot')}, {expected.finished:,} of them finished"
    )
    if expected.missing:
        line(forecast_line(expected))


def _run(
    manifest: Manifest,
    planned: Plan,
    engine: Any,
    show: Display,
    log_json: Path | None,
    page: Path | None,
) -> Report:
    from medley.events import Event
    from medley.studio.event_log import log_path, open_log
    from medley.studio.page import common_folder, write_page
    from medley.studio.run import run

    log = log_json or log_path(planned.workspace.root, manifest.path)
    name = manifest.path.stem
    summary = page or common_folder([film.path for film in manifest.films]) / f"{name}.html"
    with open_log(log, log_json is not None, in_options) as events:
        counts = {"shots": len(planned.labels), "missing": len(planned.jobs)}
        films = {"manifest": manifest.path, "films": len(planned.orders)}
        events.write("batch", films | counts)

        def listener(event: Event) -> None:
            events.on(event)
            show.on(event)

        report = run(planned, engine, listener, goes_on=True)
        events.write("end", {"failed": len(report.failures)})
    write_page(summary, name, report, in_options)
    for film in report.films:
        if not film.error:
            click.echo(film.key)
    show.line(f"summary '{summary}', log '{log}'")
    _show_failures(report, planned, log)
    return report


def _show_failures(report: Report, planned: Plan, log: Path) -> None:
    """Tell on standard error what failed and why, even if all else is quiet."""
    from medley.cli.progress import words_of

    if not report.failures:
        return
    click.echo(
        f"Error: {len(report.failures):,} of {counted(len(report.films), 'film')} failed; the same"
        f" command tries again; log '{log}'",
        err=True,
    )
    for film in report.failures:
        click.echo(f"  {printable(film.key)}: {printable(words_of(film.error))}", err=True)
    for shot in report.lost:
        attempts = f" after {shot.attempts} attempts" if shot.attempts > 1 else ""
        title, why = printable(planned.labels[shot.key]), printable(words_of(shot.error))
        click.echo(f"  shot {shot.key} ({title}){attempts}: {why}", err=True)
