"""Every knob once, with its default, unit and bounds: the CLI, files and docs all read this.

A field's annotation carries its bounds, its description becomes the option's help, and its
default is the only place where that default is written down.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

Item = TypeVar("Item")

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 32)
"""Bits a weight may have: 1-8 index a codebook, 32 is the float original."""

SWEPT_SCHEMES = ("kmeans", "calibrated", "affine", "affine-channel")
"""What a sweep can compare: ways to store weights that have every width from 1 to 8 bits."""

SHORTEST_SIDE = 16  # pixels; VGG-19 halves a side four times before relu5_1
LONGEST_SIDE = 16_384  # pixels
MOST_SCALES = 16  # sizes from coarse to fine

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


def _checked_by(parse: Callable[[str], object]) -> AfterValidator:
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


Bits = Annotated[int, AfterValidator(_check_bits)]
Fps = Annotated[
    Fraction,
    BeforeValidator(_read_fps),
    AfterValidator(_check_fps),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
]
TileWish = Annotated[int | Literal["auto", "off"], BeforeValidator(_read_tile)]
Years = Annotated[str, AfterValidator(_check_years)]
Scales = Annotated[str, AfterValidator(_check_scales)]
WidthList = Annotated[str, _checked_by(parse_widths)]
SchemeList = Annotated[str, _checked_by(parse_schemes)]
Side = Annotated[int, Field(ge=SHORTEST_SIDE, le=LONGEST_SIDE)]
Weight = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]


class Settings(BaseModel):
    """A frozen set of knobs that knows no other names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ShotSettings(Settings):
    """What decides a shot's pixels, besides its pictures and its weights."""

    bits: Bits = Field(8, description="Bits a VGG-19 weight: 1 to 8, or 32 for the float original.")
    weights: Path | None = Field(
        None, description="A file that medley quantize wrote, instead of --bits."
    )
    size: Side | None = Field(
        None, description="Long side of the result in pixels, instead of --pixels."
    )
    pixels: int = Field(
        384 * 384,
        ge=SHORTEST_SIDE**2,
        le=LONGEST_SIDE**2,
        description="Area of the result in pixels, about.",
    )
    steps: int = Field(120, ge=1, le=100_000, description="Optimizer steps for each painting.")
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="How the picture is moved.")
    scales: Scales = Field(
        "auto",
        description="Sizes from coarse to fine: auto, a number of them each sqrt(2) larger, or long"
        " sides such as 256,512. 1 is the full size alone; auto has more above 400 pixels.",
    )
    precision: Literal["auto", "float32", "tf32", "bfloat16", "float16"] = Field(
        "auto",
        description="What convolutions compute in; auto is bfloat16 where the hardware has it.",
    )
    history: int | None = Field(
        None,
        ge=1,
        le=1000,
        description=f"Moves that L-BFGS remembers, each as large as two pictures: {HISTORY} unless"
        f" given, and fewer where they would take more than {HISTORY_BYTES / 1e9:g} GB; in torch it"
        " is 100.",
    )
    content_weight: Weight = Field(1.0, description="How strongly the photo is held on to.")
    style_weight: Weight = Field(1.0, description="How strongly the painting pulls.")
    tv_weight: Weight = Field(0.0, description="Total variation: how strongly noise is smoothed.")
    pooling: Literal["max", "average"] = Field("max", description="How VGG-19 halves its features.")
    init: str = Field(
        "content", description="Starting picture: 'content', 'noise' or a picture file."
    )
    keep_every: int = Field(1, ge=1, description="Keep every n-th iterate, and the last.")

    @model_validator(mode="after")
    def _something_pulls(self) -> Self:
        if self.content_weight == 0 and self.style_weight == 0:
            raise ValueError("--content-weight and --style-weight are both 0; one must pull")
        return self

    def history_at(self, height: int, width: int) -> int:
        """How many moves L-BFGS remembers of a picture of that size.

        Unless it is given, it depends on the size alone and not on the machine's memory, because
        it decides the pixels: equal commands are to give equal films everywhere.
        """
        fitting = HISTORY_BYTES // (2 * PICTURE_BYTES * height * width)
        return self.history or max(SHORTEST_HISTORY, min(HISTORY, fitting))

    @property
    def init_file(self) -> Path | None:
        """The starting picture's file, if it is one."""
        return None if self.init in ("content", "noise") else Path(self.init)


