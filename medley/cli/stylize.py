"""`medley stylize`: one still picture."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from medley.cli.options import exclusive, read_settings, settings_options
from medley.settings import BlendSettings, CatalogSettings, RunSettings, ShotSettings

_PATH = click.Path(path_type=Path)
_UNUSED = ("keep_every",)
_SHOT_OPTIONS = tuple(name for name in ShotSettings.model_fields if name not in _UNUSED)


@click.command()
@click.argument("content", type=_PATH)
@click.argument("paintings", type=_PATH, nargs=-1)
@settings_options(ShotSettings, *_SHOT_OPTIONS)
@settings_options(BlendSettings, "style_weights", "mask")
@settings_options(CatalogSettings, "seed")
@settings_options(RunSettings, "device", "tile")
@click.option("-o", "--output", type=_PATH, required=True, help="The picture, ending in .png.")
@click.option("--force", is_flag=True, help="Replace a picture of that name.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the picture's path.")
def stylize(
    content: Path,
    paintings: tuple[Path, ...],
    output: Path,
    force: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Repaint the photo CONTENT after PAINTINGS, whose styles are mixed, as one still picture.

    \b
    medley stylize photo.jpg painting.jpg -o repainted.png --size 512
    medley stylize photo.jpg --mask sky.png=starry.jpg --mask rest=scream.jpg -o repainted.png
    """
    exclusive("size", "pixels")
    exclusive("weights", "bits")
    shot = read_settings(ShotSettings, options)
    catalog = read_settings(CatalogSettings, options)
    run = read_settings(RunSettings, options)
    if output.suffix.lower() != ".png":
        raise click.UsageError(f"--output '{output}' must end in .png")
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.console import notes, warn
    from medley.cli.progress import display
    from medley.studio.device import choose_device
    from medley.studio.still import make_still

    device = choose_device(run.device)
    with display(notes(quiet)) as show:
        make_still(
            content, paintings, output, shot, catalog.seed, device, run.tile, force, show.shot,
            read_settings(BlendSettings, options), partial(warn, notes(quiet)),
        )  # fmt: skip
    click.echo(output)
