"""The feed-forward network that repaints a photo in one pass, at any width, for many paintings.

Source: Johnson, Alahi and Fei-Fei (2016), Perceptual Losses for Real-Time Style Transfer and
Super-Resolution (arXiv 1603.08155), and its supplement. Departures: instance instead of batch
normalization (Ulyanov et al. 2016, arXiv 1607.08022), after the last convolution too; upsampling
by repeating pixels before a convolution (Odena et al. 2016, Deconvolution and Checkerboard
Artifacts); reflection at every border; a width multiplier and fewer residual blocks; and a sigmoid
at the end, which is Johnson's scaled tanh brought to [0, 1]. A network of several paintings shares
all convolutions and has normalization weights for each (Dumoulin, Shlens and Kudlur 2017, A Learned
Representation for Artistic Style, arXiv 1610.07629).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from medley.errors import WeightsError
from medley.stylenet.netfile import NetFile, StyleName, read
from medley.stylenet.shape import LEAST_SIDE, SHRINKS, Shape

EPSILON = 1e-5  # added to variances


class StyleNet(nn.Module):
    """A photo in, the photo after a painting out.

    Args:
        shape: decides all layers.
    """

    def __init__(self, shape: Shape) -> None:
        """Draw the convolutions' weights by He et al. (2015); normalization begins as identity."""
        super().__init__()
        self.shape = shape
        self.kernels = nn.ParameterList()
        self.gains = nn.ParameterList()
        self.offsets = nn.ParameterList()
        for ins, outs, side in shape.convolutions():
            kernel = torch.empty(outs, ins, side, side)
            nn.init.kaiming_normal_(kernel, nonlinearity="relu")
            self.kernels.append(nn.Parameter(kernel))
            self.gains.append(nn.Parameter(torch.ones(shape.styles, outs)))
            self.offsets.append(nn.Parameter(torch.zeros(shape.styles, outs)))

    def forward(self, photos: Tensor, mix: Tensor | Sequence[float] | None = None) -> Tensor:
        """Repaint photos.

        Args:
            photos: float RGB `(n, 3, height, width)` in [0, 1]; any size.
            mix: share of each painting, `(styles,)`, of sum 1; or one such row for each photo,
                `(n, styles)`; the first painting alone by default.

        Returns:
            Pictures of the same shape, in [0, 1].

        Raises:
            ValueError: the mix has not a share for each painting.
        """
        shares = self.shares(mix, len(photos))
        height, width = photos.shape[2:]
        tall, wide = padded_size(height, width)
        x = nnf.pad(photos, (0, wide - width, 0, tall - height), mode="replicate")
        last = len(self.kernels) - 1
        inner = range(3, last - 2)  # the residual blocks' convolutions
        before = x
        for layer in range(len(self.kernels)):
            if layer in (last - 2, last - 1):
                x = nnf.interpolate(x, scale_factor=2.0, mode="nearest")
            if layer in inner and (layer - inner.start) % 2 == 0:
                before = x
            x = self._convolve(x, layer, shares, stride=2 if layer in (1, 2) else 1)
            if layer in inner and (layer - inner.start) % 2 == 1:
                x = x + before
            elif layer < last:
                x = nnf.relu(x)
        return torch.sigmoid(2 * x[..., :height, :width])

    def _convolve(self, x: Tensor, layer: int, shares: Tensor, stride: int) -> Tensor:
        kernel = self.kernels[layer]
        margin = kernel.shape[-1] // 2
        x = nnf.pad(x, (margin,) * 4, mode="reflect")
        x = nnf.conv2d(x, kernel.to(x.dtype), stride=stride)
        gain, offset = shares @ self.gains[layer], shares @ self.offsets[layer]
        shifted: Tensor
        if shares.ndim == 1:
            shifted = nnf.instance_norm(x, weight=gain, bias=offset, eps=EPSILON)
        else:
            shifted = nnf.instance_norm(x, eps=EPSILON) * gain[:, :, None, None]
            shifted = shifted + offset[:, :, None, None]
        return shifted

    def shares(self, mix: Tensor | Sequence[float] | None, photos: int) -> Tensor:
        """A mix for so many photos as a tensor, `(styles,)` or `(photos, styles)`.

        Raises:
            ValueError: it has not a share for each painting.
        """
        styles = self.shape.styles
        if mix is None:
            mix = [1.0] + [0.0] * (styles - 1)
        shares = torch.as_tensor(mix, dtype=torch.float32, device=self.gains[0].device)
        if shares.shape not in ((styles,), (photos, styles)):
            raise ValueError(f"a mix of {styles} paintings has as many shares, not {shares.shape}")
        return shares

    def begin_with(self, other: "StyleNet") -> None:
        """Take over another network's weights; each of its paintings begins several in turn."""
        with torch.no_grad():
            for mine, theirs in zip(self.kernels, other.kernels, strict=True):
                mine.copy_(theirs)
            for own, given in ((self.gains, other.gains), (self.offsets, other.offsets)):
                for mine, theirs in zip(own, given, strict=True):
                    mine.copy_(theirs[torch.arange(len(mine)) % len(theirs)])

    def to_file(self, styles: Sequence[StyleName], training: Mapping[str, Any]) -> NetFile:
        """All weights as numbers, at 32 bits.

        Args:
            styles: the paintings, in the order of the rows of `gains`.
            training: how it was trained, in JSON's types.
        """
        kernels, gains, offsets = (
            np.concatenate([each.detach().cpu().numpy().reshape(rows, -1) for each in group], 1)
            for group, rows in (
                (self.kernels, 1),
                (self.gains, self.shape.styles),
                (self.offsets, self.shape.styles),
            )
        )
        return NetFile(self.shape, kernels[0], gains, offsets, styles, training=training)


def padded_size(height: int, width: int) -> tuple[int, int]:
    """The size to which a photo is padded at its bottom and right before it is repainted."""
    tall, wide = (max(LEAST_SIDE, -(-side // SHRINKS) * SHRINKS) for side in (height, width))
    return tall, wide


def make_network(net: NetFile) -> StyleNet:
    """The network that a file holds."""
    made = StyleNet(net.shape)
    kernel_at = channel_at = 0
    with torch.no_grad():
        for kernel, gain, offset in zip(made.kernels, made.gains, made.offsets, strict=True):
            weights = net.kernels[kernel_at : kernel_at + kernel.numel()]
            kernel.copy_(torch.from_numpy(weights).view_as(kernel))
            channels = slice(channel_at, channel_at + gain.shape[1])
            gain.copy_(torch.from_numpy(net.gains[:, channels]))
            offset.copy_(torch.from_numpy(net.offsets[:, channels]))
            kernel_at += kernel.numel()
            channel_at = channels.stop
    return made.eval()


def first_network(shape: Shape, seed: int, warm_start: Path | None = None) -> StyleNet:
    """A network to be trained, drawn by the seed or with another one's weights.

    Raises:
        WeightsError: the other one's file cannot be used, or it is of another size.
    """
    torch.manual_seed(seed)
    network = StyleNet(shape)
    if warm_start is not None:
        begun = make_network(read(warm_start))
        if (begun.shape.channels, begun.shape.blocks) != (shape.channels, shape.blocks):
            raise WeightsError(
                f"'{warm_start}' is a network of other size; train with its width and blocks"
            )
        network.begin_with(begun)
    return network
