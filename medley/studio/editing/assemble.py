"""A film of pictures that are already there: finished shots, or folders of pictures; no torch."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from medley.errors import PictureError
from medley.files import in_full, part_files
from medley.film.timeline import ShotTrack
from medley.film.visual import visual_change
from medley.images import Pixels, decode, read_picture, resize, size_for_pixels
from medley.media.probe import FilmFacts
from medley.settings import FilmSettings
from medley.studio.editing.credits import caption_of, choose_captions, credit_lines
from medley.studio.editing.cut import Outputs, Stretch, cut_medley, stretch_of
from medley.studio.editing.reels import Reel, Tell
from medley.studio.editing.sidecar import (
    describe_film,
    describe_run,
    describe_work,
    lay_beside,
    versions,
)
from medley.workspace import Workspace

Watch = Callable[[str, int, int], None]


def assemble(
    reels: Sequence[Reel],
    outputs: Outputs,
    film: FilmSettings,
    watch: Watch,
    on_frame: Callable[[int, int], None],
    tell: Tell,
) -> FilmFacts:
    """Cut reels into a film, with its poster, credits and sidecar; no shot is taken.

    All of them appear when the last of them is whole.

    Args:
        reels: in the film's order.
        outputs: where the files go.
        film: pace, rate and quality, and what lies over the pictures.
        watch: told of pictures that are compared: what, how many, of how many.
        on_frame: called with the number of frames written and their total.
        tell: told what the film goes without, a line each.

    Raises:
        FilmError: the film cannot be laid out or encoded.
        OutputError: a file cannot be written, or a shot is torn.
        PictureError: a picture is unreadable.
    """
    tell = cache(tell)  # many shots may lack the same painting
    film = film.model_copy(update={"captions": choose_captions(reels, film)})
    for root in {reel.shot.path.parent.parent for reel in reels if reel.shot}:
        Workspace(root).note_film(outputs.sidecar)
    contents: list[Pixels] = []
    stretches = []
    for number, reel in enumerate(reels, start=1):
        content = decode(reel.pictures[0])
        place = next((at for at, one in enumerate(contents) if np.array_equal(one, content)), None)
        if place is None:
            place = len(contents)
            contents.append(content)
        stretches.append(_stretch(reel, caption_of([reel], number, film), place, film, watch, tell))
    if film.sparkline != "none" and not any(one.losses for one in stretches):
        tell("these pictures have no trace of losses; the film goes without --sparkline")
    with part_files(*outputs.all) as (*beside, part):
        facts = cut_medley(contents, stretches, film, outputs.film, on_frame, part)
        works = [
            (one.painting, one.read(one.track.steps[-1]), credit_lines(reel))
            for one, reel in zip(stretches, reels, strict=True)
        ]
        first = contents[0], reels[0].content
        lay_beside(beside, _sidecar(reels, film, facts), reels, first, works)
    return facts


def changes_of(pictures: Sequence[Path], watch: Callable[[int, int], None]) -> list[float]:
    """How much each picture changes against the one before it; the first not at all.

    Args:
        pictures: of one size.
        watch: called with how many have been compared, and how many there are.

    Raises:
        PictureError: one is unreadable.
    """
    changes = [0.0]
    total = len(pictures) - 1
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ahead = 2 * (os.cpu_count() or 1)
        # A few pairs at a time, so that no more than a few pictures are in memory.
        for start in range(0, total, ahead):
            part = pictures[start : start + ahead + 1]
            changes += pool.map(lambda pair: visual_change(*pair), pairwise(pool.map(decode, part)))
            watch(len(changes) - 1, total)
    return changes


def _stretch(
    reel: Reel, caption: str, content: int, film: FilmSettings, watch: Watch, tell: Tell
) -> Stretch:
    painting = _painting(reel, tell)
    if reel.shot:
        return stretch_of(reel.shot, caption, painting, content)
    paths = list(reel.pictures.values())
    changes = [0.0] * len(paths)
    if film.pace != "even":  # which would not look at them
        changes = changes_of(paths, lambda done, of: watch(f"comparing {reel.title}", done, of))
    track = ShotTrack(tuple(reel.pictures), tuple(changes))
    return Stretch(track, lambda step: decode(reel.pictures[step]), caption, painting, {}, content)


def _painting(reel: Reel, tell: Tell) -> Pixels | None:
    """A shot's painting at about the pictures' area, if its file is still there."""
    if reel.path.is_dir():
        return None
    try:
        picture = read_picture(reel.path)
        height, width, _ = decode(reel.pictures[0]).shape
        size = size_for_pixels(picture.height, picture.width, height * width)
        return np.asarray(resize(picture, *size, reel.path))
    except PictureError as error:
        tell(f"{error}; the film goes without it")
        return None


def _sidecar(reels: Sequence[Reel], film: FilmSettings, facts: FilmFacts) -> dict[str, Any]:
    works = []
    for reel in reels:
        source = {"shot": reel.shot.key} if reel.shot else {"pictures": in_full(reel.folder)}
        works.append({**describe_work(reel.title, reel.entry), **source, **reel.facts})
    return {
        **describe_run("assemble"),
        "settings": film.model_dump(mode="json"),
        "workspace": next(
            (in_full(one.shot.path.parent.parent) for one in reels if one.shot), None
        ),
        "paintings": works,
        "film": describe_film(facts),
        "versions": versions(),
    }
