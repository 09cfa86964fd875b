"""Which width each layer should have, so that a file of a given size does the least harm."""

from collections.abc import Callable, Mapping

import torch

from medley.errors import Setting, WeightsError
from medley.studio.compression.compare import Judge
from medley.vgg import packing, schemes
from medley.vgg.codebook import Codebook
from medley.vgg.sources import Originals

WIDTHS = range(1, 9)
_BIAS_BYTES = 4 * 512  # of the widest layer
HEADER_BYTES = 8192  # more than the metadata of sixteen layers take

Harm = dict[str, dict[int, float]]
OnTrial = Callable[[str, int], None]


def measure_harm(
    originals: Originals,
    codebooks: Mapping[str, Mapping[int, Codebook]],
    judge: Judge,
    on_trial: OnTrial,
) -> Harm:
    """Quantize one layer at a time at each width, and see what it does to the features.

    Args:
        originals: the float network.
        codebooks: by layer name and width.
        judge: holds the float features of a few pictures.
        on_trial: called with the layer and width that have been tried.

    Returns:
        By layer and width: `Errors.total` of the network with only that layer quantized. A layer
        behind the deepest one that style transfer looks at does no harm at any width.
    """
    harm: Harm = {}
    for name, (weight, bias) in originals.items():
        harm[name] = {}
        for bits in WIDTHS:
            layer = schemes.quantize_layer(weight, bias, "kmeans", bits, codebooks[name][bits])
            tensors = torch.from_numpy(schemes.decode(layer)), torch.from_numpy(bias)
            harm[name][bits] = judge({name: tensors}).total
            on_trial(name, bits)
    return harm


def choose_widths(harm: Harm, counts: Mapping[str, int], target_bytes: int) -> dict[str, int]:
    """Start with 8 bits everywhere and take away the bit that hurts least, until the file fits.

    What a bit costs is the harm that it adds for each byte that it saves; the harms of different
    layers are taken to add up.

    Args:
        harm: as `measure_harm` gives it; a width that does less harm than a wider one counts as
            that one.
        counts: weights of each layer.
        target_bytes: of the whole file.

    Returns:
        By layer name: 1 to 8 bits.

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
            added = max(harm[name][bits - 1] - harm[name][bits], 0.0)
            return added / (_layer_bytes(counts[name], bits) - _layer_bytes(counts[name], bits - 1))

        cheapest = min((name for name in widths if widths[name] > min(WIDTHS)), key=price)
        widths[cheapest] -= 1
    return widths


def file_bytes(widths: Mapping[str, int], counts: Mapping[str, int]) -> int:
    """Bytes of a "kmeans" file of these widths, at most."""
    return HEADER_BYTES + sum(_layer_bytes(counts[name], bits) for name, bits in widths.items())


def _layer_bytes(count: int, bits: int) -> int:
    size: int = packing.packed_size(count, bits) + 4 * 2**bits + _BIAS_BYTES
    return size
