"""A region in which the photo stays: what is optimized there, and what is seen of it.

Let h in [0, 1] say how much of the photo p stays at each pixel. The picture x that is seen, judged
and shown is (1 - h) y + h p, and y is what the optimizer moves. So every iterate is the photo where
h is 1, no pixel leaves it by more than 1 - h, and soft edges are soft blends. The optimizer judges
what is seen, so that strokes end at the subject as at any other thing in the picture. The gradient
of y is (1 - h) times that of x, by the chain rule: it is zero where the photo stays.

Statistics of style and colour count every place 1 - h: what does not change shall not be answered
for by what does, which would else come out paler or louder to make up for the subject.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from medley.tensors import resize
from medley.transfer.pyramid import resample

_ALL = 1 - 1e-3  # of the photo; what is not seen of y can be anything


class Keep:
    """A photo and how much of it stays at each pixel, at every size that is asked for."""

    def __init__(self, photo: Callable[[], Tensor], hold: Tensor) -> None:
        """Take both at full size; they are brought to each other size once.

        Args:
            photo: makes the photo `(1, 3, height, width)` in [0, 1].
            hold: `(1, 1, height, width)` in [0, 1]: 1 where the photo stays, 0 where nothing does.
        """
        self._photo, self._hold = photo, hold
        self._sized: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    @property
    def free_share(self) -> float:
        """The share of the picture that is repainted."""
        return float((1 - self._hold).mean())

    def free(self, height: int, width: int) -> Tensor:
        """How much of each pixel is repainted, `(1, 1, height, width)` in [0, 1]."""
        return 1 - self._at(height, width)[1]

    def seen(self, moved: Tensor) -> Tensor:
        """The picture x that is seen of what is moved, y; both `(1, 3, ...)` of any size."""
        photo, hold = self._at(*moved.shape[2:])
        return torch.lerp(moved, photo, hold)

    def slope(self, gradient: Tensor) -> Tensor:
        """The gradient with respect to what is moved, of that with respect to what is seen."""
        return gradient * self.free(*gradient.shape[2:])

    def moved(self, seen: Tensor) -> Tensor:
        """What is moved, in [0, 1], of which this is seen, or what comes nearest to it."""
        photo, hold = self._at(*seen.shape[2:])
        beyond = (seen - photo) / (1 - hold).clamp_min(1 - _ALL)
        return torch.where(hold < _ALL, photo + beyond, photo).clamp_(0, 1)

    def _at(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        size = height, width
        if size not in self._sized:
            hold = self._hold
            if hold.shape[2:] != size:
                hold = resize(hold, *size, "bilinear")
            # Beside the full size, which is shown, only that which is optimized is needed.
            for other in [one for one in self._sized if one != self._hold.shape[2:]]:
                del self._sized[other]
            self._sized[size] = resample(self._photo(), *size).clamp(0, 1), hold.clamp(0, 1)
        return self._sized[size]
