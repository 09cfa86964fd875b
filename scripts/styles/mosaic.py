"""Tesserae in rows that follow every outline: five fish in a golden sea."""

import numpy as np

from styles.brush import pixel
from styles.fields import Card, Field, Sheet, blur, colors, grain, jittered, mix, noise, ramp, step

CARD = Card(
    "Five Fish, Golden Sea", "Studio Tessera", "animal painting", "Byzantine Mosaic", 768, 600, 71
)
TILE = 10.5
GOLD = colors("4f330f 8f5f1a c08a2c e2b552 f6e0a0")
SEA = colors("0b2f3a 0f5a5e 1f8a80 63b8a0 cfe3c4")
FISH = (  # x, y, length, heading, colours
    (230, 190, 300, -0.25, "5a0f1c 9c1f26 d8492b f0a35a f7e3c0"),
    (560, 150, 230, 0.5, "14213f 23406e 4a78a8 a9c8d6 f4efe0"),
    (520, 400, 310, 2.85, "5a0f1c a8332a e07a2f f4c15e fbeecb"),
    (180, 440, 240, -2.7, "10302c 1d5a48 4f9460 b6cf7a f5efc8"),
    (370, 300, 130, 0.2, "14213f 3a5a8a 8fb0c8 e8e4d4 ffffff"),
)


def paint(sheet: Sheet) -> Field:
    """Lay rows of tesserae along the outlines, then press the grout between them."""
    rows, target = _design(sheet)
    grout = ramp(
        np.clip(0.35 + 0.12 * noise(sheet, 12, 4) + 0.04 * grain(sheet), 0, 1),
        colors("2a241f 6b6055 a89a86"),
    )
    color, taken = grout.copy(), np.zeros(grout.shape[:2], bool)
    down, across = np.gradient(blur(rows, 1.5 * sheet.unit))
    steep = np.maximum(np.hypot(across, down), 1e-6)
    normal = np.stack([across / steep, down / steep], -1)
    for x, y in _courses(sheet, rows, normal):
        here = pixel(sheet, x, y)
        if not taken[here]:
            _tessera(sheet, color, taken, (x, y), normal[here], target[here])
    for x, y in zip(*jittered(sheet, 4.5), strict=True):
        here = pixel(sheet, x, y)
        if not taken[here]:
            _tessera(sheet, color, taken, (x, y), normal[here], target[here], 0.62)
    return np.clip(color, 0, 1)


def _design(sheet: Sheet) -> tuple[Field, Field]:
    """Distance whose level lines the rows follow, and the colour of every place."""
    swell = 34 * np.sin(sheet.x / 95 + 0.012 * sheet.y) + 16 * np.sin(sheet.x / 43 + sheet.y / 70)
    wave = sheet.y + swell
    band = np.floor(wave / (4 * TILE)).astype(int)
    foam = (wave % (4 * TILE)) / (4 * TILE)
    sea = ramp(np.clip(foam * 0.9 + 0.1 * noise(sheet, 50, 2), 0, 1), SEA)
    golden = ramp(np.clip(0.35 + 0.5 * foam + 0.12 * noise(sheet, 40, 2), 0, 1), GOLD)
    target = np.where((band % 3 == 0)[..., None], sea, golden)
    rows = wave
    for cx, cy, length, heading, paints in FISH:
        along, across = _turned(sheet, cx, cy, heading)
        shape, tint = _fish(along / length, across / length, colors(paints))
        down, over = np.gradient(shape)
        near = shape / np.maximum(np.hypot(down, over) * sheet.unit, 2e-4)
        near = np.clip(blur(np.clip(near, -90, 90).astype(np.float32), 1.0), -90, 90)
        rows = np.where(near < 2 * TILE, near, rows)
        rows = np.where(
            near < -0.6 * TILE, across - 0.03 * length * np.sin(7 * along / length), rows
        )
        target = np.where((near < TILE)[..., None], colors("16110f")[0], target)
        target = np.where((near < 0)[..., None], tint, target)
    return rows.astype(np.float32), target.astype(np.float32)


def _turned(sheet: Sheet, cx: float, cy: float, heading: float) -> tuple[Field, Field]:
    dx, dy = sheet.x - cx, sheet.y - cy
    return dx * np.cos(heading) + dy * np.sin(heading), dy * np.cos(heading) - dx * np.sin(heading)


