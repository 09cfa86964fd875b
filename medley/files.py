"""Writing of files (part file, fsync, rename) and digests of files."""

import codecs
import contextlib
import glob
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import platformdirs

from medley.errors import OutputError, Setting
from medley.moments import file_of

_MARKED = 40  # letters of a file's name that its part file's name keeps


@contextlib.contextmanager
def part_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to `path` when the block ends without error.

    The temporary name keeps the suffix, so that programs which choose a format by it still do.
    If the block raises, the part file is removed and `path` is left as it was.

    Raises:
        OutputError: the folder cannot be made or written to, or the disk is full.
    """
    with part_files(path) as (part,):
        yield part


@contextlib.contextmanager
def part_files(*paths: Path, flush: bool = True) -> Iterator[list[Path]]:
    """Yield temporary paths for files that belong together; see `part_file`.

    None is renamed before all are whole; then they are renamed in the order given, one right after
    the other. A part may also be a folder, whose files must be on the disk; it is renamed as a
    whole.

    Args:
        paths: the files.
        flush: whether they are on the disk before they are renamed; else that is left to
            `flush_file`, and until then a power cut may empty them.

    Raises:
        OutputError: a folder cannot be made or written to, or the disk is full.
    """
    parts = [_part_path(path) for path in paths]
    path = paths[0]
    try:
        for path, part in zip(paths, parts, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.touch(exist_ok=False)
        path = paths[0]
        yield parts
        for path, part in zip(paths, parts, strict=True):  # noqa: B007 - the error names `path`
            if flush and part.is_file():
                _flush(part)
        for path, part in zip(paths, parts, strict=True):
            _publish(part, path)
    except OSError as error:
        named = dict(zip(map(str, parts), paths, strict=True)).get(str(error.filename))
        raise cannot_write(named or path, error) from error
    finally:
        for part in parts:
            _remove(part)


@contextlib.contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path` for what is needed only while that is written.

    It is called as a part file is, so that `remove_parts_of` finds what a killed process left.

    Raises:
        OSError: the folder cannot be made.
    """
    folder = _part_path(path)
    folder.mkdir()
    try:
        yield folder
    finally:
        _remove(folder)


def write_bytes(path: Path, data: bytes, flush: bool = True) -> None:
    """Write `data` to `path` so that either all of it becomes visible at once, or nothing.

    Args:
        path: the file.
        data: its contents.
        flush: see `part_files`.

    Raises:
        OutputError: the folder cannot be made or written to, or the disk is full.
    """
    with part_files(path, flush=flush) as (part,):
        part.write_bytes(data)


