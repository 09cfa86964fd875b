"""Words that a terminal shows as one line, whatever they hold."""

import unicodedata

from medley.errors import Setting

_HIDDEN = ("Cc", "Cs", "Zl", "Zp")  # controls, lone surrogates, line and paragraph ends

INTERRUPTED = 130
"""What a command ends with after Ctrl-C."""


def counted(number: int, what: str) -> str:
    """A number of things, such as "1 shot" and "1,200 shots"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def in_options(setting: Setting) -> str:
    """Write a setting as an option: "--style-weight 2"."""
    option = f"--{setting.name.replace('_', '-')}"
    if setting.value is False:
        return f"--no-{option[2:]}"
    return option if setting.value in (None, True) else f"{option} {setting.value}"


def printable(text: str) -> str:
    """A text in one line, with escapes for what a terminal cannot or should not print."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in _HIDDEN
        else letter
        for letter in text
    )
