"""From an order to a plan: what is found out before a run begins."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from medley.film.lettering import undrawable
from medley.images import Pixels, read_picture
from medley.paintings import Draw, draw
from medley.settings import (
    RenderOrder,
    SweepOrder,
    WalkOrder,
)
from medley.studio.compression.stage import Watch
from medley.studio.editing.credits import credit_lines
from medley.studio.editing.cut import check_film, check_output
from medley.studio.render import Plan, plan_render
from medley.studio.shooting.camera import load_camera
from medley.studio.shooting.device import choose_devices
from medley.studio.shooting.forecast import Forecast, forecast
from medley.studio.shooting.pace import CALIBRATION, known_pace, pace_of
from medley.studio.shooting.room import resident_memory
from medley.studio.shooting.scene import fit_painting, resize_content, scales_of, settled
from medley.studio.shooting.takes import missing
from medley.studio.sweep import Sweep, plan_sweep
from medley.studio.walk import WalkPlan, check_walk, lay_lap, plan_walk
from medley.workspace import Workspace

_WORTH = 5  # times a calibration's work that a run must have, to be held up by one


def prepare(order: RenderOrder, tell: Callable[[str], None]) -> tuple[Plan, Draw]:
    """Look through an order's inputs and make the plan.

    Args:
        order: what is asked for.
        tell: told what is passed over, a line each.

    Raises:
        MedleyError: the render cannot begin; as its parts say.
    """
    shot, catalog, blending = order.shot, order.catalog, order.blend
    film = order.film.fitted(order.film_path)
    (path,) = order.content
    check_film(1, film)
    check_output(order.film_path, order.film, tell)
    devices = choose_devices(order.run.device)
    photo, drawn = _photo(path, order)
    check_film(1 if blending.is_one_shot else len(drawn.paintings), film)
    _tell_of(drawn, tell, film.title or "")
    plan = plan_render(
        path,
        photo,
        drawn,
        shot,
        catalog,
        load_camera(shot, devices[0]),
        Workspace(order.run.workspace),
        order.run.tile,
        devices,
        film.transition == "chain",
        blending,
        tell,
    )
    plan = replace(plan, batch_size=order.run.batch_size)
    if len(plan.devices) < len(devices):
        tell(f"in a chain each shot waits for the one before: only {plan.devices[0]} is used")
    return plan, drawn


def prepare_walk(order: WalkOrder, tell: Callable[[str], None]) -> WalkPlan:
    """Look through a walk's inputs and make its plan.

    Args:
        order: what is asked for.
        tell: told what is passed over, a line each.

    Raises:
        MedleyError: the walk cannot begin; as its parts say.
    """
    shot, walk = order.shot, order.walk
    fps = order.film.fitted(order.film_path).fps
    (path,) = order.content
    lay_lap(2, fps, walk.seconds_per_painting)
    check_output(order.film_path, order.film, tell)
    device, *others = choose_devices(order.run.device)
    photo, drawn = _photo(path, order)
    check_walk(drawn)
    _tell_of(drawn, tell)
    if others:
        tell(f"a walk is the work of one device: only {device} is used")
    opening = plan_render(
        path,
        photo,
        replace(drawn, paintings=drawn.paintings[-1:]),
        shot,
        order.catalog,
        load_camera(shot, device),
        Workspace(order.run.workspace),
        order.run.tile,
    )
    return plan_walk(opening, tuple(drawn.paintings), walk, fps, order.run.tile)


def _tell_of(drawn: Draw, tell: Callable[[str], None], title: str = "") -> None:
    for reason in drawn.skipped:
        tell(f"passed over: {reason}")
    if drawn.catalog and drawn.catalog.absent:
        tell(f"{len(drawn.catalog.absent):,} rows of the catalog have no file here")
    if lost := undrawable("\n".join([title, *map(credit_lines, drawn.paintings)])):
        tell(f"no font here has {lost}; boxes stand for them until one is installed")


Photo = tuple[Path, Pixels, Draw]
"""A photo's file, its pixels at the size of its shots, and the paintings fitted to it."""


