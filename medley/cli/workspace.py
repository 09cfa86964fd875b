"""`medley workspace`: what lies in a workspace, what may go, and whether it is whole."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.options import read_settings, settings_options, workspace_options
from medley.cli.words import counted, printable
from medley.errors import OutputError
from medley.settings import PruneSettings
from medley.settings.housekeeping import amount

if TYPE_CHECKING:  # pictures come with them
    from medley.workspace.maintenance import Finding, StoredShot
    from medley.workspace.store import Workspace

_LONGEST_LIST = 20  # films of a shot, or shots to go, are named up to here
_NAMED_FILMS = 3
_AGES = ((86_400 * 2, 86_400, "day"), (3600 * 2, 3600, "hour"), (60, 60, "minute"))

_FILMS: Callable[[Any], Any] = click.option(
    "--films",
    type=click.Path(path_type=Path),
    multiple=True,
    default=("outputs",),
    show_default=True,
    metavar="DIR",
    help="Where films' sidecars are looked for, besides where they were made; repeatable.",
)


@click.group("workspace", short_help="List, verify and clear the shots that are kept.")
def workspace() -> None:
    """List the shots of a workspace, remove some, or verify that they are whole."""


@workspace.command("list", short_help="List all shots, the newest first.")
@workspace_options
@_FILMS
def list_(workspace: Path, films: tuple[Path, ...]) -> None:
    """List all shots with size and age, and the films that they are in; the newest first."""
    from medley.cli.console import show_table
    from medley.workspace.maintenance import find_films, list_stored

    place = _opened(workspace)
    entries = list_stored(place, find_films([*films, *place.films()]))
    if entries:
        show_table(["shot", "state", "iterates", "MB", "age", "films"], map(_row, entries))
    click.echo(_summary(entries))


@workspace.command("prune", short_help="Remove shots, or their iterates.")
@workspace_options
@_FILMS
@settings_options(PruneSettings)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def prune_(
    workspace: Path, films: tuple[Path, ...], dry_run: bool, yes: bool, **options: Any
) -> None:
    """Remove shots, or their iterates, of which all holds that is asked for.

    \b
    medley workspace prune --older-than 30d --unused --dry-run
    medley workspace prune --keep-size 20GB
    medley workspace prune --iterates --older-than 8w

    A shot that is just being taken stays. One that was removed, or whose iterates were, is taken
    again if a film needs it.
    """
    from medley.workspace.maintenance import bytes_freed, choose, find_films, list_stored, prune

    choice = read_settings(PruneSettings, options)
    if choice == PruneSettings():
        names = ", ".join(f"--{name.replace('_', '-')}" for name in PruneSettings.model_fields)
        raise click.UsageError(f"nothing says what may go; pass some of {names}")
    place = _opened(workspace)
    named_in = find_films([*films, *place.films()])
    if choice.unused and not named_in:  # a mistyped folder would make all of them unused
        where = ", ".join(f"'{folder}'" for folder in films)
        raise OutputError(f"no film's sidecar lies in {where}; name their folders with --films")
    picked = choose(list_stored(place, named_in), choice)
    sizes = {entry.shot.key: bytes_freed(entry, choice.iterates) for entry in picked}
    what = "the iterates between first and last of " if choice.iterates else ""
    named = f"{what}{counted(len(picked), 'shot')}, {amount(sum(sizes.values()))}"
    for entry in picked[:_LONGEST_LIST]:
        click.echo(f"{entry.shot.key}  {amount(sizes[entry.shot.key])}  {age(entry.age_s)} old")
    if len(picked) > _LONGEST_LIST:
        click.echo(f"... and {len(picked) - _LONGEST_LIST:,} more")
    if dry_run or not picked:
        click.echo(f"would remove {named}" if picked else "nothing to remove")
        return
    if not yes:
        in_films = sum(bool(entry.films) for entry in picked)
        if not sys.stdin.isatty():
            raise click.UsageError(f"would remove {named}; nobody can be asked, so pass --yes")
        if not click.confirm(f"remove {named}? in films: {in_films:,}"):
            return
    gone = [entry for entry in picked if prune(place, entry.shot, choice.iterates)]
    total = amount(sum(sizes[entry.shot.key] for entry in gone))
    click.echo(f"removed {what}{counted(len(gone), 'shot')}, {total}")
    if busy := len(picked) - len(gone):
        click.echo(f"{counted(busy, 'shot')} kept: still being taken, or just changed")


@workspace.command("verify", short_help="Check that every shot is as it was written.")
@workspace_options
@click.option("--decode", is_flag=True, help="Decode every picture, even if its digest is right.")
@click.option("--quiet", is_flag=True, help="Say nothing but what is wrong.")
def verify_(workspace: Path, decode: bool, quiet: bool) -> None:
    """Read all shots: digests, pictures and traces; exit with 1 if one is not as it was written.

    A shot of a medley that wrote no digests is read picture by picture.
    """
    from medley.cli.console import notes
    from medley.cli.progress import display
    from medley.workspace.maintenance import verify

    shots = _opened(workspace).shots()
    findings: list[Finding] = []
    with display(notes(quiet)) as show:
        for shot in shots:
            findings.append(verify(shot, decode))
            show.count("verifying", len(findings), len(shots))
    for finding in findings:
        for fault in finding.faults:
            click.echo(f"{finding.shot.key}: {printable(fault)}")
    damaged = [finding.shot for finding in findings if finding.faults]
    unknown = sum(not finding.digests for finding in findings)
    if not quiet:
        click.echo(
            f"whole: {len(shots) - len(damaged):,} of {counted(len(shots), 'shot')};"
            f" without digests to compare with: {unknown:,}"
        )
    if damaged:
        them = "it" if len(damaged) == 1 else "them"
        raise OutputError(
            f"{counted(len(damaged), 'damaged shot')}; remove '{damaged[0].path}'"
            f"{' and the like' * (len(damaged) > 1)} to have {them} taken again"
        )


def age(seconds: float) -> str:
    """Write an age in days, hours or minutes."""
    for least, unit, name in _AGES:
        if seconds >= least:
            return counted(round(seconds / unit), name)
    return f"{seconds:.0f} s"


def _opened(root: Path) -> Workspace:
    from medley.workspace.store import Workspace

    if not root.is_dir():
        raise OutputError(f"there is no workspace at '{root}'; name another")
    if not (root / "shots").is_dir():
        raise OutputError(f"'{root}' holds no shots; name a workspace")
    return Workspace(root)


def _row(entry: StoredShot) -> list[str]:
    films = [path.stem for path in entry.films[:_NAMED_FILMS]]
    if more := len(entry.films) - len(films):
        films.append(f"and {more} more")
    size = f"{entry.size_bytes / 1e6:,.1f}"
    kept = f"{entry.kept:,}"
    return [entry.shot.key, entry.state, kept, size, age(entry.age_s), ", ".join(films)]


def _summary(entries: list[StoredShot]) -> str:
    states = Counter(entry.state for entry in entries)
    counts = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    size = amount(sum(entry.size_bytes for entry in entries))
    unused = sum(not entry.films for entry in entries)
    return (
        f"{counted(len(entries), 'shot')} ({counts or 'none'}), {size}; {unused:,} in no film found"
    )
