"""Loss and gradient of a picture of any size, tile by tile: equal to the untiled ones.

The style loss looks at the picture through its Gram matrices alone, which are sums over places. So
a first pass over the tiles, without gradients, sums them up; what the loss does with them is known
then, and a second pass takes each tile's share of the gradient while d loss / d Gram is held fixed.

Each tile is computed with a halo wide enough that its core's features are those of the whole
picture, zero padding at the picture's border included; only the core's features count, so that
every place counts once. A tile's gradient reaches into its halo, and is added to the whole there.
Tiles begin where all pooling windows do, so that odd sizes come out exact too.

Source: Galerne, Raad, Lezama and Morel (2022), Scaling Painting Style Transfer (arXiv 2212.13459),
section 3. Here the content loss and the total variation are tiled as well, and the halo is the
network's own reach instead of a fixed 256 pixels.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor

from medley.settings import ShotSettings
from medley.transfer.losses import (
    CONTENT_LAYER,
    LAYERS,
    STYLE_LAYERS,
    Grams,
    Losses,
    Objective,
    content_weight,
    gram_sum,
    style_loss,
    tv_weight,
)
from medley.vgg.network import LAYERS as ALL_LAYERS
from medley.vgg.network import VGG19


class Reach(NamedTuple):
    """How a layer's features lie on the picture.

    Attributes:
        stride: pixels from one feature to the next; feature k stands on pixels k stride to
            (k + 1) stride - 1.
        halo: pixels beyond those that it depends on, on each side.
    """

    stride: int
    halo: int


def reach(layer: str) -> Reach:
    """Tell how features of a layer of VGG-19 lie on the picture.

    A 3x3 convolution looks one feature to each side, so its halo grows by the stride; pooling
    over 2x2 looks at nothing but the pixels that its outcome stands on.

    Raises:
        ValueError: there is no such layer.
    """
    stride, halo = 1, 0
    for name in ALL_LAYERS[: ALL_LAYERS.index(layer) + 1]:
        if name.startswith("conv"):
            halo += stride
        elif name.startswith("pool"):
            stride *= 2
    return Reach(stride, halo)


_REACH = {layer: reach(layer) for layer in LAYERS}
ALIGNMENT = max(one.stride for one in _REACH.values())
"""Tiles begin at multiples of this many pixels."""

HALO = -(-max(one.halo for one in _REACH.values()) // ALIGNMENT) * ALIGNMENT
"""Pixels around a tile that are computed with it, so that it begins at such a multiple too."""


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

    def variation(self, region: Tensor, height: int, width: int) -> Tensor:
        """What the core adds to the total variation of a picture of that size.

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


def lay_tiles(height: int, width: int, side: int) -> list[Tile]:
    """Cover a picture with tiles of about equal size whose cores are at most `side` wide.

    Raises:
        ValueError: the side is smaller than `ALIGNMENT`.
    """
    if side < ALIGNMENT:
        raise ValueError(f"tiles have sides of {ALIGNMENT} pixels or more, not {side}")
    rows, columns = _spans(height, side), _spans(width, side)
    return [
        Tile(
            (top, bottom, left, right),
            (
                max(0, top - HALO),
                min(height, bottom + HALO),
                max(0, left - HALO),
                min(width, right + HALO),
            ),
        )
        for top, bottom in rows
        for left, right in columns
    ]


