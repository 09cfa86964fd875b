"""The style networks that ship with medley: where they lie, and the names that stand for them."""

import difflib
from functools import cache
from pathlib import Path

from medley.errors import WeightsError
from medley.shipped import file_at, file_name_of, may_exist

MANY = "many"
"""Name of the network that knows all paintings that ship."""

_FOLDER = Path(__file__).parent / "nets"


@cache
def net_files() -> dict[str, Path]:
    """The files of the networks by name, sorted."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.safetensors"))}


def net_at(path: Path, folder: Path = Path()) -> Path:
    """Find what a path or a name means; see `medley.shipped.file_at`."""
    return file_at(path, net_files(), folder)


def net_name_of(path: Path) -> Path:
    """The name of a shipped network, which holds on every machine; else the path."""
    return file_name_of(path, net_files())


def check_net_there(path: Path) -> None:
    """Check that there is a file at a style network's path.

    Raises:
        WeightsError: there is none, and the path may be a name that is mistyped.
    """
    if may_exist(path):
        return
    listed = ", ".join(names := net_files())
    way = f"check its name, or take one that ships: {listed}" if names else "check its name"
    if close := difflib.get_close_matches(path.stem.casefold(), names, n=1):
        way = f"did you mean '{close[0]}'? Those that ship: {listed}"
    raise WeightsError(f"there is no style network '{path}'; {way}")
