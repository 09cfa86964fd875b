"""Titles and painters: captions on a film, labels on its poster, and the list beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from medley.settings import OverlaySettings

Captions = Literal["none", "number", "title", "full"]


class Work(Protocol):
    """A painting as credits name it, or whatever stands in its place."""

    @property
    def path(self) -> Path:
        """The file or folder."""

    @property
    def title(self) -> str:
        """The title, or a name in its place."""

    @property
    def byline(self) -> str:
        """Artist and year, as far as they are known."""

    @property
    def is_known(self) -> bool:
        """Whether a catalog gives its title."""


def choose_captions(paintings: Sequence[Work], film: OverlaySettings) -> Captions:
    """The captions that "auto" stands for: titles if a catalog gives at least one, else none."""
    if film.captions != "auto":
        return film.captions
    return "title" if any(painting.is_known for painting in paintings) else "none"


def caption_of(paintings: Sequence[Work], number: int, film: OverlaySettings) -> str:
    """The caption of part `number` of the film, after the shot's paintings; "" for none."""
    kinds = {
        "number": str(number),
        "title": titles(paintings),
        "full": credit_lines(*paintings),
    }
    return kinds.get(film.captions, "")


def titles(paintings: Sequence[Work]) -> str:
    """The titles of all paintings in one line."""
    return " + ".join(painting.title for painting in paintings)


def credit_lines(*paintings: Work) -> str:
    """Titles in a first line, and artists and years, if they are known, in a second."""
    bylines = " + ".join(painting.byline for painting in paintings if painting.byline)
    return "\n".join(part for part in (titles(paintings), bylines) if part)


def one_line(*paintings: Work) -> str:
    """Titles, artists and years, as far as they are known, in one line."""
    return credit_lines(*paintings).replace("\n", ", ")


def list_credits(paintings: Sequence[Work]) -> str:
    """The list of works in the film's order, each with title, artist, year and file name.

    Folders are left out, because the list is meant to be published.
    """
    works = []
    for number, painting in enumerate(paintings, start=1):
        # A file name may contain line ends, which must not break the list.
        lines = [*credit_lines(painting).split("\n"), painting.path.absolute().name]
        first, *others = (" ".join(line.split()) for line in lines)
        works.append("\n".join([f"{number}. {first}", *(f"   {line}" for line in others)]))
    return "\n\n".join(works) + "\n"