def _spans(length: int, side: int) -> list[tuple[int, int]]:
    side -= side % ALIGNMENT
    count = -(-length // side)
    step = -(-length // (count * ALIGNMENT)) * ALIGNMENT
    return [(start, min(length, start + step)) for start in range(0, length, step)]


def make_objective(
    network: VGG19,
    content: Tensor,
    paintings: Sequence[Tensor],
    settings: ShotSettings,
    tile: int | None,
) -> "Objective | TiledObjective":
    """Make the objective of a shot, tiled if `tile` is given and the content is larger.

    Args: as for `TiledObjective`.
    """
    if tile is None or max(content.shape[2:]) <= tile:
        return Objective(network, content, paintings, settings)
    return TiledObjective(network, content, paintings, settings, tile)


class TiledObjective:
    """As `Objective`, in memory that depends on the tile; it computes half as much again."""

    def __init__(
        self,
        network: VGG19,
        content: Tensor,
        paintings: Sequence[Tensor],
        settings: ShotSettings,
        tile: int,
    ) -> None:
        """Compute the targets.

        The content's features stay, each tile's on its own. As float32 they would take 32 bytes a
        pixel, more than two pictures; six in ten are zero behind the ReLU, and only the others are
        kept, with a bit for each to say where: 13 bytes or so, and not a digit lost. Half precision
        would take 16 and be off by 5e-4; computing them anew would cost each step a third more.

        Args:
            network: gives at least the features of `LAYERS`.
            content: `(1, 3, height, width)` in [0, 1]; every judged picture has its size.
            paintings: likewise, of any sizes; each pulls with an equal share.
            settings: the weights of the three terms.
            tile: longest side of a tile in pixels, without its halo.
        """
        self._network = network
        self._settings = settings
        self._height, self._width = content.shape[2:]
        self._tiles = lay_tiles(self._height, self._width, tile)
        with torch.no_grad():
            self._content = [self._content_features(content, tile) for tile in self._tiles]
            self._grams = [self._painting_grams(painting, tile) for painting in paintings]

    def evaluate(self, image: Tensor, with_gradient: bool) -> tuple[Losses, Tensor | None]:
        """Judge a picture, and find the gradient of the total loss with respect to its pixels."""
        sums: dict[str, Tensor] = {}
        with torch.no_grad():
            for tile, kept in zip(self._tiles, self._content, strict=True):
                _add(sums, self._shares(tile.cut(image), tile, kept))
        with torch.enable_grad():  # also where a caller has switched it off
            leaves = {name: whole.requires_grad_() for name, whole in sums.items()}
            losses = self._weigh(leaves)
            slopes = torch.autograd.grad(losses.total, list(leaves.values()))
        losses = Losses(*(term.detach() for term in losses))
        if not with_gradient:
            return losses, None
        held = dict(zip(leaves, slopes, strict=True))
        gradient = torch.zeros_like(image)
        for tile, kept in zip(self._tiles, self._content, strict=True):
            tile.cut(gradient).add_(self._tile_gradient(image, tile, kept, held))
        return losses, gradient

    def _tile_gradient(
        self, image: Tensor, tile: Tile, kept: "_Sparse", held: dict[str, Tensor]
    ) -> Tensor:
        """Gradient of the total loss with respect to a tile's region, through its core alone."""
        with torch.enable_grad():
            region = tile.cut(image).detach().clone().requires_grad_()
            pull = region.new_zeros(())
            for name, share in self._shares(region, tile, kept):
                pull = pull + (held[name] * share).sum()
            (gradient,) = torch.autograd.grad(pull, region)
        return gradient

    def _shares(self, region: Tensor, tile: Tile, kept: "_Sparse") -> Iterator[tuple[str, Tensor]]:
        """Yield what a tile adds to each Gram matrix, to the content's loss and the variation's.

        They are unweighted; summed over all tiles they are those of the picture.
        """
        if tv_weight(self._settings):
            yield _VARIATION, tile.variation(region, self._height, self._width)
        for name, core in self._cores(region, tile):
            if name in STYLE_LAYERS:
                yield name, _gram_share(name, core, self._height, self._width)
            else:
                count = core.shape[1] * _places(name, self._height, self._width)
                yield name, ((core.float() - kept.dense()) ** 2).sum() / count

    def _weigh(self, sums: dict[str, Tensor]) -> Losses:
        content = content_weight(self._settings) * sums[CONTENT_LAYER]
        style = style_loss(sums, self._grams, self._settings)
        weight = tv_weight(self._settings)
        tv = weight * sums[_VARIATION] if weight else style.new_zeros(())
        return Losses(content + style + tv, content, style, tv)

    def _cores(self, region: Tensor, tile: Tile) -> Iterator[tuple[str, Tensor]]:
        for name, features in self._network.walk(region):
            yield name, tile.of_core(features, _REACH[name].stride)

    def _content_features(self, content: Tensor, tile: Tile) -> "_Sparse":
        cores = self._cores(tile.cut(content), tile)
        return _Sparse.of(next(core for name, core in cores if name == CONTENT_LAYER))

    def _painting_grams(self, painting: Tensor, side: int) -> Grams:
        height, width = painting.shape[2:]
        grams: Grams = {}
        for tile in lay_tiles(height, width, side):
            _add(
                grams,
                (
                    (name, _gram_share(name, core, height, width))
                    for name, core in self._cores(tile.cut(painting), tile)
                    if name in STYLE_LAYERS
                ),
            )
        return grams


_VARIATION = "total variation"


class _Sparse(NamedTuple):
    """Features of which most are zero: which are not, eight in a byte, and what those are."""

    shape: torch.Size
    marks: Tensor
    values: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Self:
        """Store them; their number is a multiple of eight, as that of VGG-19's channels is."""
        marked = features != 0
        weights = 2 ** torch.arange(8, device=features.device)
        marks = (marked.reshape(-1, 8) * weights.to(torch.uint8)).sum(1, dtype=torch.uint8)
        return cls(features.shape, marks, features[marked])

    def dense(self) -> Tensor:
        shifts = torch.arange(8, device=self.marks.device, dtype=torch.uint8)
        marked = (self.marks.unsqueeze(1) >> shifts & 1).bool().view(self.shape)
        return self.values.new_zeros(self.shape).masked_scatter_(marked, self.values)


def _places(layer: str, height: int, width: int) -> int:
    stride = _REACH[layer].stride
    return (height // stride) * (width // stride)


def _gram_share(layer: str, core: Tensor, height: int, width: int) -> Tensor:
    """What a core's features add to the Gram matrix of a picture of that size."""
    return gram_sum(core) / _places(layer, height, width)


def _add(sums: dict[str, Tensor], shares: Iterable[tuple[str, Tensor]]) -> None:
    for name, share in shares:
        sums[name] = sums[name] + share if name in sums else share
