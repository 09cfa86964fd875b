"""Several pictures in one frame: side by side, or one over the other with a border between."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from medley.images import Pixels

MAX_WIDTH, MAX_HEIGHT = 3840, 2160  # of a frame; larger panes are scaled down
GAP_SHARE = 1 / 60  # between panes, against their shorter side
LEAST_GAP = 4  # pixels
GROUND = 18  # gray level behind the panes
GRID_ASPECT = 1.33  # columns to rows; screens are wider than high
_EMPTY_COST = 1.6  # of empty places, against the logarithm of a wrong aspect
SPLIT_REACH = 0.44  # how far from the middle the border goes, against the width
SPLIT_PERIOD_S = 5.0  # about what the border takes there and back


@dataclass(frozen=True)
class Grid:
    """Where panes of one size stand in a frame; pixels, but for `columns` and `count`."""

    count: int
    columns: int
    pane_height: int
    pane_width: int
    gap: int

    @property
    def rows(self) -> int:
        """Rows of panes."""
        return math.ceil(self.count / self.columns)

    @property
    def height(self) -> int:
        """Of the frame; even, as yuv420p needs it."""
        height = self.rows * (self.pane_height + self.gap) - self.gap
        return height + height % 2

    @property
    def width(self) -> int:
        """Of the frame; even."""
        width = self.columns * (self.pane_width + self.gap) - self.gap
        return width + width % 2

    def corner(self, number: int) -> tuple[int, int]:
        """Top and left of a pane; a last row that is not full stands centred."""
        row, column = divmod(number, self.columns)
        top, left = row * (self.pane_height + self.gap), column * (self.pane_width + self.gap)
        if row == self.rows - 1:
            left += (-self.count % self.columns) * (self.pane_width + self.gap) // 2
        return top, left


def choose_columns(count: int) -> int:
    """Columns for `count` panes: a little wider than high, with few empty places.

    Nine stand 3 x 3, two and three in a row, eight 4 x 2.

    Raises:
        ValueError: no panes.
    """
    if count < 1:
        raise ValueError(f"a grid needs at least one pane, not {count}")

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        empty = rows * columns - count
        return abs(math.log(columns / rows / GRID_ASPECT)) + _EMPTY_COST * empty / count

    return min(range(1, count + 1), key=cost)


def plan_grid(count: int, height: int, width: int, columns: int | None = None) -> Grid:
    """Lay out `count` panes of one size, all of them scaled down if the frame would be too large.

    Args:
        count: of panes.
        height, width: of each, as it is.
        columns: as `choose_columns` by default.

    Raises:
        ValueError: no panes.
    """
    columns = columns or choose_columns(count)
    gap = max(LEAST_GAP, round(min(height, width) * GAP_SHARE))
    rows = math.ceil(count / columns)
    room_width = (MAX_WIDTH - gap * (columns - 1)) / (columns * width)
    room_height = (MAX_HEIGHT - gap * (rows - 1)) / (rows * height)
    scale = min(1.0, room_width, room_height)
    shrunk = max(1, int(height * scale)), max(1, int(width * scale))
    return Grid(count, columns, *shrunk, gap)


def fit_pane(picture: Pixels, height: int, width: int) -> Pixels:
    """`picture` as large as fits into a pane, its proportions kept, centred on the ground."""
    if picture.shape[:2] == (height, width):
        return picture
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = max(1, round(picture.shape[0] * scale)), max(1, round(picture.shape[1] * scale))
    image = Image.fromarray(picture).resize(size[::-1], Image.Resampling.LANCZOS)
    pane = np.full((height, width, 3), GROUND, np.uint8)
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    pane[top : top + size[0], left : left + size[1]] = np.asarray(image)
    return pane


def arrange(grid: Grid, panes: Sequence[Pixels]) -> Pixels:
    """Set panes into a frame.

    Args:
        grid: where they stand.
        panes: uint8 `(pane_height, pane_width, 3)`, as many as the grid counts.

    Returns:
        uint8 `(grid.height, grid.width, 3)`.

    Raises:
        ValueError: their number or a size is another.
    """
    if len(panes) != grid.count:
        raise ValueError(f"the grid has {grid.count} panes, not {len(panes)}")
    frame = np.full((grid.height, grid.width, 3), GROUND, np.uint8)
    for number, pane in enumerate(panes):
        if pane.shape != (grid.pane_height, grid.pane_width, 3):
            raise ValueError(
                f"pane {number} is {pane.shape[1]}x{pane.shape[0]} pixels,"
                f" but the grid's are {grid.pane_width}x{grid.pane_height}"
            )
        top, left = grid.corner(number)
        frame[top : top + grid.pane_height, left : left + grid.pane_width] = pane
    return frame


def border_at(frame: int, count: int, fps: float) -> float:
    """Where a split's border stands in a frame, as a share of the width.

    It starts in the middle, swings evenly from side to side, and is back where it began when the
    film's last frame leads into its first.

    Args:
        frame: its number, of `count`.
        count: frames of the film.
        fps: frames a second.
    """
    swings = max(1, round(count / fps / SPLIT_PERIOD_S))
    return 0.5 - SPLIT_REACH * math.sin(2 * math.pi * swings * frame / count)


def split(first: Pixels, second: Pixels, border: float) -> Pixels:
    """`first` left of a border and `second` right of it, with a bright line between.

    Args:
        first, second: uint8 `(height, width, 3)`, of one shape.
        border: where it stands, as a share of the width.

    Raises:
        ValueError: the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"cannot split pictures of shapes {first.shape} and {second.shape}")
    height, width = first.shape[:2]
    line = max(LEAST_GAP // 2, round(min(height, width) * GAP_SHARE / 2))
    place = round(border * width)
    both = second.copy()
    both[:, :place] = first[:, :place]
    both[:, max(0, place - line // 2) : place - line // 2 + line] = 255
    return both
