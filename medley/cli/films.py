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
from medley.studio.forecast import Forecast
from medley.studio.plan import Plan
from medley.studio.prepare import prepare
from medley.studio.run import run
from medley.studio.shooting.devices import name_devices

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
        devices = name_devices(order.run.device)
        ready = prepare([order], devices, show.on, force=force)
        (film,) = ready.plan.films
        show_notes(ready.plan, show)
        _open(show, ready.plan, opening(film, ready.forecast), ready.forecast)
        show.expect(ready.plan, what)
        engine = engine_for(ready.devices, ready.plan.workspace, len(ready.plan.jobs))
        (made,) = run(ready.plan, engine, show.on).made
        show.line(closing_line(made.facts, film.outputs))
    return made


def show_notes(planned: Plan, show: Display) -> None:
    """Say what the user should know of the films' inputs."""
    for film in planned.films:
        for note in film.notes:
            show.warn(note)


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
