"""The film of a clip that was repainted: as long as the clip, to the frame, and with its sound."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, overload

from medley.files import in_full, part_files
from medley.film.mix import mix
from medley.film.timeline import Frame, Still, walk_shares
from medley.images import Pixels
from medley.media.film_file import Chapter, FilmFacts
from medley.media.sound import ClipSound
from medley.moments import stem_of
from medley.settings import ClipOrder, FilmSettings
from medley.settings.film import SILENT, format_of
from medley.studio.editing.beside import (
    describe_content,
    describe_film,
    describe_machine,
    describe_order,
    describe_painting,
    describe_run,
    tags_of,
    write_beside,
)
from medley.studio.editing.credits import caption_of, credit_lines, one_line
from medley.studio.editing.cut import Drift, Segment, cut_medley, segment_of
from medley.studio.film_spec import FilmSpec, settled_order
from medley.studio.picture_cache import PictureCache
from medley.studio.shooting.footage import Following, Footage
from medley.studio.shooting.spec import ShotSpec
from medley.transfer.style_path import Turns

_KEPT = 64  # frames of the clip that are kept, because they are asked for on several threads


def cut_clip(
    film: FilmSpec,
    order: ClipOrder,
    pictures: PictureCache,
    on_frame: Callable[[int, int], None],
) -> FilmFacts:
    """Cut a repainted clip into a film, with its poster, credits and sidecar.

    None of the files appears before all of them are whole.

    Args:
        film: film whose two shots are finished.
        order: order of the film.
        pictures: cache that gives the pixels of paintings.
        on_frame: called with the number of frames written and their total.

    Raises:
        FilmError: the clip cannot be read any more, or the film cannot be encoded.
        OutputError: a file cannot be written.
        PictureError: a picture cannot be read any more.
    """
    _, shot = film.shots
    if shot.following is None:
        raise ValueError("the second shot of a clip follows it")
    footage, works = shot.following.footage, shot.paintings
    again = settled_order(film, order)
    shown = FilmSettings(**dict(again.film), loop=False)
    clip, played = footage.clip, _Played(footage)
    segment = segment_of(film.workspace.shot(shot.key), "", None)
    captioned = [
        replace(
            segment,
            caption=caption_of([work], number, again.film),
            painting=pictures.pixels(work.picture),
        )
        for number, work in enumerate(works, start=1)
    ]
    shares, passed = _passing(shot, clip.frame_count)
    timeline = [Frame(Still(number, number), None, 0.0) for number in range(clip.frame_count)]
    drift = Drift(timeline, captioned, shares)
    parts = (Chapter(at, one_line(works[number])) for at, number in passed)
    tags = tags_of(order.kind, again, parts)
    sound = None
    if again.film.audio != SILENT and clip.sound and format_of(film.path).sound:
        sound = ClipSound(clip.path, clip.sound, clip.start_s)
    segments = _Segments(segment, clip.frame_count)
    with part_files(*film.outputs.all) as (*beside, part):
        facts = cut_medley(
            played, segments, shown, film.path, on_frame, part, drift, tags, sound
        )  # fmt: skip
        results = [
            (
                captioned[number].painting,
                mix(played[at], segment.read(at), shown.strength),
                credit_lines(works[number]),
            )
            for at, number in passed[: len(works)]  # all of them once
        ]
        about = _sidecar(film, order, again, facts, passed)
        content = footage.first.pixels(), stem_of(clip.path)
        write_beside(beside, about, works, content, results)
    return facts


def _passing(spec: ShotSpec, frames: int) -> tuple[list[dict[int, float]], list[tuple[int, int]]]:
    """Which painting each frame belongs to, and at which frames each is passed, first and last."""
    count, walk = len(spec.paintings), spec.blend.walk
    if walk is None:
        return [{0: 1.0}] * frames, [(0, 0)]
    if isinstance(walk, Turns):
        passed = [(at, number % count) for number, at in enumerate((0, *walk.at))]
        return [{walk.weights(number, count).index(1.0): 1.0} for number in range(frames)], passed
    lap = walk_shares(walk.lap, count)
    shares = [lap[number % walk.lap] for number in range(frames)]
    passed, at, number = list[tuple[int, int]](), Fraction(0), 0
    while round(at) < frames:
        passed.append((round(at), number % count))
        number += 1
        at = Fraction(walk.lap * number, count)
    return shares, passed


class _Segments(Sequence[Segment]):
    """A segment for each frame, which has a content of its own."""

    def __init__(self, segment: Segment, count: int) -> None:
        self._segment, self._count = segment, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> Segment: ...

    @overload
    def __getitem__(self, number: slice) -> list[Segment]: ...

    def __getitem__(self, number: int | slice) -> Segment | list[Segment]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(self._count))]
        if not 0 <= number < self._count:
            raise IndexError(number)
        return replace(self._segment, content=number)


class _Played(Sequence[Pixels]):
    """A clip's frames by number, decoded as they are asked for in about their order."""

    def __init__(self, footage: Footage) -> None:
        self._footage = footage
        self._frames: Generator[Pixels] | None = None
        self._next = 0
        self._kept: deque[Pixels] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._footage.clip.frame_count

    @overload
    def __getitem__(self, number: int) -> Pixels: ...

    @overload
    def __getitem__(self, number: slice) -> list[Pixels]: ...

    def __getitem__(self, number: int | slice) -> Pixels | list[Pixels]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if number == 0:
            return self._footage.first.pixels()
        if not 0 <= number < len(self):
            raise IndexError(number)
        with self._lock:
            if self._frames is None or number < self._next - len(self._kept):
                self._begin()
            while self._frames and self._next <= number:
                self._kept.append(next(self._frames))
                self._next += 1
            return self._kept[number - self._next]

    def _begin(self) -> None:
        if self._frames:
            self._frames.close()
        self._frames, self._next = self._footage.frames(), 0
        self._kept.clear()


def _sidecar(
    film: FilmSpec,
    order: ClipOrder,
    again: ClipOrder,
    facts: FilmFacts,
    passed: Sequence[tuple[int, int]],
) -> dict[str, Any]:
    opening, shot = film.shots
    done = [film.workspace.shot(spec.key).done() for spec in film.shots]
    following: Following | None = shot.following
    return {
        **describe_run("clip"),
        "order": describe_order(again),
        "content": describe_content(shot.content),
        "settings": {
            **order.shot.model_dump(mode="json"),
            **order.catalog.model_dump(mode="json"),
            **order.part.model_dump(mode="json"),
            **order.clip.model_dump(mode="json"),
            **again.film.model_dump(mode="json"),
        },
        "workspace": in_full(film.workspace.root),
        "weights": shot.weights,
        "opening": {"shot": opening.key, **done[0]},
        "clip": {"shot": shot.key, **(following.facts["clip"] if following else {}), **done[1]},
        "paintings": [
            {
                **describe_painting(work),
                "frames": [at for at, passing in passed if passing == number],
            }
            for number, work in enumerate(shot.paintings)
        ],
        "skipped": film.drawn.skipped,
        "film": describe_film(facts),
        **describe_machine(film),
    }
