"""`medley quantize`: weights files made to order, and a comparison of all ways to make them."""

import re
from pathlib import Path
from typing import Any

import click

from medley.cli.help import Once
from medley.cli.options import (
    PATH,
    exclusive,
    is_given,
    original_options,
    read_settings,
    settings_options,
)
from medley.files import check_free
from medley.settings import QuantizeSettings
from medley.settings.networks import FITTED_SCHEMES, SWEPT_SCHEMES
from medley.vgg.layers import LAYERS, convolutions_for
from medley.vgg.originals import find_original

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "KIB": 2**10, "MIB": 2**20}
_CONVOLUTIONS = convolutions_for(LAYERS)


class Size(click.ParamType[int]):
    """A number of bytes, such as 5MB, 5.5 MiB or 5000000."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read a number and its unit."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([\d.]+)\s*([a-zA-Z]*)", str(value).strip())
        if match and match[2].upper() in _UNITS and match[1].count(".") <= 1:
            return round(float(match[1]) * _UNITS[match[2].upper()])
        return self.fail(f"'{value}' is not a size such as 5MB or 800KiB", param, ctx)


class LayerBits(click.ParamType[dict[str, int]]):
    """Widths by layer: conv1_1:8,conv1_2:6."""

    name = "layer:bits"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, int]:
        """Read names and widths, and know the names, each of them once."""
        if isinstance(value, dict):
            return value
        widths: dict[str, int] = {}
        for part in str(value).split(","):
            name, colon, bits = (word.strip() for word in part.partition(":"))
            if not colon:
                self.fail(f"'{part}' is not NAME:BITS, such as conv1_1:8", param, ctx)
            if name in widths:
                self.fail(f"'{value}' names {name} twice; name each layer once", param, ctx)
            if name not in _CONVOLUTIONS:
                names = ", ".join(_CONVOLUTIONS)
                self.fail(f"there is no layer '{name}'; there are {names}", param, ctx)
            if bits not in map(str, range(1, 9)):
                self.fail(f"'{part}' is not NAME:BITS with 1 to 8 bits", param, ctx)
            widths[name] = int(bits)
        return widths


@click.command(cls=Once, short_help="Store the float network in a few bits a weight.")
@click.option("-o", "--output", required=True, type=PATH, help="The file, or the comparison.")
@settings_options(QuantizeSettings)
@click.option(
    "--layers",
    type=LayerBits(),
    metavar="NAME:BITS,...",
    help="Other widths for some layers: conv1_1:8,conv1_2:6.",
)
@click.option(
    "--target-size",
    type=Size(),
    metavar="SIZE",
    help="The most that the file may take, such as 5MB: widths are chosen, or steps.",
)
@click.option("--compare", is_flag=True, help="Compare every scheme and width instead.")
@original_options("to calibrate and judge by")
@click.option("--force", is_flag=True, help="Replace files of that name.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the file's path.")
def quantize(
    output: Path,
    layers: dict[str, int] | None,
    target_size: int | None,
    compare: bool,
    pictures: tuple[Path, ...],
    original: Path | None,
    force: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Store the float network in few bits, as a file that --weights takes.

    \b
    medley quantize -o vgg19-4bit.safetensors --bits 4 --scheme calibrated
    medley quantize -o vgg19-5mb.safetensors --target-size 5MB
    medley quantize -o vgg19-3mb.safetensors --target-size 3MB --scheme entropy
    medley quantize -o outputs/widths.csv --compare

    With --compare, OUTPUT is a table (.csv) of every scheme and width: bytes, distortion of the
    weights, load seconds, and how far each layer's features and Gram matrices stray; a chart of
    it (.png) lies beside. Half of the pictures calibrate, the other half judge.

    With --scheme entropy, the file has only the layers at which style transfer looks, up to
    relu5_1.

    What takes minutes is kept in the cache part by part: after Ctrl-C the same command goes on.
    """
    settings = read_settings(QuantizeSettings, options)
    _check_given(settings.scheme, compare)
    suffix = ".csv" if compare else ".safetensors"
    if output.suffix != suffix:
        raise click.UsageError(f"--output '{output}' must end in {suffix}")
    chart = output.with_suffix(".png")
    for path in (output, chart) if compare else (output,):
        check_free(path, force)
    float_weights = find_original(original)
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.quantize_run import Source, compare_schemes, write_weights

    source = Source(float_weights, pictures, quiet)
    if compare:
        compare_schemes(source, output, chart)
    else:
        write_weights(source, output, settings, layers or {}, target_size)
    click.echo(output)


def _check_given(scheme: str, compare: bool) -> None:
    """Refuse options of which one would be ignored."""
    has_size = is_given("target_size")
    for name in ("bits", "layers", "scheme", "target_size") if compare else ():
        exclusive("compare", name)
    for name in ("bits", "layers") if has_size else ():
        exclusive("target_size", name)
    fixed = () if scheme in SWEPT_SCHEMES else ("bits", "layers", "target_size")
    for name in ("layers",) if scheme == "entropy" else fixed:
        exclusive("scheme", name)
    if is_given("pictures") and not (has_size or compare or scheme in FITTED_SCHEMES):
        raise click.UsageError(
            "--pictures is for --scheme calibrated or entropy, --target-size and --compare; leave"
            " it out"
        )
