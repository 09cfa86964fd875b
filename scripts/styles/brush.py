"""What every painter paints with: bristle strokes that leave relief, ink lines, light, paper."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from styles.fields import Field, Sheet, blur, jittered

INK_SUPERSAMPLING = 3


class Canvas:
    """Colour `(rows, columns, 3)` and paint height `(rows, columns)`, changed stroke by stroke."""

    def __init__(self, sheet: Sheet, ground: Field) -> None:
        """Prime the sheet with `ground`: one colour, or a picture of the sheet's size."""
        self.sheet = sheet
        self.color = np.empty((sheet.rows, sheet.columns, 3), np.float32)
        self.color[:] = ground
        self.relief = np.zeros((sheet.rows, sheet.columns), np.float32)
        self._bristles = _bristle_bank(sheet.rng)

    def stroke(
        self,
        at: tuple[float, float],
        angle: float,
        size: tuple[float, float],
        paint: Field,
        *,
        bend: float = 0.0,
        dry: float = 0.25,
        body: float = 1.0,
        streak: float = 0.08,
        square: float = 4.0,
    ) -> None:
        """Lay one stroke centred at `at`; all lengths in units.

        Args:
            at: centre x, y.
            angle: direction in radians, y down.
            size: length and width.
            paint: colour `(3,)`, or two colours `(2, 3)` that the bristles carry side by side.
            bend: sideways drift at the ends as a share of the length; bends the stroke.
            dry: 0 covers fully, 1 leaves only scattered bristle marks.
            body: how thick the paint stands.
            streak: how far lightness varies from bristle to bristle.
            square: bluntness of the ends, 2 round to 20 square.
        """
        length, width = size
        patch = self._patch(at, length / 2 + abs(bend) * length + width)
        if patch is None:
            return
        rows, columns = patch
        dx, dy = self.sheet.x[rows, columns] - at[0], self.sheet.y[rows, columns] - at[1]
        along = (dx * np.cos(angle) + dy * np.sin(angle)) * (2 / length)
        across = (dy * np.cos(angle) - dx * np.sin(angle) - bend * length * along**2) * (2 / width)
        fringe = self._bristle(along, across, width)
        reach = 1 - np.abs(along) ** square
        edge = np.sqrt(np.clip(reach + 0.18 * fringe, 0, 1)) - np.abs(across)
        soft = max(1.2 / (width * self.sheet.unit), 0.06)
        cover = np.clip(edge / soft + 0.5, 0, 1) * (np.abs(along) < 1.15)
        starve = dry * (1.0 + 0.9 * along) * 1.6 - 1.2
        cover *= np.clip((fringe - starve) * 1.6 + 0.35, 0, 1)
        thick = body * (0.55 + 0.28 * fringe + 0.45 * np.abs(np.clip(across, -1, 1)) ** 3)
        self._lay(rows, columns, cover, _load(paint, fringe, streak), thick)

    def _patch(self, at: tuple[float, float], reach: float) -> tuple[slice, slice] | None:
        unit = self.sheet.unit
        left, right = int((at[0] - reach) * unit), int((at[0] + reach) * unit) + 2
        top, bottom = int((at[1] - reach) * unit), int((at[1] + reach) * unit) + 2
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, self.sheet.columns), min(bottom, self.sheet.rows)
        return None if left >= right or top >= bottom else (slice(top, bottom), slice(left, right))

    def _bristle(self, along: Field, across: Field, width: float) -> Field:
        """Look up a mark of the brush; a bristle is never finer than the pixels can show."""
        bank = self._bristles[self.sheet.rng.integers(len(self._bristles))]
        hairs = min(max(width * self.sheet.unit / 1.7, 3), bank.shape[0])
        i = np.clip((across * 0.5 + 0.5) * hairs, 0, hairs - 1).astype(np.intp)
        j = np.clip((along * 0.5 + 0.5) * bank.shape[1], 0, bank.shape[1] - 1).astype(np.intp)
        return np.asarray(bank[i, j])

    def _lay(self, rows: slice, columns: slice, cover: Field, paint: Field, thick: Field) -> None:
        self.color[rows, columns] += (paint - self.color[rows, columns]) * cover[..., None]
        under = self.relief[rows, columns]
        under += (thick + 0.35 * under - under) * cover


@dataclass(frozen=True)
class Pass:
    """One going-over of the canvas: lengths in units, the rest as in `Canvas.stroke`."""

    spacing: float
    length: float
    width: float
    share: float = 1.0
    wobble: float = 0.1
    value: float = 0.15
    hue: float = 0.04
    broken: float = 0.25
    dry: float = 0.25
    body: float = 1.0
    square: float = 4.0


