"""The report of what single layers do when they alone are stored in few bits: table and chart."""

import csv
import io
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from medley.settings.shot import CONTENT_LAYER, LOSS_LAYERS, STYLE_LAYERS
from medley.studio.compression.allocate import Sensitivity, Trial
from medley.studio.compression.compare import Errors

QUANTITIES: dict[str, Callable[[Errors], float]] = {
    f"features at {CONTENT_LAYER}": lambda errors: errors.features[CONTENT_LAYER],
    "worst Gram matrix": lambda errors: max(errors.grams.values()),
}
"""What tables and charts show of a trial's errors."""

# A block of the network has a colour, and its layers differ in these.
_DASHES, _MARKERS = ("-", "--", "-.", ":"), ("o", "s", "^", "D")


def list_sensitivity(sensitivity: Sensitivity) -> bytes:
    """A CSV row for each layer and width; errors are relative to the float network."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        ["layer", "bits", "distortion"]
        + [f"features_{layer}" for layer in LOSS_LAYERS]
        + [f"gram_{layer}" for layer in STYLE_LAYERS]
    )
    for name, trials in sensitivity.items():
        for bits, trial in trials.items():
            distortion = trial.distortion / trial.power if trial.power else 0.0
            errors = trial.errors.values if trial.errors else ()
            rows.writerow([name, bits, f"{distortion:.6g}", *(f"{error:.6g}" for error in errors)])
    return text.getvalue().encode()


def errors_by_width(
    trials: dict[int, Trial], quantity: Callable[[Errors], float]
) -> dict[int, float]:
    """One quantity of a layer's errors by width, of those widths at which there is an error."""
    found = {bits: quantity(trial.errors) for bits, trial in trials.items() if trial.errors}
    return {bits: error for bits, error in found.items() if error > 0}


def draw_sensitivity(sensitivity: Sensitivity) -> bytes:
    """Draw errors against bits, a line for each layer: of the content features, and of the style.

    Layers that do not change a quantity, as they lie behind it, have no line.

    Returns:
        Bytes of a PNG file.
    """
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, (what, quantity) in zip((left, right), QUANTITIES.items(), strict=True):
        for name, trials in sensitivity.items():
            if errors := errors_by_width(trials, quantity):
                block, index = map(int, name.removeprefix("conv").split("_"))
                axes.plot(
                    list(errors), list(errors.values()), color=f"C{block - 1}", label=name,
                    linestyle=_DASHES[index - 1], marker=_MARKERS[index - 1], markersize=3.5,
                )  # fmt: skip
        _dress(axes, what, sorted({bits for trials in sensitivity.values() for bits in trials}))
    left.set_ylabel("relative error against float")
    right.legend(frameon=False, fontsize=8, ncols=2, title="the layer alone", title_fontsize=8)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=130)
    return picture.getvalue()


def _dress(axes: Axes, title: str, bits: list[int]) -> None:
    axes.set_title(title)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    axes.set_xticks(bits)
    axes.set_xlabel("bits of the one layer")
    axes.grid(visible=True, alpha=0.3)
