"""Cutting a batch's film of finished shots: the last part of `render`, `sweep` and `walk`."""

from collections.abc import Callable
from functools import partial

from medley.errors import PictureError
from medley.files import remove_parts_of, sha256
from medley.settings import RenderOrder, SweepOrder
from medley.studio.batches.filmplan import FilmPlan
from medley.studio.compression.stage import Stage
from medley.studio.orders import look_through, prepare, prepare_sweep, prepare_walk
from medley.studio.render import cut_film
from medley.studio.shooting.device import Device
from medley.studio.shooting.takes import Take
from medley.studio.sweep import measure_sweep, publish
from medley.studio.walk import cut_walk
from medley.workspace import Workspace


def cut_plan(
    plan: FilmPlan,
    on_frame: Callable[[int, int], None],
    device: Device,
    tell: Callable[[str], None],
) -> None:
    """Make a planned film of its finished shots, with all that lies beside it.

    Another batch that is at the same film is waited for, and its film is taken.

    Args:
        plan: of which all shots are finished.
        on_frame: called with the number of frames written and their total.
        device: as the plan was made for.
        tell: told what the user should know, a line each.

    Raises:
        MedleyError: it cannot be made, or its pictures are not those that were planned.
    """
    path = plan.outputs.film
    workspace = Workspace(plan.film.order.run.workspace)
    claim = f"film-{sha256(str(path.absolute()).encode(errors='surrogateescape'))[:24]}"
    with workspace.claim(claim, partial(tell, f"another process is cutting '{path}'; waiting")):
        if path.is_file() and plan.is_told_of:
            return
        for own in plan.outputs.all:  # of which a killed batch may have left a part
            remove_parts_of(own)
        _cut(plan, on_frame, device, tell)


def _cut(
    plan: FilmPlan,
    on_frame: Callable[[int, int], None],
    device: Device,
    tell: Callable[[str], None],
) -> None:
    order = plan.film.order
    run = order.run.model_copy(update={"device": (str(device),)})
    order = order.model_copy(update={"run": run})
    if isinstance(order, RenderOrder):
        render, _ = prepare(order, tell)
        _check_same(plan, render.takes)
        cut_film(render, plan.outputs, order.film.fitted(order.film_path), on_frame)
    elif isinstance(order, SweepOrder):
        sweep = prepare_sweep(order, look_through(order, tell), tell, _unwatched)
        _check_same(plan, [take for pair in sweep.pairs for take in pair])
        measures = measure_sweep(sweep, lambda done, of: None)  # noqa: ARG005
        publish(sweep, measures, plan.outputs, order.film.fitted(order.film_path), on_frame)
    else:
        walk = prepare_walk(order, tell)
        _check_same(plan, walk.shots.takes)
        cut_walk(walk, plan.outputs, order.film.fitted(order.film_path), on_frame)


def _check_same(plan: FilmPlan, takes: list[Take]) -> None:
    if [take.shot.key for take in takes] != plan.keys:
        raise PictureError(
            f"the pictures of '{plan.film.path}' were changed since the batch began; start it again"
        )


def _unwatched(stage: Stage) -> None:
    """Whatever is made for the film was made when it was planned."""
