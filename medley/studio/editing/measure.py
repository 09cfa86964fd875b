"""Measures of a sweep's results, and their summary over several photos and paintings."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from medley.studio.compression.networks import Network

TOLERANCE = 1.05  # most loss of a recommended width's result, relative to the reference's
QUANTITIES = ("loss", "own_loss", "ratio", "ssim", "psnr", "change")


@dataclass(frozen=True)
class Measure:
    """Measures of one pair's result with one network.

    Attributes:
        content, painting: names of photo and painting.
        network: network that the shot was taken with.
        shot: key of the shot.
        loss: loss of the saved final picture, scored by the reference network.
        own_loss: loss of the final picture, scored by the network itself.
        ratio: `loss` divided by the loss of the reference's own result.
        ssim: structural similarity to the reference's result, 1 for the same picture.
        psnr: peak signal-to-noise ratio against the reference's result in dB, infinite for the
            same picture.
        change: visible difference from the reference's result, as `visual_change` measures it.
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
    """Median and range of a quantity over several pairs."""

    median: float
    least: float
    most: float


def summarize(measures: Sequence[Measure]) -> dict[Network, dict[str, Spread]]:
    """Take the median and range of every quantity over all pairs, for each network."""
    found: dict[Network, dict[str, Spread]] = {}
    for network in dict.fromkeys(one.network for one in measures):
        own = [one for one in measures if one.network == network]
        found[network] = {}
        for name in QUANTITIES:
            values = [getattr(one, name) for one in own]
            found[network][name] = Spread(statistics.median(values), min(values), max(values))
    return found


def recommend(
    summary: Mapping[Network, Mapping[str, Spread]], reference: Network
) -> Network | None:
    """The smallest network whose median re-scored loss is within `TOLERANCE` of the reference's.

    Args:
        summary: spreads of all networks, the reference among them.
        reference: network that scored the pictures, and judges those of its own training alone.

    Returns:
        The network; None if all others came from another training.
    """
    kin = [network for network in summary if network.variant.origin == reference.variant.origin]
    if len(kin) == 1 < len(summary):
        return None
    good = [network for network in kin if summary[network]["ratio"].median <= TOLERANCE]
    return min(good, key=lambda network: network.size_bytes)


def describe_measures(measures: Sequence[Measure], reference: Network) -> dict[str, Any]:
    """The sidecar's facts about what was measured: measures, summary, and what is recommended."""
    summary = summarize(measures)
    chosen = recommend(summary, reference)
    return {
        "measures": [{**_finite(asdict(one)), "network": one.network.label} for one in measures],
        "summary": {
            network.label: {name: _finite(asdict(spread)) for name, spread in of.items()}
            for network, of in summary.items()
        },
        "recommended": chosen
        and {
            "network": chosen.label,
            "ratio": summary[chosen]["ratio"].median,
            "tolerance": TOLERANCE,
        },
    }


def describe_network(network: Network) -> dict[str, Any]:
    """The sidecar's facts about a network that a sweep compares."""
    return {
        "label": network.label,
        "scheme": network.scheme,
        "bits": network.bits,
        "bytes": network.size_bytes,
        "distortion": network.distortion,
        "load_s": round(network.load_s, 4),
        "weights": network.digest,
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Replace values that JSON has no number for, such as infinity, with None."""
    return {name: None if value == math.inf else value for name, value in values.items()}
