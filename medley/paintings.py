"""Catalogs of paintings: find them in folders, draw some by a seed, decode and check each."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from medley.errors import PictureError
from medley.files import sha256
from medley.images import read_picture
from medley.settings import CatalogSettings

CATALOG = "catalog.csv"


@dataclass(frozen=True)
class Painting:
    """A style image that has been decoded and found whole."""

    path: Path
    picture: Image.Image

    @property
    def title(self) -> str:
        """A caption: the file's name without dashes and ending."""
        return self.path.stem.replace("_", " ").replace("-", " ").strip()


def shipped() -> list[Path]:
    """The paintings that come with medley: inside the installed package, or in its checkout.

    Raises:
        PictureError: they are in neither place.
    """
    package = Path(__file__).parent
    for folder in (package / "styles", package.parent / "styles"):
        if folder.is_dir():
            return find_files([folder])
    raise PictureError(
        f"medley's own paintings are not in '{package}'; name others with --pictures"
    )


@dataclass(frozen=True)
class Draw:
    """Paintings that were drawn, and why others were passed over."""

    paintings: list[Painting]
    skipped: list[str]


def find_files(places: Sequence[Path]) -> list[Path]:
    """List the files in folders (recursively) and the files named outright, each once.

    Folders are listed in order of name, whatever the file system says; hidden files and the
    catalog itself are no paintings.

    Raises:
        PictureError: a place does not exist or cannot be listed.
    """
    found: dict[Path, None] = {}
    for place in places:
        if place.is_dir():
            for path in sorted(_walk(place), key=lambda path: path.relative_to(place).as_posix()):
                found.setdefault(path)
        elif place.exists():
            found.setdefault(place)
        else:
            raise PictureError(f"there is no painting or folder '{place}'; check its name")
    return list(found)


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise PictureError(f"cannot list '{error.filename}' ({error.strerror})") from error

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and name != CATALOG:
                yield Path(parent, name)


def draw(places: Sequence[Path], settings: CatalogSettings) -> Draw:
    """Choose paintings and decode them; a bad one is passed over and another takes its place.

    With `sample`, the order is that of a hash of seed and file name, so that the same seed draws
    the same paintings on every machine and one bad file does not disturb the rest of the draw.

    Raises:
        PictureError: a place does not exist, nothing is there, or no file is a good picture.
    """
    files = find_files(places)
    names = ", ".join(f"'{place}'" for place in places)
    if not files:
        raise PictureError(f"no paintings in {names}; put pictures there or name other places")
    wanted = settings.sample or len(files)
    if settings.sample:
        files.sort(key=lambda path: sha256(f"{settings.seed}:{path.name}".encode()))
    paintings: list[Painting] = []
    skipped: list[str] = []
    for path in files:
        if len(paintings) == wanted:
            break
        try:
            paintings.append(Painting(path, read_picture(path)))
        except PictureError as error:
            skipped.append(str(error))
    if not paintings:
        raise PictureError(f"none of the {len(files)} files in {names} is usable: {skipped[0]}")
    if settings.sample and len(paintings) < wanted:
        raise PictureError(
            f"--sample {wanted} asks for more than the {len(paintings)} good paintings in {names}"
        )
    return Draw(paintings, skipped)
