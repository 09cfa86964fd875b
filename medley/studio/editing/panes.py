"""A sweep's film and its contact sheet: the same shots, taken with different networks."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from medley.film.compose import mix, render_frames
from medley.film.facts import FilmFacts
from medley.film.fit import plan_layout
from medley.film.grid import arrange, border_at, fit_pane, plan_grid, split
from medley.film.lettering import label
from medley.film.poster import gallery
from medley.film.stage import seat
from medley.film.timeline import Still
from medley.images import Pixels
from medley.settings import CutSettings
from medley.studio.editing.credits import credit_lines
from medley.studio.editing.cut import encode, lay_out, track
from medley.studio.editing.measure import Measure
from medley.studio.shooting.takes import Take

Layout = Literal["grid", "row", "sequence", "split"]

LEAST_CELL = 300  # pixels; smaller pictures are enlarged on the sheet, by a whole number
MOST_SIDE = 16_000  # pixels that a sheet is wide or high, about


@dataclass(frozen=True)
class Part:
    """A stretch of the film: what stands in it side by side, and whose changes pace it."""

    takes: Sequence[Take]
    labels: Sequence[str]
    standard: Take


def cut_panes(
    parts: Sequence[Part],
    layout: Layout,
    settings: CutSettings,
    path: Path,
    on_frame: Callable[[int, int], None],
    part: Path | None = None,
) -> FilmFacts:
    """Cut a film in which all panes show the same step at the same time, one part after another.

    Args:
        parts: one for each photo and painting, each with finished takes in the same order.
        layout: how the takes stand in a frame. "sequence" shows them one after another, and
            "split" the first and the last, with a moving border between.
        settings: pace, rate, quality and size.
        path: the film, which appears when it is whole.
        on_frame: called with the number of frames written and their total.
        part: as `encode_film` takes it.

    Raises:
        FilmError: the timeline cannot be laid out, or ffmpeg fails.
        OutputError: iterates are missing, or `path` cannot be written to.
        PictureError: an iterate is unreadable.
    """
    shown = [shown for part in parts for shown in _shown(part, layout)]
    tracks = [track(part.standard.shot) for part in shown]
    contents = [Still(None, number) for number in range(len(shown))]
    timeline = lay_out(tracks, settings, contents)
    sizes = [take.scene.content.shape for part in shown for take in part.takes]
    height, width = max(size[0] for size in sizes), max(size[1] for size in sizes)
    panes = 1 if layout == "split" else len(shown[0].takes)
    grid = plan_grid(panes, height, width, panes if layout == "row" else None)

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
    whole = plan_layout(grid.height, grid.width, settings.resolution, settings.fit)
    frames = (seat(frame, whole) for frame in frames)
    full = (whole.height, whole.width)
    return encode(frames, len(timeline), full, settings, path, on_frame, part)


def hang_sheet(pairs: Sequence[Sequence[Take]], measures: Sequence[Sequence[Measure]]) -> Pixels:
    """Draw the contact sheet: for each pair photo, painting, and every network's result.

    Pictures are at full resolution, or enlarged if they are small; several pairs stand in a row
    each.

    Args:
        pairs: for each photo and painting its finished takes.
        measures: of the same, for the captions.

    Raises:
        PictureError: a result is unreadable.
    """
    columns = 2 + len(pairs[0]) if len(pairs) > 1 else None
    height = max(takes[0].scene.content.shape[0] for takes in pairs)
    width = max(takes[0].scene.content.shape[1] for takes in pairs)
    across = max(columns or math.isqrt(len(pairs[0])) + 2, len(pairs))
    scale = min(math.ceil(LEAST_CELL / width), MOST_SIDE / across / max(height, width))
    works = (
        work for takes, own in zip(pairs, measures, strict=True) for work in _works(takes, own)
    )
    cell, cell_height = max(1, int(width * scale)), max(1, int(height * scale))
    return gallery(works, cell, cell_height=cell_height, columns=columns)


def _shown(part: Part, layout: Layout) -> list[Part]:
    """The parts of the film that a pair comes to."""
    if layout == "sequence":
        pairs = zip(part.takes, part.labels, strict=True)
        return [Part([take], [name], part.standard) for take, name in pairs]
    if layout == "split":
        ends = slice(None, None, max(1, len(part.takes) - 1))
        return [Part(part.takes[ends], part.labels[ends], part.standard)]
    return [part]


def _number(still: Still) -> int:
    """The part of the film that a still belongs to."""
    return still.step if still.shot is None else still.shot


def _read_panes(
    parts: Sequence[Part], size: tuple[int, int], strength: float, still: Still
) -> list[Pixels]:
    panes = []
    for take in parts[_number(still)].takes:
        pixels = take.scene.content
        if still.shot is not None:
            pixels = mix(pixels, take.shot.read(still.step), strength)
        panes.append(fit_pane(pixels, *size))
    return panes


def _label(panes: Sequence[Pixels], labels: Sequence[str]) -> list[Pixels]:
    return [label(pane, text) for pane, text in zip(panes, labels, strict=True)]


def _move_border(
    stills: Iterator[Pixels], place: Callable[[int], float], labels: Sequence[str]
) -> Iterator[Pixels]:
    """Join frames that hold one picture above another into one, with a border between.

    So stacked, both change alike in a wipe, which moves across. The labels stand in the corners
    wherever the border is, so that they can always be read.
    """
    first, second = labels
    for number, frame in enumerate(stills):
        height = frame.shape[0] // 2
        both = split(frame[:height], frame[height:], place(number))
        yield label(label(both, first), second, right=True)


def _works(takes: Sequence[Take], measures: Sequence[Measure]) -> Iterator[tuple[Pixels, str]]:
    scene = takes[0].scene
    height, width, _ = scene.content.shape
    yield scene.content, f"{takes[0].content_path.stem}\n{width}x{height} pixels"
    yield scene.paintings[0], credit_lines(takes[0].painting)
    for take, one in zip(takes, measures, strict=True):
        size = f"{one.network.size_bytes / 1e6:.2f} MB"
        text = f"{one.network.label}\n{size}, loss {one.loss:,.0f}"
        yield take.shot.result(), text
