"""Who painted what: the captions on a film, the labels on its poster, and the list beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from medley.settings import FilmSettings

Captions = Literal["none", "number", "title", "full"]


class Work(Protocol):
    """What is told of a painting, or of whatever stands in its place."""

    @property
    def path(self) -> Path:
        """Its file or folder."""

    @property
    def title(self) -> str:
        """Its title, or a name that stands for it."""

    @property
    def byline(self) -> str:
        """Artist and year, as far as they are known."""

    @property
    def is_known(self) -> bool:
        """Whether a catalog gives its title."""


def choose_captions(paintings: Sequence[Work], film: FilmSettings) -> Captions:
    """What "auto" comes to: titles if a catalog gives at least one, else none."""
    if film.captions != "auto":
        return film.captions
    return "title" if any(painting.is_known for painting in paintings) else "none"


def caption_of(paintings: Sequence[Work], number: int, film: FilmSettings) -> str:
    """What is written on a part of the film, for the paintings of its shot; "" for nothing."""
    kinds = {
        "number": str(number),
        "title": titles(paintings),
        "full": credit_lines(*paintings),
    }
    return kinds.get(film.captions, "")


def titles(paintings: Sequence[Work]) -> str:
    """All titles in one line."""
    return " + ".join(painting.title for painting in paintings)


def credit_lines(*paintings: Work) -> str:
    """Titles, and beneath them artists and years if they are known."""
    bylines = " + ".join(painting.byline for painting in paintings if painting.byline)
    return "\n".join(part for part in (titles(paintings), bylines) if part)


def list_credits(paintings: Sequence[Work]) -> str:
    """All works in the film's order, each with title, artist and year, and its file's name.

    Not where the file lies: the list is there to be published.
    """
    works = []
    for number, painting in enumerate(paintings, start=1):
        # A file name may hold line ends; everything keeps to its line.
        lines = [*credit_lines(painting).split("\n"), painting.path.absolute().name]
        first, *others = (" ".join(line.split()) for line in lines)
        works.append("\n".join([f"{number}. {first}", *(f"   {line}" for line in others)]))
    return "\n\n".join(works) + "\n"
