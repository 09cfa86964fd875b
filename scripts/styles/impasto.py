"""Thick strokes that follow a turning sky over a wheat field, lit from the side."""

import numpy as np

from styles.brush import Canvas, Pass, go_over, light
from styles.fields import (
    Card,
    Field,
    Sheet,
    blur,
    colors,
    contour_angle,
    mix,
    noise,
    ramp,
    step,
)

CARD = Card("Wheat under a Turning Sky", "Studio Vortex", "landscape", "Impasto", 768, 608, 11)
SKY = colors("0b1440 14276b 1d479b 2f78bd 74b3cf d9e6c8 f6e08a")
WHEAT = colors("3a2a12 8a5a17 c98a1b e9b932 f7dd78 fdf3c4")
TREE = colors("0a1a1c 12332b 1f5138 4c7a36")
VORTICES = ((235, 190, 105, 1.0), (475, 150, 78, -1.0), (655, 255, 70, 1.0), (60, 70, 60, -1.0))
STARS = ((640, 85, 38), (372, 62, 24), (130, 310, 22), (525, 300, 20))


def paint(sheet: Sheet) -> Field:
    """Paint the picture: big strokes first, small ones over them."""
    target, angle = _scene(sheet)
    canvas = Canvas(sheet, target * 0.7)
    go_over(canvas, target, angle, Pass(15, 60, 15, body=1.2))
    go_over(canvas, target, angle, Pass(9.5, 42, 9, value=0.2, body=1.4))
    go_over(canvas, target, angle, Pass(9, 28, 6, share=0.8, value=0.24, hue=0.05, body=1.6))
    return light(canvas.color, canvas.relief, 0.5, 0.14)


def _scene(sheet: Sheet) -> tuple[Field, Field]:
    """Colour everywhere, and the direction in which the brush goes."""
    x, y = sheet.x, sheet.y
    potential = 26 * noise(sheet, 330, 2) + 0.55 * y
    tone = 0.42 + 0.13 * noise(sheet, 90, 3) + 0.0003 * y
    for cx, cy, reach, sense in VORTICES:
        away = np.hypot(x - cx, (y - cy) * 1.15)
        pull = np.exp(-((away / reach) ** 2))
        potential = potential + sense * 150 * pull
        spiral = np.cos(away / reach * 9 - np.arctan2(y - cy, x - cx) * sense)
        tone = tone + pull * (0.24 * spiral + 0.1)
    sky = ramp(np.clip(tone, 0, 1), SKY)
    for cx, cy, reach in STARS:
        away = np.hypot(x - cx, y - cy)
        potential = potential + 160 * np.exp(-((away / (1.7 * reach)) ** 2))
        halo = np.exp(-((away / reach) ** 2)) * (0.8 + 0.2 * np.cos(away * 0.5))
        sky = mix(sky, colors("fbe58a")[0], np.clip(1.25 * halo, 0, 1))
    angle = contour_angle(blur(potential, 3 * sheet.unit))
    ridge = 415 + 34 * np.sin(x / 105 + 0.6) + 16 * np.sin(x / 41)
    land = step(-3, 3, y - ridge)
    furrow = (
        0.5 + 0.28 * np.sin((x - 380) / (30 + 0.36 * (y - 380)) * 4.2) + 0.12 * noise(sheet, 60)
    )
    field = ramp(np.clip(furrow + 0.1, 0, 1), WHEAT)
    target = mix(sky, field, land)
    sweep = np.arctan2(y - 300, (x - 380) * 1.1) + 0.18 * noise(sheet, 160, 2)
    angle = np.where(land > 0.5, sweep, angle).astype(np.float32)
    return _trees(sheet, target, angle, ridge)


def _trees(sheet: Sheet, target: Field, angle: Field, ridge: Field) -> tuple[Field, Field]:
    """Flame-shaped trees and a dark hedge along the ridge."""
    x, y = sheet.x, sheet.y
    leaf = ramp(np.clip(0.4 + 0.3 * noise(sheet, (18, 70), 3), 0, 1), TREE)
    hedge = step(-26, -20, y - ridge + 7 * np.sin(x / 19)) * step(6, 0, y - ridge)
    target = mix(target, leaf, hedge)
    for cx, top, foot, wide in ((690, 150, 545, 34), (735, 240, 560, 28), (64, 285, 500, 24)):
        rise = np.clip((foot - y) / (foot - top), 0, 1)
        sway = cx + 9 * np.sin(y / 31) + 5 * np.sin(y / 13)
        half = wide * np.sqrt(np.clip(rise * 3, 0, 1)) * (1 - rise) ** 0.7 * 1.25
        body = step(3, -3, np.abs(x - sway) - half) * (y < foot) * (y > top)
        target = mix(target, leaf, body)
        upward = -np.pi / 2 + 0.5 * np.sin(y / 26 + x / 14)
        angle = np.where(body > 0.5, upward, angle)
    return target, angle.astype(np.float32)
