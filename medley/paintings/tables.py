"""Tables of paintings: CSV as spreadsheets of every kind write it, read row by row."""

import csv
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path

from medley.errors import PictureError
from medley.files import open_text

COLUMNS = ("title", "artist", "genre", "style", "date", "in_train", "new_filename")
"""Columns that a table must have; Painter by Numbers has more."""

_SEPARATORS = ",;\t"  # spreadsheets write semicolons where the comma is in numbers
_TRUE = ("true", "t", "1", "1.0", "yes", "y")

# A plain tuple, because 100,000 of them are made.
Row = tuple[str, str, str, str, str, str]
"""Title, artist, genre, style, date and split; "" stands for unknown ones."""

Rows = dict[str, Row]
"""Rows by the file's name as `same_name` writes it."""

UNKNOWN: Row = ("", "", "", "", "", "")


def read_table(path: Path) -> Rows:
    """Read the rows of a table by file name; the first of several for one file counts.

    Raises:
        PictureError: the table is unreadable, not Unicode, lacks columns, or has a row that is not
            meant as it stands.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise PictureError(f"'{path}' is a pipe or a device, no table; rename it")
        with open_text(path) as file:
            head = next(file, "")
            separator = max(_SEPARATORS, key=lambda one: _known(_names(head, one)))
            header = _names(head, separator)
            if missing := [name for name in COLUMNS if name not in header]:
                raise PictureError(
                    f"'{path}' lacks the columns {', '.join(missing)}; it has"
                    f" {', '.join(header) or 'none'}; add them, separated by commas, or rename the"
                    " file"
                )
            table = _whole_rows(path, file, separator, len(header))
            return dict(_rows(table, [header.index(name) for name in COLUMNS]))
    except UnicodeError as error:
        raise PictureError(f"'{path}' is not UTF-8; save it as CSV in UTF-8") from error
    except OSError as error:
        raise PictureError(f"cannot read '{path}' ({error.strerror}); check it") from error


def same_name(name: str) -> str:
    """Write a file's name in the one way in which tables and folders are compared.

    Unicode has two ways to write an accented letter, and Windows another slash.
    """
    if "\\" in name:
        name = name.replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _names(head: str, separator: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([head], delimiter=separator), [])]
    except csv.Error:
        return []


def _known(names: list[str]) -> int:
    return sum(name in COLUMNS for name in names)


def _whole_rows(
    path: Path, file: Iterable[str], separator: str, columns: int
) -> Iterator[list[str]]:
    """Yield the cells of all rows after the header.

    Raises:
        PictureError: a quotation mark is left open, which swallows the rows that follow, or a row
            has more cells than the header, so that nobody knows what belongs where.
    """
    own: list[str] = []  # the lines of one row

    def lines() -> Iterator[str]:
        for line in file:
            # The last line gets an end, so that a quotation mark left open there holds it.
            own.append(line if line.endswith("\n") else f"{line}\n")
            yield own[-1]

    start = 2
    table = csv.reader(lines(), delimiter=separator)
    try:
        for cells in table:
            is_long = len(own) > 1 or "".join(cells[-1:]).endswith("\n")
            if is_long and not _is_whole(own, separator, columns):
                raise PictureError(
                    f"'{path}' line {start:,}: a quotation mark is opened and not closed, which"
                    " would swallow rows; close it, or write it twice if it is a letter"
                )
            if len(cells) > columns and any(map(str.strip, cells[columns:])):
                raise PictureError(
                    f"'{path}' line {start:,} has {len(cells)} cells, but the header {columns}; put"
                    f" a text with {separator!r} in it between quotation marks"
                )
            yield cells
            start += len(own)
            own.clear()
    except csv.Error as error:
        raise PictureError(
            f"'{path}' line {start:,} is no row of a table ({error}); mend it, or save the table"
            " as CSV again"
        ) from error


def _is_whole(lines: Iterable[str], separator: str, columns: int) -> bool:
    """Whether lines that were read as one row are meant to be one: their quotes match."""
    try:
        rows = list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error:
        return False
    return len(rows) == 1 and len(rows[0]) == columns


def _rows(table: Iterator[list[str]], columns: list[int]) -> Iterator[tuple[str, Row]]:
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
        row = title, artist, genre, style, date, split
        if "\n" in "".join(row):  # a cell may have several lines, and a caption has one
            title, artist, genre, style, date, split = (" ".join(cell.split()) for cell in row)
        # Interned, because few artists have painted many pictures.
        row = (title, intern(artist), intern(genre), intern(style), intern(date), split)
        found.append((same_name(file), row))
    return reversed(found)
