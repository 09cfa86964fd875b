"""How large a style network is: its channels, its residual blocks, its paintings."""

from collections.abc import Iterator
from dataclasses import dataclass

_SMALL_FILTERS = 32
_FULL_FILTERS = (32, 64, 128)
_OUTER = 9  # side of the first and the last convolution's kernels
_INNER = 3

SHRINKS = 4
"""By how many times the residual blocks see less of each side."""

LEAST_SIDE = 8
"""Side in pixels to which smaller pictures are padded: less could not be mirrored at the border."""


@dataclass(frozen=True)
class Shape:
    """What decides how many weights a network has.

    Attributes:
        channels: channels at full, half and quarter size.
        blocks: residual blocks.
        styles: paintings, each with normalization weights of its own.
    """

    channels: tuple[int, int, int]
    blocks: int
    styles: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no network.

        Raises:
            ValueError: a layer without channels, a negative number of blocks, or no style.
        """
        if min(self.channels) < 1:
            raise ValueError(f"channels {self.channels} leave a layer with none")
        if self.blocks < 0 or self.styles < 1:
            raise ValueError(f"a network has no {self.blocks} blocks and {self.styles} styles")

    def convolutions(self) -> Iterator[tuple[int, int, int]]:
        """Yield `(in, out, kernel side)` of each convolution, in the order of the pass."""
        first, second, third = self.channels
        yield 3, first, _OUTER
        yield first, second, _INNER
        yield second, third, _INNER
        yield from [(third, third, _INNER)] * (2 * self.blocks)
        yield third, second, _INNER
        yield second, first, _INNER
        yield first, 3, _OUTER

    @property
    def kernel_count(self) -> int:
        """How many weights all convolutions have."""
        return sum(ins * outs * side**2 for ins, outs, side in self.convolutions())

    @property
    def channel_count(self) -> int:
        """How many channels are normalized, in all layers together."""
        return sum(outs for _, outs, _ in self.convolutions())

    @property
    def weight_count(self) -> int:
        """How many numbers a network of this shape learns."""
        return self.kernel_count + 2 * self.styles * self.channel_count


def small_shape(width: float = 0.3, blocks: int = 3, styles: int = 1) -> Shape:
    """The shape with the same channels everywhere: `int(32 * width)`; 11,868 weights at 0.3."""
    count = int(_SMALL_FILTERS * width)
    return Shape((count, count, count), blocks, styles)


def full_shape(width: float = 1.0, blocks: int = 5, styles: int = 1) -> Shape:
    """Johnson et al.'s shape: 32, 64 and 128 channels times the width; 1,677,638 weights at 1."""
    first, second, third = (int(count * width) for count in _FULL_FILTERS)
    return Shape((first, second, third), blocks, styles)
