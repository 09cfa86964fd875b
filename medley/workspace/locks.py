"""Locks on shots and films, which the operating system releases when their owner ends.

    <workspace>/shots/.<key>.lock    held by the process that is taking the shot
    <workspace>/shots/.<key>.batch   held by the run that is about to take it

A claim prevents a shot from being taken by two processes. A reservation tells other runs to take
other shots first, instead of waiting for this one.
"""

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from medley.errors import OutputError, Setting


class Claim:
    """An exclusive lock on taking one shot or cutting one film; a context manager releases it."""

    def __init__(self, folder: Path, name: str, is_removed: bool = False) -> None:
        """Name the lock; nothing is locked yet.

        Args:
            folder: folder of the lock file, made if it does not exist.
            name: key of the shot, or a digest that identifies a film.
            is_removed: True to remove the lock's file in the end, where it lies among a user's own;
                then nobody may wait for it.
        """
        self._is_removed = is_removed
        self._path = folder / f".{name}.lock"
        self._lock = FileLock(self._path)

    def take_now(self, within_s: float = 0) -> bool:
        """Lock, unless another process has the lock; return whether it is locked by this one.

        Args:
            within_s: seconds to wait for the other process.

        Raises:
            OutputError: the folder cannot be written to.
        """
        return self._acquire(timeout=within_s)

    def wait(self) -> None:
        """Lock, after waiting for any other process to release the lock.

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
        """Release the lock, if it is held."""
        if self._is_removed and self._lock.is_locked:
            _remove(self._lock)
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
    """A lock that marks a shot as one that this run is about to take."""

    def __init__(self, lock: FileLock) -> None:
        """Keep a lock that is held; `reserve` calls this."""
        self._lock = lock

    def end(self) -> None:
        """Release the lock and remove its file."""
        _remove(self._lock)
        self._lock.release()


def reserve(folder: Path, key: str) -> Reservation | None:
    """Mark a shot for other runs as about to be taken by this one.

    Args:
        folder: folder of the workspace's shots.
        key: key of the shot.

    Returns:
        The reservation, or None if another run has reserved the shot.

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
    """Whether a process is taking the shot; False if that cannot be found out by reading alone."""
    return _is_held(folder / f".{key}.lock")


def reserved(folder: Path) -> set[str]:
    """The keys of the shots that runs at work are about to take, or are taking."""
    paths = [path for path in folder.glob(".*.batch") if _is_held(path)]
    return {path.stem.removeprefix(".") for path in paths}


def _remove(lock: FileLock) -> None:
    """Remove the file of a lock that is held, and still to be released."""
    with suppress(OSError):
        # A process that has just opened the file gets a lock that no other process sees.
        Path(lock.lock_file).unlink()


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False  # on a read-only disk
    lock.release()
    return False


def _cannot_lock(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to '{path}' ({error.strerror or error}); make room there or choose another ",
        Setting("workspace"),
    )
