"""`medley workspace`: what lies in a workspace, what may go, and whether it is whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from medley.cli.options import PATH, read_settings, settings_options, workspace_options
from medley.cli.words import option_of
from medley.settings import PruneSettings

_FILMS: Callable[[Any], Any] = click.option(
    "--films",
    type=PATH,
    multiple=True,
    default=("outputs",),
    show_default=True,
    metavar="DIR",
    help="Where films' sidecars are looked for, besides where they were made; repeatable.",
)

_JSON: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a shot, one a line."
)


@click.group("workspace", short_help="List, verify and clear the shots that are kept.")
def workspace() -> None:
    """List the shots of a workspace, remove some, or verify that they are whole."""


@workspace.command("list", short_help="List all shots, the newest first.")
@workspace_options
@_FILMS
@_JSON
def list_(workspace: Path, films: tuple[Path, ...], as_json: bool) -> None:
    """List all shots with photo and paintings, size, age and films; the newest first."""
    from medley.cli.workspace_run import list_shots

    list_shots(workspace, films, as_json)


@workspace.command("prune", short_help="Remove shots, or their iterates.")
@workspace_options
@_FILMS
@settings_options(PruneSettings)
@click.option(
    "--dry-run", is_flag=True, help="Say what would go by the other options, and remove nothing."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_JSON
def prune_(
    workspace: Path,
    films: tuple[Path, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Remove shots, or their iterates, of which all holds that is asked for.

    What may go must be said, with --dry-run too, by one or more of the options from --older-than
    to --iterates.

    \b
    medley workspace prune --older-than 30d --unused --dry-run
    medley workspace prune --keep-size 20GB
    medley workspace prune --iterates --older-than 8w

    All of them are named, with their photos and paintings, before any is removed. What a run at
    work needs stays. With --unused, so does what a film needs that a run has left unmade, as
    `medley status` tells. One that was removed, or whose iterates were, is taken again if a film
    needs it.
    """
    choice = read_settings(PruneSettings, options)
    if choice == PruneSettings():
        names = ", ".join(map(option_of, PruneSettings.model_fields))
        raise click.UsageError(f"nothing says what may go; pass some of {names}")
    from medley.cli.workspace_run import Removal, prune_shots

    prune_shots(workspace, films, choice, Removal(dry_run, yes, as_json))


@workspace.command("verify", short_help="Check that every shot is as it was written.")
@workspace_options
@click.option("--decode", is_flag=True, help="Decode every picture, even if its digest is right.")
@click.option("--quiet", is_flag=True, help="Say nothing but what is wrong.")
def verify_(workspace: Path, decode: bool, quiet: bool) -> None:
    """Read all shots: digests, pictures and traces; exit with 1 if one is not as it was written.

    A shot of a medley that wrote no digests is read picture by picture.
    """
    from medley.cli.workspace_run import verify_shots

    verify_shots(workspace, decode, quiet)
