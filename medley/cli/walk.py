"""`medley walk`: a photo that follows a path through paintings, as a film that loops."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from medley.cli.config import config_options, settle
from medley.cli.options import (
    TakesSeveral,
    content_option,
    output_option,
    read_settings,
    settings_options,
)
from medley.cli.planning import closing_line, show_opening
from medley.cli.words import counted
from medley.settings import (
    CatalogSettings,
    EncodeSettings,
    QualitySettings,
    RunSettings,
    ShotSettings,
    WalkOrder,
    WalkSettings,
)

_PATH = click.Path(path_type=Path)


@click.command(
    cls=TakesSeveral, short_help="Make a film that drifts through paintings without end."
)
@content_option(WalkOrder)
@click.option(
    "--styles",
    type=_PATH,
    multiple=True,
    metavar="DIR_OR_FILES...",
    help="Folders of paintings, or two or more paintings; repeatable, or several at once."
    "  [required]",
)
@output_option("outputs/CONTENT-walk.mp4")
@click.option("--force", is_flag=True, help="Replace a film of that name.")
@config_options(WalkOrder, sidecar="walk")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
@settings_options(QualitySettings)
@settings_options(WalkSettings)
@settings_options(CatalogSettings)
@settings_options(ShotSettings)
@settings_options(EncodeSettings)
@settings_options(RunSettings)
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
    order = read_settings(WalkOrder, settle(options))
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import notes, warn
    from medley.cli.progress import display
    from medley.studio.editing.cut import Outputs
    from medley.studio.orders import foretell_walk, prepare_walk
    from medley.studio.render import take_all
    from medley.studio.shooting.device import computing_deterministically
    from medley.studio.shooting.forecast import check_disk
    from medley.studio.shooting.room import free_disk
    from medley.studio.walk import cut_walk

    console = notes(quiet)
    outputs = Outputs(order.film_path)
    outputs.check(True, order.inputs)  # whether one may be replaced is told of last
    plan = prepare_walk(order, partial(warn, console))
    outputs.check(force, [*order.inputs, *(work.path for work in plan.paintings)])
    expected = foretell_walk(plan)
    check_disk(expected.disk_bytes, free_disk(order.run.workspace))
    camera = plan.following.camera
    height, width, _ = plan.following.content.shape
    opening = (
        f"{counted(len(plan.paintings), 'painting')}, {width}x{height} pixels,"
        f" {counted(plan.lap.frames, 'frame')} of"
        f" {counted(order.walk.steps_per_frame, 'step')} each,"
        f" {camera.weights.label} weights, {camera.precision} on {camera.device};"
        f" {expected.finished} of 2 shots"
    )
    with computing_deterministically(order.run.deterministic), display(console) as show:
        by_chance = plan.paintings if order.catalog.sample else ()
        show_opening(show, opening, plan.shots.takes, by_chance, expected)
        take_all(plan.shots, show.shot, partial(warn, console))
        facts = cut_walk(plan, outputs, order.film.fitted(order.film_path), show.frame)
        show.line(closing_line(facts, outputs))
    click.echo(order.film_path)
