"""Maintenance of a workspace: listing of shots with their films, pruning and verification.

An age is the time since a shot last changed. Times in the future, which a wrong clock leaves, count
as now, so that nothing is removed for being old by mistake.
"""

import math
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medley.errors import OutputError, PictureError
from medley.files import file_sha256, read_sums, write_json
from medley.images import decode
from medley.settings import PruneSettings
from medley.workspace.locks import reserved
from medley.workspace.runs import films_to_make
from medley.workspace.shot import SUMS, Shot
from medley.workspace.store import Workspace, shots_named

State = Literal["finished", "pruned", "begun"]


@dataclass(frozen=True)
class StoredShot:
    """A shot in a workspace.

    Attributes:
        shot: the shot.
        state: "finished"; "pruned" if only its first and last iterates are left; or "begun".
        size_bytes: size of all its files.
        kept: number of iterates that exist.
        age_s: seconds since it last changed.
        films: sidecars of the films that name it, and of those that runs have not made yet of it.
        is_held: True if a run at work needs it.
    """

    shot: Shot
    state: State
    size_bytes: int
    kept: int
    age_s: float
    films: tuple[Path, ...] = ()
    is_held: bool = False


@dataclass(frozen=True)
class Finding:
    """Result of verifying a shot.

    Attributes:
        shot: the shot.
        faults: a line about each fault; empty if there is none.
        digests: True if there were digests to compare with.
        is_begun: True if the shot is unfinished, so that only its pictures could be looked at.
    """

    shot: Shot
    faults: tuple[str, ...]
    digests: bool
    is_begun: bool


def list_stored(
    workspace: Workspace, films: Mapping[str, Sequence[Path]], now: float | None = None
) -> list[StoredShot]:
    """List a workspace's shots, the one that changed last first.

    Args:
        workspace: workspace that is listed.
        films: sidecars by the keys of the shots that they name, from `find_films`.
        now: time in seconds since 1970; the clock's if None.
    """
    now = time.time() if now is None else now
    planned, needed = films_to_make(workspace.root), held(workspace)
    entries = []
    for shot in workspace.shots():
        coming = (Path(film).with_suffix(".json") for film in planned.get(shot.key, ()))
        named = tuple(dict.fromkeys([*films.get(shot.key, ()), *coming]))
        entries.append(_stored(shot, now, named, shot.key in needed))
    return sorted(entries, key=lambda entry: (entry.age_s, entry.shot.key))


def held(workspace: Workspace) -> set[str]:
    """The keys of the shots that runs at work need: finished, begun or still to be taken."""
    return reserved(workspace.folder) | films_to_make(workspace.root, at_work=True).keys()


def find_films(folders: Iterable[Path]) -> dict[str, list[Path]]:
    """Search folders and their subfolders for sidecars of films.

    Returns:
        Sidecars by the keys of the shots that they name.
    """
    found: dict[str, list[Path]] = {}
    for path in dict.fromkeys(one for place in folders for one in _sidecars(place.absolute())):
        try:
            keys = shots_named(path.read_text("utf-8", "replace"))
        except OSError:
            continue
        for key in keys:
            found.setdefault(key, []).append(path)
    return found


def choose(entries: Sequence[StoredShot], choice: PruneSettings) -> list[StoredShot]:
    """Choose the shots that meet all conditions, the oldest first, but for those that are held."""
    left = sum(entry.size_bytes for entry in entries)
    picked = []
    for entry in sorted(entries, key=lambda entry: (-entry.age_s, entry.shot.key)):
        if (
            entry.is_held
            or (choice.older_than is not None and entry.age_s <= choice.older_than)
            or (choice.larger_than is not None and entry.size_bytes <= choice.larger_than)
            or (choice.keep_size is not None and left <= choice.keep_size)
            or (choice.unused and entry.films)
            or (choice.iterates and entry.state != "finished")
        ):
            continue
        picked.append(entry)
        left -= bytes_freed(entry, choice.iterates)
    return picked


def bytes_freed(entry: StoredShot, iterates: bool) -> int:
    """The bytes that removing a shot, or only its iterates, would free."""
    if not iterates:
        return entry.size_bytes
    return sum(path.stat().st_size for path in _between(entry.shot))


def prune(workspace: Workspace, shot: Shot, iterates: bool) -> bool:
    """Remove a shot, or the iterates between its first and its last.

    A shot without its iterates counts as unfinished: it is taken again, with the same pixels, only
    for a film that needs them. Its result stays.

    Args:
        workspace: workspace of the shot.
        shot: shot to be removed.
        iterates: True to remove only the iterates between the first and the last.

    Returns:
        False if nothing was done, because a process is taking the shot, or because its iterates
        are no longer complete.

    Raises:
        OutputError: the workspace cannot be written to.
    """
    try:
        with workspace.claim(shot.key) as claim:
            if not claim.take_now() or (iterates and not shot.is_finished):
                return False
            if iterates:
                # Written first: a shot pruned by half must not count as finished.
                write_json(shot.path / "done.json", {**shot.done(), "pruned": True})
                for path in _between(shot):
                    path.unlink()
            else:
                # Removed first, for the same reason.
                (shot.path / "done.json").unlink(missing_ok=True)
                shutil.rmtree(shot.path)
    except OSError as error:
        raise OutputError(
            f"cannot remove '{error.filename or shot.path}' ({error.strerror}); see who owns it"
        ) from error
    return True


