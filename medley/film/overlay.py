"""What lies over a film's pictures: captions, the painting in a corner, the loss as a small curve.

All of it follows from what a frame shows, so that it dissolves with the pictures it belongs to. It
does not jump with them, though: it comes from nothing over `RISE_S`, and goes as slowly.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from medley.film.layers import Layer, blend, widened
from medley.film.layout import Box
from medley.film.lettering import STRIP_DARKNESS
from medley.film.places import Place, Places
from medley.film.timeline import Frame, Still
from medley.images import Pixels
from medley.settings import Corner

RISE_S = 0.4  # seconds in which an overlay comes, and again in which it goes

# Against the picture's shorter side:
INSET_SHARE = 0.27  # the side of a square as large as the painting,
INSET_LONGEST = 0.42  # which is never longer or wider than this
INSET_GROWTH = 1.7  # in a bar that has the room
INSET_SHRINKING = 0.6  # in a bar that has not; in a narrower one there is none
SPARK_WIDTH, SPARK_HEIGHT = 0.36, 0.14
SPARK_LINE = 1 / 190

MAT = np.array([245, 243, 238], np.float32)  # the painting's thin white border
SHADOW = 0.45  # the darkest that the painting casts
FAINT = 0.38  # of the curve that is still to come
SPARK_INK = np.array([255, 255, 255], np.float32)
DOT_INK = np.array([255, 196, 84], np.float32)
_FINER = 4  # how much finer a curve is drawn than it is shown


@dataclass(frozen=True)
class Moment:
    """A frame of the film: its number, what it shows, and how far its shots' overlays are there."""

    number: int
    frame: Frame
    presence: Mapping[int, float]


Overlay = Callable[[Pixels, Moment], None]
"""Draws into a frame, in place."""


def shares_of(frame: Frame) -> dict[int, float]:
    """How much of a frame each of its shots is."""
    amounts: dict[int, float] = {}
    for still, amount in _stills(frame):
        if still.shot is not None:
            amounts[still.shot] = amounts.get(still.shot, 0.0) + amount
    return amounts


def presences(
    shares: Sequence[Mapping[int, float]], fps: Fraction, loops: bool
) -> list[Mapping[int, float]]:
    """How much of each shot's overlays is in every frame: as much as of the shot, but never a jump.

    From frame to frame it rises and falls by no more than `RISE_S` allows, so that overlays go
    before a cut, or before a rewind's last frame, and come after it.

    Args:
        shares: how much of each frame each of its shots is.
        fps: frames a second.
        loops: whether the first frame follows the last; otherwise the film rises from nothing and
            ends as it is.
    """
    rise = 1 / max(1.0, float(fps) * RISE_S)
    risen = _rising(shares, rise, shares[-1] if loops else {}, loops)
    backward = risen[::-1]
    return _rising(backward, rise, backward[-1] if loops else backward[0], loops)[::-1]


def _rising(
    shares: Sequence[Mapping[int, float]], rise: float, before: Mapping[int, float], loops: bool
) -> list[Mapping[int, float]]:
    """Keep each share from rising faster; a loop's first lap tells what its second begins with."""
    found: list[Mapping[int, float]] = []
    for now in [*shares, *shares] if loops else shares:
        before = {shot: min(amount, before.get(shot, 0.0) + rise) for shot, amount in now.items()}
        found.append(before)
    return found[-len(shares) :]


def captions(texts: Sequence[str], places: Places) -> Overlay:
    """What is written on each shot, along its picture's lower edge or in a bar."""

    @lru_cache(maxsize=8)
    def layer_of(shot: int) -> Layer | None:
        return places.caption(texts[shot]) if texts[shot] else None

    return _of_shots(layer_of, places.captions)


def insets(paintings: Sequence[Pixels | None], places: Places, corner: Corner) -> Overlay:
    """Each shot's painting in a corner of its picture or in a bar, with a thin frame and a shadow.

    Args:
        paintings: each shot's painting; None where there is none.
        places: where captions leave room.
        corner: which corner.
    """
    least = round(INSET_SHRINKING * INSET_SHARE * places.side)
    place = places.corner(corner, least, least)

    @lru_cache(maxsize=8)
    def layer_of(shot: int) -> Layer | None:
        painting = paintings[shot]
        return None if painting is None else _inset(painting, place)

    return _of_shots(layer_of, place.box)


def sparklines(losses: Sequence[Mapping[int, float]], places: Places, corner: Corner) -> Overlay:
    """Each shot's loss, on logarithmic axes, up to the step shown; what is to come is faint.

    Args:
        losses: each shot's losses by step; a shot with fewer than two has no curve.
        places, corner: the place; see `insets`.
    """
    place = places.corner(corner, *_Curve.size(places.side))

    @lru_cache(maxsize=8)
    def curve_of(shot: int) -> "_Curve | None":
        known = {step: loss for step, loss in losses[shot].items() if loss > 0}
        return _Curve(known, place) if len(known) > 1 else None

    def draw(frame: Pixels, moment: Moment) -> None:
        layers = []
        for shot, amount in moment.presence.items():
            if curve := curve_of(shot):
                layers += [(layer, amount) for layer in curve.at(_step_shown(moment.frame, shot))]
        # The plate, the bright part and the dot lie on one another and not side by side.
        view = place.box.of(frame)
        for depth in range(3):
            blend(view, layers[depth::3])

    return draw


