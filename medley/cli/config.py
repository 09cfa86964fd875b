"""Settings from a file and from presets, beneath those of the command line."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from pydantic.fields import FieldInfo

from medley.cli.options import PATH, Command, contradiction
from medley.cli.words import FILE, SAID, as_given, as_set, in_options, printable
from medley.errors import ConfigError, Setting, worded, words_of
from medley.settings import FormatSettings, Settings, WalkFilmSettings
from medley.settings.base import UNSET, is_optional, is_set, rivals_in
from medley.settings.catalog import SHIPPED_SAMPLE, find_shipped, with_shipped
from medley.settings.film import FORMATS, USUAL_SUFFIX, FrameSize, check_format
from medley.settings.load import (
    SettingsFile,
    as_written,
    check_table,
    config_text,
    read_file,
    set_values,
    sidecar_of,
)
from medley.settings.orders import order_names
from medley.settings.presets import DEVICE_KINDS, Kind, Quality, beneath, preset
from medley.shipped import name_of
from medley.studio.editing.recipe import (
    changed_inputs,
    find_inputs,
    read_recipe,
    strangers,
    way_without_sidecar,
)
from medley.studio.shooting.devices import preset_kind

_FIELDS, _PRINT, _FILM, _MADE = (
    f"{__name__}.{name}" for name in ("fields", "print", "film", "made")
)

SHIPPED = f"default: {SHIPPED_SAMPLE} drawn of those that ship"
"""What a command without paintings does that settles its options so."""

_FROM_FILE, _BY_HAND = 1, 2  # ranks; 0 is a default
_RANKS = {ParameterSource.DEFAULT: 0, ParameterSource.DEFAULT_MAP: _FROM_FILE}


def config_options(*schemas: type[Settings], sidecar: str) -> Callable[[Command], Command]:
    """Decorate a command with --config and --print-config.

    Args:
        schemas: schemas of the settings that the file may have.
        sidecar: name of the command whose films' sidecars are understood.
    """
    fields = {name: field for schema in schemas for name, field in schema.fields().items()}

    def load(context: click.Context, _: click.Parameter, path: Path | None) -> None:
        context.meta[_FIELDS] = fields
        if path is None:
            return
        file = _read(context, path)
        if file.command not in (None, sidecar):
            raise ConfigError(
                f"{file.source} was made by medley {file.command}; pass it to that command"
            )
        take_settings(context, fields, file)

    def ask(context: click.Context, _: click.Parameter, asked: bool) -> None:
        context.meta[_PRINT] = asked

    def decorate(command: Command) -> Command:
        command = worded(as_given)(command)
        command = click.option(
            "--print-config", is_flag=True, expose_value=False, callback=ask,
            help="Write all settings as they would be used, as TOML, and do nothing else.",
        )(command)  # fmt: skip
        return click.option(
            "--config", type=PATH, is_eager=True, expose_value=False,
            callback=load, metavar="FILE",
            help="Settings from a TOML file, or those of a film; an option takes one back by the"
            f" word {UNSET}, or by --no-.",
        )(command)  # fmt: skip

    return decorate


def _read(context: click.Context, path: Path) -> SettingsFile:
    """Read a file of settings; a film stands for its sidecar, or for the recipe in it."""
    form = FORMATS.get(path.suffix.lower()) if path.name and path.exists() else None
    is_film = form and (form.kind != "sequence" or path.is_dir())
    has_sidecar = is_film and sidecar_of(path).is_file()
    is_video = form and form.kind == "video"
    file = read_film(context, path) if has_sidecar or is_video else read_file(path)
    if not (file.command and file.text):  # it is no sidecar
        return file
    file = _named_as(path, file)
    film = path.with_name(str(file.table.get("output", "")) or path.name)
    if film.exists():
        context.meta[_MADE] = film  # whose recipe `settle` compares the files with
    return file


def _named_as(path: Path, sidecar: SettingsFile) -> SettingsFile:
    """Let a sidecar make the film beside it again, whatever that film was called once.

    A film and its sidecar may be copies under another name, and then the first film stays.

    Args:
        path: the film or its sidecar, as it was named.
        sidecar: what was read of it.
    """
    once = sidecar.table.get("output")
    if not isinstance(once, str):
        return sidecar
    is_film = sidecar_of(path) != path
    made = Path(once).suffix.lower()
    form = FORMATS.get(path.suffix.lower())
    if form and form.kind == "sheet" and made != path.suffix.lower():
        raise ConfigError(
            f"'{path}' is a picture and no film; name the film that it lies beside, or"
            f" '{sidecar_of(path)}', if the settings of that are meant"
        )
    name = path.name if is_film else path.with_suffix(Path(once).suffix).name
    return replace(sidecar, table=sidecar.table | {"output": name})


def read_film(context: click.Context, path: Path) -> SettingsFile:
    """Read how a film was made from its sidecar, or where that is lost from the film itself.

    Raises:
        ConfigError: neither tells of it.
    """
    if sidecar_of(path).is_file():
        try:
            return read_file(sidecar_of(path))
        except ConfigError as error:
            if not (way := way_without_sidecar(path)):
                raise
            (fault,) = error.faults
            raise ConfigError((*fault, f"; or {way}")) from error
    file = read_recipe(path)
    context.meta[_FILM] = path  # whose files `settle` looks for
    return file


def say_cut_anew(path: Path, fps: Fraction) -> None:
    """Say of a walk that is made again at another rate that its steps can be cut as they are.

    Args:
        path: file of the new film.
        fps: its frames a second, as its format keeps them.
    """
    context = click.get_current_context()
    film = context.meta.get(_MADE) or context.meta.get(_FILM)
    once = (context.default_map or {}).get("fps", WalkFilmSettings().fps)
    if film and WalkFilmSettings(fps=once).fitted(film).fps != fps:
        _tell(
            f"note: other frames a second are another walk, which is taken anew; 'medley assemble"
            f" {film} -o {path}' makes a film of the steps that are there"
        )


def _say_changed(settled: Mapping[str, Any], ranks: Mapping[str, int]) -> None:
    """Say which files of a film, by its recipe, are others now than those it was made of."""
    context = click.get_current_context()
    film: Path = context.meta[_MADE]
    if FORMATS[film.suffix.lower()].kind != "video":
        return
    own = {name: settled[name] for name, rank in ranks.items() if rank == _FROM_FILE}
    try:
        file = read_recipe(film)
        fields = context.meta[_FIELDS]
        recipe = check_table(fields, file.table, file.source, elsewhere=order_names())
    except ConfigError:
        return  # there is none, or another medley's
    for path in changed_inputs(own, recipe):
        what = "file" if path in (own.get("audio"), own.get("weights")) else "picture"
        _tell(f"warning: '{path}' is no longer the {what} that '{film}' was made from")


def _find_inputs(settled: dict[str, Any], ranks: dict[str, int]) -> None:
    """Put the files that a film was made of in the place of what its recipe says of them.

    A photo and paintings given by hand are where they may be found; paintings of which one is none
    of the film's are new ones, in the place of the film's.

    Raises:
        ConfigError: files are not there.
    """
    context = click.get_current_context()
    film: Path = context.meta[_FILM]
    said = context.default_map or {}
    places = {
        name: find_shipped(name, settled[name])
        for name in ("content", "styles")
        if name in said and ranks.get(name) == _BY_HAND
    }
    others = strangers(places.get("styles", ()), said)
    if others:
        listed = " ".join(str(name_of(path)) for path in places["styles"])
        _tell(f"note: --styles {listed} in the place of the paintings of '{film}'")
    for name in ("content", "styles"):
        if name in said and name in settled and not (name == "styles" and others):
            settled[name], ranks[name] = said[name], _FROM_FILE
    own = {name: settled[name] for name, rank in ranks.items() if rank == _FROM_FILE}
    own.pop("output", None)
    with worded(in_options):
        settled |= find_inputs(own, film, places)


def take_settings(
    context: click.Context, fields: Mapping[str, FieldInfo], file: SettingsFile
) -> None:
    """Let a command's options begin with what a file says.

    Raises:
        ConfigError: something in the file cannot be used.
    """
    values = check_table(fields, file.table, file.source, file.folder, order_names())
    # What click takes from here it knows as neither given by hand nor a default.
    context.default_map = said = set_values(values)
    context.meta[_FIELDS], context.meta[FILE] = fields, file.source
    context.meta[SAID] = {name: str(as_written(fields[name], said[name])) for name in said}


def settle(options: dict[str, Any], ships: bool = False) -> dict[str, Any]:
    """Put the layers together: the command line, over the file, over a preset, over defaults.

    With --print-config the outcome is written and the command ends.

    Args:
        options: values of the command's options by name.
        ships: True to draw some of the paintings that ship where none are named.

    Raises:
        click.UsageError: two options contradict each other.
    """
    context = click.get_current_context()
    fields: Mapping[str, FieldInfo] = context.meta[_FIELDS]
    settled = dict(options)
    ranks = {name: _rank(context, name) for name in options}
    for name in ranks:
        if name in fields and is_optional(fields[name]) and not is_set(settled[name]):
            ranks[name] = 0  # taken back, and so as if nobody had given it
    for name in (*_overruled(ranks, fields), *_unfit(settled, ranks)):
        settled[name], ranks[name] = fields[name].default, 0
    if _FILM in context.meta:
        _find_inputs(settled, ranks)
    if _MADE in context.meta:
        _say_changed(settled, ranks)
    _say_shapeless(settled, ranks)
    if "quality" in settled:
        settled |= _of_preset(settled, ranks)
    settled = {name: find_shipped(name, one) for name, one in settled.items()}
    if ships:
        settled = with_shipped(settled)
    if context.meta.get(_PRINT):
        known = [param.name or "" for param in context.command.params]
        named = {name: settled[name] for name in known if name in fields}
        text = config_text(named, fields, f"{context.command_path} --config FILE")
        click.echo(_in_ascii(text), nl=False)
        context.exit()
    return settled


def _in_ascii(text: str) -> str:
    """Write a TOML text so that it can be read again whatever encodings it passes through.

    Standard output may have another one than UTF-8, and PowerShell has its own besides.
    """
    if (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8":
        return text
    return "".join(one if one.isascii() else f"\\U{ord(one):08x}" for one in text)


def _of_preset(settled: Mapping[str, Any], ranks: Mapping[str, int]) -> dict[str, Any]:
    """The settings that a preset gives, because nobody else did."""
    quality: Quality = settled["quality"]
    if ranks["quality"] == _BY_HAND:
        _say_kept(quality, [name for name in ranks if ranks[name] == _FROM_FILE])
    given = dict.fromkeys(name for name in ranks if ranks[name])
    below = beneath(given, quality, _kind(quality, settled["device"]))
    return {name: value for name, value in below.items() if name in settled}


def _unfit(settled: Mapping[str, Any], ranks: Mapping[str, int]) -> list[str]:
    """Name what a file says of a film and the film's format, which it does not say, cannot carry.

    Each is told of. What stands in the file with the format is left to be refused.

    Raises:
        click.UsageError: something given by hand does not fit.
    """
    path = settled.get("output")
    if not isinstance(path, Path | None) or ranks.get("output") == _FROM_FILE:
        return []
    path = path or Path(f"film{USUAL_SUFFIX}")
    named = {name: settled[name] for name in FormatSettings.fields() if ranks.get(name)}
    kept = {name: value for name, value in named.items() if ranks[name] == _BY_HAND}
    if why := _why_unfit(path, kept):
        raise click.UsageError(why)
    dropped = []
    for name in [name for name in named if name not in kept]:
        if why := _why_unfit(path, kept | {name: named[name]}):
            dropped.append(name)
            _tell(f"warning: left out: {why}")
        else:
            kept[name] = named[name]
    return dropped


def _why_unfit(path: Path, values: Mapping[str, Any]) -> str:
    try:
        check_format(path, FormatSettings(**values))
    except ValueError as error:
        return words_of(error, as_set)
    return ""


def _overruled(ranks: Mapping[str, int], fields: Mapping[str, FieldInfo]) -> list[str]:
    """Name the settings that a rival given over them leaves without effect.

    Raises:
        click.UsageError: both are given in the same place.
    """
    names = []
    for pair in rivals_in(ranks, fields):
        low, high = sorted(pair, key=lambda name: ranks.get(name, 0))
        if ranks.get(low) and ranks[low] == ranks[high]:
            raise contradiction(*pair)
        if ranks.get(low):
            names.append(low)
    return names


def _rank(context: click.Context, name: str) -> int:
    source = context.get_parameter_source(name)
    return _BY_HAND if source is None else _RANKS.get(source, _BY_HAND)


def _say_kept(quality: Quality, names: list[str]) -> None:
    """Say what of a preset asked for by hand has no effect, because the file stands over it."""
    context = click.get_current_context()
    left = beneath(dict.fromkeys(names), quality, "cpu")
    kept = [name for name in preset(quality, "cpu") if name not in left]
    if kept:
        _tell(f"note: --quality {quality} leaves {', '.join(kept)} to {context.meta[FILE]}")


def _say_shapeless(settled: Mapping[str, Any], ranks: Mapping[str, int]) -> None:
    """Say what given by hand fits pictures into a frame of another shape, if there is none."""
    names = [name for name in ("fit", "focus") if ranks.get(name) == _BY_HAND]
    if not names or ("focus" in names and settled["fit"] != "crop"):  # which is refused later
        return
    size: FrameSize | None = settled["resolution"]
    # A long side leaves one photo its shape, but of what is assembled all are cropped to the first.
    if size is None or (size.long_side and "content" in settled):
        words = " and ".join(in_options(Setting(name, settled[name])) for name in names)
        _tell(
            f"warning: {words} {'has' if len(names) == 1 else 'have'} no effect: the film has its"
            f" pictures' own shape; give it another by {in_options(Setting('resolution'))}"
        )


def _tell(text: str) -> None:
    """Write a line to standard error, unless the command is to be quiet."""
    if not click.get_current_context().params.get("quiet"):
        click.echo(printable(text), err=True)


def _kind(quality: Quality, devices: Sequence[str]) -> Kind:
    """The kind of the first device; what "auto" means is asked only for a preset that has any."""
    is_asked = any(preset(quality, kind) for kind in DEVICE_KINDS)
    return preset_kind(devices[0]) if is_asked else "cpu"
