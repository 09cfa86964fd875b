"""Where a film's pictures stand in its frames; pure geometry, in pixels."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from medley.images import Pixels
from medley.settings import Fit, FrameSize

SCREEN_ASPECT = 16 / 9  # what two pictures side by side come near to, unless a size is given
SNAP = 2  # pixels by which a picture is stretched rather than leave so thin a bar
MAX_WIDTH, MAX_HEIGHT = 3840, 2160  # a frame of panes; larger panes are scaled down
GAP_SHARE = 1 / 60  # between panes, against their shorter side
LEAST_GAP = 4  # pixels
GRID_ASPECT = 1.33  # columns to rows; screens are wider than high
_FILLED = 0.96  # of a frame, from which on nothing is left of it that counts
_EMPTY_COST = 1.6  # for empty places, against the logarithm of a wrong aspect

Edge = Literal["top", "bottom", "left", "right"]


@dataclass(frozen=True)
class Box:
    """A rectangle of a frame, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """The first column to its right."""
        return self.left + self.width

    def of(self, frame: Pixels) -> Pixels:
        """This part of a frame; what is written there stands in the frame."""
        return frame[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Grid:
    """Panes of one size in rows.

    Attributes:
        count: number of panes.
        columns: panes in a row.
        pane_height: pixels.
        pane_width: pixels.
        gap: pixels between panes.
        margin: pixels around them all.
        centred: whether a last row that is not full stands in the middle.
    """

    count: int
    columns: int
    pane_height: int
    pane_width: int
    gap: int
    margin: int = 0
    centred: bool = True

    @property
    def rows(self) -> int:
        """Rows of panes."""
        return math.ceil(self.count / self.columns)

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width that the panes take with what is between and around them."""
        high = self.rows * (self.pane_height + self.gap) - self.gap
        wide = self.columns * (self.pane_width + self.gap) - self.gap
        return max(0, high) + 2 * self.margin, wide + 2 * self.margin

    @property
    def height(self) -> int:
        """Height of a frame for them; even, as yuv420p needs it."""
        return _even(self.extent[0])

    @property
    def width(self) -> int:
        """Width of a frame for them; even."""
        return _even(self.extent[1])

    def corner(self, number: int) -> tuple[int, int]:
        """Top and left of a pane."""
        row, column = divmod(number, self.columns)
        top, left = row * (self.pane_height + self.gap), column * (self.pane_width + self.gap)
        if self.centred and row == self.rows - 1:
            left += (-self.count % self.columns) * (self.pane_width + self.gap) // 2
        return self.margin + top, self.margin + left

    def box(self, number: int) -> Box:
        """The rectangle of a pane."""
        return Box(*self.corner(number), self.pane_height, self.pane_width)


@dataclass(frozen=True)
class Layout:
    """A frame's size, and where the picture stands in it, and the content if it does too."""

    height: int
    width: int
    picture: Box
    beside: Box | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the picture is all there is, but for a row or column that makes sides even."""
        full = self.picture.height >= self.height - 1 and self.picture.width >= self.width - 1
        return full and (self.picture.top, self.picture.left) == (0, 0)

    @property
    def panes(self) -> Box:
        """The rectangle that the picture, and the content beside it, take with their gap."""
        boxes = [box for box in (self.picture, self.beside) if box]
        top, left = min(box.top for box in boxes), min(box.left for box in boxes)
        bottom, right = max(box.bottom for box in boxes), max(box.right for box in boxes)
        return Box(top, left, bottom - top, right - left)

    @property
    def has_bars(self) -> bool:
        """Whether more of the frame is left than a gap between two panes."""
        shown = self.picture.height * self.picture.width * (2 if self.beside else 1)
        return shown < _FILLED * self.height * self.width

    def bar(self, edge: Edge) -> Box:
        """What is left of the frame at an edge: above or below the panes, or beside them."""
        panes = self.panes
        if edge == "top":
            return Box(0, 0, panes.top, self.width)
        if edge == "bottom":
            return Box(panes.bottom, 0, self.height - panes.bottom, self.width)
        if edge == "left":
            return Box(panes.top, 0, panes.height, panes.left)
        return Box(panes.top, panes.right, panes.height, self.width - panes.right)

    @property
    def bars(self) -> list[Box]:
        """All that is left of the frame: at its edges, and between the panes."""
        bars, panes = [self.bar(edge) for edge in get_args(Edge)], self.panes
        if first := self.beside:
            below, after = self.picture.top - first.bottom, self.picture.left - first.right
            bars += [
                Box(first.bottom, panes.left, below, panes.width),
                Box(panes.top, first.right, panes.height, after),
            ]
        return [bar for bar in bars if bar.height > 0 and bar.width > 0]


def plan_layout(
    height: int,
    width: int,
    size: FrameSize | None = None,
    fit: Fit = "pad",
    beside: bool = False,
) -> Layout:
    """Find the places of pictures of `height` x `width` in a film of that size.

    Two stand next to each other or one over the other, whichever shows them larger.

    Args:
        height, width: size of the pictures.
        size: size of the frames; by default what the pictures need, made even.
        fit: whether pictures of another shape than the frame are padded or cropped.
        beside: whether the content stands beside the picture.
    """
    size = size or FrameSize()
    count, ways = (2, (2, 1)) if beside else (1, (1,))  # panes, and columns that they may have
    if size.height and size.width:
        room = size.height, size.width
        if fit == "crop":
            layouts = [_filled(*room, count, columns) for columns in ways]
        else:
            layouts = [_padded(height, width, room, count, columns) for columns in ways]
        return max(layouts, key=lambda layout: _shown(layout, height, width))
    if not beside and not size.long_side:
        return Layout(height, width, Box(0, 0, height, width))
    gap = _even_gap(height, width)
    grids = [Grid(count, columns, _even(height), _even(width), gap) for columns in ways]
    grid = max(grids, key=lambda grid: _screen_share(*grid.extent))
    if size.long_side is None:
        return _placed(*grid.extent, grid)
    scale = size.long_side / max(grid.extent)
    high, wide = (max(2, 2 * round(side * scale / 2)) for side in grid.extent)
    return _filled(high, wide, count, grid.columns)


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
        count: number of panes.
        height, width: size of each, as it is.
        columns: panes in a row; `choose_columns` by default.

    Raises:
        ValueError: no panes.
    """
    columns = columns or choose_columns(count)
    gap = _gap(height, width)
    rows = math.ceil(count / columns)
    room_width = (MAX_WIDTH - gap * (columns - 1)) / (columns * width)
    room_height = (MAX_HEIGHT - gap * (rows - 1)) / (rows * height)
    scale = min(1.0, room_width, room_height)
    shrunk = max(1, int(height * scale)), max(1, int(width * scale))
    return Grid(count, columns, *shrunk, gap)


def _padded(height: int, width: int, room: tuple[int, int], count: int, columns: int) -> Layout:
    """One or two panes in the pictures' proportions, as large as there is room for, centred."""
    rows, gap = count // columns, _even_gap(*room)
    high, wide = room[0] - (rows - 1) * gap, room[1] - (columns - 1) * gap
    scale = min(high / rows / height, wide / columns / width)
    pane = _snap(height * scale, high // rows), _snap(width * scale, wide // columns)
    return _placed(*room, Grid(count, columns, *pane, gap))


def _filled(height: int, width: int, count: int, columns: int) -> Layout:
    """One or two panes that leave nothing of the frame but the gap between them."""
    rows, gap = count // columns, _even_gap(height, width)
    if count > 1:
        gap += (height - gap) % 2 if rows > 1 else (width - gap) % 2
    pane = (height - (rows - 1) * gap) // rows, (width - (columns - 1) * gap) // columns
    return _placed(height, width, Grid(count, columns, *pane, gap))


def _placed(height: int, width: int, grid: Grid) -> Layout:
    """Panes in the middle: the content on the left or above, and what becomes of it second."""
    down, right = (height - grid.extent[0]) // 2, (width - grid.extent[1]) // 2
    boxes = [
        Box(box.top + down, box.left + right, box.height, box.width)
        for box in map(grid.box, range(grid.count))
    ]
    return Layout(height, width, boxes[-1], boxes[0] if grid.count > 1 else None)


def _shown(layout: Layout, height: int, width: int) -> float:
    """How much a layout shows of pictures of that size: the larger and less cut, the more."""
    pane = layout.picture
    scale = max(pane.height / height, pane.width / width)
    kept = pane.height * pane.width / (scale * scale * height * width)
    return kept * pane.height * pane.width


def _screen_share(height: int, width: int) -> float:
    """How much of a screen something of that size fills."""
    aspect = width / height / SCREEN_ASPECT
    return min(aspect, 1 / aspect)


def _gap(height: int, width: int) -> int:
    return max(LEAST_GAP, round(min(height, width) * GAP_SHARE))


def _even_gap(height: int, width: int) -> int:
    return _even(_gap(height, width))


def _snap(length: float, room: int) -> int:
    return room if room - length <= SNAP else max(1, round(length))


def _even(side: int) -> int:
    return side + side % 2
