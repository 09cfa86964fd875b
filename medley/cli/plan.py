"""`medley plan`: what a render would take, without taking it."""

from typing import Any

import click

from medley.cli.options import TakesSeveral
from medley.cli.render_options import read_order, render_options


@click.command(cls=TakesSeveral, short_help="Estimate the time, memory and disk of a render.")
@render_options
@click.option("--recalibrate", is_flag=True, help="Measure this machine's pace anew: seconds.")
def plan(recalibrate: bool, **options: Any) -> None:
    """Estimate what `medley render` with the same options would take: minutes, memory, disk.

    \b
    medley plan --content photo.jpg --styles styles/ --size 2048

    The time comes from a few steps at small sizes, taken once on this machine and kept in the
    cache for a month.
    """
    order = read_order(options)
    # Pictures take half a second to import; --help and a mistyped option should not wait for them.
    from medley.cli.plan_run import plan_film

    plan_film(order, recalibrate)
