"""Finished shots as bytes, for machines that share no folder."""

import shutil

from medley.files import write_bytes
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace

_LAST = "done.json"


def pack_shot(shot: Shot) -> dict[str, bytes]:
    """Read every file of a finished shot, by its path within the shot's folder."""
    return {
        path.relative_to(shot.path).as_posix(): path.read_bytes()
        for path in sorted(shot.path.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def unpack_shot(files: dict[str, bytes], workspace: Workspace, key: str) -> None:
    """Write a shot that was taken elsewhere into a workspace, unless it is finished there.

    An unfinished shot of that key is replaced. `done.json`, the mark of a finished shot, is written
    last.

    Raises:
        OutputError: the workspace cannot be written to.
    """
    shot = workspace.shot(key)
    with workspace.claim(key) as claim:
        claim.wait()
        if shot.is_finished:
            return
        shutil.rmtree(shot.path, ignore_errors=True)
        for name in sorted(files, key=lambda name: name == _LAST):
            write_bytes(shot.path / name, files[name])
