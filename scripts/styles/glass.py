"""Stained glass: a rose over a river of panes, held in lead, with the morning behind it."""

import numpy as np

from styles.fields import (
    Card,
    Field,
    Sheet,
    blur,
    colors,
    edge_distance,
    grain,
    mix,
    nearest_two,
    noise,
    ramp,
    step,
)

CARD = Card(
    "Rose over the River", "Studio Vitrail", "symbolic painting", "Stained Glass", 576, 768, 61
)
ROSE = colors("ffd45a f58a1f e0342c a3123f d8456f ffb38a")
SKY = colors("0c1f6e 1238a8 1f63d1 4a9be0 2a2b8a 6fc3e8")
RIVER = colors("0b4f5e 0f7f78 35b08a 8fd08a e8c64a 0c3f7a 1b6fae")
CENTRE = (288.0, 262.0)
RINGS = ((38, 1), (84, 8), (138, 16), (196, 16), (236, 32))


def paint(sheet: Sheet) -> Field:
    """Cut the panes, colour them, let the light through, lead them."""
    labels, tint = _panes(sheet)
    away = edge_distance(labels, 2.6 * sheet.unit) / sheet.unit
    glass = tint * _thickness(sheet, labels)[..., None]
    far = np.hypot(sheet.x - CENTRE[0], sheet.y - CENTRE[1])
    glow = 0.62 + 0.62 * np.exp(-((far / 330) ** 2)) + 0.1 * noise(sheet, 260, 2)
    matting = 0.5 + 0.5 * step(1.0, 7.2, away + 1.0 * noise(sheet, 12, 2))
    glass = glass * (glow * matting)[..., None]
    glass = glass + 0.12 * np.clip(glow - 0.8, 0, 1)[..., None] * colors("fff0c0")[0]
    return np.clip(_lead(sheet, glass, away), 0, 1)


def _panes(sheet: Sheet) -> tuple[np.ndarray, Field]:
    """Number every pane and give it a colour."""
    rng = sheet.rng
    dx, dy = sheet.x - CENTRE[0], sheet.y - CENTRE[1]
    radius, turn = np.hypot(dx, dy), np.arctan2(dy, dx) / (2 * np.pi) + 0.5
    ring = np.zeros(radius.shape, np.int64)
    for reach, petals in RINGS:
        scallop = 0.13 * reach * np.abs(np.cos(np.pi * petals / 2 * turn)) if petals > 1 else 0
        ring += radius > reach - scallop
    petals = np.array([petals for _, petals in RINGS] + [1])[ring]
    twist = turn + 0.02 * ring + 0.025 * np.sin(radius / 30)
    wedge = np.floor(twist * petals).astype(np.int64) % petals
    sites = np.stack(_sites(sheet, 58), 1)
    bend = 46 * np.sin(sheet.x / 118 + sheet.y / 260)
    cell, _, _ = nearest_two(sheet.x + 0.2 * bend, sheet.y * 1.25 + bend, sites)
    stream = np.floor((sheet.y - 1.1 * bend + 0.12 * sheet.x) / 62).astype(np.int64)
    low = sheet.y + 0.9 * bend > 500
    outside = np.where(low, 4000 + 97 * stream + (cell % 97), 9000 + cell)
    inside = ring < len(RINGS)
    labels = np.where(inside, 100 * ring + wedge, outside)
    rose = ROSE[(ring + (wedge % 2) * 2 + (ring // 3)) % len(ROSE)]
    fall = np.where(low, stream, 0)
    river, sky = RIVER[(fall * 3 + cell % 3) % len(RIVER)], SKY[(cell * 7 // 3) % len(SKY)]
    tint = np.where(inside[..., None], rose, np.where(low[..., None], river, sky))
    shade = rng.uniform(0.72, 1.2, 20000).astype(np.float32)[labels % 20000]
    warm = rng.normal(size=(20000, 3)).astype(np.float32)[labels % 20000] * 0.045
    return labels, np.clip(tint * shade[..., None] + warm, 0.02, 1)


def _sites(sheet: Sheet, spacing: float) -> tuple[Field, Field]:
    rows, columns = int(sheet.height * 1.25 / spacing) + 4, int(sheet.width / spacing) + 3
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x = x + sheet.rng.uniform(-0.42, 0.42, x.shape) + 0.5 * (y % 2)
    y = y + sheet.rng.uniform(-0.42, 0.42, y.shape)
    return ((x - 1) * spacing).ravel(), ((y - 2) * spacing).ravel()


def _thickness(sheet: Sheet, labels: np.ndarray) -> Field:
    """Hand-blown glass: streaks that run differently in every pane, waves, seeds."""
    way = sheet.rng.integers(0, 4, 20000)[labels % 20000]
    streaks = [noise(sheet, cell, 3) for cell in ((90, 9), (9, 90), (34, 16), (16, 34))]
    streak = np.choose(way, streaks)
    ripple = noise(sheet, 15, 2)
    down, across = np.gradient(blur(ripple, 1.2 * sheet.unit))
    caustic = (across + down) / sheet.unit
    seeds = step(2.3, 2.7, noise(sheet, 4.5, 1)) * 0.35
    return 0.98 + 0.13 * streak + 0.5 * np.clip(caustic, -0.5, 0.5) + seeds


def _lead(sheet: Sheet, glass: Field, away: Field) -> Field:
    """Round lead cames, lit from the upper left, with a dull uneven skin."""
    half = 2.5
    cover = step(half + 0.5, half - 0.5, away)
    round_top = np.sqrt(np.clip(1 - (away / half) ** 2, 0, 1))
    down, across = np.gradient(blur(round_top, 0.7 * sheet.unit))
    facing = (across * 0.6 + down * 0.8) * sheet.unit
    tone = 0.085 + 0.34 * np.clip(facing, 0, 1) + 0.02 * noise(sheet, 9, 3) + 0.012 * grain(sheet)
    skin = ramp(np.clip(tone, 0, 1), colors("08080c 2b2d36 6d7078 c9ccd0 ffffff"))
    return mix(glass, skin, cover)
