"""Style networks that are ready to repaint, in whatever they are computed."""

from collections.abc import Callable, Sequence
from typing import Protocol

from medley.images import Pixels
from medley.stylenet.apply import Painter
from medley.stylenet.finish import Made
from medley.stylenet.netfile import NetFile, StyleName
from medley.stylenet.network import make_network


class ReadyPainter(Protocol):
    """Repaints photos, or the frames of a clip, after one mix."""

    def repaint(self, photo: Pixels, tell: Callable[[int, int], None] | None = None) -> Made:
        """Repaint a photo, uint8 RGB `(height, width, 3)`.

        Args:
            photo: the photo, of any size.
            tell: takes how much of the work is done, and of how much.

        Raises:
            ResourceError: memory or disk do not suffice.
        """


class ReadyNet(Protocol):
    """A style network that repaints."""

    @property
    def styles(self) -> Sequence[StyleName]:
        """The paintings that it knows."""

    def painter(self, shares: Sequence[float]) -> ReadyPainter:
        """What repaints photos after one mix, the share of each painting."""

    def drift(self, photo: Pixels) -> Callable[[Sequence[float]], Made]:
        """What repaints one photo after any mix."""


class TorchNet:
    """A network in torch.

    Attributes:
        styles: the paintings that it knows.
    """

    def __init__(self, net: NetFile, device: str) -> None:
        """Bring a network to the device that shall compute."""
        self.styles = net.styles
        self._network = make_network(net).to(device)

    def painter(self, shares: Sequence[float]) -> Painter:
        """What repaints photos after one mix."""
        return Painter(self._network, shares)

    def drift(self, photo: Pixels) -> Callable[[Sequence[float]], Made]:
        """What repaints one photo after any mix; the first convolution is taken once for all."""
        begun = Painter(self._network).begin(photo)
        return lambda shares: Painter(self._network, shares).repaint(begun)