def _fish(u: Field, v: Field, paints: Field) -> tuple[Field, Field]:
    """A fish of length 1, head toward +u: rough distance to its outline, and its colours."""
    spine = v - 0.03 * np.sin(7 * u)
    body = np.hypot(u * 0.46, spine * (1.12 - 0.3 * u)) - 0.165
    tail = np.maximum(np.abs(u + 0.42) - 0.12, np.abs(spine) - 0.02 - 0.75 * np.abs(u + 0.3))
    tail = np.where(u < -0.3, tail, 1)
    fin = np.maximum(np.abs(u - 0.02 + 0.9 * (-spine - 0.1)) - 0.16, np.abs(spine + 0.11) - 0.14)
    shape = np.minimum(np.minimum(body, tail), fin)
    scale = 0.5 + 0.5 * np.cos(2 * np.pi * (u * 9 + 2.2 * np.abs(spine) * 3))
    tone = np.clip(0.18 + 0.55 * scale - 1.4 * spine, 0, 1)
    tint = ramp(tone, paints)
    tint = np.where((spine < -0.13)[..., None], paints[2], tint)
    gill = np.abs(np.hypot(u - 0.36, spine) - 0.15) < 0.016
    tint = np.where(gill[..., None], paints[0], tint)
    eye = np.hypot(u - 0.27, spine + 0.035)
    tint = np.where((eye < 0.062)[..., None], paints[4], tint)
    return shape, np.where((eye < 0.03)[..., None], colors("120d0c")[0], tint)


def _courses(sheet: Sheet, rows: Field, normal: Field) -> list[tuple[float, float]]:
    """Places along the level lines, walked from scattered starts so that neighbours line up."""
    places: list[tuple[float, float]] = []
    seen = np.zeros((int(sheet.height / 3) + 3, int(sheet.width / 3) + 3), bool)
    columns = int(sheet.width / 7.5) + 1
    starts = sheet.rng.permutation(columns * (int(sheet.height / 7.5) + 1))
    for start in starts:
        x, y = (start % columns) * 7.5, (start // columns) * 7.5
        sense = 1.0
        for _ in range(120):
            x, y = _onto_level(sheet, rows, normal, x, y)
            if not (0 <= x < sheet.width and 0 <= y < sheet.height):
                break
            spot = (int(y / 3), int(x / 3))
            if seen[spot]:
                break
            seen[spot] = True
            places.append((x, y))
            nx, ny = normal[pixel(sheet, x, y)]
            x, y = x - sense * ny * TILE * 1.04, y + sense * nx * TILE * 1.04
    return places


def _onto_level(
    sheet: Sheet, rows: Field, normal: Field, x: float, y: float
) -> tuple[float, float]:
    """Slide a place to the middle of its row."""
    here = pixel(sheet, x, y)
    off = (float(rows[here]) / TILE) % 1.0 - 0.5
    nx, ny = normal[here]
    return x - off * TILE * float(nx), y - off * TILE * float(ny)


def _tessera(
    sheet: Sheet,
    color: Field,
    taken: np.ndarray,
    at: tuple[float, float],
    normal: Field,
    tint: Field,
    share: float = 1.0,
) -> None:
    """Set one piece, if there is room: a cut stone, slightly tilted, with a lit rim."""
    rng, half = sheet.rng, share * TILE / 2
    tilt = np.arctan2(normal[1], normal[0]) + rng.normal() * 0.07
    top, left = pixel(sheet, at[0] - TILE, at[1] - TILE)
    low, right = pixel(sheet, at[0] + TILE, at[1] + TILE)
    patch = (slice(top, low + 1), slice(left, right + 1))
    dx, dy = sheet.x[patch] - at[0], sheet.y[patch] - at[1]
    u = dx * np.cos(tilt) + dy * np.sin(tilt) + 0.06 * rng.normal() * dy
    v = dy * np.cos(tilt) - dx * np.sin(tilt) + 0.06 * rng.normal() * dx
    wide, high = half * rng.uniform(0.86, 0.95), half * rng.uniform(0.86, 1.04)
    inner = np.minimum(wide - np.abs(u), high - np.abs(v))
    stone = inner > 0
    if (stone & taken[patch]).sum() > 0.22 * stone.sum():
        return
    taken[patch] |= stone
    cover = np.clip(inner * sheet.unit + 0.6, 0, 1) * ~(taken[patch] & ~stone)
    rim = step(2.2, 0.3, inner) * (-(u * np.cos(tilt - 2.2) - v * np.sin(tilt - 2.2)) / half)
    slope = (dx * rng.normal() + dy * rng.normal()) / TILE
    gilt = 0.3 if tint[0] > tint[2] * 1.9 and tint[1] > 0.4 else 0.12
    shade = 1 + gilt * rng.normal() + 0.16 * slope + 0.3 * rim
    face = tint * shade[..., None] + 0.035 * rng.normal(size=3)
    color[patch] = mix(color[patch], np.clip(face, 0.02, 1.1), cover)
