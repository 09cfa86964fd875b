"""What every painter measures with: the sheet, noise, blurs, ramps, Voronoi cells, flow.

All geometry is in units of the sheet: the long side is 768 units whatever its pixels, so the same
seed gives the same composition at every size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONG_SIDE = 768
Field = NDArray[np.float32]


@dataclass(frozen=True)
class Card:
    """What the catalog says about a painting, its format in units, and its seed."""

    title: str
    artist: str
    genre: str
    style: str
    width: int
    height: int
    seed: int


@dataclass(frozen=True)
class Sheet:
    """An empty sheet: its size in units and in pixels, its random stream, and every pixel's place.

    `x` and `y` are float32 `(rows, columns)`, in units, measured at the pixel centres.
    """

    width: float
    height: float
    rows: int
    columns: int
    unit: float
    rng: np.random.Generator
    x: Field
    y: Field


def new_sheet(card: Card, size: int) -> Sheet:
    """Lay out a sheet for `card` whose long side has `size` pixels."""
    unit = size / LONG_SIDE
    rows, columns = round(card.height * unit), round(card.width * unit)
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    rng = np.random.Generator(np.random.PCG64(card.seed))
    return Sheet(
        card.width, card.height, rows, columns, unit, rng, (x + 0.5) / unit, (y + 0.5) / unit
    )


def colors(text: str) -> Field:
    """Read hex colours parted by blanks, such as `'1b2a49 f4e3c1'`, as float32 `(n, 3)`."""
    return np.array([list(bytes.fromhex(one)) for one in text.split()], np.float32) / 255


def ramp(t: Field, stops: Field) -> Field:
    """Colour at `t` in [0, 1] along evenly spaced `stops` `(n, 3)`."""
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, at, stops[:, c]) for c in range(3)], -1).astype(np.float32)


def step(low: float, high: float, value: Field) -> Field:
    """Rise smoothly from 0 to 1 while `value` goes from `low` to `high` (which may be lower)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(below: Field, above: Field, cover: Field) -> Field:
    """Lay `above` (a picture or one colour) over `below` where `cover` `(rows, columns)` is 1."""
    return below + (above - below) * cover[..., None]


def noise(sheet: Sheet, cell: float | tuple[float, float], octaves: int = 4) -> Field:
    """Fractal value noise of mean 0 and deviation near 1; `cell` is its largest grain in units.

    A pair of cells (across, down) stretches the grain.
    """
    across, down = cell if isinstance(cell, tuple) else (cell, cell)
    total = np.zeros((sheet.rows, sheet.columns), np.float32)
    for octave in range(octaves):
        wide, high = sheet.width * 2**octave / across, sheet.height * 2**octave / down
        grid = sheet.rng.normal(size=(int(high) + 5, int(wide) + 5)).astype(np.float32)
        box = (2, 2, 2 + wide, 2 + high)
        size = (sheet.columns, sheet.rows)
        layer = Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC, box=box)
        total += np.asarray(layer) * 0.5**octave
    return total * np.float32(1.15)


def grain(sheet: Sheet) -> Field:
    """Independent noise at every pixel, deviation 1: paper tooth, pigment."""
    # Its own stream, so that the number of pixels does not shift what is drawn afterwards.
    fine = np.random.Generator(np.random.PCG64(int(sheet.rng.integers(2**62))))
    return fine.normal(size=(sheet.rows, sheet.columns)).astype(np.float32)


def blur(image: Field, radius: float) -> Field:
    """Gaussian blur of a `(rows, columns)` field by `radius` pixels, mirrored at its edges."""
    if radius <= 0:
        return image
    pad = min(int(3 * radius) + 1, *(side - 1 for side in image.shape))
    wide = np.pad(image, pad, mode="reflect")
    down = np.fft.fftfreq(wide.shape[0])[:, None]
    across = np.fft.rfftfreq(wide.shape[1])[None, :]
    gauss = np.exp(-2 * (np.pi * radius) ** 2 * (down**2 + across**2))
    soft = np.fft.irfft2(np.fft.rfft2(wide) * gauss, s=wide.shape)
    return soft[pad:-pad, pad:-pad].astype(np.float32)


def contour_angle(potential: Field) -> Field:
    """Angle in radians, y down, along the contour lines of `potential`."""
    down, across = np.gradient(potential)
    return np.arctan2(-across, down).astype(np.float32)


def jittered(sheet: Sheet, spacing: float, jitter: float = 0.9) -> tuple[Field, Field]:
    """Places a `spacing` apart on a shaken grid that overlaps the edges, in random order."""
    rows, columns = int(sheet.height / spacing) + 3, int(sheet.width / spacing) + 3
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x = x + 0.5 * (y % 2) + sheet.rng.uniform(-jitter, jitter, x.shape) * 0.5
    y = y + sheet.rng.uniform(-jitter, jitter, y.shape) * 0.5
    order = sheet.rng.permutation(x.size)
    return ((x - 1) * spacing).ravel()[order], ((y - 1) * spacing).ravel()[order]


def nearest_two(x: Field, y: Field, sites: Field) -> tuple[NDArray[np.int64], Field, Field]:
    """Nearest of `sites` `(n, 2)` to each place: its index, and distances to it and the second."""
    first = np.full(x.shape, 1e12, np.float32)
    second = first.copy()
    index = np.zeros(x.shape, np.int64)
    for i, (sx, sy) in enumerate(sites):
        away = (x - sx) ** 2 + (y - sy) ** 2
        closer = away < first
        second = np.where(closer, first, np.minimum(second, away))
        first = np.where(closer, away, first)
        index[closer] = i
    return index, np.sqrt(first), np.sqrt(second)


def edge_distance(labels: NDArray[np.int64], reach: float) -> Field:
    """Distance in pixels to the nearest border between labels, saturating near `3 * reach`.

    The blurred border is read backwards: a line blurred by a Gaussian tells how far it lies.
    """
    border = np.zeros(labels.shape, np.float32)
    border[:, 1:] += labels[:, 1:] != labels[:, :-1]
    border[1:] += labels[1:] != labels[:-1]
    level = blur(np.minimum(border, 1), reach) * reach * np.sqrt(2 * np.pi)
    return np.asarray(reach * np.sqrt(-2 * np.log(np.clip(level, 0.011, 1))), np.float32)
