"""The files that a film consists of, and whether they can be written."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medley.files import check_folder_free, check_free
from medley.film.encode import check_encoding
from medley.settings import EncodeSettings
from medley.settings.film import format_of


@dataclass(frozen=True)
class Outputs:
    """The files that a film consists of.

    Attributes:
        film: the film itself; the others lie beside it under its name.
        measured: whether there are a table and a chart of measures too.
    """

    film: Path
    measured: bool = False

    @property
    def sidecar(self) -> Path:
        """What it was made of, enough to make it again."""
        return self.film.with_suffix(".json")

    @property
    def poster(self) -> Path:
        """Content, paintings and results in one picture."""
        taken = format_of(self.film).kind == "sheet"
        return self.film.with_suffix(".poster.png" if taken else ".png")

    @property
    def credits(self) -> Path:
        """The works that the film was made after."""
        return self.film.with_suffix(".credits.txt")

    @property
    def all(self) -> tuple[Path, ...]:
        """In the order in which they take their names: a film has all the others beside it."""
        measures = (self.table, self.chart) if self.measured else ()
        return self.sidecar, self.credits, self.poster, *measures, self.film

    @property
    def table(self) -> Path:
        """Measures as CSV."""
        return self.film.with_suffix(".csv")

    @property
    def chart(self) -> Path:
        """Measures as a picture."""
        return self.film.with_suffix(".chart.png")

    def check(self, force: bool, inputs: Sequence[Path]) -> None:
        """Refuse to overwrite, and find out early whether the folder can be written to.

        Raises:
            OutputError: a file is there and `force` is not set, it is one of the inputs, or the
                folder is not writable.
        """
        folder = format_of(self.film).kind == "sequence"
        for path in reversed(self.all):
            if folder and path == self.film:
                check_folder_free(path, force, re.compile(r"\d{6}\.png"))
            else:
                check_free(path, force, inputs)


def check_output(path: Path, asked: EncodeSettings, warn: Callable[[str], None]) -> None:
    """Find out before any shot is taken whether a film of that name can be encoded here.

    Args:
        path: of the film.
        asked: codec, sound, and the rate before it was `fitted`.
        warn: told if the format cannot keep that rate.

    Raises:
        FilmError: ffmpeg lacks the encoder, or cannot read the sound.
    """
    check_encoding(path, asked)
    kept = asked.fitted(path).fps
    if kept != asked.fps:
        warn(
            f"{path.suffix} cannot keep {float(asked.fps):.5g} frames a second evenly;"
            f" the film has {float(kept):.5g}, and is as long as asked"
        )
