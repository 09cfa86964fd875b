"""What `medley plan` does: a render is planned, and its forecast is shown."""

from medley.cli.console import show_facts
from medley.cli.films import begun_lines, show_notes
from medley.cli.progress import display
from medley.cli.words import clock
from medley.settings import RenderOrder
from medley.settings.housekeeping import amount
from medley.studio.forecast import Patience, prepare
from medley.studio.shooting.devices import name_devices
from medley.studio.shooting.resources import free_disk, free_memory


def plan_film(order: RenderOrder, recalibrate: bool) -> None:
    """Print what a render would take, without taking it."""
    with display() as show:
        patience: Patience = "anew" if recalibrate else "always"
        devices = name_devices(order.run.device)
        ready = prepare([order], devices, show.on, patience=patience, begins=False)
        show_notes(ready.plan, show)
        for line in begun_lines(ready.plan):
            show.line(line)
    found, device = ready.forecast, ready.devices[0]
    content = ready.plan.films[0].shots[0].content
    tiles = f"in tiles of {found.tile} pixels" if found.tile else "as a whole"
    time = f"about {clock(found.seconds or 0)}" if found.missing else "none"
    show_facts(
        {
            "shots": f"{found.missing} to take, {found.finished} found finished",
            "size": f"{content.width}x{content.height} pixels, computed {tiles}",
            "steps": f"{found.steps:,}",
            "time": time,
            "memory": f"{amount(found.memory_bytes)} at the peak" + _free(free_memory(device)),
            "disk": amount(found.disk_bytes) + _free(free_disk(order.run.workspace)),
        }
    )


def _free(size_bytes: float | None) -> str:
    return "" if size_bytes is None else f"; {amount(size_bytes)} free now"
