"""A shot on the disk: its files, how they are read, and whether they are complete."""

import csv
import json
import os
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import safetensors

from medley.errors import CheckpointError, PictureError, ShotError
from medley.images import Pixels, decode
from medley.moments import stem_of

SUMS = "SHA256SUMS"
_TAIL_BYTES = 4096  # end of a trace that is read for its last row; a row has about 100


@dataclass(frozen=True)
class TraceRow:
    """A row of the trace, for one step; losses are in the network's 0-255 units."""

    step: int
    seconds: float
    loss: float
    content: float
    style: float
    tv: float
    visual_change: float
    height: int
    width: int


@dataclass(frozen=True)
class FrameRow(TraceRow):
    """A row of the trace of a shot that follows a clip: for one frame, and its optimizer steps."""

    optimizer_steps: int


@dataclass(frozen=True)
class Shot:
    """A shot's folder, which need not exist yet."""

    key: str
    path: Path

    @property
    def is_finished(self) -> bool:
        """Whether `done.json` is valid and all iterates that it counts exist."""
        try:
            done = self.done()
            return bool(done["kept"] == len(self.steps())) and not done.get("pruned")
        except (ShotError, KeyError):
            return False

    @property
    def is_pruned(self) -> bool:
        """Whether the iterates between the first and the last were removed."""
        try:
            return bool(self.done().get("pruned"))
        except ShotError:
            return False

    @property
    def _done(self) -> Path:
        return self.path / "done.json"

    @property
    def state_path(self) -> Path:
        """The file of the checkpoint, which exists while the shot is unfinished."""
        return self.path / "state.safetensors"

    @property
    def saved_step(self) -> int:
        """The step that the checkpoint resumes at, by its header; 0 without a valid checkpoint."""
        try:
            with safetensors.safe_open(self.state_path, framework="np") as file:
                return int(json.loads(file.metadata()["position"])["step"])
        except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError):
            return 0

    @property
    def description(self) -> dict[str, Any]:
        """The contents of `shot.json`; empty if the file is missing or damaged."""
        try:
            found = json.loads((self.path / "shot.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def files(self) -> tuple[str | None, tuple[str, ...]]:
        """The files of the photo and of the paintings, as `shot.json` has them."""
        about = self.description
        paintings = about.get("painting_files")
        return about.get("content_file"), tuple(paintings if isinstance(paintings, list) else ())

    @property
    def name(self) -> str:
        """The shot's name for people, the same wherever it is told of.

        It is the label that it was begun with; names of photo and paintings for a shot of an older
        version, and "" if `shot.json` is missing or damaged.
        """
        photo, paintings = self.files
        stems = [stem_of(Path(file)) for file in (photo, *paintings) if isinstance(file, str)]
        return str(self.description.get("label") or ", ".join(stems))

    def drop_state(self) -> None:
        """Remove the checkpoint, if there is one, when the shot is finished."""
        with suppress(OSError):  # missing, or on a read-only disk, where it does not matter
            self.state_path.unlink()

    def check_until(self, step: int, keep_every: int, same: dict[str, Any]) -> None:
        """Check that the files of all steps before `step` exist.

        Args:
            step: first step that may be missing.
            keep_every: number of steps from one kept iterate to the next.
            same: entries that `shot.json` must have.

        Raises:
            CheckpointError: a file is missing or belongs to another shot.
        """
        described = self.description
        if not described:
            raise CheckpointError(f"'{self.path / 'shot.json'}' is missing or torn")
        if not same.items() <= described.items():
            raise CheckpointError(f"'{self.path / 'shot.json'}' describes another shot")
        if missing := set(range(0, step, keep_every)) - set(self.steps()):
            raise CheckpointError(f"'{self.step_path(min(missing))}' is missing")
        self.trace_until(step)

    def trace_until(self, step: int) -> bytes:
        """Read the header and the rows before `step` of the trace, as bytes.

        Raises:
            CheckpointError: rows are missing.
        """
        path = self.path / "trace.csv"
        try:
            rows = path.read_bytes().splitlines(keepends=True)[: step + 1]
        except OSError:
            rows = []
        numbers = [row.split(b",")[0] for row in rows if row.endswith(b"\n")]
        if numbers != [b"step", *(str(number).encode() for number in range(step))]:
            raise CheckpointError(f"'{path}' lacks steps before {step}")
        return b"".join(rows)

    def steps(self) -> list[int]:
        """The numbers of the kept iterates, ascending."""
        try:
            names = os.listdir(self.path / "steps")  # noqa: PTH208 (as paths they take far longer)
        except OSError:
            return []
        stems = (name.removesuffix(".png") for name in names if name.endswith(".png"))
        return sorted(int(stem) for stem in stems if stem.isdigit())

    def step_path(self, step: int) -> Path:
        """The file of the iterate of a step."""
        return self.path / "steps" / f"{step:06}.png"

    def read(self, step: int) -> Pixels:
        """Read an iterate, uint8 `(height, width, 3)`.

        Raises:
            ShotError: the iterate is unreadable.
        """
        try:
            return decode(self.step_path(step))
        except PictureError as error:
            raise ShotError(f"{error}; remove '{self.path}' to take the shot again") from error

    def result(self) -> Pixels:
        """Read the last iterate of a finished shot.

        Raises:
            ShotError: the shot is not finished, or the iterate is unreadable.
        """
        if not self.is_finished:
            raise ShotError(f"the shot '{self.path}' is not finished; run the same command again")
        return self.read(self.steps()[-1])

    def done(self) -> dict[str, Any]:
        """Read `done.json`: final losses, steps, seconds, number of kept iterates and their bytes.

        Raises:
            ShotError: the file is missing or damaged.
        """
        try:
            value: dict[str, Any] = dict(json.loads(self._done.read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ShotError(
                f"'{self._done}' is unreadable ({error}); remove '{self.path}' to start over"
            ) from error
        return value

    def trace(self) -> list[TraceRow]:
        """Read all rows of the trace.

        Raises:
            ShotError: the file is missing or is not a trace.
        """
        path = self.path / "trace.csv"
        try:
            with path.open(newline="", encoding="utf-8") as file:
                return [_trace_row(row) for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
            raise ShotError(
                f"'{path}' is unreadable ({error}); remove '{self.path}' to start over"
            ) from error

    def last_values(self) -> dict[str, float]:
        """Read the last whole row of a trace that may be growing, by column; empty without one."""
        path = self.path / "trace.csv"
        try:
            with path.open("rb") as file:
                header = file.readline().decode().strip().split(",")
                size = path.stat().st_size
                file.seek(max(file.tell(), size - _TAIL_BYTES))
                rows = file.read().split(b"\n")[:-1]
            return dict(zip(header, map(float, rows[-1].split(b",")), strict=True)) if rows else {}
        except (OSError, ValueError):
            return {}


def _trace_row(row: dict[str, str]) -> TraceRow:
    return TraceRow(**{field.name: field.type(row[field.name]) for field in fields(TraceRow)})  # type: ignore[operator]
