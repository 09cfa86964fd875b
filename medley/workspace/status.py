"""What a workspace's shots are at, seen from outside; torch is not needed for that."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medley.errors import OutputError
from medley.workspace.locks import is_claimed
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace

_TAIL_BYTES = 4096  # of a trace: more than its last rows take


@dataclass(frozen=True)
class ShotStatus:
    """How far a shot is.

    Attributes:
        key: of the shot.
        state: "running" while a process is at it; "begun" if none is and it is not finished.
        step: of the last iterate, or -1 before the first.
        steps: of the shot, or 0 if that is not known.
        loss: of the last iterate.
        seconds: spent on it, by its trace.
        title: its label; of a shot of an older medley the photo's and the painting's names.
    """

    key: str
    state: Literal["finished", "running", "begun"]
    step: int = -1
    steps: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    title: str = ""

    @property
    def seconds_left(self) -> float | None:
        """Until it is finished, if it goes on as it did."""
        if self.step < 1:
            return None
        return self.seconds / self.step * (self.steps - self.step)


def survey(workspace: Workspace) -> Iterator[ShotStatus]:
    """Look at every shot, by key; of a finished one nothing is read.

    Raises:
        OutputError: there is no workspace of that name.
    """
    folder = workspace.folder
    if not folder.is_dir():
        raise OutputError(f"'{workspace.root}' holds no shots; name a workspace, or begin a batch")
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_dir():
            continue
        shot = workspace.shot(path.name)
        if (path / "done.json").is_file():
            yield ShotStatus(shot.key, "finished")
        else:
            yield _look_at(shot, is_claimed(folder, shot.key))


def latest_log(workspace: Workspace) -> Path | None:
    """The log of the batch that wrote last."""
    logs = list((workspace.root / "logs").glob("*.jsonl"))
    return max(logs, key=lambda path: path.stat().st_mtime_ns, default=None)


def _look_at(shot: Shot, is_running: bool) -> ShotStatus:
    about = _read(shot.path / "shot.json")
    files = [about.get("content_file"), *about.get("painting_files", [])]
    row = _last_row(shot.path / "trace.csv")
    return ShotStatus(
        shot.key,
        "running" if is_running else "begun",
        step=int(row.get("step", -1)),
        steps=int(about.get("settings", {}).get("steps", 0)),
        loss=row.get("loss", 0.0),
        seconds=row.get("seconds", 0.0),
        title=about.get("label") or ", ".join(Path(file).stem for file in files if file),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}  # not written yet
    return found if isinstance(found, dict) else {}


def _last_row(path: Path) -> dict[str, float]:
    """The last whole row of a trace, which may be growing just now."""
    try:
        with path.open("rb") as file:
            header = file.readline().decode().strip().split(",")
            size = path.stat().st_size
            file.seek(max(file.tell(), size - _TAIL_BYTES))
            rows = file.read().split(b"\n")[:-1]
        return dict(zip(header, map(float, rows[-1].split(b",")), strict=True)) if rows else {}
    except (OSError, ValueError):
        return {}
