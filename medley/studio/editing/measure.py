"""How far a result is from another one, and what that says of many results together."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medley.images import Pixels, to_tensor
from medley.studio.compression.networks import Network

if TYPE_CHECKING:  # it takes a second to import, and plans do without
    import torch

    from medley.transfer.optimize import Evaluator

TOLERANCE = 1.05  # loss of a recommended width's result, against the reference's
QUANTITIES = ("loss", "own_loss", "ratio", "ssim", "psnr", "change")


@dataclass(frozen=True)
class Measure:
    """One pair's result with one network.

    Attributes:
        content, painting: names of the pair.
        network: which repainted it.
        shot: its key.
        loss: of the final picture as it is saved, scored by the reference network.
        own_loss: the same, scored by the network itself.
        ratio: `loss` over that of the reference's own result.
        ssim: structural similarity to the reference's result, 1 for the same picture.
        psnr: peak signal-to-noise ratio to it in dB, infinite for the same picture.
        change: how much the eye sees differ from it, as `visual_change`.
    """

    content: str
    painting: str
    network: Network
    shot: str
    loss: float
    own_loss: float
    ratio: float
    ssim: float
    psnr: float
    change: float


@dataclass(frozen=True)
class Spread:
    """A quantity over several pairs."""

    median: float
    least: float
    most: float


def score(objective: Evaluator, pixels: Pixels, device: torch.device) -> float:
    """The loss of a picture as it is saved."""
    losses, _ = objective.evaluate(to_tensor(pixels).to(device), with_gradient=False)
    return float(losses.total)


def similarity(result: Pixels, other: Pixels) -> float:
    """Structural similarity of two pictures of one size, at least 11 pixels on the short side.

    Source: Wang, Bovik, Sheikh and Simoncelli (2004), Image quality assessment, IEEE Trans. Image
    Processing 13(4), with its Gaussian window; the mean over the three colour channels.
    """
    from skimage.metrics import structural_similarity  # a second, and plans do without

    found = structural_similarity(
        result,
        other,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(found)


def noise_ratio(result: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio of two 8-bit pictures in dB; infinite if they are the same."""
    if np.array_equal(result, other):
        return math.inf  # where the library would divide by zero
    from skimage.metrics import peak_signal_noise_ratio

    return float(peak_signal_noise_ratio(other, result, data_range=255))


def difference(result: Pixels, other: Pixels) -> float:
    """How much the eye sees differ between two pictures; see `visual_change`."""
    from medley.transfer.visual import visual_change

    return visual_change(to_tensor(other), to_tensor(result))


def summarize(measures: Sequence[Measure]) -> dict[Network, dict[str, Spread]]:
    """For each network, every quantity's median and range over all pairs."""
    found: dict[Network, dict[str, Spread]] = {}
    for network in dict.fromkeys(one.network for one in measures):
        own = [one for one in measures if one.network == network]
        found[network] = {}
        for name in QUANTITIES:
            values = [getattr(one, name) for one in own]
            found[network][name] = Spread(statistics.median(values), min(values), max(values))
    return found


def recommend(summary: Mapping[Network, Mapping[str, Spread]]) -> Network:
    """The smallest network whose median re-scored loss is within `TOLERANCE` of the reference's.

    Args:
        summary: the reference is in it.
    """
    good = [network for network, of in summary.items() if of["ratio"].median <= TOLERANCE]
    return min(good, key=lambda network: network.size_bytes)
