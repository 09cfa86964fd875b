"""Reports of measures: tables as CSV, charts and the sheet of a sweep's pictures as PNG."""

import csv
import io
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedLocator,
    Locator,
    LogLocator,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
)

from medley.files import part_file, write_bytes
from medley.film.poster import gallery
from medley.images import Pixels, encode_png
from medley.moments import stem_of
from medley.settings.shot import CONTENT_LAYER, LOSS_LAYERS, STYLE_LAYERS
from medley.studio.compression.compare import Candidate
from medley.studio.compression.networks import FLOAT, Network
from medley.studio.editing.credits import credit_lines
from medley.studio.editing.measure import QUANTITIES, TOLERANCE, Measure, Spread, recommend
from medley.studio.editing.panes import Pane

_MOST_BITS = 8
_TICK_LETTERS = 12  # of a file's name in a line under a chart
_TICKS = 3  # that an axis has at least
_WIDE = 20  # ratio of losses from which an axis has ticks at whole decades
_LEAST = 1e-6  # drawn in place of an error of 0, which a logarithmic axis cannot show
_LEAST_CELL = 300  # pixels; smaller pictures are enlarged on the sheet by a whole factor
_MOST_SIDE = 16_000  # pixels; about the largest width or height of a sheet


def write_comparison(candidates: Sequence[Candidate], path: Path) -> None:
    """Write a CSV row for each scheme and width; errors are relative to the float network.

    Raises:
        OutputError: the file cannot be written.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        ["scheme", "bits", "bytes", "distortion", "load_s"]
        + [f"features_{layer}" for layer in LOSS_LAYERS]
        + [f"gram_{layer}" for layer in STYLE_LAYERS]
    )
    for one in candidates:
        errors = [one.errors.features[layer] for layer in LOSS_LAYERS]
        errors += [one.errors.grams[layer] for layer in STYLE_LAYERS]
        rows.writerow(
            [one.scheme, one.bits, one.size_bytes, f"{one.distortion:.6g}", f"{one.load_s:.4f}"]
            + [f"{error:.6g}" for error in errors]
        )
    write_bytes(path, text.getvalue().encode())


def list_measures(measures: Sequence[Measure]) -> bytes:
    """The table of a sweep as CSV, with a row for each pair and network."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    own = ["network", "scheme", "bits", "bytes", "distortion", "load_s"]
    rows.writerow(["content", "painting", *own, *QUANTITIES, "shot"])
    for one in measures:
        of = one.network
        network = [of.label, of.scheme, f"{of.bits:g}", of.size_bytes]
        off = "" if of.distortion is None else f"{of.distortion:.6g}"
        network += [off, f"{of.load_s:.4f}"]
        values = [f"{getattr(one, name):.6g}" for name in QUANTITIES]
        rows.writerow([one.content, one.painting, *network, *values, one.shot])
    return text.getvalue().encode(errors="replace")


def draw_comparison(candidates: Sequence[Candidate], path: Path) -> None:
    """Draw error against size: the content layer's features, and the worst Gram matrix.

    Schemes that store floats are left out: they are far off to the right, and near 0.

    Raises:
        OutputError: the file cannot be written.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharex=True)
    drawn = [one for one in candidates if one.bits <= _MOST_BITS]
    for scheme in dict.fromkeys(one.scheme for one in drawn):
        own = [one for one in drawn if one.scheme == scheme]
        megabytes = [one.size_bytes / 1e6 for one in own]
        style = {"marker": "o", "markersize": 4, "label": scheme}
        features = [max(one.errors.features[CONTENT_LAYER], _LEAST) for one in own]
        grams = [max(*one.errors.grams.values(), _LEAST) for one in own]
        left.plot(megabytes, features, **style)
        right.plot(megabytes, grams, **style)
        for one, *spot in zip(own, megabytes, grams, strict=True):
            right.annotate(
                str(one.bits), spot, textcoords="offset points", xytext=(3, 4), fontsize=7
            )
    left.set_title(f"features at {CONTENT_LAYER}")
    right.set_title("worst Gram matrix, at so many bits")
    for axes in (left, right):
        axes.set_yscale("log")
        axes.set_xscale("log")
        axes.set_xlabel("file size, MB")
        axes.xaxis.set_major_locator(FixedLocator([2.5, 5, 7.5, 10, 15, 20]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_ylabel("relative error against float")
        axes.grid(visible=True, alpha=0.3)
    left.legend(frameon=False)
    with part_file(path) as part:
        figure.savefig(part, dpi=130)


def draw_sweep(
    summary: Mapping[Network, Mapping[str, Spread]], reference: Network, pairs: int
) -> bytes:
    """Draw re-scored loss and SSIM against bits, with the size of the files along the top.

    Lines are medians, and bands reach from the least to the most of several pairs. Files stand
    among the widths by their own bits, each under its name.

    Args:
        summary: spreads of all networks' measures.
        reference: network that scored the pictures.
        pairs: number of pairs of a photo and a painting.

    Returns:
        Bytes of a PNG file.
    """
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    places = _places(summary)
    for axes, quantity in ((left, "ratio"), (right, "ssim")):
        others = [network for network in summary if network != reference]
        for name in dict.fromkeys(map(_line, others)):
            own = sorted((one for one in others if _line(one) == name), key=lambda one: one.bits)
            spreads = [summary[one][quantity] for one in own]
            _draw_line(axes, [places[one] for one in own], spreads, name, pairs)
        _draw_bits(axes, places)
        place = places[reference]
        axes.plot(place, 1, marker="D", color="0.15", linestyle="none", label=reference.label)
    _mark(left, summary, reference, places)
    _scale(left, summary)
    left.set_ylabel(f"loss / {reference.label}'s")
    left.set_title(f"loss of the final picture, scored by the {reference.label} network")
    right.set_ylabel("SSIM")
    right.set_title(f"likeness to the {reference.label} network's picture")
    left.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=130)
    return picture.getvalue()


def draw_sheet(pairs: Sequence[Sequence[Pane]], measures: Sequence[Sequence[Measure]]) -> bytes:
    """Draw the contact sheet: photo, painting and every network's result, for each pair.

    Pictures are at full resolution, or enlarged if they are small. If there are several pairs,
    each has one row.

    Args:
        pairs: panes of each pair of photo and painting.
        measures: measures of the same shots, for the captions.

    Returns:
        Bytes of a PNG file.

    Raises:
        PictureError: a result is unreadable.
    """
    columns = 2 + len(pairs[0]) if len(pairs) > 1 else None
    height = max(panes[0].content.shape[0] for panes in pairs)
    width = max(panes[0].content.shape[1] for panes in pairs)
    across = max(columns or math.isqrt(len(pairs[0])) + 2, len(pairs))
    scale = min(math.ceil(_LEAST_CELL / width), _MOST_SIDE / across / max(height, width))
    works = (
        work for panes, own in zip(pairs, measures, strict=True) for work in _works(panes, own)
    )
    cell, cell_height = max(1, int(width * scale)), max(1, int(height * scale))
    sheet = gallery(works, cell, cell_height=cell_height, columns=columns)
    return encode_png(sheet, small=True)


def _line(network: Network) -> str:
    """The line that a network is a point of: its scheme's, or one of its own if it is a file."""
    return network.label if network.variant.file else network.scheme


