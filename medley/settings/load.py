"""Reading of settings from files: all names and values are checked before an error is raised.

A file is TOML, flat, under the names of the options (`style_weight` or `style-weight`), or the
sidecar of a film, whose table `order` holds what it was made by. A command's configuration
and a batch's manifest are read alike. Relative paths are relative to the file's folder.
"""

import difflib
import json
import re
import textwrap
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

import medley
from medley.errors import (
    ConfigError,
    Part,
    Setting,
    SettingsError,
    Source,
    Wording,
    in_files,
    words_of,
)
from medley.files import open_text
from medley.settings.base import (
    UNSET,
    Settings,
    described,
    expanded,
    holds_several,
    is_optional,
    is_set,
    map_paths,
    names_files,
    not_empty,
    old_names,
    place,
    rivals_in,
    text_of,
)
from medley.settings.catalog import find_shipped, name_shipped
from medley.settings.presets import Kind, beneath, kind_named
from medley.settings.retired import RETIRED, warn_retired

_SHOWN = 60  # most letters of a value that an error repeats
_PLAIN = {"string": "a text", "boolean": "true or false", "null": f"'{UNSET}'", "object": "a table"}


def adapter_of(field: FieldInfo) -> TypeAdapter[Any]:
    """The pydantic adapter that checks a value as the field's schema does."""
    annotation: Any = field.annotation
    for constraint in field.metadata:
        annotation = Annotated[annotation, constraint]
    if names_files(field):
        annotation = Annotated[annotation, BeforeValidator(not_empty)]
    whole = Annotated[annotation, AfterValidator(expanded)]
    return TypeAdapter(whole, config=Settings.model_config)


def complaint(fault: Mapping[str, Any], wording: Wording) -> str:
    """Put one of the errors of a `ValidationError` into words.

    Args:
        fault: one of `ValidationError.errors()`.
        wording: function that words a setting for the place where the value was given.
    """
    own = fault.get("ctx", {}).get("error")
    message = words_of(own, wording) if isinstance(own, ValueError) else str(fault["msg"])
    return message[:1].lower() + message[1:]


def refusal(
    name: str,
    field: FieldInfo,
    value: Any,
    fault: Mapping[str, Any] | None = None,
    wording: Wording = in_files,
) -> str:
    """Say why a field does not accept a value: "steps is 'many'; it must be a whole number ...".

    Args:
        name: name of the field in the place where the value was given.
        field: field that does not accept the value.
        value: value that was given.
        fault: pydantic's fault, if there is one; the message of medley's own checks is used as is.
        wording: function that words a setting for the place where the value was given.
    """
    if fault is not None and fault["type"] == "value_error":
        return f"{name}: {complaint(fault, wording)}"
    return f"{name} is {shown(value)}; it must be {expectation(field)}"


