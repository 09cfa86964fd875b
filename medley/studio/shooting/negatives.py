"""Pictures that are not in memory: a plan of 10,000 shots needs their sizes and digests alone."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Self, TypeVar

import numpy as np

from medley.errors import PictureError
from medley.files import sha256
from medley.images import Pixels

Holder = TypeVar("Holder")


class Negative(np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]):
    """Stands in for pixels wherever only their shape and digest are asked for.

    It takes no memory to speak of, and its own pixels are all 0. `develop` gives the true ones.
    """

    digest: str
    name: str
    _read: Callable[[], Pixels]

    def __new__(
        cls, shape: tuple[int, ...], name: object, digest: str, read: Callable[[], Pixels]
    ) -> Self:
        """Remember what a picture is and where it comes from.

        Args:
            shape: `(height, width, 3)`.
            name: what errors call it.
            digest: of the pixels; "" if they follow from the name, and nobody asks.
            read: gives them again.
        """
        self = np.broadcast_to(np.zeros(1, np.uint8), shape).view(cls)
        self.name, self.digest, self._read = str(name), digest, read
        return self

    def develop(self) -> Pixels:
        """Read the pixels again.

        Raises:
            PictureError: they cannot be read any more, or are other ones.
        """
        pixels = self._read()
        if self.digest and digest_of(pixels) != self.digest:
            raise PictureError(f"'{self.name}' was changed since it was looked at; start again")
        return pixels

    def __reduce__(self) -> Any:
        """Refuse to be sent anywhere: 0 would arrive as the pixels."""
        raise TypeError("a negative cannot be pickled; develop it first")


def digest_of(pixels: Pixels) -> str:
    """Digest a picture's shape and pixels; of a negative it is known."""
    if isinstance(pixels, Negative):
        return pixels.digest
    return sha256(str(pixels.shape).encode(), pixels.tobytes())


def developed(pixels: Pixels) -> Pixels:
    """A picture's pixels, which a negative reads.

    Raises:
        PictureError: they cannot be read any more, or are other ones.
    """
    return pixels.develop() if isinstance(pixels, Negative) else pixels


def develop(holder: Holder, by: Callable[[Negative], Pixels]) -> Holder:
    """A dataclass in which pictures have taken the place of negatives, at any depth.

    Args:
        holder: is left as it is.
        by: gives a negative's pixels.
    """
    changed = {
        field.name: new
        for field in fields(holder)  # type: ignore[arg-type]
        if (new := _developed(value := getattr(holder, field.name), by)) is not value
    }
    return replace(holder, **changed) if changed else holder  # type: ignore[type-var]


def _developed(value: Any, by: Callable[[Negative], Pixels]) -> Any:
    if isinstance(value, Negative):
        return by(value)
    if isinstance(value, tuple) and any(isinstance(item, Negative) for item in value):
        return tuple(_developed(item, by) for item in value)
    return value
