"""Findings as JSON and as tables, written anew after every section."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from medley.files import write_bytes, write_json

Row = dict[str, Any]

_LONG = {"said", "where", "longest"}  # stand in the JSON alone
_WIDEST = 120  # letters of a cell


def read(path: Path) -> dict[str, Any]:
    """Findings of an earlier run; none if there is no file.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.exists():
        return {}
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict) or not isinstance(found.get("sections"), dict):
        raise ValueError("it has no sections")
    return found


def write(folder: Path, found: dict[str, Any]) -> None:
    """Write both files, each so that the old one stays until the new one is whole."""
    write_json(folder / "gpu.json", found)
    write_bytes(folder / "gpu.md", "\n".join(lines_of(found)).encode() + b"\n")


def verdict(section: dict[str, Any]) -> str:
    """How a section ended, in a few words."""
    if section["ok"]:
        return "well"
    if section["error"]:
        return str(section["error"]).strip().splitlines()[-1][:_WIDEST]
    bad = sum(row.get("ok") is False for row in section["rows"])
    return f"{bad} of {len(section['rows'])} not as they should be"


def lines_of(found: dict[str, Any]) -> Iterator[str]:
    """The report's lines: a heading for each section, and a table of rows that are alike."""
    size = ", tiny: figures mean nothing" if found["tiny"] else ""
    yield f"# gpu_check on {found['device']}{size}"
    for name, section in found["sections"].items():
        yield from ("", f"## {name}: {verdict(section)} ({section['seconds']:.0f} s)")
        for columns, rows in groupby(section["rows"], _columns):
            yield from _table(columns, list(rows))


def _columns(row: Row) -> tuple[str, ...]:
    return tuple(name for name in row if name not in _LONG)


def _table(columns: Sequence[str], rows: list[Row]) -> Iterator[str]:
    yield from ("", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|")
    for row in rows:
        yield f"| {' | '.join(_cell(row[name]) for name in columns)} |"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("\n", " ").replace("|", "/")[:_WIDEST]
