"""What is laid over a film's frames: ink that covers them in part, for as long as it is there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medley.images import Pixels

Ink = npt.NDArray[np.float32]

_ROWS = 16  # blended at a time: they stay in the processor's cache


@dataclass(frozen=True)
class Layer:
    """Ink on a rectangle of a frame, which becomes `frame * (1 - cover) + ink`.

    Attributes:
        top, left: its corner in the frame.
        ink: float32 `(height, width, 3 or 1)`, 0 to 255, multiplied by its own cover already.
        cover: float32, as `ink`, 0 to 1: how much of the frame it hides. Three equal channels are
            laid four times as quickly as one.
    """

    top: int
    left: int
    ink: Ink
    cover: Ink

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + len(self.cover)

    @property
    def right(self) -> int:
        """The first column to its right."""
        return self.left + len(self.cover[0])


def blend(frame: Pixels, layers: Sequence[tuple[Layer, float]]) -> None:
    """Lay layers on a frame, in place, each to its amount.

    Where several overlap, the amounts add up as pictures do in a dissolve: two halves of the same
    layer are the whole of it. What lies outside the frame is left out.

    Args:
        frame: uint8 `(height, width, 3)`.
        layers: each with its amount in [0, 1]; the amounts of those that overlap are at most 1
            together.
    """
    shown = [(layer, np.float32(amount)) for layer, amount in layers if amount > 0]
    if not shown:
        return
    height, width = frame.shape[:2]
    first = max(0, min(layer.top for layer, _ in shown))
    last = min(height, max(layer.bottom for layer, _ in shown))
    left = max(0, min(layer.left for layer, _ in shown))
    right = min(width, max(layer.right for layer, _ in shown))
    for top in range(first, last, _ROWS):
        bottom = min(top + _ROWS, last)
        under = frame[top:bottom, left:right].astype(np.float32)
        blended = under.copy()
        for layer, amount in shown:
            rows = slice(max(top, layer.top), min(bottom, layer.bottom))
            columns = slice(max(left, layer.left), min(right, layer.right))
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            here = _moved(rows, top), _moved(columns, left)
            own = _moved(rows, layer.top), _moved(columns, layer.left)
            added = layer.cover[own] * under[here]
            np.subtract(layer.ink[own], added, out=added)
            if amount != 1:
                added *= amount
            blended[here] += added
        frame[top:bottom, left:right] = np.rint(blended, out=blended)


def widened(one: Ink) -> Ink:
    """One channel as three equal ones."""
    return np.repeat(one, 3, axis=2)


def _moved(span: slice, start: int) -> slice:
    return slice(span.start - start, span.stop - start)
