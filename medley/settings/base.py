"""Building blocks of the schemas: base class, bounds, and values that are written as texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from medley.errors import Setting, Wording

RIVALS = {"size": "pixels", "weights": "bits"}
"""Pairs of settings that mean the same in different ways; if both are set, the first counts."""

UNSET = "none"
"""Word that takes back a setting which need not be set, wherever it was set; a file of that name
is `./none`."""

SHORTEST_SIDE = 16  # pixels; VGG-19 halves a side four times before relu5_1
LONGEST_SIDE = 16_384  # pixels


class Settings(BaseModel):
    """Base of all settings: frozen, and without other names than its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    heading: ClassVar[str] = ""
    """Heading of the schema's own fields in the command line's help."""

    @field_validator("*")
    @classmethod
    def _paths_are_whole(cls, value: Any) -> Any:
        return expanded(value)

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """The fields of all settings, by their names on the command line and in files."""
        return dict(cls.model_fields)

    @classmethod
    def of(cls, **flat: Any) -> Self:
        """Make settings from values by those names; the others have their defaults.

        Raises:
            ValidationError: values are missing, not accepted, or contradict each other.
        """
        return cls(**flat)

    def flat(self) -> dict[str, Any]:
        """The values of all settings, by those names."""
        return dict(self)


def map_paths(value: Any, change: Callable[[Path], Path]) -> Any:
    """Change every path in a value, which may be one, or a tuple with some."""
    if isinstance(value, Path):
        return change(value)
    if not isinstance(value, tuple):
        return value
    items = [map_paths(item, change) for item in value]
    return type(value)(*items) if hasattr(value, "_fields") else tuple(items)


def expanded(value: Any) -> Any:
    """Put the user's home where a path in a value begins with "~".

    A shell does that too, but not behind the "=" of an option.

    Raises:
        ValueError: the user has no home, or a path holds what none can hold.
    """
    return map_paths(value, _expand)


def path_of(text: str | Path) -> Path:
    """Make a path of what somebody wrote, which "" cannot be: it would mean the current folder.

    Raises:
        ValueError: it is empty; or see `expanded`.
    """
    return _expand(Path(not_empty(text)))


def not_empty(value: Any) -> Any:
    """Refuse an empty path, or a list with one, before "" is taken for the current folder.

    Raises:
        ValueError: a path is empty.
    """
    items = value if isinstance(value, list | tuple) else (value,)
    if any(isinstance(item, str) and not item for item in items):
        raise ValueError("the path is empty; name a file or folder")
    return value


def _expand(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError(f"{str(path)!r} is no path; take the null out")
    if path.parts[:1] != ("~",):
        return path
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"'{path}' is in a home that nobody has here; write it in full") from None


class _Words(dict[str, str]):
    """Maps every setting's name to its wording for the command line, files or Python."""

    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording

    def __missing__(self, name: str) -> str:
        return self._wording(Setting(name))


def described(field: FieldInfo, wording: Wording) -> str:
    """Write a field's description, in which other settings stand as "{name}".

    Args:
        field: field with the description.
        wording: function that words a setting for the reader of the description.
    """
    return (field.description or "").format_map(_Words(wording))


