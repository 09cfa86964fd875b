"""What `render` and `plan` share: their options, and what they find out before a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from medley.cli.options import Command, exclusive, read_settings, settings_options
from medley.settings import CatalogSettings, FilmSettings, RunSettings, ShotSettings

if TYPE_CHECKING:  # torch comes with them
    from rich.console import Console

    from medley.paintings import Draw
    from medley.studio.forecast import Forecast
    from medley.studio.render import Plan

_PATH = click.Path(path_type=Path)

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--content", required=True, type=_PATH, help="The photo to be repainted."),
    click.option(
        "--styles",
        required=True,
        type=_PATH,
        multiple=True,
        metavar="DIR_OR_FILES...",
        help="Folders of paintings, or paintings; repeatable, or several at once.",
    ),
    settings_options(CatalogSettings),
    settings_options(ShotSettings),
    settings_options(FilmSettings),
    settings_options(RunSettings),
    click.option(
        "-o",
        "--output",
        type=_PATH,
        help="The film, ending in .mp4.  [default: outputs/CONTENT-medley.mp4]",
    ),
    click.option("--force", is_flag=True, help="Replace a film of that name."),
)


def render_options(command: Command) -> Command:
    """Decorate a command with everything that decides a render."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Order:
    """A render as it was asked for on the command line."""

    content: Path
    places: list[Path]
    output: Path
    force: bool
    shot: ShotSettings
    catalog: CatalogSettings
    film: FilmSettings
    run: RunSettings

    @classmethod
    def read(cls, options: dict[str, Any]) -> Self:
        """Read the values of `render_options`.

        Raises:
            click.UsageError: they contradict each other.
        """
        exclusive("size", "pixels")
        exclusive("weights", "bits")
        content = options["content"]
        output = options["output"] or Path("outputs", f"{content.stem}-medley.mp4")
        if output.suffix.lower() != ".mp4":
            raise click.UsageError(f"--output '{output}' must end in .mp4")
        return cls(
            content,
            list(options["styles"]),
            output,
            options["force"],
            read_settings(ShotSettings, options),
            read_settings(CatalogSettings, options),
            read_settings(FilmSettings, options),
            read_settings(RunSettings, options),
        )


def prepare(order: Order, console: Console) -> tuple[Plan, Draw]:
    """Look through an order's inputs, say what is passed over, and make the plan.

    Raises:
        MedleyError: the render cannot begin; as its parts say.
    """
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import warn
    from medley.film.lettering import undrawable
    from medley.images import read_picture
    from medley.paintings import draw
    from medley.studio.credits import credit_lines
    from medley.studio.cut import check_film
    from medley.studio.device import choose_devices
    from medley.studio.render import plan_render
    from medley.studio.scene import fit_painting, load_camera, resize_content
    from medley.workspace import Workspace

    check_film(1, order.film)
    devices = choose_devices(order.run.device)
    photo = resize_content(read_picture(order.content), order.shot, order.content)
    drawn = draw(order.places, order.catalog, partial(fit_painting, photo))
    check_film(len(drawn.paintings), order.film)
    for reason in drawn.skipped:
        warn(console, f"passed over: {reason}")
    if drawn.catalog and drawn.catalog.absent:
        warn(console, f"{len(drawn.catalog.absent):,} rows of the catalog have no file here")
    if lost := undrawable("\n".join(map(credit_lines, drawn.paintings))):
        warn(console, f"no font here has {lost}; boxes stand for them until one is installed")
    plan = plan_render(
        order.content,
        photo,
        drawn,
        order.shot,
        order.catalog,
        load_camera(order.shot, devices[0]),
        Workspace(order.run.workspace),
        order.run.tile,
        devices,
    )
    return plan, drawn


def foretell(plan: Plan, anew: bool = False, patient: bool = True) -> Forecast:
    """Foretell what a plan will take on this machine.

    Args:
        plan: which shots are missing.
        anew: measure the machine's pace even if it is known.
        patient: measure it if it is not known, however little is to be done.
    """
    from medley.studio.forecast import forecast
    from medley.studio.pace import CALIBRATION, pace_of
    from medley.studio.room import resident_memory
    from medley.studio.scene import scales_of, settled
    from medley.studio.takes import missing as still_missing

    missing = len(still_missing(plan.takes))
    crew = plan.devices[: plan.at_once]
    scales = scales_of(plan.content, plan.settings)
    work = missing * sum(scale.pixel_steps for scale in scales)
    # A calibration must not take longer than the run.
    worth = missing and (patient or work > 20 * sum(scale.pixel_steps for scale in CALIBRATION))
    return forecast(
        scales,
        settled(plan.settings, plan.camera),
        missing=missing,
        finished=len(plan.takes) - missing,
        tile=plan.camera.tile,
        resident=resident_memory(plan.camera.device),
        pace=pace_of(plan.camera, anew) if worth else None,
        # Processes on one device share its arithmetic: two of them are hardly quicker than one.
        rounds=math.ceil(missing / len(set(crew))) if crew else None,
        sharing=max(map(crew.count, crew), default=1),
    )


def forecast_line(found: Forecast) -> str:
    """Say in one line what a run will take."""
    from medley.cli.progress import clock

    parts = [f"{found.steps:,} steps"]
    if found.seconds is not None:
        parts.append(f"about {clock(found.seconds)}")
    parts.append(f"{amount(found.memory_bytes)} of memory")
    parts.append(f"{amount(found.disk_bytes)} of disk")
    if found.tile:
        parts.append(f"in tiles of {found.tile} pixels")
    return "forecast: " + ", ".join(parts)


def amount(size_bytes: float) -> str:
    """Write a number of bytes in GB or MB."""
    if size_bytes >= 1e9:
        return f"{size_bytes / 1e9:.1f} GB"
    return f"{size_bytes / 1e6:.0f} MB"
