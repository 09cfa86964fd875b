"""What `medley batch --check` prints: how each film stands, and what all of them would take."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from medley.cli.console import show_table
from medley.cli.films import begun_lines, forecast_line
from medley.cli.progress import Display
from medley.cli.words import clock, counted
from medley.errors import ConfigError, MedleyError, Source, Wording, word, words_of
from medley.settings.manifest import Manifest
from medley.studio.film_spec import FilmSpec
from medley.studio.forecast import Forecast, Prepared
from medley.studio.plan import Plan

_LISTED = 30  # films that are named one by one


def show_check(ready: Prepared) -> None:
    """Print a table of the films that can be made, and what all of them would take."""
    planned, expected = ready.plan, ready.forecast
    if planned.films and len(planned.films) <= _LISTED:
        rows = [_row(film, ready) for film in planned.films]
        show_table(["film", "kind", "shots", "missing", "time"], rows)
    click.echo(counts_line(planned, expected))
    if planned.gone:
        click.echo(
            f"{counted(len(planned.gone), 'shot')} of made films are pruned or removed, and are"
            " taken again for any other film of them"
        )
    for line in begun_lines(planned):
        click.echo(line)
    if expected.missing:
        click.echo(forecast_line(expected))


def print_check(manifest: Manifest, ready: Prepared, wording: Wording) -> None:
    """Print the same for programs: a JSON object of all films and of what they would take."""
    planned, expected = ready.plan, ready.forecast
    by_path = {film.path: film for film in planned.films}
    films = []
    for number, order in enumerate(planned.orders):
        source = {"film": str(order.film_path), "kind": order.kind}
        source["source"] = str(manifest.films[number].source)
        if number in planned.failed:
            error = words_of(planned.failed[number], wording)
            films.append(source | {"state": "impossible", "error": error})
        else:
            film = by_path[order.film_path]
            films.append(source | _known_of(film, ready) | {"notes": film.notes})
    known = {
        "faults": [],
        "films": films,
        "shots": len(planned.labels),
        "finished": expected.finished,
        "missing": expected.missing,
        "pruned": len(planned.gone),
        "begun": {key: {"title": planned.labels[key], "step": step}
                  for key, step in planned.begun.items()},
        "steps": expected.steps,
        "minutes": _minutes(expected.seconds),
        "memory_bytes": round(expected.memory_bytes),
        "disk_bytes": round(expected.disk_bytes),
    }  # fmt: skip
    click.echo(json.dumps(known, indent=2))


def print_faults(manifest: Path, error: MedleyError, wording: Wording) -> None:
    """Print for programs why a batch cannot be looked through: a JSON object of what to mend."""
    faults = error.faults if isinstance(error, ConfigError) else [error.args]
    told = [_fault(manifest, fault, wording) for fault in faults]
    click.echo(json.dumps({"faults": told}, indent=2))


def _fault(manifest: Path, parts: Sequence[object], wording: Wording) -> dict[str, Any]:
    """What to mend and where, as far as that is known; film 0 stands for [defaults]."""
    place, *_ = parts
    if not isinstance(place, Source):
        return {"message": word(parts, wording), "file": str(manifest)}
    message = word(parts[1:], wording).removeprefix(": ")
    known = {name: one for name, one in place._asdict().items() if one not in (None, "")}
    return {"message": message} | known


def warn_of_films(planned: Plan, show: Display) -> None:
    """Say what the user should know of the films' inputs, each note once, with its films."""
    films: dict[str, list[FilmSpec]] = {}
    for film in planned.films:
        for note in () if film.is_made else film.notes:
            films.setdefault(note, []).append(film)
    for note, (film, *others) in films.items():
        more = f" and {counted(len(others), 'more film')}" if others else ""
        show.warn(f"{film.source}: '{film.path}'{more}: {note}")


def counts_line(planned: Plan, expected: Forecast) -> str:
    """Say how many films and shots there are, and how many are there already."""
    return (
        f"{counted(len(planned.orders), 'film')}, {planned.made:,} of them made;"
        f" {counted(len(planned.labels), 'different shot')}, {expected.finished:,} of them finished"
    )


def _row(film: FilmSpec, ready: Prepared) -> list[str]:
    known = _known_of(film, ready)
    missing = "made" if film.is_made else f"{known['missing']}"
    seconds = _seconds(film, ready)
    time = "" if film.is_made or seconds is None else clock(seconds)
    return [str(film.path), film.order.kind, f"{len(film.shots)}", missing, time]


def _known_of(film: FilmSpec, ready: Prepared) -> dict[str, Any]:
    """How a film stands; a shot that several films lack counts in each."""
    planned, keys = ready.plan, set(film.keys)
    return {
        "state": "made" if film.is_made else "missing",
        "shots": len(film.shots),
        "missing": 0 if film.is_made else len(planned.jobs.keys() & keys),
        "pruned": len(planned.gone & keys),
        "minutes": _minutes(_seconds(film, ready)),
    }


def _seconds(film: FilmSpec, ready: Prepared) -> float | None:
    """Time for the shots that a film lacks, one after another; None if the pace is unknown."""
    lacks = () if film.is_made else ready.plan.jobs.keys() & set(film.keys)
    if lacks and ready.forecast.seconds is None:
        return None
    return sum(ready.forecast.each[key] for key in lacks)


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 2)
