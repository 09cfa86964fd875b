"""Numbers for people: tables as CSV, charts as PNG."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from medley.files import part_file, write_bytes
from medley.studio.compare import Candidate
from medley.transfer.losses import CONTENT_LAYER, LAYERS, STYLE_LAYERS

_MOST_BITS = 8
_LEAST = 1e-6  # an error of 0 has no place on a logarithmic axis


def write_comparison(candidates: Sequence[Candidate], path: Path) -> None:
    """Write a row for each scheme and width; errors are relative to the float network.

    Raises:
        OutputError: the file cannot be written.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        ["scheme", "bits", "bytes", "distortion", "load_s"]
        + [f"features_{layer}" for layer in LAYERS]
        + [f"gram_{layer}" for layer in STYLE_LAYERS]
    )
    for one in candidates:
        errors = [one.errors.features[layer] for layer in LAYERS]
        errors += [one.errors.grams[layer] for layer in STYLE_LAYERS]
        rows.writerow(
            [one.scheme, one.bits, one.size_bytes, f"{one.distortion:.6g}", f"{one.load_s:.4f}"]
            + [f"{error:.6g}" for error in errors]
        )
    write_bytes(path, text.getvalue().encode())


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
