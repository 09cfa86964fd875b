"""How networks are stored, and which of them a sweep compares."""

from typing import Literal

from pydantic import Field

from medley.settings.base import (
    SWEPT_SCHEMES,
    SchemeList,
    Settings,
    WidthList,
    parse_schemes,
    parse_widths,
)


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

    heading = "Comparison"

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
