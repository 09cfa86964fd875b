"""How batches share a workspace: each tells the others which shots it is about to take.

The claim in `Workspace.claim` keeps a shot from being taken twice; a reservation spares a batch
waiting for another one's shots while there are others to take. Both are the operating system's
locks and die with their owner.
"""

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from medley.errors import OutputError
from medley.workspace import Workspace


class Reservation:
    """A shot that this process is about to take."""

    def __init__(self, lock: FileLock) -> None:
        """Made by `reserve`."""
        self._lock = lock

    def end(self) -> None:
        """Let others have the shot."""
        with suppress(OSError):
            # Whoever has just opened it will hold a lock that nobody else asks for.
            Path(self._lock.lock_file).unlink()
        self._lock.release()


def reserve(workspace: Workspace, key: str) -> Reservation | None:
    """Tell other batches that a shot is about to be taken here.

    Returns:
        None if another one has said so before.

    Raises:
        OutputError: the workspace cannot be written to.
    """
    path = workspace.shot(key).path.with_name(f".{key}.batch")
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except OSError as error:
        raise OutputError(
            f"cannot write to '{path.parent}' ({error.strerror or error}); make room there or"
            " choose another --workspace"
        ) from error
    return Reservation(lock)


def is_claimed(workspace: Workspace, key: str) -> bool:
    """Whether a process is at the shot, as far as one can tell without writing anything."""
    path = workspace.shot(key).path.with_name(f".{key}.lock")
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False  # a disk that is only read
    lock.release()
    return False
