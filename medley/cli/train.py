"""`medley train`: a style network, from paintings and a folder of photos."""

from pathlib import Path
from typing import Any

import click

from medley.cli.options import (
    PATH,
    TakesSeveral,
    exclusive,
    read_settings,
    settings_options,
)
from medley.settings import (
    CatalogSettings,
    RunSettings,
    ShapeSettings,
    TrainSettings,
    WeightsSettings,
)


class _Lists(TakesSeveral):
    """The command, whose paintings and photos are lists."""

    several = ("--style", "--images", "--from-workspace")


@click.command(
    cls=_Lists, short_help="Train a small network that repaints photos at once, after paintings."
)
@click.option(
    "--style", "styles", type=PATH, multiple=True, required=True,
    help="Paintings, folders of them, or names of some that ship. All of them are learned by one"
    " network.",
)  # fmt: skip
@click.option(
    "--images", type=PATH, multiple=True, required=True,
    help="Folders of photos to learn on: a few dozen of many kinds suffice.",
)  # fmt: skip
@click.option(
    "--from-workspace", type=PATH, multiple=True, metavar="WORKSPACE",
    help="Learn from the finished shots after the same paintings too that workspaces hold.",
)  # fmt: skip
@click.option("-o", "--output", type=PATH, required=True, help="The network, .safetensors.")
@click.option("--force", is_flag=True, help="Replace the network, and begin anew.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the file's path.")
@settings_options(TrainSettings)
@settings_options(ShapeSettings)
@click.option(
    "--warm-start", type=PATH, metavar="NET",
    help="Begin with the weights of another network of the same size, which takes a third of the"
    " time.",
)  # fmt: skip
@settings_options(
    WeightsSettings, about={"bits": "Bits a weight of the VGG-19 that judges: 1 to 8, or 32."}
)
@settings_options(CatalogSettings, "seed", about={"seed": "Decides all that is drawn."})
@settings_options(
    RunSettings, "device", about={"device": "Where to compute: auto, cpu, cuda, cuda:N or mps."}
)
def train(
    styles: tuple[Path, ...],
    images: tuple[Path, ...],
    from_workspace: tuple[Path, ...],
    output: Path,
    force: bool,
    quiet: bool,
    warm_start: Path | None,
    **options: Any,
) -> None:
    """Train a small network that repaints any photo after one painting, or several, in one pass.

    \b
    medley train --style starry.jpg --images photos/ -o starry.safetensors
    medley train --style glass gilded --images photos/ --minutes 40 -o two.safetensors
    medley train --style styles/ --images photos/ --minutes 60 -o all.safetensors
    medley train --style glass --images photos/ --warm-start starry.safetensors -o glass.safetensors

    What it makes of three photos lies beside it as a picture (.png) from the first minute on; of
    twelve photos or more, it does not learn from these. After Ctrl-C or a crash the same command
    goes on.
    """
    exclusive("minutes", "steps")
    if output.suffix != ".safetensors":
        raise click.UsageError(f"--output '{output}' must end in .safetensors")
    shape = read_settings(ShapeSettings, options)
    training = read_settings(TrainSettings, options)
    weights = read_settings(WeightsSettings, options)
    seed = read_settings(CatalogSettings, options).seed
    run = read_settings(RunSettings, options)
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.train_run import Request, train_network

    train_network(
        Request(
            styles, images, from_workspace, output, shape, training, weights, run, seed, warm_start
        ),
        force=force,
        quiet=quiet,
    )
