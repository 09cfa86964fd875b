"""Frames of a film from finished shots: timeline, layout, overlays and encoding."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path

import numpy as np

from medley.errors import ShotError
from medley.film.composite import border_at, composite, fit_picture, lay_frame
from medley.film.encode import encode_film
from medley.film.layout import Box, Layout, plan_layout
from medley.film.mix import mix, pad_to_even, render_frames
from medley.film.overlay import Overlay, captions, insets, presences, shares_of, sparklines
from medley.film.places import plan_places
from medley.film.timeline import Frame, ShotTrack, Still, medley_timeline
from medley.film.title import title, title_frames
from medley.images import Pixels
from medley.media.film_file import UNTAGGED, Chapter, FilmFacts, Tags
from medley.media.sound import ClipSound
from medley.settings import (
    ClipFilmSettings,
    CutSettings,
    FilmSettings,
    FrameSize,
    WalkFilmSettings,
)
from medley.settings.film import format_of
from medley.workspace.shot import Shot, TraceRow

_CONTENTS = 4  # photos that are kept in memory at the film's size


def track(shot: Shot) -> ShotTrack:
    """Read the steps of a finished shot and their changes, which a timeline is made from.

    Raises:
        ShotError: the trace is unreadable, or iterates are missing.
    """
    return _track(shot, shot.trace())


def _track(shot: Shot, rows: Sequence[TraceRow]) -> ShotTrack:
    steps = shot.steps()
    so_far = dict(
        zip((row.step for row in rows), accumulate(row.visual_change for row in rows), strict=True)
    )
    if not steps or steps[0] != 0 or not set(steps) <= set(so_far):
        raise ShotError(f"iterates are missing in '{shot.path}'; remove it to take it again")
    sums = [so_far[step] for step in steps]
    changes = [0.0, *np.diff(sums).tolist()]
    return ShotTrack(tuple(steps), tuple(changes))


def check_film(count: int, settings: CutSettings) -> None:
    """Check before any shot is taken that a film of `count` paintings can be laid out.

    Raises:
        FilmError: the holds leave too little time for the iterates.
    """
    timeline_of([ShotTrack((0, 1), (0.0, 1.0))] * count, settings)


def title_notes(settings: FilmSettings | WalkFilmSettings, frames: int) -> list[str]:
    """The notes for the user: one if a walk's title lies over all of its frames."""
    if not settings.title or title_frames(settings.fps, settings.title_seconds) < frames:
        return []
    return [
        f"the title stands for {settings.title_seconds:g} s and the walk lasts"
        f" {float(frames / settings.fps):.3g} s: nothing of it is seen without the title, and no"
        " caption or inset at all; shorten the title, or lengthen the walk"
    ]


@dataclass(frozen=True)
class Segment:
    """The part of a film that shows one shot.

    Attributes:
        track: steps of the shot, and how much each changes.
        read: function that gives a step's pixels; called on several threads at once.
        caption: text on the frames; "" for none.
        painting: pixels of the painting, if they are known.
        losses: loss of each step, as far as it is known.
        content: number of the photo among the film's.
    """

    track: ShotTrack
    read: Callable[[int], Pixels]
    caption: str = ""
    painting: Pixels | None = None
    losses: Mapping[int, float] = field(default_factory=dict)
    content: int = 0


@dataclass(frozen=True)
class Drift:
    """What a walk or a clip shows: pictures that pass many paintings and never rest.

    Attributes:
        timeline: content of each frame; in a walk, the first follows the last.
        works: a segment with the caption and the pixels of each painting.
        shares: how much of each frame belongs to which of them.
    """

    timeline: Sequence[Frame]
    works: Sequence[Segment]
    shares: Sequence[Mapping[int, float]]


def segment_of(shot: Shot, caption: str, painting: Pixels | None, content: int = 0) -> Segment:
    """Make the segment of a finished shot.

    Raises:
        ShotError: the trace is unreadable, or iterates are missing.
    """
    rows = shot.trace()
    losses = {row.step: row.loss for row in rows}
    return Segment(_track(shot, rows), shot.read, caption, painting, losses, content)


