"""`medley apply`: photos repainted by a style network."""

import sys
from pathlib import Path
from typing import Any

import click

from medley.cli.help import Grouped
from medley.cli.options import PATH, read_settings, settings_options
from medley.cli.stylize import format_of
from medley.cli.words import STREAM
from medley.settings import (
    SUFFIXES,
    ApplySettings,
    CutSettings,
    FinishSettings,
    RunSettings,
    StillSettings,
)
from medley.shipped_nets import net_at


@click.command(cls=Grouped, short_help="Repaint photos by a style network, at once.")
@click.argument("net", type=PATH)
@click.argument("photos", type=PATH, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=PATH, required=True,
    help=f"The picture, ending in {', '.join(SUFFIXES)}; a folder for several; - for standard"
    " output.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace pictures of that name.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each picture.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the pictures' paths.")
@settings_options(ApplySettings)
@settings_options(CutSettings, "strength")
@settings_options(
    FinishSettings, "preserve_color",
    about={"preserve_color": "Keep the photo's colours: statistics gives the result their mean and"
           " spread, luminance takes nothing but light and dark from it."},
)  # fmt: skip
@settings_options(StillSettings, "format", "file_quality")
@settings_options(
    RunSettings, "device", about={"device": "Where to compute: auto, cpu, cuda, cuda:N or mps."}
)
def apply(
    net: Path,
    photos: tuple[Path, ...],
    output: Path,
    force: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Repaint PHOTOS by the style network NET in one pass.

    \b
    medley apply starry.safetensors photo.jpg -o repainted.png
    medley apply many photos/ -o repainted/ --style glass:0.6,gilded:0.4
    medley apply starry.safetensors - -o - < photo.jpg > repainted.png

    NET is a file that 'medley train' made, or the name of a network that ships: many knows the
    paintings that 'medley styles' lists. PHOTOS are pictures of any size, or folders of them.
    Several go into the folder --output, except those that are there already. A - reads standard
    input. What is transparent stays so.
    """
    several = len(photos) > 1 or photos[0].is_dir() or (output != STREAM and output.is_dir())
    _check_streams(photos, output, several, as_json)
    still = read_settings(StillSettings, options)
    file_format = format_of(output, still, several)
    look = read_settings(ApplySettings, options)
    preserving = read_settings(FinishSettings, options)
    run = read_settings(RunSettings, options)
    strength = read_settings(CutSettings, options).strength
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.apply_run import Request, repaint

    request = Request(
        net_at(net), photos, output, file_format, look, preserving, still, run,
        strength=strength, several=several, force=force, as_json=as_json, quiet=quiet,
    )  # fmt: skip
    sys.exit(repaint(request))


def _check_streams(photos: tuple[Path, ...], output: Path, several: bool, as_json: bool) -> None:
    """Refuse what cannot go through standard input or output."""
    if STREAM in photos and len(photos) > 1:
        raise click.UsageError("standard input holds one picture; give it alone")
    if STREAM in photos and output != STREAM and several:
        raise click.UsageError("a picture from standard input has no name; name a file for it")
    if STREAM in photos and sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal; send a picture into it with <")
    if output != STREAM:
        return
    if several:
        raise click.UsageError("standard output holds one picture, not several; name a folder")
    if as_json:
        raise click.UsageError("--json and --output - contradict each other; give one")
    if sys.stdout.isatty():
        raise click.UsageError("standard output is a terminal; send the picture away with >")
