"""`medley export`: a style network for other runtimes."""

from pathlib import Path

import click

from medley.cli.help import Once
from medley.cli.options import PATH
from medley.files import check_free
from medley.shipped_nets import net_at


@click.command(cls=Once, short_help="Write a style network as ONNX.")
@click.argument("net", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, help="The graph, .onnx.")
@click.option("--int8", is_flag=True, help="Compute the convolutions in 8-bit integers.")
@click.option(
    "--calibrate", type=PATH, multiple=True,
    help="With --int8: folders or photos by which numbers are scaled.  [default: the paintings that"
    " ship]",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the file's path.")
def export(
    net: Path, output: Path, int8: bool, calibrate: tuple[Path, ...], force: bool, quiet: bool
) -> None:
    """Write the style network NET as an ONNX graph that onnxruntime, browsers and phones run.

    \b
    medley export starry.safetensors -o starry.onnx
    medley export starry.safetensors -o starry8.onnx --int8 --calibrate photos/

    It takes `photo`, float32 (1, 3, height, width), RGB in [0, 1], of any size, and gives `picture`
    of the same shape. A network of several paintings also takes `mix`, float32, the share of each.
    What it computes is compared with medley's own network before it is written. 'medley apply'
    takes it in the network's place.
    """
    if output.suffix != ".onnx":
        raise click.UsageError(f"--output '{output}' must end in .onnx")
    if calibrate and not int8:
        raise click.UsageError("--calibrate is for --int8; give both, or none")
    net = net_at(net)
    check_free(output, force, [net])
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.export_run import export_network

    export_network(net, output, int8, calibrate, quiet)
