"""The log of a batch: every event as a JSON object on a line, for programs and for searching.

    {"time": "2026-05-01T12:00:00.000+00:00", "since": 1.5, "event": "started", "key": ...}

`time` is the time of day, which may jump; `since` counts seconds from the start and does not.
"""

import datetime
import errno
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from medley.errors import OutputError, Setting, Wording, words_of
from medley.events import Event, Kind
from medley.files import try_writing

# The event's attributes that are logged, by kind of event, and their names in the log.
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
    """Writes each event to the log as soon as it happens."""

    def __init__(self, file: TextIO, every_step: bool, wording: Wording) -> None:
        """Keep an open file; `open_log` calls this."""
        self._file, self._every_step, self._wording = file, every_step, wording
        self._began = time.monotonic()

    def on(self, event: Event) -> None:
        """Write an event, unless it is a step or a frame and those are left out."""
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
        with suppress(OSError):  # on a full disk the shots fail too, and their errors matter more
            self._file.write(line + "\n")
            self._file.flush()

    def _words(self, value: object) -> str:
        """The text for a value that JSON has no form for: an error or a path."""
        return words_of(value, self._wording)


@contextmanager
def open_log(path: Path, every_step: bool, wording: Wording = str) -> Iterator[EventLog]:
    """Open a log; an existing one is appended to.

    Args:
        path: file of the log.
        every_step: True to log steps and frames too.
        wording: function that words the settings that errors name.

    Raises:
        OutputError: the file cannot be written.
    """
    check_log(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise _cannot_log(path, error) from error
    try:
        yield EventLog(file, every_step, wording)
    finally:
        with suppress(OSError):
            file.close()


def check_log(path: Path) -> None:
    """Check that a log can be opened; a new one is not made.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        if not path.exists():
            try_writing(path)
        elif path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    except OSError as error:
        raise _cannot_log(path, error) from error


def _cannot_log(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write the log '{path}' ({error.strerror or error}); name another place with ",
        Setting("log_json"), ", or another ", Setting("workspace"),
    )  # fmt: skip


def log_path(workspace: Path, manifest: Path) -> Path:
    """The default path of a batch's log, different for each manifest."""
    now = datetime.datetime.now(datetime.UTC)
    return workspace / "logs" / f"{manifest.stem}-{now:%Y%m%d-%H%M%S}-{os.getpid()}.jsonl"
