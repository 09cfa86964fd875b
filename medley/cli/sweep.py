"""`medley sweep`: one shot at many bit widths, as a film, a picture and numbers."""

from pathlib import Path
from typing import Any

import click

from medley.cli.config import config_options, settle
from medley.cli.options import (
    PATH,
    TakesSeveral,
    output_option,
    read_settings,
    retired_options,
    settings_options,
    styles_option,
)
from medley.settings import (
    CatalogSettings,
    CutSettings,
    LookSettings,
    QualitySettings,
    RunSettings,
    SweepOrder,
    SweepSettings,
)


@click.command(cls=TakesSeveral, short_help="Compare networks of different bit widths in a film.")
@click.option(
    "--content", type=PATH, multiple=True,
    help="The photo to be repainted; clip.mp4@2.5s is one of a clip; repeatable.  [required]",
)  # fmt: skip
@styles_option("--style", "--styles", otherwise="required")
@output_option("outputs/CONTENT-sweep.mp4")
@click.option("--force", is_flag=True, help="Replace a film of that name.")
@config_options(SweepOrder, sidecar="sweep")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the film's path.")
@settings_options(QualitySettings)
@settings_options(SweepSettings)
@click.option("--fetch", is_flag=True, help="Fetch the float original (74 MB) if it is not here.")
@settings_options(CatalogSettings)
@settings_options(LookSettings)
@settings_options(CutSettings)
@settings_options(RunSettings)
@retired_options
def sweep(
    content: tuple[Path, ...],
    fetch: bool,
    force: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Repaint a photo with the network at many bit widths, and show and measure the difference.

    \b
    medley sweep --content photo.jpg --style painting.jpg --bits 32,8-1
    medley sweep --content a.jpg --content b.jpg --styles paintings/ --sample 3
    medley sweep --content photo.jpg --style painting.jpg --weights 5mb.safetensors --bits 8,4

    The film shows all widths and files side by side, always at the same step; several photos and
    paintings follow one another in it, every photo with every painting. --layout split takes the
    first and the last of them. Beside it lie a sheet of the final pictures, a chart, and the
    measures as .csv and .json: each loss is scored by the float network, whose own result is what
    the others are compared with; it is computed even if --bits leaves 32 out. Without the float
    original 8 bits stand in for it. Of --weights alone, without --bits, the float file scores those
    that were made from it; networks of another training than what scores them get no distortion.

    Shots are those of `medley render`: the same command again takes none twice.
    """
    options["content"] = tuple(dict.fromkeys(content))
    order = read_settings(SweepOrder, settle(options))
    # Pictures take half a second to import; --help and a mistyped option should not wait for them.
    from medley.cli.sweep_run import make_sweep

    make_sweep(order, fetch, force, quiet)
