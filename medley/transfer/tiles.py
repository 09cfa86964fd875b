"""Tiles laid over a picture so that the features of their cores are those of the whole.

Each tile has a halo as wide as the network reaches, and begins where all pooling windows do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from medley.settings import VGG_LAYERS
from medley.settings.shot import LOSS_LAYERS

if TYPE_CHECKING:  # torch takes a second to import, and plans do without
    from torch import Tensor


class Grid(NamedTuple):
    """The grid on which tiles lie, in pixels.

    Attributes:
        alignment: tiles begin at multiples of it.
        halo: what is computed around a tile with it, so that it begins at such a multiple too.
    """

    alignment: int
    halo: int


def grid_for(layers: Sequence[str]) -> Grid:
    """Find out how tiles must lie for the features of these layers to be exact on their cores."""
    alignment = max(VGG_LAYERS[layer].stride for layer in layers)
    halo = max(VGG_LAYERS[layer].halo for layer in layers)
    return Grid(alignment, -(-halo // alignment) * alignment)


class Tile(NamedTuple):
    """A part of a picture: what counts of it, and what is computed for that.

    Attributes:
        core: top, bottom, left and right, in pixels; the cores cover a picture once.
        region: the same of the core with its halo, as far as the picture goes.
    """

    core: tuple[int, int, int, int]
    region: tuple[int, int, int, int]

    def cut(self, image: Tensor) -> Tensor:
        """View the region of a picture `(1, 3, height, width)`."""
        top, bottom, left, right = self.region
        return image[..., top:bottom, left:right]

    def of_core(self, features: Tensor, stride: int) -> Tensor:
        """View what stands on the core, of the region's features `(1, channels, ...)`."""
        top, bottom, left, right = (pixel // stride for pixel in self.core)
        above, _, before, _ = (pixel // stride for pixel in self.region)
        return features[..., top - above : bottom - above, left - before : right - before]

    def of_whole(self, features: Tensor, stride: int) -> Tensor:
        """View what stands on the core, of the whole picture's features `(1, channels, ...)`."""
        top, bottom, left, right = (pixel // stride for pixel in self.core)
        return features[..., top:bottom, left:right]

    def variation(self, region: Tensor, height: int, width: int) -> Tensor:
        """The part of the core in the total variation of a picture of that size.

        Neighbours count where the first of them lies, so that each pair counts once.
        """
        top, bottom, left, right = self.core
        above, _, before, _ = self.region
        rows, columns = slice(top - above, bottom - above), slice(left - before, right - before)
        further_rows = slice(rows.start, rows.stop + 1)
        further_columns = slice(columns.start, columns.stop + 1)
        horizontal = region[..., rows, further_columns].diff(dim=3).abs().sum()
        vertical = region[..., further_rows, columns].diff(dim=2).abs().sum()
        return 255 / 3 * (horizontal / (height * (width - 1)) + vertical / ((height - 1) * width))


def lay_tiles(
    height: int, width: int, side: int, layers: Sequence[str] = LOSS_LAYERS
) -> list[Tile]:
    """Cover a picture with tiles of about equal size whose cores are at most `side` wide.

    Args:
        height: pixels of the picture.
        width: pixels of the picture.
        side: pixels of a tile, at the most.
        layers: those whose features are wanted.

    Raises:
        ValueError: the side is smaller than the layers allow.
    """
    alignment, halo = grid_for(layers)
    if side < alignment:
        raise ValueError(f"tiles have sides of {alignment} pixels or more, not {side}")
    rows, columns = _spans(height, side, alignment), _spans(width, side, alignment)
    return [
        Tile(
            (top, bottom, left, right),
            (
                max(0, top - halo),
                min(height, bottom + halo),
                max(0, left - halo),
                min(width, right + halo),
            ),
        )
        for top, bottom in rows
        for left, right in columns
    ]


def _spans(length: int, side: int, alignment: int) -> list[tuple[int, int]]:
    side -= side % alignment
    count = -(-length // side)
    step = -(-length // (count * alignment)) * alignment
    return [(start, min(length, start + step)) for start in range(0, length, step)]
