"""Overlapping facets in ochre, grey and blue: a mandolin, bottles and a table, taken apart."""

import itertools

import numpy as np

from styles.brush import Canvas, Pass, go_over, ink, light, pixel
from styles.fields import Card, Field, Sheet, blur, colors, grain, mix, noise, ramp, step

CARD = Card("Mandolin, Taken Apart", "Studio Facet", "still life", "Cubism", 592, 768, 163)
OCHRES = colors("22140a 63401c ad7629 dfae55 f7e3ae")
GREYS = colors("15181b 41474a 7d7f78 beb69c f3e9cd")
BLUES = colors("0c1930 234a78 4d7cab 98b6c6 e6e6d4")
SHADOW = 24  # units that a facet's shadow reaches
TINTS = (OCHRES, GREYS, BLUES, OCHRES)


def paint(sheet: Sheet) -> Field:
    """Lay the planes, hatch them with short square strokes, draw the edges in black."""
    target, angle, lines = _planes(sheet)
    canvas = Canvas(sheet, target * 0.9)
    go_over(
        canvas,
        target,
        angle,
        Pass(13, 30, 14, value=0.03, hue=0.008, broken=0.1, dry=0.1, square=10, wobble=0.05),
    )
    go_over(
        canvas,
        target,
        angle,
        Pass(8, 15, 7, value=0.06, hue=0.01, broken=0.13, dry=0.25, square=10, wobble=0.06),
    )
    luma = canvas.color.mean(-1)
    touch = np.clip(luma / np.maximum(blur(luma, 5 * sheet.unit), 0.02), 0.6, 1.5)
    planes = mix(canvas.color, target * touch[..., None], np.full(luma.shape, 0.6))
    drawn = ink(sheet, lines) * step(-1.5, -0.5, noise(sheet, 9, 3) + 0.2 * grain(sheet))
    picture = mix(planes, colors("120e0b")[0], 0.88 * drawn)
    return light(picture, canvas.relief + 0.3 * drawn, 0.42, 0.06)


def _planes(sheet: Sheet) -> tuple[Field, Field, list[tuple[Field, Field]]]:
    """Stack translucent polygons around a diagonal pyramid; each shades away from one edge."""
    rng = sheet.rng
    base = np.clip(0.42 + 0.1 * noise(sheet, 200, 3), 0, 1)
    target = mix(
        ramp(base, GREYS), ramp(base, OCHRES), np.clip(0.5 + 0.3 * noise(sheet, 300, 2), 0, 1)
    )
    angle = np.full(base.shape, 0.6, np.float32)
    lines: list[tuple[Field, Field]] = []
    for i in range(118):
        centre = rng.normal((296, 384), (150, 200)) if i > 30 else rng.uniform((0, 0), (592, 768))
        size = rng.uniform(70, 160) if i < 50 else rng.uniform(30, 95)
        lean = rng.choice([0.35, -0.45, 1.2, 0.9, -1.1, 0.05]) + rng.normal() * 0.08
        corners = _plane(rng, centre, size, lean)
        _facet(sheet, target, angle, corners, TINTS[rng.integers(len(TINTS))])
        lines += _edges(rng, corners)
    for shape in _mandolin():
        _facet(sheet, target, angle, shape, (OCHRES, BLUES)[rng.integers(2)], 0.6)
    lines += _drawing(rng)
    return target, angle, lines


def _plane(rng: np.random.Generator, centre: Field, size: float, lean: float) -> Field:
    """A leaning quadrilateral, sometimes with one side bowed into an arc."""
    square = np.array([[-1, -0.6], [0.9, -0.75], [1, 0.6], [-0.8, 0.75]]) * rng.uniform(
        0.6, 1.2, (4, 2)
    )
    if rng.random() < 0.3:
        turn = np.linspace(-0.9, 0.9, 12)
        bow = np.stack([0.6 + 0.7 * np.cos(turn), 0.85 * np.sin(turn)], 1)
        square = np.concatenate([square[:1], bow, square[3:]])
    spin = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    return centre + size * square @ spin


