"""`medley render`: from a photo and paintings to a film."""

from functools import partial
from typing import Any

import click

from medley.cli.options import TakesSeveral
from medley.cli.planning import closing_line, read_order, render_options, show_opening
from medley.cli.words import counted


@click.command(cls=TakesSeveral, short_help="Make a film: a photo repainted after many paintings.")
@render_options
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
def render(quiet: bool, force: bool, **options: Any) -> None:
    """Repaint a photo after each painting in turn, and cut every step of it into one film.

    \b
    medley render --content photo.jpg --styles styles/ --sample 3 --size 512

    All iterates stay in the workspace: the same command again takes no shot twice and goes
    straight to the film, and one that was interrupted or killed goes on where it stopped.
    """
    order = read_order(options)
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import notes, warn
    from medley.cli.progress import display
    from medley.studio.editing.cut import Outputs
    from medley.studio.orders import foretell, prepare
    from medley.studio.render import cut_film, take_all
    from medley.studio.shooting.device import computing_deterministically
    from medley.studio.shooting.forecast import check_disk
    from medley.studio.shooting.room import free_disk

    console = notes(quiet)
    outputs = Outputs(order.film_path)
    outputs.check(True, order.inputs)  # whether one may be replaced is told of last
    plan, drawn = prepare(order, partial(warn, console))
    outputs.check(force, [*order.inputs, *(work.path for work in drawn.paintings)])
    expected = foretell(plan, patient=False)
    check_disk(expected.disk_bytes, free_disk(order.run.workspace))
    height, width, _ = plan.content.shape
    devices = ",".join(map(str, plan.devices[: max(1, plan.at_once)]))
    together = " in one shot" if order.blend.is_one_shot else ""
    opening = (
        f"{counted(len(drawn.paintings), 'painting')}{together},"
        f" {width}x{height} pixels, {counted(order.shot.steps, 'step')} each,"
        f" {plan.camera.weights.label} weights, {plan.camera.precision} on {devices};"
        f" {counted(expected.finished, 'shot')}"
    )
    with computing_deterministically(order.run.deterministic), display(console) as show:
        by_chance = drawn.paintings if order.catalog.sample else ()
        show_opening(show, opening, plan.takes, by_chance, expected)
        take_all(plan, show.shot, partial(warn, console))
        facts = cut_film(plan, outputs, order.film.fitted(order.film_path), show.frame)
        show.line(closing_line(facts, outputs))
    click.echo(order.film_path)
