"""The errors that a user can mend: each message says what is wrong, the value, and the way out.

A message is made of parts. Where it names a setting, that part is a `Setting`, which each door
words in its own way: `--tile 512` on the command line, `tile=512` in Python.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Setting(NamedTuple):
    """A setting that a message names.

    Attributes:
        name: name of the field, such as "style_weight".
        value: value that it has or should have; None where only the setting is meant.
    """

    name: str
    value: object = None

    def __str__(self) -> str:
        """Name and value in words that fit everywhere: "style_weight 2"."""
        if self.value is None or self.value is True:
            return self.name
        return f"{self.name} {self.value}"


def in_files(setting: Setting) -> str:
    """Write a setting in the form of a file: "tile = 512"."""
    value = setting.value
    if isinstance(value, bool):
        value = str(value).lower()
    return setting.name if value is None else f"{setting.name} = {value}"


class Source(NamedTuple):
    """A place in a file of settings, as the first part of a message about what stands there.

    Attributes:
        file: name of the file.
        line: number of the line, from 1; 0 if it is not known.
        film: number of the film in a manifest, from 1; 0 stands for [defaults], None for neither.
        setting: key of the setting; "" where a whole table or file is meant.
    """

    file: str
    line: int = 0
    film: int | None = None
    setting: str = ""

    def __str__(self) -> str:
        """Name file, line and film: "'films.toml' line 12, film 2"."""
        line = f" line {self.line}" if self.line else ""
        film = "" if self.film is None else f", film {self.film}" if self.film else ", [defaults]"
        return f"'{self.file}'{line}{film}"


Part = str | Setting
Wording = Callable[[Setting], str]
"""Writes a setting as it is given at one of the doors."""


def word(parts: Iterable[object], wording: Wording = str) -> str:
    """Put a message's parts together, with every setting as a door has it."""
    return "".join(wording(part) if isinstance(part, Setting) else str(part) for part in parts)


def listed(names: Iterable[str], last: str = "or") -> str:
    """Put names into a sentence: "a, b or c"."""
    *others, end = names
    return f"{', '.join(others)} {last} {end}" if others else end


class MedleyError(Exception):
    """Something that the user can mend; the command line prints one line and exits with 1.

    Its arguments are the parts of the message.
    """

    def worded(self, wording: Wording) -> str:
        """Give the message with settings as a door has them."""
        return word(self.args, wording)

    def __str__(self) -> str:
        """Give the message in words that fit everywhere."""
        return self.worded(str)


class PictureError(MedleyError):
    """A picture cannot be read, or cannot be used as it is."""


class WeightsError(MedleyError):
    """Network weights are missing, torn, tampered with, or of another network."""


class FilmError(MedleyError):
    """A film cannot be composed, encoded, or does not read back as it was written."""


class OutputError(MedleyError):
    """A file or folder cannot be written where it was asked for."""


class ShotError(OutputError):
    """A shot's files are damaged, or are no longer there."""


class ConfigError(MedleyError):
    """Settings cannot be used; each argument is one thing to mend, as a text or as its parts."""

    @property
    def faults(self) -> list[tuple[object, ...]]:
        """The parts of each thing to mend."""
        return [arg if type(arg) is tuple else (arg,) for arg in self.args]

    def worded(self, wording: Wording) -> str:
        """Give all of it in one line."""
        return "; ".join(word(fault, wording) for fault in self.faults)


class CheckpointError(MedleyError):
    """An unfinished shot cannot be gone on with, and starts over."""


class ResourceError(MedleyError):
    """A device's memory, or a disk, is too small for what was asked."""


class DivergedError(MedleyError):
    """An optimization's loss is no longer a finite number."""


class WorkerLostError(MedleyError):
    """The process that was at a shot ended before the shot did."""


@contextmanager
def worded(wording: Wording) -> Iterator[None]:
    """Word the settings in errors that leave the block; a `ConfigError` keeps its faults apart."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(*(word(fault, wording) for fault in error.faults)) from None
    except MedleyError as error:
        raise type(error)(error.worded(wording)) from None


class SettingsError(ValueError):
    """Settings contradict each other, or a value is none; its arguments are a message's parts."""

    def worded(self, wording: Wording) -> str:
        """Give the message with settings as a door has them."""
        return word(self.args, wording)

    def __str__(self) -> str:
        """Give the message in words that fit everywhere."""
        return self.worded(str)


def words_of(error: object, wording: Wording = str) -> str:
    """Write any error's message; one that names settings has them as a door has them."""
    if isinstance(error, MedleyError | SettingsError):
        return error.worded(wording)
    return str(error)
