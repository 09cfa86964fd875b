"""Locks on shots and films: the operating system's, which die with their owner.

    <workspace>/shots/.<key>.lock    held by the process that is taking the shot
    <workspace>/shots/.<key>.batch   held by the run that is about to take it

A claim keeps a shot from being taken twice. A reservation spares a run waiting for another one's
shots while there are others to take.
"""

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from medley.errors import OutputError, Setting


class Claim:
    """The sole right to take one shot or to cut one film; a context manager that ends with it."""

    def __init__(self, folder: Path, name: str) -> None:
        """Name the lock; nothing is locked yet.

        Args:
            folder: where the lock lies, made if it is not there.
            name: the shot's key, or what stands for a film.
        """
        self._path = folder / f".{name}.lock"
        self._lock = FileLock(self._path)

    def take_now(self) -> bool:
        """Take the right unless another process has it, and tell whether it is ours.

        Raises:
            OutputError: the folder cannot be written to.
        """
        return self._acquire(timeout=0)

    def wait(self) -> None:
        """Take the right once whoever has it has let go.

        Raises:
            OutputError: the folder cannot be written to.
        """
        self._acquire(timeout=-1)

    def __enter__(self) -> Self:
        """Return this object, with nothing locked yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let others have it."""
        self._lock.release()

    def _acquire(self, timeout: float) -> bool:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=timeout)
        except Timeout:
            return False
        except OSError as error:
            raise _cannot_lock(self._path, error) from error
        return True


class Reservation:
    """A shot that this run is about to take."""

    def __init__(self, lock: FileLock) -> None:
        """Made by `reserve`."""
        self._lock = lock

    def end(self) -> None:
        """Let others have the shot."""
        with suppress(OSError):
            # Whoever has just opened it will hold a lock that nobody else asks for.
            Path(self._lock.lock_file).unlink()
        self._lock.release()


def reserve(folder: Path, key: str) -> Reservation | None:
    """Tell other runs that a shot is about to be taken here.

    Args:
        folder: the workspace's shots.
        key: the shot's.

    Returns:
        None if another run has said so before.

    Raises:
        OutputError: the workspace cannot be written to.
    """
    path = folder / f".{key}.batch"
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        return None
    except OSError as error:
        raise _cannot_lock(path, error) from error
    return Reservation(lock)


def is_claimed(folder: Path, key: str) -> bool:
    """Whether a process is at the shot, as far as one can tell without writing anything."""
    path = folder / f".{key}.lock"
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


def _cannot_lock(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to '{path}' ({error.strerror or error}); make room there or choose another ",
        Setting("workspace"),
    )
