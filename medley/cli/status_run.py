"""What `medley status` does: a workspace's shots are looked at from outside."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from medley.cli.console import show_facts, show_table
from medley.cli.words import clock
from medley.workspace.status import ShotStatus, latest_log, list_progress
from medley.workspace.store import Workspace


def show_status(workspace: Path, as_json: bool) -> None:
    """Print how far shots are: how many of each state, and those that are not finished.

    Args:
        workspace: folder of the shots.
        as_json: True for a JSON object for each shot, one a line.
    """
    place = Workspace(workspace)
    shots = list(list_progress(place))
    if as_json:
        for shot in shots:
            click.echo(json.dumps(_known_of(shot)))
        return
    counts = Counter(shot.state for shot in shots)
    facts = {state: f"{counts[state]:,}" for state in ("finished", "running", "begun")}
    if log := latest_log(place):
        facts["log"] = str(log)
    show_facts(facts)
    if unfinished := [shot for shot in shots if shot.state != "finished"]:
        running_first = sorted(unfinished, key=lambda one: one.state, reverse=True)
        show_table(["shot", "state", "step", "loss", "left"], map(_row, running_first))


def _known_of(shot: ShotStatus) -> dict[str, Any]:
    """What was read of a shot; nothing is made up."""
    known = asdict(shot)
    if shot.state == "finished":
        return {name: known[name] for name in ("key", "state")}
    if shot.step < 0:
        known |= dict.fromkeys(("step", "loss", "seconds"))
    return known


def _row(shot: ShotStatus) -> list[str]:
    step, loss = "before its first step", ""
    if shot.step >= 0:
        step, loss = f"{shot.step}/{shot.steps}", f"{shot.loss:,.0f}"
    left = shot.seconds_left if shot.state == "running" else None
    wait = "" if left is None else clock(left)
    return [shot.title or shot.key, shot.state, step, loss, wait]
