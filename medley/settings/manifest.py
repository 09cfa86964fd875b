"""Manifests of batches: TOML that describes many films as the command line describes one.

    [defaults]            for every film that knows the setting; and the workspace they share
    size = 384

    [[film]]              a render, or what `kind` says, under the names of its options
    content = "*.jpg"     a pattern, or a list, multiplies: a film for each
    styles = "paintings"
    bits = [8, 4]         again: so these are two films of each photo
    output = "night/{content}-{bits}.mp4"

Relative paths are relative to the manifest's folder. Everything that is wrong is said at once.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from medley.errors import ConfigError, Part, Setting, Source, in_files, words_of
from medley.files import real_path
from medley.settings.base import UNSET, is_set, path_of, place, rival_of, rivals_in, text_of
from medley.settings.film import check_format
from medley.settings.lines import Place, key_lines
from medley.settings.load import (
    COMMAND_LINE,
    SettingsFile,
    check_table,
    complaint,
    name_of,
    read_file,
    set_values,
)
from medley.settings.orders import ORDERS, FilmOrder, order_names
from medley.settings.presets import Kind, beneath
from medley.settings.product import (
    alternatives,
    check_files,
    check_template,
    fill,
    match_files,
    multiplies,
    tell_apart,
)
from medley.settings.run import EngineSettings, RunSettings

MANY = 10_000
"""Most films of a manifest that need no confirmation."""

SHARED: dict[str, tuple[Part, ...]] = {
    "workspace": ("put it into [defaults]",),
    "device": ("pass ", Setting("devices"), " to the batch"),
}
"""Settings that a single film cannot have, and what to do instead."""

OF_THE_BATCH = {*EngineSettings.model_fields, *COMMAND_LINE, "log_json", "page", "yes"}
"""Options of the batch's own command, which no film can have."""


@dataclass(frozen=True)
class Film:
    """One film that a manifest asks for.

    Attributes:
        order: order of the film; its output and its workspace are always set.
        source: place in the manifest.
    """

    order: FilmOrder
    source: Source

    @property
    def path(self) -> Path:
        """The file of the film."""
        return self.order.film_path


@dataclass(frozen=True)
class Manifest:
    """The films of a batch.

    Attributes:
        path: file of the manifest.
        films: films in the manifest's order, all with different names.
        workspace: folder that keeps the shots of all films.
    """

    path: Path
    films: tuple[Film, ...]
    workspace: Path


@dataclass(frozen=True)
class _Table:
    """A film's table, completed by the defaults.

    Attributes:
        number: number of the film, from 1.
        kind: kind of the film, one of `ORDERS`.
        values: values of each field, which are multiplied.
        refused: keys and values that were not accepted.
    """

    number: int
    kind: str
    values: dict[str, list[Any]]
    refused: dict[str, Any]

    @property
    def count(self) -> int:
        return math.prod(map(len, self.values.values()))

    @property
    def varying(self) -> list[str]:
        return [name for name, turns in self.values.items() if len(turns) > 1]


class _Named(NamedTuple):
    """The file of a film, and the film's place in the manifest."""

    path: Path
    source: Source


