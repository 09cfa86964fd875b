"""The network's weights that ship beside those of all widths: their file, and its name."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from medley.errors import WeightsError
from medley.shipped import file_at, file_name_of, may_exist

SMALL = "small"
"""Name of the thirteen layers that style transfer looks at, in three megabytes."""

WEIGHTS_FILES = {SMALL: Path(__file__).parent / "vgg" / "bundle" / "small.safetensors"}


def weights_at(path: Path, folder: Path = Path()) -> Path:
    """Find what a path or a name means; see `medley.shipped.file_at`."""
    return file_at(path, WEIGHTS_FILES, folder)


def weights_name_of(path: Path) -> Path:
    """The name of weights that ship, which holds on every machine; else the path."""
    return file_name_of(path, WEIGHTS_FILES)


def check_weights_there(path: Path, names: Sequence[str] = tuple(WEIGHTS_FILES)) -> None:
    """Check that there is something at the path of weights.

    Args:
        path: path as it was written, which is none of the names.
        names: names that could have stood there.

    Raises:
        WeightsError: there is nothing, and the path may be a name that is mistyped.
    """
    if may_exist(path):
        return
    close = difflib.get_close_matches(path.stem.casefold(), names, n=1)
    guess = f"did you mean '{close[0]}'? Else " if close else ""
    known = f"one of {', '.join(names)}" if len(names) > 1 else f"'{names[0]}', which ships"
    raise WeightsError(
        f"'{path}' does not exist; {guess}give the path of a weights file, or {known}"
    )
