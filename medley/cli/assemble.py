"""`medley assemble`: a film of pictures that are already there."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from medley.cli.help import Grouped
from medley.cli.options import output_option, read_settings, settings_options
from medley.cli.planning import closing_line
from medley.cli.words import counted
from medley.settings import FilmSettings, RunSettings
from medley.settings.film import USUAL_SUFFIX


@click.command(cls=Grouped, short_help="Make a film of shots or pictures that are already there.")
@click.argument("sources", nargs=-1, required=True)
@output_option("outputs/FIRST_SOURCE-assembled.mp4")
@click.option("--force", is_flag=True, help="Replace a film of that name.")
@settings_options(FilmSettings)
@settings_options(RunSettings, "workspace")
@click.option("--order", help="Which of the parts found, and in what order, such as 3,1,2.")
@click.option("--prefix", help="What comes before the number in the pictures' names.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
def assemble(
    sources: tuple[str, ...],
    workspace: Path,
    order: str | None,
    prefix: str | None,
    output: Path | None,
    force: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Make a film of finished shots, or of any folder of numbered pictures; nothing is computed.

    \b
    medley assemble outputs/photo-medley.mp4 --pace even -o slower.mp4
    medley assemble outputs/workspace --resolution vertical --inset top-right
    medley assemble pastiche_workspace/ -o film.mp4

    A source is a film with its .json beside it, which lists its shots; a workspace, all of whose
    finished shots are shown in the order in which they were begun; a shot's folder or the
    beginning of its key; or a folder of pictures such as frame_0010.png.
    """
    asked = read_settings(FilmSettings, options)
    name = Path(sources[0]).resolve().stem
    path = output or Path("outputs", f"{name}-assembled{USUAL_SUFFIX}")
    try:
        film = asked.fitted(path)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    # Pillow and numpy take half a second to import; --help should not wait for them.
    from medley.cli.console import notes, warn
    from medley.cli.progress import display
    from medley.studio.editing import assemble as studio
    from medley.studio.editing.cut import Outputs, check_film, check_output
    from medley.studio.editing.reels import check_sizes, find_reels, parse_order
    from medley.workspace import Workspace

    console = notes(quiet)
    tell = partial(warn, console)
    outputs = Outputs(path)
    named = [Path(source) for source in sources]
    outputs.check(True, named)  # whether one that is there may be replaced is told of last
    check_output(path, asked, tell)
    reels = find_reels(sources, Workspace(workspace), prefix, tell)
    if order is not None:
        reels = [reels[place] for place in parse_order(order, len(reels))]
    check_film(len(reels), film)
    check_sizes(reels, film.resolution is not None)
    pictures = [picture for reel in reels for picture in reel.pictures.values()]
    outputs.check(force, [*named, *([film.audio] if film.audio else []), *pictures])
    with display(console) as show:
        show.line(f"{counted(len(reels), 'part')}, {counted(len(pictures), 'picture')}")
        facts = studio.assemble(reels, outputs, film, show.count, show.frame, tell)
        show.line(closing_line(facts, outputs))
    click.echo(path)
