"""Settings from a file and from presets, beneath those of the command line."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from pydantic.fields import FieldInfo

from medley.cli.options import PATH, Command, contradiction
from medley.errors import ConfigError
from medley.settings import Settings
from medley.settings.base import rivals_in
from medley.settings.catalog import SHIPPED_SAMPLE, with_paintings, with_shipped
from medley.settings.load import check_table, config_text, read_file
from medley.settings.orders import order_names
from medley.settings.presets import DEVICE_KINDS, Kind, Quality, beneath, kind_named, preset
from medley.shipped import painting_at
from medley.studio.shooting.devices import preset_kind

_FIELDS, _FILE, _PRINT = (f"{__name__}.{name}" for name in ("fields", "file", "print"))

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
        file = read_file(path)
        if file.command not in (None, sidecar):
            raise ConfigError(
                f"{file.source} was made by medley {file.command}; pass it to that command"
            )
        values = check_table(fields, file.table, file.source, file.folder, order_names())
        # What click takes from here it knows as neither given by hand nor a default.
        context.default_map = values
        context.meta[_FILE] = file.source

    def ask(context: click.Context, _: click.Parameter, asked: bool) -> None:
        context.meta[_PRINT] = asked

    def decorate(command: Command) -> Command:
        command = click.option(
            "--print-config", is_flag=True, expose_value=False, callback=ask,
            help="Write all settings as they would be used, as TOML, and do nothing else.",
        )(command)  # fmt: skip
        return click.option(
            "--config", type=PATH, is_eager=True, expose_value=False,
            callback=load, metavar="FILE",
            help="Settings from a TOML file, or those of a film from the .json beside it.",
        )(command)  # fmt: skip

    return decorate


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
    fields = context.meta[_FIELDS]
    settled = dict(options)
    ranks = {name: _rank(context, name) for name in options}
    for name in _overruled(ranks, fields):
        settled[name], ranks[name] = fields[name].default, 0
    quality: Quality = options["quality"]
    if ranks["quality"] == _BY_HAND:
        _say_kept(quality, [name for name in ranks if ranks[name] == _FROM_FILE])
    given = dict.fromkeys(name for name in ranks if ranks[name])
    below = beneath(given, quality, _kind(quality, options["device"]))
    settled |= {name: value for name, value in below.items() if name in settled}
    settled = {name: with_paintings(name, one, painting_at) for name, one in settled.items()}
    if ships:
        settled = with_shipped(settled)
    if context.meta[_PRINT]:
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
    if kept and not context.params.get("quiet"):
        file = context.meta[_FILE]
        click.echo(f"note: --quality {quality} leaves {', '.join(kept)} to {file}", err=True)


def _kind(quality: Quality, devices: Sequence[str]) -> Kind:
    if devices[0] != "auto" or not any(preset(quality, kind) for kind in DEVICE_KINDS):
        return kind_named(devices[0])
    return preset_kind(devices[0])
