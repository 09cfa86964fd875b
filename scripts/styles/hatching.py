"""Pen and sepia ink on toned paper: fallen stones in a ravine, hatched along their form."""

import numpy as np
from numpy.typing import NDArray

from styles.brush import ink, pixel, streamline
from styles.fields import (
    Card,
    Field,
    Sheet,
    blur,
    colors,
    edge_distance,
    grain,
    jittered,
    mix,
    noise,
    ramp,
    step,
)

CARD = Card("Fallen Stones", "Studio Hatch", "sketch and study", "Pen and Ink", 768, 592, 97)
PAPER = colors("b98f5a cfa86f dcbb85 e8cd9d")
SEPIA, SANGUINE, CHALK = colors("2a1509 9a3d1c fff6df")


def paint(sheet: Sheet) -> Field:
    """Hatch layer over layer, the darker the more; chalk where the light falls."""
    dark, form, edge = _rocks(sheet)
    fibre = noise(sheet, (36, 5), 3) * 0.05 + noise(sheet, (5, 30), 3) * 0.04
    tone = np.clip(0.55 + 0.09 * noise(sheet, 200, 3) + fibre + 0.03 * grain(sheet), 0, 1)
    page = ramp(tone, PAPER)
    wash = np.clip(dark * 1.15 - 0.25, 0, 1) * (0.8 + 0.2 * noise(sheet, 26, 3))
    page = page * (1 - 0.42 * np.clip(wash, 0, 1)[..., None] * (1 - colors("a5562c")[0]))
    tooth = 0.85 + 0.15 * step(-1.2, 0.2, grain(sheet) + noise(sheet, 3, 1))
    page = mix(page, SANGUINE, 0.7 * tooth * _hatch(sheet, form + 1.2, dark, (0.3, 6.0, 34, 1.3)))
    for turn, floor, gap in (
        (0.0, 0.2, 4.2),
        (0.75, 0.5, 4.4),
        (-0.7, 0.66, 4.0),
        (1.5, 0.82, 3.6),
    ):
        lines = _hatch(sheet, form + turn, dark, (floor, gap, 30, 1.25 + 0.5 * floor))
        page = mix(page, SEPIA, 0.9 * tooth * lines)
    light = np.clip(1.05 - dark, 0, 1)
    chalk = _hatch(sheet, form + 0.15, light, (0.83, 4.2, 20, 1.9))
    rough = step(-0.5, 0.7, grain(sheet) + 1.3 * noise(sheet, 4, 2))
    page = mix(page, CHALK, 0.85 * chalk * rough)
    return np.clip(mix(page, SEPIA, 0.95 * edge * tooth), 0, 1)


def _hatch(
    sheet: Sheet, angle: Field, dark: Field, pen: tuple[float, float, float, float]
) -> Field:
    """Cover everything darker than `floor` with short pen lines along `angle`.

    `pen` is floor, gap between lines, their length and their width, in units.
    """
    floor, gap, length, width = pen
    lines = []
    for x, y in zip(*jittered(sheet, gap, 0.8), strict=True):
        here = pixel(sheet, x, y)
        depth = float(dark[here]) - floor
        if depth < 0 or sheet.rng.random() > gap / length * (2.0 + 3.5 * depth):
            continue
        wobble = sheet.rng.normal() * 0.05
        path = streamline(angle, sheet, (x, y), length * sheet.rng.uniform(0.6, 1.3))
        path = path + wobble * np.arange(len(path))[:, None]
        press = np.sin(np.linspace(0.25, np.pi, len(path))) ** 0.6
        lines.append((path, press * width * (0.75 + 0.9 * min(depth, 0.5))))
    return ink(sheet, lines)


def _rocks(sheet: Sheet) -> tuple[Field, Field, Field]:
    """Darkness, direction of the form, and broken outlines of blocks heaped back to front."""
    rng, lump = sheet.rng, (4 * noise(sheet, 50, 3), 4 * noise(sheet, 50, 3))
    dark = np.clip(0.6 + 0.16 * noise(sheet, 120, 3), 0, 1)
    form = (0.6 * noise(sheet, 180, 2) + 0.9).astype(np.float32)
    label = np.zeros(dark.shape, np.int64)
    for rank, level in enumerate(np.linspace(-0.05, 1.08, 8)):
        count = 5 + rank % 2
        for slot in rng.permutation(count):
            size = rng.uniform(70, 112) * (0.72 + 0.4 * level)
            cx = (slot + rng.uniform(0.1, 0.9)) / count * sheet.width
            u = (sheet.x - cx + lump[0]) / size
            v = (sheet.y - level * sheet.height + lump[1]) / size
            rise, side, shade, way = _block(rng, u, v)
            rock = rise > 0
            mottle = 0.09 * noise(sheet, 26, 3) + 0.16 * np.clip(v, -1, 1)
            foot = step(-0.3, 0.1, rise) * ~rock * (v > -0.2)
            dark = np.where(rock, shade + mottle, dark + 0.3 * foot)
            form = np.where(rock, way + 0.3 * u, form)
            label = np.where(rock, 100 * (8 * rank + slot + 1) + side, label)
    edge = step(1.5, 0.6, edge_distance(label, 1.0) / sheet.unit) * step(
        -1.1, 0, noise(sheet, 26, 3)
    )
    smooth = blur(np.clip(dark, 0, 1.05).astype(np.float32), 0.8 * sheet.unit)
    return smooth, form.astype(np.float32), edge


def _block(
    rng: np.random.Generator, u: Field, v: Field
) -> tuple[Field, NDArray[np.int64], Field, Field]:
    """A hewn block seen from above: the lowest of its planes is the one that shows.

    Returns its height (positive within), which plane shows, the darkness and the hatching
    direction of that plane.
    """
    sides = int(rng.integers(6, 9))
    aim = (np.arange(sides) + rng.uniform(-0.3, 0.3, sides)) * 2 * np.pi / sides + rng.uniform(0, 6)
    steep = rng.uniform(0.7, 2.2, sides)
    reach = rng.uniform(0.62, 0.95, sides)
    lean = rng.uniform(-0.25, 0.25, 2)
    planes = [
        s * (r - u * np.cos(a) - v * np.sin(a)) for s, r, a in zip(steep, reach, aim, strict=True)
    ]
    planes.append(rng.uniform(0.4, 0.6) - lean[0] * u - lean[1] * v)
    side = np.argmin(planes, axis=0)
    across = np.append(steep * np.cos(aim), lean[0])
    down = np.append(steep * np.sin(aim), lean[1])
    lit = (0.62 - 0.5 * across - 0.6 * down) / np.sqrt(1 + across**2 + down**2)
    shade = 0.67 - 0.6 * lit + rng.normal(size=sides + 1) * 0.05
    ways = np.append(aim + np.pi / 2, rng.uniform(-0.5, 0.5)) + rng.normal(size=sides + 1) * 0.15
    rise = np.min(planes, axis=0)
    return rise, side, shade[side].astype(np.float32), ways[side].astype(np.float32)
