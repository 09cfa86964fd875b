"""What a coarse picture shows at full size, and how it grows from one size to the next.

What has changed at a coarse size is laid under the detail that the starting picture has beyond it,
so that nothing jumps from sharp to blurred or back.
"""

from collections.abc import Sequence

from torch import Tensor

from medley.tensors import resize
from medley.transfer.scales import Scale, scale_at

DETAIL_KEPT = 0.5  # share of the starting picture's detail that enters the full size


class Pyramid:
    """A shot's sizes, and the starting picture whose detail lies over all coarse ones.

    Steps are counted over the whole shot; the last step's picture has the full size.
    """

    def __init__(self, scales: Sequence[Scale], ground: Tensor) -> None:
        """Take the sizes, and the picture `(1, 3, height, width)` in [0, 1] at full size."""
        self._scales = scales
        self._ground = ground
        self._detail: tuple[Scale, Tensor] | None = None

    def shrink(self, step: int) -> Tensor:
        """The starting picture in the size of that step, in [0, 1]."""
        small = self._resized(scale_at(self._scales, step))
        return small if small is self._ground else small.clamp_(0, 1)

    def frame(self, image: Tensor, step: int) -> Tensor:
        """The full-size frame of that step's picture, in [0, 1]."""
        if image.shape == self._ground.shape:
            return image
        scale = scale_at(self._scales, step)
        if self._detail is None or self._detail[0] != scale:
            lost = self._ground - self._full(self._resized(scale))
            self._detail = scale, lost
        return self._full(image).add(self._detail[1], alpha=self._share(step)).clamp_(0, 1)

    def grow(self, image: Tensor, step: int) -> Tensor:
        """Bring the picture that the step before led to into the size of that step, in [0, 1]."""
        scale = scale_at(self._scales, step)
        if image.shape[2:] == scale[:2]:
            return image
        coarse = self._resized(scale_at(self._scales, step - 1))
        lost = self._resized(scale) - resample(coarse, scale.height, scale.width)
        grown = resample(image, scale.height, scale.width)
        return grown.add(lost, alpha=self._share(step)).clamp_(0, 1)

    def _share(self, step: int) -> float:
        """The share of detail that shows; it fades so evenly that no step is seen to drop it."""
        coarse = sum(scale.steps for scale in self._scales[:-1])
        return 1 - (1 - DETAIL_KEPT) * min(1.0, step / max(1, coarse))

    def _resized(self, scale: Scale) -> Tensor:
        return resample(self._ground, scale.height, scale.width)

    def _full(self, image: Tensor) -> Tensor:
        return resample(image, *self._ground.shape[2:])


def resample(image: Tensor, height: int, width: int) -> Tensor:
    """Bring an image `(1, 3, ...)` to another size; values may leave [0, 1] a little."""
    if image.shape[2:] == (height, width):
        return image
    return resize(image, height, width, "bicubic")
