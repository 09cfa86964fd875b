"""How a frame of a clip came from the one before: its motion, how far that is to be trusted, and
the warping of pictures along it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as nnf
from torch import Tensor

from medley.film.flow import Flow, dense_flow
from medley.images import Pixels
from medley.tensors import resize

# Thresholds of Sundaram et al. (2010), equation 5, and Ruder et al. (2016), equations 4 and 5.
_APART, _APART_LEAST = 0.01, 0.5
_BEND, _BEND_LEAST = 0.01, 0.002

_COARSE = 8  # pixels of a side that are one where flow is blurred
_FINE = 2  # pixels of a side that are one where noise is blurred away
_REACH = 5  # such pixels of a side that one blurring takes the mean of
_LEVEL = 1 / 255
_NOISE = 6  # levels by which tones change by noise alone; twice as many are no noise
# How much worse a frame fits the one before unmoved than moved along: where a place begins to have
# moved and surely has, and the camera, by the third quartile. Of noise alone that is 1.04.
_UNMOVED, _MOVED = 1.1, 1.2
_STEADY, _SWUNG, _MOST = 1.05, 1.1, 0.75
_FITS, _NEW = 4, 12  # levels beyond others around, at which a place may and must be new
_LENT = 0.02  # of trusted pixels around, below which the median counts for more


@dataclass(frozen=True)
class Motion:
    """How a frame came from the one before.

    Attributes:
        came: how far off each of its places lay in the frame before: float32 `(1, 2, height,
            width)`, x and y in pixels.
        trust: how far that is to be believed: float32 `(height, width)` in [0, 1].
    """

    came: Tensor
    trust: Tensor

    def filled(self) -> "Motion":
        """Give places without trust the motion of trusted ones around them.

        The flow is blurred with the trust as its weight; far away from all that is trusted, the
        median of what is counts.
        """
        return Motion(_filled(self.came, self.trust), self.trust)

    def warp(self, image: Tensor, mode: str = "bicubic") -> Tensor:
        """Move a picture of the frame before along; see `warp`."""
        return warp(image, self.came, mode)

    def inside(self) -> Tensor:
        """Where the place in the frame before lies in it: bool `(height, width)`."""
        return _inside(self.came)


def motion_between(earlier: Pixels, later: Pixels, device: torch.device | None = None) -> Motion:
    """Find how a frame came from the one before, and where that can be trusted.

    Args:
        earlier: uint8 RGB `(height, width, 3)`.
        later: the next frame, of that size.
        device: device of the tensors; the CPU by default.

    Source: Ruder, Dosovitskiy and Brox (2016), Artistic Style Transfer for Videos, section 3.2.
    """
    came = _flow_tensor(dense_flow(later, earlier), device)
    went = _flow_tensor(dense_flow(earlier, later), device)
    return Motion(came, trust(came, went))


def trust(came: Tensor, went: Tensor) -> Tensor:
    """Find where a flow can be trusted: 1 where the way there and back again ends where it began.

    It cannot at edges of motion, at disocclusions, and where something entered.

    Args:
        came: from each place of the later frame to the earlier one, `(1, 2, height, width)`.
        went: from each place of the earlier frame to the later one, likewise.

    Returns:
        Float32 `(height, width)`, 0 or 1.

    Source: Sundaram, Brox and Keutzer (2010), Dense Point Trajectories by GPU-accelerated Large
    Displacement Optical Flow, equation 5; Ruder et al. (2016), equations 4 and 5.
    """
    back = warp(went, came)
    lengths = _squares(came) + _squares(back)
    returns = _squares(came + back) <= _APART * lengths + _APART_LEAST
    is_smooth = _slopes(came) <= _BEND * _squares(came) + _BEND_LEAST
    return (returns & is_smooth & _inside(came)).float()


def warp(image: Tensor, came: Tensor, mode: str = "bicubic") -> Tensor:
    """Take each place's value from where it came; what lies beyond the border is mirrored.

    Args:
        image: `(1, channels, height, width)`.
        came: `(1, 2, height, width)`, x and y in pixels.
        mode: "bicubic", by which values may leave the image's range a little, or "bilinear".
    """
    height, width = image.shape[2:]
    x, y = _places(came)
    # As grid_sample counts: from -1 at the first pixel's outer edge to 1 at the last one's.
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=3)
    return nnf.grid_sample(image, grid, mode, "reflection", align_corners=False)


def _places(came: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows that places came from, each `(1, height, width)`."""
    height, width = came.shape[2:]
    x = torch.arange(width, device=came.device, dtype=came.dtype)
    y = torch.arange(height, device=came.device, dtype=came.dtype)[:, None]
    return came[:, 0] + x, came[:, 1] + y


