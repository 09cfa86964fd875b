"""Watercolour: transparent washes with dark rims, back-runs and granulating pigment."""

import numpy as np

from styles.fields import Card, Field, Sheet, blur, colors, grain, noise, step

CARD = Card(
    "Irises in the Rain", "Studio Aquarelle", "flower painting", "Watercolor", 600, 768, 137
)
PAPER = colors("fbf6ea")[0]
LEAVES = colors("2f6b3a 7a9a2f 1f5a5a 4f8a4a 9aa83a")
PETALS = colors("4a2f9a 6a4fc4 2f3f9f a05ab8 c86aa0 7f8fe0")


class Page:
    """Wet paper: every wash absorbs some of the light that the white paper gives back."""

    def __init__(self, sheet: Sheet) -> None:
        """Stretch a rough sheet: `tooth` is the height of its grain."""
        self.sheet = sheet
        self.light = np.zeros((sheet.rows, sheet.columns, 3), np.float32) + PAPER
        self.tooth = noise(sheet, 6, 3) + 0.5 * grain(sheet)
        self.wet_x, self.wet_y = noise(sheet, 90, 5), noise(sheet, 90, 5)
        self.bloom = noise(sheet, 46, 4)

    def wash(self, inside: Field, color: Field, strength: float = 1.0, soft: float = 1.2) -> None:
        """Lay pigment where `inside` (distance in units, positive within a shape) is positive.

        The rim dries darker, the middle drifts, pigment settles in the hollows of the paper.
        """
        rows, columns = (np.flatnonzero((inside > -9 - soft).any(axis)) for axis in (1, 0))
        if not rows.size:
            return
        wet = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        shore = inside[wet] + 1.1 * self.tooth[wet]
        cover = step(-soft, soft, shore)
        rim = np.exp(-np.clip(shore, 0, None) / 2.4)
        pool = 0.58 + 0.22 * self.bloom[wet] + 0.95 * rim - 0.10 * self.tooth[wet]
        density = np.clip(pool, 0.12, 2.2) * cover * strength
        absorb = -np.log(np.clip(color, 0.04, 0.985))
        self.light[wet] *= np.exp(-density[..., None] * absorb)


def paint(sheet: Sheet) -> Field:
    """Paint wet sky first, then leaves, then flowers, then splashes."""
    page = Page(sheet)
    _background(page)
    for band in (3, 1, 2, 0):
        _blades(page, 9)
        _flowers(page, 4, band)
    _splashes(page)
    shade = blur(page.tooth, 0.7 * sheet.unit)
    down, across = np.gradient(shade)
    return np.clip(page.light * (1 + 0.035 * (across + down))[..., None], 0, 1)


def _background(page: Page) -> None:
    """Big soft washes that run into each other and leave cauliflower edges."""
    sheet = page.sheet
    warm, cool = colors("f2b84a f4977a f4d77a ee9fa6"), colors("7fc0d8 6f9fe0 9fd0b0 a59fe0")
    for i in range(20):
        cx, cy = sheet.rng.uniform(-30, sheet.width + 30), sheet.rng.uniform(-30, sheet.height + 30)
        size = sheet.rng.uniform(80, 190)
        away = np.hypot(sheet.x - cx + 38 * page.wet_x, (sheet.y - cy + 38 * page.wet_y) * 0.9)
        soft = (1.5, 26)[i % 2]
        tints = warm if cy + 0.5 * cx < 480 else cool
        page.wash((size - away).astype(np.float32), tints[i % len(tints)], 0.5, soft)
    for _ in range(14):
        cx, cy = sheet.rng.uniform(0, sheet.width), sheet.rng.uniform(0, sheet.height)
        away = np.hypot(sheet.x - cx, sheet.y - cy) + 13 * page.bloom + 5 * page.wet_x
        ring = np.exp(-(((away - sheet.rng.uniform(24, 58)) / 2.6) ** 2)) * step(0, 12, away)
        page.light *= (1 - 0.20 * ring[..., None] * (1 - colors("4f7fa8")[0])).astype(np.float32)


def _blades(page: Page, count: int) -> None:
    """Sword leaves in one pull of a round brush each."""
    sheet, rng = page.sheet, page.sheet.rng
    for _ in range(count):
        foot, lean = rng.uniform(-40, sheet.width + 40), rng.normal() * 70
        bottom = sheet.height * rng.uniform(0.85, 1.25)
        top = bottom - rng.uniform(260, 520)
        rise = np.clip((bottom - sheet.y) / (bottom - top), 0, 1)
        centre = foot + lean * rise**1.8 + 4 * page.wet_x
        half = rng.uniform(8, 15) * (1 - rise**2.2) * (0.55 + 0.45 * rise + 0.25 * np.sin(3 * rise))
        inside = half - np.abs(sheet.x - centre)
        inside = np.where((sheet.y < top) | (sheet.y > bottom), -20, inside)
        page.wash(
            inside.astype(np.float32),
            LEAVES[rng.integers(len(LEAVES))],
            rng.uniform(0.35, 0.75),
            1.0,
        )


def _flowers(page: Page, count: int, band: int) -> None:
    """Irises: three standards, three falls, a yellow beard, veins in a finer brush."""
    sheet, rng = page.sheet, page.sheet.rng
    for k in range(count):
        cx = sheet.width * (k + 0.5 * (band % 2) + rng.uniform(0, 0.5)) / count
        cy, size = 70 + 165 * band + rng.uniform(-45, 45), rng.uniform(62, 100)
        tint = PETALS[rng.integers(len(PETALS))]
        for aim, reach in (
            (-1.57, 1.0),
            (-2.5, 0.85),
            (-0.64, 0.85),
            (1.57, 0.95),
            (2.75, 1.0),
            (0.4, 1.0),
        ):
            way = aim + 0.16 * rng.normal()
            dx, dy = sheet.x - cx + 4 * page.wet_x, sheet.y - cy + 4 * page.wet_y
            along = (dx * np.cos(way) + dy * np.sin(way)) / (size * reach)
            across = (dy * np.cos(way) - dx * np.sin(way)) / (size * reach)
            ruffle = 1 + 0.16 * np.sin(9 * along + 11 * across + cx)
            half = 0.36 * np.sin(np.pi * np.clip(along, 0, 1) ** 1.25) ** 0.7 * ruffle
            inside = np.where((along > 0) & (along < 1), (half - np.abs(across)) * size, -20)
            page.wash(inside.astype(np.float32), tint, rng.uniform(0.3, 0.75), 1.1)
            vein = np.abs(((across / np.maximum(half, 0.02)) * 4.5) % 1 - 0.5) * half * size / 2.2
            line = np.where(inside > 2, 0.9 - vein, -9)
            page.wash(line.astype(np.float32), tint * 0.8, 0.35, 0.8)
            beard = 0.05 * size - np.hypot(across * size, (along - 0.28) * size * 0.45)
            page.wash(beard.astype(np.float32), colors("f2a51f")[0], 0.9, 1.0)


def _splashes(page: Page) -> None:
    """Drops flicked off the brush and clean water that lifted some pigment."""
    sheet, rng = page.sheet, page.sheet.rng
    inks = np.concatenate([LEAVES, PETALS])
    for i in range(90):
        at, size = rng.uniform(0, (sheet.width, sheet.height)), 1.5 + rng.exponential(2.6)
        away = size - np.hypot(sheet.x - at[0], sheet.y - at[1])
        if i % 3:
            page.wash(away.astype(np.float32), inks[rng.integers(len(inks))], 0.8, 0.8)
        else:
            page.light += (PAPER - page.light) * (0.55 * step(0, 2.5, away))[..., None]