def go_over(canvas: Canvas, target: Field, angle: Field, brush: Pass) -> None:
    """Paint `target` in strokes along `angle` that bend with it, in random order.

    Args:
        canvas: what is painted on.
        target: colour wanted, `(rows, columns, 3)`.
        angle: direction wanted, radians, `(rows, columns)`.
        brush: sizes of the strokes, and how freely colour and direction are met. `broken` is how
            far the two paints on one brush are apart in lightness.
    """
    sheet, rng = canvas.sheet, canvas.sheet.rng
    for x, y in zip(*jittered(sheet, brush.spacing), strict=True):
        if rng.random() > brush.share:
            continue
        row, column = pixel(sheet, x, y)
        way = float(angle[row, column])
        length, width = brush.length * rng.uniform(0.6, 1.3), brush.width * rng.uniform(0.7, 1.25)
        reach = 0.5 * length
        ahead = angle[pixel(sheet, x + reach * np.cos(way), y + reach * np.sin(way))]
        behind = angle[pixel(sheet, x - reach * np.cos(way), y - reach * np.sin(way))]
        turn = (ahead - behind + np.pi / 2) % np.pi - np.pi / 2
        color = target[row, column] * (1 + brush.value * rng.normal()) + brush.hue * rng.normal(
            size=3
        )
        other = color * (1 + brush.broken * rng.choice([-1, 1.3])) + brush.hue * rng.normal(size=3)
        canvas.stroke(
            (x, y),
            way + brush.wobble * rng.normal(),
            (length, width),
            np.clip(np.stack([color, other]), 0, 1).astype(np.float32),
            bend=float(np.clip(turn * 0.125, -0.16, 0.16)),
            dry=brush.dry,
            body=brush.body,
            square=brush.square,
        )


def pixel(sheet: Sheet, x: float, y: float) -> tuple[int, int]:
    """Row and column of the pixel at a place in units, the nearest one if it is off the sheet."""
    row = min(max(int(y * sheet.unit), 0), sheet.rows - 1)
    return row, min(max(int(x * sheet.unit), 0), sheet.columns - 1)


def _bristle_bank(rng: np.random.Generator, marks: int = 24) -> Field:
    """Marks of a loaded brush, `(marks, across, along)`: streaks that start and end raggedly."""
    across, along = 22, 64
    hair = rng.normal(size=(marks, across, 1)).repeat(along, 2)
    drift = rng.normal(size=(marks, across, 8)).repeat(along // 8, 2)
    for _ in range(3):
        drift = (np.roll(drift, 2, 2) + drift + np.roll(drift, -2, 2)) / 3
    return np.asarray(0.75 * hair + 0.8 * drift, np.float32)


def _load(paint: Field, fringe: Field, streak: float) -> Field:
    """Give each bristle its share of the paint on the brush."""
    light = 1 + streak * fringe[..., None]
    if paint.ndim == 1:
        return paint * light
    share = np.clip(0.5 + 0.6 * fringe, 0, 1)[..., None]
    return np.asarray((paint[0] * (1 - share) + paint[1] * share) * light, np.float32)


def light(color: Field, relief: Field, depth: float = 0.5, gloss: float = 0.12) -> Field:
    """Light a painted surface from the upper left: slopes facing it brighten, others shade.

    Args:
        color: `(rows, columns, 3)`.
        relief: paint height, `(rows, columns)`.
        depth: contrast of the shading.
        gloss: strength of the wet highlights.
    """
    down, across = np.gradient(blur(relief, 0.6))
    facing = across * 0.6 + down * 0.8
    shade = 1 + np.clip(depth * facing, -0.45, 0.35)
    shine = gloss * np.clip(facing * 2.2 - 0.55, 0, 1) ** 2
    return np.clip(color * shade[..., None] + shine[..., None], 0, 1)


def ink(
    sheet: Sheet,
    lines: Iterable[tuple[Field, Field | float]],
    blobs: Iterable[Field] = (),
) -> Field:
    """Coverage in [0, 1] of drawn lines, smooth at their edges.

    Args:
        sheet: what is drawn on.
        lines: each a path `(n, 2)` of x, y and its width, one for all points or `(n,)`.
        blobs: filled outlines, each `(n, 2)`.
    """
    scale = sheet.unit * INK_SUPERSAMPLING
    plate = Image.new("L", (sheet.columns * INK_SUPERSAMPLING, sheet.rows * INK_SUPERSAMPLING))
    pen = ImageDraw.Draw(plate)
    for outline in blobs:
        pen.polygon([tuple(point) for point in (outline * scale).tolist()], fill=255)
    for path, width in lines:
        sides = outline_of(path, width)
        pen.polygon([tuple(point) for point in (sides * scale).tolist()], fill=255)
    small = plate.resize((sheet.columns, sheet.rows), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def outline_of(path: Field, width: Field | float) -> Field:
    """Outline `(2 n, 2)` of a line along `path` `(n, 2)` whose width may change on the way."""
    ahead = np.gradient(path, axis=0)
    ahead /= np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-6)[:, None]
    side = np.stack([-ahead[:, 1], ahead[:, 0]], 1) * (np.broadcast_to(width, len(path))[:, None])
    return np.concatenate([path + side / 2, (path - side / 2)[::-1]])


def streamline(
    angle: Field, sheet: Sheet, start: tuple[float, float], length: float, pace: float = 3.0
) -> Field:
    """Follow the `angle` field from `start` for `length` units: `(n, 2)` places `pace` apart.

    The field is an axis, not an arrow: each step takes the sense nearest to the last one.
    """
    x, y = start
    heading: float | None = None
    points = [(x, y)]
    for _ in range(int(length / pace)):
        way = float(angle[pixel(sheet, x, y)])
        if heading is not None and np.cos(way - heading) < 0:
            way += np.pi
        heading = way
        x, y = x + pace * np.cos(way), y + pace * np.sin(way)
        points.append((x, y))
    return np.array(points, np.float32)
