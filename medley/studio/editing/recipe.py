"""The recipe in a film's file: how it was made, so that it can be made again without its sidecar.

A film is shown around. So its recipe names no folder: a path in it is DIGEST/NAME, the SHA-256 and
the name of the file, by which the file is found again wherever it lies.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import medley
from medley.errors import ConfigError, Part, Setting, Source
from medley.files import file_sha256
from medley.media.film_file import read_comment
from medley.settings import Settings
from medley.settings.base import map_paths
from medley.settings.load import (
    VERSION,
    SettingsFile,
    plain_values,
    sidecar_of,
)
from medley.shipped import shipped_files, shipped_folder
from medley.shipped_nets import net_files

_LEFT_OUT = ("workspace", "output")  # equal films are equal files, whatever they are called
_NAMED = 3  # files that are named which are not meant
_SHOWN = 16  # digits of a digest that is told of a file that is not meant


def write_recipe(command: str, settings: Settings) -> str:
    """Write the recipe of a film, in JSON.

    Args:
        command: command that made the film.
        settings: its order, with the paintings that were drawn, or the settings of its cut.
    """
    values = {name: value for name, value in settings.flat().items() if name not in _LEFT_OUT}
    table = plain_values(values, settings.fields(), lambda path: Path(_digest(path), path.name))
    return json.dumps({VERSION: medley.__version__, "command": command, "order": table})


def read_recipe(film: Path) -> SettingsFile:
    """Read the recipe in a film's file, with paths as `write_recipe` writes them.

    Raises:
        ConfigError: there is none.
        FilmError: ffmpeg cannot be started.
    """
    comment = read_comment(film)
    try:
        recipe = json.loads(comment)
        table = {name: one for name, one in recipe["order"].items() if name not in _LEFT_OUT}
        table |= {VERSION: recipe.get(VERSION), "output": str(film)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(
            f"'{film}' has no sidecar '{sidecar_of(film)}', and there is no recipe in it; name"
            " another film, or a file of settings"
        ) from None
    return SettingsFile(Source(str(film)), Path(), table, command=recipe.get("command"))


def way_without_sidecar(film: Path) -> str:
    """Say how a film whose sidecar is damaged is made again; "" if there is no recipe in it."""
    sidecar = sidecar_of(film)
    if sidecar == film:
        return ""
    try:
        read_recipe(film)
    except ConfigError:
        return ""
    return f"without '{sidecar}' the recipe in '{film}' will do: rename or remove it"


def find_inputs(
    values: Mapping[str, Any], film: Path, places: Mapping[str, Sequence[Path]]
) -> dict[str, Any]:
    """Find the files that a film was made of, by names and digests; some may have shipped.

    Args:
        values: settings by name, with paths as in a recipe.
        film: film, beside which the files may lie.
        places: files, which may have other names now, and folders to look into first, by the
            setting that names them; each may hold any of the files.

    Raises:
        ConfigError: files are not there, or others of their names are; each is named.
    """
    faults: dict[tuple[Part, ...], None] = {}
    named = [place for some in places.values() for place in some]
    folders = [_by_name(place.rglob("*")) for place in named if place.is_dir()]
    folders += [
        _by_name(film.parent.iterdir()),
        _by_name((*shipped_files().values(), *net_files().values())),
    ]
    files = [place for place in named if place.is_file()]

    def find(setting: str, wanted: Path) -> Path:
        digest, name = _parts_of(wanted)
        given = places.get("styles" if setting == "mask" else setting, ())
        # A photo that is named is the one that is meant: no other is taken in its stead.
        is_meant = setting == "content" and not all(place.is_dir() for place in given)
        lying = [] if is_meant else [path for one in folders for path in one.get(name, ())]
        tried = [*files, *lying]
        for path in tried:
            if _digest(path) == digest:
                return path
        asked = "styles" if setting == "mask" else setting
        what = f"'{film}' was made of a file '{name}' with the SHA-256 {digest}"
        what += _found_instead(given, [path for path in tried if path.name == name])
        way = "put it there, or name one with "
        if asked in ("content", "styles"):
            which = "that one" if given else "it, whatever its name is now"
            way = f"name {which}, or its folder, with "
        fault: tuple[Part, ...] = (what, f"; {way}", Setting(asked))
        if is_meant:
            fault += ("; for another photo write the settings out first, with ",)
            fault += (Setting("print_config"),)
        faults[fault] = None
        return wanted

    found = {name: map_paths(value, partial(find, name)) for name, value in values.items()}
    if faults:
        raise ConfigError(*faults)
    return found


def strangers(named: Iterable[Path], recipe: Mapping[str, Any]) -> list[Path]:
    """The places among some where nothing lies that a film was made of.

    Args:
        named: files and folders; the folder of the paintings that ship is none of a film's, as
            these are found without it.
        recipe: settings of the film by name, with paths as in its recipe.
    """
    own = {_parts_of(path) for path in _paths_in(tuple(recipe.values()))}
    digests, names = {digest for digest, _ in own}, {name for _, name in own}

    def is_place(path: Path) -> bool:
        if path.is_file():
            return _digest(path) in digests
        lying = [one for one in path.rglob("*") if one.name in names]
        return path != shipped_folder() and any((_digest(one), one.name) in own for one in lying)

    return [path for path in named if not is_place(path)]


def changed_inputs(values: Mapping[str, Any], recipe: Mapping[str, Any]) -> list[Path]:
    """The files that are no longer those that a film was made of; those that are gone are not told.

    Args:
        values: settings by name, as its sidecar has them.
        recipe: the same settings by the recipe in the film.
    """
    changed: dict[Path, None] = {}
    for name in values.keys() & recipe.keys():
        once: dict[str, set[str]] = {}
        for path in _paths_in(recipe[name]):
            digest, file = _parts_of(path)
            once.setdefault(file, set()).add(digest)
        for path in _paths_in(values[name]):
            if path.is_file() and _digest(path) not in once.get(path.name, {_digest(path)}):
                changed[path] = None
    return sorted(changed)


def _paths_in(value: Any) -> list[Path]:
    """The paths in a setting's value."""
    found: list[Path] = []

    def note(path: Path) -> Path:
        found.append(path)
        return path

    map_paths(value, note)
    return found


def _found_instead(given: Sequence[Path], alike: Sequence[Path]) -> str:
    """Say what was found in the place of a film's file.

    Args:
        given: files and folders in which it should be.
        alike: files of its name.
    """
    others = list(dict.fromkeys([*(path for path in given if path.is_file()), *alike]))
    if len(others) == 1:
        return f", and '{others[0]}' is another file ({_digest(others[0])[:_SHOWN]}...)"
    if others:
        named = [f"'{path}'" for path in others[:_NAMED]]
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        return f", which is none of {', '.join(named)}{more}"
    where = "".join(f"in '{path}' or " for path in given[:_NAMED])
    return f", and there is no file of that name {where}beside it"


def _parts_of(path: Path) -> tuple[str, str]:
    """The digest and the name in a path of a recipe, which may come from another system."""
    digest, *name = re.split(r"[/\\]", str(path), maxsplit=1)
    return digest, Path(*name).name


def _by_name(paths: Iterable[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(path.name, []).append(path)
    return found


@cache
def _digest_at(path: str, size: int, changed_ns: int) -> str:  # noqa: ARG001 (they tell versions apart)
    return file_sha256(Path(path))


def _digest(path: Path) -> str:
    """The SHA-256 of a file; "unknown" if it cannot be read."""
    try:
        status = path.stat()
        return _digest_at(os.path.realpath(path), status.st_size, status.st_mtime_ns)
    except OSError:
        return "unknown"
