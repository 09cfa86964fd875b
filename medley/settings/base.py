"""What several schemas are built of: their base, bounds, and values that are written as a text."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from medley.errors import Setting, Wording

RIVALS = {"size": "pixels", "weights": "bits"}
"""Settings that say the same in different ways: where the first is set, it counts."""

SHORTEST_SIDE = 16  # pixels; VGG-19 halves a side four times before relu5_1
LONGEST_SIDE = 16_384  # pixels


class Settings(BaseModel):
    """A frozen set of knobs that knows no other names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heading: ClassVar[str] = ""
    """What the command line's help writes over the fields that a schema adds."""

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """Every setting by the name that the command line and files know it by."""
        return dict(cls.model_fields)

    @classmethod
    def of(cls, **flat: Any) -> Self:
        """The settings that have these values by those names, and else the defaults.

        Raises:
            ValidationError: values are missing, not accepted, or contradict each other.
        """
        return cls(**flat)

    def flat(self) -> dict[str, Any]:
        """Every value by those names."""
        return dict(self)


class _Words(dict[str, str]):
    """Gives every setting's name in the words of a door."""

    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording

    def __missing__(self, name: str) -> str:
        return self._wording(Setting(name))


def described(field: FieldInfo, wording: Wording) -> str:
    """Write a field's description, in which other settings stand as "{name}".

    Args:
        field: has the description.
        wording: writes a setting as the door has it where the description is read.
    """
    return (field.description or "").format_map(_Words(wording))


@dataclass(frozen=True)
class Text:
    """Marks a field that people write as one text, such as "32,8-1", and that holds its meaning.

    Attributes:
        read: gives a text's meaning; its ValueError says what is wrong.
        write: gives a meaning's text, which files and digests know it by.
        lists: whether a list in a file stands for its items with commas between them.
        is_path: whether the text is a path, for which no number can stand.
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
        """Describe what people write."""
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
        """Whether a value is a text or stands for one."""
        if self.is_path:
            return isinstance(value, str | Path)
        return isinstance(value, str | int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Once:
    """Marks a field that had another name once, under which files may still have it."""

    name: str


def text_of(field: FieldInfo) -> Text | None:
    """How a field is written, if as a text."""
    return next((mark for mark in _marks(field) if isinstance(mark, Text)), None)


def old_names(field: FieldInfo) -> list[str]:
    """Names that a field had once."""
    return [mark.name for mark in _marks(field) if isinstance(mark, Once)]


def _marks(field: FieldInfo) -> Iterator[Any]:
    yield from field.metadata
    for choice in get_args(field.annotation):  # such as the years in "years, or none"
        if get_origin(choice) is Annotated and get_origin(field.annotation) is not tuple:
            yield from choice.__metadata__


def holds_several(field: FieldInfo) -> bool:
    """Whether a list is one value of a field."""
    text = text_of(field)
    return text.lists if text else get_origin(field.annotation) is tuple


def item_of(field: FieldInfo) -> FieldInfo:
    """The field of a single one of a list's values."""
    item, *_ = get_args(field.annotation)
    return FieldInfo.from_annotation(item)


def rival_of(name: str) -> str | None:
    """The setting that says the same as this one in another way."""
    return RIVALS.get(name) or next((one for one, other in RIVALS.items() if other == name), None)


def rivals_in(names: Iterable[str]) -> list[tuple[str, str]]:
    """The pairs of which both are among the names."""
    both = set(names)
    return [pair for pair in RIVALS.items() if both.issuperset(pair)]


def place(path: Path, folder: Path) -> Path:
    """Where a path leads that is written in a file of that folder; "~" is the user's home."""
    return folder / (path.expanduser() if path.parts[:1] == ("~",) else path)


Side = Annotated[int, Field(ge=SHORTEST_SIDE, le=LONGEST_SIDE)]
Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
