"""A batch's log: every event as a JSON object on a line, for programs to read and people to search.

    {"time": "2026-05-01T12:00:00.000+00:00", "since": 1.5, "event": "started", "key": ...}

The time of day is for people: it may jump. `since` counts seconds and does not.
"""

import datetime
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from medley.errors import MedleyError, OutputError, Setting, Wording
from medley.events import Event, Kind

# What is told of each kind of event, and under which names.
_SHOT = {"key": "key", "title": "title", "worker": "worker"}
_TAKING = {
    **_SHOT, "device": "device", "step": "step", "steps": "steps", "loss": "loss",
    "seconds": "seconds", "text": "text",
}  # fmt: skip
_FIELDS: dict[Kind, dict[str, str]] = {
    "stage": {"what": "title", "done": "step", "total": "steps"},
    "started": _TAKING,
    "step": _TAKING,
    "told": _TAKING,
    "retry": {**_TAKING, "text": "error"},
    "shotend": {**_SHOT, "error": "error", "attempts": "attempts", "seconds": "seconds"},
    "cutting": {"film": "key", "frame": "step", "frames": "steps"},
    "filmend": {
        "film": "key", "error": "error", "seconds": "seconds", "shots": "steps", "lost": "lost",
    },
}  # fmt: skip
_MANY: tuple[Kind, ...] = ("stage", "step", "cutting")


class EventLog:
    """Writes down what happens, each as soon as it does."""

    def __init__(self, file: TextIO, every_step: bool, wording: Wording) -> None:
        """Made by `open_log`."""
        self._file, self._every_step, self._wording = file, every_step, wording
        self._began = time.monotonic()

    def on(self, event: Event) -> None:
        """Write an event down, unless it is a step or a frame and those are not wanted."""
        if self._every_step or event.kind not in _MANY:
            fields = _FIELDS[event.kind]
            self.write(event.kind, {name: getattr(event, own) for name, own in fields.items()})

    def write(self, event: str, facts: dict[str, Any]) -> None:
        """Write a line of any kind."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        since = round(time.monotonic() - self._began, 3)
        line = json.dumps(
            {"time": now, "since": since, "event": event, **facts}, default=self._words
        )
        with suppress(OSError):  # a full disk is told of by the shots, which matter more
            self._file.write(line + "\n")
            self._file.flush()

    def _words(self, value: object) -> str:
        """Write what JSON has no form for: errors and paths."""
        return value.worded(self._wording) if isinstance(value, MedleyError) else str(value)


@contextmanager
def open_log(path: Path, every_step: bool, wording: Wording = str) -> Iterator[EventLog]:
    """Begin a log, or go on with one.

    Args:
        path: the log's file.
        every_step: whether steps and frames are written down too.
        wording: of the settings that errors name.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"cannot write the log '{path}' ({error.strerror or error}); name another place with ",
            Setting("log_json"), ", or another ", Setting("workspace"),
        ) from error  # fmt: skip
    try:
        yield EventLog(file, every_step, wording)
    finally:
        with suppress(OSError):
            file.close()


def log_path(workspace: Path, manifest: Path) -> Path:
    """Where a batch's log lies unless it is asked for elsewhere; no two batches share one."""
    now = datetime.datetime.now(datetime.UTC)
    return workspace / "logs" / f"{manifest.stem}-{now:%Y%m%d-%H%M%S}-{os.getpid()}.jsonl"
