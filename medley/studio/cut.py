"""From finished shots to the film, its sidecar and its poster."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np

from medley.errors import OutputError
from medley.files import check_free
from medley.film.compose import pad_to_even, render_frames
from medley.film.encode import FilmFacts, encode_film
from medley.film.lettering import caption
from medley.film.poster import contact_sheet
from medley.film.timeline import Frame, ShotTrack, Still, medley_timeline
from medley.images import Pixels, decode
from medley.settings import CutSettings
from medley.workspace import Shot


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
        return self.film.with_suffix(".png")

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
        for path in reversed(self.all):
            check_free(path, force, inputs)


def track(shot: Shot) -> ShotTrack:
    """Read from the workspace what a timeline needs to know of a finished shot.

    Raises:
        OutputError: the trace is unreadable, or iterates are missing.
    """
    steps = shot.steps()
    rows = shot.trace()
    so_far = dict(
        zip((row.step for row in rows), accumulate(row.visual_change for row in rows), strict=True)
    )
    if not steps or steps[0] != 0 or not set(steps) <= set(so_far):
        raise OutputError(f"iterates are missing in '{shot.path}'; remove it to take it again")
    sums = [so_far[step] for step in steps]
    changes = [0.0, *np.diff(sums).tolist()]
    return ShotTrack(tuple(steps), tuple(changes))


def check_film(count: int, settings: CutSettings) -> None:
    """Find out before any shot is taken whether a film of `count` paintings can be laid out.

    Raises:
        FilmError: the holds leave too little time for the iterates.
    """
    lay_out([ShotTrack((0, 1), (0.0, 1.0))] * count, settings)


def cut_medley(
    content: Pixels,
    shots: Sequence[Shot],
    captions: Sequence[str],
    settings: CutSettings,
    path: Path,
    on_frame: Callable[[int, int], None],
    part: Path | None = None,
) -> FilmFacts:
    """Cut one content's finished shots into a film, one painting after another.

    Args:
        content: shown before and after each shot, of the iterates' size.
        shots: finished, in the film's order.
        captions: what is written on each shot; "" for nothing.
        settings: pace, rate and quality.
        path: the film, which appears when it is whole.
        on_frame: called with the number of frames written and their total.
        part: as `encode_film` takes it.

    Raises:
        FilmError: the timeline cannot be laid out, or ffmpeg fails.
        OutputError: iterates are missing, or `path` cannot be written to.
        PictureError: an iterate is unreadable.
    """
    timeline = lay_out([track(shot) for shot in shots], settings)
    frames = render_frames(timeline, partial(_read_still, content, shots, captions))
    size = pad_to_even(content).shape[:2]
    return encode(frames, len(timeline), size, settings, path, on_frame, part)


def encode(
    frames: Iterable[Pixels],
    count: int,
    size: tuple[int, ...],
    settings: CutSettings,
    path: Path,
    on_frame: Callable[[int, int], None],
    part: Path | None = None,
) -> FilmFacts:
    """Encode frames as the settings ask for, padded to an even `(height, width)`.

    Raises:
        FilmError: ffmpeg fails, or a frame cannot be made.
        OutputError: `path` cannot be written to.
    """
    height, width = size
    return encode_film(
        (pad_to_even(frame) for frame in frames),
        path,
        fps=settings.fps,
        width=width,
        height=height,
        frame_count=count,
        crf=settings.crf,
        progress=lambda written: on_frame(written, count),
        part=part,
    )


def hang_poster(content: Pixels, title: str, works: Sequence[tuple[Pixels, Shot, str]]) -> Pixels:
    """Compose the poster: the content, and for each work painting and result with its caption.

    Raises:
        PictureError: a result is unreadable.
    """
    pairs = [
        (painting, decode(shot.step_path(shot.steps()[-1])), label)
        for painting, shot, label in works
    ]
    return contact_sheet(content, pairs, content_caption=title)


def lay_out(
    tracks: Sequence[ShotTrack], settings: CutSettings, contents: Sequence[Still] | None = None
) -> list[Frame]:
    """The timeline of these tracks as the settings ask for; see `medley_timeline`.

    Raises:
        FilmError: the holds leave too little time for the iterates.
    """
    return medley_timeline(
        tracks,
        fps=settings.fps,
        seconds_per_painting=settings.seconds_per_painting,
        hold_s=settings.hold,
        pace=settings.pace,
        transition=settings.transition,
        loop=settings.loop,
        contents=contents,
    )


def read_step(shot: Shot, step: int) -> Pixels:
    """Read a shot's iterate.

    Raises:
        PictureError: it is unreadable.
    """
    return shot.read(step)


def _read_still(
    content: Pixels, shots: Sequence[Shot], captions: Sequence[str], still: Still
) -> Pixels:
    if still.shot is None:
        return content
    pixels = read_step(shots[still.shot], still.step)
    text = captions[still.shot]
    return caption(pixels, text) if text else pixels
