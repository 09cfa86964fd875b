"""What commands that make one film share: how a run opens, goes on, and closes."""

from collections.abc import Callable

from medley.cli.console import notes
from medley.cli.progress import Display, clock, display
from medley.cli.words import counted
from medley.media.probe import FilmFacts
from medley.settings import FilmOrder
from medley.settings.housekeeping import amount
from medley.studio.cut import MadeFilm
from medley.studio.editing.outputs import Outputs
from medley.studio.engines.choice import engine_for
from medley.studio.film_spec import FilmSpec
from medley.studio.forecast import Forecast, forecast, pace_for
from medley.studio.plan import Plan, plan
from medley.studio.run import run
from medley.studio.shooting.costs import check_disk
from medley.studio.shooting.devices import name_devices
from medley.studio.shooting.resources import free_disk

Opening = Callable[[FilmSpec, Forecast], str]
"""Says of a film what begins, up to how many shots were found."""


def make_film(
    order: FilmOrder, what: str, opening: Opening, force: bool = False, quiet: bool = False
) -> MadeFilm:
    """Plan a film, say what begins, and make it.

    Args:
        order: what is asked for.
        what: a shot is called in progress, such as "painting".
        opening: says what begins.
        force: replace a film of that name.
        quiet: say nothing but errors.
    """
    with display(notes(quiet)) as show:
        planned = plan_film(order, show, force)
        (film,) = planned.films
        expected = forecast(planned, film.devices, pace_for(planned, film.devices[0]))
        check_disk(expected.disk_bytes, free_disk(planned.workspace.root))
        _open(show, planned, opening(film, expected), expected)
        show.expect(planned, what)
        engine = engine_for(film.devices, planned.workspace, len(planned.jobs))
        (made,) = run(planned, engine, show.on).made
        show.line(closing_line(made.facts, film.outputs))
    return made


def plan_film(order: FilmOrder, show: Display, force: bool = False, writes: bool = True) -> Plan:
    """Plan a film and say what the user should know of its inputs; arguments as `plan` has them."""
    devices = name_devices(order.run.device)
    planned = plan([order], devices, force=force, writes=writes, listener=show.on)
    for note in planned.films[0].notes:
        show.warn(note)
    return planned


def _open(show: Display, planned: Plan, opening: str, expected: Forecast) -> None:
    """Say what begins, what of it is there already, and what the rest will take."""
    film = planned.films[0]
    also = f", {planned.begun} begun" if planned.begun else ""
    show.line(f"{opening} found finished{also}")
    if film.order.catalog.sample:
        show.line("drawn: " + "; ".join(work.title for work in film.drawn.paintings))
    if expected.missing:
        show.line(forecast_line(expected))


def on_devices(film: FilmSpec, expected: Forecast) -> str:
    """Name the devices that take the missing shots, in words for a line."""
    return ",".join(film.devices[: max(1, expected.missing)])


def forecast_line(found: Forecast) -> str:
    """Say in one line what a run will take."""
    parts = [counted(found.steps, "step")]
    if found.seconds is None:
        parts.append("time unknown (medley plan measures this machine's pace)")
    else:
        parts.append(f"about {clock(found.seconds)}")
    parts.append(f"{amount(found.memory_bytes)} of memory")
    parts.append(f"{amount(found.disk_bytes)} of disk")
    if found.tile:
        parts.append(f"in tiles of {found.tile} pixels")
    return "forecast: " + ", ".join(parts)


def closing_line(facts: FilmFacts, outputs: Outputs) -> str:
    """Say what the film has become, and what lies beside it."""
    if outputs.measured:
        return (
            f"{facts.words};"
            f" sheet '{outputs.poster}', chart '{outputs.chart}', measures '{outputs.table}'"
            f" and '{outputs.sidecar}', credits '{outputs.credits}'"
        )
    return (
        f"{facts.words};"
        f" poster '{outputs.poster}', sidecar '{outputs.sidecar}', credits '{outputs.credits}'"
    )
