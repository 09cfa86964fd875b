"""Line numbers of the keys of a TOML file, which the standard library's reader does not give."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator

Place = tuple[str, int, str]
"""Name of a table, its number among those of that name from 1, and a key ("": the table itself)."""

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|\n|[\[{]|[\]}]|[^\n\[\]{}\"'#]+",
    re.DOTALL,
)
_HEADER = re.compile(r"\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')[^=\n]*?)\s*=""")


def key_lines(text: str) -> dict[Place, int]:
    """Find the line numbers, from 1, of the tables and keys of a valid TOML text.

    Keys in inline tables are left out. Of dotted keys and tables only the first part is taken.
    """
    found: dict[Place, int] = {}
    tables: Counter[str] = Counter()
    table = ""
    for number, line in _statements(text):
        if header := _HEADER.match(line):
            table = _first(header[1])
            tables[table] += line.lstrip().startswith("[[") or not tables[table]
            found.setdefault((table, tables[table], ""), number)
        elif key := _KEY.match(line):
            found.setdefault((table, tables[table], _first(key[1])), number)
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines in which statements begin, with their numbers; not those inside a value."""
    lines = text.split("\n")
    number, depth, fresh = 1, 0, True
    for token in _TOKEN.findall(text):
        if fresh and depth == 0 and token != "\n":  # noqa: S105 (no password)
            yield number, lines[number - 1]
            fresh = False
        if token in ("[", "{"):
            depth += 1
        elif token in ("]", "}"):
            depth -= 1
        number += token.count("\n")
        fresh = fresh or (token == "\n" and depth == 0)  # noqa: S105


def _first(dotted: str) -> str:
    """The first part of a dotted key, without its quotes."""
    return next(iter(tomllib.loads(f"{dotted} = 0")))
