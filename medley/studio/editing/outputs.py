"""The files that a film consists of: their paths, their claim, and whether they can be written."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from medley.errors import OutputError, Setting
from medley.files import check_folder_free, check_free, real_path, remove_parts_of, sha256
from medley.film.encode import check_encoding
from medley.settings import EncodeSettings
from medley.settings.film import format_of
from medley.workspace.locks import Claim
from medley.workspace.store import Workspace


@dataclass(frozen=True)
class Outputs:
    """The files that a film consists of.

    Attributes:
        film: path of the film itself; the other files lie beside it under its name.
        measured: True if there are also a table and a chart of measures.
    """

    film: Path
    measured: bool = False

    @property
    def sidecar(self) -> Path:
        """The JSON file that says how the film was made, enough to make it again."""
        return self.film.with_suffix(".json")

    @property
    def poster(self) -> Path:
        """The picture that shows content, paintings and results together."""
        taken = format_of(self.film).kind == "sheet"
        return self.film.with_suffix(".poster.png" if taken else ".png")

    @property
    def credits(self) -> Path:
        """The list of works that the film was made after."""
        return self.film.with_suffix(".credits.txt")

    @property
    def all(self) -> tuple[Path, ...]:
        """All paths in the order in which they are published: the film comes last."""
        measures = (self.table, self.chart) if self.measured else ()
        return self.sidecar, self.credits, self.poster, *measures, self.film

    @property
    def table(self) -> Path:
        """The measures as CSV."""
        return self.film.with_suffix(".csv")

    @property
    def chart(self) -> Path:
        """The measures as a picture."""
        return self.film.with_suffix(".chart.png")

    def claim(self, workspace: Workspace) -> Claim:
        """Make a lock, in the workspace of its shots, against other processes' cutting the film."""
        mark = sha256(str(real_path(self.film)).encode(errors="surrogateescape"))[:24]
        return workspace.claim(f"film-{mark}")

    def remove_parts(self) -> None:
        """Remove what killed runs left of the files; the film must be claimed."""
        for own in self.all:
            remove_parts_of(own)

    @contextmanager
    def claimed(self, workspace: Workspace) -> Iterator[None]:
        """Claim the film for the block, and remove what killed runs left of its files.

        Neither is done if another run has claimed it, or the workspace cannot be written to.
        """
        with self.claim(workspace) as claim:
            with suppress(OutputError):
                if claim.take_now():
                    self.remove_parts()
            yield

    def check_own(self) -> None:
        """Refuse to take sidecar and poster from another film, whose only description they are.

        Raises:
            OutputError: they belong to a film that is there, such as film.mp4 beside film.gif.
        """
        if other := self._other():
            raise OutputError(
                f"'{self.film}' and '{other}' would have one sidecar, '{self.sidecar}', and it is"
                " that film's; name another ",
                Setting("output"),
                f", such as '{self.film.with_stem(f'{self.film.stem}-2')}'",
            )

    def _other(self) -> Path | None:
        """The other film, if one is there, that the sidecar tells of."""
        try:
            about = json.loads(self.sidecar.read_text("utf-8"))
            other = self.film.with_name(about["film"]["file"])
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return None  # there is none, or it is damaged, or not medley's
        is_ours = other.name == self.film.name or Outputs(other).sidecar != self.sidecar
        return None if is_ours or not other.exists() else other

    def check(self, force: bool, inputs: Sequence[Path]) -> None:
        """Refuse to overwrite files, and check early that the folder can be written to.

        Raises:
            OutputError: a file exists and `force` is not set, a file is one of the inputs, or the
                folder is not writable.
        """
        folder = format_of(self.film).kind == "sequence"
        for path in reversed(self.all):
            if folder and path == self.film:
                check_folder_free(path, force, re.compile(r"\d{6}\.png"))
            else:
                check_free(path, force, inputs, self._what(path))

    def _what(self, path: Path) -> str:
        """Words for one of the files beside the film; "" for the film, which was named itself."""
        beside = {
            self.sidecar: "sidecar", self.credits: "list of credits", self.poster: "poster",
            self.table: "table of measures", self.chart: "chart of measures",
        }  # fmt: skip
        return "" if path == self.film else f"the film's {beside[path]}"


def check_output(path: Path, asked: EncodeSettings, walk_frames: int | None = None) -> list[str]:
    """Check before any shot is taken that a film of that name can be encoded here.

    Args:
        path: file of the film.
        asked: codec and sound, and the frame rate before it was `fitted` to the format.
        walk_frames: frames of a walk that is there, which are as many at any rate.

    Returns:
        Notes for the user: one if the format cannot keep that frame rate.

    Raises:
        FilmError: ffmpeg lacks the encoder, or cannot read the sound.
    """
    check_encoding(path, asked)
    kept = asked.fitted(path).fps
    if kept == asked.fps:
        return []
    length = "is as long as asked"
    if walk_frames is not None:
        then, now = (f"{float(walk_frames / fps):.3g} s" for fps in (asked.fps, kept))
        length = f"lasts {now} instead of {then}, as a walk's frames are its steps"
    return [
        f"{path.suffix} cannot keep {float(asked.fps):.5g} frames a second evenly;"
        f" the film has {float(kept):.5g}, and {length}"
    ]
