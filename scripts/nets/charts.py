"""Style networks of many sizes as a table, a chart and a sheet of pictures."""

import io
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from PIL import Image

from medley.film.poster import gallery, side_by_side
from medley.images import Pixels
from medley.stylenet import netfile
from medley.stylenet.apply import repaint_after
from medley.tensors import to_pixels
from nets.results import FileRecord, NetRecord, Results
from nets.sizes import DEFAULT, FLOAT, Bench, name_of

_BITS = 8  # at which networks of different sizes are compared
_FEW_BITS = 4
_QUANTITIES = {
    "loss": "loss that is minimized",
    "style": "style loss",
    "content": "content loss",
}
_WIDTH_LINE, _BLOCKS_LINE = "width: channels, at 8 bits", "residual blocks, at 8 bits"
_FULL_LINE = "the full family, at 8 bits"
_BITS_LINE = "bits a weight, of the default size"
_LOOKS = {
    _WIDTH_LINE: ("tab:blue", (0, 9)),
    _BLOCKS_LINE: ("tab:orange", (9, 3)),
    _BITS_LINE: ("tab:green", (0, -9)),
    _FULL_LINE: ("tab:red", (0, 9)),
}
"""Color of each line, and where the labels of its points are, in points from these."""

_COLUMNS, _CELL = 4, 300
_QUALITY = 88

_Line = list[tuple[str, NetRecord, int]]
"""Points of the chart: label, network, bits."""


def table(results: Results) -> str:
    """Two tables in Markdown: networks of all sizes, and that of the default size at all bits."""
    lines = [
        "| channels | blocks | weights | frames a second |"
        f" bytes at {_BITS} bits | loss | content | style | palette |"
        f" bytes at {_FEW_BITS} bits | loss |",
        "|---" * 11 + "|",
    ]
    for net in results.by_weights():
        if not {_BITS, _FEW_BITS} <= set(net.files):
            continue
        file, few = net.files[_BITS], net.files[_FEW_BITS]
        lines.append(
            f"| {_channels(net)} | {net.size.blocks} | {net.weights:,} | {_pace(net)} |"
            f" {file.bytes:,} | {_terms(file)} | {few.bytes:,} | {few.loss:.3f} |"
        )
    if default := results.nets.get(name_of(DEFAULT)):
        lines += [
            "",
            "| bits a weight | bytes | loss | content | style | palette | change, Oklab |",
            "|---" * 7 + "|",
        ]
        for bits, file in sorted(default.files.items(), reverse=True):
            lines.append(
                f"| {'float' if bits == FLOAT else bits} | {file.bytes:,} | {_terms(file)} |"
                f" {file.change:.3f} |"
            )
    return "\n".join(lines) + "\n"


def _terms(file: FileRecord) -> str:
    return f"{file.loss:.3f} | {file.content:.3f} | {file.style:.3f} | {file.palette:.4f}"


def _pace(net: NetRecord) -> str:
    return f"{1 / net.seconds:.1f}" if net.seconds else "–"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _channels(net: NetRecord) -> str:
    first, *others = net.channels
    return str(first) if {first} == set(others) else ", ".join(map(str, net.channels))


def chart(results: Results) -> bytes:
    """Losses and speed against bytes of the file, with a line each for width, blocks and bits.

    Returns:
        Bytes of a PNG file.
    """
    figure = Figure(figsize=(10, 7.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(2, 2, sharex=True).flat)
    lines = _lines(results)
    for one, (quantity, title) in zip(axes, _QUANTITIES.items(), strict=False):
        for name, points in lines.items():
            values = [getattr(net.files[bits], quantity) for _, net, bits in points]
            _draw(one, name, points, values)
        one.set_title(title)
    for name, points in lines.items():
        paces = [1 / net.seconds for _, net, _ in points if net.seconds]
        if name != _BITS_LINE and len(paces) == len(points):
            _draw(axes[-1], name, points, paces)
    for one in axes[-2:]:
        one.set_xlabel("size of the file, KB")
    axes[-1].set_title("frames a second, 640x480 pixels")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False
    )
    picture = io.BytesIO()
    figure.savefig(picture, dpi=130)
    return picture.getvalue()


def _lines(results: Results) -> dict[str, _Line]:
    """The lines of the chart by name, each from its smallest file to its largest."""
    nets = [net for net in results.by_weights() if _BITS in net.files]
    small = [net for net in nets if net.size.family == DEFAULT.family]
    lines: dict[str, _Line] = {
        _WIDTH_LINE: [
            (str(net.channels[0]), net, _BITS) for net in small if net.size.blocks == DEFAULT.blocks
        ],
        _BLOCKS_LINE: [
            (str(net.size.blocks), net, _BITS) for net in small if net.size.width == DEFAULT.width
        ],
        _BITS_LINE: [
            ("float" if bits == FLOAT else str(bits), net, bits)
            for net in nets
            if net.size == DEFAULT
            for bits in sorted(net.files)
        ],
        _FULL_LINE: [("", net, _BITS) for net in nets if net.size.family != DEFAULT.family],
    }
    return {name: points for name, points in lines.items() if points}


def _draw(axes: Axes, name: str, points: _Line, values: Sequence[float]) -> None:
    color, spot = _LOOKS[name]
    sizes = [net.files[bits].bytes for _, net, bits in points]
    axes.plot(sizes, values, marker="o", markersize=4, label=name, color=color)
    for (label, *_), size, value in zip(points, sizes, values, strict=True):
        axes.annotate(
            label, (size, value), textcoords="offset points", xytext=spot, fontsize=8,
            color=color, ha="center", va="center",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size / 1e3:g}"))
    axes.margins(0.06, 0.1)
    axes.grid(visible=True, alpha=0.3)


def sheet(bench: Bench, results: Results, shown: Sequence[str]) -> bytes:
    """Hang photos after the painting by networks of all sizes, and at few bits.

    Args:
        bench: what they were trained on.
        results: the networks.
        shown: names of photos held back.

    Returns:
        Bytes of a JPEG file.
    """
    photos = [to_pixels(bench.judged_on[name]) for name in shown]
    works = _works(bench, results, photos)
    wide, high = (sum(each.shape[1] for each in photos), photos[0].shape[0])
    cell = _CELL * len(photos)
    columns = max(2, _COLUMNS // len(photos))
    wall = gallery(works, cell, cell_height=round(cell * high / wide), columns=columns)
    picture = io.BytesIO()
    Image.fromarray(wall).save(picture, "JPEG", quality=_QUALITY)
    return picture.getvalue()


def _works(
    bench: Bench, results: Results, photos: Sequence[Pixels]
) -> Iterator[tuple[Pixels, str]]:
    yield side_by_side(photos), "photo"
    yield bench.painting.picture, bench.painting.title
    ways = [(net, _BITS) for net in results.by_weights()]
    if default := results.nets.get(name_of(DEFAULT)):
        ways += [(default, bits) for bits in sorted(default.files, reverse=True) if bits < _BITS]
    for net, bits in ways:
        if bits not in net.files:
            continue
        made = netfile.read(bench.path(net.size, bits))
        inside = _counted(net.size.blocks, "block"), _counted(bits, "bit")
        size = f"{_channels(net)} channels, {', '.join(inside)}"
        about = f"{net.weights:,} weights, {net.files[bits].bytes:,} bytes"
        pictures = [repaint_after(made, [1.0], photo) for photo in photos]
        yield side_by_side(pictures), f"{size}\n{about}"
