"""What `medley assemble` does: finished shots and numbered pictures become a film."""

from pathlib import Path
from typing import NamedTuple

import click

from medley.cli.films import closing_line
from medley.cli.progress import display
from medley.cli.words import counted
from medley.film.encode import check_frame
from medley.settings import FilmSettings
from medley.studio.editing.assemble import assemble, check_chain, check_walk
from medley.studio.editing.cut import check_film, layout_of, title_notes
from medley.studio.editing.frame_sources import check_sizes, find_sources, parse_order
from medley.studio.editing.outputs import Outputs, check_output
from medley.workspace.store import Workspace


class Request(NamedTuple):
    """What was asked for besides the film's settings; the options of the command."""

    sources: tuple[str, ...]
    workspace: Path
    order: str | None
    prefix: str | None
    force: bool
    quiet: bool


def assemble_film(request: Request, path: Path, asked: FilmSettings) -> None:
    """Find the parts of a film and cut it; its path goes to standard output.

    Args:
        request: sources of the film, and what happens to its files.
        path: path of the film.
        asked: settings of the film, with a rate that is not yet the format's.
    """
    film, outputs = asked.fitted(path), Outputs(path)
    named = [Path(source) for source in request.sources]
    with display(request.quiet) as show:
        outputs.check_own()
        outputs.check(True, named)  # whether one that is there may be replaced is told of last
        check_output(path, asked)
        kept = Workspace(request.workspace)
        found = find_sources(request.sources, kept, request.prefix, show.warn)
        if walk := found[0].passing:
            check_walk(walk, film, request.order)
        notes = check_output(path, asked, walk.frames if walk else None)
        for note in notes + (title_notes(film, walk.frames) if walk else []):
            show.warn(note)
        if request.order is not None:
            found = [found[place] for place in parse_order(request.order, len(found))]
        if walk is None:
            check_film(len(found), film)
        sizes = check_sizes(found, film.resolution is not None)
        frame = layout_of(sizes, film)
        check_frame(path, film, frame.height, frame.width)
        if film.transition == "chain":
            check_chain(found)
        pictures = list({picture: None for one in found for picture in one.pictures.values()})
        sound = [film.music] if film.music else []
        outputs.check(request.force, [*named, *sound, *pictures])
        show.line(f"{counted(len(found), 'part')}, {counted(len(pictures), 'picture')}")
        facts = assemble(found, outputs, film, show.on, show.warn)
        show.line(closing_line(facts, outputs))
    click.echo(path)