class CatalogSettings(Settings):
    """Which paintings of those that are there."""

    sample: int | None = Field(
        None, ge=1, description="Draw this many of the paintings at random, instead of all by name."
    )
    seed: int = Field(
        0, ge=0, le=2**63 - 1, description="Decides the draw, and the noise of --init noise."
    )
    artist: str | None = Field(None, description="Only paintings by this artist.")
    genre: str | None = Field(None, description="Only paintings of this genre.")
    style_name: str | None = Field(None, description="Only paintings in this style.")
    years: Years | None = Field(
        None, description="Only paintings of a year, or of years such as 1880-1920."
    )
    split: Literal["test", "train", "all"] = Field(
        "test", description="Which part of Painter by Numbers; other folders have no parts."
    )
    spread: Literal["none", "artist", "genre", "style"] = Field(
        "none", description="With --sample: draw evenly over these."
    )

    @property
    def span(self) -> tuple[int, int] | None:
        """The first and the last of the years."""
        if self.years is None:
            return None
        first, _, last = self.years.partition("-")
        return int(first), int(last or first)


class FilmSettings(Settings):
    """How finished shots become a film."""

    fps: Fps = Field(Fraction(30), description="Frames a second, also as 30000/1001.")
    seconds_per_painting: float = Field(
        6.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="Film time of each painting, holds included.",
    )
    hold: float = Field(
        1.2, ge=0, le=600, allow_inf_nan=False, description="Seconds for which a result stands."
    )
    pace: Literal["visual", "even"] = Field(
        "visual", description="Spread frames by what the eye sees change, or evenly over steps."
    )
    captions: Literal["auto", "none", "number", "title", "full"] = Field(
        "auto",
        description="Words on the film: full adds artist and year; auto: titles if they are known.",
    )
    crf: int = Field(16, ge=1, le=51, description="H.264 quality: 1 is the best, 51 the worst.")


class QuantizeSettings(Settings):
    """How a network's weights are stored."""

    bits: int = Field(
        4, ge=1, le=8, description="Bits a weight, 1 to 8; float16 and bfloat16 have 16."
    )
    scheme: Literal["kmeans", "calibrated", "affine", "affine-channel", "float16", "bfloat16"] = (
        Field(
            "kmeans",
            description="How weights are stored; calibrated is best at few bits, takes minutes.",
        )
    )


class SweepSettings(Settings):
    """Which ways to store the network a sweep compares, and how its film shows them."""

    bits: WidthList | None = Field(
        None,
        description="Bits a weight to compare, such as 32,8-1, which is the default;"
        " without 32 where the float original is not here.",
    )
    scheme: SchemeList = Field(
        "kmeans", description=f"Schemes to compare: some of {','.join(SWEPT_SCHEMES)}."
    )
    layout: Literal["grid", "row", "sequence", "split"] = Field(
        "grid",
        description="Widths side by side, in one row, one after another, or the first and the last"
        " with a border that moves between them.",
    )

    @property
    def widths(self) -> tuple[int, ...] | None:
        """The bits to compare, if they were named."""
        return None if self.bits is None else parse_widths(self.bits)

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes to compare."""
        return parse_schemes(self.scheme)


class RunSettings(Settings):
    """Where a run computes and keeps its shots; neither changes what a shot shows."""

    device: str = Field(
        "auto",
        pattern=r"^(auto|(cpu|cuda(:\d+)?|mps)(,(cpu|cuda(:\d+)?|mps))*)$",
        description="Where to compute: auto, cpu, cuda, cuda:N or mps; several, as in"
        " cuda:0,cuda:1, take different shots at once, each in its own process.",
    )
    tile: TileWish = Field(
        "auto",
        description="Side in pixels of the tiles that a picture is computed in; auto: tiles if it"
        " does not fit into memory as a whole.",
    )
    workspace: Path = Field(
        Path("outputs/workspace"), description="Folder that keeps all iterates."
    )
