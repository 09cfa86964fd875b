"""What commands that make one film share: how a run opens, goes on, and closes."""

from collections.abc import Iterator
from itertools import islice

from medley.cli.progress import Display, display
from medley.cli.words import clock, counted
from medley.errors import ResourceError, Setting
from medley.media.film_file import FilmFacts
from medley.settings import ClipOrder, FilmOrder, SweepOrder, WalkOrder
from medley.settings.housekeeping import amount
from medley.studio.cut import MadeFilm
from medley.studio.editing.outputs import Outputs
from medley.studio.film_shots import lap_of
from medley.studio.film_spec import FilmSpec
from medley.studio.forecast import Forecast, foretell, prepare
from medley.studio.plan import Plan
from medley.studio.run import run_one
from medley.studio.shooting.devices import name_devices

_DAY_S = 86_400
_LISTED = 30  # begun shots that are named one by one


def make_film(
    order: FilmOrder, force: bool = False, quiet: bool = False, yes: bool = True
) -> MadeFilm:
    """Plan a film, say what begins, and make it.

    Args:
        order: order of the film.
        force: True to replace a film of that name.
        quiet: True to say nothing but errors.
        yes: True to begin even what is going to take more than a day.

    Raises:
        ResourceError: it would, and `yes` is False.
    """
    with display(quiet) as show:
        devices = name_devices(order.run.device)
        if isinstance(order, ClipOrder) and not yes:
            _ask(foretell(order, devices, show.on))
        ready = prepare([order], devices, show.on, force=force)
        _open(show, ready.plan, ready.forecast)
        if not yes:
            _ask(ready.forecast.seconds)
        # A sweep's networks each see a loss of their own; its table compares them by one.
        is_sweep, is_clip = isinstance(order, SweepOrder), isinstance(order, ClipOrder)
        what = "shot" if is_sweep or is_clip else "painting"
        loss = "own loss" if is_sweep else "loss"
        show.expect_shots(
            what, ready.plan.labels, ready.plan.missing_steps, loss, ready.plan.of_clips
        )
        made = run_one(ready, show.on)
        show.line(closing_line(made.facts, made.film.outputs))
    return made


def _ask(seconds: float | None) -> None:
    """Refuse what nobody has agreed to.

    Raises:
        ResourceError: it takes more than a day.
    """
    if (days := (seconds or 0) / _DAY_S) > 1:
        raise ResourceError(
            f"this would take about {days:.1f} days; pass ",
            Setting("yes", True), ", a smaller ", Setting("size"), ", or a part of it with ",
            Setting("from"), " and ", Setting("to"),
        )  # fmt: skip


def forecast_film(order: FilmOrder, quiet: bool) -> None:
    """Plan a film, and say what it would take, without taking it.

    Args:
        order: order of the film.
        quiet: True to say nothing but errors.
    """
    with display(quiet) as show:
        devices = name_devices(order.run.device)
        ready = prepare([order], devices, show.on, force=True, patience="always", begins=False)
        _open(show, ready.plan, ready.forecast)


def show_notes(planned: Plan, show: Display) -> None:
    """Say what the user should know of the films' inputs."""
    for film in planned.films:
        for note in film.notes:
            show.warn(note)


def begun_lines(planned: Plan) -> Iterator[str]:
    """Say of shots that were begun from which step they go on."""
    for key, step in islice(planned.begun.items(), _LISTED):
        steps = planned.jobs[key].spec.settings.steps
        unit = "frame" if key in planned.of_clips else "step"
        yield f"goes on from {unit} {step:,} of {steps:,}: {planned.labels[key]}"
    if (more := len(planned.begun) - _LISTED) > 0:
        yield f"{counted(more, 'more shot')} were begun and go on"


def _open(show: Display, planned: Plan, expected: Forecast) -> None:
    """Say what begins, what of it is there already, and what the rest will take."""
    show_notes(planned, show)
    film = planned.films[0]
    also = f", {len(planned.begun)} begun" if planned.begun else ""
    show.line(f"{_opening(film, expected)} found finished{also}")
    for line in begun_lines(planned):
        show.line(line)
    if film.order.catalog.sample:
        show.line("drawn: " + "; ".join(work.title for work in film.drawn.paintings))
    if expected.missing:
        show.line(forecast_line(expected))


def _opening(film: FilmSpec, expected: Forecast) -> str:
    """Say of a film what begins, up to how many of its shots were found."""
    order, first, shots = film.order, film.shots[0], len(film.shots)
    size = f"{first.content.width}x{first.content.height} pixels"
    steps = f"{counted(order.shot.steps, 'step')} each"
    works = counted(len(film.drawn.paintings), "painting")
    if isinstance(order, SweepOrder):
        networks = counted(len(film.networks), "network")
        what = [networks, counted(len(order.content), "photo"), works, size, steps]
        found = f"{shots - expected.missing} of {counted(shots, 'shot')}"
        return f"{', '.join(what)}, on {','.join(film.devices)}; {found}"
    used = ",".join(film.devices[: max(1, expected.missing)])
    where = f"{film.network} weights, {first.precision} on {used}"
    if isinstance(order, WalkOrder):
        frames = counted(lap_of(order, len(film.drawn.paintings)).frames, "frame")
        every = counted(order.walk.steps_per_frame, "step")
        found = f"{expected.finished} of 2 shots"
        return f"{works}, {size}, {frames} of {every} each, {where}; {found}"
    if isinstance(order, ClipOrder):
        frames = counted(film.shots[-1].settings.steps + 1, "frame")
        every = counted(order.clip.steps_per_frame, "step")
        found = f"{expected.finished} of 2 shots"
        return f"{works}, {size}, {frames} of {every} each, {where}; {found}"
    together = " in one shot" if order.blend.is_one_shot else ""
    found = counted(expected.finished, "shot")
    return f"{works}{together}, {size}, {steps}, {where}; {found}"


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
