"""Shots on disk: every kept iterate as a file, a trace of losses, and a mark when it is finished.

    <workspace>/shots/<key>/
      shot.json          settings, digests of inputs and weights, versions; written first
      steps/000000.png   every kept iterate, six digits; never edited, and the listing is the truth
      trace.csv          a row for each step: losses, visual change, seconds, size
      state.safetensors  checkpoint of an unfinished shot
      SHA256SUMS         digests of all files that stay, as `sha256sum --check` reads them
      done.json          written last; a valid one beside all its iterates marks a finished shot
    <workspace>/.films/<digest>.txt
                         path of the sidecar of a film that was made of the shots

The `done.json` of a shot that was pruned to its result says so, and the shot no longer counts as
finished. This module knows pixels and bytes, not torch.
"""

import csv
import os
import re
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from medley.errors import OutputError, Setting
from medley.files import (
    flush_file,
    part_file,
    remove_parts,
    sha256,
    try_writing,
    write_bytes,
    write_json,
    write_sums,
)
from medley.images import Pixels, encode_png
from medley.workspace.locks import Claim
from medley.workspace.shot import SUMS, Shot, TraceRow

ENCODERS = max(2, min(14, (os.cpu_count() or 1) - 2))
"""Threads that encode iterates: a GPU makes hundreds a second, of which a core encodes fifty."""

_WAITING = 4  # most iterates for each encoder before the optimization has to wait,
_WAITING_BYTES = 32 * 2**20  # or as many as fit into these bytes for each, but at least one

_KEY = re.compile(r'"shot": "([0-9a-f]{24})"')


def shots_named(sidecar: str) -> list[str]:
    """The keys of the shots that a sidecar's text names, each once."""
    return list(dict.fromkeys(_KEY.findall(sidecar)))


class Workspace:
    """A folder that holds shots."""

    def __init__(self, root: Path) -> None:
        """Name the folder; it is made when the first shot starts."""
        self.root = root

    def shot(self, key: str) -> Shot:
        """The shot of a key, which need not exist yet."""
        return Shot(key, self.folder / key)

    def shots(self) -> list[Shot]:
        """The shots that have a folder, sorted by key."""
        paths = self.folder.glob("[!.]*")
        return [self.shot(key) for key in sorted(path.name for path in paths if path.is_dir())]

    def note_film(self, sidecar: Path) -> None:
        """Note the sidecar of a film that is made of the shots, if the workspace is writable."""
        path = os.fsencode(sidecar.absolute())
        with suppress(OutputError):
            write_bytes(self.root / ".films" / f"{sha256(path)[:24]}.txt", path)

    def films(self) -> list[Path]:
        """The sidecars of films that were noted and still exist, wherever they lie."""
        notes = sorted((self.root / ".films").glob("[!.]*.txt"))
        paths = [Path(os.fsdecode(note.read_bytes())) for note in notes]
        return [path for path in paths if path.is_file()]

    @property
    def folder(self) -> Path:
        """The folder that contains the shots' folders."""
        return self.root / "shots"

    def check_writable(self) -> None:
        """Check, before any work is done for it, that shots can be written; nothing is made.

        Raises:
            OutputError: they cannot.
        """
        try:
            try_writing(self.folder / "shot")
        except OSError as error:
            raise self._cannot_write(self.folder, error) from error

    def claim(self, name: str) -> Claim:
        """Make a lock against other processes' taking the same shot or cutting the same film.

        Args:
            name: key of the shot, or a digest that identifies a film.
        """
        return Claim(self.folder, name)

    @contextmanager
    def record(self, key: str, description: dict[str, Any], begun: int = 0) -> Iterator["Recorder"]:
        """Begin or resume a shot, and yield the recorder of its iterates.

        The caller must have claimed the shot. Iterates are encoded on threads; when the block ends,
        however it ends, those that were given to the recorder are written. A power cut may still
        take those after the last checkpoint; they are removed before a shot is resumed, whatever
        is left of them. Only `Recorder.finish` marks the shot as finished.

        Args:
            key: key of the shot.
            description: contents of `shot.json`, which is written once.
            begun: step to resume at, before which all files must exist; 0 to begin anew.

        Raises:
            OutputError: the workspace cannot be written to.
            CheckpointError: the trace lacks steps before `begun`.
        """
        shot = self.shot(key)
        try:
            if begun:
                remove_parts(shot.path)
                remove_parts(shot.path / "steps")
                for step in shot.steps():
                    if step >= begun:
                        shot.step_path(step).unlink()
                write_bytes(shot.path / "trace.csv", shot.trace_until(begun))
            else:
                if shot.path.exists():
                    shutil.rmtree(shot.path)
                (shot.path / "steps").mkdir(parents=True)
                write_json(shot.path / "shot.json", description)
            with (shot.path / "trace.csv").open("a", newline="", encoding="utf-8") as trace:
                recorder = Recorder(shot, trace, len(shot.steps()))
                try:
                    yield recorder
                finally:
                    recorder.wait()
        except OSError as error:
            raise self._cannot_write(shot.path, error) from error

    @staticmethod
    def _cannot_write(path: Path, error: OSError) -> OutputError:
        return OutputError(
            f"cannot write to '{path}' ({error.strerror or error});"
            " make room there or choose another ",
            Setting("workspace"),
        )