def look_through(order: SweepOrder, tell: Callable[[str], None]) -> list[Photo]:
    """Read a sweep's photos and paintings.

    Args:
        order: what is asked for.
        tell: told what is passed over, a line each.

    Raises:
        PictureError: a photo or all paintings are unreadable.
    """
    check_film(1, order.film.fitted(order.film_path))
    check_output(order.film_path, order.film, tell)
    photos = [(path, *_photo(path, order)) for path in order.content]
    for reason in dict.fromkeys(reason for *_, drawn in photos for reason in drawn.skipped):
        tell(f"passed over: {reason}")
    return photos


def prepare_sweep(
    order: SweepOrder, photos: Sequence[Photo], tell: Callable[[str], None], watch: Watch
) -> Sweep:
    """Make a sweep's plan.

    Args:
        order: what is asked for.
        photos: as `look_through` gives them.
        tell: told what the user should know, a line each.
        watch: told how far the networks are that are made for it.

    Raises:
        MedleyError: the sweep cannot begin; as its parts say.
    """
    plan = plan_sweep(
        photos,
        order.shot,
        order.catalog,
        order.sweep,
        choose_devices(order.run.device),
        order.run.tile,
        Workspace(order.run.workspace),
        watch,
    )
    if plan.reference.scheme != "float32":
        tell(
            f"the float original is not here, so {plan.reference.label} weights stand in as the"
            " reference; pass --fetch to have it"
        )
    check_film(plan.stretches, order.film.fitted(order.film_path))
    return plan


def _photo(content: Path, order: RenderOrder | SweepOrder | WalkOrder) -> tuple[Pixels, Draw]:
    """A photo at its size, and the paintings fitted to it."""
    photo = resize_content(read_picture(content), order.shot, content)
    fit = partial(fit_painting, photo, settings=order.shot)
    return photo, draw(list(order.styles), order.catalog, fit)


def foretell(plan: Plan, anew: bool = False, patient: bool = True) -> Forecast:
    """Foretell what a plan will take on this machine.

    Args:
        plan: which shots are missing.
        anew: measure the machine's pace even if it is known.
        patient: measure it if it is not known, however little is to be done.
    """
    left = len(missing(plan.takes))
    crew = plan.devices[: plan.at_once]
    scales = scales_of(plan.content, plan.settings)
    work = left * sum(scale.pixel_steps for scale in scales)
    worth = left and (patient or work > _WORTH * sum(scale.pixel_steps for scale in CALIBRATION))
    return forecast(
        scales,
        settled(plan.settings, plan.camera),
        missing=left,
        finished=len(plan.takes) - left,
        tile=plan.camera.tile,
        resident=resident_memory(plan.camera.device),
        pace=pace_of(plan.camera, anew)
        if worth
        else known_pace(plan.camera.device, plan.camera.precision)
        if left
        else None,
        # Processes on one device share its arithmetic: two of them are hardly quicker than one.
        rounds=math.ceil(left / len(set(crew))) if crew else None,
        sharing=max(map(crew.count, crew), default=1),
        a_pass=plan.a_pass,
    )


def foretell_walk(plan: WalkPlan) -> Forecast:
    """Foretell what a walk will take on this machine: its opening, and then itself."""
    walk = foretell(plan.following, patient=False)
    # By then the pace is known, if it was worth it.
    opening = foretell(plan.opening, patient=walk.seconds is not None)
    known = [part.seconds for part in (opening, walk) if part.missing]
    return Forecast(
        missing=opening.missing + walk.missing,
        finished=opening.finished + walk.finished,
        steps=opening.steps + walk.steps,
        seconds=None if None in known else sum(filter(None, known)),
        memory_bytes=max(opening.memory_bytes, walk.memory_bytes),
        disk_bytes=opening.disk_bytes + walk.disk_bytes,
        tile=walk.tile,
    )
