"""A style network's layers rewritten for speed: the same numbers from fuller vector units.

A convolution from or to 3 channels leaves most lanes of a vector unit empty, and the two layers
with kernels of 9x9 are four fifths of a small network. So at full size 2x2 pixels stand together as
four times the channels (space to depth), where a kernel of 9x9 becomes one of 5x5; a layer that
halves the size reads such blocks, and "repeat each pixel, then convolve" becomes one convolution of
the small map that gives such blocks.

A map is float32 `(rows, columns, channels)`. In a map of blocks a channel's number is
`(row * 2 + column) * channels + channel`, with the row and column within the block.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor

from medley.stylenet.network import EPSILON, StyleNet

_LANES = 16  # float32 numbers of a vector; a map of fewer channels is measured in parts
_PARTS = 4
_FLAT = 1e-11  # of a mean's square; float32 has 1e-14


@dataclass(frozen=True)
class Stage:
    """A convolution, with what stands around it.

    Attributes:
        kernel: `(out, in, height, width)`.
        gain: `(channels,)`, on the CPU; the outputs may be four times as many, of blocks.
        offset: likewise shaped.
        stride: rows and columns of the input from one output to the next.
        before: rows and columns that the kernel sees before the one that it gives.
        after: likewise behind it.
        reads_blocks: True if the input's channels are those of blocks.
        mirrors: True if borders are mirrored, else they are repeated.
        spreads: True if blocks are laid out as pixels, twice the rows and columns.
        opens_block: True for the first convolution of a residual block.
        closes_block: True for the second, whose outputs are added to what the block was given.
    """

    kernel: Tensor
    gain: Tensor
    offset: Tensor
    stride: int = 1
    before: int = 1
    after: int = 1
    reads_blocks: bool = False
    mirrors: bool = True
    spreads: bool = False
    opens_block: bool = False
    closes_block: bool = False

    def rows_for(self, first: int, last: int, height: int) -> tuple[int, int]:
        """The input's rows that the rows `first` to below `last` of the convolution need."""
        begin = first * self.stride - self.before
        return max(0, begin), min(height, (last - 1) * self.stride + self.after + 1)

    def room_for(self, rows: Tensor, at_top: bool, at_bottom: bool) -> tuple[Tensor, Tensor]:
        """A map with borders around rows, both still empty.

        Returns:
            The map, and the view of it where the rows belong.
        """
        height, width, channels = rows.shape
        top, bottom = self.before if at_top else 0, self.after if at_bottom else 0
        sides = self.before + self.after
        size = height + top + bottom, width + sides, channels
        room = torch.empty(size, device=rows.device)
        return room, room[top : top + height, self.before : self.before + width]

    def convolve(self, room: Tensor, at_top: bool, at_bottom: bool) -> Tensor:
        """Fill the borders of a map from `room_for`, and convolve it."""
        height, width, channels = room.shape
        phases = 2 if self.reads_blocks else 1
        blocks = room.view(height, width, phases, phases, channels // phases**2)
        top, bottom = self.before if at_top else 0, self.after if at_bottom else 0
        self._fill(blocks, top, bottom)
        self._fill(blocks.permute(1, 0, 3, 2, 4), self.before, self.after)
        made = nnf.conv2d(room.permute(2, 0, 1)[None], self.kernel, stride=self.stride)
        return made[0].permute(1, 2, 0).contiguous()

    def _fill(self, blocks: Tensor, before: int, after: int) -> None:
        """Fill the first and last rows of `(rows, columns, row in block, ...)` from the others."""
        last, phases = len(blocks) - after - 1, blocks.shape[2]
        for phase in range(phases):
            part = blocks[:, :, phase]
            for step in range(1, before + 1):
                part[before - step] = part[before + (step - phase if self.mirrors else 0)]
            for step in range(1, after + 1):
                inward = step - phases + 1 + phase if self.mirrors else 0
                part[last + step] = part[last - inward]

    def spread(self, made: Tensor) -> Tensor:
        """Lay blocks out as pixels if the next layer wants those."""
        return from_blocks(made) if self.spreads else made


def measure(made: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel of a map, `(channels,)` each."""
    if made.device.type != "cpu":
        variance, mean = torch.var_mean(made, (0, 1), correction=0)
        return mean, variance
    pixels, channels = made.shape[0] * made.shape[1], made.shape[2]
    parts = _PARTS if channels < _LANES and pixels % _PARTS == 0 else 1
    every = made.view(1, pixels // parts, 1, parts * channels).permute(0, 3, 1, 2)
    # Two passes over the numbers, in a tenth of var_mean's time.
    mean, variance = torch.batch_norm_update_stats(every, None, None, 0.0)
    return _together(mean, variance, channels)


def _together(mean: Tensor, variance: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of the channels of a whole from those of equal parts after one another."""
    if len(mean) == channels:
        return mean, variance
    means, variances = mean.view(-1, channels), variance.view(-1, channels)
    center = means.mean(dim=0)
    return center, variances.mean(dim=0) + (means - center).square().mean(dim=0)


def to_blocks(pixels: Tensor) -> Tensor:
    """Take 2x2 pixels together: `(2 * rows, 2 * columns, c)` to `(rows, columns, 4 * c)`."""
    height, width, channels = pixels.shape
    split = pixels.view(height // 2, 2, width // 2, 2, channels)
    return split.permute(0, 2, 1, 3, 4).reshape(height // 2, width // 2, 4 * channels)


def from_blocks(blocks: Tensor) -> Tensor:
    """Undo `to_blocks`."""
    height, width, channels = blocks.shape
    split = blocks.view(height, width, 2, 2, channels // 4)
    return split.permute(0, 2, 1, 3, 4).reshape(2 * height, 2 * width, channels // 4)


def stages_of(network: StyleNet, shares: Tensor) -> Iterator[Stage]:
    """Yield a network's stages for a mix of its paintings, in the order of the pass.

    Args:
        network: the network, whose photos are `to_blocks` of a size that `padded_size` gives; what
            comes out are blocks.
        shares: share of each painting, `(styles,)`.
    """
    last = len(network.kernels) - 1
    for layer, parameter in enumerate(network.kernels):
        kernel = parameter.detach()
        gain = (shares @ network.gains[layer].detach()).cpu()
        offset = (shares @ network.offsets[layer].detach()).cpu()
        if layer in (0, last):
            kernel = _laid_out(_fold(kernel, phases=2))
            yield Stage(kernel, gain, offset, before=2, after=2, reads_blocks=True)
        elif layer == 1:
            # Of the block before the first only the pixel beside it counts, mirrored or repeated.
            kernel = _laid_out(_fold(kernel, phases=1))
            yield Stage(kernel, gain, offset, after=0, reads_blocks=True, mirrors=False)
        elif layer == 2:
            yield Stage(_laid_out(kernel), gain, offset, stride=2)
        elif layer < last - 2:
            is_first = layer % 2 == 1
            yield Stage(
                _laid_out(kernel), gain, offset, opens_block=is_first, closes_block=not is_first
            )
        else:
            # A map of repeated pixels, mirrored at its border, is the small one repeated there.
            folded = _fold(kernel, phases=2)
            outs, ins, side, _ = folded.shape
            summed = folded.view(outs, 4, ins // 4, side, side).sum(dim=1)
            first_of_two = layer == last - 2
            yield Stage(_laid_out(summed), gain, offset, mirrors=False, spreads=first_of_two)


def _fold(kernel: Tensor, phases: int) -> Tensor:
    """A kernel `(out, in, side, side)` on pixels, as one on blocks of 2x2.

    Args:
        kernel: the kernel.
        phases: 2 to give blocks, 1 to give one pixel for each, its first.

    Returns:
        `(phases^2 * out, 4 * in, blocks, blocks)`.
    """
    places = _places(kernel.shape[-1], phases).to(kernel)
    folded = torch.einsum("aisy,bjtx,ocyx->abostcij", places, places, kernel)
    outs, ins, blocks = phases**2 * kernel.shape[0], 4 * kernel.shape[1], places.shape[1]
    return folded.reshape(outs, ins, blocks, blocks)


def _places(side: int, phases: int) -> Tensor:
    """Where on one axis each tap lies: ones in `(phase, block, pixel in block, tap)`."""
    seen = [
        [phase + tap - side // 2 for tap in range(side)]  # pixels from the block's first one
        for phase in range(phases)
    ]
    low, high = seen[0][0] // 2, seen[-1][-1] // 2
    places = torch.zeros(phases, high - low + 1, 2, side)
    for phase, pixels in enumerate(seen):
        for tap, pixel in enumerate(pixels):
            places[phase, pixel // 2 - low, pixel % 2, tap] = 1
    return places


def _laid_out(kernel: Tensor) -> Tensor:
    return kernel.contiguous(memory_format=torch.channels_last)


def scale_and_shift(stage: Stage, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """What normalizes a stage's outputs: `outputs * scale + shift`.

    Args:
        stage: the stage.
        mean: mean of each of its outputs, over the whole picture, in double and on the CPU.
        variance: variance likewise.

    Returns:
        `(channels of its maps,)` each, where the kernel is; the pixels of blocks count together.
    """
    center, spread = _together(mean, variance, len(stage.gain))
    # Rounding alone makes a flat photo's channels vary, and would grow from layer to layer.
    is_flat = spread < _FLAT * center.square()
    scale = (stage.gain / (spread + EPSILON).sqrt()).masked_fill(is_flat, 0)
    shift = stage.offset - center * scale
    times = 1 if stage.spreads else len(stage.kernel) // len(stage.gain)
    device = stage.kernel.device
    return scale.float().repeat(times).to(device), shift.float().repeat(times).to(device)
