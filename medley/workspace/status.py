"""Progress of a workspace's shots, read from outside while other processes take them.

Nothing is read of finished shots, so that thousands of them take no time. `maintenance` reads more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medley.errors import OutputError
from medley.workspace.locks import is_claimed
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace


@dataclass(frozen=True)
class ShotStatus:
    """Progress of a shot.

    Attributes:
        key: key of the shot.
        state: "running" while a process takes the shot; "begun" if none does, and it is unfinished.
        step: number of the last iterate, or -1 before the first.
        steps: number of the shot's last step, or 0 if it is unknown.
        loss: loss of the last iterate.
        seconds: seconds spent so far, by the trace.
        title: name of the shot for people.
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
        """The seconds until the shot is finished at its pace so far; None before the first step."""
        if self.step < 1:
            return None
        return self.seconds / self.step * (self.steps - self.step)


def list_progress(workspace: Workspace) -> Iterator[ShotStatus]:
    """Yield the progress of every shot, sorted by key.

    Raises:
        OutputError: the workspace does not exist.
    """
    folder = workspace.folder
    if not folder.is_dir():
        raise OutputError(f"'{workspace.root}' holds no shots; name a workspace, or begin a batch")
    for shot in workspace.shots():
        if (shot.path / "done.json").is_file():
            yield ShotStatus(shot.key, "finished")
        else:
            yield _progress(shot, is_claimed(folder, shot.key))


def latest_log(workspace: Workspace) -> Path | None:
    """The log that was written to last, if there is one."""
    logs = list((workspace.root / "logs").glob("*.jsonl"))
    return max(logs, key=lambda path: path.stat().st_mtime_ns, default=None)


def _progress(shot: Shot, is_running: bool) -> ShotStatus:
    about, row = shot.description, shot.last_values()
    return ShotStatus(
        shot.key,
        "running" if is_running else "begun",
        step=int(row.get("step", -1)),
        steps=int(about.get("settings", {}).get("steps", 0)),
        loss=row.get("loss", 0.0),
        seconds=row.get("seconds", 0.0),
        title=shot.name,
    )
