"""`medley plan`: what a render would take, without taking it."""

from functools import partial
from typing import Any

import click

from medley.cli.options import TakesSeveral
from medley.cli.planning import read_order, render_options
from medley.settings.housekeeping import amount


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
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import notes, show_facts, warn
    from medley.cli.progress import clock
    from medley.studio.orders import foretell, prepare
    from medley.studio.shooting.room import free_disk, free_memory

    found, _ = prepare(order, partial(warn, notes(quiet=False)))
    expected = foretell(found, anew=recalibrate)
    height, width, _ = found.content.shape
    tiles = f"in tiles of {expected.tile} pixels" if expected.tile else "as a whole"
    memory, disk = free_memory(found.camera.device), free_disk(order.run.workspace)
    show_facts(
        {
            "shots": f"{expected.missing} to take, {expected.finished} found finished",
            "size": f"{width}x{height} pixels, computed {tiles}",
            "steps": f"{expected.steps:,}",
            "time": "none" if expected.seconds is None else f"about {clock(expected.seconds)}",
            "memory": f"{amount(expected.memory_bytes)} at the peak" + _of(memory),
            "disk": amount(expected.disk_bytes) + _of(disk),
        }
    )


def _of(free: float | None) -> str:
    return "" if free is None else f"; {amount(free)} free now"
