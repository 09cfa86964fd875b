"""`medley plan`: what a render would take, without taking it."""

from typing import Any

import click

from medley.cli.options import TakesSeveral
from medley.cli.render_options import read_order, render_options
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
    # Pictures take half a second to import; --help and a mistyped option should not wait for them.
    from medley.cli.console import notes, show_facts
    from medley.cli.films import show_notes
    from medley.cli.progress import clock, display
    from medley.studio.forecast import Patience
    from medley.studio.prepare import prepare
    from medley.studio.shooting.devices import name_devices
    from medley.studio.shooting.resources import free_disk, free_memory

    with display(notes(quiet=False)) as show:
        devices = name_devices(order.run.device)
        patience: Patience = "anew" if recalibrate else "always"
        ready = prepare([order], devices, show.on, patience=patience, begins=False)
        show_notes(ready.plan, show)
    expected, device = ready.forecast, ready.devices[0]
    content = ready.plan.films[0].shots[0].content
    tiles = f"in tiles of {expected.tile} pixels" if expected.tile else "as a whole"
    time = "none" if not expected.missing else f"about {clock(expected.seconds or 0)}"
    show_facts(
        {
            "shots": f"{expected.missing} to take, {expected.finished} found finished",
            "size": f"{content.width}x{content.height} pixels, computed {tiles}",
            "steps": f"{expected.steps:,}",
            "time": time,
            "memory": f"{amount(expected.memory_bytes)} at the peak" + _of(free_memory(device)),
            "disk": amount(expected.disk_bytes) + _of(free_disk(order.run.workspace)),
        }
    )


def _of(free: float | None) -> str:
    return "" if free is None else f"; {amount(free)} free now"
