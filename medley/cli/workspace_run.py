"""What `medley workspace` does: shots are listed, removed and verified."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from medley.cli.console import show_table
from medley.cli.progress import display
from medley.cli.words import counted, printable
from medley.errors import OutputError
from medley.settings import PruneSettings
from medley.settings.housekeeping import amount
from medley.workspace.maintenance import (
    Finding,
    StoredShot,
    bytes_freed,
    choose,
    find_films,
    held,
    list_stored,
    prune,
    verify,
)
from medley.workspace.store import open_workspace

_COLUMNS = ["shot", "name", "state", "iterates", "MB", "age", "films"]
_NAMED_FILMS = 3  # of one shot
_AGES = ((86_400 * 2, 86_400, "day"), (3600 * 2, 3600, "hour"), (60, 60, "minute"))


def list_shots(workspace: Path, films: Sequence[Path], as_json: bool) -> None:
    """Print a table of all shots, the newest first.

    Args:
        workspace: folder of the shots.
        films: folders in which films' sidecars are looked for.
        as_json: True for a JSON object for each shot, one a line.
    """
    place = open_workspace(workspace)
    entries = list_stored(place, find_films([*films, *place.films()]))
    if as_json:
        for entry in entries:
            click.echo(json.dumps(_known_of(entry)))
        return
    if entries:
        show_table(_COLUMNS, [_row(entry, entry.size_bytes) for entry in entries])
    click.echo(_summary(entries))


class Removal(NamedTuple):
    """How shots are removed; the options of the command.

    Attributes:
        dry_run: True to say only what would go.
        yes: True if that is agreed to already.
        as_json: True for a JSON object for each shot, one a line.
    """

    dry_run: bool
    yes: bool
    as_json: bool


def prune_shots(
    workspace: Path, films: Sequence[Path], choice: PruneSettings, how: Removal
) -> None:
    """Remove the shots that a choice picks, or their iterates, once they were named and agreed to.

    Args:
        workspace: folder of the shots.
        films: folders in which films' sidecars are looked for.
        choice: settings that say what may go.
        how: how they are removed.
    """
    place = open_workspace(workspace)
    named_in = find_films([*films, *place.films()])
    if choice.unused and not named_in:  # a mistyped folder would make all of them unused
        where = ", ".join(f"'{folder}'" for folder in films)
        raise OutputError(f"no film's sidecar lies in {where}; name their folders with --films")
    entries = list_stored(place, named_in)
    picked = choose(entries, choice)
    sizes = {entry.shot.key: bytes_freed(entry, choice.iterates) for entry in picked}
    known = [_known_of(entry) for entry in picked if how.as_json]  # while they can be read
    what = "the iterates between first and last of " if choice.iterates else ""
    named = f"{what}{counted(len(picked), 'shot')}, {amount(sum(sizes.values()))}"
    say = partial(click.echo, err=how.as_json)
    if picked and not how.as_json:
        show_table(_COLUMNS, [_row(entry, sizes[entry.shot.key]) for entry in picked])
    if busy := sum(entry.is_held for entry in entries):
        say(f"a run at work needs {counted(busy, 'shot')}; nothing of that goes")
    gone = set()
    if how.dry_run or not picked:
        say(f"would remove {named}" if picked else "nothing to remove")
    elif how.yes or _agreed(named, picked, how.as_json):
        shots, needed = [entry.shot for entry in picked], held(place)  # one may have just begun
        free = [shot for shot in shots if shot.key not in needed]
        gone = {shot.key for shot in free if prune(place, shot, choice.iterates)}
        total = amount(sum(sizes[key] for key in gone))
        say(f"removed {what}{counted(len(gone), 'shot')}, {total}")
        if kept := len(picked) - len(gone):
            say(f"{counted(kept, 'shot')} kept: a run at work needs them, or they just changed")
    for one in known:
        freed = {"bytes_freed": sizes[one["key"]], "removed": one["key"] in gone}
        click.echo(json.dumps(one | freed))


def _agreed(named: str, picked: Sequence[StoredShot], as_json: bool) -> bool:
    in_films = sum(bool(entry.films) for entry in picked)
    if as_json or not sys.stdin.isatty():
        raise click.UsageError(f"would remove {named}; nobody can be asked, so pass --yes")
    return click.confirm(f"remove {named}? in films: {in_films:,}")


def _known_of(entry: StoredShot) -> dict[str, Any]:
    """What is known of a shot, for programs."""
    shot = entry.shot
    content, paintings = shot.files
    return {
        "key": shot.key,
        "title": shot.name,
        "content": content,
        "paintings": paintings,
        "state": entry.state,
        "iterates": entry.kept,
        "bytes": entry.size_bytes,
        "age_s": round(entry.age_s),
        "films": [str(path) for path in entry.films],
    }


def verify_shots(workspace: Path, decode: bool, quiet: bool) -> None:
    """Read all shots, and print what is not as it was written.

    Args:
        workspace: folder of the shots.
        decode: True to decode every picture, even if its digest is right.
        quiet: True to say nothing but what is wrong.

    Raises:
        OutputError: a shot is not as it was written.
    """
    shots = open_workspace(workspace).shots()
    findings: list[Finding] = []
    with display(quiet) as show:
        for shot in shots:
            findings.append(verify(shot, decode))
            show.count("verifying", len(findings), len(shots))
    for finding in findings:
        for fault in finding.faults:
            name = f" ({finding.shot.name})" if finding.shot.name else ""
            click.echo(printable(f"{finding.shot.key}{name}: {fault}"))
    damaged = [finding.shot for finding in findings if finding.faults]
    if not quiet:
        click.echo(_verified(findings))
    if damaged:
        also, them = ("", "it") if len(damaged) == 1 else (" and the like", "them")
        raise OutputError(
            f"{counted(len(damaged), 'damaged shot')}; remove '{damaged[0].path}'{also}"
            f" to have {them} taken again"
        )


def _verified(findings: Sequence[Finding]) -> str:
    """Say how many shots are whole, how many only begun, and how many have no digests."""
    finished = [finding for finding in findings if not finding.is_begun]
    whole = sum(not finding.faults for finding in finished)
    unknown = sum(not finding.digests for finding in finished)
    begun = len(findings) - len(finished)
    return (
        f"whole: {whole:,} of {counted(len(finished), 'shot')}"
        + (f", and {begun:,} begun" if begun else "")
        + f"; without digests to compare with: {unknown:,}"
    )


def _age(seconds: float) -> str:
    """An age in days, hours, minutes or seconds."""
    for least, unit, name in _AGES:
        if seconds >= least:
            return counted(round(seconds / unit), name)
    return f"{seconds:.0f} s"


def _row(entry: StoredShot, size_bytes: int) -> list[str]:
    shot = entry.shot
    films = [path.stem for path in entry.films[:_NAMED_FILMS]]
    if more := len(entry.films) - len(films):
        films.append(f"and {more} more")
    size = f"{size_bytes / 1e6:,.1f}"
    age = _age(entry.age_s)
    return [shot.key, shot.name, entry.state, f"{entry.kept:,}", size, age, ", ".join(films)]


def _summary(entries: list[StoredShot]) -> str:
    states = Counter(entry.state for entry in entries)
    counts = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    size = amount(sum(entry.size_bytes for entry in entries))
    unused = sum(not entry.films for entry in entries)
    return (
        f"{counted(len(entries), 'shot')} ({counts or 'none'}), {size}; {unused:,} in no film found"
    )
