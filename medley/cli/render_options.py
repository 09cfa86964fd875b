"""The options of a render, which `medley render` and `medley plan` share."""

from collections.abc import Callable
from typing import Any

import click

from medley.cli.config import SHIPPED, config_options, settle
from medley.cli.options import (
    Command,
    content_option,
    output_option,
    read_settings,
    retired_options,
    settings_options,
    styles_option,
)
from medley.settings import (
    BlendSettings,
    CatalogSettings,
    FilmSettings,
    QualitySettings,
    RenderOrder,
    RunSettings,
    ShotSettings,
)

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    content_option(RenderOrder),
    styles_option("--styles", otherwise=SHIPPED),
    output_option("outputs/CONTENT-medley.mp4"),
    click.option("--force", is_flag=True, help="Replace a film of that name."),
    config_options(RenderOrder, sidecar="render"),
    settings_options(QualitySettings),
    settings_options(CatalogSettings),
    settings_options(ShotSettings),
    settings_options(BlendSettings),
    settings_options(FilmSettings),
    settings_options(RunSettings),
    retired_options,
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
    return read_settings(RenderOrder, settle(options, ships=True))
