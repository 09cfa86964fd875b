"""What a sweep measures of its results, and what that says of many of them together."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medley.studio.compression.networks import Network

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
