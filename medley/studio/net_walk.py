"""Walks through the paintings that a style network knows: the mix at each frame, its pictures."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

from medley.images import Pixels
from medley.paintings.catalogs import Entry
from medley.paintings.draws import Painting
from medley.studio.film_shots import Lap, lap_at
from medley.studio.net_opening import open_net
from medley.stylenet.finish import Made
from medley.stylenet.mix import stations_of
from medley.stylenet.netfile import StyleName
from medley.stylenet.ready import ReadyPainter
from medley.transfer.style_path import convex_weights, path_weights, resting

_DIGITS = 3  # of a share; finer ones change no level of a pixel
_REST = 0.1  # of the time, in which a painting stands still

Mix = tuple[float, ...]
"""The share of each of a network's paintings."""


class NetWalk:
    """A network, and the way on which a mix passes some of its paintings.

    Attributes:
        name: its file's name.
        works: the paintings that the way passes before it begins again, as credits name them.
    """

    def __init__(self, path: Path, words: str, device: Sequence[str]) -> None:
        """Open the network.

        Args:
            path: its file.
            words: which paintings the walk passes; see `stylenet.mix.stations_of`.
            device: device that computes; see `open_net`.

        Raises:
            WeightsError: the network is missing, torn, or no style network.
            ConfigError: it knows a single painting, or not one that was asked for.
        """
        self._net = net = open_net(path, device)
        self.name = path.name
        self._count, self._stations = len(net.styles), stations_of(words, net.styles)
        self.works = [_work(net.styles[place]) for place in self._stations]

    def mixes(self, lap: Lap) -> list[Mix]:
        """The mix at each frame of a loop through all the paintings."""
        count = len(self._stations)
        return [self._mix(Fraction(at * count, lap.frames)) for at in range(lap.frames)]

    def stations(self) -> list[Mix]:
        """The mix at each painting: that painting alone."""
        return [self._mix(Fraction(number)) for number in range(len(self._stations))]

    def painter(self, photo: Pixels, finished: Callable[[Made], Pixels]) -> Callable[[Mix], Pixels]:
        """The function that repaints a photo after a mix.

        What single paintings make of it is kept, as they stay for many frames and come again.

        Args:
            photo: uint8 RGB `(height, width, 3)`.
            finished: makes pixels of what the network gave.
        """
        repaint = self._net.drift(photo)

        def paint(mix: Mix) -> Pixels:
            return finished(repaint(mix))

        kept = cache(paint)
        return lambda mix: kept(mix) if max(mix) == 1 else paint(mix)

    def along(self, passages: Sequence[int]) -> Iterator[ReadyPainter]:
        """The painter of each frame of a clip: one and the same as long as the mix stands.

        Args:
            passages: the frames at which paintings are reached; see `passages_of`.
        """
        last, way = passages[-1], len(passages) - 1
        mix = self._mix(Fraction(0))
        painter = self._net.painter(mix)
        for at in range(last + 1):
            here = self._mix(Fraction(at * way, max(1, last)))
            if here != mix:
                mix, painter = here, self._net.painter(here)
            yield painter

    def _mix(self, place: Fraction) -> Mix:
        shares = [0.0] * self._count
        weights = convex_weights(path_weights(resting(float(place), _REST), len(self._stations)))
        for station, weight in zip(self._stations, weights, strict=True):
            shares[station] += round(weight, _DIGITS)
        return tuple(shares)


def passages_of(fps: Fraction, seconds: float, frames: int) -> list[int]:
    """The frames of a clip at which a walk reaches a painting: the first, the last, and between.

    It goes on as often as the time allows, at an even pace, and once at least.

    Args:
        fps: frames a second.
        seconds: least film time from one painting to the next.
        frames: number of frames.

    Raises:
        FilmError: there are too few frames between two paintings.
    """
    last = frames - 1
    way = min(last, max(1, frames // lap_at(fps, seconds, 1).lead))
    return [round(Fraction(last * number, max(1, way))) for number in range(way + 1)]


def _work(style: StyleName) -> Painting[None]:
    entry = Entry(style.handle, style.handle, style.title, style.artist)
    return Painting(Path(style.handle), None, entry)