def open_workspace(root: Path) -> Workspace:
    """A workspace that has shots already.

    Raises:
        OutputError: the folder does not exist, or holds none.
    """
    if not root.is_dir():
        raise OutputError(f"there is no workspace at '{root}'; name another")
    if not (root / "shots").is_dir():
        raise OutputError(f"'{root}' holds no shots; name a workspace")
    return Workspace(root)


class Recorder:
    """Takes one shot's iterates in order while it runs."""

    def __init__(self, shot: Shot, trace: TextIO, kept: int) -> None:
        """Keep the open trace and the number of iterates; `Workspace.record` calls this."""
        self.shot = shot
        self._trace = trace
        self._rows = csv.writer(trace)
        self._pending: deque[Future[None]] = deque()
        self._unflushed: list[Path] = []
        self._kept = kept
        self._digests: dict[str, str] = {}

    def note(self, row: TraceRow) -> None:
        """Write a row to the trace at once, and the columns' names before the first."""
        if self._trace.tell() == 0:
            self._rows.writerow(asdict(row))
        self._rows.writerow(
            f"{value:.9g}" if isinstance(value, float) else value for value in asdict(row).values()
        )
        self._trace.flush()

    def keep(self, step: int, pixels: Callable[[], Pixels], size_bytes: int) -> None:
        """Give an iterate to the encoders; wait only if too many iterates are waiting already.

        Args:
            step: number of the iterate.
            pixels: function that returns the pixels; an encoder calls it, because they may still be
                on their way from the device.
            size_bytes: size of the pixels in memory.

        Raises:
            OutputError: an earlier iterate could not be written.
        """
        self._drain(waiting_iterates(size_bytes) - 1)
        self._kept += 1
        self._unflushed.append(self.shot.step_path(step))
        self._pending.append(_encoders().submit(self._save, step, pixels))

    def checkpoint(self, state: Iterable[bytes | memoryview]) -> None:
        """Replace the checkpoint, once all earlier rows and iterates are on the disk.

        Args:
            state: bytes of the new checkpoint, in pieces.

        Raises:
            OutputError: the checkpoint or an earlier iterate could not be written.
        """
        self._flush()
        with part_file(self.shot.state_path) as part, part.open("wb") as file:
            file.writelines(state)

    def finish(self, done: dict[str, Any]) -> None:
        """Wait for the last iterate, mark the shot as finished and remove its checkpoint.

        Args:
            done: entries of `done.json`, besides the number of iterates and their bytes.

        Raises:
            OutputError: an iterate could not be written.
        """
        self._flush()
        steps = [self.shot.step_path(step) for step in self.shot.steps()]
        names = ["shot.json", "trace.csv", *(f"steps/{path.name}" for path in steps)]
        write_sums(self.shot.path / SUMS, names, self._digests)
        sizes = {"kept": self._kept, "bytes": sum(path.stat().st_size for path in steps)}
        write_json(self.shot.path / "done.json", done | sizes)
        self.shot.drop_state()

    def wait(self) -> None:
        """Wait until every iterate is written or has failed, and say nothing of those."""
        wait(self._pending)

    def _save(self, step: int, pixels: Callable[[], Pixels]) -> None:
        path, data = self.shot.step_path(step), encode_png(pixels())
        write_bytes(path, data, flush=False)
        self._digests[f"steps/{path.name}"] = sha256(data)

    def _drain(self, down_to: int = 0) -> None:
        """Wait until at most `down_to` iterates are waiting; raise the error of a failed one."""
        while len(self._pending) > down_to:
            self._pending[0].result()
            self._pending.popleft()

    def _flush(self) -> None:
        """Wait until all rows and iterates are on the disk, where they survive a power cut."""
        self._drain()
        os.fsync(self._trace.fileno())
        # Many at once, which costs a journal hardly more than one. One that fails stays the first
        # that is waited for, because asked again, the disk would say that all is well.
        self._pending.extend(_encoders().submit(flush_file, path) for path in self._unflushed)
        self._unflushed.clear()
        self._drain()


@cache
def _encoders() -> ThreadPoolExecutor:
    """The threads that encode all shots of this process."""
    return ThreadPoolExecutor(ENCODERS, "encode")


def waiting_iterates(size_bytes: int, encoders: int = ENCODERS) -> int:
    """The number of iterates of a size in bytes that may wait for so many encoders."""
    return max(1, min(encoders * _WAITING, encoders * _WAITING_BYTES // size_bytes))
