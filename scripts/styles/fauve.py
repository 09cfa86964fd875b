"""Bold complementary strokes: a wood in October with violet trunks and a burning floor."""

import numpy as np

from styles.brush import Canvas, Pass, go_over, ink, light
from styles.fields import Card, Field, Sheet, colors, mix, noise, ramp, step

CARD = Card("October Wood", "Studio Fauve", "landscape", "Fauvism", 608, 768, 47)
CROWN = colors("6e1a34 b8272f e2562f f0912f f2c14a f3e2a0 9fb860 2f7f6a")
FLOOR = colors("33265e 7a2f66 c23a55 e8623f f09a44 f4d476")
TRUNKS = (
    (52, 50, 0.02),
    (150, 26, -0.03),
    (232, 62, 0.05),
    (352, 22, -0.02),
    (420, 36, 0.03),
    (512, 70, -0.04),
    (590, 24, 0.02),
    (300, 15, 0.0),
    (470, 13, 0.01),
)


def paint(sheet: Sheet) -> Field:
    """Paint the picture: planes of colour, bold strokes, blue contours last."""
    target, angle, edge = _scene(sheet)
    canvas = Canvas(sheet, colors("f2d6a0")[0])
    go_over(canvas, target, angle, Pass(19, 58, 24, value=0.07, hue=0.03, dry=0.25, wobble=0.2))
    go_over(canvas, target, angle, Pass(14, 38, 13, value=0.1, hue=0.045, dry=0.35, wobble=0.22))
    go_over(
        canvas, target, angle, Pass(15, 26, 8, share=0.7, value=0.14, hue=0.06, dry=0.3, body=1.5)
    )
    painted = mix(canvas.color, colors("141a4a")[0], edge)
    return light(painted, canvas.relief + 0.5 * edge, 0.45, 0.1)


def _scene(sheet: Sheet) -> tuple[Field, Field, Field]:
    """Colour, stroke direction, and the dark contours that hold the planes together."""
    x, y = sheet.x, sheet.y
    bough = np.clip(0.5 + 0.26 * noise(sheet, (130, 100), 3) - (y - 260) / 1500, 0, 1)
    target = ramp(bough, CROWN)
    gap = step(0.75, 1.0, noise(sheet, (95, 80), 2)) * step(520, 440, y)
    target = mix(target, ramp(np.clip(y / 460, 0, 1), colors("2456c4 3f9ad6 9fe0dc f7e6b0")), gap)
    angle = 0.9 * noise(sheet, 120, 2) + 0.5
    rim = 505 + 22 * np.sin(x / 88) + 9 * np.sin(x / 29)
    ground = step(-3, 3, y - rim)
    floor = ramp(np.clip(0.5 + 0.3 * noise(sheet, (150, 42), 3), 0, 1), FLOOR)
    target = mix(target, floor, ground)
    angle = np.where(ground > 0.5, 0.12 * np.sin(x / 90) + 0.25 * noise(sheet, 90, 2), angle)
    path = 300 + 60 * np.sin((y - 480) / 80.0)
    half = 8 + np.clip(y - rim, 0, None) * 0.32
    trail = step(6, -6, np.abs(x - path) - half) * ground
    target = mix(
        target,
        ramp(
            np.clip(0.5 + 0.3 * noise(sheet, (60, 26), 3), 0, 1),
            colors("3aa0a8 7fd4b0 f4eeb4 ffd0a0 f7a6b8"),
        ),
        trail,
    )
    lines = []
    order = np.argsort([wide for _, wide, _ in TRUNKS])
    for cx, wide, lean in (TRUNKS[i] for i in order):
        target, angle, sides = _trunk(sheet, target, angle, (cx, wide, lean))
        lines += sides
    return (
        target,
        angle.astype(np.float32),
        ink(sheet, lines) * step(-1.6, -0.6, noise(sheet, 8, 2)),
    )


def _trunk(
    sheet: Sheet, target: Field, angle: Field, trunk: tuple[float, float, float]
) -> tuple[Field, Field, list[tuple[Field, Field]]]:
    """One trunk, cold on its shadow side and hot on the other, with its two contours."""
    cx, wide, lean = trunk
    foot = 500 + 3.4 * wide
    x, y = sheet.x, sheet.y
    centre = cx + lean * (y - 400) + 5 * np.sin(y / 60 + cx)
    flare = 0.5 * wide * (1 + 0.9 * np.exp(-(foot - y) / 26))
    inside = step(1.5, -1.5, np.abs(x - centre) - flare) * (y < foot)
    side = np.clip(0.5 + (x - centre) / wide * 0.9 + 0.12 * noise(sheet, (20, 60), 3), 0, 1)
    bark = ramp(side, colors("f29a6a cf5a78 80408e 41398c 28509a 1a2f5e"))
    angle = np.where(inside > 0.5, np.pi / 2 - lean, angle)
    shade = (
        step(1, -1, np.abs(y - foot - 4 - 0.25 * (x - cx)) - 0.16 * wide)
        * step(0, 8, x - cx)
        * step(4.5 * wide, 3 * wide, x - cx)
    )
    target = mix(mix(target, colors("33207a")[0], 0.8 * shade), bark, inside)
    down = np.linspace(-10, foot, 60, dtype=np.float32)
    middle = cx + lean * (down - 400) + 5 * np.sin(down / 60 + cx)
    spread = 0.5 * wide * (1 + 0.9 * np.exp(-(foot - down) / 26))
    width = 1.6 + 0.05 * wide + 1.1 * np.sin(down / 23 + cx)
    sides = [
        (np.stack([middle + s * 0.94 * spread, down], 1), np.maximum(width, 0.8)) for s in (-1, 1)
    ]
    return target, angle, sides
