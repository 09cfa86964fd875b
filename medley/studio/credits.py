"""Who painted what: the captions on a film, the labels on its poster, and the list beside it."""

from collections.abc import Sequence
from typing import Literal

from medley.paintings import Painting
from medley.settings import FilmSettings

Captions = Literal["none", "number", "title", "full"]


def choose_captions(paintings: Sequence[Painting], film: FilmSettings) -> Captions:
    """What "auto" comes to: titles if a catalog gives at least one, else none."""
    if film.captions != "auto":
        return film.captions
    return "title" if any(painting.is_known for painting in paintings) else "none"


def caption_of(painting: Painting, number: int, film: FilmSettings) -> str:
    """What is written on a painting's part of the film; "" for nothing."""
    kinds = {
        "number": str(number),
        "title": painting.title,
        "full": credit_lines(painting),
    }
    return kinds.get(film.captions, "")


def credit_lines(painting: Painting) -> str:
    """Title, and beneath it artist and year if they are known."""
    return "\n".join(part for part in (painting.title, painting.byline) if part)


def list_credits(paintings: Sequence[Painting]) -> str:
    """All works in the film's order, each with title, artist and year, and file."""
    works = []
    for number, painting in enumerate(paintings, start=1):
        # A file name may hold line ends; everything keeps to its line.
        lines = [*credit_lines(painting).split("\n"), str(painting.path)]
        first, *others = (" ".join(line.split()) for line in lines)
        works.append("\n".join([f"{number}. {first}", *(f"   {line}" for line in others)]))
    return "\n\n".join(works) + "\n"
