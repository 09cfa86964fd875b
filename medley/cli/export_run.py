"""What `medley export` does: a network is written as a graph and compared with itself."""

from pathlib import Path

import click

from medley.cli.progress import display
from medley.cli.words import counted
from medley.studio.exporting import Exported, export_onnx


def export_network(
    net: Path, output: Path, int8: bool, calibrate: tuple[Path, ...], quiet: bool
) -> None:
    """Write a graph; its path goes to standard output.

    Args:
        net: file of the style network.
        output: file of the graph.
        int8: True to compute convolutions in 8-bit integers.
        calibrate: photos by which these are scaled; none for the paintings that ship.
        quiet: True to say nothing but errors and the path.
    """
    with display(quiet) as show:
        done = export_onnx(net, output, int8, calibrate)
        show.line(_told(done) + (_scaled(done, bool(calibrate)) if int8 else ""))
    click.echo(output)


def _scaled(done: Exported, by_own: bool) -> str:
    """What the integers were scaled by."""
    if by_own:
        return f"; scaled by {counted(done.scaled_by, 'photo')}"
    return f"; scaled by the {done.scaled_by} paintings that ship; photos of yours do better"


def _told(done: Exported) -> str:
    return (
        f"{done.size_bytes:,} bytes; pictures differ from medley's own by {done.mean:.2g} of 255"
        f" on average, {done.most:.2g} at most"
    )
