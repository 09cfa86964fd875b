"""What `render` and `plan` share: their options, and how a forecast reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.config import config_options, settle
from medley.cli.options import Command, output_option, read_settings, settings_options
from medley.cli.words import counted
from medley.settings import (
    BlendSettings,
    CatalogSettings,
    FilmSettings,
    QualitySettings,
    RenderOrder,
    RunSettings,
    ShotSettings,
)

if TYPE_CHECKING:  # torch comes with them
    from medley.studio.forecast import Forecast

_PATH = click.Path(path_type=Path)

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--content", type=_PATH, help="The photo to be repainted.  [required]"),
    click.option(
        "--styles",
        type=_PATH,
        multiple=True,
        metavar="DIR_OR_FILES...",
        help="Folders of paintings, or paintings; repeatable, or several at once.  [required, but"
        " for --mask]",
    ),
    output_option("outputs/CONTENT-medley.mp4"),
    click.option("--force", is_flag=True, help="Replace a film of that name."),
    config_options(RenderOrder, sidecar="render"),
    settings_options(QualitySettings),
    settings_options(CatalogSettings),
    settings_options(ShotSettings),
    settings_options(BlendSettings),
    settings_options(FilmSettings),
    settings_options(RunSettings),
)


def render_options(command: Command) -> Command:
    """Decorate a command with everything that decides a render."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_order(options: dict[str, Any]) -> RenderOrder:
    """Read the values of `render_options`.

    Raises:
        click.UsageError: they contradict each other.
    """
    return read_settings(RenderOrder, settle(options))


def forecast_line(found: Forecast) -> str:
    """Say in one line what a run will take."""
    from medley.cli.progress import clock

    parts = [counted(found.steps, "step")]
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
