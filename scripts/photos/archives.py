"""Reading of the archives that photos come in: Debian packages, wheels, Qt's resources."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from functools import partial

from medley.errors import MedleyError

Member = tuple[str, Callable[[], bytes]]
"""A file's path in an archive, and what reads it before the walk goes on."""

_AR = b"!<arch>\n"
_AR_HEADER = 60  # bytes: name 16, date 12, owner 6, group 6, mode 8, size 10, end 2
_RCC = b"qres"
_NODE = struct.Struct(">IHIIQ")  # name, flags, (children, first child) or (locale, data), date
_COMPRESSED, _FOLDER, _ZSTD = 1, 2, 4


class ArchiveError(MedleyError):
    """An archive is damaged, of another kind, or lacks a file."""


def read(archive: bytes, paths: Collection[str]) -> dict[str, bytes]:
    """Give the files at `paths`; a path may lead into a Qt resource file within the archive.

    Raises:
        ArchiveError: the archive is damaged or of another kind, or lacks one of the files.
    """
    try:
        files = {path: load() for path, load in _members(archive) if path in paths}
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, struct.error, EOFError) as error:
        raise ArchiveError(f"damaged: {error}") from error
    missing = [path for path in paths if path not in files]
    if missing:
        raise ArchiveError(f"'{missing[0]}' is not in it")
    return files


def _members(archive: bytes) -> Iterator[Member]:
    """Walk the files of a Debian package, a wheel, or a Qt resource file."""
    if archive.startswith(_AR):
        yield from _package_members(archive)
    elif archive.startswith(_RCC):
        yield from _resources(archive)
    elif archive.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
            for name in wheel.namelist():
                yield name, partial(wheel.read, name)
    else:
        raise ArchiveError("neither a Debian package nor a wheel")


def _package_members(package: bytes) -> Iterator[Member]:
    """Walk the files that a Debian package installs, deb(5)."""
    for part, data in _ar_members(package):
        if not part.startswith("data.tar"):
            continue
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|*") as files:
            for file in files:
                opened = files.extractfile(file) if file.isfile() else None
                if opened is None:
                    continue
                path = file.name.removeprefix("./")
                if path.endswith(".rcc"):
                    for name, load in _members(opened.read()):
                        yield f"{path}/{name}", load
                else:
                    yield path, opened.read


def _ar_members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Walk the files of a Unix archive, as `ar` writes it.

    Raises:
        ArchiveError: it ends too early, or a header is not one.
    """
    place = len(_AR)
    while place < len(archive):
        header = archive[place : place + _AR_HEADER]
        size = header[48:58].strip()
        place += _AR_HEADER
        if header[58:] != b"`\n" or not size.isdigit() or place + int(size) > len(archive):
            raise ArchiveError(f"damaged at byte {place - _AR_HEADER:,}")
        name = header[:16].decode("ascii", "replace").rstrip().removesuffix("/")
        yield name, archive[place : place + int(size)]
        place += int(size) + int(size) % 2


def _resources(data: bytes) -> Iterator[Member]:
    """Walk the files of a Qt resource file of format 2 or 3, leaving those packed with zstd.

    The format is that of `qtbase/src/tools/rcc/rcc.cpp`: a tree of nodes, names as UTF-16.
    """
    version, tree, blobs, names = struct.unpack_from(">4I", data, len(_RCC))
    if version not in (2, 3):
        raise ArchiveError(f"Qt resources of format {version}, not 2 or 3")

    def walk(node: int, folder: str) -> Iterator[Member]:
        name_at, flags, first, second, _ = _NODE.unpack_from(data, tree + node * _NODE.size)
        path = folder + _resource_name(data, names + name_at) if node else ""
        if flags & _FOLDER:
            for child in range(second, second + first):
                yield from walk(child, path and path + "/")
        elif not flags & _ZSTD:
            yield path, partial(_resource, data, blobs + second, flags)

    return walk(0, "")


def _resource_name(data: bytes, place: int) -> str:
    (letters,) = struct.unpack_from(">H", data, place)
    start = place + 6  # after the length and a hash
    return data[start : start + 2 * letters].decode("utf-16-be")


def _resource(data: bytes, place: int, flags: int) -> bytes:
    (size,) = struct.unpack_from(">I", data, place)
    stored = data[place + 4 : place + 4 + size]
    # `qCompress` puts the size before the stream of zlib.
    return zlib.decompress(stored[4:]) if flags & _COMPRESSED else stored