class _Curve:
    """One shot's loss, drawn once."""

    def __init__(self, losses: Mapping[int, float], place: Place) -> None:
        self._line = max(1.0, place.side * SPARK_LINE)
        pad = math.ceil(2.5 * self._line)
        high, wide = self.size(place.side)
        self._top, self._left = place.put(high, wide)
        steps = sorted(losses)
        across = np.log1p(np.array(steps) - steps[0])
        # On a walk a loss may fall below 0; below 1 nothing is to be told apart.
        loss = np.log(np.maximum([losses[step] for step in steps], 1.0))
        fall = (loss.max() - loss) / (np.ptp(loss) or 1.0)
        self._steps = np.array(steps, float)
        self._x = pad + across / across[-1] * (wide - 1 - 2 * pad)
        self._y = pad + fall * (high - 1 - 2 * pad)
        stroke = self._stroke(high, wide)
        dark = np.float32(1 - STRIP_DARKNESS)
        faint = np.float32(FAINT) * stroke
        self._plate = Layer(self._top, self._left, faint * SPARK_INK, 1 - dark * (1 - faint))
        self._bright = stroke

    @staticmethod
    def size(side: int) -> tuple[int, int]:
        """Height and width of a curve on a picture whose shorter side is that long."""
        return max(9, round(side * SPARK_HEIGHT)), max(16, round(side * SPARK_WIDTH))

    def at(self, step: float) -> tuple[Layer, Layer, Layer]:
        """The plate with the faint curve, the bright part up to a step, and the dot at its end."""
        x = float(np.interp(step, self._steps, self._x))
        y = float(np.interp(x, self._x, self._y))
        passed = self._bright[:, : max(1, round(x) + 1)]
        bright = Layer(self._top, self._left, passed * SPARK_INK, passed)
        radius = 2.0 * self._line
        top, left = math.floor(y - radius), math.floor(x - radius)
        span = np.arange(math.ceil(2 * radius) + 2)
        away = np.hypot((span + top - y)[:, None], span + left - x)
        disc = np.clip(radius + 0.5 - away, 0, 1).astype(np.float32)[..., None]
        return self._plate, bright, Layer(self._top + top, self._left + left, disc * DOT_INK, disc)

    def _stroke(
        self, high: int, wide: int
    ) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
        """How much of each pixel the curve covers."""
        image = Image.new("L", (wide * _FINER, high * _FINER))
        spots = zip((self._x + 0.5) * _FINER, (self._y + 0.5) * _FINER, strict=True)
        width = max(1, round(self._line * _FINER))
        ImageDraw.Draw(image).line([(x, y) for x, y in spots], fill=255, width=width, joint="curve")
        image = image.reduce(_FINER)
        return widened(np.asarray(image, np.float32)[..., None] / np.float32(255))


def _inset(painting: Pixels, place: Place) -> Layer:
    side = place.side
    growth = INSET_GROWTH if place.bar else 1.0
    high, wide = painting.shape[:2]
    scale = growth * side * INSET_SHARE / math.sqrt(high * wide)
    scale = min(scale, growth * side * INSET_LONGEST / max(high, wide))
    if place.bar:
        scale = min(scale, place.room[0] / high, place.room[1] / wide)
    size = max(4, round(wide * scale)), max(4, round(high * scale))
    mat = max(1, round(side / 160))
    blur = side / 90
    reach = math.ceil(2 * blur)
    high, wide = size[1] + 2 * mat, size[0] + 2 * mat
    top, left = place.put(high, wide)
    shade = Image.new("L", (wide + 2 * reach, high + 2 * reach))
    drop = round(blur / 2)
    shade.paste(255, (reach, reach + drop, reach + wide, min(reach + drop + high, shade.height)))
    shade = shade.filter(ImageFilter.GaussianBlur(blur))
    cover = np.array(shade, np.float32)[..., None] * np.float32(SHADOW / 255)
    ink = np.zeros((*cover.shape[:2], 3), np.float32)
    cover[reach : reach + high, reach : reach + wide] = 1
    ink[reach : reach + high, reach : reach + wide] = MAT
    small = Image.fromarray(painting).resize(size, Image.Resampling.LANCZOS)
    ink[reach + mat : reach + high - mat, reach + mat : reach + wide - mat] = np.asarray(small)
    return Layer(top - reach, left - reach, ink, widened(cover))


def _of_shots(layer_of: Callable[[int], Layer | None], box: Box) -> Overlay:
    """Each shot's one layer, as far as the shot is there."""

    def draw(frame: Pixels, moment: Moment) -> None:
        layers = [(layer_of(shot), amount) for shot, amount in moment.presence.items()]
        blend(box.of(frame), [(layer, amount) for layer, amount in layers if layer])

    return draw


def _stills(frame: Frame) -> list[tuple[Still, float]]:
    if frame.second is None:
        return [(frame.first, 1.0)]
    return [(frame.first, 1 - frame.mix), (frame.second, frame.mix)]


def _step_shown(frame: Frame, shot: int) -> float:
    """The step that a frame shows of a shot, between two of them by their mix."""
    own = [(still.step, amount) for still, amount in _stills(frame) if still.shot == shot]
    total = sum(amount for _, amount in own)
    if not total:
        return own[0][0]
    return sum(step * amount for step, amount in own) / total
