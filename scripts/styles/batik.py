"""Batik: wax-drawn flowers and vines, three dye baths, and the crackle of the broken wax."""

import numpy as np

from styles.brush import ink
from styles.fields import (
    Card,
    Field,
    Sheet,
    colors,
    grain,
    jittered,
    mix,
    nearest_two,
    noise,
    ramp,
    step,
)

CARD = Card(
    "Garden in Indigo and Soga", "Studio Canting", "flower painting", "Batik", 768, 640, 127
)
CLOTH, SOGA, MADDER, INDIGO, NIGHT = colors("f0e0bd c98a35 9c3b22 21407a 111a33")
FLOWERS = (  # x, y, radius, petals
    (150, 150, 105, 8),
    (430, 120, 88, 6),
    (650, 210, 112, 9),
    (300, 330, 96, 7),
    (90, 430, 84, 6),
    (540, 430, 104, 8),
    (270, 555, 82, 6),
    (725, 520, 80, 7),
    (420, 610, 60, 5),
    (560, 30, 56, 5),
    (20, 290, 58, 5),
    (300, 30, 50, 5),
    (20, 620, 64, 6),
    (640, 625, 54, 5),
    (745, 20, 70, 6),
)


def paint(sheet: Sheet) -> Field:
    """Draw in wax, dye, crack the wax, dye again."""
    ground = _ground(sheet)
    petals, hearts, stripes = _flowers(sheet)
    leaves, veins, vines = _vines(sheet)
    uneven = 0.16 * noise(sheet, 90, 4) + 0.05 * noise(sheet, 9, 2)
    night = ramp(np.clip(0.35 + uneven, 0, 1), np.stack([NIGHT, INDIGO, INDIGO * 1.5]))
    cloth = mix(night, ramp(np.clip(0.5 + uneven, 0, 1), np.stack([MADDER, SOGA, CLOTH])), ground)
    cloth = mix(cloth, CLOTH, vines)
    leaf = ramp(np.clip(0.5 + 2 * uneven, 0, 1), np.stack([INDIGO, colors("3f7f8a")[0], SOGA]))
    cloth = mix(mix(cloth, leaf, leaves), CLOTH, veins)
    for cover, color in zip(petals, (CLOTH, SOGA, MADDER, CLOTH), strict=True):
        dyed = color * (1 + 0.7 * uneven)[..., None]
        cloth = mix(cloth, dyed, cover)
    cloth = mix(cloth, NIGHT, stripes)
    for cover, color in zip(hearts, (NIGHT, SOGA, CLOTH), strict=True):
        cloth = mix(cloth, color, cover)
    crackle = _crackle(sheet)
    bright = cloth.mean(-1)
    cloth = mix(cloth, INDIGO * 0.75, crackle * step(0.12, 0.6, bright) * 0.85)
    weave = 0.025 * (np.sin(sheet.x * 2.1) + np.sin(sheet.y * 2.1)) + 0.03 * grain(sheet)
    return np.clip(cloth * (1 + weave)[..., None], 0, 1)


def _crackle(sheet: Sheet) -> Field:
    """Where bent wax cracked and let dye in: long fine breaks that branch."""
    cover = np.zeros_like(sheet.x)
    for spacing, width, share in ((88, 1.5, 0.5), (38, 0.9, 0.1)):
        sites = np.stack(jittered(sheet, spacing), 1)
        bend_x = sheet.x + 9 * noise(sheet, 70, 4)
        bend_y = sheet.y + 9 * noise(sheet, 70, 4)
        _, first, second = nearest_two(bend_x, bend_y, sites)
        gap = second - first
        open_ = width * (0.8 + 0.7 * noise(sheet, 50, 2))
        kept = step(share - 0.5, share + 0.1, noise(sheet, 110, 2) + 0.55)
        cover = np.maximum(cover, np.clip((open_ - gap) * 0.8 + 0.3, 0, 1) * kept)
    return cover


def _ground(sheet: Sheet) -> Field:
    """Rows of wax dots and hooks that fill the dark between the flowers."""
    rng = sheet.rng
    blobs, hooks = [], []
    for x, y in zip(*jittered(sheet, 11, 0.35), strict=True):
        blobs.append(_ring(x, y, rng.uniform(1.4, 2.6), 12))
    for x, y in zip(*jittered(sheet, 40, 0.6), strict=True):
        t = np.linspace(0, 1, 28)
        turn, reach = rng.uniform(0, 7) + 7.5 * t * rng.choice([-1, 1]), 13 * (1 - 0.85 * t)
        path = np.stack([x + reach * np.cos(turn), y + reach * np.sin(turn)], 1)
        hooks.append((path, 3.2 * (1 - 0.6 * t)))
    return np.clip(ink(sheet, hooks) + 0.75 * ink(sheet, [], blobs), 0, 1)


