"""The sweep's film: the same shots with the network stored in many ways, side by side, measured."""

from collections.abc import Callable, Sequence
from typing import Any

from medley.events import Listener
from medley.files import json_bytes, part_files
from medley.media.film_file import Chapter, FilmFacts
from medley.moments import stem_of
from medley.settings import CutSettings, SweepOrder
from medley.studio.editing.beside import (
    describe_content,
    describe_film,
    describe_machine,
    describe_order,
    describe_painting,
    describe_run,
    tags_of,
)
from medley.studio.editing.credits import list_credits, one_line
from medley.studio.editing.cut import chapters
from medley.studio.editing.measure import (
    Measure,
    describe_measures,
    describe_network,
    summarize,
)
from medley.studio.editing.panes import Pane, Part, cut_panes
from medley.studio.editing.report import draw_sheet, draw_sweep, list_measures
from medley.studio.editing.scoring import measure_sweep
from medley.studio.film_spec import FilmSpec, pairs_of, reference_in, settled_order, shown_in
from medley.studio.picture_cache import PictureCache


def cut_sweep(
    film: FilmSpec,
    order: SweepOrder,
    listener: Listener,
    pictures: PictureCache,
    on_frame: Callable[[int, int], None],
) -> tuple[FilmSpec, FilmFacts, list[Measure]]:
    """Measure the networks and cut the film, with sheet, table, chart, credits and sidecar.

    None of the files appears before all of them are whole.

    Args:
        film: film whose shots are all finished.
        order: order of the film.
        listener: takes "stage" events while networks are loaded and pictures are scored.
        pictures: cache that gives the pixels of photos and paintings.
        on_frame: called with the number of frames written and their total.

    Returns:
        The film with its networks measured, facts of its file, and a row for each pair and network.

    Raises:
        FilmError: the film cannot be laid out or encoded.
        OutputError: a file cannot be written.
        PictureError: a picture cannot be read any more.
        WeightsError: weights are no longer there.
    """
    film, measures = measure_sweep(film, listener)
    again = settled_order(film, order)
    settings = again.film
    networks, reference = list(film.networks), reference_in(film)
    shown = shown_in(film, order)
    columns = [networks.index(network) for network in shown]
    shot, pixels = film.workspace.shot, pictures.pixels
    pairs = [
        [
            Pane(spec, shot(spec.key), pixels(spec.content), pixels(spec.paintings[0].picture))
            for spec in pair
        ]
        for pair in pairs_of(film)
    ]
    parts = [
        Part(
            [panes[at] for at in columns],
            [network.label for network in shown],
            panes[networks.index(reference)],
        )
        for panes in pairs
    ]
    rows = [measures[at : at + len(networks)] for at in range(0, len(measures), len(networks))]
    tags = tags_of(order.kind, again, _chapters(film, order, settings))
    with part_files(*film.outputs.all) as (sidecar, credit_list, sheet, table, chart, part):
        facts = cut_panes(parts, order.sweep.layout, settings, film.path, on_frame, part, tags)
        sheet.write_bytes(draw_sheet(pairs, rows))
        table.write_bytes(list_measures(measures))
        chart.write_bytes(draw_sweep(summarize(measures), reference, len(pairs)))
        credit_list.write_bytes(list_credits(film.drawn.paintings).encode(errors="replace"))
        about = _sidecar(film, order, again, measures, facts)
        sidecar.write_bytes(json_bytes(about))
    return film, facts, measures


def _chapters(film: FilmSpec, order: SweepOrder, settings: CutSettings) -> tuple[Chapter, ...]:
    """A chapter for each photo and painting, and for each network where they take turns."""
    names = []
    for pair in pairs_of(film):
        photo = f"{stem_of(pair[0].content.path)}: " if len(order.content) > 1 else ""
        name = f"{photo}{one_line(*pair[0].paintings)}"
        turns = shown_in(film, order) if order.sweep.layout == "sequence" else ()
        names += [f"{name}, {network.label}" for network in turns] or [name]
    return chapters(names, settings)


def _sidecar(
    film: FilmSpec,
    order: SweepOrder,
    again: SweepOrder,
    measures: Sequence[Measure],
    facts: FilmFacts,
) -> dict[str, Any]:
    contents = {pair[0].content.path: describe_content(pair[0].content) for pair in pairs_of(film)}
    return {
        **describe_run("sweep"),
        "order": describe_order(again),
        "contents": list(contents.values()),
        "paintings": [describe_painting(painting) for painting in film.drawn.paintings],
        "settings": {
            **order.shot.model_dump(mode="json", exclude={"bits", "weights"}),
            **order.catalog.model_dump(mode="json"),
            **again.film.model_dump(mode="json", exclude={"captions"}),
            **order.sweep.model_dump(mode="json"),
        },
        "reference": reference_in(film).label,
        "networks": [describe_network(network) for network in film.networks],
        **describe_measures(measures, reference_in(film)),
        "skipped": film.drawn.skipped,
        "film": describe_film(facts),
        **describe_machine(film),
    }
