"""A woodblock print: waves behind waves in four blues, a vermilion sun, the grain of the block."""

import numpy as np

from styles.brush import ink
from styles.fields import Card, Field, Sheet, colors, grain, mix, noise, ramp, step

CARD = Card("Nine Waves at Dawn", "Studio Katsura", "marina", "Ukiyo-e", 768, 528, 101)
CREAM, PRUSSIAN, VERMILION = colors("f1e4c3 12294d cf4326")
BLUES = colors("16325f 24558c 4f88b0 93b9c4 c9d8cb")
ROWS = (  # crest height, wave length, lift, phase
    (196, 150, 26, 0.2),
    (232, 190, 38, 0.9),
    (272, 230, 56, 0.35),
    (325, 280, 78, 1.9),
    (392, 330, 100, 0.8),
    (470, 390, 104, 2.6),
    (560, 430, 96, 1.2),
)


def paint(sheet: Sheet) -> Field:
    """Print block after block, back to front, each with its own wood grain."""
    page = _sky(sheet)
    for row in ROWS:
        page = _wave(sheet, page, row)
    spray = _spray(sheet)
    page = mix(page, PRUSSIAN, ink(sheet, [], [b for b, _ in spray]))
    page = mix(page, CREAM, ink(sheet, [], [b for _, b in spray]))
    fibre = (
        0.02 * noise(sheet, (50, 4), 3) + 0.018 * noise(sheet, (4, 40), 3) + 0.018 * grain(sheet)
    )
    aged = colors("fff1cf")[0] * (1 - 0.05 * np.clip(noise(sheet, 240, 3), 0, 2))[..., None]
    return np.clip(page * aged * (1 + fibre)[..., None], 0, 1)


def _block_grain(sheet: Sheet) -> Field:
    """What the block leaves in its ink: annual rings as paler lines, baren marks as blots."""
    warp = sheet.y + 26 * noise(sheet, (420, 110), 2) + sheet.rng.uniform(0, 400)
    rings = np.sin(warp / 2.6 + 1.4 * noise(sheet, (240, 30), 2))
    pale = np.clip(0.5 * rings + 0.35 * noise(sheet, (60, 3), 2) - 0.05, 0, 1)
    blot = 0.06 * noise(sheet, 14, 4) + 0.05 * grain(sheet)
    return np.asarray(pale + blot, np.float32)


def _printed(color: Field, block: Field, strength: float = 0.16) -> Field:
    """`color` printed from a block: the cream paper shows where its grain took less ink."""
    return color + (CREAM - color) * (strength * block)[..., None]


def _sky(sheet: Sheet) -> Field:
    """Graded bands of dawn, a sun cut by mist."""
    fall = sheet.y / 240 + 0.02 * noise(sheet, 200, 2)
    sky = ramp(np.clip(fall, 0, 1), colors("1d3c6e 4f7fa2 c5cdb2 f1e0b4 f0b57a e8875a"))
    block = _block_grain(sheet)
    sky = _printed(sky, block, 0.3)
    sun = np.hypot(sheet.x - 540, sheet.y - 108)
    sky = mix(sky, _printed(VERMILION + 0 * sky, block, 0.25), step(67, 65, sun))
    for base, reach, left, right in (
        (60, 9, -50, 300),
        (84, 11, 120, 560),
        (122, 8, 430, 820),
        (150, 12, -40, 260),
        (142, 7, 320, 640),
        (36, 6, 480, 800),
        (24, 7, 200, 420),
        (106, 6, -30, 130),
    ):
        bank = np.hypot(np.maximum(np.maximum(left - sheet.x, sheet.x - right), 0), sheet.y - base)
        line = np.abs(bank - reach)
        sky = mix(sky, CREAM, step(reach + 0.7, reach - 0.7, bank))
        sky = mix(sky, PRUSSIAN, step(1.7, 0.6, line) * 0.9)
    return sky


