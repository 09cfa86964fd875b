"""What `medley quantize` does: weights are encoded, or all ways to encode them compared."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from medley.cli.console import show_table
from medley.cli.progress import Display, display
from medley.cli.words import counted
from medley.paintings.draws import find_photos, shipped
from medley.settings import QuantizeSettings
from medley.studio.compression.compare import Candidate
from medley.studio.compression.quantizing import ROWS, Quantizer
from medley.studio.editing.report import draw_comparison, write_comparison
from medley.vgg.identity import mean_bits


class Source(NamedTuple):
    """What weights are made from.

    Attributes:
        original: file of the float weights.
        pictures: pictures to calibrate and compare by; none for the paintings that ship.
        quiet: True to say nothing on the way.
    """

    original: Path
    pictures: tuple[Path, ...]
    quiet: bool


def write_weights(
    source: Source,
    output: Path,
    settings: QuantizeSettings,
    layers: dict[str, int],
    target_size: int | None,
) -> None:
    """Encode the float weights in few bits, as a file.

    Args:
        source: source of the weights.
        output: file of the encoded weights.
        settings: scheme, and bits of every layer.
        layers: bits of single layers, by name.
        target_size: most bytes of the file, for which widths are chosen, or codes' steps.
    """
    with open_quantizer(source) as (quantizer, show):
        widths = quantizer.make(output, settings.scheme, settings.bits, layers, target_size)
        show.line(f"{output.stat().st_size:,} bytes: {_in_words(widths)}")


def compare_schemes(source: Source, table: Path, chart: Path) -> None:
    """Encode the float weights in every way, and tell in numbers how far each strays.

    Args:
        source: source of the weights.
        table: CSV file of the numbers.
        chart: PNG file of the chart.
    """
    with open_quantizer(source) as (quantizer, _):
        candidates = quantizer.candidates()
        write_comparison(candidates, table)
        draw_comparison(candidates, chart)
        quantizer.forget()
        _show(candidates)


@contextmanager
def open_quantizer(source: Source) -> Iterator[tuple[Quantizer, Display]]:
    """Read the float weights and show progress; after Ctrl-C, say what of it is kept.

    Args:
        source: source of the weights.
    """
    paths = find_photos(source.pictures) if source.pictures else shipped()
    with display(source.quiet) as show:
        quantizer = Quantizer(source.original, paths, show.on)
        try:
            yield quantizer, show
        except KeyboardInterrupt:
            if quantizer.kept:
                parts = ", ".join(
                    f"{what} of {counted(count, 'file' if what == ROWS else 'layer')}"
                    for what, count in quantizer.kept.items()
                )
                show.line(f"kept in the cache: {parts}; the same command goes on from there")
            raise


def _show(candidates: list[Candidate]) -> None:
    columns = ["scheme", "bits", "MB", "distortion", "load s", "relu4_2", "worst Gram"]
    rows = [
        [
            candidate.scheme,
            candidate.bits,
            f"{candidate.size_bytes / 1e6:.2f}",
            f"{candidate.distortion:.1e}",
            f"{candidate.load_s:.3f}",
            f"{candidate.errors.features['relu4_2']:.2%}",
            f"{max(candidate.errors.grams.values()):.2%}",
        ]
        for candidate in candidates
    ]
    show_table(columns, rows)


def _in_words(widths: dict[str, float]) -> str:
    if not all(isinstance(bits, int) for bits in widths.values()):
        return f"{mean_bits(widths):.3g} bits a weight"
    if len(set(widths.values())) == 1:
        return f"{counted(int(next(iter(widths.values()))), 'bit')} a weight"
    return ", ".join(f"{name}:{bits}" for name, bits in widths.items())