def _facet(
    sheet: Sheet, target: Field, angle: Field, corners: Field, tints: Field, cover: float = 0.82
) -> None:
    """Shade one plane from a lit edge into the dark, and turn the brush along it."""
    rng = sheet.rng
    way = rng.choice([0.35, -0.45, 1.2, 0.9, -1.1]) + rng.normal() * 0.15
    start, end = rng.choice([(0.0, 0.7), (1.0, 0.3), (0.3, 1.0), (0.7, 0.0), (1.0, 0.5)])
    thin = 0.35 * (rng.random() < 0.5)
    box = slice(*_rows(sheet, corners[:, 1])), slice(*_columns(sheet, corners[:, 0]))
    inside = ink(sheet, [], [corners])[box]
    if not (inside > 0.5).any():
        return
    run = sheet.x[box] * np.cos(way) + sheet.y[box] * np.sin(way)
    low, high = np.percentile(run[inside > 0.5], (2, 98))
    slope = np.clip((run - low) / max(high - low, 1e-3), 0, 1)
    plane = ramp(start + (end - start) * slope**0.8, tints)
    shadow = np.clip(blur(inside, 7 * sheet.unit) - inside, 0, 1)
    target[box] *= 1 - 0.8 * shadow[..., None]
    target[box] += (plane - target[box]) * (inside * (cover - thin * slope))[..., None]
    angle[box][inside > 0.5] = way + np.pi / 2


def _rows(sheet: Sheet, y: Field) -> tuple[int, int]:
    """Rows that a facet and its shadow touch."""
    return pixel(sheet, 0, y.min() - SHADOW)[0], pixel(sheet, 0, y.max() + SHADOW)[0] + 1


def _columns(sheet: Sheet, x: Field) -> tuple[int, int]:
    return pixel(sheet, x.min() - SHADOW, 0)[1], pixel(sheet, x.max() + SHADOW, 0)[1] + 1


def _edges(rng: np.random.Generator, corners: Field) -> list[tuple[Field, Field]]:
    """Black edges on one or two sides of a plane, running on beyond its corner."""
    lines = []
    for k in rng.permutation(len(corners))[: rng.integers(1, 3)]:
        a, b = corners[k], corners[(k + 1) % len(corners)]
        far = b + (b - a) * rng.uniform(-0.05, 0.3)
        lines.append((np.linspace(a, far, 14), np.linspace(rng.uniform(1.6, 3.4), 0.6, 14)))
    return lines


def _mandolin() -> list[Field]:
    """Displaced slices of a round belly, a neck and a bottle."""
    t = np.linspace(0, 2 * np.pi, 60)
    belly = np.stack([300 + 118 * np.cos(t), 470 + 138 * np.sin(t)], 1)
    left = belly[15:45] + np.array([-16, 10])
    right = np.roll(belly, 15, 0)[:30] + np.array([14, -12])
    hole = np.stack([306 + 36 * np.cos(t), 440 + 36 * np.sin(t)], 1)
    neck = np.array([[284, 350], [322, 344], [392, 92], [358, 84]], np.float64)
    head = np.array([[352, 96], [404, 104], [424, 40], [380, 22]], np.float64)
    bottle = np.array(
        [
            [120, 300],
            [134, 200],
            [132, 120],
            [160, 118],
            [166, 200],
            [190, 296],
            [196, 470],
            [112, 474],
        ],
        np.float64,
    )
    return [left, right, neck, head, bottle, hole]


def _drawing(rng: np.random.Generator) -> list[tuple[Field, Field]]:
    """Contours, strings, frets and the scroll, in a loaded pen."""
    lines = []
    for shape in _mandolin():
        closed = np.concatenate([shape, shape[:1]])
        fine = np.concatenate([np.linspace(a, b, 6) for a, b in itertools.pairwise(closed)])
        fine = fine[np.concatenate([[True], np.hypot(*np.diff(fine, axis=0).T) > 1e-6])]
        lines.append((fine, 2.4 + 1.3 * np.sin(np.linspace(0, 14, len(fine)) + rng.uniform(0, 6))))
    for k in range(4):
        start, end = np.array([292 + 9 * k, 560]), np.array([364 + 8 * k, 92])
        lines.append((np.linspace(start, end, 30), np.full(30, 1.2)))
    for f in np.linspace(0.1, 0.9, 9):
        at = np.array([303, 347]) * (1 - f) + np.array([375, 88]) * f
        fret = np.linspace(at - np.array([18, 2]), at + np.array([18, 3]), 5)
        lines.append((fret, np.full(5, 1.6)))
    return lines
