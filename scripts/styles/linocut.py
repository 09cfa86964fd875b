"""A linocut: black over three flat inks, every light cut with a gouge that follows the form."""

import numpy as np

from styles.brush import ink, pixel, streamline
from styles.fields import Card, Field, Sheet, colors, grain, jittered, mix, noise, step

CARD = Card("Crows over Ploughed Hills", "Studio Gouge", "landscape", "Linocut", 600, 768, 113)
PAPER, BLACK = colors("efe3c8 15130f")
SUN, FIELD, SKY = colors("e2572b e9a93a 2f8f8a")
SUN_AT = (372.0, 196.0)


def paint(sheet: Sheet) -> Field:
    """Print the flat inks, then the black key block with everything that was cut away left out."""
    angle, light, tint = _scene(sheet)
    page = mix(PAPER + 0 * tint, tint, 0.93 * _even(sheet, 0.9))
    cuts = _gouges(sheet, angle, light)
    key = (1 - cuts) * _even(sheet, 0.5)
    crows, eyes = _crows()
    key = np.maximum(
        key * (1 - ink(sheet, [], [_grow(b, 3.5) for b in crows])), ink(sheet, [], crows)
    )
    key = key * (1 - ink(sheet, eyes))
    page = mix(page, BLACK, np.clip(key, 0, 1))
    return np.clip(page * (1 + 0.02 * grain(sheet) + 0.02 * noise(sheet, 6, 3))[..., None], 0, 1)


def _even(sheet: Sheet, roughness: float) -> Field:
    """Roller ink: solid but for salt specks where the paper was not reached."""
    salt = step(1.9, 2.6, noise(sheet, 3.5, 2) + 0.4 * noise(sheet, 60, 2))
    return 1 - np.clip(salt * roughness, 0, 1)


def _scene(sheet: Sheet) -> tuple[Field, Field, Field]:
    """Direction of the gouge, how much is cut away, and the ink below."""
    x, y = sheet.x, sheet.y
    dx, dy = x - SUN_AT[0], y - SUN_AT[1]
    far = np.hypot(dx, dy)
    turn = np.arctan2(dy, dx)
    angle = turn + 0.12 * np.sin(far / 30)
    light = 0.50 + 0.3 * np.cos(turn * 22 + 0.6 * np.sin(far / 40)) - far / 1500
    tint = mix(
        SKY + 0 * np.zeros((*x.shape, 3), np.float32),
        FIELD,
        step(230, 120, far + 9 * noise(sheet, 30, 2)),
    )
    disc = step(93, 91, far)
    ring = np.abs(far - 100) < 6
    angle = np.where(far < 92, turn + np.pi / 2, angle)
    light = np.where(far < 92, 0.62 + 0.35 * np.cos(far / 5.2), np.where(ring, -1, light))
    tint = mix(tint, SUN, disc)
    inks = (SKY, FIELD, SUN, FIELD, SKY, FIELD, SUN)
    for i, base in enumerate((318, 372, 430, 498, 580, 668, 752)):
        ridge = base + (34 + 4 * i) * np.sin(x / (88 + 12 * i) + 1.9 * i) + 8 * np.sin(x / 31 + i)
        inside = y > ridge
        depth = (y - ridge) / 90
        slope = np.gradient(ridge, axis=1) * sheet.unit
        furrow = np.arctan(slope) + (0.9 if i % 2 else -0.85) * (1 if i % 3 else 0.12)
        lit = 0.9 - 0.55 * depth + 0.3 * np.sin((y - ridge) / 7.5 + 0.05 * x * (i % 2))
        angle = np.where(inside, furrow + 0.25 * noise(sheet, 140, 2), angle)
        light = np.where(inside, np.where(y - ridge < 4.5, -1, lit), light)
        tint = np.where(inside[..., None], inks[i], tint)
    return _wood(sheet, angle.astype(np.float32), light, tint.astype(np.float32))


