"""Palette-knife slabs: a lit avenue at night, and all its lamps again in the wet street."""

from dataclasses import replace

import numpy as np

from styles.brush import Canvas, Pass, go_over, light
from styles.fields import Card, Field, Sheet, colors, mix, noise, ramp, step

CARD = Card("Avenue after Rain", "Studio Spatula", "cityscape", "Palette Knife", 640, 768, 31)
NIGHT = colors("070b1c 101a3c 1c2f66 3a3f86 6a3f7a")
GLOW = colors("3b1530 8f2337 d9502c f79a2e ffd766 fff6cf")
CENTRE, HORIZON = 335.0, 372.0


def paint(sheet: Sheet) -> Field:
    """Paint the picture: a dark scrape all over, slabs, then lamps and headlights."""
    target, angle = _scene(sheet)
    canvas = Canvas(sheet, NIGHT[1])
    slab = Pass(18, 74, 30, dry=0.12, value=0.12, wobble=0.05, broken=0.22, square=12)
    go_over(canvas, target, angle, slab)
    go_over(canvas, target, angle, replace(slab, spacing=14, length=44, width=18, body=1.4))
    go_over(
        canvas, target, angle, replace(slab, spacing=12, length=24, width=10, share=0.75, body=1.7)
    )
    _lamps(canvas)
    return light(canvas.color, canvas.relief, 0.55, 0.2)


def _scene(sheet: Sheet) -> tuple[Field, Field]:
    """Colour everywhere, and whether the knife goes across (street, roofs) or down (walls)."""
    x, y = sheet.x, sheet.y
    far = np.hypot((x - CENTRE) * 1.2, y - HORIZON)
    haze = np.exp(-far / 120)
    sky = ramp(np.clip(0.25 + y / 700 + 0.14 * noise(sheet, (140, 60), 3), 0, 1), NIGHT)
    target = mix(sky, ramp(np.clip(haze * 1.25, 0, 1), GLOW), np.clip(haze * 1.3, 0, 1))
    angle = 0.5 * noise(sheet, 200, 2) + 0.4
    target, angle = _houses(sheet, target, angle)
    street = step(-2, 2, y - HORIZON - 8)
    fall = np.clip((y - HORIZON) / 396, 0, 1)
    lane = (x - CENTRE) / (0.25 + fall)
    shine = np.cos(lane / 34 + 0.8 * noise(sheet, (60, 300), 2)) * 0.5 + 0.5
    wet = np.clip(0.22 + 0.75 * shine * np.exp(-np.abs(lane) / 330) - 0.22 * fall, 0, 1)
    broken = wet + 0.2 * noise(sheet, (90, 14), 2)
    warm = ramp(np.clip(broken, 0, 1), colors("0a1026 17234f 4a2a5e b23a3c f08a2c ffd766 fff3c4"))
    cool = ramp(np.clip(broken, 0, 1), colors("060a1a 0f2148 17486f 1f8a93 7fd0bf eafbe2"))
    side = np.clip(0.5 + 0.9 * noise(sheet, (110, 500), 2), 0, 1)
    target = mix(target, mix(warm, cool, 0.6 * side), street)
    flat = np.where(noise(sheet, 50, 2) > 0.15, 0.0, np.pi / 2)
    angle = np.where(street > 0.5, flat, angle)
    return target, angle.astype(np.float32)


def _houses(sheet: Sheet, target: Field, angle: Field) -> tuple[Field, Field]:
    """Walls that shrink toward the end of the avenue, with lit windows in rows."""
    rng, x, y = sheet.rng, sheet.x, sheet.y
    for near in np.linspace(0.12, 1.0, 7):
        for side in (-1, 1):
            inner = CENTRE + side * (24 + 250 * near**1.3)
            tall = (90 + 330 * near) * rng.uniform(0.75, 1.1)
            wall = (side * (x - inner) > 0) & (y > HORIZON - tall) & (y < HORIZON + 12 + 26 * near)
            tone = np.clip(0.5 * near + 0.1 * noise(sheet, 60, 2), 0, 1)
            stone = ramp(tone, colors("9a4a52 5f3a66 2f3566 18305a 0d1c3c"))
            pitch = 13 + 24 * near
            column, row = np.floor((x - inner) / pitch), np.floor((y - HORIZON) / (1.5 * pitch))
            lit = np.sin(column * 12.9898 + row * 78.233 + near * 37) * 43758.5453
            lit = lit - np.floor(lit)
            pane = (np.abs((x - inner) / pitch - column - 0.5) < 0.36) & (
                np.abs((y - HORIZON) / (1.5 * pitch) - row - 0.5) < 0.34
            )
            windows = ramp(np.clip(lit * 2.2 - 1.2, 0, 1), GLOW[1:5])
            stone = np.where((pane & (lit > 0.56))[..., None], windows, stone)
            target = np.where(wall[..., None], stone, target)
            angle = np.where(wall, np.pi / 2, angle)
    return target, angle


def _lamps(canvas: Canvas) -> None:
    """Street lamps with halos, each again as broken light in the wet; then the traffic."""
    rng = canvas.sheet.rng
    for near in np.linspace(0.1, 1.0, 6):
        for side in (-1, 1):
            x, y = CENTRE + side * (20 + 210 * near), HORIZON - 40 - 150 * near
            canvas.stroke((x, y + 75 * near), np.pi / 2, (170 * near, 3 + 4 * near), NIGHT[0])
            for ring, color in ((40, GLOW[3]), (27, GLOW[4]), (15, GLOW[5])):
                wide = ring * (0.4 + 0.6 * near)
                canvas.stroke(
                    (x, y), rng.uniform(0, 3), (wide, wide * 0.85), color, body=2, square=2.5
                )
            _streak(canvas, (x, HORIZON + 30 + 90 * near), near, GLOW[3:6])
    for _ in range(22):
        near, left = rng.uniform(0.08, 0.62), rng.random() < 0.5
        x = CENTRE + (-1 if left else 1) * (10 + 120 * near) + rng.normal() * 16 * near
        y = HORIZON + 12 + 150 * near
        tints = colors("b3202a ff3b2f ff7a4a") if left else colors("ffd98a fff3c4 ffffff")
        for off in (-11, 11):
            at = (x + off * near * 1.5, y)
            canvas.stroke(at, 0.0, (5 + 13 * near, 4 + 11 * near), tints[1], body=2, square=2.5)
            _streak(canvas, (at[0], y + 10 + 14 * near), 0.55 * near, tints)


def _streak(canvas: Canvas, top: tuple[float, float], near: float, tints: Field) -> None:
    """A light's reflection: horizontal dabs under it that scatter and fade as they come nearer."""
    rng = canvas.sheet.rng
    for fall in np.sort(rng.uniform(0, 1, int(7 + 15 * near))):
        wide = (12 + 34 * near) * (1 - 0.55 * fall) * rng.uniform(0.5, 1.2)
        at = (top[0] + rng.normal() * (1 + 7 * near * fall), top[1] + fall * (30 + 230 * near))
        color = tints[rng.integers(len(tints))] * (1 - 0.45 * fall * rng.random())
        under = np.stack([color, 0.45 * color + 0.55 * NIGHT[2]]).astype(np.float32)
        high = (3.5 + 7 * near) * rng.uniform(0.6, 1.2)
        canvas.stroke(at, rng.normal() * 0.06, (wide, high), under, dry=0.35, body=1.5, square=6)
