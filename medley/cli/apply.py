"""`medley apply`: photos repainted by a style network."""

import re
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import click

from medley.cli.help import Grouped
from medley.cli.options import PATH, is_given, read_settings, settings_options
from medley.cli.stylize import format_of
from medley.cli.words import STREAM, in_options, option_of
from medley.errors import SettingsError, listed
from medley.kinds import is_video
from medley.settings import (
    SUFFIXES,
    ApplySettings,
    CutSettings,
    FinishSettings,
    RunSettings,
    StillSettings,
    WalkSettings,
)
from medley.settings.film import FORMATS, check_format
from medley.shipped_nets import net_at

_FILMS = tuple(end for end, form in FORMATS.items() if form.kind in ("video", "gif", "webp"))
_STILL_ALONE, _WALK_ALONE = ("format", "file_quality"), ("seconds_per_painting",)
_CLIP_ALONE, _FILM_ALONE = ("begin", "end", "smooth"), ("fps", "audio", "audio_fade")
_MOVING_ALONE = (*_CLIP_ALONE, *_FILM_ALONE)

InputKind = Literal["photo", "clip", "either", "several"]


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
    "audio",
    "audio_fade",
    about={
        "fps": "Frames a second of --style walk; of a clip, which has its own unless this is"
        " given.",
        "audio": "Sound to lay under a film, cut to its length, in place of a clip's own; none"
        " leaves that out.",
        "audio_fade": "Seconds in which it fades in and out; a clip's own sound does not.",
    },
)
@click.option(
    "--from", "begin", type=_Seconds(), help="Where in a clip the film begins, in seconds."
)
@click.option("--to", "end", type=_Seconds(), help="Where in a clip it ends.")
@settings_options(
    WalkSettings, "seconds_per_painting",
    about={"seconds_per_painting": "Film time from one painting to the next of --style walk; in a"
           " clip the least, so that it ends at one."},
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
    medley apply many clip.mp4 -o drift.mp4 --style walk --audio song.mp3
    medley apply starry.safetensors - -o - < photo.jpg > repainted.png

    NET is a file that 'medley train' made, or the name of a network that ships: many knows the
    paintings that 'medley styles' lists. A graph that 'medley export' wrote does too, on the CPU
    and slower. PHOTOS are pictures of any size, clips, or folders of both. Several go into the
    folder --output, except those that are there already. A - reads standard input. What is
    transparent stays so.

    A clip, which is a video, an animation or a folder of numbered pictures, becomes a film of the
    same length, rate and sound, in a folder an .mp4. clip.mp4@2.5s is a photo: what it shows then.

    --style walk makes films: a clip drifts through the network's paintings while it plays. A photo
    does so in a film that loops and rests at each for a moment; poster, sidecar and credits lie
    beside it.
    """
    still, look = read_settings(StillSettings, options), read_settings(ApplySettings, options)
    kind = _kind_of(photos, output, look.is_walk)
    _check_streams(photos, output, kind == "several", as_json)
    _check_given(kind, look.is_walk)
    _check_name(photos[0], output, kind, look.is_walk)
    is_film = look.is_walk or kind == "clip"
    file_format = None if is_film else format_of(output, still, kind == "several")
    preserving = read_settings(FinishSettings, options)
    run = read_settings(RunSettings, options)
    film, walk = read_settings(CutSettings, options), read_settings(WalkSettings, options)
    if is_film and kind != "several":
        _check_film(output, film)
    # torch takes a second to import; --help and a mistyped option should not wait for it.
    from medley.cli import apply_request, apply_run

    of_clips = apply_request.ForClips(
        options["fps"] if is_given("fps") else None, begin, end, silent=is_given("audio"),
        asked_by=next(iter(_given(_CLIP_ALONE if look.is_walk else _MOVING_ALONE)), ""),
    )  # fmt: skip
    request = apply_request.Request(
        net_at(net), photos, output, kind, file_format, look, preserving, still, film, walk, run,
        of_clips, force=force, as_json=as_json, quiet=quiet,
    )  # fmt: skip
    sys.exit(apply_run.repaint(request))


def _kind_of(photos: tuple[Path, ...], output: Path, is_walk: bool) -> InputKind:
    """What is read, as far as names and options say it; "either" is told by what the file holds.

    A .webp may be a picture or a film, and is one where it is spoken of as one.
    """
    suffix, (first, *others) = output.suffix.lower(), photos
    is_folder = output != STREAM and output.is_dir()
    names_film = suffix in _FILMS and not is_folder
    if others or is_folder or (first.is_dir() and not names_film):
        return "several"
    if not names_film or first == STREAM:
        return "photo"
    is_spoken_of = suffix not in SUFFIXES or first.is_dir() or _given(_MOVING_ALONE)
    return "clip" if is_spoken_of and not is_walk else "either"


def _given(names: Iterable[str]) -> list[str]:
    """Those options out of some that have a value, as they are written."""
    own = {"begin": "--from", "end": "--to"}
    return [own.get(name, option_of(name)) for name in names if is_given(name)]


def _check_given(kind: InputKind, is_walk: bool) -> None:
    """Refuse what is said of pictures, films, clips or walks alone where there are none."""
    if is_walk and (given := _given(_STILL_ALONE)):
        raise click.UsageError(
            f"{given[0]} is for pictures, and --style walk makes a film; leave it out"
        )
    if kind == "clip" and (given := _given(_STILL_ALONE)):
        raise click.UsageError(f"{given[0]} is not for clips; leave it out")
    if kind == "photo" and (given := _given(_CLIP_ALONE)):
        raise click.UsageError(f"{given[0]} is for clips; name one, and a film for --output")
    films = (*_WALK_ALONE, *_FILM_ALONE) if kind == "photo" else _WALK_ALONE
    if not is_walk and (given := _given(films)):
        raise click.UsageError(f"{given[0]} is for films; pass --style walk with it")


def _check_name(photo: Path, output: Path, kind: InputKind, is_walk: bool) -> None:
    """Refuse an output that is not what is made."""
    is_film, is_picture = (output.suffix.lower() in ends for ends in (_FILMS, SUFFIXES))
    if not is_walk:
        if kind == "photo" and not (is_film or is_picture or output == STREAM) and is_video(photo):
            raise click.UsageError(
                f"'{photo}' is a clip, and --output '{output}' is no film; name one ending in"
                f" {listed(_FILMS)}, or a folder that is there"
            )
        if photo == STREAM and is_film and not is_picture:
            raise click.UsageError(
                f"--output '{output}' is a film, and clips do not come through standard input; name"
                " the clip's file, or a picture for --output"
            )
        if kind == "photo" and is_film and not is_picture:
            raise click.UsageError(
                f"--output '{output}' is a film; pass --style walk for one, or name a picture"
            )
        return
    if output == STREAM:
        raise click.UsageError("a film does not go to standard output; name a file such as a.mp4")
    if kind != "several" and not is_film:
        raise click.UsageError(
            f"--style walk makes a film, and --output '{output}' is none; name one ending in"
            f" {listed(_FILMS)}"
        )
    if kind == "several" and is_film and not output.exists():
        raise click.UsageError(
            f"--output '{output}' names one film, and several photos are read; name a folder"
        )


def _check_film(output: Path, film: CutSettings) -> None:
    """Refuse sound in a film whose format has none."""
    try:
        check_format(output, film)
    except SettingsError as error:
        raise click.UsageError(error.worded(in_options)) from None


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