def shown(value: Any) -> str:
    """Write a value for an error, shortened if it is long."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def expectation(field: FieldInfo) -> str:
    """Say what a field accepts: "a whole number from 1 to 100,000"."""
    return _words(adapter_of(field).json_schema())


def _words(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(filter(None, map(_words, schema["anyOf"])))
    if "const" in schema:
        return f"'{schema['const']}'"
    if "enum" in schema:
        return ", ".join(f"'{choice}'" for choice in schema["enum"][:-1]) + (
            f" or '{schema['enum'][-1]}'"
        )
    kind = schema.get("type", "string")
    if kind == "array":
        some = " of one or more" if schema.get("minItems") else ""
        return f"a list{some}, each {_words(schema.get('items', {}))}"
    if schema.get("format") == "path":
        return "a path"
    if kind in _PLAIN:
        return _PLAIN[kind]
    return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "from above", "maximum": "to",
             "exclusiveMaximum": "to below"}  # fmt: skip
    told = [f" {word} {schema[bound]:,}" for bound, word in words.items() if bound in schema]
    return "".join(told if len(told) != 1 else [*told, " up"])


Schema = TypeVar("Schema", bound=Settings)

COMMAND_LINE = ("force", "quiet")
"""Options of commands that are no settings, and are never read from a file."""

VERSION = "medley"
"""Key of the version of medley that wrote a file."""


@dataclass(frozen=True)
class SettingsFile:
    """A file as it was read, with nothing checked yet.

    Attributes:
        source: name of the file for errors.
        folder: folder that its relative paths are relative to.
        table: names and values in the file.
        text: text of the file.
        command: command that made the film, if the file is a film's sidecar.
    """

    source: Source
    folder: Path
    table: dict[str, Any]
    text: str = ""
    command: str | None = None


def sidecar_of(film: Path) -> Path:
    """The sidecar of a film, which may be named itself."""
    return film if film.suffix == ".json" else film.with_suffix(".json")


def read_file(path: Path) -> SettingsFile:
    """Read TOML, or the sidecar of a film.

    Raises:
        ConfigError: the file is unreadable, or neither.
    """
    source, folder = Source(str(path)), path.parent
    is_toml = path.suffix.lower() != ".json"
    try:
        with open_text(path) as file:
            text = file.read()
        found: Any = tomllib.loads(text) if is_toml else json.loads(text)
    except OSError as error:
        raise ConfigError(f"cannot read {source} ({error.strerror}); check its name") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{source} is no file of settings (byte {error.start:,} is not"
            f" {error.encoding.upper()}); name a .toml file, or the .json beside a film"
        ) from error
    except RecursionError as error:
        raise ConfigError(f"{source} is nested too deeply; name another file") from error
    except ValueError as error:  # no such file, or a number of thousands of digits
        what = "TOML" if is_toml else "JSON"
        where = source._replace(line=_line_of(error, text))
        raise ConfigError((where, f": it is not {what} ({error}); mend that place")) from error
    if is_toml:
        return SettingsFile(source, folder, found, text)
    about = found if isinstance(found, dict) else {}
    command = about.get("command")
    order = about.get("settings" if command == "assemble" else "order")
    if not isinstance(order, dict):
        raise ConfigError(
            f"{source} has no table 'order', so it is no film's sidecar, or an older medley's;"
            " name another file"
        )
    return SettingsFile(source, folder, order, text, command)


def _line_of(error: ValueError, text: str) -> int:
    """The line of a fault of TOML or JSON, from 1; 0 if it is not told."""
    if isinstance(error, json.JSONDecodeError):
        return error.lineno
    if found := re.search(r"\(at line (\d+), column \d+\)$", str(error)):
        return int(found[1])
    return len(text.splitlines()) if str(error).endswith("(at end of document)") else 0


def read_table(
    schema: type[Schema],
    table: Mapping[str, Any],
    source: str | Source,
    folder: Path = Path(),
    kind_of: Callable[[str], Kind] = kind_named,
    wording: Wording = in_files,
) -> Schema:
    """Read a whole order, or any other settings, from a table.

    Args:
        schema: schema of the settings.
        table: names and values as TOML, JSON or CSV have them.
        source: name of the table for errors, such as "'film.toml'" or "'films.toml', film 3".
        folder: folder that relative paths are relative to.
        kind_of: function that gives the kind of a device by its name; called if there is a preset.
        wording: function that words a setting for the place where the table comes from.

    Raises:
        ConfigError: names are unknown or missing, values not accepted, or contradict each other.
    """
    values = set_values(check_table(schema.fields(), table, source, folder))
    if "quality" in values:
        first, *_ = values.get("device", ("auto",))
        values |= beneath(values, values["quality"], kind_of(first))
    try:
        return schema.of(**values)
    except ValidationError as error:
        missing = [f"{name} is missing; say it" for name in missing_in(error)]
        faults = missing or [complaint(fault, wording) for fault in error.errors()]
        raise ConfigError(*(f"{source}: {fault}" for fault in faults)) from None


def check_table(
    fields: Mapping[str, FieldInfo],
    table: Mapping[str, Any],
    source: str | Source,
    folder: Path = Path(),
    elsewhere: Collection[str] = (),
) -> dict[str, Any]:
    """Check a table that need not be whole, and put the folder before relative paths.

    Args:
        fields: fields that the table may have, by name.
        table: names and values; None counts as missing, and a retired name is ignored with a
            warning.
        source: name of the table for errors.
        folder: folder that relative paths are relative to.
        elsewhere: names that are ignored because something else reads them.

    Returns:
        Values by the fields' names; a setting that the table takes back has its default, None or
        an empty tuple.

    Raises:
        ConfigError: names are unknown, values not accepted, or two contradict each other.
    """
    faults: list[tuple[object, ...]] = [(one,) for one in _faults_of_version(table.get(VERSION))]
    values: dict[str, Any] = {}
    written: dict[str, str] = {}
    for key, value in table.items():
        name = name_of(key, fields)
        passed_over = name not in fields and name_of(key, elsewhere) in elsewhere
        if key == VERSION or value is None or passed_over:
            continue
        if name in RETIRED:
            if value != RETIRED[name]:
                warn_retired(key)
            continue
        try:
            if name not in fields:
                raise SettingsError(*_unknown(key, value, {*fields, *elsewhere}))
            if name in written:
                raise ValueError(f"{written[name]} and {key} are the same setting; keep one")
            written[name] = key
            accepted = _accept(key, fields[name], value)
            values[name] = in_folder(find_shipped(name, accepted, folder), folder)
        except ValueError as error:
            faults.append(error.args)
    meant = [name for name in written if is_set(values.get(name, name))]
    for one, other in rivals_in(meant, fields):
        faults.append((f"{one} and {other} contradict each other; keep one",))
    if faults:
        raise ConfigError(*((source, ": ", *fault) for fault in faults))
    return values


def set_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the settings that are not set, or were taken back."""
    return {name: value for name, value in values.items() if is_set(value)}


