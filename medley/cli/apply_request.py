"""What `medley apply` is asked for, and what makes of each file what is asked."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from medley.cli.apply import InputKind
from medley.settings import (
    ApplySettings,
    CutSettings,
    FinishSettings,
    RunSettings,
    StillFormat,
    StillSettings,
    WalkSettings,
)
from medley.settings.film import USUAL_SUFFIX
from medley.studio.still_files import Repainted, StillJob


class ForClips(NamedTuple):
    """What was asked for of clips alone.

    Attributes:
        fps, begin, end: frames a second, and from where to where.
        silent: whether their own sound is left out.
        asked_by: an option that makes sense for clips alone; "" if none was given.
    """

    fps: Fraction | None
    begin: Fraction | None
    end: Fraction | None
    silent: bool
    asked_by: str


class Request(NamedTuple):
    """What was asked for: the options of the command, read and found to fit one another."""

    net: Path
    photos: tuple[Path, ...]
    output: Path
    kind: InputKind
    file_format: StillFormat | None  # none of a film
    look: ApplySettings
    preserving: FinishSettings
    still: StillSettings
    film: CutSettings
    walk: WalkSettings
    run: RunSettings
    of_clips: ForClips
    force: bool
    as_json: bool
    quiet: bool

    @property
    def several(self) -> bool:
        """Whether results go into a folder."""
        return self.kind == "several"

    @property
    def others(self) -> list[Path]:
        """Files that are read besides photos and clips."""
        return [self.net, *([self.film.music] if self.film.music else [])]

    @property
    def film_path(self) -> Path:
        """The film that is made, or one in the folder of those that are."""
        return Path(f"film{USUAL_SUFFIX}") if self.several else self.output


Maker = Callable[[StillJob, str], Repainted]
"""Makes a picture or a film of a photo or a clip, which has a title for people."""
