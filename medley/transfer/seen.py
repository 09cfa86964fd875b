"""What a network has seen in pictures, kept for the next shot of the same content or painting."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from medley.files import sha256

if TYPE_CHECKING:  # torch takes a second to import, and plans do without
    from torch import Tensor

Finding = TypeVar("Finding")

MOST_BYTES = 64 * 2**20
"""Enough for a content of 1024 x 768 pixels at all of its sizes; larger ones are looked at anew."""


class Seen:
    """Findings by the pixels that they were made of; what was asked for longest ago goes first.

    Nothing but the tensor that the network is shown counts, so that whatever was done to a picture
    before, its size and its colours are in the key without being named. Threads may share one.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Begin with nothing; of 0 bytes nothing is ever kept."""
        self._most = most_bytes
        self.kept_bytes = 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(
        self, picture: Tensor, by: tuple[Hashable, ...], look: Callable[[], Finding]
    ) -> Finding:
        """What is found in a picture, looked for only if that is not known.

        Args:
            picture: that is looked at.
            by: all else that decides what is found: the network's precision, layers, tiles; one
                `Seen` is for the networks of one set of weights.
            look: finds it, in tensors that nobody changes afterwards.
        """
        import torch

        if picture.nbytes > self._most:
            return look()
        # An algorithm that is strictly repeatable may round otherwise than the usual one.
        key = (*by, torch.are_deterministic_algorithms_enabled(), _digest(picture))
        with self._lock:
            if known := self._kept.get(key):
                self._kept.move_to_end(key)
                finding: Finding = known[0]
                return finding
        finding = look()
        with self._lock:
            self._keep(key, finding, _bytes_in(finding))
        return finding

    def _keep(self, key: Hashable, finding: object, size: int) -> None:
        if size > self._most or key in self._kept:
            return
        self._kept[key] = finding, size
        self.kept_bytes += size
        while self.kept_bytes > self._most:
            _, (_, freed) = self._kept.popitem(last=False)
            self.kept_bytes -= freed


NOTHING = Seen(0)
"""Keeps nothing."""


def _digest(picture: Tensor) -> str:
    pixels = picture.detach().cpu().contiguous().numpy()
    return sha256(f"{pixels.dtype} {pixels.shape}".encode(), pixels.tobytes())


def _bytes_in(finding: object) -> int:
    from torch import Tensor

    if isinstance(finding, Tensor):
        return finding.untyped_storage().nbytes()
    if isinstance(finding, dict):
        finding = list(finding.values())
    return sum(map(_bytes_in, finding)) if isinstance(finding, list | tuple) else 0
