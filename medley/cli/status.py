"""`medley status`: what a workspace's shots are at, from another shell."""

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
    from medley.cli.status_run import show_status

    show_status(workspace, as_json)
