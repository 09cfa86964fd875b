"""The bit width of each layer, so that a file of a given size changes features the least."""

from collections.abc import Callable, Mapping

import torch

from medley.errors import Setting, WeightsError
from medley.studio.compression.compare import FeatureComparison
from medley.vgg import packing, schemes
from medley.vgg.codebook import Codebook
from medley.vgg.sources import Originals

WIDTHS = range(1, 9)
_BIAS_BYTES = 4 * 512  # the widest layer's
HEADER_BYTES = 8192  # more than the metadata of sixteen layers take

Sensitivity = dict[str, dict[int, float]]
OnTrial = Callable[[str, int], None]


def measure_sensitivity(
    originals: Originals,
    codebooks: Mapping[str, Mapping[int, Codebook]],
    comparison: FeatureComparison,
    on_trial: OnTrial,
) -> Sensitivity:
    """Quantize one layer at a time at each width, and see what it does to the features.

    Args:
        originals: the float network.
        codebooks: codebook of each layer at each width, by layer name and width.
        comparison: measures how far features are from the float network's.
        on_trial: called with the layer and width that have been tried.

    Returns:
        `Errors.total` of the network with only one layer quantized, by layer and width. It is 0 at
        every width for a layer behind the deepest one that style transfer looks at.
    """
    sensitivity: Sensitivity = {}
    for name, (weight, bias) in originals.items():
        sensitivity[name] = {}
        for bits in WIDTHS:
            layer = schemes.quantize_layer(weight, bias, "kmeans", bits, codebooks[name][bits])
            tensors = torch.from_numpy(schemes.decode(layer)), torch.from_numpy(bias)
            sensitivity[name][bits] = comparison({name: tensors}).total
            on_trial(name, bits)
    return sensitivity


def choose_widths(
    sensitivity: Sensitivity, counts: Mapping[str, int], target_bytes: int
) -> dict[str, int]:
    """Start with 8 bits everywhere and take away the cheapest bit until the file fits.

    The price of a bit is the error that its loss adds, divided by the bytes that it saves; errors
    of different layers are taken to add up.

    Args:
        sensitivity: errors that `measure_sensitivity` found; where a width has a smaller error
            than a wider one, taking that bit away is free.
        counts: number of weights, by layer name.
        target_bytes: most bytes that the whole file may have.

    Returns:
        1 to 8 bits, by layer name.

    Raises:
        WeightsError: even 1 bit a weight does not fit.

    Source: Shoham and Gersho (1988), Efficient bit allocation for an arbitrary set of quantizers,
    IEEE Trans. ASSP 36(9): greedy descent along the operational rate-distortion curves.
    """
    widths = dict.fromkeys(counts, max(WIDTHS))
    smallest = file_bytes(dict.fromkeys(counts, min(WIDTHS)), counts)
    if smallest > target_bytes:
        raise WeightsError(
            f"{target_bytes:,} bytes are too few: 1 bit a weight takes {smallest:,}; raise ",
            Setting("target_size"),
        )
    while file_bytes(widths, counts) > target_bytes:

        def price(name: str) -> float:
            bits = widths[name]
            added = max(sensitivity[name][bits - 1] - sensitivity[name][bits], 0.0)
            return added / (_layer_bytes(counts[name], bits) - _layer_bytes(counts[name], bits - 1))

        cheapest = min((name for name in widths if widths[name] > min(WIDTHS)), key=price)
        widths[cheapest] -= 1
    return widths


def file_bytes(widths: Mapping[str, int], counts: Mapping[str, int]) -> int:
    """Most bytes that a "kmeans" file of these widths can have."""
    return HEADER_BYTES + sum(_layer_bytes(counts[name], bits) for name, bits in widths.items())


def _layer_bytes(count: int, bits: int) -> int:
    size: int = packing.packed_size(count, bits) + 4 * 2**bits + _BIAS_BYTES
    return size
