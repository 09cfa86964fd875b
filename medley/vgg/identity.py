"""Which weights are meant, and what they are, without decoding them and without torch."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from medley import files
from medley.vgg import packing, sources, weightfile
from medley.vgg.schemes import EncodedLayer


class Identity(NamedTuple):
    """What some weights are, besides their values.

    Attributes:
        digest: identifies the values; equal digests mean equal values.
        size_bytes: size on disk of the whole file at this width.
        label: words for captions and tables: "4-bit kmeans".
    """

    digest: str
    size_bytes: int
    label: str


def identify_weights(source: int | Path = 8) -> Identity:
    """Tell what `load_weights` would load, without decoding it.

    Raises:
        ValueError: bits that do not exist.
        WeightsError: the file is missing, torn or tampered with.
    """
    file, width = find_weights(source)
    header, layers, content = weightfile.read(file)
    weightfile.check_digest(header, content)
    return identity_of(header, layers, width)


def find_weights(source: int | Path) -> tuple[Path, int | None]:
    """Find the file of some weights, and the width to which it is brought, if it has all.

    Args:
        source: 1 to 8 bits from the package, 32 for the float original, or a file.

    Raises:
        ValueError: bits that do not exist.
        WeightsError: the float original has not been fetched.
    """
    if isinstance(source, Path):
        return source, None
    if source not in (*range(1, 9), 32):
        raise ValueError(f"weights have 1 to 8 bits, or 32 for the float original, not {source}")
    return (sources.cached("original"), None) if source == 32 else (weightfile.BUNDLE, source)


def identity_of(
    header: weightfile.Header, layers: dict[str, EncodedLayer], bits: int | None
) -> Identity:
    """Tell what a file's layers are, brought to a width.

    Args:
        header: the file's.
        layers: all that it holds.
        bits: 1 to 8; None for the file's own widths.
    """
    widths = {name: bits or layer.bits for name, layer in layers.items()}
    label = f"{round(mean_bits(widths), 1):g}-bit {header.scheme}"
    if bits is None or all(layer.bits == bits for layer in layers.values()):
        return Identity(header.sha256, header.size_bytes, label)
    digest = files.sha256(f"{header.sha256} at {bits} bits".encode())
    size = sum(_narrowed_size(layer, bits) for layer in layers.values())
    return Identity(digest, size, label)


def mean_bits(layer_bits: Mapping[str, int]) -> float:
    """Bits a weight, over all weights of the layers that are named."""
    counts = {name: math.prod(weightfile.SHAPES[name]) for name in layer_bits}
    total = sum(counts[name] * bits for name, bits in layer_bits.items())
    return total / sum(counts.values())


def _narrowed_size(layer: EncodedLayer, bits: int) -> int:
    """Bytes of a layer's packed codes, codebook and bias, were it stored at `bits`."""
    codes = packing.packed_size(math.prod(layer.shape), bits)
    return codes + (4 << bits) + layer.arrays["bias"].nbytes
