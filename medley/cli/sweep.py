"""`medley sweep`: one shot at many bit widths, as a film, a picture and numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medley.cli.config import config_options, settle
from medley.cli.options import (
    TakesSeveral,
    output_option,
    read_settings,
    retired_options,
    settings_options,
)
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
    from medley.studio.cut import MadeFilm
    from medley.studio.editing.measure import Spread

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
@retired_options
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
    # Pictures take half a second to import; --help and a mistyped option should not wait for them.
    from medley.cli.films import make_film
    from medley.studio.film_spec import FilmSpec
    from medley.studio.forecast import Forecast

    if fetch:
        _fetch(order, quiet)

    def opening(film: FilmSpec, expected: Forecast) -> str:
        first, shots = film.shots[0].content, len(film.shots)
        what = [
            counted(len(film.networks), "network"),
            counted(len(order.content), "photo"),
            counted(len(film.drawn.paintings), "painting"),
            f"{first.width}x{first.height} pixels",
            f"{counted(order.shot.steps, 'step')} each",
            f"on {','.join(film.devices)}",
        ]
        return f"{', '.join(what)}; {shots - expected.missing} of {counted(shots, 'shot')}"

    made = make_film(order, "shot", opening, force, quiet)
    if not quiet:
        _show_measures(made)
    click.echo(order.film_path)


def _fetch(order: SweepOrder, quiet: bool) -> None:
    """Fetch the float original, once the photos were seen to be there."""
    from medley.cli.console import notes
    from medley.studio.picture_cache import PictureCache
    from medley.vgg import sources

    pictures = PictureCache()
    for path in order.content:
        pictures.content(path, order.shot)
    with notes(quiet).status("fetching the float original ..."):
        sources.fetch()


def _show_measures(made: MadeFilm) -> None:
    from medley.cli.console import show_table
    from medley.studio.editing.measure import TOLERANCE, recommend, summarize
    from medley.studio.sweep import pairs_of, reference_in

    summary, reference = summarize(made.measures), reference_in(made.film)
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
    label = reference.label
    if (count := len(pairs_of(made.film))) > 1:
        click.echo(f"medians (least to most) of {count} pairs")
    click.echo(f"losses are scored at {label}, whose own result the others are compared with")
    ratio = summary[chosen]["ratio"].median
    if chosen == reference:
        click.echo(f"recommended: {label}; nothing smaller is within {TOLERANCE - 1:.0%} of it")
    else:
        click.echo(
            f"recommended: {chosen.label}, {chosen.size_bytes / 1e6:.2f} MB: {ratio:.3f} times the"
            f" loss of {label}, the smallest within {TOLERANCE - 1:.0%}"
        )


def _spread(of: Spread, form: str) -> str:
    """A median, and the range if there is one."""
    median = format(of.median, form)
    if of.least == of.most:
        return median
    return f"{median} ({of.least:{form}} to {of.most:{form}})"