def reopen(workspace: Workspace, shot: Shot) -> bool:
    """Mark a finished shot as unfinished, so that it is taken again; nothing else is removed.

    Returns:
        False if a process is taking the shot, or the workspace cannot be written to.
    """
    with suppress(OSError, OutputError), workspace.claim(shot.key) as claim:
        if claim.take_now():
            (shot.path / "done.json").unlink(missing_ok=True)
            return True
    return False


def verify(shot: Shot, thorough: bool = False) -> Finding:
    """Check that the files of a shot are as they were written.

    Args:
        shot: shot that no process is taking. If it is unfinished, only its pictures are checked.
        thorough: True to decode every picture, even if its digest is right.
    """
    try:
        sums = read_sums(shot.path / SUMS)
    except OSError:
        sums = {}
    faults = list(_faults(shot, sums, thorough))
    return Finding(shot, tuple(faults), bool(sums), not (shot.path / "done.json").exists())


def _stored(shot: Shot, now: float, films: tuple[Path, ...], is_held: bool) -> StoredShot:
    own = list(_stats(shot.path))
    done, numbers = _done(shot), len(shot.steps())
    state = _state(done, numbers)
    noted = done.get("bytes") if state == "finished" else None
    if not isinstance(noted, int):  # unfinished, or taken by an older version
        own += _stats(shot.path / "steps")
        noted = 0
    size = noted + sum(found.st_size for found in own)
    latest = max((found.st_mtime for found in own), default=0.0)
    return StoredShot(shot, state, size, numbers, max(0.0, now - latest), films, is_held)


def _stats(folder: Path) -> Iterator[os.stat_result]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield entry.stat(follow_symlinks=False)
    except OSError:  # missing, or removed in the meantime
        return


def _done(shot: Shot) -> dict[str, Any]:
    try:
        return shot.done()
    except OutputError:
        return {}


def _state(done: Mapping[str, Any], kept: int) -> State:
    if done.get("pruned"):
        return "pruned"
    return "finished" if done.get("kept") == kept else "begun"


def _sidecars(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
    for place, folders, names in os.walk(folder):
        # Workspaces are skipped: they may be huge, and have no sidecars.
        folders[:] = [name for name in folders if name != "shots"]
        yield from (Path(place, name) for name in names if name.endswith(".json"))


def _between(shot: Shot) -> list[Path]:
    """The iterates that are neither the first nor the last."""
    return [shot.step_path(step) for step in shot.steps()[1:-1]]


def _faults(shot: Shot, sums: Mapping[str, str], thorough: bool) -> Iterator[str]:
    steps = shot.steps()
    names = [f"steps/{shot.step_path(step).name}" for step in steps]
    for name in dict.fromkeys([*names, *sums]):
        path = shot.path / name
        try:
            if name in sums and file_sha256(path) != sums[name]:
                yield f"'{path}' is not as it was written"
            elif name.endswith(".png") and (thorough or name not in sums):
                decode(path)
        except FileNotFoundError:
            if name not in _missed(shot, sums):
                yield f"'{path}' is missing"
        except OSError as error:
            yield f"'{path}' cannot be read ({error.strerror})"
        except PictureError as error:
            yield str(error)
    yield from _trace_faults(shot, steps)


def _missed(shot: Shot, sums: Mapping[str, str]) -> set[str]:
    """The names of iterates that pruning has removed."""
    pictures = sorted(name for name in sums if name.endswith(".png"))
    return set(pictures[1:-1]) if _done(shot).get("pruned") else set()


def _trace_faults(shot: Shot, steps: Sequence[int]) -> Iterator[str]:
    if not (shot.path / "done.json").exists():
        return
    try:
        done, rows = shot.done(), shot.trace()
    except OutputError as error:
        yield str(error)
        return
    path = shot.path / "trace.csv"
    if [row.step for row in rows] != list(range(int(done.get("steps", -1)) + 1)):
        yield f"'{path}' has not one row for each step"
    elif not all(math.isfinite(row.loss) for row in rows):
        yield f"'{path}' has a loss that is no number"
    elif not math.isclose(rows[-1].loss, done.get("loss", math.nan), rel_tol=1e-6):
        yield f"'{path}' ends with another loss than 'done.json' tells"
    if not done.get("pruned") and len(steps) != done.get("kept"):
        yield f"'{shot.path / 'steps'}' has {len(steps)} iterates and not {done.get('kept')}"
    if not steps or steps[-1] != done.get("steps"):
        yield f"'{shot.path / 'steps'}' lacks the last iterate"
