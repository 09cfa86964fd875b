"""`medley walk`: a photo that follows a path through paintings, as a film that loops."""

from typing import Any

import click

from medley.cli.config import SHIPPED, config_options, say_cut_anew, settle
from medley.cli.options import (
    TakesSeveral,
    content_option,
    output_option,
    read_settings,
    retired_options,
    settings_options,
    styles_option,
)
from medley.settings import (
    CatalogSettings,
    QualitySettings,
    RunSettings,
    ShotSettings,
    WalkFilmSettings,
    WalkOrder,
    WalkSettings,
)


@click.command(
    cls=TakesSeveral, short_help="Make a film that drifts through paintings without end."
)
@content_option(WalkOrder)
@styles_option("--styles", otherwise=SHIPPED)
@output_option("outputs/CONTENT-walk.mp4")
@click.option("--force", is_flag=True, help="Replace a film of that name.")
@config_options(WalkOrder, sidecar="walk")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
@settings_options(QualitySettings)
@settings_options(WalkSettings)
@settings_options(CatalogSettings)
@settings_options(ShotSettings)
@settings_options(WalkFilmSettings)
@settings_options(RunSettings)
@retired_options
def walk(force: bool, quiet: bool, **options: Any) -> None:
    """Let a photo change from painting to painting without end, as a film that loops.

    \b
    medley walk --content photo.jpg --styles styles/ --sample 6

    What the picture is painted after moves on a smooth closed path through the paintings, and the
    picture follows with a few steps a frame: it never rests and never starts over.

    --steps and --optimizer are those of the shot that it begins with, an ordinary one of the last
    painting. All iterates stay in the workspace, as those of medley render do; other seconds,
    steps or frames a second are another walk.
    """
    order = read_settings(WalkOrder, settle(options, ships=True))
    say_cut_anew(order.film_path, order.film.fitted(order.film_path).fps)
    # Pictures take half a second to import; --help and a mistyped option should not wait for them.
    from medley.cli.films import make_film

    click.echo(make_film(order, force, quiet).film.path)
