"""`medley sweep`: one shot at many bit widths, as a film, a picture and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.config import config_options, settle
from medley.cli.options import TakesSeveral, output_option, read_settings, settings_options
from medley.cli.words import counted
from medley.settings import (
    CatalogSettings,
    CutSettings,
    LookSettings,
    QualitySettings,
    RunSettings,
    SweepOrder,
    SweepSettings,
)

if TYPE_CHECKING:  # torch comes with them
    from medley.studio.editing.measure import Measure, Spread
    from medley.studio.sweep import Sweep

_PATH = click.Path(path_type=Path)


@click.command(cls=TakesSeveral, short_help="Compare networks of different bit widths in a film.")
@click.option(
    "--content", type=_PATH, multiple=True,
    help="The photo to be repainted; repeatable.  [required]",
)  # fmt: skip
@click.option(
    "--style",
    "--styles",
    "styles",
    type=_PATH,
    multiple=True,
    metavar="DIR_OR_FILES...",
    help="Paintings, or folders of them; repeatable, or several at once.  [required]",
)
@output_option("outputs/CONTENT-sweep.mp4")
@click.option("--force", is_flag=True, help="Replace a film of that name.")
@config_options(SweepOrder, sidecar="sweep")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
@settings_options(QualitySettings)
@settings_options(SweepSettings)
@click.option("--fetch", is_flag=True, help="Fetch the float original (74 MB) if it is not here.")
@settings_options(CatalogSettings)
@settings_options(LookSettings)
@settings_options(CutSettings)
@settings_options(RunSettings)
def sweep(
    content: tuple[Path, ...],
    fetch: bool,
    force: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Repaint a photo with the network at many bit widths, and show and measure the difference.

    \b
    medley sweep --content photo.jpg --style painting.jpg --bits 32,8-1
    medley sweep --content a.jpg --content b.jpg --styles paintings/ --sample 3

    The film shows all widths side by side, always at the same step; several photos and paintings
    follow one another in it, every photo with every painting. --layout split takes the first and
    the last of the widths. Beside it lie a sheet of the final pictures, a chart, and the measures
    as .csv and .json: each loss is scored by the float network, whose own result is what the
    others are compared with; it is computed even if --bits leaves 32 out. Without the float
    original 8 bits stand in for it.

    Shots are those of `medley render`: the same command again takes none twice.
    """
    options["content"] = tuple(dict.fromkeys(content))
    order = read_settings(SweepOrder, settle(options))
    _sweep(order, fetch, force, quiet)


def _sweep(order: SweepOrder, fetch: bool, force: bool, quiet: bool) -> None:
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import notes, warn
    from medley.cli.progress import display
    from medley.studio.editing.cut import Outputs
    from medley.studio.orders import look_through, prepare_sweep
    from medley.studio.shooting.device import computing_deterministically
    from medley.studio.shooting.takes import missing
    from medley.studio.sweep import measure_sweep, publish, shoot_sweep
    from medley.vgg import sources

    console = notes(quiet)
    outputs = Outputs(order.film_path, measured=True)
    outputs.check(True, order.inputs)  # whether one may be replaced is told of last
    photos = look_through(order, partial(warn, console))
    drawn = photos[0][2]
    outputs.check(force, [*order.inputs, *(work.path for work in drawn.paintings)])
    if fetch:
        with console.status("fetching the float original ..."):
            sources.fetch()
    with computing_deterministically(order.run.deterministic), display(console) as show:
        plan = prepare_sweep(order, photos, partial(warn, console), show.stage)
        show.line(_opening(plan, len(missing(plan.takes))))
        if order.catalog.sample:
            show.line("drawn: " + "; ".join(work.title for work in drawn.paintings))
        shoot_sweep(plan, show.shot, partial(warn, console))
        measures = measure_sweep(plan, lambda done, of: show.count("scoring", done, of))
        facts = publish(plan, measures, outputs, order.film.fitted(order.film_path), show.frame)
        show.line(
            f"{facts.words};"
            f" sheet '{outputs.poster}', chart '{outputs.chart}', measures '{outputs.table}'"
            f" and '{outputs.sidecar}', credits '{outputs.credits}'"
        )
    if not quiet:
        _show_measures(plan, measures)
    click.echo(order.film_path)


def _opening(plan: Sweep, left: int) -> str:
    shots = len(plan.takes)
    photos = len({take.content_path for take in plan.takes})
    height, width, _ = plan.takes[0].scene.content.shape
    what = [
        counted(len(plan.networks), "network"),
        counted(photos, "photo"),
        counted(len(plan.draw.paintings), "painting"),
        f"{width}x{height} pixels",
        f"{counted(plan.settings.steps, 'step')} each",
        f"on {','.join(map(str, plan.devices))}",
    ]
    return f"{', '.join(what)}; {shots - left} of {counted(shots, 'shot')} found finished"


def _show_measures(plan: Sweep, measures: Sequence[Measure]) -> None:
    from medley.cli.console import show_table
    from medley.studio.editing.measure import TOLERANCE, recommend, summarize

    summary = summarize(measures)
    chosen = recommend(summary)
    columns = ["weights", "MB", "distortion", "load s", "loss", "own loss", "ratio", "SSIM"]
    rows = []
    for network, of in summary.items():
        quantities = [
            f"{of['loss'].median:,.0f}",
            f"{of['own_loss'].median:,.0f}",
            _spread(of["ratio"], ".3f"),
            _spread(of["ssim"], ".3f"),
            "" if of["psnr"].median == math.inf else f"{of['psnr'].median:.1f}",
            f"{of['change'].median:.4f}",
        ]
        costs = [f"{network.size_bytes / 1e6:.2f}", f"{network.distortion:.1e}"]
        rows.append([network.label, *costs, f"{network.load_s:.3f}", *quantities])
    show_table([*columns, "PSNR dB", "change"], rows)
    reference = plan.reference.label
    if len(plan.pairs) > 1:
        click.echo(f"medians (least to most) of {len(plan.pairs)} pairs")
    click.echo(f"losses are scored at {reference}, whose own result the others are compared with")
    ratio = summary[chosen]["ratio"].median
    if chosen == plan.reference:
        click.echo(f"recommended: {reference}; nothing smaller is within {TOLERANCE - 1:.0%} of it")
    else:
        click.echo(
            f"recommended: {chosen.label}, {chosen.size_bytes / 1e6:.2f} MB: {ratio:.3f} times the"
            f" loss of {reference}, the smallest within {TOLERANCE - 1:.0%}"
        )


def _spread(of: Spread, form: str) -> str:
    """A median, and the range if there is one."""
    median = format(of.median, form)
    if of.least == of.most:
        return median
    return f"{median} ({of.least:{form}} to {of.most:{form}})"