def _ring(x: float, y: float, radius: float, corners: int = 40) -> Field:
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], 1)


def _flowers(sheet: Sheet) -> tuple[list[Field], list[Field], Field]:
    """Covers of the flowers: petal, its inner leaves, its tip; hearts; and drawn stripes."""
    shells: list[list[Field]] = [[], [], [], []]
    hearts: list[list[Field]] = [[], [], []]
    lines: list[tuple[Field, Field | float]] = []
    for x, y, radius, count in FLOWERS:
        spin = sheet.rng.uniform(0, 6)
        for layer, (reach, wide) in enumerate(((1.0, 1.0), (0.88, 0.8), (0.66, 0.62), (0.46, 0.4))):
            for k in range(count):
                aim = spin + 2 * np.pi * k / count
                shells[layer].append(_petal((x, y), radius * reach, aim, wide * 2.5 / count))
        for k in range(count):
            aim = spin + 2 * np.pi * k / count
            for off in (-0.26, -0.13, 0, 0.13, 0.26):
                ways = aim + off * 5 / count * np.linspace(0.6, 1.3, 8)
                out = np.linspace(0.3, 0.86 - abs(off), 8) * radius
                path = np.stack([x + out * np.cos(ways), y + out * np.sin(ways)], 1)
                lines.append((path, np.linspace(2.2, 0.7, 8)))
        hearts[0].append(_ring(x, y, 0.27 * radius))
        hearts[1].append(_ring(x, y, 0.22 * radius))
        for k in range(14):
            aim = k * 2.399963
            out = 0.19 * radius * np.sqrt((k + 0.5) / 14)
            hearts[2].append(
                _ring(x + out * np.cos(aim), y + out * np.sin(aim), 0.026 * radius, 14)
            )
    covers = [ink(sheet, [], blobs) for blobs in shells]
    return covers, [ink(sheet, [], blobs) for blobs in hearts], 0.8 * ink(sheet, lines)


def _petal(at: tuple[float, float], radius: float, aim: float, wide: float) -> Field:
    """A petal from the heart outward, with a notch at its tip."""
    t = np.linspace(0, 1, 26)
    half = 0.44 * wide * np.sin(np.pi * t**0.8) ** 0.75
    out = np.concatenate([t, t[::-1]]) * radius
    side = np.concatenate([half, -half[::-1]]) * radius
    out = out - 0.05 * radius * np.exp(-((side / (0.1 * radius)) ** 2)) * (out > 0.8 * radius)
    return np.stack(
        [
            at[0] + out * np.cos(aim) - side * np.sin(aim),
            at[1] + out * np.sin(aim) + side * np.cos(aim),
        ],
        1,
    )


def _vines(sheet: Sheet) -> tuple[Field, Field, Field]:
    """Vines that wander between the flowers, with veined leaves on both sides."""
    leaves, veins, vines = [], [], []
    for start in range(11):
        s = np.linspace(-40, 820, 150)
        base = start * 66 - 10
        path = np.stack(
            [s, base + 30 * np.sin(s / 74 + 2.1 * start) + 12 * np.sin(s / 29 + start)], 1
        )
        vines.append((path, 3.6))
        for i in range(4, 146, 5):
            side = 1 if i % 2 else -1
            aim = np.arctan2(*(path[i + 1] - path[i])[::-1]) + side * 0.95
            long = sheet.rng.uniform(24, 40)
            at = (float(path[i, 0]), float(path[i, 1]))
            leaves.append(_petal(at, long, aim, 0.85))
            tip = path[i] + 0.86 * long * np.array([np.cos(aim), np.sin(aim)])
            veins.append((np.linspace(path[i], tip, 6), np.linspace(2.4, 0.9, 6)))
            for f in (0.35, 0.55, 0.72):
                root = path[i] + f * (tip - path[i])
                for lean in (-0.8, 0.8):
                    end = root + 0.17 * long * np.array([np.cos(aim + lean), np.sin(aim + lean)])
                    veins.append((np.linspace(root, end, 3), 1.1))
    return ink(sheet, [], leaves), ink(sheet, veins), ink(sheet, vines)
