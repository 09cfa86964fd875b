"""What several schemas are built of: their base, bounds, and texts that are checked when read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

Item = TypeVar("Item")

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 32)
"""Bits a weight may have: 1-8 index a codebook, 32 is the float original."""

SWEPT_SCHEMES = ("kmeans", "calibrated", "affine", "affine-channel")
"""What a sweep can compare: ways to store weights that have every width from 1 to 8 bits."""

RIVALS = (("size", "pixels"), ("weights", "bits"))
"""Pairs of settings that say the same in different ways: where the first is set, it counts."""

SHORTEST_SIDE = 16  # pixels; VGG-19 halves a side four times before relu5_1
LONGEST_SIDE = 16_384  # pixels
MOST_SCALES = 16  # sizes from coarse to fine

MOST_AT_ONCE = 64  # shots whose pictures pass the network as one batch

SHORTEST_TILE = 64  # pixels; each is computed with 80 more on each side

PICTURE_BYTES = 3 * 4  # a pixel, while it is worked on: three float32
HISTORY = 20  # of L-BFGS, by default,
HISTORY_BYTES = 10**9  # or as much as takes this much memory,
SHORTEST_HISTORY = 2  # but no less


def _check_bits(bits: int) -> int:
    if bits not in WIDTHS:
        raise ValueError(f"{bits} is not a width; weights have 1 to 8 bits, or 32 for float")
    return bits


def parse_widths(text: str) -> tuple[int, ...]:
    """Read a list of widths and ranges of them, in the order given: "32,8-6,1" is 32, 8, 7, 6, 1.

    Raises:
        ValueError: the list is empty, a part is no width or range, or a width comes twice.
    """
    widths: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([0-9]{1,4})\s*(?:-\s*([0-9]{1,4})\s*)?", part)
        if not found:
            shown = f"'{part.strip()}' in '{text}'" if text.strip() else "an empty list"
            raise ValueError(f"{shown} is not a width or a range; pass widths such as 32,8-1")
        first, last = int(found[1]), int(found[2] or found[1])
        for bits in (first, last):
            _check_bits(bits)
        if found[2] and WIDTHS[-1] in (first, last):
            raise ValueError(f"'{part.strip()}' is a range, and ranges lie within 8-1; pass 32,8-1")
        widths += range(first, last + 1) if first <= last else range(first, last - 1, -1)
    return _once(tuple(widths), text, " bits")


def parse_schemes(text: str) -> tuple[str, ...]:
    """Read a list of schemes, such as "kmeans,affine", in the order given.

    Raises:
        ValueError: a name is not one of `SWEPT_SCHEMES`, or comes twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    if unknown := [name for name in names if name not in SWEPT_SCHEMES]:
        raise ValueError(f"there is no scheme '{unknown[0]}'; there are {', '.join(SWEPT_SCHEMES)}")
    return _once(names, text)


def _once(items: tuple[Item, ...], text: str, unit: str = "") -> tuple[Item, ...]:
    twice = [item for item in items if items.count(item) > 1]
    if twice:
        raise ValueError(f"'{text}' names {twice[0]}{unit} twice; name each once")
    return items


def checked_by(parse: Callable[[str], object]) -> AfterValidator:
    """Keep a text as it was written, once `parse` has accepted it."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


def _read_fps(value: Any) -> Any:
    try:
        # Rates in use have a denominator of 1 or 1001; 29.97002997 means 30000/1001.
        rate = Fraction(str(value)) if isinstance(value, str | int | float) else value
        return rate.limit_denominator(1001) if isinstance(rate, Fraction) else rate
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a rate such as 24, 29.97 or 30000/1001") from None


def _check_fps(fps: Fraction) -> Fraction:
    if not 1 <= fps <= 240:
        raise ValueError(f"{fps} is not between 1 and 240 frames a second")
    return fps


def _check_years(years: str) -> str:
    found = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", years.strip())
    if not found:
        raise ValueError(f"{years!r} is not a year such as 1890, or two such as 1880-1920")
    if found[2] and found[2] < found[1]:
        raise ValueError(f"{years!r} ends before it begins")
    return found[0]


def _check_scales(scales: str) -> str:
    if scales == "auto":
        return scales
    numbers = [part.strip() for part in scales.split(",")]
    if not all(part.isdecimal() for part in numbers):
        raise ValueError(f"{scales!r} is not 'auto', a number of sizes, or sides such as 256,512")
    if len(numbers) == 1 and not 1 <= int(numbers[0]) <= MOST_SCALES:
        raise ValueError(f"{scales} is not between 1 and {MOST_SCALES} sizes")
    if len(numbers) > 1 and not all(SHORTEST_SIDE <= int(part) <= LONGEST_SIDE for part in numbers):
        raise ValueError(f"{scales!r} has a side beyond {SHORTEST_SIDE} to {LONGEST_SIDE} pixels")
    return ",".join(str(int(part)) for part in numbers)


def _read_batch(value: Any) -> Any:
    try:
        count = value if value == "auto" else int(value)
    except (TypeError, ValueError):
        count = 0
    if count != "auto" and not 1 <= count <= MOST_AT_ONCE:
        raise ValueError(f"{value!r} is not auto or a number from 1 to {MOST_AT_ONCE}")
    return count


def _read_tile(value: Any) -> Any:
    if value in ("auto", "off"):
        return value
    try:
        side = int(value)
    except (TypeError, ValueError):
        side = 0
    if side < SHORTEST_TILE:
        raise ValueError(f"{value!r} is not auto, off, or a side of {SHORTEST_TILE} pixels or more")
    return side


@dataclass(frozen=True)
class InFolder:
    """Marks a field whose text may name files: how a folder comes before those that are relative.

    Fields that are paths need no mark.
    """

    place: Callable[[str, Path], str]


def place(path: Path, folder: Path) -> Path:
    """Where a path leads that is written in a file of that folder; "~" is the user's home."""
    return folder / (path.expanduser() if path.parts[:1] == ("~",) else path)


def _check_devices(names: str) -> str:
    for name in names.split(","):
        if not re.fullmatch(r"cpu|mps|cuda(:\d{1,4})?" + ("|auto" if name == names else ""), name):
            raise ValueError(
                f"there is no device '{name}'; there are auto, cpu, cuda, cuda:0 and so on, mps,"
                " and several of them as in cuda:0,cuda:1"
            )
    return names


Bits = Annotated[int, AfterValidator(_check_bits)]
Fps = Annotated[
    Fraction,
    BeforeValidator(_read_fps),
    AfterValidator(_check_fps),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
]
BatchWish = Annotated[int | Literal["auto"], BeforeValidator(_read_batch)]
TileWish = Annotated[int | Literal["auto", "off"], BeforeValidator(_read_tile)]
Devices = Annotated[str, AfterValidator(_check_devices)]
Years = Annotated[str, AfterValidator(_check_years)]
Scales = Annotated[str, AfterValidator(_check_scales)]
WidthList = Annotated[str, checked_by(parse_widths)]
SchemeList = Annotated[str, checked_by(parse_schemes)]
Side = Annotated[int, Field(ge=SHORTEST_SIDE, le=LONGEST_SIDE)]
Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class Settings(BaseModel):
    """A frozen set of knobs that knows no other names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heading: ClassVar[str] = ""
    """What --help writes over the fields that a schema adds."""