def cut_medley(
    contents: Sequence[Pixels],
    segments: Sequence[Segment],
    settings: FilmSettings,
    path: Path,
    on_frame: Callable[[int, int], None],
    part: Path | None = None,
    drift: Drift | None = None,
    tags: Tags = UNTAGGED,
    sound: ClipSound | None = None,
) -> FilmFacts:
    """Cut finished shots into a film, one painting after another.

    Args:
        contents: photos, shown before and after the shots that repaint them; of a drift, they have
            one size.
        segments: segments of the shots, in the film's order.
        settings: pace, rate and quality, size, and overlays.
        path: file of the film, which appears when it is whole.
        on_frame: called with the number of frames written and their total.
        part: part file to write to, if the caller gives the film its name; see `encode_film`.
        drift: what a walk or a clip shows; None for a timeline at the settings' pace.
        tags: chapters and comment, which a video carries.
        sound: sound of a clip; none by default.

    Raises:
        FilmError: the timeline cannot be laid out, or ffmpeg fails.
        OutputError: `path` cannot be written to.
        ShotError: iterates are missing or unreadable.
    """
    home = [one.content for one in segments]
    titled = title_frames(settings.fps, settings.title_seconds) if settings.title else 0
    timeline: Sequence[Frame]
    shares: list[Mapping[int, float]]
    if drift:
        # Its title lies over what moves, and other words wait until it is gone.
        timeline = drift.timeline
        titled = min(titled, len(timeline))
        shares = [{}] * titled + [*drift.shares[titled:]]
    else:
        contents_shown = [Still(None, number) for number in home]
        film = timeline_of([one.track for one in segments], settings, contents_shown)
        timeline = [film[0]] * titled + film
        shares = [shares_of(frame) for frame in timeline]
    shapes = [contents[0].shape] if drift else [content.shape for content in contents]
    layout = layout_of(shapes, settings)
    fitted = _Fitted(contents, segments, settings, layout)
    overlays = list_overlays(drift.works if drift else segments, settings, layout, titled)
    pictures = render_frames(timeline, fitted.read)
    presence = presences(shares, settings.fps, settings.loop)
    swings = partial(border_at, count=len(timeline), fps=float(settings.fps))
    border = swings if settings.beside == "split" else None
    frames = composite(pictures, timeline, presence, layout, fitted.content, home, overlays, border)
    size = layout.height, layout.width
    return encode(frames, len(timeline), size, settings, path, on_frame, part, tags, sound)


class _Fitted:
    """Pictures of a film, mixed with their photos and fitted to their place in the frame."""

    def __init__(
        self,
        contents: Sequence[Pixels],
        segments: Sequence[Segment],
        settings: FilmSettings,
        layout: Layout,
    ) -> None:
        """Take what the film is cut from; arguments as in `cut_medley`."""
        self._contents, self._segments, self._settings = contents, segments, settings
        self._is_plain = layout.is_plain and not settings.resolution
        self._box = FrameSize(layout.picture.height, layout.picture.width)
        self.content = lru_cache(maxsize=_CONTENTS)(lambda number: self._fit(contents[number]))

    def read(self, still: Still) -> Pixels:
        """Read a picture: a photo, or an iterate of a shot."""
        if still.shot is None:
            return self.content(still.step)
        segment = self._segments[still.shot]
        picture = segment.read(still.step)
        if self._settings.strength != 1:
            picture = mix(self._contents[segment.content], picture, self._settings.strength)
        return self._fit(picture)

    def _fit(self, picture: Pixels) -> Pixels:
        if self._is_plain:
            return picture  # all pictures have one size, and the frames have it too
        at = plan_layout(*picture.shape[:2], self._box, self._settings.fit)
        size = at.picture.height, at.picture.width
        fitted = fit_picture(picture, *size, self._settings.focus)
        return fitted if at.picture == Box(0, 0, at.height, at.width) else lay_frame(fitted, at)


def layout_of(
    shapes: Sequence[tuple[int, ...]],
    settings: FilmSettings | WalkFilmSettings | ClipFilmSettings,
) -> Layout:
    """Lay out frames for pictures of these heights and widths; of several sizes each fills it."""
    height, width, *_ = shapes[0]
    fit = settings.fit if len(set(shapes)) == 1 else "crop"
    return plan_layout(height, width, settings.resolution, fit, settings.beside == "content")


def list_overlays(
    segments: Sequence[Segment], settings: FilmSettings, layout: Layout, titled: int
) -> list[Overlay]:
    """List the overlays that the settings ask for.

    Args:
        segments: segments of the film.
        settings: settings that name the overlays.
        layout: places of the pictures in a frame.
        titled: number of frames that the title takes.
    """
    words = [one.caption for one in segments]
    places = plan_places(words, layout)
    overlays = [captions(words, places)] if any(words) else []
    if settings.inset != "none":
        overlays.append(insets([one.painting for one in segments], places, settings.inset))
    if settings.sparkline != "none":
        overlays.append(sparklines([one.losses for one in segments], places, settings.sparkline))
    if settings.title:
        height, width = layout.height, layout.width
        overlays.append(title(settings.title, height, width, settings.fps, titled))
    return overlays


def encode(
    frames: Iterable[Pixels],
    count: int,
    size: tuple[int, ...],
    settings: CutSettings,
    path: Path,
    on_frame: Callable[[int, int], None],
    part: Path | None = None,
    tags: Tags = UNTAGGED,
    sound: ClipSound | None = None,
) -> FilmFacts:
    """Encode frames as the settings say; a video's are padded to an even `(height, width)`.

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
        loops=settings.loop,
        tags=tags,
        sound=sound,
    )


def chapters(titles: Sequence[str], settings: CutSettings) -> tuple[Chapter, ...]:
    """The chapters of a film, one for each part; a title before the film is in the first."""
    titled = 0
    if isinstance(settings, FilmSettings) and settings.title:
        titled = title_frames(settings.fps, settings.title_seconds)
    seconds = Fraction(str(settings.seconds_per_painting))
    starts = [titled + round(settings.fps * seconds * number) for number in range(len(titles))]
    return tuple(map(Chapter, [0, *starts[1:]], titles))


def timeline_of(
    tracks: Sequence[ShotTrack], settings: CutSettings, contents: Sequence[Still] | None = None
) -> list[Frame]:
    """Make the timeline of these tracks as the settings say; see `medley_timeline`.

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
