"""Catalogs of paintings: what folders, files or Painter by Numbers hold, without opening any.

Painter by Numbers (a Kaggle competition) is a folder with `train/`, `test/` and a table,
`all_data_info.csv`; any other folder may carry a `catalog.csv` in the same columns. A row and a
file belong together by `new_filename`.
"""

import csv
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

from medley.errors import PictureError

CATALOG = "catalog.csv"
PAINTER_BY_NUMBERS = "all_data_info.csv"
SPLITS = ("train", "test")
COLUMNS = ("title", "artist", "genre", "style", "date", "in_train", "new_filename")
"""The columns that are read, of those that Painter by Numbers has."""

_TRUE = ("true", "t", "1", "1.0", "yes", "y")
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a catalog and what is known of the painting in it; "" is unknown.

    Attributes:
        file: its path as text, which is quicker to make by the hundred thousand than a Path.
        name: the file's name, by which a draw is decided.
        title, artist, genre, style, date: as the table has them.
        split: "train", "test" or "".
    """

    file: str
    name: str
    title: str = ""
    artist: str = ""
    genre: str = ""
    style: str = ""
    date: str = ""
    split: str = ""

    @property
    def path(self) -> Path:
        """The file, which nobody has opened yet."""
        return Path(self.file)

    @property
    def year(self) -> int | None:
        """The first number of four digits in the date: 1880 of 'c.1880-1885'."""
        found = _YEAR.search(self.date)
        return int(found[0]) if found else None


@dataclass(frozen=True)
class Catalog:
    """Files that may be paintings, and how well tables and files agree.

    Attributes:
        entries: every file, in order of its place and its name.
        absent: names in a table whose file is not there.
        unlisted: how many files no row speaks of, where there is a table.
    """

    entries: list[Entry]
    absent: list[str]
    unlisted: int


# Title, artist, genre, style, date and split: a bare tuple, since it is made 100,000 times.
_Row = tuple[str, str, str, str, str, str]
_UNKNOWN: _Row = ("", "", "", "", "", "")


def read_catalog(places: Sequence[Path]) -> Catalog:
    """List folders (recursively) and files named outright, each once, with what tables say of them.

    Raises:
        PictureError: a place does not exist or cannot be listed, or a table cannot be used.
    """
    entries: dict[str, Entry] = {}
    absent: list[str] = []
    unlisted = 0
    tables: dict[Path, dict[str, _Row]] = {}
    for place in places:
        if not place.is_dir():
            entries.setdefault(str(place), _named_outright(place, tables))
            continue
        part = _read_folder(place)
        for entry in part.entries:
            entries.setdefault(entry.file, entry)
        absent += part.absent
        unlisted += part.unlisted
    return Catalog(list(entries.values()), absent, unlisted)


def list_folder(folder: Path) -> list[str]:
    """The files in a folder and its subfolders, as paths from there with slashes, by name.

    Hidden ones and the catalog are left out; links to folders are not followed.

    Raises:
        PictureError: a folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise PictureError(
            f"cannot list '{error.filename}' ({error.strerror}); check its permissions"
        ) from error

    found = []
    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = Path(parent).relative_to(folder).as_posix()
        before = "" if inside == "." else f"{inside}/"
        found += [before + name for name in files if name[0] != "." and name != CATALOG]
    return sorted(found)


def _read_folder(folder: Path) -> Catalog:
    if (folder / PAINTER_BY_NUMBERS).is_file():
        rows = _read_table(folder / PAINTER_BY_NUMBERS)
        splits = [split for split in SPLITS if (folder / split).is_dir()]
        if not splits:
            raise PictureError(
                f"'{folder}' has {PAINTER_BY_NUMBERS} but neither train/ nor test/;"
                " unzip them there"
            )
        files = [f"{split}/{name}" for split in splits for name in list_folder(folder / split)]
    else:
        table, splits = folder / CATALOG, []
        rows = _read_table(table) if table.is_file() else {}
        files = list_folder(folder)
    before = str(folder / "x")[:-1]
    entries, seen, unlisted = [], set(), 0
    for file in files:
        name = file.rpartition("/")[2]
        key = _same(file)
        if key not in rows:
            key = _same(name)
        row = rows.get(key, _UNKNOWN)
        if row is not _UNKNOWN:
            seen.add(key)
        elif rows:
            unlisted += 1
        if splits and not row[-1]:
            row = (*row[:-1], file.partition("/")[0])
        entries.append(Entry(before + file, name, *row))
    return Catalog(entries, sorted(name for name in rows if name not in seen), unlisted)


def _named_outright(file: Path, tables: dict[Path, dict[str, _Row]]) -> Entry:
    """A file that was asked for by name: known from a catalog beside it, and in no split."""
    if not file.exists():
        raise PictureError(f"there is no painting or folder '{file}'; check its name")
    table = file.parent / CATALOG
    if table not in tables:
        tables[table] = _read_table(table) if table.is_file() else {}
    row = tables[table].get(_same(file.name), _UNKNOWN)
    return replace(Entry(str(file), file.name, *row), split="")


def _read_table(path: Path) -> dict[str, _Row]:
    """The rows of a table by file name; of two for one file the first counts.

    Raises:
        PictureError: it is unreadable, not UTF-8, or lacks columns.
    """
    try:
        # "utf-8-sig" drops a byte order mark; newline="" lets csv see line ends of every kind.
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file)
            header = [name.strip() for name in next(table, [])]
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise PictureError(
                    f"'{path}' lacks the columns {', '.join(missing)}; it has"
                    f" {', '.join(header) or 'none'}"
                )
            return dict(_rows(table, [header.index(name) for name in COLUMNS]))
    except UnicodeDecodeError as error:
        raise PictureError(
            f"'{path}' is not UTF-8 (byte {error.start:,}); save it as UTF-8"
        ) from error
    except csv.Error as error:
        raise PictureError(f"'{path}' is no table of commas ({error}); save it as CSV") from error
    except OSError as error:
        raise PictureError(f"cannot read '{path}' ({error.strerror}); check it") from error


def _rows(table: Iterator[list[str]], columns: list[int]) -> Iterator[tuple[str, _Row]]:
    """Names and rows, last first, so that a dictionary keeps the first of several."""
    widest, pick, intern, strip = max(columns) + 1, itemgetter(*columns), sys.intern, str.strip
    found = []
    for cells in table:
        if len(cells) < widest:
            cells += [""] * (widest - len(cells))
        title, artist, genre, style, date, in_train, file = map(strip, pick(cells))
        if not file:
            continue
        split = "" if not in_train else SPLITS[in_train.lower() not in _TRUE]
        # Few artists paint many pictures: equal texts are kept once.
        row = (title, intern(artist), intern(genre), intern(style), intern(date), split)
        found.append((_same(file), row))
    return reversed(found)


def _same(name: str) -> str:
    """A name as it compares: an accented letter may be written in two ways."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)
