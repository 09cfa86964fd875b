"""Catalogs of paintings, read from folders, files or Painter by Numbers without decoding a picture.

Painter by Numbers (a Kaggle competition) is a folder with `train/`, `test/` and a table,
`all_data_info.csv`; any other folder, and any folder in it, may carry a `catalog.csv` in the same
columns. A row and a file belong together by `new_filename`; of several tables the nearest counts.
A file that is in no table is left out if its content is no picture's.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medley.errors import PictureError
from medley.kinds import is_drawing, may_be_picture
from medley.paintings.listing import CATALOG, PAINTER_BY_NUMBERS, list_folder
from medley.paintings.tables import UNKNOWN, Row, Rows, read_table, same_name
from medley.shipped import no_painting

SPLITS = ("train", "test")

_NAMED = 5  # most texts that a line lists

_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_BEFORE_CHRIST = re.compile(
    r"(?<!\d)\d+(?:\s*(?:[-–—/]|to|or)\s*(?:c(?:a|irca)?\.?\s*)?\d+)?\s*B\.?\s?C(?:\.?\s?E)?\b"
    r"|\bB\.?\s?C(?:\.?\s?E)?\.?\s*\d+"
    r"|(?:^|\b(?:ca?|circa|about|from|to)\b\.?|\()\s*[-−–]\s?\d+",
    re.IGNORECASE,
)
"""Years that are none A.D.: "c.1350-1300 B.C.", "BCE 1350", "-1350"."""


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
        """The first number of four digits in the date: 1880 of 'c.1880-1885'; A.D. alone."""
        found = _YEAR.search(_BEFORE_CHRIST.sub("", self.date))
        return int(found[0]) if found else None


@dataclass(frozen=True)
class Catalog:
    """Files that may be paintings, and differences between tables and files.

    Attributes:
        entries: entries of all files, in the order of the places and by name.
        absent: names in a table whose file does not exist.
        unlisted: number of files beside or below a table that have no row in it.
        drawings: files left out although their owner may take them for pictures.
    """

    entries: list[Entry]
    absent: list[str]
    unlisted: int
    drawings: list[str]

    def reasons(self) -> list[str]:
        """Say in a line which files were left out and why, if there are some to be told of."""
        if not self.drawings:
            return []
        what = "drawings and documents are not read; save their pictures as PNG"
        return [f"{named(self.drawings)}: {what}"]


def named(texts: Sequence[str], between: str = ", ") -> str:
    """Join the first few of some texts and count the others."""
    more = f" and {len(texts) - _NAMED:,} more" if len(texts) > _NAMED else ""
    return f"{between.join(texts[:_NAMED])}{more}"


def read_catalog(places: Sequence[Path]) -> Catalog:
    """List the files in folders (recursively) and single files, each once, with facts from tables.

    Raises:
        PictureError: a place does not exist or cannot be listed, or a table cannot be used.
    """
    entries: dict[str, Entry] = {}  # by real path, so that links do not list a file twice
    absent: list[str] = []
    drawings: list[str] = []
    unlisted = 0
    tables: dict[Path, Rows] = {}
    for place in places:
        if not place.is_dir():
            entries.setdefault(os.path.realpath(place), _named_outright(place, tables))
            continue
        found, own = _read_folder(place)
        for real, entry in found.items():
            entries.setdefault(real, entry)
        absent += own.absent
        unlisted += own.unlisted
        drawings += own.drawings
    return Catalog(list(entries.values()), absent, unlisted, drawings)


def _read_folder(folder: Path) -> tuple[dict[str, Entry], Catalog]:
    """Read a folder as a catalog, and give its entries by real path too."""
    is_split = (folder / PAINTER_BY_NUMBERS).is_file()
    files, places = _list_splits(folder) if is_split else list_folder(folder)
    tables = _Tables(folder, places)
    before = str(folder / "x")[:-1]

    def entry_of(file: str, row: Row) -> Entry:
        if is_split and not row[-1]:
            row = (*row[:-1], file.partition("/")[0])
        return Entry(before + file, file.rpartition("/")[2], *row)

    entries: dict[str, Entry] = {}
    without_row = []
    for file, real in files.items():
        row = tables.find(file)
        entries[real] = entry_of(file, row)
        if row is UNKNOWN:
            without_row.append(file)
    unlisted, drawings = 0, []
    for file in without_row:  # when all rows that have a file are known
        row = tables.find_in_any_case(file)
        if row is not UNKNOWN:
            entries[files[file]] = entry_of(file, row)
        elif may_be_picture(files[file]):
            unlisted += tables.are_near(file)
        else:
            del entries[files[file]]
            if is_drawing(file):
                drawings.append(f"'{before}{file}'")
    return entries, Catalog(list(entries.values()), tables.absent(), unlisted, drawings)


class _Tables:
    """The tables of a folder, in which its files are looked up: the nearest that has a row counts.

    They remember which of their rows have been found.
    """

    def __init__(self, folder: Path, places: Sequence[str]) -> None:
        """Read the tables at these places in the folder."""
        self._rows = {place.rpartition("/")[0]: read_table(folder / place) for place in places}
        self._met: dict[str, set[str]] = {place: set() for place in self._rows}
        self._with_paths = {
            place: any("/" in key for key in rows) for place, rows in self._rows.items()
        }
        self._near: dict[str, list[tuple[int, str]]] = {}
        self._folded: dict[str, dict[str, str]] = {}

    def find(self, file: str) -> Row:
        """Find the row of a file, by its path or by its name."""
        row = UNKNOWN
        name = file[file.rfind("/") + 1 :]
        for start, place in self._above(file[: -len(name) - 1]):
            rows, key = self._rows[place], file[start:]
            if not key.isascii():
                key = same_name(key)
            if key not in rows and key != name:
                key = same_name(name)
            if key in rows:
                self._met[place].add(key)
                row = rows[key] if row is UNKNOWN else row
        return row

    def find_in_any_case(self, file: str) -> Row:
        """Find a row for a file that has none, among rows without a file: C.JPG's for c.jpg."""
        name = file[file.rfind("/") + 1 :]
        for start, place in self._above(file[: -len(name) - 1]):
            for key in (file[start:], name):
                if own := self._absent_by_fold(place).get(same_name(key).casefold()):
                    self._met[place].add(own)
                    return self._rows[place][own]
        return UNKNOWN

    def are_near(self, file: str) -> bool:
        """Whether a table may have a row for a file."""
        return bool(self._above(file.rpartition("/")[0]))

    def absent(self) -> list[str]:
        """Name the files of rows that have not been found."""
        return sorted(
            f"{place}/{name}" if place else name
            for place in self._rows
            for name in self._missing(place)
        )

    def _missing(self, place: str) -> set[str]:
        return self._rows[place].keys() - self._met[place]

    def _absent_by_fold(self, place: str) -> dict[str, str]:
        if place not in self._folded:
            self._folded[place] = {name.casefold(): name for name in self._missing(place)}
        return self._folded[place]

    def _above(self, parent: str) -> list[tuple[int, str]]:
        """List the tables that may have rows for a folder's files, nearest first.

        Returns:
            For each table: the offset in a file's path at which the table's names begin (at the
            file's own name if no row has a folder), and its place.
        """
        if parent not in self._near:
            places = [parent]
            while places[-1]:
                places.append(places[-1].rpartition("/")[0])
            self._near[parent] = [
                (_after(place if self._with_paths[place] else parent), place)
                for place in places
                if self._rows.get(place)
            ]
        return self._near[parent]


def _after(folder: str) -> int:
    """The offset at which names begin behind a folder's path."""
    return len(folder) + bool(folder)


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


def _named_outright(file: Path, tables: dict[Path, Rows]) -> Entry:
    """Make the entry of a single file, with facts from its folder's table, and in no split."""
    if not file.exists():
        raise no_painting(file)
    table = file.parent / CATALOG
    if file.parent.name in SPLITS and (file.parent.parent / PAINTER_BY_NUMBERS).is_file():
        table = file.parent.parent / PAINTER_BY_NUMBERS
    if table not in tables:
        tables[table] = read_table(table) if table.is_file() else {}
    rows, name = tables[table], same_name(file.name)
    if name not in rows:
        name = next((own for own in rows if own.casefold() == name.casefold()), name)
    row = rows.get(name, UNKNOWN)
    return replace(Entry(str(file), file.name, *row), split="")
