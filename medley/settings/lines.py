"""Line numbers of the keys of a TOML file, which the standard library's reader does not give."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

Place = tuple[str, int, str]
"""Name of a table, its number among those of that name from 1, and a key ("": the table itself)."""


def key_lines(text: str) -> dict[Place, int]:
    """Find the line numbers, from 1, of the tables and keys of a valid TOML text.

    Keys in inline tables are left out. Of dotted keys and tables only the first part is taken.
    """
    found: dict[Place, int] = {}
    tables: Counter[str] = Counter()
    table = ""
    for number, line, statement in _statements(text.replace("\r\n", "\n").split("\n")):
        (key,) = statement
        if line.startswith("["):
            table, key = key, ""
            tables[table] += line.startswith("[[") or not tables[table]
        found.setdefault((table, tables[table], key), number)
    return found


def _statements(lines: list[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield each statement's first line, with its number, and what the statement says by itself.

    A statement ends with the first line after which TOML can be read up to there. That is tried
    only before lines with which another may begin, so that long lists are not read over and over.
    """
    start = 0
    for end, following in enumerate([*lines[1:], "["], start=1):
        first = lines[start].lstrip()
        if not first or first.startswith("#"):
            start = end
        elif "=" in following or following.lstrip().startswith("["):
            with suppress(tomllib.TOMLDecodeError):
                yield start + 1, first, tomllib.loads("\n".join(lines[start:end]))
                start = end