class _Reader:
    """Reads one manifest and collects its faults."""

    def __init__(
        self, file: SettingsFile, lines: Mapping[Place, int], many: bool, kind: Callable[[], Kind]
    ) -> None:
        self._file, self._lines, self._many = file, lines, many
        self._kind = cache(kind)
        self._faults: dict[tuple[object, ...], None] = {}  # a set that keeps its order
        defaults = file.table.get("defaults", {})
        self._defaults: dict[str, Any] = defaults if isinstance(defaults, dict) else {}

    def read(self, path: Path, workspace: Path | None) -> Manifest:
        """Read the whole manifest.

        Raises:
            ConfigError: something is wrong; the error has all faults.
        """
        table = self._file.table
        for key in (key for key in table if key not in ("defaults", "film")):
            at = self._where(("", 0, key), (key, 1, ""))
            self._blame(at, f"there is no '{key}' in a manifest; write [defaults] and [[film]]")
        if not isinstance(table.get("defaults", {}), dict):
            at = self._where(("", 0, "defaults"), ("defaults", 1, ""))
            self._blame(at, "defaults is no table; write it as [defaults]")
        workspace = workspace or self._workspace()
        tables = list(self._tables(table.get("film", [])))
        films = [] if self._is_too_much(tables) else list(self._films(tables, workspace))
        if self._faults:
            raise ConfigError(*sorted(self._faults, key=_line_of))
        return Manifest(path, tuple(films), workspace)

    def _workspace(self) -> Path:
        written = self._defaults.get("workspace", RunSettings.model_fields["workspace"].default)
        if not isinstance(written, str | Path):
            self._blame(self._at(0, "workspace"), f"workspace is {written!r}; it must be a path")
            written = "."
        try:
            return place(path_of(written), self._file.folder)
        except ValueError as error:
            self._blame(self._at(0, "workspace"), f"workspace: {error}")
            return self._file.folder

    def _tables(self, films: Any) -> Iterator[_Table]:
        """Yield every film's table, completed by the defaults, unless its kind is unknown."""
        if not isinstance(films, list) or not all(isinstance(film, dict) for film in films):
            at = self._where(("", 0, "film"), ("film", 1, ""))
            self._blame(at, "film is no list of tables; write each as [[film]]")
            return
        if not films:
            self._blame(self._file.source, "there is no [[film]]; write one for each film")
        for number, film in enumerate(films, start=1):
            kind = film.get("kind", "render")
            if not isinstance(kind, str) or kind not in ORDERS:
                *others, last = ORDERS
                what = f"kind is {kind!r}; it must be {', '.join(others)} or {last}"
                self._blame(self._at(number, "kind"), what)
                continue
            values, refused = self._values(kind, number, film)
            defaults, refused_too = self._values(kind, 0, self._defaults)
            fields = ORDERS[kind].fields()
            for name, turns in defaults.items():
                rival = rival_of(name)
                is_told = any(map(is_set, values.get(rival or "", ())))
                if not is_told or not rivals_in((name, str(rival)), fields):
                    values.setdefault(name, turns)
            yield _Table(number, kind, values, refused_too | refused)

    def _values(
        self, kind: str, number: int, table: Mapping[str, Any]
    ) -> tuple[dict[str, list[Any]], dict[str, Any]]:
        """Check a table's values (number 0: the defaults'); those not accepted become faults.

        Returns:
            Values of each field by its name, and the values that were not accepted by their keys.
        """
        values: dict[str, list[Any]] = {}
        refused: dict[str, Any] = {}
        for key, value in table.items():
            name = key.replace("-", "_")
            if name == "kind" or (name == "workspace" and not number):
                continue
            at = self._at(number, key)
            if name in OF_THE_BATCH:
                told = f"{key} is no film's, but the whole batch's; pass ", Setting(name)
                self._blame(at, *told, " on the command line")
                continue
            if name in SHARED:
                self._blame(at, f"{key} is not a single film's; ", *SHARED[name])
                continue
            found = self._check(kind, number, key, value)
            if found is None:
                refused[key] = value
                continue
            for again in (name for name in found if name in values):
                self._blame(at, f"{key} says {again} a second time; keep one")
            values |= found
        meant = [name for name, turns in values.items() if any(map(is_set, turns))]
        for first, second in rivals_in(meant, ORDERS[kind].fields()):
            self._blame(
                self._at(number, second), f"{first} and {second} contradict each other; keep one"
            )
        return values, refused

    def _check(self, kind: str, number: int, key: str, value: Any) -> dict[str, list[Any]] | None:
        """Check one key's values; they are returned by the field's name, None after a fault."""
        fields = {n: f for n, f in ORDERS[kind].fields().items() if n not in SHARED}
        at, folder = self._at(number, key), self._file.folder
        elsewhere = () if number else order_names()
        turns = [value]
        values: dict[str, list[Any]] = {}
        try:
            if field := fields.get(name_of(key, fields)):
                turns = alternatives(field, value)
                if key == "output":
                    for turn in turns:
                        check_template(str(turn), {"kind", "content", *fields})
                else:
                    turns = match_files(field, turns, folder)
            elif number and (others := _kinds_with(key)):
                raise ValueError(f"a {kind} has no such setting, but a {others} has; take it out")
            for turn in turns:
                # Only the template is filled: the folder's own name may have braces too.
                beneath_it = Path() if key == "output" else folder
                for name, accepted in check_table(
                    fields, {key: turn}, at, beneath_it, elsewhere
                ).items():
                    check_files(name, accepted)
                    values.setdefault(name, []).append(accepted)
        except ConfigError as error:
            self._faults |= dict.fromkeys(error.faults)
        except ValueError as error:
            self._blame(at, f"{key}: {words_of(error, in_files)}")
        else:
            return values
        return None

    def _is_too_much(self, tables: Sequence[_Table]) -> bool:
        count = sum(table.count for table in tables)
        if count <= MANY or self._many:
            return False
        most = max(tables, key=lambda table: table.count)
        lists = " x ".join(f"{len(most.values[name]):,} {name}" for name in most.varying)
        self._blame(
            self._at(most.number, ""),
            f"the manifest asks for {count:,} films ({lists}); pass ",
            Setting("yes", True),
            " if all are meant",
        )
        return True

    def _films(self, tables: Iterable[_Table], workspace: Path) -> Iterator[Film]:
        """Yield the films that can be read; the names of all are checked, as far as known."""
        first: dict[Path, _Named] = {}
        for table in tables:
            is_whole, is_sure = not self._lacks(table), self._is_sure_of_names(table)
            source = self._at(table.number, "")
            for turns in itertools.product(*table.values.values()):
                values = dict(zip(table.values, turns, strict=True))
                order = self._order(table, values, workspace) if is_whole else None
                path = self._path(order, table, values)
                if path and is_sure:
                    self._check_name(_Named(path, source), first)
                if path and order:
                    try:
                        check_format(path, order.film)
                    except ValueError as error:
                        self._blame(self._at(table.number, "output"), words_of(error, in_files))
                    yield Film(order.model_copy(update={"output": path}), source)

    def _order(self, table: _Table, values: Mapping[str, Any], workspace: Path) -> FilmOrder | None:
        """Make the order of one of a table's films; None if that is a fault."""
        given = set_values(values)
        if "quality" in given:
            given |= beneath(given, given["quality"], self._kind())
        try:
            return ORDERS[table.kind].of(**given, workspace=workspace)
        except ValidationError as error:
            for fault in error.errors():
                self._blame(self._at(table.number, ""), complaint(fault, in_files))
            return None

    def _is_sure_of_names(self, table: _Table) -> bool:
        """Whether the names of a table's films stay as they are when its faults are mended."""
        if any("{" in str(output) for output in table.values.get("output", ())):
            return not table.refused
        fields = ORDERS[table.kind].fields()
        for key, value in table.refused.items():
            if isinstance(value, int | float):
                continue
            if "output" not in table.values or multiplies(fields.get(name_of(key, fields)), value):
                return False
        return True

    def _lacks(self, table: _Table) -> bool:
        """Whether a required setting is missing, which becomes a fault."""
        film = self._file.table["film"][table.number - 1]
        fields = ORDERS[table.kind].fields()
        tried = {name_of(key, fields) for key in (*film, *self._defaults)}
        required = {name for name, field in fields.items() if field.is_required()}
        if "mask" in tried:  # each mask names its painting
            required.discard("styles")
        for name in sorted(required - tried):
            self._blame(
                self._at(table.number, ""), f"{name} is missing; say it here or in [defaults]"
            )
        return not required <= table.values.keys()

    def _path(
        self, order: FilmOrder | None, table: _Table, values: Mapping[str, Any]
    ) -> Path | None:
        """Choose the file of a film, with a name that no other film has.

        Without an order it is known only where `output` says it all; else it is None.
        """
        fields = ORDERS[table.kind].fields() if table.varying else {}
        varying = {name: _word(fields[name], values[name]) for name in table.varying}
        folder = self._file.folder
        output: Path | None = values.get("output")
        if output and "{" not in str(output):
            varying.pop("output", None)
            return tell_apart(place(output, folder), varying)
        if order is None:
            return None
        if output is None:
            varying.pop("content", None)  # a film's default name has its content's already
            return tell_apart(folder / order.film_path, varying)
        fields = order.fields()
        words = {name: _word(fields[name], value) for name, value in order.flat().items()}
        return place(fill(output, words | {"kind": table.kind}), folder)

    def _check_name(self, film: _Named, first: dict[Path, _Named]) -> None:
        """Note a film as a fault that has an earlier one's name, whatever the suffixes."""
        other = first.setdefault(real_path(film.path).with_suffix(""), film)
        if other is not film:
            self._blame(film.source, f"it makes {_clash(film, other)}")

    def _at(self, number: int, key: str) -> Source:
        table = ("film", number) if number else ("defaults", 1)
        found = self._where((*table, key), (*table, ""), ("", 0, table[0]))
        return found._replace(film=number, setting=key)

    def _where(self, *places: Place) -> Source:
        line = next((self._lines[place] for place in places if place in self._lines), 0)
        return self._file.source._replace(line=line)

    def _blame(self, where: Source, *what: Part) -> None:
        self._faults[where, ": ", *what] = None