def _wood(sheet: Sheet, angle: Field, light: Field, tint: Field) -> tuple[Field, Field, Field]:
    """Round trees on the ridges: black globes cut open on the side of the sun."""
    for cx, cy, size in (
        (70, 330, 42),
        (128, 352, 30),
        (530, 372, 46),
        (474, 392, 30),
        (96, 520, 40),
        (560, 560, 52),
        (330, 470, 28),
        (235, 690, 46),
        (40, 690, 34),
        (470, 700, 30),
    ):
        dx, dy = sheet.x - cx, sheet.y - cy
        lumps = size * (1 + 0.07 * np.sin(9 * np.arctan2(dy, dx) + cx))
        inside = np.hypot(dx, dy * 0.92) < lumps
        trunk = (np.abs(dx) < size * 0.12) & (dy > 0) & (dy < size * 1.7)
        aim = np.arctan2(SUN_AT[1] - cy, SUN_AT[0] - cx)
        lit = (dx * np.cos(aim) + dy * np.sin(aim)) / size
        angle = np.where(inside, np.arctan2(dy, dx) + np.pi / 2, angle)
        light = np.where(inside | trunk, np.where(inside, 0.25 + 0.7 * lit, -1), light)
        tint = np.where((inside | trunk)[..., None], FIELD if cx % 4 else SKY, tint)
    return angle.astype(np.float32), light, tint


def _gouges(sheet: Sheet, angle: Field, light: Field) -> Field:
    """V-gouge cuts: each starts thin, swells, and lifts out; wider where more light is wanted."""
    lines = []
    for x, y in zip(*jittered(sheet, 6.6, 0.55), strict=True):
        here = pixel(sheet, x, y)
        lit = float(light[here]) + 0.1 * sheet.rng.normal()
        if lit < 0.12:
            continue
        path = streamline(angle, sheet, (x, y), sheet.rng.uniform(14, 30) * (0.7 + 0.6 * lit), 2.5)
        inside = np.array([light[pixel(sheet, px, py)] > -0.5 for px, py in path])
        path = path[: max(int(np.argmin(inside)) if not inside.all() else len(path), 0)]
        if len(path) < 4:
            continue
        t = np.linspace(0, 1, len(path))
        lines.append(
            (path, (0.6 + 4.6 * min(lit, 1.1)) * np.clip(t * 3.2, 0, 1) * (1.02 - t) ** 0.45)
        )
    return ink(sheet, lines)


def _crows() -> tuple[list[Field], list[tuple[Field, float]]]:
    """Crows with ragged wings, and the cut lines on their feathers."""
    bodies, cuts = [], []
    for cx, cy, size, tilt in (
        (150, 120, 74, -0.25),
        (480, 92, 56, 0.3),
        (250, 262, 46, 0.1),
        (520, 262, 38, -0.35),
        (330, 44, 36, 0.2),
        (60, 232, 34, 0.35),
    ):
        turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
        t = np.linspace(0, 1, 15)
        tips = np.where(np.arange(15) % 2, 0.30, 0.02)
        top = np.stack([t, -0.46 * np.sin(t * 2.2) + 0.12 * t**3], 1)
        low = np.stack(
            [t, -0.46 * np.sin(t * 2.2) + 0.12 * t**3 + (0.26 + tips) * (1 - 0.75 * t)], 1
        )
        wing = np.concatenate([top, low[::-1]])
        flip = wing * np.array([-0.92, 1.0])
        body = np.array(
            [
                [-0.5, 0.1],
                [-0.3, -0.04],
                [0.1, -0.02],
                [0.34, -0.1],
                [0.5, -0.06],
                [0.66, 0.03],
                [0.46, 0.07],
                [0.3, 0.16],
                [-0.2, 0.22],
                [-0.62, 0.3],
            ]
        )
        place = np.array([cx, cy])
        bodies += [place + size * shape @ turn for shape in (wing, flip, body)]
        for side in (1.0, -0.92):
            for f in np.linspace(0.15, 0.85, 7):
                y = -0.46 * np.sin(f * 2.2) + 0.12 * f**3
                quill = np.array([[f, y + 0.09], [f + 0.03, y + 0.22]]) * np.array([side, 1.0])
                path = np.linspace(*(place + size * quill @ turn), 5)
                cuts.append((path, np.array([0.4, 2.0, 2.4, 1.6, 0.4]) * size / 60))
    return bodies, cuts


def _grow(outline: Field, by: float) -> Field:
    """Push an outline outward from its middle, for the cut rim around it."""
    away = outline - outline.mean(0)
    return outline + by * away / np.maximum(np.hypot(away[:, 0], away[:, 1]), 1)[:, None]
