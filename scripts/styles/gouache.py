"""Gouache blocks with dry edges: a warm town of squares, arches and moons over dark paper."""

import numpy as np

from styles.brush import Canvas, ink, light
from styles.fields import Card, Field, Sheet, colors, grain, mix, noise, step

CARD = Card("Small Town of Squares", "Studio Gouache", "abstract", "Color Field", 768, 624, 149)
PAINTS = colors(
    "d9482b e8772e f0a830 f4d06a f3e6c8 c9b88a 7fa88f 3f7f83 1f4f6e 27305f 6a3a6a a8435f e79a8f "
    "8f9a3a b5642f"
)
DARK = colors("1d1a22")[0]


def paint(sheet: Sheet) -> Field:
    """Fill block after block with a wide dry brush, then cut shapes and a few thin lines."""
    canvas = Canvas(sheet, DARK)
    canvas.color *= (1 + 0.1 * noise(sheet, 40, 4))[..., None]
    blocks = _blocks(sheet)
    for left, top, right, bottom, paint_ in blocks:
        _fill(canvas, (left + 1.5, top + 1.5, right - 1.5, bottom - 1.5), PAINTS[paint_])
    picture, relief = canvas.color, canvas.relief
    for blobs, paint_ in _cutouts(sheet, blocks):
        rough = step(-1.7, -1.0, noise(sheet, (26, 5), 3) + 0.3 * grain(sheet))
        cover = ink(sheet, [], blobs) * rough
        tone = PAINTS[paint_] * (1 + 0.05 * noise(sheet, (50, 6), 3))[..., None]
        picture = mix(picture, tone, cover)
        relief = relief * (1 - 0.7 * cover) + 0.5 * cover
    lines = ink(sheet, _scratches(sheet, blocks)) * step(-1.1, -0.4, noise(sheet, 6, 2))
    picture = mix(picture, DARK, 0.9 * lines)
    picture = picture * (1 + 0.02 * grain(sheet) + 0.03 * noise(sheet, 8, 3))[..., None]
    return light(picture, relief, 0.28, 0.0)


def _blocks(sheet: Sheet) -> list[tuple[float, float, float, float, int]]:
    """A wall of uneven rows; neighbours never share a paint."""
    rng, blocks, top, last = sheet.rng, [], -6.0, []
    while top < sheet.height:
        high = rng.choice([34.0, 46.0, 62.0, 82.0], p=[0.25, 0.35, 0.25, 0.15])
        left, row = -8.0, []
        while left < sheet.width:
            wide = high * rng.choice([0.6, 0.9, 1.2, 1.8], p=[0.25, 0.35, 0.25, 0.15])
            above = [p for a, b, p in last if a < left + wide and b > left]
            banned = {*above, *(p for _, _, p in row[-2:])}
            warm = np.exp(-(((left - 420) / 300) ** 2) - ((top - 300) / 260) ** 2)
            weight = np.where(np.arange(len(PAINTS)) < 6, 0.5 + 1.6 * warm, 1.15 - 0.5 * warm)
            weight[list(banned)] = 0
            paint_ = int(rng.choice(len(PAINTS), p=weight / weight.sum()))
            row.append((left, left + wide, paint_))
            blocks.append((left, top, left + wide, top + high, paint_))
            left += wide
        last, top = row, top + high
    return blocks


def _fill(canvas: Canvas, box: tuple[float, float, float, float], paint_: Field) -> None:
    """Cover a box in a few pulls of a wide brush that runs dry before the edge."""
    rng = canvas.sheet.rng
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    down = high > wide if rng.random() < 0.8 else high <= wide
    length, depth = (high, wide) if down else (wide, high)
    pulls = max(round(depth / 17), 1)
    breadth = depth / pulls
    for coat, dry in ((0, 0.1), (1, 0.55)):
        for k in range(pulls):
            off = (k + 0.5) * breadth + rng.normal() * 0.8
            x, y = (left + off, (top + bottom) / 2) if down else ((left + right) / 2, top + off)
            color = paint_ * (1 + 0.07 * rng.normal()) + 0.025 * rng.normal(size=3)
            other = color * (1.13 if coat else 0.9) + 0.02 * rng.normal(size=3)
            angle = (np.pi / 2 if down else 0.0) + (np.pi if rng.random() < 0.5 else 0)
            canvas.stroke(
                (x + rng.normal() * 0.8, y + rng.normal() * 0.8),
                angle + rng.normal() * 0.025,
                (length * (1.0 - 0.06 * coat), breadth * 1.16),
                np.clip(np.stack([color, other]), 0, 1).astype(np.float32),
                dry=dry,
                body=0.9,
                streak=0.05,
                square=14.0,
            )


def _cutouts(
    sheet: Sheet, blocks: list[tuple[float, float, float, float, int]]
) -> list[tuple[list[Field], int]]:
    """Moons, arches, gables, leaves: one in every second block, in a contrasting paint."""
    shapes: dict[int, list[Field]] = {}
    t = np.linspace(0, np.pi, 24)
    for left, top, right, bottom, paint_ in blocks:
        if sheet.rng.random() < 0.42:
            continue
        kind, other = sheet.rng.integers(6), int((paint_ + sheet.rng.integers(5, 10)) % len(PAINTS))
        cx, cy, half = (
            (left + right) / 2,
            (top + bottom) / 2,
            0.36 * min(right - left, bottom - top),
        )
        low = bottom - 3
        if kind == 0:
            blob = np.stack([cx + half * np.cos(2 * t), cy + half * np.sin(2 * t)], 1)
        elif kind == 1:
            blob = np.stack([cx + half * np.cos(t), cy + 0.3 * half - half * np.sin(t)], 1)
        elif kind == 2:
            blob = np.array(
                [[cx - 1.15 * half, low], [cx, low - 2.1 * half], [cx + 1.15 * half, low]]
            )
        elif kind == 3:
            arch = np.stack(
                [cx + 0.7 * half * np.cos(t), cy - 0.2 * half - 0.7 * half * np.sin(t)], 1
            )
            blob = np.concatenate([arch, [[cx - 0.7 * half, low], [cx + 0.7 * half, low]]])
        elif kind == 4:
            lobes = half * (0.62 + 0.42 * np.cos(5 * 2 * t))
            blob = np.stack([cx + lobes * np.cos(2 * t), cy + lobes * np.sin(2 * t)], 1)
        else:
            blob = np.array([[cx - half, cy], [cx, cy - half], [cx + half, cy], [cx, cy + half]])
        shapes.setdefault(other, []).append(blob)
    return [(blobs, paint_) for paint_, blobs in sorted(shapes.items())]


def _scratches(
    sheet: Sheet, blocks: list[tuple[float, float, float, float, int]]
) -> list[tuple[Field, float]]:
    """Thin pen marks: ladders, combs and crosses inside some blocks."""
    lines = []
    for left, top, right, bottom, _ in blocks:
        if sheet.rng.random() < 0.68:
            continue
        n = int(sheet.rng.integers(3, 7))
        for f in (np.arange(n) + 0.5) / n:
            if sheet.rng.random() < 0.5:
                a, b = (left + 5, top + f * (bottom - top)), (right - 5, top + f * (bottom - top))
            else:
                a, b = (left + f * (right - left), top + 5), (left + f * (right - left), bottom - 5)
            path = np.linspace(a, b, 12) + sheet.rng.normal(size=(12, 2)) * 0.6
            lines.append((path, 1.5))
    return lines
