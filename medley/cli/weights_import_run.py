"""What `medley weights import` does: a state dict becomes weights of medley's."""

from pathlib import Path

import click

from medley.cli.console import notes
from medley.cli.words import printable
from medley.vgg.normalization import CAFFE, TORCHVISION
from medley.vgg.states import import_state


def import_weights(file: Path, output: Path, normalization: str | None, quiet: bool) -> None:
    """Convert a state dict; where the result lies goes to standard output.

    Args:
        file: file of the state dict.
        output: file of the result.
        normalization: "torchvision", "caffe", or None to tell by the weights.
        quiet: True to say nothing but errors and the path.
    """
    fed = {"torchvision": TORCHVISION, "caffe": CAFFE, None: None}[normalization]
    console = notes(quiet)
    with console.status(f"importing {file.name} ..."):
        origin = import_state(file, output, fed)
    told = printable(f"{file.name}: {origin.source}; fed with {origin.fed}")
    console.print(told, highlight=False, markup=False, soft_wrap=True)
    click.echo(output)
