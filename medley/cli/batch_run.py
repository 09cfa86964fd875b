"""What `medley batch` does: a manifest's films, made unattended."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from medley.cli.batch_check import (
    counts_line,
    print_check,
    print_faults,
    show_check,
    warn_of_films,
)
from medley.cli.films import begun_lines, forecast_line
from medley.cli.progress import Display, display
from medley.cli.words import counted, in_options, printable
from medley.errors import MedleyError, Setting, in_files, worded, words_of
from medley.events import Event
from medley.settings import EngineSettings
from medley.settings.manifest import OF_THE_BATCH, Manifest, read_manifest
from medley.studio.engines.choice import open_engine, planning_devices
from medley.studio.event_log import EventLog, check_log, log_path, open_log
from medley.studio.forecast import Prepared, prepare
from medley.studio.page import common_folder, write_page
from medley.studio.run import Report, run
from medley.studio.shooting.devices import preset_kind


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
    as_json: bool


_OWN = {*OF_THE_BATCH, "workspace"}
"""Options of the command; everything else that a message may name stands in the manifest."""


def in_manifest(setting: Setting) -> str:
    """Write a setting where the user can change it: as an option, or as in the manifest."""
    return in_options(setting) if setting.name in _OWN else in_files(setting)


@worded(in_manifest)
def run_batch(request: Request, settings: EngineSettings) -> int:
    """Make a manifest's films, or say what it would take; give the exit code."""
    try:
        return _run_batch(request, settings)
    except MedleyError as error:
        if request.as_json:
            print_faults(request.manifest, error, in_manifest)
        raise


def _run_batch(request: Request, settings: EngineSettings) -> int:
    kind = partial(preset_kind, settings.devices[0])
    manifest = read_manifest(request.manifest, request.yes, request.workspace, kind)
    devices = planning_devices(settings)
    with display(request.quiet, in_manifest) as show:
        ready = prepare(
            [film.order for film in manifest.films],
            devices,
            show.on,
            sources=[film.source for film in manifest.films],
            force=request.force,
            unattended=True,
            # Only where someone waits for the answer.
            patience="always" if request.check else "none",
        )
        _tell_impossible(manifest, ready)
        log = request.log_json or log_path(manifest.workspace, manifest.path)
        if request.check:
            warn_of_films(ready.plan, show)
            check_log(log)
            if request.as_json:
                print_check(manifest, ready, in_manifest)
            else:
                show_check(ready)
            return int(bool(ready.plan.failed))
        _open(ready, show)
        with open_log(log, request.log_json is not None, in_manifest) as events:
            report = _make(manifest, ready, settings, show, events)
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


def _tell_impossible(manifest: Manifest, ready: Prepared) -> None:
    """Tell on standard error which films cannot be made and why, even if all else is quiet."""
    for number, error in ready.plan.failed.items():
        film = manifest.films[number]
        why = printable(words_of(error, in_manifest))
        path = printable(str(film.path))
        click.echo(f"Error: {film.source}: '{path}' cannot be made: {why}", err=True)


def _open(ready: Prepared, show: Display) -> None:
    """Say what begins, and what it will take."""
    show.line(counts_line(ready.plan, ready.forecast))
    for line in begun_lines(ready.plan):
        show.line(line)
    if ready.forecast.missing:
        show.line(forecast_line(ready.forecast))


def _make(
    manifest: Manifest, ready: Prepared, settings: EngineSettings, show: Display, log: EventLog
) -> Report:
    planned = ready.plan
    films = {"manifest": manifest.path, "films": len(planned.orders)}
    counts = {"shots": len(planned.labels), "missing": len(planned.jobs)}
    log.write("batch", films | counts)
    show.expect_shots("shot", planned.labels, planned.missing_steps)
    show.expect_films(len(planned.orders), planned.made, len(planned.failed))
    told = {str(planned.orders[number].film_path) for number in planned.failed}

    def listener(event: Event) -> None:
        log.on(event)
        if event.kind != "filmend" or event.key not in told:
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
        why = words_of(film.error, in_manifest)
        click.echo(f"  {printable(film.key)}: {printable(why)}", err=True)
    for shot in report.lost:
        attempts = f" after {shot.attempts} attempts" if shot.attempts > 1 else ""
        title, why = printable(shot.title), printable(words_of(shot.error, in_manifest))
        click.echo(f"  shot {shot.key} ({title}){attempts}: {why}", err=True)
