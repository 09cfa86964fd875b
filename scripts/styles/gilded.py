"""Gold leaf, spirals and watching eyes: the branches of a tree that fills the whole sheet."""

import numpy as np

from styles.brush import ink, light
from styles.fields import Card, Field, Sheet, colors, grain, jittered, mix, noise, ramp, step

CARD = Card("Tree of Spirals", "Studio Aurum", "symbolic painting", "Art Nouveau", 700, 768, 83)
LEAF = colors("6e4a12 a97a1f d4a437 efcb62 fdeeb0")
GEMS = colors("1c1a17 7a1f1f c8452b 1f5a4a 2f4a8a f4ead0 8a5aa0 e58a2f")
SPIRALS = (  # x, y, radius, turns, start angle
    (150, 150, 118, 3.4, 1.2),
    (400, 120, 104, -3.2, 2.0),
    (600, 190, 112, 3.3, 2.6),
    (275, 300, 92, -3.0, 1.0),
    (490, 330, 100, 3.1, 1.9),
    (90, 380, 90, 3.0, 0.6),
    (640, 420, 80, -2.9, 2.4),
    (205, 470, 62, 2.6, 0.8),
    (395, 225, 50, 2.4, 2.2),
    (270, 62, 44, -2.2, 1.1),
    (520, 52, 46, 2.3, 1.8),
    (40, 40, 44, 2.2, 0.9),
    (668, 66, 44, -2.2, 2.3),
    (30, 262, 46, -2.3, 0.9),
    (566, 500, 52, -2.4, 2.5),
    (318, 410, 36, 2.2, 1.4),
    (100, 520, 44, -2.3, 0.4),
    (672, 300, 40, 2.2, 2.6),
)


def paint(sheet: Sheet) -> Field:
    """Lay the leaf, set the ornaments, draw the tree over them."""
    leaf, relief = _gold(sheet)
    picture, lift = _meadow(sheet, leaf)
    relief = relief + 0.6 * lift
    picture, relief = _ornaments(sheet, picture, relief)
    lines = _tree()
    border = ink(sheet, [(path, width + 5.5) for path, width in lines])
    bark = ink(sheet, lines)
    picture = mix(picture, colors("231208")[0], border)
    wood = ramp(
        np.clip(0.45 + 0.25 * noise(sheet, (8, 26), 3), 0, 1), colors("4a2a12 8a5422 c98f3a f0c766")
    )
    picture = mix(picture, wood, bark)
    eyes = _eyes(sheet)
    for cover, color in eyes:
        picture = mix(picture, color, cover)
        relief = relief + 0.35 * cover
    relief = relief + 0.8 * bark + 0.2 * border
    return light(picture * (1 + 0.02 * grain(sheet))[..., None], relief, 0.55, 0.2)


def _gold(sheet: Sheet) -> tuple[Field, Field]:
    """Squares of leaf that overlap, wrinkle and wear through to the red clay."""
    pitch = 74.0
    column = np.floor((sheet.x + 3 * noise(sheet, 90, 2)) / pitch)
    row = np.floor((sheet.y + 3 * noise(sheet, 90, 2)) / pitch)
    tone = np.sin(column * 12.99 + row * 78.23) * 43758.55
    tone = 0.12 * (tone - np.floor(tone) - 0.5)
    wrinkle = noise(sheet, (26, 16), 4)
    crease = np.exp(-np.abs(wrinkle) * 9)
    gold = ramp(np.clip(0.55 + tone + 0.13 * noise(sheet, 40, 5) + 0.2 * crease, 0, 1), LEAF)
    worn = step(1.35, 1.9, noise(sheet, 30, 5))
    return mix(gold, colors("8a2f1c")[0], 0.7 * worn), 0.5 * wrinkle + 0.6 * crease


def _meadow(sheet: Sheet, leaf: Field) -> tuple[Field, Field]:
    """A flowery hem of little rectangles under the tree."""
    top = 575 + 26 * np.sin(sheet.x / 110) + 10 * np.sin(sheet.x / 37)
    ground = step(-2, 2, sheet.y - top)
    bent = sheet.y - 0.6 * (top - 575)
    row = np.floor(bent / 15)
    wide = 11 + 14 * np.abs(np.sin(row * 5.1))
    column = np.floor((sheet.x + 37 * np.sin(row * 3.7)) / wide)
    pick = np.abs(np.sin(row * 127.1 + column * 311.7) * 43758.5)
    gem = GEMS[(pick * 7 % len(GEMS)).astype(int)]
    inner = np.minimum((sheet.x + 37 * np.sin(row * 3.7)) % wide, bent % 15)
    frame = step(1.2, 2.4, inner)
    tile = mix(colors("2a1a0c")[0], gem, frame)
    keep = (pick * 3 % 1 < 0.62) * ground
    base = mix(leaf, leaf * colors("c89a6a")[0], ground)
    return mix(base, tile, keep), keep * frame


