"""The film's poster: the content, and every result with its painting, on one quiet wall."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from medley.film.layout import Grid
from medley.film.lettering import drawable, wrap, write
from medley.images import Pixels, contain

# The wall, and its measures against the width of one picture on it.
WALL, INK, FAINT_INK = (238, 235, 229), (44, 42, 40), (122, 117, 110)
MARGIN, GAP = 0.14, 0.11
LABEL_GAP, PAINTING_HEIGHT, PAINTING_WIDTH = 0.045, 0.27, 0.42
TITLE_SIZE, DETAIL_SIZE, LINE = 0.043, 0.035, 1.32
SHEET_ASPECT = 1.45
CELL_ASPECTS = (0.5, 3.0)  # width / height of a picture's place, whatever the pictures are
MIN_CELL_WIDTH = 360
GALLERY_CELL = 300  # pixels that a picture's place in a gallery is wide and high
GALLERY_LETTERS = 1.35  # small pictures need larger labels


def contact_sheet(
    content: Pixels,
    pairs: Sequence[tuple[Pixels | None, Pixels, str]],
    *,
    content_caption: str = "",
    max_width: int = 2400,
    max_height: int = 2400,
) -> Pixels:
    """Hang the content and every result on one quiet wall, each result's painting beneath it.

    The content hangs first; every picture gets a place of the same size, shaped like the content,
    and the number of columns is chosen for a well-proportioned whole.

    Args:
        content: uint8 `(height, width, 3)`.
        pairs: painting, if it is there, result and caption of each; sizes may differ. A caption's
            first line stands out (a title), further lines are fainter (artist, year).
        content_caption: caption of the content.
        max_width, max_height: pixels that the sheet never exceeds.

    Returns:
        uint8 `(height, width, 3)`.
    """
    grid, cell_height = _plan_wall(
        content, [result for _, result, _ in pairs], max_width, max_height
    )
    cell = grid.pane_width
    gap = int(cell * LABEL_GAP)
    sheet = Image.new("RGB", grid.extent[::-1], WALL)
    hung = []
    for number, (painting, picture, text) in enumerate([(None, content, content_caption), *pairs]):
        top, left = grid.corner(number)
        big = contain(Image.fromarray(picture), cell_height, cell)
        centred = left + (cell - big.width) // 2, top + (cell_height - big.height) // 2
        hung.append((big, centred))
        label_left, label_top = left, top + cell_height + gap
        if painting is not None:
            room = int(cell * PAINTING_HEIGHT), int(cell * PAINTING_WIDTH)
            small = contain(Image.fromarray(painting), *room)
            hung.append((small, (label_left, label_top)))
            label_left += small.width + gap
        _write_label(sheet, text, (label_left, label_top), left + cell - label_left, cell)
    return _hang(sheet, hung, cell)


def side_by_side(pictures: Sequence[Pixels]) -> Pixels:
    """Pictures in one row, as high as the first of them."""
    height = pictures[0].shape[0]
    row = [np.asarray(contain(Image.fromarray(each), height, math.inf)) for each in pictures]
    return np.concatenate(row, axis=1)


def gallery(
    works: Iterable[tuple[Pixels, str]],
    cell: int = GALLERY_CELL,
    *,
    cell_height: int | None = None,
    columns: int | None = None,
) -> Pixels:
    """Hang pictures in rows, each with its label beneath it.

    Args:
        works: picture and label of each, title and further lines as in `contact_sheet`; of each
            picture no more is kept than its thumbnail.
        cell: pixels that a picture's place is wide, and high unless `cell_height` says otherwise.
        cell_height: pixels that it is high.
        columns: pictures in a row; chosen for a well-proportioned whole by default.

    Returns:
        uint8 `(height, width, 3)`.
    """
    high = cell_height or cell
    kept = [(contain(Image.fromarray(picture), high, cell), text) for picture, text in works]
    scale = round(cell * GALLERY_LETTERS)
    gap = round(cell * GAP)
    label = round(scale * (LABEL_GAP + LINE * (2 * TITLE_SIZE + DETAIL_SIZE)))
    aspect = SHEET_ASPECT * (high + label + gap) / (cell + gap)
    columns = columns or max(1, min(len(kept), round(math.sqrt(len(kept) * aspect))))
    margin = round(cell * MARGIN)
    grid = Grid(len(kept), columns, high + label, cell, gap, margin, centred=False)
    sheet = Image.new("RGB", grid.extent[::-1], WALL)
    hung = []
    for number, (picture, text) in enumerate(kept):
        top, left = grid.corner(number)
        bottom = top + high
        hung.append((picture, (left + (cell - picture.width) // 2, bottom - picture.height)))
        corner = hung[-1][1][0], bottom + round(scale * LABEL_GAP)
        _write_label(sheet, text, corner, left + cell - corner[0], scale, (2, 1))
    return _hang(sheet, hung, cell)


def _plan_wall(
    content: Pixels, results: Sequence[Pixels], max_width: int, max_height: int
) -> tuple[Grid, int]:
    """Choose the columns that give the best-shaped sheet, and the largest pictures that fit.

    Returns:
        The places of the pictures with their labels, and the height of a picture's own.
    """
    count = 1 + len(results)
    shape = content.shape[1] / content.shape[0]
    cell_height = 1 / min(max(shape, CELL_ASPECTS[0]), CELL_ASPECTS[1])
    place = cell_height + LABEL_GAP + (PAINTING_HEIGHT if results else 2 * TITLE_SIZE)

    def extent(columns: int) -> tuple[float, float]:
        rows = math.ceil(count / columns)
        wide = columns + (columns - 1) * GAP + 2 * MARGIN
        return wide, rows * place + (rows - 1) * GAP + 2 * MARGIN

    def ugliness(columns: int) -> float:
        width, height = extent(columns)
        return abs(math.log(width / height / SHEET_ASPECT)) + 0.8 * (-count % columns) / count

    # A last row that is half empty looks forgotten.
    ways = [columns for columns in range(1, count + 1) if 2 * (-count % columns) < columns]
    columns = min(ways, key=ugliness)
    width, height = extent(columns)
    widest = max(picture.shape[1] for picture in (content, *results))
    cell = int(min(max_width / width, max_height / height, max(widest, MIN_CELL_WIDTH)))
    cell = max(cell, 1)
    gap, margin = int(cell * GAP), int(cell * MARGIN)
    grid = Grid(count, columns, max(1, int(cell * place)), cell, gap, margin)
    return grid, max(1, int(cell * cell_height))


def _hang(
    sheet: Image.Image, hung: Sequence[tuple[Image.Image, tuple[int, int]]], cell: int
) -> Pixels:
    """Put pictures on the wall, each on its shadow."""
    _cast_shadows(sheet, hung, cell)
    for picture, corner in hung:
        sheet.paste(picture, corner)
    return np.array(sheet)


def _write_label(
    sheet: Image.Image,
    text: str,
    corner: tuple[int, int],
    width: int,
    cell: int,
    lines: tuple[int, int] = (3, 2),
) -> None:
    """Set a caption's first line, and beneath it the others, fainter, into `width` pixels.

    Lines that a short title leaves go to the others.
    """
    title, _, details = drawable(text).partition("\n")
    draw = ImageDraw.Draw(sheet)
    left, top = corner
    most = sum(lines)
    for part, share, own, ink in (
        (title, TITLE_SIZE, lines[0], INK),
        (details, DETAIL_SIZE, most, FAINT_INK),
    ):
        size = max(1, round(cell * share))
        for line in wrap(part, size, width, min(own, most)):
            write(draw, (left, top), line, size, ink)
            top += round(size * LINE)
            most -= 1


def _cast_shadows(
    sheet: Image.Image, hung: Sequence[tuple[Image.Image, tuple[int, int]]], cell: int
) -> None:
    """Darken the wall softly beneath and around each picture, as if lit from above."""
    shadow = Image.new("L", sheet.size)
    draw = ImageDraw.Draw(shadow)
    for image, (left, top) in hung:
        drop = round(cell * 0.012)
        draw.rectangle(
            (left, top + drop, left + image.width - 1, top + drop + image.height), fill=96
        )
    shadow = shadow.filter(ImageFilter.GaussianBlur(max(1.0, cell * 0.014)))
    sheet.paste((40, 34, 28), (0, 0), shadow)