def _places(networks: Iterable[Network]) -> dict[Network, int]:
    """Where networks stand along a chart.

    They are in the order of their bits and at equal distances, so that 32 bits are not far away
    from 8. Networks of one width share its place; a file has one of its own, behind that of as many
    bits.
    """
    spots = {
        one: (one.bits, number if one.variant.file else 0)
        for number, one in enumerate(networks, start=1)
    }
    places = {spot: place for place, spot in enumerate(sorted(set(spots.values())))}
    return {one: places[spot] for one, spot in spots.items()}


def _draw_line(
    axes: Axes, places: Sequence[int], spreads: Sequence[Spread], name: str, pairs: int
) -> None:
    medians = [of.median for of in spreads]
    (line,) = axes.plot(places, medians, marker="o", markersize=4, label=name)
    if pairs > 1:
        least, most = [of.least for of in spreads], [of.most for of in spreads]
        axes.fill_between(places, least, most, color=line.get_color(), alpha=0.15, linewidth=0)


def _draw_bits(axes: Axes, places: Mapping[Network, int]) -> None:
    """Label the lower edge with widths or names, and the upper one with the sizes of files."""
    first = {place: network for network, place in reversed(list(places.items()))}
    axes.set_xlim(-0.4, len(first) - 0.6)
    axes.set_xticks(list(first), [_tick(network) for network in first.values()])
    axes.set_xlabel("bits a weight")
    top = axes.secondary_xaxis("top")
    sizes = [f"{network.size_bytes / 1e6:.1f}" for network in first.values()]
    top.set_xticks(list(first), sizes, fontsize=8)
    top.set_xlabel("file size, MB", fontsize=9)
    axes.grid(visible=True, alpha=0.3)


def _tick(network: Network) -> str:
    if network.variant.file:
        return "\n".join(textwrap.wrap(network.label, _TICK_LETTERS))
    return "float" if network.variant == FLOAT else f"{network.bits:g}"


def _mark(
    axes: Axes,
    summary: Mapping[Network, Mapping[str, Spread]],
    reference: Network,
    places: Mapping[Network, int],
) -> None:
    """Circle the recommended network, and draw the tolerance by which it was chosen."""
    chosen = recommend(summary, reference)
    if not chosen:
        return
    spot = places[chosen], summary[chosen]["ratio"].median
    axes.axhline(TOLERANCE, color="tab:green", linewidth=0.9, linestyle="--")
    axes.plot(*spot, marker="o", markersize=13, markerfacecolor="none", color="tab:green")
    side = {0: "left", max(places.values()): "right"}.get(spot[0], "center")
    axes.annotate(
        f"recommended: {chosen.label}", spot, textcoords="offset points", xytext=(0, 20),
        ha=side, color="tab:green",
    )  # fmt: skip


def _scale(axes: Axes, summary: Mapping[Network, Mapping[str, Spread]]) -> None:
    """Make the ratios' axis logarithmic, with as many ticks as can be read, three at least."""
    least = min(of["ratio"].least for of in summary.values())
    most = max(of["ratio"].most for of in summary.values())
    axes.set_yscale("log")
    subs = (1, 3) if most > _WIDE * least else (1, 1.2, 1.5, 2, 3, 5)
    bottom, top = axes.get_ylim()
    locator: Locator = LogLocator(10, subs=subs)
    if sum(bottom <= tick <= top for tick in locator.tick_values(bottom, top)) < _TICKS:
        locator = MaxNLocator(2 * _TICKS, min_n_ticks=_TICKS)
    axes.yaxis.set_major_locator(locator)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


def _works(panes: Sequence[Pane], measures: Sequence[Measure]) -> Iterator[tuple[Pixels, str]]:
    first = panes[0]
    height, width, _ = first.content.shape
    yield first.content, f"{stem_of(first.spec.content.path)}\n{width}x{height} pixels"
    yield first.painting, credit_lines(first.spec.paintings[0])
    for pane, one in zip(panes, measures, strict=True):
        size = f"{one.network.size_bytes / 1e6:.2f} MB"
        text = f"{one.network.label}\n{size}, loss {one.loss:,.0f}"
        yield pane.shot.result(), text
