"""Size of the weights against the final picture's loss, as a table, a chart and a sheet."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from PIL import Image

from medley.film.poster import gallery
from medley.images import Pixels, decode
from medley.vgg import weightfile
from widths.runs import FLOAT, Bench, Pair, Record, Results, Row

_LOOKS = {"kmeans": "tab:blue", "calibrated": "tab:orange", "entropy": "tab:green"}
_TICKS = (1, 1.5, 2, 3, 4, 5, 7, 10, 15)
_HIGHEST = 4.0  # times float's loss, behind which a network is of no use
_LOSSES = (0.9, 1, 1.1, 1.2, 1.5, 2, 3, 4)
_COLUMNS, _CELL, _QUALITY = 5, 240, 90


def table(results: Results) -> str:
    """A table in Markdown for each way in which shots were taken."""
    return "\n".join(_table(results, way) for way in results.ways)


def _table(results: Results, way: str) -> str:
    rows = list(results.rows(way))
    pairs = max((len(row.ratios) for row in rows), default=0)
    lines = [
        f"{way}; {pairs} pairs",
        "",
        "| weights | size, MB | bits a weight | median | range |",
        "|---" * 5 + "|",
    ]
    lines += [
        f"| {_name(row.kind)}, `{row.kind.scheme}` | {row.kind.bytes / 1e6:.2f} |"
        f" {row.kind.bits:.2f} | {row.median:.3f} | {row.least:.2f} to {row.most:.2f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _name(kind: Record) -> str:
    """The bundle's widths as they are asked for, and what the weights of files take."""
    return kind.variant if kind.scheme == "kmeans" else f"{kind.bits:.3g} bits"


def chart(results: Results, way: str) -> bytes:
    """Median and range of the losses over float's against the weights' bytes, by scheme.

    Returns:
        Bytes of a PNG file.
    """
    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for scheme, rows in _by_scheme(results, way).items():
        sizes = [row.kind.bytes / 1e6 for row in rows]
        color = _LOOKS.get(scheme, "tab:gray")
        axes.plot(sizes, [row.median for row in rows], marker="o", color=color, label=scheme)
        axes.fill_between(
            sizes, [row.least for row in rows], [row.most for row in rows], color=color, alpha=0.15
        )
    axes.axhline(1, color="black", linewidth=0.8, linestyle="dotted")
    axes.set(xscale="log", yscale="log", ylim=(0.88, _HIGHEST))
    for axis, ticks in ((axes.xaxis, _TICKS), (axes.yaxis, _LOSSES)):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("the layers that style transfer looks at, MB on disk")
    axes.set_ylabel("final loss over float's: median and range")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    return _png(figure)


def layers_chart(effects: Mapping[str, float], file: Path) -> bytes:
    """What an error in each layer does, and how many bits a weight a file gives to it.

    Args:
        effects: error of the gradient by layer.
        file: weights of these layers.

    Returns:
        Bytes of a PNG file.
    """
    layers = weightfile.read(file)[1]
    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    above.bar(list(effects), list(effects.values()), color="tab:orange", width=0.7)
    above.set(yscale="log", ylabel="error of the gradient")
    above.set_title("one layer alone errs by 1/64 of its output's power", fontsize=10)
    bits = [layers[name].bits for name in effects]
    below.bar(list(effects), bits, color="tab:green", width=0.7)
    for place, name in enumerate(effects):
        size = f"{layers[name].size_bytes / 1e3:,.0f} KB"
        below.annotate(size, (place, bits[place]), fontsize=8, ha="center", va="bottom")
    below.set(ylabel="bits a weight", ylim=(0, 1.12 * max(bits)))
    below.set_title(f"{file.stem}: {file.stat().st_size / 1e6:.2f} MB", fontsize=10)
    below.tick_params(axis="x", labelsize=8)
    for axes in (above, below):
        axes.grid(visible=True, axis="y", alpha=0.3)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=130)
    return picture.getvalue()


def _by_scheme(results: Results, way: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in results.rows(way):
        found.setdefault(row.kind.scheme, []).append(row)
    return found


def sheet(bench: Bench, pairs: Sequence[Pair]) -> bytes:
    """Hang the last iterates of some pairs, float's first, the others by scheme and size.

    Returns:
        Bytes of a JPEG file.
    """
    works = list(_works(bench, pairs))
    high = max(picture.shape[0] / picture.shape[1] for picture, _ in works)
    wall = gallery(works, _CELL, cell_height=round(_CELL * high), columns=_COLUMNS)
    picture = io.BytesIO()
    Image.fromarray(wall).save(picture, "JPEG", quality=_QUALITY)
    return picture.getvalue()


def _works(bench: Bench, pairs: Sequence[Pair]) -> Iterator[tuple[Pixels, str]]:
    rows = list(bench.results.rows(bench.way))
    exact = [one for one in bench.results.records if one.scheme == FLOAT]
    for pair in pairs:
        for best in exact:
            if (best.way, best.pair) == (bench.way, pair.name):
                yield decode(bench.picture_path(pair, best)), f"float\n{best.bytes / 1e6:.1f} MB"
        for row in rows:
            if pair.name in row.ratios and bench.picture_path(pair, row.kind).exists():
                about = f"{row.kind.bytes / 1e6:.2f} MB, loss {row.ratios[pair.name]:.2f}"
                name = f"{_name(row.kind)}, {row.kind.scheme}"
                yield decode(bench.picture_path(pair, row.kind)), f"{name}\n{about}"
