"""The paintings that ship with medley: where they lie, and the names that stand for them."""

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from medley.errors import PictureError

ALL = "shipped"
"""Name of the folder of all of them; that of a single one is its file's without the suffix."""


def shipped_folder() -> Path:
    """The folder of the paintings that come with medley: in the package, or in its checkout.

    Raises:
        PictureError: there is no such folder.
    """
    package = Path(__file__).parent
    for folder in (package / "styles", package.parent / "styles"):
        if folder.is_dir():
            return folder
    raise PictureError(f"medley's own paintings are not in '{package}'; name others")


@cache
def shipped_files() -> dict[str, Path]:
    """The files of the paintings by name, sorted; none if they are not installed."""
    try:
        return {path.stem: path for path in sorted(shipped_folder().glob("*.jpg"))}
    except PictureError:
        return {}


def painting_at(path: Path, folder: Path = Path()) -> Path:
    """Find what a path or a name means; a name means a shipped painting where no such path exists.

    Args:
        path: path as it was written, or a name.
        folder: folder that a relative path is relative to.

    Returns:
        The shipped painting's file, or the folder of all; else the path as it was written.
    """
    name = str(path)
    if name not in {ALL, *shipped_files()} or (folder / path).exists():
        return path
    return shipped_folder() if name == ALL else shipped_files()[name]


def file_at(path: Path, files: Mapping[str, Path], folder: Path = Path()) -> Path:
    """Find what a path or a name means; a name means its file where no other file has it.

    A folder of that name is none that could be meant.

    Args:
        path: path as it was written, or a name.
        files: files that ship, by name.
        folder: folder that a relative path is relative to.
    """
    name, own = str(path), folder / path
    is_other = name not in files or (may_exist(own) and not own.is_dir())
    return path if is_other else files[name]


def file_name_of(path: Path, files: Mapping[str, Path]) -> Path:
    """The name of a file that ships, which holds on every machine; else the path."""
    names = (name for name, own in files.items() if own.name == path.name)
    return Path(next((name for name in names if files[name].resolve() == path.resolve()), path))


def name_of(path: Path) -> Path:
    """The name of a shipped painting or of their folder, which holds on every machine; else the
    path."""
    files = shipped_files()
    if not files:
        return path
    folder, real = shipped_folder().resolve(), path.resolve()
    if real == folder:
        return Path(ALL)
    return Path(real.stem) if real.parent == folder and real.stem in files else path


def no_painting(path: Path, what: str = "painting or folder") -> PictureError:
    """The error that there is no painting at a path, which may be a name that is mistyped.

    Args:
        path: path that does not exist.
        what: words for what was expected there.
    """
    names = shipped_files()
    close = difflib.get_close_matches(path.stem.casefold(), [*names, ALL], n=1, cutoff=0.75)
    way = "check its name"
    if names and (close or not path.suffix):
        guess = f"did you mean '{close[0]}'? " if close else f"{way}, or take one that ships: "
        way = f"{guess}there are {', '.join(names)}, and '{ALL}' for all of them"
    return PictureError(f"there is no {what} '{path}'; {way}")


def check_there(path: Path) -> None:
    """Check that there is a picture at a painting's path.

    Raises:
        PictureError: there is none, and the path may be a name that is mistyped.
    """
    if not may_exist(path):
        raise no_painting(path, "picture")


def may_exist(path: Path) -> bool:
    """Whether there is something at a path; True if its name is too long to be looked for."""
    try:
        return path.exists()
    except OSError:  # which reading it will tell
        return True
