"""Films of pictures that are there already: finished shots, or folders of pictures; no torch."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from medley.errors import FilmError, PictureError, Setting, listed
from medley.events import Event, Listener, stage
from medley.files import in_full, part_files
from medley.film.timeline import ShotTrack, walk_shares, walk_timeline
from medley.film.visual import visual_change
from medley.images import Pixels, decode, read_picture, resize, size_for_pixels
from medley.media.film_file import Chapter, FilmFacts
from medley.settings import FilmSettings
from medley.settings.film import UNCHAINED
from medley.studio.editing.beside import (
    describe_film,
    describe_run,
    describe_settings,
    describe_work,
    tags_of,
    versions,
    write_beside,
)
from medley.studio.editing.credits import caption_of, choose_captions, credit_lines, one_line
from medley.studio.editing.cut import Drift, Segment, chapters, cut_medley, segment_of
from medley.studio.editing.frame_sources import FrameSource, Passing, Warn
from medley.studio.editing.outputs import Outputs
from medley.workspace.store import Workspace

_SEEN = 0.02  # visual change that one can just tell apart


def assemble(
    sources: Sequence[FrameSource],
    outputs: Outputs,
    film: FilmSettings,
    listener: Listener,
    warn: Warn,
) -> FilmFacts:
    """Cut sources into a film, with its poster, credits and sidecar; no shot is taken.

    None of the files appears before all of them are whole.

    Args:
        sources: sources of the frames, in the film's order.
        outputs: paths of the files.
        film: pace, rate and quality, and overlays.
        listener: takes "stage" events while pictures are compared, and "cutting" for frames.
        warn: takes a line about each thing that the film goes without.

    Raises:
        FilmError: the film cannot be laid out or encoded.
        OutputError: a file cannot be written, or a shot is damaged.
        PictureError: a picture is unreadable.
    """
    warn = cache(warn)  # many shots may lack the same painting
    film = film.model_copy(update={"captions": choose_captions(sources, film)})
    roots = dict.fromkeys(one.shot.path.parent.parent for one in sources if one.shot)
    kept = [Workspace(root) for root in roots]
    for workspace in kept:
        workspace.note_film(outputs.sidecar)
    contents, segments = _read_sources(sources, film, listener, warn)
    if film.sparkline != "none" and not any(one.losses for one in segments):
        warn("these pictures have no trace of losses; the film goes without the sparkline")

    def on_frame(frame: int, frames: int) -> None:
        listener(Event("cutting", str(outputs.film), step=frame, steps=frames))

    drift = _drift_of(sources, segments)
    shown = segments[:1] if drift else segments
    tags = tags_of("assemble", film, _chapters(sources, film))
    own = next((outputs.claimed(one) for one in kept if one.folder.is_dir()), nullcontext())
    with own, part_files(*outputs.all) as (*beside, part):
        facts = cut_medley(contents, shown, film, outputs.film, on_frame, part, drift, tags)
        works = [
            (one.painting, one.read(_result(one, source, drift)), credit_lines(source))
            for one, source in zip(segments, sources, strict=True)
        ]
        first = contents[0], sources[0].content
        write_beside(beside, _sidecar(sources, film, facts), sources, first, works)
    return facts


def check_walk(walk: Passing, film: FilmSettings, order: str | None) -> None:
    """Check that nothing is asked of a walk that its steps, which are its frames, have settled.

    Args:
        walk: what is known of it.
        film: settings that are asked for.
        order: order of its parts that is asked for.

    Raises:
        FilmError: something is.
    """
    names = ("seconds_per_painting", "hold", "pace", "transition", "loop", "sparkline")
    asked = {name: getattr(film, name) for name in names} | {"order": order}
    own = {name: FilmSettings.model_fields[name].default for name in names} | {"order": None}
    for name, value in asked.items():
        if value != own[name] and (name, value) != ("seconds_per_painting", walk.seconds):
            raise FilmError(
                Setting(name, value), " is not for a walk, whose frames are its steps one by one;"
                " leave it out, or take another walk",
            )  # fmt: skip


def _chapters(sources: Sequence[FrameSource], film: FilmSettings) -> tuple[Chapter, ...]:
    """A chapter for each source; a walk's begins where it passes the painting."""
    walk = [Chapter(one.passing.frame, one_line(one)) for one in sources if one.passing]
    return tuple(walk) or chapters([one_line(source) for source in sources], film)


def _drift_of(sources: Sequence[FrameSource], segments: Sequence[Segment]) -> Drift | None:
    """What a walk shows, if the sources are one."""
    lap = sources[0].passing
    if lap is None:
        return None
    timeline = walk_timeline(lap.frames, lap.lead, lap.every)
    return Drift(timeline, segments, walk_shares(lap.frames, len(sources)))


def _result(segment: Segment, source: FrameSource, drift: Drift | None) -> int:
    """The step that shows what became of the photo after a source's painting."""
    if drift and source.passing:
        return drift.timeline[source.passing.frame].first.step
    return segment.track.steps[-1]


