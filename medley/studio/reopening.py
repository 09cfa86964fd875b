"""Shots found damaged or gone when a film needs them are marked, so that they are taken again."""

from collections.abc import Iterable

from medley.errors import ShotError
from medley.workspace.maintenance import reopen, verify
from medley.workspace.store import Workspace


def reopened(error: ShotError, workspace: Workspace, keys: Iterable[str]) -> ShotError:
    """Mark shots that are damaged as unfinished, and say what becomes of them.

    Args:
        error: error of one of them.
        workspace: workspace of the shots.
        keys: keys of the shots that may be damaged; each is read whole.

    Returns:
        An error that promises that the same command takes them again; `error` as it is, which says
        what to do by hand, where none of them could be marked.
    """
    shots = [workspace.shot(key) for key in dict.fromkeys(keys)]
    gone = [shot for shot in shots if not shot.is_finished]
    found = {shot: verify(shot).faults for shot in shots if shot not in gone}
    damaged = [shot for shot, faults in found.items() if faults and reopen(workspace, shot)]
    if not gone and not damaged:
        return error
    why = [f"shot '{shot.path}' was removed or pruned meanwhile" for shot in gone]
    why += [f"shot '{shot.path}' is damaged: {found[shot][0]}" for shot in damaged]
    more = f", and {len(why) - 1:,} more of this film's are gone or damaged" if why[1:] else ""
    again = "them" if why[1:] else "it"
    return ShotError(f"{why[0]}{more}; the same command takes {again} again")