def _inside(came: Tensor) -> Tensor:
    height, width = came.shape[2:]
    x, y = _places(came)
    return ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1))[0]


def _flow_tensor(flow: Flow, device: torch.device | None) -> Tensor:
    return torch.from_numpy(flow).permute(2, 0, 1)[None].contiguous().to(device)


def _squares(flow: Tensor) -> Tensor:
    """Squared lengths, `(height, width)`."""
    return flow.square().sum(1)[0]


def _slopes(flow: Tensor) -> Tensor:
    """Squared norms of a flow's gradients, `(height, width)`, by central differences."""
    wide = nnf.pad(flow, (1, 1, 1, 1), mode="replicate")
    across = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2
    down = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2
    return _squares(across) + _squares(down)


def _filled(came: Tensor, trust: Tensor) -> Tensor:
    weight = trust[None, None]
    if not trust.any():
        return torch.zeros_like(came)  # which of it could be believed, nobody knows
    known = came.permute(1, 0, 2, 3)[:, 0][:, trust > 0]
    median = known.median(dim=1).values[None, :, None, None]
    height, width = trust.shape
    lent, believed = _blurred(came * weight, _COARSE), _blurred(weight, _COARSE)
    around = (lent + _LENT * median) / (believed + _LENT)
    around = resize(around, height, width, "bilinear")
    return torch.lerp(around, came, weight)


def novelty(motion: Motion, before: Tensor, after: Tensor) -> Tensor:
    """How surely places of a frame show what the one before did not: what something uncovered.

    Flow is not trusted there, nor where all is even and noisy, where what was is there still. So
    the frames' tones are asked: whether a place of the one lies beyond all tones that the other,
    moved along, has within a pixel. Neither edges that are a pixel off nor noise do that.

    Args:
        motion: how the later frame came from the earlier one, filled.
        before: `(1, 3, height, width)` in [0, 1].
        after: the next frame, of that size.

    Returns:
        Float32 `(1, 1, height, width)` in [0, 1].
    """
    height, width = after.shape[2:]
    moved = motion.warp(before)
    apart = torch.maximum(_beyond(after, moved), _beyond(moved, after)).amax(1, keepdim=True)
    apart = resize(_blurred(apart, _FINE), height, width, "bilinear") / _LEVEL
    return ((apart - _FITS) / (_NEW - _FITS)).clamp(0, 1)


def _beyond(one: Tensor, other: Tensor) -> Tensor:
    """How far tones of one picture are beyond those of the other within a pixel."""
    most, least = nnf.max_pool2d(other, 3, 1, 1), -nnf.max_pool2d(-other, 3, 1, 1)
    return (one - most).clamp_min(0) + (least - one).clamp_min(0)


def stillness(motion: Motion, before: Tensor, after: Tensor) -> Tensor:
    """How sure it is that places of a clip from a still camera neither moved nor changed.

    Of noise alone, flow makes motion of a pixel. So what is asked is whether a frame is less like
    the one before where it lies than moved along: around a place, and in most of the frame, for
    what is even looks still before any camera.

    Args:
        motion: how the later frame came from the earlier one.
        before: `(1, 3, height, width)` in [0, 1].
        after: the next frame, of that size.

    Returns:
        Float32 `(1, 1, height, width)` in [0, 1].
    """
    height, width = after.shape[2:]
    unmoved, moved = ((after - one).abs() for one in (before, motion.warp(before)))
    apart, least = (_blurred(one.mean(1, keepdim=True), _COARSE) for one in (unmoved, moved))
    worse = apart / (least + _LEVEL / 4)
    held = ((_MOVED - worse) / (_MOVED - _UNMOVED)).clamp(0, 1)
    camera = ((_SWUNG - worse.quantile(_MOST)) / (_SWUNG - _STEADY)).clamp(0, 1)
    tones = resize(_blurred(after - before, _FINE), height, width, "bilinear").abs().amax(1)
    same = (2 - tones / (_NOISE * _LEVEL)).clamp(0, 1)
    return resize(held * camera, height, width, "bilinear") * same


def _blurred(values: Tensor, coarse: int) -> Tensor:
    """Means over some five coarse pixels around, each of so many pixels a side."""
    height, width = values.shape[2:]
    size = max(1, height // coarse), max(1, width // coarse)
    small = nnf.adaptive_avg_pool2d(values, size)
    for _ in range(2):  # twice is close to a Gaussian
        small = nnf.avg_pool2d(small, _REACH, 1, _REACH // 2, count_include_pad=False)
    return small
