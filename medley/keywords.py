"""Options and pictures as Python gives them: how they are checked, and named in errors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from torch import Tensor

from medley.decoders import upright
from medley.errors import ConfigError, Setting
from medley.images import Pixels, read_picture
from medley.settings import Settings, read_table
from medley.settings.base import path_of
from medley.shipped import check_there, painting_at
from medley.studio.shooting.devices import preset_kind
from medley.tensors import to_pixels

Picture = str | Path | Image.Image | Pixels | Tensor
"""A file, a Pillow picture, uint8 RGB `(height, width, 3)`, or float RGB `(1, 3, height, width)` or
`(3, height, width)` in [0, 1]."""

Schema = TypeVar("Schema", bound=Settings)


def in_keywords(setting: Setting) -> str:
    """Write a setting as a keyword of a function: "steps=60"."""
    value = setting.value
    return setting.name if value is None else f"{setting.name}={value}"


def read_options(schema: type[Schema], options: Mapping[str, Any], function: str) -> Schema:
    """Read options by their schema; a value that it does not accept is a ValueError."""
    try:
        return read_table(
            schema, options, f"medley.{function}", kind_of=preset_kind, wording=in_keywords
        )
    except ConfigError as error:
        raise ValueError(error.worded(in_keywords)) from None


def open_picture(source: Picture) -> Image.Image:
    """Open or convert a picture of any accepted type, upright and RGB."""
    if isinstance(source, str | Path):
        return read_picture(path_of(source))
    if isinstance(source, Image.Image):
        picture = upright(source).convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(ground, picture).convert("RGB")
    if isinstance(source, Tensor):
        batch = source if source.ndim == 4 else source[None]
        if batch.ndim != 4 or batch.shape[:2] != (1, 3) or not batch.is_floating_point():
            raise ValueError(
                "a picture as a tensor is float (1, 3, height, width) in [0, 1], not"
                f" {source.dtype} {tuple(source.shape)}"
            )
        return Image.fromarray(to_pixels(batch))
    pixels = np.asarray(source)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(
            f"a picture as an array is uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}"
        )
    return Image.fromarray(pixels)


def open_painting(source: Picture) -> tuple[Path, Image.Image]:
    """Open a painting of any accepted type, or one that ships by its name; give its name too."""
    if isinstance(source, str | Path):
        source = painting_at(path_of(source))
        check_there(source)
    return Path(name_of(source)), open_picture(source)


def name_of(source: Picture) -> str:
    """The name of a picture for errors."""
    return str(source) if isinstance(source, str | Path) else f"the {type(source).__name__}"
