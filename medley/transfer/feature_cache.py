"""Features and statistics of pictures, kept for the next shot of the same content or painting."""

import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, TypeVar

import torch
from cachetools import LRUCache
from torch import Tensor

from medley.files import sha256

Finding = TypeVar("Finding")

MOST_BYTES = 64 * 2**20
"""Enough for a content of 1024 x 768 pixels at all of its sizes; larger ones are looked at anew."""


class FeatureCache:
    """A cache of findings by the pixels they were made of; the least recently used goes first.

    Nothing but the tensor that the network is shown counts, so that whatever was done to a picture
    before, its size and its colours are in the key without being named. Threads may share one.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Begin with nothing; of 0 bytes nothing is ever kept."""
        self._kept: LRUCache[Hashable, Any] = LRUCache(most_bytes, getsizeof=_bytes_in)
        self._lock = threading.Lock()

    def recall(
        self, picture: Tensor, by: tuple[Hashable, ...], look: Callable[[], Finding]
    ) -> Finding:
        """Give what is found in a picture, looking for it only if that is not known.

        Args:
            picture: what is looked at.
            by: all else that decides what is found: the network's precision, layers, tiles; one
                cache is for the networks of one set of weights.
            look: finds it, in tensors that nobody changes afterwards.
        """
        # A GPU looks again in less time than its picture takes to the host, to be digested.
        if picture.nbytes > self._kept.maxsize or picture.device.type != "cpu":
            return look()
        # An algorithm that is strictly repeatable may round otherwise than the usual one.
        key = (*by, torch.are_deterministic_algorithms_enabled(), _digest(picture))
        with self._lock:
            known: Finding | None = self._kept.get(key)
        if known is not None:
            return known
        finding = look()
        with self._lock, suppress(ValueError):  # it is larger than all that may be kept
            self._kept.setdefault(key, finding)
        return finding


def _digest(picture: Tensor) -> str:
    pixels = picture.detach().cpu().contiguous().numpy()
    return sha256(f"{pixels.dtype} {pixels.shape}".encode(), pixels.tobytes())


def _bytes_in(finding: object) -> int:
    if isinstance(finding, Tensor):
        return finding.untyped_storage().nbytes()
    if isinstance(finding, dict):
        finding = list(finding.values())
    return sum(map(_bytes_in, finding)) if isinstance(finding, list | tuple) else 0


NO_CACHE = FeatureCache(0)
"""Keeps nothing."""
