"""What `medley sweep` does: a film is made, and its measures are shown."""

import math

import click

from medley.cli.console import notes, show_table
from medley.cli.films import make_film
from medley.settings import SweepOrder
from medley.studio.cut import MadeFilm
from medley.studio.editing.measure import TOLERANCE, Spread, recommend, summarize
from medley.studio.film_spec import pairs_of, reference_in
from medley.studio.picture_cache import PictureCache
from medley.vgg import sources


def make_sweep(order: SweepOrder, fetch: bool, force: bool, quiet: bool) -> None:
    """Make a sweep's film and show what was measured; its path goes to standard output.

    Args:
        order: order of the film.
        fetch: True to fetch the float original first if it is not here.
        force: True to replace a film of that name.
        quiet: True to say nothing but errors and the path.
    """
    if fetch:
        _fetch_float(order, quiet)
    made = make_film(order, force, quiet)
    if not quiet:
        _show_measures(made)
    click.echo(made.film.path)


def _show_measures(made: MadeFilm) -> None:
    """Print what a sweep has measured, and which network it recommends."""
    summary, reference = summarize(made.measures), reference_in(made.film)
    chosen = recommend(summary, reference)
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
        off = network.distortion
        costs = [f"{network.size_bytes / 1e6:.2f}", "" if off is None else f"{off:.1e}"]
        rows.append([network.label, *costs, f"{network.load_s:.3f}", *quantities])
    show_table([*columns, "PSNR dB", "change"], rows)
    label = reference.label
    if (count := len(pairs_of(made.film))) > 1:
        click.echo(f"medians (least to most) of {count} pairs")
    click.echo(f"losses are scored at {label}, whose own result the others are compared with")
    if not chosen:
        click.echo(f"recommended: none, as another training made {label} than the others")
    elif chosen == reference:
        click.echo(f"recommended: {label}; nothing smaller is within {TOLERANCE - 1:.0%} of it")
    else:
        ratio = summary[chosen]["ratio"].median
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


def _fetch_float(order: SweepOrder, quiet: bool) -> None:
    """Fetch the float original, once the photos were seen to be there."""
    pictures = PictureCache()
    for path in order.content:
        pictures.content(path, order.shot)
    with notes(quiet).status("fetching the float original ..."):
        sources.fetch()
