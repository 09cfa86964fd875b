"""The medley's film: shots of one photo after many paintings, joined."""

from collections.abc import Callable
from typing import Any

from medley.files import in_full, part_files
from medley.film.mix import mix
from medley.film.poster import side_by_side
from medley.media.film_file import FilmFacts
from medley.moments import stem_of
from medley.settings import RenderOrder
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
from medley.studio.editing.cut import chapters, cut_medley, segment_of
from medley.studio.film_spec import FilmSpec, settled_order
from medley.studio.picture_cache import PictureCache


def cut_render(
    film: FilmSpec,
    order: RenderOrder,
    pictures: PictureCache,
    on_frame: Callable[[int, int], None],
) -> FilmFacts:
    """Cut finished shots into a medley, with its poster, credits and sidecar.

    None of the files appears before all of them are whole.

    Args:
        film: film whose shots are all finished.
        order: order of the film.
        pictures: cache that gives the pixels of photo and paintings.
        on_frame: called with the number of frames written and their total.

    Raises:
        FilmError: the film cannot be laid out or encoded.
        OutputError: a file cannot be written.
        PictureError: a picture cannot be read any more.
    """
    workspace = film.workspace
    again = settled_order(film, order)
    settings = again.film
    content = film.shots[0].content
    photo = pictures.pixels(content)
    segments = [
        segment_of(
            workspace.shot(spec.key),
            caption_of(spec.paintings, number, settings),
            side_by_side([pictures.pixels(work.picture) for work in spec.paintings]),
        )
        for number, spec in enumerate(film.shots, start=1)
    ]
    names = [one_line(*spec.paintings) for spec in film.shots]
    tags = tags_of(order.kind, again, chapters(names, settings))
    with part_files(*film.outputs.all) as (*beside, part):
        facts = cut_medley([photo], segments, settings, film.path, on_frame, part, tags=tags)
        works = [
            (
                one.painting,
                mix(photo, one.read(one.track.steps[-1]), settings.strength),
                credit_lines(*spec.paintings),
            )
            for one, spec in zip(segments, film.shots, strict=True)
        ]
        about = _sidecar(film, order, again, facts)
        write_beside(beside, about, film.works, (photo, stem_of(content.path)), works)
    return facts


def _sidecar(
    film: FilmSpec,
    order: RenderOrder,
    again: RenderOrder,
    facts: FilmFacts,
) -> dict[str, Any]:
    return {
        **describe_run("render"),
        "order": describe_order(again),
        "content": describe_content(film.shots[0].content),
        "settings": {
            **order.shot.model_dump(mode="json"),
            **order.catalog.model_dump(mode="json"),
            **order.blend.model_dump(mode="json"),
            **again.film.model_dump(mode="json"),
        },
        "workspace": in_full(film.workspace.root),
        "weights": film.shots[0].weights,
        "paintings": [
            {**describe_painting(work), "shot": spec.key, **film.workspace.shot(spec.key).done()}
            for spec in film.shots
            for work in spec.paintings
        ],
        "skipped": film.drawn.skipped,
        "film": describe_film(facts),
        **describe_machine(film),
    }
