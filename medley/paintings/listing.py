"""Listing of the files in a folder that may be paintings, without opening any."""

import os
from operator import itemgetter
from pathlib import Path

from medley.errors import PictureError

CATALOG = "catalog.csv"
PAINTER_BY_NUMBERS = "all_data_info.csv"
TABLES = (CATALOG, PAINTER_BY_NUMBERS)
CREDITS = ".credits.txt"  # ending of the list of works that lies beside every film


def list_folder(folder: Path) -> tuple[dict[str, str], list[str]]:
    """List the files in a folder and its subfolders, and the tables among them.

    Hidden files are left out, and so is what medley itself has made: the shots of a workspace, and
    films with all files that lie beside them under their names. Links to folders are not followed,
    and a link to a file that is listed anyway is left out.

    Returns:
        Real paths of the files, by their paths relative to `folder` with slashes, sorted by name;
        and the tables' paths relative to `folder`.

    Raises:
        PictureError: a folder cannot be listed.
    """
    real = os.path.realpath(folder)
    own: dict[str, str] = {}
    links: list[str] = []
    tables: list[str] = []
    unseen = [""]
    while unseen:
        before = unseen.pop()
        files, folders = _scan(folder / before)
        films = tuple(f"{name}." for name in _films(files))
        unseen += [f"{before}{name}/" for name in folders if not f"{name}.".startswith(films)]
        for name, is_link in files.items():
            if name in TABLES:
                tables.append(before + name)
            elif name.startswith(films):
                continue
            elif is_link:
                links.append(before + name)
            else:
                own[f"{real}/{before}{name}"] = before + name
    for name in sorted(links):
        own.setdefault(os.path.realpath(folder / name), name)
    return {name: file for file, name in sorted(own.items(), key=itemgetter(1))}, sorted(tables)


def _scan(folder: Path) -> tuple[dict[str, bool], list[str]]:
    """List a folder's files, each with whether it is a link, and its subfolders."""
    files: dict[str, bool] = {}
    folders: list[str] = []
    try:
        with os.scandir(folder) as items:
            for item in items:
                if item.name[0] == ".":
                    continue
                if item.is_symlink():
                    if not Path(item.path).is_dir():
                        files[item.name] = True
                elif not item.is_dir():
                    files[item.name] = False
                elif not _holds_shots(item):
                    folders.append(item.name)
    except OSError as error:
        raise PictureError(
            f"cannot list '{error.filename}' ({error.strerror}); check its permissions"
        ) from error
    return files, folders


def _holds_shots(folder: os.DirEntry[str]) -> bool:
    return folder.name == "shots" and any(Path(folder.path).glob("*/shot.json"))


def _films(files: dict[str, bool]) -> list[str]:
    """The names without suffix of medley's films among the files, in any format."""
    credited = (name.removesuffix(CREDITS) for name in files if name.endswith(CREDITS))
    return [name for name in credited if f"{name}.json" in files]
