"""Checkpoints: the state of what is unfinished as a safetensors file, and when to write one.

The tensors are those of a shot's `RunState` or of a training's `TrainState`; after them comes
"sha256", 32 bytes, the digest of all bytes before it, which reveals a damaged file. The metadata
are two JSON texts:

    stamp              version of the format, and what tells whether the state fits, as a shot's key
    position           fields of the state that are no tensors

Pieces are packed one tensor at a time, because all of them are as large as forty pictures.
"""

import contextlib
import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import safetensors
import torch
from torch import Tensor

from medley.errors import CheckpointError, OutputError
from medley.files import safetensors_header
from medley.stylenet.training import TrainState
from medley.transfer.optimize import RunState

State = RunState | TrainState
Kind = TypeVar("Kind", RunState, TrainState)

VERSION = 1
"""Version of the format; raised whenever the meaning of a state changes."""

INTERVAL_S = 30.0
"""Least seconds from one checkpoint to the next."""

LARGEST_SHARE = 0.05
"""Largest share of the time that checkpoints may take: the next one waits accordingly."""

_DIGEST = "sha256"
_DIGEST_BYTES = hashlib.sha256().digest_size
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
}
_READ_BYTES = 1 << 20


def pack(state: State, stamp: dict[str, Any]) -> Iterator[bytes | memoryview]:
    """Yield a checkpoint's bytes in pieces; each tensor is written in its own memory order."""
    facts = {
        field.name: getattr(state, field.name)
        for field in dataclasses.fields(state)
        if field.name != "tensors"
    }
    # Wider types first: each tensor then starts at a multiple of its own width.
    placed = sorted(state.tensors.items(), key=lambda item: -item[1].itemsize)
    entries: list[tuple[str, str, tuple[int, ...], int]] = [
        (name, _DTYPES[tensor.dtype], tensor.shape, tensor.nbytes) for name, tensor in placed
    ]
    entries.append((_DIGEST, "U8", (_DIGEST_BYTES,), _DIGEST_BYTES))
    metadata = {"stamp": json.dumps(stamp), "position": json.dumps(facts)}
    head = safetensors_header(entries, metadata)
    digest = hashlib.sha256(head)
    yield head
    for _, tensor in placed:
        piece = _bytes_of(tensor)
        digest.update(piece)
        yield piece
    yield digest.digest()


def stamp_of(path: Path) -> dict[str, Any]:
    """The stamp of a checkpoint.

    Raises:
        CheckpointError: the file is damaged.
    """
    _check_digest(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            stamp = json.loads(file.metadata()["stamp"])
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _no_checkpoint(path, error) from error
    return dict(stamp)


def unpack(path: Path, stamp: dict[str, Any], device: torch.device, kind: type[Kind]) -> Kind:
    """Read a checkpoint that `pack` made of such a state, with its tensors on a device.

    Raises:
        CheckpointError: the file is damaged, or its stamp differs from `stamp`.
    """
    _check_digest(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            if json.loads(metadata["stamp"]) != stamp:
                raise CheckpointError(
                    f"'{path}' is of another version or of another shot or training"
                )
            # Copied, because the library returns the file itself, mapped into memory.
            tensors = {
                name: file.get_tensor(name).to(device, copy=True)
                for name in file.keys()  # noqa: SIM118 (it is no mapping)
                if name != _DIGEST
            }
        return kind(**json.loads(metadata["position"]), tensors=tensors)
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _no_checkpoint(path, error) from error


class Checkpointer:
    """Writes checkpoints while there is work, and the last one when that is interrupted.

    A context manager. Inside it, `reach` must be called with every state; of a shot, once all
    iterates before that state have been given to the recorder.
    """

    def __init__(
        self,
        write: Callable[[Iterator[bytes | memoryview]], None],
        stamp: dict[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the time to the first checkpoint.

        Args:
            write: replaces the checkpoint by these pieces.
            stamp: version, recipe and key that are written into them.
            clock: function that gives the time in seconds.
        """
        self._write = write
        self._stamp = stamp
        self._clock = clock
        self._due = clock() + INTERVAL_S
        self._unsaved: State | None = None

    def reach(self, state: State) -> None:
        """Remember the state, and write a checkpoint if one is due.

        Raises:
            OutputError: the checkpoint, or an iterate before it, cannot be written.
        """
        self._unsaved = state
        if self._clock() >= self._due:
            self._save()

    def _save(self) -> None:
        if self._unsaved is None:
            return
        began = self._clock()
        self._write(pack(self._unsaved, self._stamp))
        self._unsaved = None
        took = self._clock() - began
        self._due = began + took + max(INTERVAL_S, took / LARGEST_SHARE)

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write a last checkpoint if the work was interrupted."""
        if kind is not None:
            # On a full disk, for example, the error that is being raised already says why.
            with contextlib.suppress(OutputError):
                self._save()


def _no_checkpoint(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"'{path}' is no checkpoint of medley's ({error})")


def _bytes_of(tensor: Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data


def _check_digest(path: Path) -> None:
    try:
        left = path.stat().st_size - _DIGEST_BYTES
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while left > 0 and (piece := file.read(min(left, _READ_BYTES))):
                digest.update(piece)
                left -= len(piece)
            whole = file.read() == digest.digest()
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read ({error.strerror or error})") from error
    if not whole:
        raise CheckpointError(f"'{path}' is torn or was changed")
