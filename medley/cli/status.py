"""`medley status`: what a workspace's shots are at, from another shell."""

from collections import Counter
from pathlib import Path

import click

from medley.cli.options import workspace_options


@click.command(short_help="Show how far the shots of a workspace are.")
@workspace_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a shot, one a line.")
def status(workspace: Path, as_json: bool) -> None:
    """Tell how far the shots in WORKSPACE are, while others take them or afterwards.

    \b
    medley status outputs/workspace
    """
    from dataclasses import asdict

    from medley.workspace.status import latest_log, list_progress
    from medley.workspace.store import Workspace

    place = Workspace(workspace)
    shots = list(list_progress(place))
    if as_json:
        import json

        for shot in shots:
            known = asdict(shot)
            if shot.state == "finished":  # nothing else of it was read
                known = {name: known[name] for name in ("key", "state")}
            elif shot.step < 0:
                known |= dict.fromkeys(("step", "loss", "seconds"))
            click.echo(json.dumps(known))
        return
    from medley.cli.console import show_facts, show_table
    from medley.cli.progress import clock

    counts = Counter(shot.state for shot in shots)
    facts = {state: f"{counts[state]:,}" for state in ("finished", "running", "begun")}
    if log := latest_log(place):
        facts["log"] = str(log)
    show_facts(facts)
    if unfinished := [shot for shot in shots if shot.state != "finished"]:
        rows = []
        for shot in sorted(unfinished, key=lambda one: one.state, reverse=True):
            left = shot.seconds_left if shot.state == "running" else None
            step = f"{shot.step}/{shot.steps}" if shot.step >= 0 else "before its first step"
            loss = f"{shot.loss:,.0f}" if shot.step >= 0 else ""
            wait = "" if left is None else clock(left)
            rows.append([shot.title or shot.key, shot.state, step, loss, wait])
        show_table(["shot", "state", "step", "loss", "left"], rows)
