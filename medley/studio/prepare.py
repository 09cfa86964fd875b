"""What every door does with orders before shots are taken: plan, forecast, disk."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from medley.events import Event
from medley.settings import FilmOrder
from medley.studio.forecast import Forecast, Patience, forecast, pace_for
from medley.studio.plan import Plan, plan
from medley.studio.shooting.costs import check_disk
from medley.studio.shooting.resources import free_disk


class Prepared(NamedTuple):
    """Orders that can be carried out.

    Attributes:
        plan: what has to be done; `run.run` does it.
        forecast: what that will take.
        devices: one for each worker.
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
    """Check and plan orders, and foretell what they will take.

    Args:
        orders: what is asked for, all with one workspace.
        devices: where shots are computed, one for each worker.
        listener: told how far that is, and what does not fit just now.
        sources: where each order was asked for, as errors call it.
        force: replace films that lie there.
        unattended: plan as a batch does, for whom a failure is no reason to stop.
        patience: whether the machine's pace is measured if it is not known.
        begins: whether shots are then taken: a disk that is far too small is an error.

    Raises:
        MedleyError: an order cannot be made, and it is no batch; the memory or the disk is too
            small.
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

    def warn(text: str) -> None:
        listener(Event("told", text=text))

    expected = forecast(planned, used, pace, warn if unattended else None)
    if begins:
        check_disk(expected.disk_bytes, free_disk(planned.workspace.root))
    return Prepared(planned, expected, used)
