"""The network that sees a shot's pictures, on its device, and what all shots of a run share."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from medley.errors import WeightsError
from medley.settings import ShotSettings
from medley.studio.shooting.device import choose_precision
from medley.transfer.seen import NOTHING, Seen
from medley.vgg.layers import HALVES, Precision, convolutions_for
from medley.vgg.weights import Weights, load_weights

if TYPE_CHECKING:  # torch takes a second to import, and plans do without
    import torch
    from torch import Tensor

    from medley.transfer.together import Table
    from medley.vgg.network import VGG19


@dataclass(frozen=True)
class Camera:
    """What every shot of a run shares.

    Attributes:
        weights: which the network has; without tensors, where it computes in halves on a CPU.
        network: on the device, computing in `precision`.
        make_exact: gives the same in float32.
        device: where they are.
        precision: never "auto".
        tile: a picture that is larger is computed in tiles of that side; None: as a whole.
        seen: what the network has seen in pictures of earlier shots.
        table: where shots that are taken in threads at once wait for one another; None: alone.
    """

    weights: Weights
    network: VGG19
    make_exact: Callable[[], VGG19]
    device: torch.device
    precision: Precision
    tile: int | None = None
    seen: Seen = NOTHING
    table: Table | None = None

    @property
    def exact(self) -> VGG19:
        """The network in float32: it judges final pictures, and takes over where halves fail.

        Raises:
            WeightsError: its weights had to be read again, and are no longer there or others.
        """
        return self.make_exact()

    @property
    def is_half(self) -> bool:
        """Whether `network` and `exact` differ."""
        return self.precision in HALVES


def load_camera(settings: ShotSettings, device: torch.device, tile: int | None = None) -> Camera:
    """Load the weights that the settings ask for and put a network on the device.

    Raises:
        WeightsError: they are not there or not whole.
    """
    from medley.vgg.network import VGG19

    precision = choose_precision(settings.precision, device)

    def make(tensors: Mapping[str, tuple[Tensor, Tensor]], precision: Precision) -> VGG19:
        made = VGG19(tensors, settings.layers, settings.pooling, precision, settings.padding)
        return made.to(device).eval()

    weights = _load(settings)
    if precision not in HALVES:
        network = make(weights.tensors, precision)
        return Camera(weights, network, lambda: network, device, precision, tile)
    network = make(weights.tensors, precision)
    if device.type != "cpu":  # there is room, and a small shot takes no longer than reading does
        exact = make(weights.tensors, "float32")
        return Camera(weights, network, lambda: exact, device, precision, tile)
    digest, weights = weights.digest, replace(weights, tensors={})
    lent = _Loan(lambda: make(_load(settings, digest).tensors, "float32"))
    return Camera(weights, network, lent, device, precision, tile)


def _load(settings: ShotSettings, digest: str | None = None) -> Weights:
    """The weights that a shot's settings ask for; those of a digest, if one is given."""
    weights = load_weights(settings.source, layers=convolutions_for(settings.layers))
    if digest not in (None, weights.digest):
        raise WeightsError(
            f"'{settings.weights}' holds other weights than when this shot was begun; put the old"
            " ones back, or begin anew with these"
        )
    return weights


class _Loan:
    """Something that is made when it is wanted, and gone once nobody has it any more.

    A network in float32 takes 52 MB and is wanted for one judgement at a shot's end; that is a
    tenth of what a small shot takes besides torch, and reading it again takes 0.1 s.
    """

    def __init__(self, make: Callable[[], VGG19]) -> None:
        self._make = make
        self._lent: Callable[[], VGG19 | None] = lambda: None
        self._lock = threading.Lock()

    def __call__(self) -> VGG19:
        with self._lock:
            if (network := self._lent()) is None:
                network = self._make()
                self._lent = weakref.ref(network)
            return network