def _word(field: FieldInfo, value: Any) -> Any:
    """The form of a value for file names: its text, if the field is written as one."""
    text = text_of(field)
    if not is_set(value):
        return UNSET
    return text.write(value) if text and not text.is_path else value


def _kinds_with(key: str) -> str:
    """The kinds of film that have a setting, in words."""
    known = {kind: order.fields() for kind, order in ORDERS.items()}
    has = [kind for kind, fields in known.items() if name_of(key, fields) in fields]
    return " or ".join(has)


def read_manifest(
    path: Path,
    many: bool = False,
    workspace: Path | None = None,
    kind: Callable[[], Kind] = lambda: "cpu",
) -> Manifest:
    """Read and check a manifest.

    Args:
        path: file of the manifest.
        many: True if more films than `MANY` are confirmed.
        workspace: workspace to use in place of the manifest's.
        kind: function that gives the kind of device for presets; called if there is a preset.

    Raises:
        ConfigError: something is wrong; the error has all faults with line and field.
    """
    file = read_file(path)
    return _Reader(file, key_lines(file.text), many, kind).read(path, workspace)


def _line_of(fault: tuple[object, ...]) -> int:
    """The line of a fault, which begins with its place."""
    return fault[0].line if isinstance(fault[0], Source) else 0


def _clash(film: _Named, other: _Named) -> str:
    """What two films have in common that only one may have, and the way out."""
    way = 'tell them apart, as in output = "{content}-{bits}.mp4"'
    is_same = film.source == other.source
    if film.path != other.path:  # such as a.mp4 and a.gif
        whose = "" if is_same else f"{other.source} "
        is_one = real_path(film.path) == real_path(other.path)  # by a link, or a detour
        shared = "which is the same file" if is_one else "whose sidecars are one file"
        return f"'{film.path}', and {whose}'{other.path}', {shared}; {way}"
    return (
        f"'{film.path}' twice; {way}"
        if is_same
        else f"'{film.path}', as does {other.source}; {way}"
    )
