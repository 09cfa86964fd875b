"""What `medley weights sensitivity` does: layers are tried one at a time, and reported."""

from pathlib import Path

import click

from medley.cli.console import show_table
from medley.cli.quantize_run import Source, open_quantizer
from medley.files import part_files
from medley.studio.editing.sensitivity import (
    QUANTITIES,
    draw_sensitivity,
    errors_by_width,
    list_sensitivity,
)
from medley.vgg.codebook import WIDTHS


def show_sensitivity(
    original: Path, pictures: tuple[Path, ...], output: Path, chart: Path, quiet: bool
) -> None:
    """Try every layer alone at every width; where the table lies goes to standard output.

    Args:
        original: file of the float weights.
        pictures: pictures that judge; none for the paintings that ship.
        output: CSV file of all errors.
        chart: PNG file of the chart.
        quiet: True to say nothing but errors and the path.
    """
    with open_quantizer(Source(original, pictures, quiet)) as (quantizer, show):
        sensitivity = quantizer.sensitivity()
        with part_files(chart, output) as (drawn, table):
            drawn.write_bytes(draw_sensitivity(sensitivity))
            table.write_bytes(list_sensitivity(sensitivity))
        show.line(f"chart '{chart}'")
    for what, quantity in () if quiet else QUANTITIES.items():
        rows = []
        for name, trials in sensitivity.items():
            errors = errors_by_width(trials, quantity)
            rows.append([name, *(f"{errors[b]:.2%}" if b in errors else "" for b in WIDTHS)])
        behind = "; blank: the layer lies behind" if any("" in row for row in rows) else ""
        click.echo(f"{what}: relative error with the layer alone at so many bits{behind}")
        show_table(["layer", *map(str, WIDTHS)], rows)
    click.echo(output)
