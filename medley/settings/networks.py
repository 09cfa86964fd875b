"""Settings of the network's weights: which are used, how they are stored, what a sweep compares."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, Field

from medley.settings.base import Settings, Text
from medley.shipped_weights import weights_at

Item = TypeVar("Item")

WIDTHS = (1, 2, 3, 4, 5, 6, 7, 8, 32)
"""Bits of a weight: 1 to 8 index a codebook, 32 is the float original."""

Scheme = Literal["kmeans", "calibrated", "affine", "affine-channel", "entropy"]
SWEPT_SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
"""Schemes that a sweep can compare: those that take 1 to 8 bits a weight; "entropy" on the mean."""

FITTED_SCHEMES: tuple[Scheme, ...] = ("calibrated", "entropy")
"""Those that fit the network to pictures."""


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
    return _once(tuple(widths), text, lambda bits: "1 bit" if bits == 1 else f"{bits} bits")


def format_widths(widths: tuple[int, ...]) -> str:
    """Write widths in the form that `parse_widths` reads, three or more in a row as a range."""
    runs: list[list[int]] = [[widths[0]]]
    for before, bits in pairwise(widths):
        run = runs[-1]
        if abs(bits - before) == 1 and (len(run) == 1 or bits - before == run[1] - run[0]):
            run.append(bits)
        else:
            runs.append([bits])
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs
    )


def parse_schemes(text: str) -> tuple[Scheme, ...]:
    """Read a list of schemes, such as "kmeans,affine", in the order given.

    Raises:
        ValueError: a name is not one of `SWEPT_SCHEMES`, or comes twice.
    """
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in SWEPT_SCHEMES]:
        raise ValueError(f"there is no scheme '{unknown[0]}'; there are {', '.join(SWEPT_SCHEMES)}")
    known = {str(scheme): scheme for scheme in SWEPT_SCHEMES}
    return _once(tuple(known[name] for name in names), text)


def _once(
    items: tuple[Item, ...], text: str, name_of: Callable[[Item], str] = str
) -> tuple[Item, ...]:
    twice = [item for item in items if items.count(item) > 1]
    if twice:
        raise ValueError(f"'{text}' names {name_of(twice[0])} twice; name each once")
    return items


Widths = Annotated[tuple[int, ...], Text(parse_widths, format_widths, lists=True)]
Schemes = Annotated[tuple[Scheme, ...], Text(parse_schemes, ",".join, lists=True)]


class WeightsSettings(Settings):
    """Choice of the network's weights."""

    heading = "Network"

    bits: Annotated[int, AfterValidator(_check_bits)] = Field(
        8, description="Bits a VGG-19 weight: 1 to 8, or 32 for the float original."
    )
    weights: Path | None = Field(
        None,
        description="A file that medley quantize or weights import wrote, instead of {bits}; or"
        " small, which ships: what styles need in 3 MB.",
    )

    @property
    def source(self) -> int | Path:
        """The source of the weights for `vgg.weights.load_weights`: a file, or the bits."""
        return self.bits if self.weights is None else weights_at(self.weights)


class QuantizeSettings(Settings):
    """Form in which a network's weights are stored."""

    bits: int = Field(
        4, ge=1, le=8, description="Bits a weight, 1 to 8; float16 and bfloat16 have 16."
    )
    scheme: Literal[Scheme, "float16", "bfloat16"] = Field(
        "kmeans",
        description="How weights are stored; calibrated and entropy are best at few bits, and take"
        " minutes; entropy is smallest.",
    )


class SweepSettings(Settings):
    """Widths, schemes and files that a sweep compares, and the layout of its film."""

    heading = "Comparison"

    bits: Widths | None = Field(
        None,
        description="Bits a weight to compare, such as 32,8-1, which is the default;"
        " without 32 where the float original is not here.",
    )
    scheme: Schemes = Field(
        ("kmeans",), description=f"Schemes to compare: some of {','.join(SWEPT_SCHEMES)}."
    )
    weights: tuple[Path, ...] = Field(
        (),
        description="A file of weights to compare beside the widths, repeatable; without {bits}"
        " only such files and the reference are compared.",
    )
    layout: Literal["grid", "row", "sequence", "split"] = Field(
        "grid",
        description="Widths side by side, in one row, one after another, or the first and the last"
        " with a border that moves between them.",
    )
