"""`medley assemble`: a film of pictures that are already there."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from medley.cli.config import read_film, settle, take_settings
from medley.cli.help import Grouped
from medley.cli.options import output_option, read_settings, settings_options
from medley.cli.words import as_given, as_set
from medley.errors import ConfigError, Source, worded, words_of
from medley.settings import FilmSettings, RunSettings
from medley.settings.base import not_empty
from medley.settings.film import USUAL_SUFFIX
from medley.settings.load import VERSION, SettingsFile


def _begin_with_film(
    context: click.Context, _: click.Parameter, sources: tuple[str, ...]
) -> tuple[str, ...]:
    """Let the options begin with the settings of the first film among the sources."""
    try:
        not_empty(sources)
    except ValueError as error:
        raise click.UsageError(f"SOURCES: {error}") from None
    fields = FilmSettings.fields()
    for film in (Path(source) for source in sources if Path(source).is_file()):
        with suppress(ConfigError):  # told of where its shots are looked for
            file = read_film(context, film)
            break
    else:
        file = SettingsFile(Source(""), Path(), {})
    known = {name: value for name, value in file.table.items() if name in {*fields, VERSION}}
    take_settings(context, fields, replace(file, table=known))
    return sources


@click.command(cls=Grouped, short_help="Make a film of shots or pictures that are already there.")
@click.argument("sources", nargs=-1, required=True, is_eager=True, callback=_begin_with_film)
@output_option("outputs/FIRST_SOURCE-assembled.mp4")
@click.option("--force", is_flag=True, help="Replace a film of that name.")
@settings_options(FilmSettings)
@settings_options(RunSettings, "workspace")
@click.option("--order", help="Which of the parts found, and in what order, such as 3,1,2.")
@click.option("--prefix", help="What comes before the number in the pictures' names.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
@worded(as_given)
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

    A source is a film, whose .json beside it lists its shots (where that is lost, the film
    tells of them itself); a workspace, all of whose finished shots are shown in the order in
    which they were begun; a shot's folder or the beginning of its key; or a folder of pictures
    such as frame_0010.png. A walk is cut as a walk, by itself.

    The film begins with the settings of the first film that is named, where one is, and options
    change them; the word none takes one back.
    """
    name = Path(sources[0]).resolve().stem
    path = output or Path("outputs", f"{name}-assembled{USUAL_SUFFIX}")
    asked = read_settings(FilmSettings, settle(options | {"output": path}))
    try:
        asked.fitted(path)
    except ValueError as error:
        raise click.UsageError(words_of(error, as_set)) from None
    # Pictures take half a second to import; --help and a mistyped option should not wait for them.
    from medley.cli.assemble_run import Request, assemble_film

    assemble_film(Request(sources, workspace, order, prefix, force, quiet), path, asked)