def _read_sources(
    sources: Sequence[FrameSource], film: FilmSettings, listener: Listener, warn: Warn
) -> tuple[list[Pixels], list[Segment]]:
    """Read the photos, each different one once, and the segment of each source."""
    contents: list[Pixels] = []
    segments = []
    for number, source in enumerate(sources, start=1):
        content = decode(source.passing.photo if source.passing else source.pictures[0])
        place = next((at for at, one in enumerate(contents) if np.array_equal(one, content)), None)
        if place is None:
            place = len(contents)
            contents.append(content)
        caption = caption_of([source], number, film)
        segments.append(_segment(source, caption, place, film, listener, warn))
    return contents, segments


def check_chain(sources: Sequence[FrameSource]) -> None:
    """Check that each part begins where the one before it ends, as those of a chain do.

    Raises:
        FilmError: one does not, and the film would jump there.
        PictureError: a picture is unreadable.
    """
    for before, after in pairwise(sources):
        if not _goes_on(before, after):
            raise FilmError(
                Setting("transition", "chain"),
                f" needs shots that go on from one another, and '{after.title}' does not begin with"
                f" the result of '{before.title}'; pass {listed(UNCHAINED)}, or render the film"
                " anew as a chain",
            )


def _goes_on(before: FrameSource, after: FrameSource) -> bool:
    """Whether a part begins with the result of the one before, by what is told of it or is seen."""
    told = after.shot.description.get("start", "") if after.shot else ""
    if before.shot and told == f"shot:{before.shot.key}":
        return True
    result, start = (
        decode(one.pictures[at]) for one, at in ((before, max(before.pictures)), (after, 0))
    )
    return result.shape == start.shape and visual_change(result, start) < _SEEN


def changes_of(pictures: Sequence[Path], on_progress: Callable[[int, int], None]) -> list[float]:
    """Measure the visual change of each picture against the one before it; the first has 0.

    Args:
        pictures: files of pictures of one size.
        on_progress: called with the number of pictures compared, and of all.

    Raises:
        PictureError: a picture is unreadable.
    """
    changes = [0.0]
    total = len(pictures) - 1
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ahead = 2 * (os.cpu_count() or 1)
        # A few pairs at a time, so that no more than a few pictures are in memory.
        for start in range(0, total, ahead):
            part = pictures[start : start + ahead + 1]
            changes += pool.map(lambda pair: visual_change(*pair), pairwise(pool.map(decode, part)))
            on_progress(len(changes) - 1, total)
    return changes


def _segment(
    source: FrameSource,
    caption: str,
    content: int,
    film: FilmSettings,
    listener: Listener,
    warn: Warn,
) -> Segment:
    painting = _painting(source, warn)
    if source.shot:
        segment = segment_of(source.shot, caption, painting, content)
        # A walk's losses do not tell how near it comes to a painting.
        return replace(segment, losses={}) if source.passing else segment
    paths = list(source.pictures.values())
    changes = [0.0] * len(paths)
    if film.pace != "even":  # an even pace does not depend on changes
        what = f"comparing {source.title}"
        changes = changes_of(paths, lambda done, of: listener(stage(what, done, of)))
    track = ShotTrack(tuple(source.pictures), tuple(changes))

    def read(step: int) -> Pixels:
        return decode(source.pictures[step])

    return Segment(track, read, caption, painting, {}, content)


def _painting(source: FrameSource, warn: Warn) -> Pixels | None:
    """The pixels of a shot's painting at about the pictures' area, if its file can be read."""
    if source.path.is_dir():
        return None
    try:
        picture = read_picture(source.path)
        height, width, _ = decode(source.pictures[0]).shape
        size = size_for_pixels(picture.height, picture.width, height * width)
        return np.asarray(resize(picture, *size, source.path))
    except PictureError as error:
        warn(f"{error}; the film goes without it")
        return None


def _sidecar(
    sources: Sequence[FrameSource], film: FilmSettings, facts: FilmFacts
) -> dict[str, Any]:
    works = []
    for one in sources:
        place: dict[str, Any] = {"pictures": in_full(one.folder)}
        if one.shot:
            place = {"frame": one.passing.frame} if one.passing else {"shot": one.shot.key}
        works.append({**describe_work(one.title, one.entry), **place, **one.facts})
    return {
        **describe_run("assemble"),
        **_describe_walk(sources[0]),
        "settings": describe_settings(film),
        "workspace": next(
            (in_full(one.shot.path.parent.parent) for one in sources if one.shot), None
        ),
        "paintings": works,
        "film": describe_film(facts),
        "versions": versions(),
    }


def _describe_walk(source: FrameSource) -> dict[str, Any]:
    """The sidecar's facts about the walk that the film was cut from, if it was one."""
    passing = source.passing
    if not (passing and source.shot):
        return {}
    opening = passing.photo.parent.parent.name
    walk = {"lead_frames": passing.lead, "steps_per_frame": passing.every}
    return {"opening": {"shot": opening}, "walk": {"shot": source.shot.key, **walk}}
