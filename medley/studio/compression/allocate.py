"""The bit width of each layer, so that a file of a given size changes features the least."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from medley.errors import Setting, WeightsError
from medley.studio.compression.compare import Errors, FeatureComparison
from medley.vgg import columns, packing, schemes, weightfile
from medley.vgg.codebook import WIDTHS, Codebook
from medley.vgg.schemes import CALIBRATED, ENTROPY, Array, EncodedLayer
from medley.vgg.sources import Floats
from medley.vgg.weightfile import Origin

Widths = Mapping[str, int]
SizeOf = Callable[[Widths], int]
Values = NDArray[np.float64]

LONGEST = 1.2345678901234567e-100
"""A number that takes as many letters as any above 0."""


class Trial(NamedTuple):
    """One layer alone, stored in a few bits.

    Attributes:
        distortion: mean squared error of its weights.
        power: mean square of its weights.
        errors: errors of the network's features and Gram matrices; None before they are measured.
    """

    distortion: float
    power: float
    errors: Errors | None = None

    @property
    def cost(self) -> float:
        """The number by which widths are chosen; 0 before errors are measured."""
        return self.errors.total if self.errors else 0.0

    @property
    def values(self) -> Values:
        """All numbers in a row, from which `of` makes the trial again."""
        errors = self.errors.values if self.errors else ()
        return np.array([self.distortion, self.power, *errors])

    @classmethod
    def of(cls, values: Values) -> Self:
        """Make a trial from its numbers."""
        distortion, power, *errors = values.tolist()
        return cls(distortion, power, Errors.of(errors))


Sensitivity = dict[str, dict[int, Trial]]


def try_widths(
    name: str,
    original: tuple[Floats, Floats],
    codebooks: Mapping[int, Codebook],
    comparison: FeatureComparison,
    on_trial: Callable[[], None],
) -> dict[int, Trial]:
    """Quantize one layer at each width, and see what it alone does to the features.

    Args:
        name: name of the layer.
        original: its float weight and bias.
        codebooks: codebook at each width.
        comparison: measures how far features are from the float network's. There are no errors at
            any width of a layer behind the deepest one that style transfer looks at.
        on_trial: called after each width.
    """
    weight, bias = original
    trials = {}
    for bits in sorted(codebooks):
        layer = schemes.quantize_layer(weight, bias, "kmeans", bits, codebooks[bits])
        tensors = torch.from_numpy(schemes.decode(layer)), torch.from_numpy(bias)
        trials[bits] = Trial(layer.distortion, layer.power, comparison.of_layer(name, *tensors))
        on_trial()
    return trials


def choose_widths(
    costs: Mapping[str, Mapping[int, float]], size_of: SizeOf, target_bytes: int
) -> dict[str, int]:
    """Choose each layer's width so that the file fits, and no layer could have one bit more.

    From 8 bits everywhere the cheapest bit is taken away until the file fits; the price of a bit is
    the error that its loss adds, divided by the bytes that it saves, and errors of different layers
    are taken to add up. The last may have saved more than was needed: what is left is spent on bits
    that still fit, the most useful first.

    Args:
        costs: error by layer and width; where a width has a smaller error than a wider one, taking
            that bit away is free.
        size_of: gives the bytes of a file of these widths.
        target_bytes: most bytes that the whole file may have.

    Returns:
        1 to 8 bits, by layer name.

    Raises:
        WeightsError: even 1 bit a weight does not fit.

    Source: Shoham and Gersho (1988), Efficient bit allocation for an arbitrary set of quantizers,
    IEEE Trans. ASSP 36(9): greedy descent along rate-distortion curves. Spending the rest is ours.
    """
    widths = dict.fromkeys(costs, max(WIDTHS))
    smallest = size_of(dict.fromkeys(costs, min(WIDTHS)))
    if smallest > target_bytes:
        raise WeightsError(
            f"{target_bytes:,} bytes are too few: 1 bit a weight takes {smallest:,}; raise ",
            Setting("target_size"),
        )

    def price(name: str, bits: int) -> float:
        """Error that a layer's bit above `bits` spares, a byte."""
        spared = max(costs[name][bits] - costs[name][bits + 1], 0.0)
        narrow, wide = (size_of(widths | {name: bits + more}) for more in (0, 1))
        return spared / (wide - narrow)

    while size_of(widths) > target_bytes:
        narrower = [name for name, bits in widths.items() if bits > min(WIDTHS)]
        widths[min(narrower, key=lambda name: price(name, widths[name] - 1))] -= 1
    while wider := [
        name
        for name, bits in widths.items()
        if bits < max(WIDTHS) and size_of(widths | {name: bits + 1}) <= target_bytes
    ]:
        widths[max(wider, key=lambda name: price(name, widths[name]))] += 1
    return widths


def file_bytes(widths: Widths, trials: Sensitivity, origin: Origin, scheme: str = "kmeans") -> int:
    """The bytes of a file of these widths, made of layers that have been tried.

    They are exact for "kmeans". In another scheme the layers' distortions are not known yet, and
    the file is a few bytes smaller.
    """
    layers = {
        name: _stand_in(name, bits, trials[name][bits], scheme) for name, bits in widths.items()
    }
    return weightfile.size_of(layers, scheme, origin)


def header_bytes(names: Sequence[str], origin: Origin) -> int:
    """The bytes of the header of a file of entropy codes, or a few more."""
    word, octet, single = np.uint16(0), np.uint8(0), np.float32(0)
    layers = {}
    for name in names:
        shape = weightfile.SHAPES[name]
        arrays: dict[str, Array] = {
            "stream": np.broadcast_to(word, (math.prod(shape),)),
            "states": np.broadcast_to(word, (2, 1000)),
            "contexts": np.broadcast_to(octet, (columns.CONTEXTS,)),
            "frequencies": np.broadcast_to(word, (1000,)),
            "steps": np.broadcast_to(octet, shape[1:]),
            "unit": np.broadcast_to(single, (1,)),
            "scale": np.broadcast_to(np.float16(0), (shape[0],)),
            "bias": np.broadcast_to(single, (shape[0],)),
        }
        layers[name] = EncodedLayer(shape, 1.2345, LONGEST, LONGEST, arrays)
    beside = sum(layer.size_bytes for layer in layers.values())
    return weightfile.size_of(layers, ENTROPY, origin) - beside


def _stand_in(name: str, bits: int, trial: Trial, scheme: str) -> EncodedLayer:
    """A layer of the size and header that the true one has; its arrays take no memory."""
    shape = weightfile.SHAPES[name]
    out = shape[0]
    code, single = np.uint8(0), np.float32(0)
    codes = shape if bits == max(WIDTHS) else (packing.packed_size(math.prod(shape), bits),)
    arrays: dict[str, Array] = {
        "codes": np.broadcast_to(code, codes),
        "bias": np.broadcast_to(single, (out,)),
    }
    if scheme == "kmeans":
        arrays["codebook"] = np.broadcast_to(single, (2**bits,))
    elif scheme == CALIBRATED:
        arrays["codebook"] = np.broadcast_to(np.float16(0), (out, 2**bits))
    else:
        groups = out if scheme == "affine-channel" else 1
        arrays |= {what: np.broadcast_to(single, (groups,)) for what in ("zero", "scale")}
    distortion = trial.distortion if scheme == "kmeans" else LONGEST
    return EncodedLayer(shape, bits, distortion, trial.power, arrays)
