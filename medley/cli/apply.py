"""`medley apply`: photos repainted by a style network."""

import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from medley.cli.help import Grouped
from medley.cli.options import PATH, is_given, read_settings, settings_options
from medley.cli.stylize import format_of
from medley.cli.words import STREAM, option_of
from medley.errors import listed
from medley.settings import (
    SUFFIXES,
    ApplySettings,
    CutSettings,
    FinishSettings,
    RunSettings,
    StillSettings,
    WalkSettings,
)
from medley.settings.film import FORMATS
from medley.shipped_nets import net_at

_FILMS = tuple(end for end, form in FORMATS.items() if form.kind in ("video", "gif", "webp"))
_STILL_ALONE, _FILM_ALONE = ("format", "file_quality"), ("fps", "seconds_per_painting")


class _Seconds(click.ParamType[Fraction]):
    """A time in a clip, as an exact number of seconds."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a number such as 2.5, or 2.5s."""
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)s?", str(value))
        return (
            Fraction(found[1])
            if found
            else self.fail(f"{value!r} is not a number of seconds such as 2.5", param, ctx)
        )


@click.command(cls=Grouped, short_help="Repaint photos and clips by a style network, at once.")
@click.argument("net", type=PATH)
@click.argument("photos", type=PATH, nargs=-1, required=True)
@click.option(
    "-o", "--output", type=PATH, required=True,
    help=f"The picture, ending in {', '.join(SUFFIXES)}; a film of a clip, or of --style walk,"
    f" ending in {', '.join(_FILMS)}; a folder for several; - for standard output.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace files of that name.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each file.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors and the files' paths.")
@settings_options(ApplySettings)
@settings_options(
    CutSettings,
    "strength",
    "fps",
    about={
        "fps": "Frames a second of --style walk; of a clip, which has its own unless this is given."
    },
)
@click.option(
    "--from", "begin", type=_Seconds(), help="Where in a clip the film begins, in seconds."
)
@click.option("--to", "end", type=_Seconds(), help="Where in a clip it ends.")
@settings_options(
    WalkSettings, "seconds_per_painting",
    about={"seconds_per_painting": "Film time from one painting to the next of --style walk."},
)  # fmt: skip
@settings_options(
    FinishSettings, "preserve_color",
    about={"preserve_color": "Keep the photo's colours: statistics gives the result their mean and"
           " spread, luminance takes nothing but light and dark from it."},
)  # fmt: skip
@settings_options(StillSettings, *_STILL_ALONE)
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
    begin: Fraction | None,
    end: Fraction | None,
    **options: Any,
) -> None:
    """Repaint PHOTOS by the style network NET in one pass.

    \b
    medley apply starry.safetensors photo.jpg -o repainted.png
    medley apply many photos/ -o repainted/ --style glass:0.6,gilded:0.4
    medley apply many photo.jpg -o drift.mp4 --style walk --size 640
    medley apply starry.safetensors clip.mp4 -o repainted.mp4 --from 2 --to 12.5
    medley apply starry.safetensors - -o - < photo.jpg > repainted.png

    NET is a file that 'medley train' made, or the name of a network that ships: many knows the
    paintings that 'medley styles' lists. PHOTOS are pictures of any size, or folders of them.
    Several go into the folder --output, except those that are there already. A - reads standard
    input. What is transparent stays so.

    --style walk makes films that loop: a photo drifts through the network's paintings and rests at
    each for a moment. Poster, sidecar and credits lie beside a film.

    A clip, which is a video, an animation or a folder of numbered pictures, becomes a film of the
    same length, rate and sound. clip.mp4@2.5s is a photo: what it shows then.
    """
    several = len(photos) > 1 or photos[0].is_dir() or (output != STREAM and output.is_dir())
    _check_streams(photos, output, several, as_json)
    still = read_settings(StillSettings, options)
    look = read_settings(ApplySettings, options)
    part = None
    if not look.is_walk and _may_be_clip(photos, output):
        part = options["fps"] if is_given("fps") else None, begin, end
    # A .webp may be either, and is a film of what is a video, or where it is spoken of as one.
    is_clip = part is not None and (output.suffix.lower() not in SUFFIXES or set(part) != {None})
    if is_clip:
        _check_clip()
    elif look.is_walk:
        _check_film(output, several)
    else:
        _check_still(output, several)
    if part is None and (begin is not None or end is not None):
        raise click.UsageError("--from and --to are for a clip; name one, and a film for --output")
    file_format = None if look.is_walk or is_clip else format_of(output, still, several)
    preserving = read_settings(FinishSettings, options)
    run = read_settings(RunSettings, options)
    film, walk = read_settings(CutSettings, options), read_settings(WalkSettings, options)
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli.apply_run import Request, repaint

    request = Request(
        net_at(net), photos, output, file_format, look, preserving, still, film, walk, run,
        part=part, several=several, force=force, as_json=as_json, quiet=quiet,
    )  # fmt: skip
    sys.exit(repaint(request))


def _may_be_clip(photos: tuple[Path, ...], output: Path) -> bool:
    """Whether one input has an output with the name of a film, which some pictures have too."""
    is_one = len(photos) == 1 and photos[0] != STREAM
    return is_one and output.suffix.lower() in _FILMS and not output.is_dir()


def _check_clip() -> None:
    """Refuse what is said of pictures and walks alone."""
    if given := [name for name in (*_STILL_ALONE, "seconds_per_painting") if is_given(name)]:
        raise click.UsageError(f"{option_of(given[0])} is not for clips; leave it out")


def _check_film(output: Path, several: bool) -> None:
    """Refuse an output that is no film, and what is said of pictures alone."""
    if given := [name for name in _STILL_ALONE if is_given(name)]:
        raise click.UsageError(
            f"{option_of(given[0])} is for pictures, and --style walk makes a film; leave it out"
        )
    if output == STREAM:
        raise click.UsageError("a film does not go to standard output; name a file such as a.mp4")
    is_film = output.suffix.lower() in _FILMS
    if not several and not is_film:
        raise click.UsageError(
            f"--style walk makes a film, and --output '{output}' is none; name one ending in"
            f" {listed(_FILMS)}"
        )
    if several and is_film and not output.exists():
        raise click.UsageError(
            f"--output '{output}' names one film, and several photos are read; name a folder"
        )


def _check_still(output: Path, several: bool) -> None:
    """Refuse a film, and what is said of films alone, where a picture is made."""
    if given := [name for name in _FILM_ALONE if is_given(name)]:
        raise click.UsageError(f"{option_of(given[0])} is for films; pass --style walk with it")
    suffix = output.suffix.lower()
    if not several and suffix in _FILMS and suffix not in SUFFIXES:
        raise click.UsageError(
            f"--output '{output}' is a film; pass --style walk for one, or name a picture"
        )


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