def _profile(row: tuple[float, ...], inset: float, s: Field) -> Field:
    """A breaking crest line, `inset` units below the topmost one: points `(n, 2)`."""
    base, length, lift, phase = row
    turn = 2 * np.pi * s / length + phase
    swell = (0.5 + 0.5 * np.cos(turn)) ** 1.7 * lift * (0.86 + 0.14 * np.sin(0.37 * turn + phase))
    swell = swell * np.exp(-inset / (1.25 * lift + 30))
    lean = 0.95 * swell * (swell / lift) * np.exp(-inset / 60) + 0.3 * inset
    return np.stack([s - lean, base - swell + inset], 1)


def _wave(sheet: Sheet, page: Field, row: tuple[float, ...]) -> Field:
    """One row of waves: bands that hug the crest, dark contours, and a fringe of foam claws."""
    base, _, lift, _ = row
    s = np.linspace(-260, 1180, 900)
    block = _block_grain(sheet)
    below = np.array([[1400.0, 900.0], [-500.0, 900.0]])
    crest = _profile(row, 0, s)
    page = mix(page, CREAM, ink(sheet, [], [np.concatenate([crest, below])]))
    gap = 5.0 + lift * 0.085
    for band in range(1, 15):
        edge = _profile(row, band * gap * (1 + 0.035 * band), s)
        cover = ink(sheet, [], [np.concatenate([edge, below])])
        tone = BLUES[(0, 3, 1, 4, 0, 2, 1, 3)[band % 8]]
        fade = np.clip((sheet.y - base + lift) / (2.4 * lift), 0, 1)
        faded = tone + (BLUES[0] - tone) * (0.55 * fade)[..., None]
        print_ = _printed(faded, np.roll(block, 37 * band, 0), 0.17)
        page = mix(page, print_, cover)
        press = 1.1 + 0.9 * np.clip(np.sin(s / 37 + band * 2.1), 0, 1)
        page = mix(page, PRUSSIAN, 0.92 * ink(sheet, [(edge, press)]))
    page = mix(page, PRUSSIAN, ink(sheet, [(crest, 2.2)]))
    return _foam(sheet, page, row, crest)


def _foam(sheet: Sheet, page: Field, row: tuple[float, ...], crest: Field) -> Field:
    """Curled fingers of foam along the upper part of the crests."""
    base, _, lift, _ = row
    rng, outer, inner, veins = sheet.rng, [], [], []
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(crest, axis=0).T))])
    for at in np.arange(0, along[-1], 4.2 + lift * 0.035):
        i = int(np.searchsorted(along, at))
        x, y = crest[min(i, len(crest) - 1)]
        high = (base - y) / lift
        if high < 0.34 or not -40 < x < 810:
            continue
        size = (2.6 + 0.085 * lift) * rng.uniform(0.75, 1.25) * (0.55 + 0.6 * high)
        tip = np.array([x - 1.1 * size, y + 1.0 * size * rng.uniform(0.3, 1.2)])
        for centre, radius in (
            ((x, y), size),
            (tip, size * 0.66),
            (tip + size * np.array([-0.5, 0.75]), size * 0.42),
        ):
            outer.append(_round(centre, radius + 1.5))
            inner.append(_round(centre, radius))
        veins.append((np.linspace((x + 0.3 * size, y - 0.2 * size), tip, 6), 1.0))
    page = mix(page, PRUSSIAN, ink(sheet, [], outer))
    page = mix(page, CREAM, ink(sheet, [], inner))
    pale = colors("a9c3c6")[0]
    return mix(page, pale, ink(sheet, veins))


def _round(centre: Field | tuple[float, float], radius: float) -> Field:
    turn = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    return np.stack([centre[0] + radius * np.cos(turn), centre[1] + radius * np.sin(turn)], 1)


def _spray(sheet: Sheet) -> list[tuple[Field, Field]]:
    """Drops thrown off the crests, as rims and their cream hearts."""
    drops = []
    for row in ROWS[1:]:
        crest = _profile(row, 0, sheet.rng.uniform(-100, 1000, 240))
        high = (row[0] - crest[:, 1]) / row[2]
        for x, y in crest[high > 0.55]:
            at = (x - sheet.rng.exponential(16), y - sheet.rng.normal(6, 9))
            size = sheet.rng.uniform(0.8, 2.6)
            drops.append((_round(at, size + 1.1), _round(at, size)))
    return drops
