"""`medley clip`: a clip that is repainted while it drifts through paintings."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from medley.cli.config import SHIPPED, config_options, settle
from medley.cli.options import (
    PATH,
    FieldType,
    TakesSeveral,
    output_option,
    read_settings,
    retired_options,
    settings_options,
    styles_option,
)
from medley.cli.words import option_of
from medley.settings import (
    CatalogSettings,
    ClipFilmSettings,
    ClipOrder,
    ClipSettings,
    PartSettings,
    QualitySettings,
    RunSettings,
    ShotSettings,
)

_CLIP = FieldType(ClipOrder.fields()["content"])


@click.command(cls=TakesSeveral, short_help="Repaint a clip while it drifts through paintings.")
@click.argument("named", metavar="CLIP", type=_CLIP, required=False)
@click.option("--content", type=_CLIP, help="The clip, where it is not named as CLIP.")
@styles_option("--styles", otherwise=SHIPPED)
@click.option("--one", type=PATH, metavar="PAINTING", help="The one painting of the whole clip.")
@output_option("outputs/CLIP-clip.mp4")
@click.option("--force", is_flag=True, help="Replace a film of that name.")
@click.option("--dry-run", is_flag=True, help="Say what it would take, and do nothing.")
@click.option("--yes", is_flag=True, help="Begin even what will take more than a day.")
@config_options(ClipOrder, sidecar="clip")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
@settings_options(QualitySettings)
@settings_options(PartSettings)
@settings_options(ClipSettings)
@settings_options(CatalogSettings)
@settings_options(ShotSettings)
@settings_options(ClipFilmSettings)
@settings_options(RunSettings)
@retired_options
def clip(
    named: tuple[Path, ...] | None,
    one: Path | None,
    force: bool,
    dry_run: bool,
    yes: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Repaint CLIP while it drifts through paintings, as a film of its length, rate and sound.

    \b
    medley clip clip.mp4 --styles styles/ --sample 4
    medley clip clip.mp4 --one glass -o glass.mp4 --from 2 --to 12.5 --size 640

    CLIP is a video, an animation, or a folder of numbered pictures. Strokes travel with what they
    lie on: each frame goes on from the last one's result, moved along as the clip moves, and
    follows with a few steps. What is painted after moves on a smooth path through the paintings.

    --steps and --optimizer are those of the shot that it begins with, an ordinary one of the first
    frame, and as many steps follow a cut. The result of each frame stays in the workspace. The
    extra medley[video] brings OpenCV, which finds motion faster and better.
    """
    _put(options, "content", named, "CLIP")
    _put(options, "styles", (one,) if one else None, "--one")
    settled = settle(options, ships=True)
    if not settled["content"]:
        raise click.UsageError("CLIP is missing; name a video, or a folder of numbered pictures")
    order = read_settings(ClipOrder, settled)
    # Pictures take half a second to import; --help and a mistyped option should not wait for them.
    from medley.cli.films import forecast_film, make_film

    if dry_run:
        forecast_film(order, quiet)
        return
    click.echo(make_film(order, force, quiet, yes).film.path)


def _put(options: dict[str, Any], name: str, value: Any, by: str) -> None:
    """Take for an option what was given in another way, as if it had been given by itself."""
    if value is None:
        return
    context = click.get_current_context()
    if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
        raise click.UsageError(f"{by} and {option_of(name)} say the same; give one")
    options[name] = value
    context.set_parameter_source(name, ParameterSource.COMMANDLINE)