def flush_file(path: Path) -> None:
    """Wait until a file that was written without that is on the disk.

    Raises:
        OutputError: it cannot be written there.
    """
    try:
        _flush(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, keys in the order given, like `write_bytes`."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Encode `value` as indented UTF-8 JSON, keys in the order given."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    # Lone surrogates, which stand for file names that are not UTF-8, become JSON escapes.
    return text.encode(errors="backslashreplace")


def open_text(path: Path) -> TextIO:
    """Open a text that somebody else has written: UTF-8, unless a byte order mark says UTF-16.

    Windows PowerShell writes such a mark where a command's output goes into a file.

    Raises:
        OSError: it cannot be read.
        UnicodeError: while it is read: it has another encoding.
    """
    file = path.open("rb")
    is_wide = file.peek(2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return io.TextIOWrapper(file, "utf-16" if is_wide else "utf-8-sig")


def in_full(path: Path) -> str:
    """The absolute path as text, for files that may be read from another folder."""
    return str(path.absolute())


def real_path(path: Path) -> Path:
    """The path by which a file is the same however it was named: its folder's links are followed.

    Neither file nor folder need be there. A link in the file's own place is not followed, because a
    file that is written replaces it.
    """
    return Path(os.path.realpath(path.parent), path.name)


def write_sums(path: Path, names: Iterable[str], known: Mapping[str, str]) -> None:
    """Write the digests of files beside `path`, in the form that `sha256sum --check` reads.

    Args:
        path: file of the list.
        names: names of the files, relative to its folder.
        known: digests by name that are known already.

    Raises:
        OutputError: the list cannot be written.
    """
    digests = {name: known.get(name) or file_sha256(path.parent / name) for name in names}
    write_bytes(path, "".join(f"{found}  {name}\n" for name, found in digests.items()).encode())


def read_sums(path: Path) -> dict[str, str]:
    """Read the digests by name that `write_sums` wrote; other lines are ignored.

    Raises:
        OSError: the list cannot be read.
    """
    pairs = (line.split("  ", 1) for line in path.read_text("utf-8", "replace").splitlines())
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def remove_parts_of(path: Path) -> None:
    """Remove the part files of `path` that a killed process left; nobody may be writing it now."""
    own, suffix = glob.escape(_shortened(path.stem)), glob.escape(path.suffix)
    for part in path.parent.glob(_part_name(own, "?" * 8, suffix)):
        _remove(part)


def remove_parts(folder: Path) -> None:
    """Remove the part files that a killed process left in a folder; nobody may be writing there.

    Raises:
        OSError: the folder cannot be read, or a part file cannot be removed.
    """
    for part in folder.glob(_part_name("*", "?" * 8, "*")):
        part.unlink()


def safetensors_header(
    arrays: Iterable[tuple[str, str, Iterable[int], int]], metadata: Mapping[str, str]
) -> bytes:
    """Encode the header of a safetensors file: the length of its table, and the table.

    Args:
        arrays: name, dtype in the format's words, shape, and size in bytes of each array, in the
            order in which their data follow.
        metadata: texts that the file carries, by name.
    """
    table: dict[str, Any] = {"__metadata__": metadata}
    offset = 0
    for name, dtype, shape, size_bytes in arrays:
        end = offset + size_bytes
        place = {"dtype": dtype, "shape": tuple(shape), "data_offsets": (offset, end)}
        table[name], offset = place, end
    text = json.dumps(table).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text


def check_free(path: Path, force: bool, inputs: Iterable[Path] = (), what: str = "") -> None:
    """Check, before any work is done for it, that `path` may and can be written.

    Nothing is left behind: folders that are still to be made are not made.

    Args:
        path: the file.
        force: True to replace it.
        inputs: files that are read, which are never replaced.
        what: words for what it is to be, where the name alone does not tell.

    Raises:
        OutputError: the file exists and `force` is not set, it is one of the inputs, or the
            folder is not writable.
    """
    try:
        _check_name(path, force, inputs, f" by {what}" if what else "")
        try_writing(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def _check_name(path: Path, force: bool, inputs: Iterable[Path], by: str) -> None:
    read = map(file_of, inputs)
    if path.is_file() and any(own.is_file() and path.samefile(own) for own in read):
        raise OutputError(
            f"'{path}' is an input and would be replaced{by}; name another ", Setting("output")
        )
    if path.is_dir():
        raise OutputError(f"'{path}' is a folder; name a file with ", Setting("output"))
    if path.exists() and not force:
        raise OutputError(
            f"'{path}' exists; pass ",
            Setting("force", True),
            f" to replace it{by}, or name another",
        )


def try_writing(path: Path) -> None:
    """Write and remove a file in the path's folder, or in the nearest one that is there already.

    Raises:
        OSError: it cannot be written.
    """
    parents = path.absolute().parents
    folder = next(folder for folder in parents if folder.exists() or folder.is_symlink())
    probe = folder / _part_path(path).name
    probe.touch(exist_ok=False)
    probe.unlink()


def check_folder_free(path: Path, force: bool, own: re.Pattern[str]) -> None:
    """Check that a folder may be written, in which only files with names like `own` may lie.

    Raises:
        OutputError: the folder holds other files, or any files and `force` is not set; or the
            folder around it is not writable.
    """
    if path.is_dir():
        names = [file.name for file in path.iterdir()]
        if other := [name for name in names if not own.fullmatch(name)]:
            raise OutputError(
                f"'{path}' is a folder and holds other files, such as '{min(other)}'; name a new"
                " folder for numbered pictures, or a file such as film.mp4"
            )
        if names and not force:
            raise OutputError(
                f"'{path}' holds pictures; pass ",
                Setting("force", True),
                " to replace them, or name another",
            )
        path = path.with_name(f"{path.name}.new")  # checks that the folder around it is writable
    check_free(path, force=False)


def cache_folder() -> Path:
    """Where what was fetched or measured is kept: MEDLEY_CACHE, or the user's cache.

    Where the user has no home, as in a container that runs under a number, it is a folder of the
    user's own among the temporary ones.
    """
    if named := os.environ.get("MEDLEY_CACHE"):
        return Path(os.path.expanduser(named))  # noqa: PTH111 (it leaves "~" where there is no home)
    try:
        return platformdirs.user_cache_path("medley")
    except RuntimeError:
        number = os.getuid() if hasattr(os, "getuid") else 0
        return Path(tempfile.gettempdir(), f"medley-{number}")


def sha256(*parts: bytes) -> str:
    """The hexadecimal SHA-256 of the concatenated parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _part_path(path: Path) -> Path:
    return path.with_name(_part_name(_shortened(path.stem), uuid.uuid4().hex[:8], path.suffix))


def _shortened(stem: str) -> str:
    """The stem for a part file's name, shortened if the system would refuse a longer name."""
    if len(stem) <= _MARKED:
        return stem
    return f"{stem[:_MARKED]}-{sha256(os.fsencode(stem))[:8]}"


def _part_name(stem: str, mark: str, suffix: str) -> str:
    return f".{stem}-{mark}.part{suffix}"


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _publish(part: Path, path: Path) -> None:
    """Rename a part to its final name; a folder of that name is replaced as a whole."""
    if part.is_dir() and path.is_dir():
        old = _part_path(path)
        path.replace(old)
        part.replace(path)
        _remove(old)
    else:
        part.replace(path)


def _remove(part: Path) -> None:
    with contextlib.suppress(OSError):
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Make the error that says that `path` could not be written, and why."""
    # Unlike Path.is_file, this answers for a name that is too long.
    if file := next((folder for folder in path.parents if os.path.isfile(folder)), None):  # noqa: PTH113
        return OutputError(
            f"cannot write '{path}': '{file}' is a file, no folder; name another place"
        )
    reason = error.strerror or str(error)
    return OutputError(f"cannot write '{path}' ({reason}); choose another place or make room there")