def plain_values(
    values: Mapping[str, Any],
    fields: Mapping[str, FieldInfo],
    change: Callable[[Path], Path] = lambda path: place(path, Path.cwd()),
) -> dict[str, Any]:
    """Write values for a file, so that it gives the same settings wherever it lies.

    Paths become absolute, but for what ships, whose names hold on every machine. Values that
    are not set are left out, and so are rivals that do not count.

    Args:
        values: values by the fields' names.
        fields: fields by name.
        change: function that writes a path for the file; by default as an absolute one.
    """
    counted = set_values(values)
    for _, idle in rivals_in(counted, fields):
        del counted[idle]
    placed = {name: map_paths(value, change) for name, value in counted.items()}
    return {
        name: as_written(fields[name], name_shipped(name, value)) for name, value in placed.items()
    }


def as_written(field: FieldInfo, value: Any) -> Any:
    """Write a field's value in the types of JSON and TOML."""
    return adapter_of(field).dump_python(value, mode="json")


def config_text(values: Mapping[str, Any], fields: Mapping[str, FieldInfo], command: str) -> str:
    """Write settings as TOML, each beneath its description.

    Args:
        values: values by the fields' names, in the order in which they are written.
        fields: fields by name, with the descriptions.
        command: command line that reads the file.

    Raises:
        ConfigError: a value is not Unicode, as TOML requires.
    """
    written = plain_values(values, fields)
    lines = [f"# {command}", f"{VERSION} = {_toml(VERSION, medley.__version__)}"]
    for name in values:
        about = textwrap.wrap(described(fields[name], str), 96, break_on_hyphens=False)
        lines += ["", *(f"# {line}" for line in about)]
        is_set = name in written
        lines.append(f"{name} = {_toml(name, written[name])}" if is_set else f"# {name} =")
    return "\n".join([*lines, ""])


def in_folder(value: Any, folder: Path) -> Any:
    """Put a folder before every relative path in a value."""
    return map_paths(value, lambda path: place(path, folder))


def name_of(key: str, names: Collection[str]) -> str:
    """Find the name that a key means: it may be a list's singular, and have dashes.

    Args:
        key: key in the file.
        names: all names, with the former names of fields.
    """
    name = key.replace("-", "_")
    if isinstance(names, Mapping):
        name = next((new for new, field in names.items() if name in old_names(field)), name)
    return f"{name}s" if name not in names and f"{name}s" in names else name


def missing_in(error: ValidationError) -> list[str]:
    """The names of the settings that are missing."""
    return [str(fault["loc"][-1]) for fault in error.errors() if fault["type"] == "missing"]


def _unknown(key: str, value: Any, names: Collection[str]) -> list[Part]:
    if isinstance(value, Mapping):
        return [f"[{key}] is a table; settings stand in none, each as name = value"]
    if key in COMMAND_LINE:
        return [f"'{key}' stands in no file; pass ", Setting(key), " on the command line"]
    close = difflib.get_close_matches(key.replace("-", "_"), sorted(names), n=1)
    if close:
        return [f"there is no setting '{key}'; did you mean '{close[0]}'?"]
    return [f"there is no setting '{key}'; ", Setting("print_config"), " writes all there are"]


def _accept(key: str, field: FieldInfo, value: Any) -> Any:
    """Check a value by its field; a number may stand for a text, and one item for a list."""
    if is_optional(field) and value in (UNSET, [UNSET]):
        return field.default
    adapter: TypeAdapter[Any] = adapter_of(field)
    if isinstance(value, tuple):
        value = list(value)
    elif holds_several(field) and not text_of(field) and not isinstance(value, list):
        value = [value]
    try:
        accepted = adapter.validate_python(value)
    except ValidationError as error:
        fault = error.errors()[0]
        if fault["type"] == "string_type" and type(value) in (int, float):
            return _accept(key, field, str(value))
        raise ValueError(refusal(key, field, value, fault)) from None
    if accepted is None or (isinstance(value, bool) and not isinstance(accepted, bool)):
        raise ValueError(refusal(key, field, value))
    return accepted


def _toml(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml(name, item) for item in value)}]"
    if not isinstance(value, str):
        return str(value).lower()  # true, 3, 0.5
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"{name} {value!r} is not Unicode; rename the file") from None
    # TOML has JSON's escapes, and forbids one more character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _faults_of_version(written: Any) -> list[str]:
    if written is None:
        return []
    if not (isinstance(written, str) and re.fullmatch(r"\d{1,6}(\.\w{1,20})*", written)):
        return [f"{VERSION} is {shown(written)}; it must be the version that wrote the file"]
    if _release(written) <= _release(medley.__version__):
        return []
    return [
        f"it is of medley {written}, and this is {medley.__version__}; upgrade, or take its"
        f" '{VERSION}' out to try it as it is"
    ]


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
