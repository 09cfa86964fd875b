"""The film of a sweep: the same shots, taken with different networks, side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from medley.film.composite import arrange, border_at, fit_pane, letterbox, split
from medley.film.layout import Grid, plan_grid, plan_layout
from medley.film.layout import Layout as Frame
from medley.film.lettering import label
from medley.film.mix import mix, render_frames
from medley.film.timeline import Still
from medley.images import Pixels
from medley.media.film_file import UNTAGGED, FilmFacts, Tags
from medley.settings import CutSettings
from medley.studio.editing.cut import encode, timeline_of, track
from medley.studio.shooting.spec import ShotSpec
from medley.workspace.shot import Shot

Layout = Literal["grid", "row", "sequence", "split"]


@dataclass(frozen=True)
class Pane:
    """One network's shot as the film shows it.

    Attributes:
        spec: spec of the shot.
        shot: finished shot in the workspace.
        content: pixels of the photo, uint8 `(height, width, 3)`.
        painting: pixels of the painting, uint8 `(height, width, 3)`.
    """

    spec: ShotSpec
    shot: Shot
    content: Pixels
    painting: Pixels


@dataclass(frozen=True)
class Part:
    """A segment of the film: the panes that it shows side by side, and the track of its pace."""

    panes: Sequence[Pane]
    labels: Sequence[str]
    standard: Pane


def cut_panes(
    parts: Sequence[Part],
    layout: Layout,
    settings: CutSettings,
    path: Path,
    on_frame: Callable[[int, int], None],
    part: Path | None = None,
    tags: Tags = UNTAGGED,
) -> FilmFacts:
    """Cut a film in which all panes show the same step at the same time, one part after another.

    Args:
        parts: parts for each photo and painting, all with the same order of networks.
        layout: arrangement of the panes in a frame. "sequence" shows them one after another, and
            "split" the first and the last, with a moving border between them.
        settings: pace, rate, quality and size.
        path: file of the film, which appears when it is whole.
        on_frame: called with the number of frames written and their total.
        part: part file to write to, if the caller gives the film its name; see `encode_film`.
        tags: chapters and comment, which a video carries.

    Raises:
        FilmError: the timeline cannot be laid out, or ffmpeg fails.
        OutputError: iterates are missing, or `path` cannot be written to.
        PictureError: an iterate is unreadable.
    """
    shown = [shown for part in parts for shown in _shown(part, layout)]
    tracks = [track(part.standard.shot) for part in shown]
    contents = [Still(None, number) for number in range(len(shown))]
    timeline = timeline_of(tracks, settings, contents)
    sizes = [pane.content.shape for part in parts for pane in part.panes]
    grid, whole = plan_panes(sizes, len(parts[0].panes), layout, settings)

    size = (grid.pane_height, grid.pane_width)
    read = partial(_read_panes, shown, size, settings.strength)
    if layout == "split":
        stills = render_frames(timeline, lambda still: np.vstack(read(still)))
        place = partial(border_at, count=len(timeline), fps=float(settings.fps))
        frames = _move_border(stills, place, shown[0].labels)
    else:
        labels = [part.labels for part in shown]
        frames = render_frames(
            timeline, lambda still: arrange(grid, _label(read(still), labels[_number(still)]))
        )
    frames = (letterbox(frame, whole, settings.focus) for frame in frames)
    full = (whole.height, whole.width)
    return encode(frames, len(timeline), full, settings, path, on_frame, part, tags)


def plan_panes(
    sizes: Sequence[tuple[int, ...]], count: int, layout: Layout, settings: CutSettings
) -> tuple[Grid, Frame]:
    """Lay out the panes of networks, and the frame that they stand in.

    Args:
        sizes: heights and widths of the photos.
        count: number of networks that are shown.
        layout: arrangement of their panes.
        settings: size of the frame.
    """
    height, width = max(size[0] for size in sizes), max(size[1] for size in sizes)
    panes = count if layout in ("grid", "row") else 1
    grid = plan_grid(panes, height, width, panes if layout == "row" else None)
    return grid, plan_layout(grid.height, grid.width, settings.resolution, settings.fit)


def _shown(part: Part, layout: Layout) -> list[Part]:
    """The parts of the film that a pair's panes are split into by the layout."""
    if layout == "sequence":
        pairs = zip(part.panes, part.labels, strict=True)
        return [Part([pane], [name], part.standard) for pane, name in pairs]
    if layout == "split":
        ends = slice(None, None, max(1, len(part.panes) - 1))
        return [Part(part.panes[ends], part.labels[ends], part.standard)]
    return [part]


def _number(still: Still) -> int:
    """The number of the part of the film that a still belongs to."""
    return still.step if still.shot is None else still.shot


def _read_panes(
    parts: Sequence[Part], size: tuple[int, int], strength: float, still: Still
) -> list[Pixels]:
    pictures = []
    for pane in parts[_number(still)].panes:
        pixels = pane.content
        if still.shot is not None:
            pixels = mix(pixels, pane.shot.read(still.step), strength)
        pictures.append(fit_pane(pixels, *size))
    return pictures


def _label(panes: Sequence[Pixels], labels: Sequence[str]) -> list[Pixels]:
    return [label(pane, text) for pane, text in zip(panes, labels, strict=True)]


def _move_border(
    stills: Iterator[Pixels], place: Callable[[int], float], labels: Sequence[str]
) -> Iterator[Pixels]:
    """Turn frames of two pictures stacked on each other into one picture split by a border.

    They are stacked so that a wipe, which moves across, changes both alike. The labels stay in the
    corners wherever the border is, so that they can always be read.
    """
    first, second = labels
    for number, frame in enumerate(stills):
        height = frame.shape[0] // 2
        both = split(frame[:height], frame[height:], place(number))
        yield label(label(both, first), second, right=True)
