"""Preparation of orders before shots are taken: plan, forecast, and check of the disk."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from medley.errors import ResourceError
from medley.events import Event
from medley.settings import FilmOrder
from medley.studio.forecast import Forecast, Patience, forecast, pace_for
from medley.studio.plan import Plan, plan
from medley.studio.shooting.costs import check_disk
from medley.studio.shooting.resources import free_disk


class Prepared(NamedTuple):
    """A plan that has been checked against the machine.

    Attributes:
        plan: plan for `run.run`.
        forecast: time, memory and disk that it will take.
        devices: device of each worker.
    """

    plan: Plan
    forecast: Forecast
    devices: Sequence[str]


def prepare(
    orders: Sequence[FilmOrder],
    devices: Sequence[str],
    listener: Callable[[Event], None] = lambda _: None,
    *,
    sources: Sequence[str] = (),
    force: bool = False,
    unattended: bool = False,
    patience: Patience = "worth it",
    begins: bool = True,
) -> Prepared:
    """Check and plan orders, and forecast what they will take.

    Args:
        orders: orders that all have the same workspace.
        devices: device of each worker.
        listener: takes "stage" events, and "told" for shots that do not fit into the free memory.
        sources: place of each order in a manifest, for errors.
        force: True to replace existing films.
        unattended: True to plan as a batch does, which goes on after a failure.
        patience: condition for measuring the machine's pace.
        begins: True if shots will be taken: then a disk that is far too small is an error.

    Raises:
        MedleyError: an order cannot be carried out, and `unattended` is False; or the memory or
            the disk is too small.
    """
    planned = plan(
        orders,
        devices,
        sources=sources,
        force=force,
        unattended=unattended,
        writes=begins or unattended,
        listener=listener,
    )
    used = devices if unattended else planned.films[0].devices
    pace = pace_for(planned, used[0], patience)

    def warn(error: ResourceError) -> None:
        listener(Event("told", error=error))

    expected = forecast(planned, used, pace, warn if unattended else None)
    if begins:
        check_disk(expected.disk_bytes, free_disk(planned.workspace.root))
    return Prepared(planned, expected, used)
