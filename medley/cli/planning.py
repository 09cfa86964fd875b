"""What commands that take shots share: options of a render, and how a run opens and closes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.config import config_options, settle
from medley.cli.options import (
    Command,
    content_option,
    output_option,
    read_settings,
    settings_options,
)
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
from medley.settings.housekeeping import amount

if TYPE_CHECKING:  # torch comes with them
    from medley.cli.progress import Display
    from medley.film.facts import FilmFacts
    from medley.paintings import Painting
    from medley.studio.editing.cut import Outputs
    from medley.studio.shooting.forecast import Forecast
    from medley.studio.shooting.takes import Take

_PATH = click.Path(path_type=Path)

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    content_option(RenderOrder),
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
    if found.seconds is None:
        parts.append("time unknown (medley plan measures this machine's pace)")
    else:
        parts.append(f"about {clock(found.seconds)}")
    parts.append(f"{amount(found.memory_bytes)} of memory")
    parts.append(f"{amount(found.disk_bytes)} of disk")
    if found.tile:
        parts.append(f"in tiles of {found.tile} pixels")
    return "forecast: " + ", ".join(parts)


def show_opening(
    show: Display,
    opening: str,
    takes: Sequence[Take],
    drawn: Sequence[Painting],
    expected: Forecast,
) -> None:
    """Say what begins, what of it is there already, and what the rest will take.

    Args:
        show: where it is said.
        opening: the words before "found finished".
        takes: all of them.
        drawn: paintings that were drawn by chance, if they were.
        expected: of the shots that are missing.
    """
    from medley.studio.shooting.takes import begun

    interrupted = begun(takes)
    also = f", {len(interrupted)} begun" if interrupted else ""
    show.line(f"{opening} found finished{also}")
    if drawn:
        show.line("drawn: " + "; ".join(work.title for work in drawn))
    if expected.missing:
        show.line(forecast_line(expected))


def closing_line(facts: FilmFacts, outputs: Outputs) -> str:
    """Say what the film has become, and what lies beside it."""
    return (
        f"{facts.words};"
        f" poster '{outputs.poster}', sidecar '{outputs.sidecar}', credits '{outputs.credits}'"
    )
