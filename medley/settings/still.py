"""Settings of the files of still pictures."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from medley.settings.base import Settings

StillFormat = Literal["png", "jpeg", "webp", "avif", "tiff"]
SUFFIXES: dict[str, StillFormat] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".avif": "avif",
    ".tif": "tiff",
    ".tiff": "tiff",
}
"""Formats of pictures by suffix."""

DEEP: tuple[StillFormat, ...] = ("png", "tiff")
"""Formats that can have 16 bits."""

LOSSY: tuple[StillFormat, ...] = ("jpeg", "webp", "avif")
"""Formats with lossy compression."""


def _check_depth(depth: int) -> int:
    if depth not in (8, 16):
        raise ValueError(f"{depth} is not a depth; pictures have 8 or 16 bits")
    return depth


class StillSettings(Settings):
    """Format, depth and quality of a still picture."""

    heading = "Picture file"

    format: StillFormat | None = Field(
        None,
        description="png, jpeg, webp, avif or tiff: as {output}'s suffix says, unless it has none;"
        " png for a folder or standard output.",
    )
    depth: Annotated[int, AfterValidator(_check_depth)] = Field(
        8, description="Bits of each colour: 8, or 16 in PNG and TIFF."
    )
    file_quality: int | None = Field(
        None,
        ge=1,
        le=100,
        description="Of JPEG and WebP (92 unless given) and AVIF (80): 100 is the best.",
    )
