"""Progress of a workspace's shots and films, read from outside while other processes make them.

Of finished shots hardly anything is read, so that thousands of them take no time; `maintenance`
reads more.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from medley.errors import OutputError
from medley.workspace.locks import is_claimed
from medley.workspace.runs import FilmState, NotedRun, noted_runs
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace, shots_named


@dataclass(frozen=True)
class ShotStatus:
    """Progress of a shot.

    Attributes:
        key: key of the shot.
        state: "finished"; "pruned" if only its first and last iterates are left; "running" while a
            process takes the shot; "begun" if none does, and it is unfinished;
            "waiting" if a run is to take it and has not begun it.
        step: number of the last iterate, or -1 before the first.
        steps: number of the shot's last step, or 0 if it is unknown.
        loss: loss of the last iterate.
        seconds: seconds spent so far, by the trace.
        title: name of the shot for people.
        unit: what a step is: "step", or "frame" of a clip.
    """

    key: str
    state: Literal["finished", "pruned", "running", "begun", "waiting"]
    step: int = -1
    steps: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    title: str = ""
    unit: str = "step"

    @property
    def seconds_left(self) -> float | None:
        """The seconds until the shot is finished at its pace so far; None before the first step."""
        if self.step < 1:
            return None
        return self.seconds / self.step * (self.steps - self.step)


@dataclass(frozen=True)
class FilmStatus:
    """Progress of a film that a run is to make, or has made.

    Attributes:
        path: absolute path of the film.
        state: "waiting" for its shots or its turn, "cutting", "made" or "failed".
        shots: number of its shots.
        missing: number of those that are not finished.
        error: why it failed; "" if it did not, or if that is not known.
    """

    path: str
    state: FilmState
    shots: int
    missing: int
    error: str = ""


@dataclass(frozen=True)
class Survey:
    """What can be seen of a workspace from outside.

    Attributes:
        shots: shots that have a folder, sorted by key, and then those that wait, in their order.
        films: films that were made of the shots and are still there, the oldest first; then those
            of the runs that have not made everything, in their order.
        is_running: True if a process takes a shot or makes a film.
    """

    shots: tuple[ShotStatus, ...]
    films: tuple[FilmStatus, ...]
    is_running: bool

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to be taken or made."""
        shots = all(shot.state in ("finished", "pruned") for shot in self.shots)
        return shots and all(film.state == "made" for film in self.films)


def survey(workspace: Workspace) -> Survey:
    """Look at all shots, and at what runs are still to make.

    Raises:
        OutputError: the workspace does not exist.
    """
    # What runs that have died say counts less.
    runs = sorted(noted_runs(workspace.root), key=lambda run: run.is_running)
    if not runs and not workspace.folder.is_dir():
        raise OutputError(f"'{workspace.root}' holds no shots; name a workspace, or begin a batch")
    titles = {key: title for run in runs for key, title in run.titles.items()}
    shots = {
        shot.key: replace(shot, title=titles.get(shot.key, shot.title))
        for shot in list_progress(workspace)
    }
    for run in runs:
        for key, steps in run.steps.items():
            waits = ShotStatus(key, "waiting", steps=steps, title=run.titles.get(key, ""))
            if key not in shots or shots[key].state == "pruned":
                shots[key] = waits
    noted = {one.path: one for run in runs for one in _films(run, shots)}
    films = {one.path: one for one in _made_films(workspace, shots)} | noted
    is_running = any(run.is_running for run in runs)
    return Survey(
        tuple(shots.values()),
        tuple(films.values()),
        is_running or any(shot.state == "running" for shot in shots.values()),
    )


def _films(run: NotedRun, shots: Mapping[str, ShotStatus]) -> Iterator[FilmStatus]:
    """The films of a run, unless it has died and nothing is left of what it was to do."""
    films = [
        FilmStatus(
            film.path,
            film.state,
            len(film.shots),
            _missing(film.shots, shots),
            film.error if film.state == "failed" else "",
        )
        for film in run.films
    ]
    if run.is_running or any(film.state != "made" for film in films):
        yield from films


def _made_films(workspace: Workspace, shots: Mapping[str, ShotStatus]) -> Iterator[FilmStatus]:
    """The films that the workspace remembers and that are still there, the oldest first."""
    for sidecar in sorted(workspace.films(), key=lambda path: path.stat().st_mtime_ns):
        try:
            text = sidecar.read_text("utf-8")
            path = sidecar.with_name(json.loads(text)["film"]["file"])
        except (OSError, ValueError, RecursionError, KeyError, TypeError):
            continue  # damaged, or not medley's
        if path.exists():
            keys = shots_named(text)
            yield FilmStatus(str(path), "made", len(keys), _missing(keys, shots))


def _missing(keys: Iterable[str], shots: Mapping[str, ShotStatus]) -> int:
    return sum(key not in shots or shots[key].state != "finished" for key in keys)


def list_progress(workspace: Workspace) -> Iterator[ShotStatus]:
    """Yield the progress of every shot that has a folder, sorted by key."""
    folder = workspace.folder
    for shot in workspace.shots():
        if (shot.path / "done.json").is_file():
            yield ShotStatus(shot.key, "pruned" if shot.is_pruned else "finished")
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
        unit="frame" if "clip" in about else "step",
    )
