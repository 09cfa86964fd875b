"""`medley status`: what a workspace's shots and films are at, from another shell."""

from pathlib import Path

import click

from medley.cli.help import Once
from medley.cli.options import workspace_options


@click.command(cls=Once, short_help="Show how far the shots and films of a workspace are.")
@workspace_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a shot or film, one a line.")
@click.option("--watch", is_flag=True, help="Show it anew until all is done; Ctrl-C ends it.")
def status(workspace: Path, as_json: bool, watch: bool) -> None:
    """Tell how far the shots in WORKSPACE are, and the films that wait for them.

    \b
    medley status outputs/workspace
    medley status outputs/workspace --watch

    It may be asked while others take the shots, or afterwards: a run that was interrupted or killed
    leaves word of what it had still to make.
    """
    if as_json and watch:
        raise click.UsageError("--watch draws for people; give it or --json")
    from medley.cli.status_run import print_status, show_status, watch_status

    show = print_status if as_json else watch_status if watch else show_status
    show(workspace)
