"""Words that a terminal shows as one line, whatever they hold."""

import unicodedata

_HIDDEN = ("Cc", "Cs", "Zl", "Zp")  # controls, lone surrogates, line and paragraph ends

INTERRUPTED = 130
"""What a command ends with after Ctrl-C."""


def counted(number: int, what: str) -> str:
    """A number of things, such as "1 shot" and "1,200 shots"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def printable(text: str) -> str:
    """A text in one line, with escapes for what a terminal cannot or should not print."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in _HIDDEN
        else letter
        for letter in text
    )
