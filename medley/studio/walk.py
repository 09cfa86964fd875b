"""The style walk's film: a picture that follows a target through the paintings, in a lap."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from medley.files import in_full, part_files
from medley.film.mix import mix
from medley.media.film_file import Chapter, FilmFacts
from medley.moments import stem_of
from medley.settings import FilmSettings, WalkOrder
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
from medley.studio.editing.cut import Drift, cut_medley, segment_of
from medley.studio.film_shots import lap_of
from medley.studio.film_spec import FilmSpec, settled_order
from medley.studio.picture_cache import PictureCache


def cut_walk(
    film: FilmSpec,
    order: WalkOrder,
    pictures: PictureCache,
    on_frame: Callable[[int, int], None],
) -> FilmFacts:
    """Cut a finished walk into a film, with its poster, credits and sidecar.

    None of the files appears before all of them are whole.

    Args:
        film: film whose two shots are finished.
        order: order of the film.
        pictures: cache that gives the pixels of photo and paintings.
        on_frame: called with the number of frames written and their total.

    Raises:
        FilmError: the film cannot be encoded.
        OutputError: a file cannot be written.
        PictureError: a picture cannot be read any more.
    """
    _, walk = film.shots
    works = walk.paintings
    again = settled_order(film, order)
    settings = again.film
    shown = FilmSettings(**dict(settings))
    lap = lap_of(order, len(works))
    photo = pictures.pixels(walk.content)
    segment = segment_of(film.workspace.shot(walk.key), "", None)
    captioned = [
        replace(
            segment,
            caption=caption_of([work], number, settings),
            painting=pictures.pixels(work.picture),
        )
        for number, work in enumerate(works, start=1)
    ]
    timeline = lap.timeline(order.walk.steps_per_frame)
    drift = Drift(timeline, captioned, lap.shares(len(works)))
    passed = lap.passed(len(works))
    parts = (Chapter(at, one_line(work)) for work, at in zip(works, passed, strict=True))
    tags = tags_of(order.kind, again, parts)
    with part_files(*film.outputs.all) as (*beside, part):
        facts = cut_medley([photo], [segment], shown, film.path, on_frame, part, drift, tags)
        results = [
            (
                one.painting,
                mix(photo, segment.read(timeline[at].first.step), shown.strength),
                credit_lines(work),
            )
            for one, work, at in zip(captioned, works, passed, strict=True)
        ]
        about = _sidecar(film, order, again, facts, passed)
        write_beside(beside, about, works, (photo, stem_of(walk.content.path)), results)
    return facts


def _sidecar(
    film: FilmSpec,
    order: WalkOrder,
    again: WalkOrder,
    facts: FilmFacts,
    passed: Sequence[int],
) -> dict[str, Any]:
    opening, walk = film.shots
    done = [film.workspace.shot(spec.key).done() for spec in film.shots]
    return {
        **describe_run("walk"),
        "order": describe_order(again),
        "content": describe_content(walk.content),
        "settings": {
            **order.shot.model_dump(mode="json"),
            **order.catalog.model_dump(mode="json"),
            **order.walk.model_dump(mode="json"),
            **again.film.model_dump(mode="json"),
        },
        "workspace": in_full(film.workspace.root),
        "weights": walk.weights,
        "opening": {"shot": opening.key, **done[0]},
        "walk": {
            "shot": walk.key,
            "lead_frames": lap_of(order, len(walk.paintings)).lead,
            **done[1],
        },
        "paintings": [
            {**describe_painting(work), "frame": at}
            for work, at in zip(walk.paintings, passed, strict=True)
        ],
        "skipped": film.drawn.skipped,
        "film": describe_film(facts),
        **describe_machine(film),
    }
