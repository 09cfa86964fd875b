"""Words of the command line: how settings, errors and times are said, and texts shown."""

import unicodedata
from pathlib import Path

import click
from click.core import ParameterSource

from medley.errors import Setting, in_files

_HIDDEN = ("Cc", "Cs", "Zl", "Zp")  # controls, lone surrogates, line and paragraph ends

STREAM = Path("-")
"""The name of standard input or output."""

FILE, SAID = (f"{__name__}.{name}" for name in ("file", "said"))
"""Where click's context keeps the name of the file that settings were taken from, and their values
as texts."""


def counted(number: int, what: str) -> str:
    """A number of things, such as "1 shot" and "1,200 shots"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def clock(seconds: float) -> str:
    """Write a time to wait for as minutes and seconds, or hours and minutes."""
    whole = max(0, round(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}h{whole % 3600 // 60:02}"


def option_of(name: str) -> str:
    """A setting's option: "--style-weight"."""
    return f"--{name.replace('_', '-')}"


def in_options(setting: Setting) -> str:
    """Write a setting as an option: "--style-weight 2"."""
    option = option_of(setting.name)
    if setting.value is False:
        return f"--no-{option[2:]}"
    if setting.value is None or setting.value is True:
        return option
    return f"{option} {setting.value}"


def as_set(setting: Setting) -> str:
    """Write a setting where it was set: as an option, or "tile = 512 in 'film.toml'".

    A value that the file does not say is a way out, which the command line has too.
    """
    context = click.get_current_context(silent=True)
    source = context.get_parameter_source(setting.name) if context else None
    if context is None or source != ParameterSource.DEFAULT_MAP:
        return in_options(setting)
    said = context.meta[SAID].get(setting.name)
    if setting.value is not None and str(setting.value).strip("'") != said:
        return in_options(setting)
    return f"{in_files(setting)} in {context.meta[FILE]}"


def as_given(setting: Setting) -> str:
    """Write a setting as it was set; one without its value, which may be changed, in both ways.

    "Lower --hold (hold in 'film.toml')": the option stands over the file.
    """
    option, told = in_options(setting), as_set(setting)
    return told if setting.value is not None or told == option else f"{option} ({told})"


def printable(text: str) -> str:
    """A text in one line, with escapes for what a terminal cannot or should not print."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in _HIDDEN
        else letter
        for letter in text
    )
