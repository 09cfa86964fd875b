"""Notes of runs: what each is about to make, so that it can be seen from outside.

    <workspace>/.runs/<films>-<id>.jsonl   what the run will make; then what became of each film
    <workspace>/.runs/.<films>-<id>.lock   held by the run

The name begins with a digest of the films: who makes the same films again replaces the note of a
run that has died. A run that has made everything removes its own.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from medley.errors import OutputError
from medley.files import sha256, write_bytes
from medley.workspace.locks import Claim, is_claimed

FilmState = Literal["made", "cutting", "waiting", "failed"]


@dataclass(frozen=True)
class NotedFilm:
    """A film of a run.

    Attributes:
        path: absolute path of the film.
        shots: keys of its shots.
        state: "waiting" for its shots or for its turn, "cutting", "made" or "failed".
        error: why it failed.
    """

    path: str
    shots: tuple[str, ...]
    state: FilmState = "waiting"
    error: str = ""


@dataclass(frozen=True)
class NotedRun:
    """A run, as its note has it.

    Attributes:
        films: its films, in their order.
        titles: names of all its shots, by key, in the order in which they are taken.
        steps: steps of the shots that it found missing, by key.
        is_running: True while its process lives.
    """

    films: tuple[NotedFilm, ...]
    titles: Mapping[str, str]
    steps: Mapping[str, int]
    is_running: bool = False


class RunNote:
    """Keeps the note of one run; a workspace that cannot be written to gets none."""

    def __init__(self, root: Path, run: NotedRun) -> None:
        """Name the note; nothing is written yet.

        Args:
            root: folder of the workspace.
            run: what the run is about to make.
        """
        self._folder, self._run = root / ".runs", run
        films = "\n".join(sorted(film.path for film in run.films))
        self._digest = sha256(films.encode(errors="surrogateescape"))[:16]
        self._name = f"{self._digest}-{uuid.uuid4().hex[:8]}"
        self._claim = Claim(self._folder, self._name)

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._name}.jsonl"

    def begin(self) -> None:
        """Write the note, in the place of those that earlier runs for the same films left."""
        run = self._run
        films = [
            {"film": one.path, "shots": one.shots, "state": one.state, "error": one.error}
            for one in run.films
        ]
        line = json.dumps({"films": films, "titles": dict(run.titles), "steps": dict(run.steps)})
        with suppress(OutputError, OSError):
            self._claim.take_now()
            for path in self._folder.glob(f"{self._digest}-*.jsonl"):
                if not is_claimed(self._folder, path.stem):
                    _remove(path)
            write_bytes(self._path, f"{line}\n".encode())

    def tell(self, film: str, state: FilmState, error: str = "") -> None:
        """Note what has become of a film, by its absolute path, and why it failed."""
        with suppress(OSError), self._path.open("r+", encoding="utf-8") as file:
            file.seek(0, 2)
            file.write(json.dumps({"film": film, "state": state, "error": error}) + "\n")

    def end(self, is_done: bool) -> None:
        """Let the note go: it stays for people if the run has not done everything."""
        if is_done:
            _remove(self._path)
        with self._claim:
            pass


def noted_runs(root: Path) -> Iterator[NotedRun]:
    """Read the notes of a workspace's runs, of those that have died too."""
    folder = root / ".runs"
    for path in sorted(folder.glob("*.jsonl")):
        with suppress(OSError, ValueError, KeyError, TypeError):  # just removed, or torn
            yield _read(path, is_claimed(folder, path.stem))


def films_to_make(root: Path, at_work: bool = False) -> dict[str, list[str]]:
    """The films that runs have not made yet, by the keys of the shots that they are made of.

    Args:
        root: folder of the workspace.
        at_work: True for those alone that a process is about to make, or is making just now.
    """
    found: dict[str, list[str]] = {}
    for run in noted_runs(root):
        for film in run.films:
            is_next = run.is_running and film.state != "failed"
            if film.state != "made" and (is_next or not at_work):
                for key in film.shots:
                    found.setdefault(key, []).append(film.path)
    return found


def _read(path: Path, is_running: bool) -> NotedRun:
    first, *later = path.read_text("utf-8").splitlines()
    about: dict[str, Any] = json.loads(first)
    films = {
        one["film"]: NotedFilm(one["film"], tuple(one["shots"]), *_fate(one))
        for one in about["films"]
    }
    for line in later:
        with suppress(ValueError):  # the last one may be half written
            told = json.loads(line)
            state, error = _fate(told)
            films[told["film"]] = replace(films[told["film"]], state=state, error=error)
    found: Iterable[NotedFilm] = films.values()
    if not is_running:
        noted = path.stat().st_mtime
        found = [replace(film, state=_state_since(film, noted)) for film in found]
    return NotedRun(tuple(found), about["titles"], about["steps"], is_running)


def _fate(told: Mapping[str, Any]) -> tuple[FilmState, str]:
    """The state of a film and why it failed, which an older version does not tell."""
    return told["state"], str(told.get("error", ""))


def _state_since(film: NotedFilm, noted: float) -> FilmState:
    """The state of a film whose run has died: another run may have made it."""
    with suppress(OSError):
        if Path(film.path).stat().st_mtime > noted:
            return "made"
    return "waiting" if film.state == "cutting" else film.state


def _remove(path: Path) -> None:
    for one in (path, path.with_name(f".{path.stem}.lock")):
        with suppress(OSError):
            one.unlink()
