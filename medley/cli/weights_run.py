"""What `medley weights` does: the float original is fetched, weights files are looked into."""

import json
from pathlib import Path

import click

from medley.cli.console import notes, show_table
from medley.errors import WeightsError
from medley.shipped_weights import WEIGHTS_FILES, check_weights_there
from medley.vgg import originals, sources, weightfile
from medley.vgg.codebook import WIDTHS
from medley.vgg.identity import describe

_BUNDLED = "bundled"  # name of the weights of all widths
_SHIPPED = {_BUNDLED: weightfile.BUNDLE, **WEIGHTS_FILES}


def fetch_weights(source: str, quiet: bool) -> None:
    """Fetch float weights into the cache; where they lie goes to standard output.

    Args:
        source: name of an original, or path of a Keras file.
        quiet: True to say nothing but errors and the path.

    Raises:
        WeightsError: the source is neither.
    """
    chosen = source if source in originals.NAMES else Path(source)
    if isinstance(chosen, Path) and not chosen.is_file():
        known = ", ".join(originals.NAMES)
        raise WeightsError(f"'{source}' is neither a file nor one of {known}; check its name")
    with notes(quiet).status(f"fetching {source} ..."):
        path = sources.fetch(chosen)
    click.echo(path)


def list_weights() -> None:
    """Print a table of what ships and of what has been fetched."""
    rows = []
    places = {name: originals.cache_path(name) for name in originals.NAMES}
    for name, path in {**_SHIPPED, **places}.items():
        if not path.is_file():
            rows.append([name, "", "", f"not here; medley weights fetch {name}"])
            continue
        header = weightfile.read_header(path)
        widths = sorted({entry.bits for entry in header.layers.values()})
        bits = "-".join(dict.fromkeys([f"{widths[0]:.3g}", f"{widths[-1]:.3g}"]))
        rows.append([name, f"{bits}-bit {header.scheme}", _megabytes(header.size_bytes), str(path)])
    show_table(["name", "scheme", "MB", "file"], rows)


def show_weights(which: Path, as_json: bool) -> None:
    """Print a table of a weights file's layers, its totals, and where it came from.

    Args:
        which: file of the weights; or, where there is none of that name, a name that
            `list_weights` lists, or the width of such a file.
        as_json: True to print all of it as JSON.

    Raises:
        WeightsError: the file is missing, torn or tampered with.
    """
    header, layers, content = weightfile.read(_file_of(which))
    weightfile.check_digest(header, content)
    facts = describe(header, layers)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    columns = ["layer", "shape", "bits", "bytes", "ratio", "distortion", "entropy"]
    rows = [
        [
            name,
            "x".join(map(str, of["shape"])),
            f"{of['bits']:.3g}",
            f"{of['bytes']:,}",
            f"{of['ratio']:.2f}",
            f"{of['distortion']:.2e}",
            f"{of['entropy']:.2f}",
        ]
        for name, of in facts["layers"].items()
    ]
    show_table(columns, rows)
    smaller = f"{facts['ratio']:.2f} times smaller than float"
    if round(facts["ratio"], 2) <= 1:
        smaller = "no smaller than float"
    bits = "1 bit" if facts["bits"] == 1 else f"{facts['bits']:.3g} bits"
    click.echo(
        f"{header.scheme}, {_megabytes(header.size_bytes)} MB, {smaller}; {bits} a weight,"
        f" {facts['entropy']:.3g} by their entropy"
    )
    origin = header.origin
    click.echo(f"{origin.source}; fed with {origin.fed}")
    click.echo(f"licence {origin.licence}; sha256 {header.sha256}")


def _file_of(which: Path) -> Path:
    if which.exists() and not which.is_dir():
        return which
    name = {"8": _BUNDLED, "32": "original"}.get(str(which), str(which))
    if name in _SHIPPED:
        return _SHIPPED[name]
    if name in originals.NAMES:
        return originals.cached(name)
    if name in map(str, WIDTHS):
        unit = "bit" if name == "1" else "bits"
        raise WeightsError(
            f"no file has {name} {unit}: every width up to 8 is made from one; show '{_BUNDLED}'"
        )
    check_weights_there(which, (*_SHIPPED, *originals.NAMES))
    return which


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f}"