def _ornaments(sheet: Sheet, picture: Field, relief: Field) -> tuple[Field, Field]:
    """Small rings, dots and triangles pressed into the gold between the branches."""
    rng = sheet.rng
    layers: dict[int, list[Field]] = {}
    for x, y in zip(*jittered(sheet, 23, 0.7), strict=True):
        kind, gem = rng.random(), int(rng.integers(len(GEMS)))
        size = rng.uniform(2.5, 7.5)
        if kind < 0.5:
            layers.setdefault(gem, []).append(_polygon(x, y, size, 24))
            layers.setdefault(20 + (gem + 5) % 8, []).append(_polygon(x, y, size * 0.5, 20))
        elif kind < 0.8:
            layers.setdefault(gem, []).append(
                _polygon(x, y, size * 1.3, 3, rng.choice([0.5, -0.5]))
            )
        else:
            layers.setdefault(gem, []).append(_polygon(x, y, size * 1.2, 4, 0.25))
    for gem, blobs in sorted(layers.items()):
        cover = 0.85 * ink(sheet, [], blobs)
        picture = mix(picture, GEMS[gem % 20], cover)
        relief = relief + 0.5 * cover
    return picture, relief


def _polygon(x: float, y: float, radius: float, corners: int, turn: float = 0.0) -> Field:
    around = (np.arange(corners) / corners + turn / 2) * 2 * np.pi
    return np.stack([x + radius * np.cos(around), y + radius * np.sin(around)], 1)


def _tree() -> list[tuple[Field, Field]]:
    """Trunk, boughs that swing from it to every spiral, and the spirals themselves."""
    lines = []
    down = np.linspace(250, 780, 60)
    sway = 352 + 14 * np.sin(down / 70)
    lines.append((np.stack([sway, down], 1), 26 + 46 * ((down - 250) / 530) ** 2))
    for cx, cy, radius, turns, start in SPIRALS:
        t = np.linspace(0, 1, 200)
        reach = radius * (1 - t) ** 0.9 + 3
        around = start + 2 * np.pi * turns * t
        coil = np.stack([cx + reach * np.cos(around), cy + reach * np.sin(around)], 1)
        root = np.array(
            [352.0 + 6 * np.sign(cx - 352), min(560.0, cy + 190 + 0.18 * abs(cx - 352))]
        )
        first, ahead = coil[0], coil[0] - coil[3]
        ahead = ahead / np.hypot(*ahead) * 0.5 * np.hypot(*(first - root))
        s = np.linspace(0, 1, 60)[:, None]
        lift = np.array([0.0, -0.5 * np.hypot(*(first - root))])
        bough = (
            (1 - s) ** 3 * root
            + 3 * (1 - s) ** 2 * s * (root + lift)
            + 3 * (1 - s) * s**2 * (first + ahead)
            + s**3 * first
        )
        path = np.concatenate([bough, coil[1:]])
        thick = 2.2 + 0.105 * radius
        lines.append((path, np.linspace(1.25, 0.42, len(path)) * thick))
    return lines


def _eyes(sheet: Sheet) -> list[tuple[Field, Field]]:
    """Almond eyes at the hearts of the spirals and scattered on the trunk."""
    whites, rims, irises, pupils = [], [], [], []
    hearts = [(x, y, 5 + 0.1 * r, 0.0) for x, y, r, _, _ in SPIRALS]
    hearts += [(352 + 14 * np.sin(y / 70), y, 9 + (y - 400) / 60, 0.0) for y in range(420, 760, 46)]
    t = np.linspace(-1, 1, 24)
    for x, y, size, _ in hearts:
        lid = np.cos(t * np.pi / 2) * 0.62
        almond = np.concatenate([np.stack([t, lid], 1), np.stack([t, -lid], 1)[::-1]])
        rims.append(np.array([x, y]) + almond * (size + 3))
        whites.append(np.array([x, y]) + almond * size)
        irises.append(_polygon(x, y, size * 0.46, 24))
        pupils.append(_polygon(x, y, size * 0.2, 16))
    inks = colors("1c1208 f6ecd2 1f5a6a 0c0a08")
    shapes = (rims, whites, irises, pupils)
    return [(ink(sheet, [], blobs), color) for blobs, color in zip(shapes, inks, strict=True)]
