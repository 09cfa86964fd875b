"""Where overlays stand: in a bar beside the picture that has room for them, else on the picture."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from medley.film.layers import Layer
from medley.film.layout import Box, Edge, Layout
from medley.film.lettering import CAPTION_SHARE, caption_layer, plaque_layer
from medley.settings import Corner

MARGIN_SHARE = 1 / 30  # from an overlay to an edge, against the picture's shorter side
NARROWEST = 8  # of a bar that captions stand in, against their letters' height


@dataclass(frozen=True)
class Place:
    """A rectangle for an overlay, and where in it the overlay stands.

    Attributes:
        box: the picture, or a bar; in the frame's pixels.
        side: the picture's shorter side, with which overlays grow.
        corner: corner of the box; in a bar only its end counts, and across it is the middle.
        above: pixels by which lower corners of the picture are raised, for captions.
        bar: the edge of the frame that the bar lies at; None on the picture.
    """

    box: Box
    side: int
    corner: Corner = "bottom-left"
    above: int = 0
    bar: Edge | None = None

    @property
    def room(self) -> tuple[int, int]:
        """Height and width of the box within its margins."""
        both = 2 * self._margin
        return max(0, self.box.height - self.above - both), max(0, self.box.width - both)

    @property
    def _margin(self) -> int:
        return max(1, round(self.side * MARGIN_SHARE))

    def put(self, high: int, wide: int) -> tuple[int, int]:
        """Top and left, within the box, of something of that height and width."""
        top = left = self._margin
        if self.bar in ("top", "bottom"):
            top = (self.box.height - high) // 2
        elif self.corner.startswith("bottom"):
            top = self.box.height - self.above - self._margin - high
        if self.bar in ("left", "right"):
            left = (self.box.width - wide) // 2
        elif self.corner.endswith("right"):
            left = self.box.width - self._margin - wide
        return max(0, top), max(0, left)


@dataclass(frozen=True)
class Places:
    """Where the overlays of a film stand.

    Attributes:
        layout: the film's.
        bar: the edge of the frame whose bar captions stand in; None on the picture.
        height: rows that the highest caption takes.
    """

    layout: Layout
    bar: Edge | None = None
    height: int = 0

    @property
    def side(self) -> int:
        """The picture's shorter side, with which overlays grow."""
        return min(self.layout.picture.height, self.layout.picture.width)

    @property
    def captions(self) -> Box:
        """The rectangle that captions are laid in: the picture, or below it, or beside its foot."""
        if self.bar is None:
            return self.layout.picture
        bar, panes = self.layout.bar(self.bar), self.layout.panes
        top = bar.top if self.bar == "bottom" else panes.bottom - self.height
        return Box(top, bar.left, self.height, bar.width)

    def caption(self, text: str) -> Layer | None:
        """A caption's layer in that rectangle; None if nothing fits."""
        if self.bar is None:
            return caption_layer(text, self.captions.height, self.captions.width)
        layer = plaque_layer(text, _letters(self.layout), self.captions.width)
        if layer and self.bar == "right":
            return replace(layer, top=self.height - len(layer.cover))
        return layer

    def corner(self, corner: Corner, high: int, wide: int) -> Place:
        """The place in a corner of the film for something of that height and width at least."""
        vertical: Edge = "top" if corner.startswith("top") else "bottom"
        horizontal: Edge = "left" if corner.endswith("left") else "right"
        for edge in (vertical, horizontal):
            place = Place(self._free(edge), self.side, corner, bar=edge)
            if place.room[0] >= high and place.room[1] >= wide:
                return place
        above = self.height if self.bar is None else 0
        return Place(self.layout.picture, self.side, corner, above)

    def _free(self, edge: Edge) -> Box:
        """What captions leave of a bar."""
        bar = self.layout.bar(edge)
        if edge != self.bar:
            return bar
        if edge == "bottom":
            return Box(self.captions.bottom, bar.left, bar.height - self.height, bar.width)
        return Box(bar.top, bar.left, self.captions.top - bar.top, bar.width)


def plan_places(texts: Iterable[str], layout: Layout) -> Places:
    """Find the place where all of a film's captions fit: below the picture, beside it, or on it."""
    texts = {text for text in texts if text}
    size = _letters(layout)
    edges: tuple[Edge, ...] = ("bottom", "right")
    for edge in edges:
        bar = layout.bar(edge)
        if texts and bar.width >= NARROWEST * size:
            height = max(_rows(plaque_layer(text, size, bar.width)) for text in texts)
            if 0 < height <= bar.height:
                return Places(layout, edge, height)
    box = layout.picture
    heights = (_rows(caption_layer(text, box.height, box.width)) for text in texts)
    return Places(layout, None, max(heights, default=0))


def _letters(layout: Layout) -> int:
    """The height of letters in a bar: as on a picture that fills the frame."""
    return max(8, round(min(layout.height, layout.width) * CAPTION_SHARE))


def _rows(layer: Layer | None) -> int:
    return len(layer.cover) if layer else 0
