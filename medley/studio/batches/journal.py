"""A batch's log: one JSON object a line, so that programs can read it and people can search it."""

import datetime
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from medley.errors import OutputError
from medley.studio.batches.batch import Cutting, Happening
from medley.studio.engines.jobs import Event


class Journal:
    """Writes down what happens, each as soon as it does."""

    def __init__(self, file: TextIO, every_step: bool) -> None:
        """Made by `open_journal`."""
        self._file, self._every_step = file, every_step
        self._began = time.monotonic()

    def note(self, happening: Happening) -> None:
        """Write a line, unless it is a step or a frame and those are not wanted."""
        is_small = isinstance(happening, Cutting) or (
            isinstance(happening, Event) and happening.kind == "step"
        )
        if self._every_step or not is_small:
            kind = happening.kind if isinstance(happening, Event) else type(happening).__name__
            facts = {name: value for name, value in asdict(happening).items() if name != "kind"}
            self.write(kind.lower(), facts)

    def write(self, event: str, facts: dict[str, Any]) -> None:
        """Write a line of any kind.

        The time of day is for people: it may jump; `since` counts seconds and does not.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        since = round(time.monotonic() - self._began, 3)
        line = json.dumps({"time": now, "since": since, "event": event, **facts}, default=str)
        with suppress(OSError):  # a full disk is told of by the shots, which matter more
            self._file.write(line + "\n")
            self._file.flush()


@contextmanager
def open_journal(path: Path, every_step: bool) -> Iterator[Journal]:
    """Begin a log, or go on with one.

    Args:
        path: of the file.
        every_step: whether steps and frames are written down too.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"cannot write the log '{path}' ({error.strerror or error}); name another place with"
            " --log-json, or another --workspace"
        ) from error
    try:
        yield Journal(file, every_step)
    finally:
        with suppress(OSError):
            file.close()


def journal_path(workspace: Path, manifest: Path) -> Path:
    """Where a batch's log lies unless it is asked for elsewhere; no two batches share one."""
    now = datetime.datetime.now(datetime.UTC)
    return workspace / "logs" / f"{manifest.stem}-{now:%Y%m%d-%H%M%S}-{os.getpid()}.jsonl"
