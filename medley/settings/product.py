"""Multiplication of a manifest's tables into many films, by lists and file patterns."""

import difflib
import glob
import re
import string
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from medley.moments import stem_of
from medley.settings.base import expanded, holds_several, names_files, text_of
from medley.shipped import no_painting

_ODD = re.compile(r"[^\w.+-]+")  # characters that are replaced in file names
_LONGEST = 60  # most letters of a value in a file name


def alternatives(field: FieldInfo, value: Any) -> list[Any]:
    """List the values that a field takes in turn, one for each film.

    Args:
        field: field of the setting. If it holds a list, a list is one value, and a list of lists
            is several.
        value: value in the file.

    Raises:
        ValueError: the list is empty.
    """
    if not isinstance(value, list):
        return [value]
    if not value:
        raise ValueError("is an empty list; put something into it or take it out")
    is_nested = any(isinstance(item, list) for item in value)
    return [value] if holds_several(field) and not is_nested else value


def multiplies(field: FieldInfo | None, value: Any) -> bool:
    """Whether a value, which may be wrong, is meant for several films.

    Args:
        field: field of the setting; None if there is none of that name.
        value: value in the file.
    """
    if isinstance(value, list):
        is_nested = any(isinstance(item, list) for item in value)
        return is_nested or field is None or not holds_several(field)
    is_one = field is None or holds_several(field)
    return not is_one and isinstance(value, str) and glob.has_magic(value)


def match_files(field: FieldInfo, values: Sequence[Any], folder: Path) -> list[Any]:
    """Replace file patterns by the files that they match, sorted by name.

    Args:
        field: field of the setting; only paths can be patterns.
        values: values from `alternatives`.
        folder: folder that relative patterns are relative to.

    Raises:
        ValueError: a pattern matches nothing.
    """
    if not _holds_paths(field):
        return list(values)
    if holds_several(field):
        lists = [value if isinstance(value, list) else [value] for value in values]
        return [[path for item in items for path in _match(item, folder)] for items in lists]
    return [path for value in values for path in _match(value, folder)]


def _match(value: Any, folder: Path) -> list[Any]:
    if not isinstance(value, str) or not glob.has_magic(value) or _exists(folder / value):
        return [value]
    pattern = str(expanded(Path(value))) if value.startswith("~") else value
    found = sorted(glob.glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207 (it escapes the folder)
    if not found:
        raise ValueError(f"'{value}' matches nothing in '{folder}'; check the pattern")
    return found


def _holds_paths(field: FieldInfo) -> bool:
    text = text_of(field)
    return names_files(field) and (text is None or text.is_path)


def check_files(name: str, value: Any) -> None:
    """Check that the files that a setting names exist.

    Raises:
        ValueError: a file does not exist.
    """
    if name == "output":
        return
    for path in value if isinstance(value, tuple) else (value,):
        if not isinstance(path, Path):
            continue
        if not _exists(path) and name == "styles":
            raise ValueError(str(no_painting(path)))
        if not _exists(path):
            raise ValueError(f"there is no '{path}'; check its name")
        if name != "styles" and path.is_dir():
            raise ValueError(f"'{path}' is a folder; name a file, or write '{path}/*'")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # as of a name that is too long
        return False


def check_template(template: str, names: Collection[str]) -> None:
    """Check that the braces in a film's name contain names of settings.

    Raises:
        ValueError: braces are unbalanced, or contain something else.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        raise ValueError(f"the braces of '{template}' do not match") from None
    for _, name, form, conversion in parts:
        if name is not None and (form or conversion or name not in names):
            close = difflib.get_close_matches(name, names, n=1)
            guess = f"did you mean {{{close[0]}}}?" if close else "write {content} or {bits}"
            raise ValueError(f"'{template}' has {{{name}}}, which is no setting; {guess}")


def fill(template: Path, words: Mapping[str, Any]) -> Path:
    """Replace the names in braces by words."""
    return Path(str(template).format_map({name: word_of(value) for name, value in words.items()}))


def tell_apart(film: Path, varying: Mapping[str, Any]) -> Path:
    """Add to a film's name the settings that vary in its product: "-bits4-steps60"."""
    marks = [
        f"-{'' if isinstance(value, Path | tuple) else name.replace('_', '-')}{word_of(value)}"
        for name, value in varying.items()
    ]
    return film.with_name(f"{film.stem}{''.join(marks)}{film.suffix}")


def word_of(value: Any) -> str:
    """Write a setting's value as a part of a file name."""
    if type(value) is tuple:  # a named tuple has its own text
        text = "+".join(map(word_of, value))
    elif isinstance(value, Path):
        text = stem_of(value)
    elif isinstance(value, float | Fraction):
        text = f"{float(value):g}"
    else:
        text = str(value)
    return _ODD.sub("-", text)[:_LONGEST]
