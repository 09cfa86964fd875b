"""Shots on disk: every kept iterate as a file, a trace of losses, and a mark when all is there.

    <workspace>/shots/<key>/
      shot.json          settings, digests of inputs and weights, versions; written first
      steps/000000.png   every kept iterate, six digits; never edited, and the listing is the truth
      trace.csv          a row for each step: losses, visual change, seconds, size
      done.json          written last; a whole one beside all its iterates is a finished shot
    <workspace>/shots/.<key>.lock
                         held by the process that is taking the shot

This module knows pixels and bytes, not torch.
"""

import csv
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock

from medley.errors import OutputError
from medley.files import write_bytes, write_json
from medley.images import Pixels, encode_png

ENCODERS = 2  # threads that encode iterates
_WAITING = 8  # iterates that may wait for an encoder before the loop does,
_WAITING_BYTES = 64 * 2**20  # or as many as have this many bytes, but always one


@dataclass(frozen=True)
class TraceRow:
    """What the trace says of one step; losses in the network's 0-255 units."""

    step: int
    seconds: float
    loss: float
    content: float
    style: float
    tv: float
    visual_change: float
    height: int
    width: int


_COLUMNS = tuple(field.name for field in fields(TraceRow))


@dataclass(frozen=True)
class Shot:
    """A shot's folder, whether or not anything is in it yet."""

    key: str
    path: Path

    @property
    def is_finished(self) -> bool:
        """Whether `done.json` is whole and every iterate that it counts is there."""
        try:
            return bool(self.done()["kept"] == len(self.steps()))
        except (OutputError, KeyError):
            return False

    @property
    def _done(self) -> Path:
        return self.path / "done.json"

    def steps(self) -> list[int]:
        """Numbers of the kept iterates, ascending."""
        names = (path.stem for path in (self.path / "steps").glob("*.png"))
        return sorted(int(name) for name in names if name.isdigit())

    def step_path(self, step: int) -> Path:
        """Where the iterate of that number lies."""
        return self.path / "steps" / f"{step:06}.png"

    def done(self) -> dict[str, Any]:
        """What `done.json` says: final losses, steps, seconds, number of iterates kept.

        Raises:
            OutputError: the file is not there or torn.
        """
        try:
            value: dict[str, Any] = json.loads(self._done.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(
                f"'{self._done}' is unreadable ({error}); remove '{self.path}' to start over"
            ) from error
        return value

    def trace(self) -> list[TraceRow]:
        """Read every whole row of the trace.

        Raises:
            OutputError: the file is not there or is no trace.
        """
        path = self.path / "trace.csv"
        try:
            with path.open(newline="", encoding="utf-8") as file:
                return [_trace_row(row) for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise OutputError(
                f"'{path}' is unreadable ({error}); remove '{self.path}' to start over"
            ) from error


class Workspace:
    """A folder that holds shots."""

    def __init__(self, root: Path) -> None:
        """Name the folder; it is made when the first shot starts."""
        self.root = root

    def shot(self, key: str) -> Shot:
        """Name the shot of that key, finished or not."""
        return Shot(key, self.root / "shots" / key)

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:
        """Keep other processes from taking the same shot until the block ends; wait for them first.

        The lock is the operating system's: it dies with its owner.

        Raises:
            OutputError: the workspace cannot be written to.
        """
        path = self.root / "shots" / f".{key}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            lock.acquire()
        except OSError as error:
            raise self._cannot_write(path, error) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def record(self, key: str, description: dict[str, Any]) -> Iterator["Recorder"]:
        """Start a shot afresh and yield what takes its iterates.

        Iterates are encoded on threads; when the block ends, however it ends, those handed over
        are on the disk. Only `Recorder.finish` marks the shot as finished.

        Raises:
            OutputError: the workspace cannot be written to.
        """
        shot = self.shot(key)
        try:
            if shot.path.exists():
                shutil.rmtree(shot.path)
            (shot.path / "steps").mkdir(parents=True)
            write_json(shot.path / "shot.json", description)
            with (
                (shot.path / "trace.csv").open("x", newline="", encoding="utf-8") as trace,
                ThreadPoolExecutor(ENCODERS, "encode") as pool,
            ):
                yield Recorder(shot, trace, pool)
        except OSError as error:
            raise self._cannot_write(shot.path, error) from error

    @staticmethod
    def _cannot_write(path: Path, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write to '{path}' ({error.strerror or error});"
            " make room there or choose another --workspace"
        )


class Recorder:
    """Takes one shot's iterates in order while it runs."""

    def __init__(self, shot: Shot, trace: TextIO, pool: ThreadPoolExecutor) -> None:
        """Made by `Workspace.record`."""
        self.shot = shot
        self._trace = trace
        self._rows = csv.writer(trace)
        self._rows.writerow(_COLUMNS)
        self._pool = pool
        self._pending: list[Future[None]] = []
        self._kept = 0

    def note(self, row: TraceRow) -> None:
        """Add a row to the trace; it is on its way to the disk at once."""
        self._rows.writerow(
            f"{value:.9g}" if isinstance(value, float) else value for value in asdict(row).values()
        )
        self._trace.flush()

    def keep(self, step: int, pixels: Pixels) -> None:
        """Hand an iterate to the encoders; waits only when too many are waiting already.

        Raises:
            OutputError: an iterate handed over before could not be written.
        """
        while len(self._pending) >= waiting_iterates(pixels.nbytes):
            self._pending.pop(0).result()
        self._kept += 1
        self._pending.append(self._pool.submit(_save, self.shot.step_path(step), pixels))

    def finish(self, done: dict[str, Any]) -> None:
        """Wait for the last iterate and mark the shot as finished.

        Raises:
            OutputError: an iterate could not be written.
        """
        while self._pending:
            self._pending.pop(0).result()
        write_json(self.shot.path / "done.json", {**done, "kept": self._kept})


def waiting_iterates(size_bytes: int) -> int:
    """How many iterates of so many bytes may be in the encoders' hands."""
    return max(1, min(_WAITING, _WAITING_BYTES // size_bytes))


def _save(path: Path, pixels: Pixels) -> None:
    write_bytes(path, encode_png(pixels))


def _trace_row(row: dict[str, str]) -> TraceRow:
    return TraceRow(**{field.name: field.type(row[field.name]) for field in fields(TraceRow)})  # type: ignore[operator]