@dataclass(frozen=True)
class Text:
    """Marks a field that is written as one text, such as "32,8-1", and holds the parsed value.

    Attributes:
        read: function that parses a text; its ValueError says what is wrong.
        write: function that writes a value as text, for files and digests.
        lists: True if a list in a file stands for its items joined by commas.
        is_path: True if the text is a path, for which a number cannot stand.
    """

    read: Callable[[str], Any]
    write: Callable[[Any], str] = str
    lists: bool = False
    is_path: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read texts before the field's own type is checked, and write them into JSON."""
        return core_schema.no_info_before_validator_function(
            self._understand,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.write, when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(self, *_: Any) -> dict[str, Any]:
        """Describe the field as a text in the JSON Schema."""
        return {"type": "string", "format": "path"} if self.is_path else {"type": "string"}

    def _understand(self, value: Any) -> Any:
        if self.lists and isinstance(value, list) and value and all(map(self._is_text, value)):
            value = ",".join(map(str, value))
        if self._is_text(value):
            return self.read(str(value))
        if isinstance(value, bool | int | float | list | dict):
            if self.is_path:
                raise PydanticCustomError("path_type", "Input is not a valid path")
            raise PydanticKnownError("string_type")
        return value

    def _is_text(self, value: Any) -> bool:
        """Whether a value is a text, or a number or list that stands for one."""
        if self.is_path:
            return isinstance(value, str | Path)
        return isinstance(value, str | int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Once:
    """Marks a field with its former name, which files may still have."""

    name: str


def text_of(field: FieldInfo) -> Text | None:
    """The mark of a field that is written as a text, if it is one."""
    return next((mark for mark in _marks(field) if isinstance(mark, Text)), None)


def old_names(field: FieldInfo) -> list[str]:
    """The former names of a field."""
    return [mark.name for mark in _marks(field) if isinstance(mark, Once)]


def _marks(field: FieldInfo) -> Iterator[Any]:
    yield from field.metadata
    for choice in get_args(field.annotation):  # marks inside a union, as of an optional field
        if get_origin(choice) is Annotated and get_origin(field.annotation) is not tuple:
            yield from choice.__metadata__


def names_files(field: FieldInfo) -> bool:
    """Whether a field's values are paths, or may be."""
    return Path in (field.annotation, *get_args(field.annotation))


def holds_several(field: FieldInfo) -> bool:
    """Whether a list is one value of a field."""
    text = text_of(field)
    return text.lists if text else get_origin(field.annotation) is tuple


def is_optional(field: FieldInfo) -> bool:
    """Whether a field need not be set, so that `UNSET` can take it back."""
    return not field.is_required() and field.default in (None, ())


def is_set(value: Any) -> bool:
    """Whether a field has a value, and not what stands for none."""
    return value not in (None, ())


def item_of(field: FieldInfo) -> FieldInfo:
    """A field for a single item of a field that holds a list."""
    item, *_ = get_args(field.annotation)
    return FieldInfo.from_annotation(item)


def rival_of(name: str) -> str | None:
    """The setting that means the same as this one in another way, if there is one."""
    return RIVALS.get(name) or next((one for one, other in RIVALS.items() if other == name), None)


def rivals_in(names: Iterable[str], fields: Mapping[str, FieldInfo]) -> list[tuple[str, str]]:
    """The pairs of `RIVALS` that are both among the names, and of which an order takes only one.

    Where a setting holds several, as a sweep's do, both are compared.
    """
    both = set(names)
    return [
        pair
        for pair in RIVALS.items()
        if both.issuperset(pair) and not all(holds_several(fields[name]) for name in pair)
    ]


def place(path: Path, folder: Path) -> Path:
    """Resolve a path that is written in a file of a folder; "~" is the user's home.

    Raises:
        ValueError: see `expanded`.
    """
    return _without_detours(folder / _expand(path))


def _without_detours(path: Path) -> Path:
    """Write "examples/../outputs" as "outputs", unless it is another folder, as beyond a link."""
    if ".." not in path.parts:
        return path
    way = Path()
    for part in path.parts:
        further = way / part
        way = way.parent if part == ".." and _is_parent(further, way) else further
    return way


def _is_parent(up: Path, way: Path) -> bool:
    """Whether the folder above one is the one that its path says."""
    try:
        return way.name not in ("", "..") and up.samefile(way.parent)
    except OSError:  # there is no such folder yet
        return False


Side = Annotated[int, Field(ge=SHORTEST_SIDE, le=LONGEST_SIDE)]
Weight = Annotated[float, Field(ge=0, le=10**12)]
