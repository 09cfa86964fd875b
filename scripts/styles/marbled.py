"""Marbled paper: drops of ink on a bath, combed and swirled, then lifted onto paper.

Every pixel is followed backwards through the combs to the drop that it came from. Source of the
maps: Lu, Jaffer, Jin, Zhao and Mao (2012), "Mathematical Marbling", IEEE CG&A 32(6).
"""

import numpy as np

from styles.fields import Card, Field, Sheet, colors, grain, noise

CARD = Card("Comb and Peacock", "Studio Ebru", "abstract", "Marbling", 768, 576, 53)
INKS = colors("f3e6cf 0f2d4a c8342b f3e6cf e0a12e 1f6f78 0f2d4a f08a5d f3e6cf 7a1f3d 5fa3a3")
DROPS = 300


def paint(sheet: Sheet) -> Field:
    """Drop the inks, comb the bath, lift the paper."""
    shake_x, shake_y = 2.2 * noise(sheet, 60, 3), 2.2 * noise(sheet, 60, 3)
    drops, sway = _drops(sheet), sheet.rng.uniform(0, 6)
    color = np.zeros((sheet.rows, sheet.columns, 3), np.float32)
    for right, down in ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)):
        x, y = sheet.x + shake_x + right / sheet.unit, sheet.y + shake_y + down / sheet.unit
        color += 0.25 * _bath(drops, *_combs(*_swirls(sway, x, y)))
    vein = noise(sheet, 7, 3)
    fleck = np.clip(noise(sheet, 5, 2) - 1.6, 0, 1)[..., None] * 0.5
    tooth = 1 + 0.035 * grain(sheet) + 0.035 * vein + 0.03 * noise(sheet, (4, 40), 2)
    return np.clip(color * tooth[..., None] + fleck * (INKS[0] - color), 0, 1)


def _swirls(sway: float, x: Field, y: Field) -> tuple[Field, Field]:
    """Undo the stylus circles that were drawn last."""
    for cx, cy, reach, turn in (
        (190, 170, 70, 2.6),
        (560, 140, 60, -2.4),
        (400, 400, 85, 2.9),
        (110, 450, 55, -2.3),
        (660, 430, 62, 2.4),
        (370, 120, 36, 1.9),
        (250, 330, 34, -1.8),
        (545, 300, 36, -1.9),
    ):
        dx, dy = x - cx, y - cy
        back = -turn * np.exp(-np.hypot(dx, dy) / (0.75 * reach))
        x = cx + dx * np.cos(back) - dy * np.sin(back)
        y = cy + dx * np.sin(back) + dy * np.cos(back)
    return x, y + 9 * np.sin(x / 60 + sway)


def _combs(x: Field, y: Field) -> tuple[Field, Field]:
    """Undo the combs: fine teeth down, coarse teeth across and back."""
    y = y - _teeth(x, 44, 46, 8.0)
    y = y + _teeth(x - 22, 44, 46, 8.0)
    x = x - _teeth(y, 120, 84, 18.0)
    return x + _teeth(y - 60, 120, 84, 18.0), y


def _teeth(across: Field, pitch: float, pull: float, sharp: float) -> Field:
    """How far teeth `pitch` apart drag the bath at distance `across` from the first."""
    away = np.abs((across + pitch / 2) % pitch - pitch / 2)
    return np.asarray(pull * np.exp(-away / sharp), np.float32)


def _drops(sheet: Sheet) -> list[tuple[float, float, float, Field]]:
    """The drops in the order of undoing: place, radius, ink. Early ones are large."""
    rng, order = sheet.rng, sheet.rng.permuted(np.arange(DROPS) % len(INKS))
    drops = []
    for i in range(DROPS):
        at = (rng.uniform(-60, sheet.width + 60), rng.uniform(-60, sheet.height + 60))
        drops.append((*at, rng.uniform(14, 40) + 22 * i / DROPS, INKS[order[i]]))
    return drops


def _bath(drops: list[tuple[float, float, float, Field]], x: Field, y: Field) -> Field:
    """Undo the drops, the last one first: a drop pushes all that lay there outward."""
    color = np.zeros((*x.shape, 3), np.float32)
    empty = np.ones(x.shape, bool)
    for cx, cy, size, paint_ in drops:
        away = np.maximum((x - cx) ** 2 + (y - cy) ** 2, 1e-3)
        inside = empty & (away < size**2)
        rim = 1 - 0.22 * (away[inside] / size**2) ** 5
        color[inside] = paint_ * rim[:, None]
        empty &= ~inside
        shrink = np.sqrt(np.clip(1 - size**2 / away, 0, 1))
        x, y = cx + (x - cx) * shrink, cy + (y - cy) * shrink
    color[empty] = INKS[2]
    return color
