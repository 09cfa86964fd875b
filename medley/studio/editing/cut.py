"""From finished shots to the film, its sidecar and its poster."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import numpy as np

from medley.errors import OutputError
from medley.files import check_folder_free, check_free
from medley.film.compose import mix, pad_to_even, render_frames
from medley.film.encode import check_encoding, encode_film
from medley.film.facts import FilmFacts
from medley.film.fit import Layout, backdrop, plan_layout
from medley.film.overlay import Overlay, caption_height, captions, insets, sparklines
from medley.film.stage import dress, seat
from medley.film.timeline import Frame, ShotTrack, Still, medley_timeline
from medley.film.title import title, title_frames
from medley.images import Pixels
from medley.settings import CutSettings, EncodeSettings, FilmSettings, FrameSize
from medley.settings.film import format_of
from medley.shots import Shot

_CONTENTS = 4  # that are kept at the film's size


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


@dataclass(frozen=True)
class Stretch:
    """One painting's stretch of a film.

    Attributes:
        track: its steps and how much each changes.
        read: gives a step's pixels; called on several threads at once.
        caption: what is written on it; "" for nothing.
        painting: what it is made after, if that is known.
        losses: by step, as far as they are known.
        content: the number of what it repaints.
    """

    track: ShotTrack
    read: Callable[[int], Pixels]
    caption: str = ""
    painting: Pixels | None = None
    losses: Mapping[int, float] = field(default_factory=dict)
    content: int = 0


def stretch_of(shot: Shot, caption: str, painting: Pixels | None, content: int = 0) -> Stretch:
    """A finished shot's stretch of a film.

    Raises:
        OutputError: the trace is unreadable, or iterates are missing.
    """
    losses = {row.step: row.loss for row in shot.trace()}
    return Stretch(track(shot), shot.read, caption, painting, losses, content)


def check_output(path: Path, asked: EncodeSettings, tell: Callable[[str], None]) -> None:
    """Find out before any shot is taken whether a film of that name can be encoded here.

    Args:
        path: of the film.
        asked: codec, sound, and the rate before it was `fitted`.
        tell: told if the format cannot keep that rate.

    Raises:
        FilmError: ffmpeg lacks the encoder, or cannot read the sound.
    """
    check_encoding(path, asked)
    kept = asked.fitted(path).fps
    if kept != asked.fps:
        tell(
            f"{path.suffix} cannot keep {float(asked.fps):.5g} frames a second evenly;"
            f" the film has {float(kept):.5g}, and is as long as asked"
        )


def cut_medley(
    contents: Sequence[Pixels],
    stretches: Sequence[Stretch],
    settings: FilmSettings,
    path: Path,
    on_frame: Callable[[int, int], None],
    part: Path | None = None,
    timeline: Sequence[Frame] = (),
) -> FilmFacts:
    """Cut finished shots into a film, one painting after another.

    Args:
        contents: shown before and after the shots that repaint them.
        stretches: one for each shot, in the film's order.
        settings: pace, rate and quality, size, and what lies over the pictures.
        path: the film, which appears when it is whole.
        on_frame: called with the number of frames written and their total.
        part: as `encode_film` takes it.
        timeline: what each frame shows, where the settings' pace does not say it.

    Raises:
        FilmError: the timeline cannot be laid out, or ffmpeg fails.
        OutputError: iterates are missing, or `path` cannot be written to.
        PictureError: an iterate is unreadable.
    """
    home = [one.content for one in stretches]
    timeline = timeline or lay_out(
        [one.track for one in stretches], settings, [Still(None, number) for number in home]
    )
    titled = title_frames(settings.fps, settings.title_seconds) if settings.title else 0
    timeline = [timeline[0]] * titled + [*timeline]
    layout = _plan([content.shape for content in contents], settings)
    box = FrameSize(layout.picture.height, layout.picture.width)
    ground = lru_cache(maxsize=_CONTENTS)(lambda number, at: backdrop(contents[number], at))

    def fit(picture: Pixels, number: int) -> Pixels:
        if layout.is_plain and not settings.resolution:
            return picture  # none has to change, and one of another size is an error
        at = plan_layout(*picture.shape[:2], box, settings.fit)
        return seat(picture, at, lambda: ground(number, at))

    def weaken(shot: int, picture: Pixels) -> Pixels:
        whole = settings.strength == 1
        return picture if whole else mix(contents[home[shot]], picture, settings.strength)

    @lru_cache(maxsize=_CONTENTS)
    def content(number: int) -> Pixels:
        return fit(contents[number], number)

    def read(still: Still) -> Pixels:
        if still.shot is None:
            return content(still.step)
        picture = weaken(still.shot, stretches[still.shot].read(still.step))
        return fit(picture, home[still.shot])

    overlays = list_overlays(stretches, settings, layout, titled)
    pictures = render_frames(timeline, read)
    frames = dress(pictures, timeline, settings.fps, layout, content, home, overlays)
    size = layout.height, layout.width
    return encode(frames, len(timeline), size, settings, path, on_frame, part)


def _plan(shapes: Sequence[tuple[int, ...]], settings: FilmSettings) -> Layout:
    """Where pictures of these shapes stand; if they differ, each has the whole frame to itself."""
    height, width, _ = shapes[0]
    fit = settings.fit if len(set(shapes)) == 1 else "crop"
    return plan_layout(height, width, settings.resolution, fit, settings.beside == "content")


def list_overlays(
    stretches: Sequence[Stretch], settings: FilmSettings, layout: Layout, titled: int
) -> list[Overlay]:
    """What the settings want to lie over the pictures.

    Args:
        stretches: of the film.
        settings: what is asked for.
        layout: where the pictures stand.
        titled: frames that the title takes.
    """
    box = layout.picture
    words = [one.caption for one in stretches]
    overlays = [captions(words, box)] if any(words) else []
    above = caption_height(words, box)
    if settings.inset != "none":
        overlays.append(insets([one.painting for one in stretches], box, settings.inset, above))
    if settings.sparkline != "none":
        losses = [one.losses for one in stretches]
        overlays.append(sparklines(losses, box, settings.sparkline, above))
    if settings.title:
        height, width = layout.height, layout.width
        overlays.append(title(settings.title, height, width, settings.fps, titled))
    return overlays


def encode(
    frames: Iterable[Pixels],
    count: int,
    size: tuple[int, ...],
    settings: EncodeSettings,
    path: Path,
    on_frame: Callable[[int, int], None],
    part: Path | None = None,
) -> FilmFacts:
    """Encode frames as the settings ask for; a video's are padded to an even `(height, width)`.

    Raises:
        FilmError: ffmpeg fails, or a frame cannot be made.
        OutputError: `path` cannot be written to.
    """
    height, width = size
    if format_of(path).kind == "video":
        height, width = height + height % 2, width + width % 2
        frames = map(pad_to_even, frames)
    return encode_film(
        frames,
        path,
        fps=settings.fps,
        width=width,
        height=height,
        frame_count=count,
        settings=settings,
        progress=lambda written: on_frame(written, count),
        part=part,
    )


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
