"""What `medley status` does: a workspace's shots and films are looked at from outside."""

import json
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from medley.cli.console import fact_lines, results, table_of
from medley.cli.words import clock, printable
from medley.workspace.status import FilmStatus, ShotStatus, Survey, latest_log, survey
from medley.workspace.store import Workspace

_WATCH_S = 2.0  # between two looks
_WAITING = 20  # shots that wait are named up to here
_FIRST = ("running", "begun", "waiting")
_LAST = ("finished", "pruned")


def show_status(workspace: Path) -> None:
    """Print how many shots and films are in each state, and those that are not done.

    Args:
        workspace: folder of the shots.
    """
    place = Workspace(workspace)
    results().print(_page(place, survey(place)))


def watch_status(workspace: Path) -> None:
    """Show the same anew every other second, until all is done or Ctrl-C.

    Args:
        workspace: folder of the shots.
    """
    place = Workspace(workspace)
    found = survey(place)
    with (
        suppress(KeyboardInterrupt),
        Live(_page(place, found), console=results(), auto_refresh=False) as live,
    ):
        while not found.is_done:
            time.sleep(_WATCH_S)
            found = survey(place)
            live.update(_page(place, found), refresh=True)


def print_status(workspace: Path) -> None:
    """Print a JSON object for each shot and film, one a line.

    Args:
        workspace: folder of the shots.
    """
    place = Workspace(workspace)
    found = survey(place)
    for shot in found.shots:
        click.echo(json.dumps(_known_of(shot, place)))
    for film in found.films:
        known = {name: one for name, one in asdict(film).items() if one != ""}
        click.echo(json.dumps({"film": known.pop("path"), **known}))


def _page(place: Workspace, found: Survey) -> RenderableType:
    """Counts, then the films and the shots that are not done."""
    counts = Counter(str(shot.state) for shot in found.shots)
    facts = {state: f"{counts[state]:,}" for state in ("finished", *_FIRST)}
    if counts["pruned"]:
        facts["pruned"] = f"{counts['pruned']:,}"
    if found.films:
        made = sum(film.state == "made" for film in found.films)
        facts["films"] = f"{made:,} of {len(found.films):,} made"
    if log := latest_log(place):
        facts["log"] = str(log)
    if not found.is_running and not found.is_done:
        facts["run"] = "none at work; the same command goes on"
    lines = map(printable, fact_lines(facts))
    parts: list[RenderableType] = [Text(line, no_wrap=True, overflow="ignore") for line in lines]
    if films := [film for film in found.films if film.state != "made"]:
        parts.append(table_of(["film", "state", "shots"], map(_film_row, films)))
        why = {_film_row(film)[0]: film.error for film in films if film.error}
        parts += [Text(printable(f" {name}: {error}")) for name, error in why.items()]
    left = [shot for state in _FIRST for shot in found.shots if shot.state == state]
    shown = len(left) - max(0, counts["waiting"] - _WAITING)
    if left:
        columns = ["shot", "state", "step", "loss", "left"]
        parts.append(table_of(columns, map(_row, left[:shown])))
    if (more := len(left) - shown) > 0:
        parts.append(Text(f" ... and {more:,} more waiting"))
    return Group(*parts)


def _known_of(shot: ShotStatus, place: Workspace) -> dict[str, Any]:
    """What was read of a shot; nothing is made up."""
    known = asdict(shot)
    if shot.state in _LAST:
        title = shot.title or place.shot(shot.key).name
        return {"key": shot.key, "state": shot.state, "title": title}
    if shot.step < 0:
        known |= dict.fromkeys(("step", "loss", "seconds"))
    return known


def _film_row(film: FilmStatus) -> list[str]:
    path, here = Path(film.path), Path.cwd()
    name = path.relative_to(here) if path.is_relative_to(here) else path
    return [str(name), film.state, f"{film.shots - film.missing}/{film.shots}"]


def _row(shot: ShotStatus) -> list[str]:
    step, loss = "before its first step", ""
    if shot.state == "waiting":
        step = f"0/{shot.steps}"
    elif shot.step >= 0:
        unit = "" if shot.unit == "step" else f"{shot.unit} "
        step, loss = f"{unit}{shot.step}/{shot.steps}", f"{shot.loss:,.0f}"
    left = shot.seconds_left if shot.state == "running" else None
    wait = "" if left is None else clock(left)
    return [shot.title or shot.key, shot.state, step, loss, wait]
