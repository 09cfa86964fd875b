"""Catalogs of paintings, read from folders, files or Painter by Numbers without opening a picture.

Painter by Numbers (a Kaggle competition) is a folder with `train/`, `test/` and a table,
`all_data_info.csv`; any other folder, and any folder in it, may carry a `catalog.csv` in the same
columns. A row and a file belong together by `new_filename`; of several tables the nearest counts.
"""

import csv
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from operator import itemgetter
from pathlib import Path

from medley.errors import PictureError
from medley.paintings.listing import CATALOG, PAINTER_BY_NUMBERS, list_folder

SPLITS = ("train", "test")
COLUMNS = ("title", "artist", "genre", "style", "date", "in_train", "new_filename")
"""Columns that a table must have; Painter by Numbers has more."""

_TRUE = ("true", "t", "1", "1.0", "yes", "y")
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a catalog with the facts about its painting; "" stands for unknown ones.

    Attributes:
        file: path as text, which is quicker to make by the hundred thousand than a Path.
        name: name of the file, which decides whether it is drawn.
        title, artist, genre, style, date: texts from the table.
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
        """The path of the file, which has not been opened yet."""
        return Path(self.file)

    @property
    def year(self) -> int | None:
        """The first number of four digits in the date: 1880 of 'c.1880-1885'."""
        found = _YEAR.search(self.date)
        return int(found[0]) if found else None


@dataclass(frozen=True)
class Catalog:
    """Files that may be paintings, and differences between tables and files.

    Attributes:
        entries: entries of all files, in the order of the places and by name.
        absent: names in a table whose file does not exist.
        unlisted: number of files beside or below a table that have no row in it.
    """

    entries: list[Entry]
    absent: list[str]
    unlisted: int


# Title, artist, genre, style, date and split: a plain tuple, because 100,000 of them are made.
_Row = tuple[str, str, str, str, str, str]
_Rows = dict[str, _Row]
_UNKNOWN: _Row = ("", "", "", "", "", "")


def read_catalog(places: Sequence[Path]) -> Catalog:
    """List the files in folders (recursively) and single files, each once, with facts from tables.

    Raises:
        PictureError: a place does not exist or cannot be listed, or a table cannot be used.
    """
    entries: dict[str, Entry] = {}  # by real path, so that links do not list a file twice
    absent: list[str] = []
    unlisted = 0
    tables: dict[Path, _Rows] = {}
    for place in places:
        if not place.is_dir():
            entries.setdefault(os.path.realpath(place), _named_outright(place, tables))
            continue
        found, without_file, without_row = _read_folder(place)
        for real, entry in found.items():
            entries.setdefault(real, entry)
        absent += without_file
        unlisted += without_row
    return Catalog(list(entries.values()), absent, unlisted)


def _read_folder(folder: Path) -> tuple[dict[str, Entry], list[str], int]:
    """Read a folder: entries by real path, rows without a file, number of files without a row."""
    is_split = (folder / PAINTER_BY_NUMBERS).is_file()
    files, places = _list_splits(folder) if is_split else list_folder(folder)
    tables = {place.rpartition("/")[0]: _read_table(folder / place) for place in places}
    seen: dict[str, set[str]] = {place: set() for place in tables}
    with_paths = {place: any("/" in key for key in rows) for place, rows in tables.items()}

    @cache
    def above(parent: str) -> list[tuple[int, _Rows, set[str]]]:
        """List the tables that may have rows for a folder's files, nearest first.

        Returns:
            For each table: the offset in a file's path at which the table's names begin (at the
            file's own name if no row has a folder), its rows, and the set of names found so far.
        """
        places = [parent]
        while places[-1]:
            places.append(places[-1].rpartition("/")[0])
        known = [place for place in places if tables.get(place)]
        return [
            (len(place) + bool(place) if with_paths[place] else len(parent) + bool(parent),
             tables[place], seen[place])
            for place in known
        ]  # fmt: skip

    before = str(folder / "x")[:-1]
    entries: dict[str, Entry] = {}
    unlisted = 0
    for file, real in files.items():
        parent, _, name = file.rpartition("/")
        row, nearest = _UNKNOWN, above(parent)
        for start, rows, met in nearest:
            key = file[start:]
            if not key.isascii():
                key = _same(key)
            if key not in rows and key != name:
                key = _same(name)
            if key in rows:
                met.add(key)
                row = rows[key] if row is _UNKNOWN else row
        unlisted += bool(nearest) and row is _UNKNOWN
        if is_split and not row[-1]:
            row = (*row[:-1], file.partition("/")[0])
        entries[real] = Entry(before + file, name, *row)
    absent = [
        f"{place}/{name}" if place else name
        for place, rows in tables.items()
        for name in rows.keys() - seen[place]
    ]
    return entries, sorted(absent), unlisted


def _list_splits(root: Path) -> tuple[dict[str, str], list[str]]:
    """List the files of Painter by Numbers in the form of `list_folder`, and its table."""
    splits = [split for split in SPLITS if (root / split).is_dir()]
    if not splits:
        raise PictureError(
            f"'{root}' has {PAINTER_BY_NUMBERS} but neither train/ nor test/; unzip them there"
        )
    files = {
        f"{split}/{name}": real
        for split in splits
        for name, real in list_folder(root / split)[0].items()
    }
    return files, [PAINTER_BY_NUMBERS]


def _named_outright(file: Path, tables: dict[Path, _Rows]) -> Entry:
    """Make the entry of a single file, with facts from its folder's table, and in no split."""
    if not file.exists():
        raise PictureError(f"there is no painting or folder '{file}'; check its name")
    table = file.parent / CATALOG
    if file.parent.name in SPLITS and (file.parent.parent / PAINTER_BY_NUMBERS).is_file():
        table = file.parent.parent / PAINTER_BY_NUMBERS
    if table not in tables:
        tables[table] = _read_table(table) if table.is_file() else {}
    row = tables[table].get(_same(file.name), _UNKNOWN)
    return replace(Entry(str(file), file.name, *row), split="")


def _read_table(path: Path) -> _Rows:
    """Read the rows of a table by file name; the first of several for one file counts.

    Raises:
        PictureError: the table is unreadable, not UTF-8, or lacks columns.
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
                    f" {', '.join(header) or 'none'}; add them, or rename the file"
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
    """Yield names and rows, last first, so that a dictionary keeps the first of several."""
    widest, pick, intern, strip = max(columns) + 1, itemgetter(*columns), sys.intern, str.strip
    found = []
    for cells in table:
        if len(cells) < widest:
            cells += [""] * (widest - len(cells))
        title, artist, genre, style, date, in_train, file = map(strip, pick(cells))
        if not file:
            continue
        split = ""
        if in_train:
            split = "train" if in_train.lower() in _TRUE else "test"
        # Interned, because few artists have painted many pictures.
        row = (title, intern(artist), intern(genre), intern(style), intern(date), split)
        found.append((_same(file), row))
    return reversed(found)


def _same(name: str) -> str:
    """Normalize a name for comparison: Unicode has two ways to write an accented letter."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)
