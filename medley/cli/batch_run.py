"""What `medley batch` does: a manifest's films, made unattended."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from medley.cli.console import notes, show_table
from medley.cli.films import forecast_line, missing_steps
from medley.cli.progress import Display, display
from medley.cli.words import counted, in_options, printable, words_of
from medley.errors import Setting, worded
from medley.events import Event
from medley.settings import EngineSettings
from medley.settings.load import in_files
from medley.settings.manifest import Manifest, read_manifest
from medley.settings.presets import Kind, kind_named
from medley.studio.engines.choice import open_engine, planning_devices
from medley.studio.event_log import EventLog, log_path, open_log
from medley.studio.page import common_folder, write_page
from medley.studio.plan import Plan
from medley.studio.prepare import Prepared, prepare
from medley.studio.run import Report, run
from medley.studio.shooting.devices import preset_kind

_LISTED = 30  # films that --check names one by one


class Request(NamedTuple):
    """What was asked of a batch besides its engine; the options of the command."""

    manifest: Path
    workspace: Path | None
    check: bool
    yes: bool
    force: bool
    quiet: bool
    log_json: Path | None
    page: Path | None


_OWN = {*EngineSettings.model_fields, "force", "log_json", "page", "workspace", "yes"}
"""Options of the command; everything else that a message may name stands in the manifest."""


def in_manifest(setting: Setting) -> str:
    """Write a setting where the user can change it: as an option, or as in the manifest."""
    return in_options(setting) if setting.name in _OWN else in_files(setting)


@worded(in_manifest)
def run_batch(request: Request, settings: EngineSettings) -> int:
    """Make a manifest's films, or say what it would take; give the exit code."""
    kind = partial(_kind, settings.devices)
    manifest = read_manifest(request.manifest, request.yes, request.workspace, kind)
    devices = planning_devices(settings)
    with display(notes(request.quiet), in_manifest) as show:
        ready = prepare(
            [film.order for film in manifest.films],
            devices,
            show.on,
            sources=[film.source for film in manifest.films],
            force=request.force,
            unattended=True,
            # Only where someone waits for the answer.
            patience="always" if request.check else "none",
            begins=not request.check,
        )
        _show_plan(manifest, ready, show, request.check)
        if request.check:
            return int(bool(ready.plan.failed))
        log = request.log_json or log_path(manifest.workspace, manifest.path)
        with open_log(log, request.log_json is not None, in_manifest) as events:
            report = _make(manifest, ready.plan, settings, show, events)
        name = manifest.path.stem
        folder = common_folder([film.path for film in manifest.films])
        page = request.page or folder / f"{name}.html"
        write_page(page, name, report, in_manifest)
        for film in report.films:
            if not film.error:
                click.echo(film.key)
        show.line(f"summary '{page}', log '{log}'")
    if report.failures:
        _show_failures(report, log)
    return int(bool(report.failures))


def _kind(devices: tuple[str, ...]) -> Kind:
    return kind_named(devices[0]) if devices != ("auto",) else preset_kind("auto")


def _show_plan(manifest: Manifest, ready: Prepared, show: Display, check: bool) -> None:
    """Say what there is to be done, and of a check also how each film stands."""
    planned, expected = ready.plan, ready.forecast
    for number, error in planned.failed.items():
        film = manifest.films[number]
        show.warn(f"{film.source}: '{film.path}' cannot be made: {words_of(error, in_manifest)}")
    if check and planned.films and len(planned.films) <= _LISTED:
        rows = []
        for one in planned.films:
            missing = len(planned.jobs.keys() & set(one.keys))
            state = "made" if one.is_made else f"{missing}"
            rows.append([str(one.path), one.order.kind, f"{len(one.shots)}", state])
        show_table(["film", "kind", "shots", "missing"], rows)
    say = click.echo if check else show.line
    say(
        f"{counted(len(planned.orders), 'film')}, {planned.made:,} of them made;"
        f" {counted(len(planned.labels), 'different shot')}, {expected.finished:,} of them finished"
    )
    if expected.missing:
        say(forecast_line(expected))


def _make(
    manifest: Manifest, planned: Plan, settings: EngineSettings, show: Display, log: EventLog
) -> Report:
    films = {"manifest": manifest.path, "films": len(planned.orders)}
    counts = {"shots": len(planned.labels), "missing": len(planned.jobs)}
    log.write("batch", films | counts)
    show.expect_shots("shot", planned.labels, missing_steps(planned))
    show.expect_films(len(planned.orders), planned.made)

    def listener(event: Event) -> None:
        log.on(event)
        show.on(event)

    report = run(planned, open_engine(settings, planned.workspace), listener)
    log.write("end", {"failed": len(report.failures)})
    return report


def _show_failures(report: Report, log: Path) -> None:
    """Tell on standard error what failed and why, even if all else is quiet."""
    click.echo(
        f"Error: {len(report.failures):,} of {counted(len(report.films), 'film')} failed; the same"
        f" command tries again; log '{log}'",
        err=True,
    )
    for film in report.failures:
        click.echo(
            f"  {printable(film.key)}: {printable(words_of(film.error, in_manifest))}", err=True
        )
    for shot in report.lost:
        attempts = f" after {shot.attempts} attempts" if shot.attempts > 1 else ""
        title, why = printable(shot.title), printable(words_of(shot.error, in_manifest))
        click.echo(f"  shot {shot.key} ({title}){attempts}: {why}", err=True)
