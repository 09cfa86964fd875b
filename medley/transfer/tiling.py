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
from functools import partial
from typing import NamedTuple, Self, TypeVar

import torch
from torch import Tensor

from medley.settings import VGG_LAYERS, ShotSettings
from medley.transfer.feature_cache import NO_CACHE, FeatureCache
from medley.transfer.losses import Losses, Objective, content_weight, pick, tv_weight
from medley.transfer.style import Part, Statistics, Style, StyleTarget
from medley.transfer.tiles import Tile, lay_tiles
from medley.vgg.network import VGG19

Key = TypeVar("Key")


def make_objective(
    network: VGG19,
    content: Tensor,
    paintings: Sequence[Tensor],
    settings: ShotSettings,
    tile: int | None,
    targets: Sequence[StyleTarget] = (),
    cache: FeatureCache = NO_CACHE,
) -> "Objective | TiledObjective":
    """Make the objective of a shot, tiled if `tile` is given and the content is larger.

    Args: those of `TiledObjective`.
    """
    if tile is None or max(content.shape[2:]) <= tile:
        return Objective(network, content, paintings, settings, targets, cache)
    return TiledObjective(network, content, paintings, settings, tile, targets, cache)


class TiledObjective:
    """An `Objective` whose memory depends on the tile; it computes half as much again."""

    def __init__(
        self,
        network: VGG19,
        content: Tensor,
        paintings: Sequence[Tensor],
        settings: ShotSettings,
        tile: int,
        targets: Sequence[StyleTarget] = (),
        cache: FeatureCache = NO_CACHE,
    ) -> None:
        """Compute the targets.

        The content's features stay, each tile's on its own. As float32 they would take 32 bytes a
        pixel, more than two pictures; six in ten are zero behind the ReLU, and only the others are
        kept, with a bit for each to say where: 13 bytes or so, and not a digit lost. Half precision
        would take 16 and be off by 5e-4; computing them anew would cost each step a third more.

        Args:
            network: gives at least the features of the settings' layers.
            content: `(1, 3, height, width)` in [0, 1]; every judged picture has its size.
            paintings: pictures like it, in any sizes.
            settings: the layers, and the weights of the three terms.
            tile: longest side of a tile in pixels, without its halo.
            targets: how and where each painting pulls; all alike and everywhere by default.
            cache: what the network has seen in pictures before.
        """
        self._network = network
        self._settings = settings
        self._height, self._width = content.shape[2:]
        self._tiles = lay_tiles(self._height, self._width, tile, settings.layers)
        self._style = Style(
            settings, targets or [StyleTarget()] * len(paintings), self._height, self._width
        )
        self._layers = settings.content_layer_weights
        with torch.no_grad():
            self._content = cache.recall(
                content,
                ("content", network.precision, tile, *self._layers),
                lambda: [self._content_features(content, tile) for tile in self._tiles],
            )
            self._style.aim(
                [
                    cache.recall(
                        painting,
                        ("painting", network.precision, tile, *self._style.statistics),
                        partial(self._look, painting, tile),
                    )
                    for painting in paintings
                ]
            )

    def turn_to(self, content: Tensor) -> None:
        """Hold on to another content of the same size from now on."""
        with torch.no_grad():
            self._content = [self._content_features(content, tile) for tile in self._tiles]

    def mix(self, strengths: Sequence[float]) -> None:
        """Let the paintings pull otherwise from now on, in their order; 1 on average."""
        self._style.mix(strengths)

    def evaluate(self, image: Tensor, with_gradient: bool) -> tuple[Losses, Tensor | None]:
        """Judge a picture, and find the gradient of the total loss with respect to its pixels."""
        sums: dict[Part, Tensor] = {}
        with torch.no_grad():
            for tile, kept in zip(self._tiles, self._content, strict=True):
                _add(sums, self._shares(tile.cut(image), tile, kept))
        with torch.enable_grad():  # also where a caller has switched it off
            leaves = {part: whole.requires_grad_() for part, whole in sums.items()}
            losses = self._weigh(leaves)
            slopes = torch.autograd.grad(losses.total, list(leaves.values()), allow_unused=True)
        losses = Losses(*(term.detach() for term in losses))
        if not with_gradient:
            return losses, None
        held = {
            part: slope for part, slope in zip(leaves, slopes, strict=True) if slope is not None
        }
        gradient = torch.zeros_like(image)
        for tile, kept in zip(self._tiles, self._content, strict=True):
            tile.cut(gradient).add_(self._tile_gradient(image, tile, kept, held))
        return losses, gradient

    def _tile_gradient(
        self, image: Tensor, tile: Tile, kept: "_Kept", held: dict[Part, Tensor]
    ) -> Tensor:
        """Gradient of the total loss with respect to a tile's region, through its core alone."""
        with torch.enable_grad():
            region = tile.cut(image).detach().clone().requires_grad_()
            pull = region.new_zeros(())
            for part, share in self._shares(region, tile, kept):
                if part in held:
                    pull = pull + (held[part] * share).sum()
            (gradient,) = torch.autograd.grad(pull, region)
        return gradient

    def _shares(self, region: Tensor, tile: Tile, kept: "_Kept") -> Iterator[tuple[Part, Tensor]]:
        """Yield what a tile adds to each statistic, to the content's loss and the variation's.

        They are unweighted; summed over all tiles they are those of the picture.
        """
        if tv_weight(self._settings):
            yield Part("variation"), tile.variation(region, self._height, self._width)
        for name, core in self._cores(region, tile):
            stride = VGG_LAYERS[name].stride
            yield from self._style.sums(name, core, partial(tile.of_whole, stride=stride))
            if name in self._layers:
                count = core.shape[1] * (self._height // stride) * (self._width // stride)
                square = (core.float() - kept[name].dense()) ** 2
                yield Part("content", name), square.sum() / count

    def _weigh(self, sums: dict[Part, Tensor]) -> Losses:
        apart = [weight * sums[Part("content", name)] for name, weight in self._layers.items()]
        content = content_weight(self._settings) * torch.stack(apart).sum()
        style = self._style.loss(sums)
        weight = tv_weight(self._settings)
        tv = weight * sums[Part("variation")] if weight else style.new_zeros(())
        return Losses(content + style + tv, content, style, tv)

    def _cores(self, region: Tensor, tile: Tile) -> Iterator[tuple[str, Tensor]]:
        for name, features in self._network.walk(region):
            yield name, tile.of_core(features, VGG_LAYERS[name].stride)

    def _content_features(self, content: Tensor, tile: Tile) -> "_Kept":
        cores = self._cores(tile.cut(content), tile)
        return {name: _Sparse.of(core) for name, core in pick(cores, self._layers).items()}

    def _look(self, painting: Tensor, side: int) -> Statistics:
        """A painting's statistics."""
        height, width = painting.shape[2:]
        sums: dict[str, Tensor] = {}
        for tile in lay_tiles(height, width, side, self._settings.layers):
            for name, core in self._cores(tile.cut(painting), tile):
                if name in self._settings.style_layer_weights:
                    stride = VGG_LAYERS[name].stride
                    share = self._style.share(core, (height // stride) * (width // stride))
                    _add(sums, [(name, share)])
        return sums


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


_Kept = dict[str, _Sparse]
"""The content's features on a tile's core, for each content layer."""


def _add(sums: dict[Key, Tensor], shares: Iterable[tuple[Key, Tensor]]) -> None:
    for name, share in shares:
        sums[name] = sums[name] + share if name in sums else share
