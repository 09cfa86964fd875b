"""The film of a photo that drifts through paintings, and what lies beside it: written together."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from medley.files import part_files
from medley.images import Pixels
from medley.media.film_file import Chapter, FilmFacts, Tags
from medley.paintings.draws import Painting
from medley.settings import CutSettings
from medley.studio.editing.beside import describe_film, describe_run, versions, write_beside
from medley.studio.editing.credits import credit_lines, one_line
from medley.studio.editing.cut import encode
from medley.studio.editing.outputs import Outputs


class Drift(NamedTuple):
    """What is to be written.

    Attributes:
        photo: the photo, uint8 RGB `(height, width, 3)`, with its caption.
        works: the paintings that are passed, and the frame at which each is.
        frames: the pictures of the film, as they are made, and how many there are.
        results: what becomes of the photo at each painting, made when the film is written.
    """

    photo: tuple[Pixels, str]
    works: Sequence[tuple[Painting[None], int]]
    frames: tuple[Iterator[Pixels], int]
    results: Iterable[Pixels]


def write_drift(
    drift: Drift,
    output: Path,
    settings: CutSettings,
    facts: Mapping[str, Any],
    tell: Callable[[int, int], None],
) -> tuple[FilmFacts, dict[str, Any]]:
    """Write film, poster, credits and sidecar; none appears before all of them are whole.

    Args:
        drift: what is to be written.
        output: file of the film.
        settings: encoding.
        facts: what film and sidecar say of how it was made.
        tell: takes, after each frame, how many there were and how many there are.

    Returns:
        The film as it was read back, and the facts with those of the film.

    Raises:
        FilmError: ffmpeg fails.
        OutputError: a file cannot be written.
    """
    began, (frames, count) = time.monotonic(), drift.frames
    chapters = tuple(Chapter(at, one_line(work)) for work, at in drift.works)
    tags = Tags(chapters, json.dumps(facts))
    with part_files(*Outputs(output).all) as (*beside, part):
        size = drift.photo[0].shape[:2]
        film = encode(frames, count, size, settings, output, tell, part, tags)
        results = [
            (None, picture, credit_lines(work))
            for picture, (work, _) in zip(drift.results, drift.works, strict=True)
        ]
        seconds = round(time.monotonic() - began, 3)
        told = {**facts, "film": describe_film(film), "seconds": seconds}
        about = {**describe_run("apply"), **told, "versions": versions()}
        write_beside(beside, about, [work for work, _ in drift.works], drift.photo, results)
    return film, told
