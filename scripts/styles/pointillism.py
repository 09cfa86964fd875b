"""Dots of pure pigment that mix only in the eye: poplars and their mirror in a canal at noon."""

import numpy as np

from styles.brush import Canvas, light, pixel
from styles.fields import Card, Field, Sheet, colors, jittered, mix, noise, ramp, step

CARD = Card("Poplars at Noon", "Studio Confetti", "landscape", "Pointillism", 768, 560, 23)
PIGMENTS = colors(
    "fff7d6 ffe27a ffc22e ff8f2b f0562f d92f5c a53a8c 5f3f9e 2d459f 1f6fc4 4fa9d8 a9dbe4 "
    "1f8a6b 5fb34a b9d24f 173a4a f4b8b0 dfe9f0"
)
TREES = (
    (70, 34, 1.0),
    (150, 42, 0.86),
    (246, 36, 1.05),
    (520, 40, 0.95),
    (610, 46, 1.12),
    (705, 40, 0.9),
)
BANK = 318


def paint(sheet: Sheet) -> Field:
    """Paint the picture: broad dots to cover, then ever smaller ones."""
    target = _scene(sheet)
    canvas = Canvas(sheet, mix(target, colors("f6e7c4")[0], np.full(target.shape[:2], 0.45)))
    for spacing, size, spread in ((9.5, 12.5, 0.16), (7.0, 8.2, 0.2), (6.4, 5.4, 0.25)):
        for x, y in zip(*jittered(sheet, spacing), strict=True):
            wanted = target[pixel(sheet, x, y)] + spread * sheet.rng.normal(size=3)
            nearest = np.argmin(((PIGMENTS - wanted) ** 2).sum(1))
            color = PIGMENTS[nearest] * (1 + 0.05 * sheet.rng.normal())
            long = size * sheet.rng.uniform(0.85, 1.25)
            canvas.stroke(
                (x, y),
                sheet.rng.uniform(0, np.pi),
                (long, size * sheet.rng.uniform(0.8, 1)),
                color.astype(np.float32),
                dry=0.05,
                square=2,
                streak=0.05,
            )
    return light(canvas.color, canvas.relief, 0.4, 0.08)


def _scene(sheet: Sheet) -> Field:
    """Sky, far trees, bank, and below the bank all of it again, darker, in the water."""
    depth = np.where(sheet.y > BANK, BANK - 0.92 * (sheet.y - BANK), sheet.y)
    drift = np.where(sheet.y > BANK, 7 * np.sin(sheet.y / 4.5 + 2 * noise(sheet, 80, 2)), 0)
    air = _above(sheet.x + drift, depth)
    water = sheet.y > BANK + 12
    ripple = step(0.55, 1.3, noise(sheet, (120, 9), 3))
    mirror = mix(air * colors("a9b4cc")[0], colors("ffd98a")[0], 0.75 * ripple)
    scene = np.where(water[..., None], mirror, air)
    shore = step(12, 7, np.abs(sheet.y - BANK - 6)) * (0.6 + 0.4 * np.sin(sheet.x / 17))
    scene = mix(scene, colors("b9d24f")[0], shore)
    meadow = step(0, 5, sheet.y - 478 - 0.1 * (sheet.x - 380) - 16 * np.sin(sheet.x / 120 + 1))
    grass = ramp(
        np.clip(0.5 + 0.3 * noise(sheet, (30, 60), 3), 0, 1),
        colors("14405a 1f7a5b 6cb544 e6d84f ffb637"),
    )
    scene = mix(scene, grass, meadow)
    poppies = meadow * step(0.9, 1.3, noise(sheet, 16, 2))
    return mix(scene, colors("f0403a")[0], poppies)


def _above(x: Field, y: Field) -> Field:
    """What stands above the water line, seen at places `x`, `y`."""
    sun = np.hypot(x - 385, (y - 205) * 1.1)
    height = np.clip(y / BANK + 0.08 * np.sin(x / 90 + y / 40), 0, 1)
    scene = ramp(height, colors("2f6fc0 5fa8dc 9fd3e6 f2e3c0 ffd08a f79d7a"))
    scene = mix(scene, colors("fff3b0")[0], np.exp(-((sun / 95) ** 2)))
    scene = mix(scene, colors("fffbe6")[0], step(36, 30, sun))
    cloud = step(0.35, 0.9, np.sin(x / 74 + 1.5 * np.sin(y / 33)) * np.sin(y / 27 + x / 300))
    scene = mix(scene, colors("fbd9d6")[0], 0.8 * cloud * step(190, 120, y))
    hills = step(0, 4, y - 262 + 18 * np.sin(x / 95) + 8 * np.sin(x / 31))
    scene = mix(scene, ramp(np.clip((y - 240) / 80, 0, 1), colors("6a62b4 3f7fae 4aa07a")), hills)
    for cx, half, tall in TREES:
        top = BANK - 255 * tall
        rise = np.clip((y - top) / (BANK - top), 0, 1)
        lobes = 1 + 0.14 * np.sin(y / 7 + cx) + 0.1 * np.sin(y / 3.1)
        wide = half * np.sqrt(rise) * np.clip((1.06 - rise) * 5, 0.16, 1) * lobes
        side = np.clip((x - cx) / half * 0.5 + 0.45 + 0.15 * np.sin(y / 9 + x / 6), 0, 1)
        leaf = ramp(side, colors("ffd94a c6d24a 5fae4a 1f7f66 27458f 4a2f7e"))
        scene = mix(scene, leaf, step(2, -2, np.abs(x - cx) - wide) * (y > top))
    return scene
