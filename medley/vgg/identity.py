"""Which weights are meant, and what they are, without decoding them and without torch."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from medley import files
from medley.shipped_weights import check_weights_there
from medley.vgg import originals, packing, schemes, weightfile
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
        WeightsError: there is no such file, or the float original has not been fetched.
    """
    if isinstance(source, Path):
        check_weights_there(source)
        return source, None
    if source not in (*range(1, 9), 32):
        raise ValueError(f"weights have 1 to 8 bits, or 32 for the float original, not {source}")
    return (originals.cached("original"), None) if source == 32 else (weightfile.BUNDLE, source)


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


def mean_bits(layer_bits: Mapping[str, float]) -> float:
    """Bits a weight, over all weights of the layers that are named."""
    counts = {name: math.prod(weightfile.SHAPES[name]) for name in layer_bits}
    total = sum(counts[name] * bits for name, bits in layer_bits.items())
    return total / sum(counts.values())


def describe(header: weightfile.Header, layers: Mapping[str, EncodedLayer]) -> dict[str, Any]:
    """Tell in numbers how a file's layers are stored, each and all together, for people and JSON.

    Returns:
        Of each layer and, without a shape, of all: `shape`; `bits`, the mean over all weights;
        `bytes`; `ratio`, the float network's bytes by these; `distortion`, the mean squared error
        of the weights by their mean square; and `entropy` of the codes in bits a weight. Of the
        file also its scheme, origin and digest.
    """
    each = {name: _facts(layer) for name, layer in layers.items()}
    counts = {name: math.prod(layer.shape) for name, layer in layers.items()}
    total = sum(counts.values())

    def mean(values: Iterable[float]) -> float:
        return sum(n * value for n, value in zip(counts.values(), values, strict=True)) / total

    power = mean(layer.power for layer in layers.values())
    off = mean(layer.distortion for layer in layers.values())
    return {
        "file": str(header.path),
        "scheme": header.scheme,
        "bits": mean_bits({name: layer.bits for name, layer in layers.items()}),
        "bytes": header.size_bytes,
        "ratio": sum(map(_float_size, layers.values())) / header.size_bytes,
        "distortion": off / power if power else 0.0,
        "entropy": mean(facts["entropy"] for facts in each.values()),
        "layers": each,
        "input": str(header.origin.fed),
        "source": header.origin.source,
        "source_sha256": header.origin.sha256,
        "licence": header.origin.licence,
        "sha256": header.sha256,
    }


def _facts(layer: EncodedLayer) -> dict[str, Any]:
    return {
        "shape": list(layer.shape),
        "bits": layer.bits,
        "bytes": layer.size_bytes,
        "ratio": _float_size(layer) / layer.size_bytes,
        "distortion": layer.distortion / layer.power if layer.power else 0.0,
        "entropy": schemes.code_entropy(layer),
    }


def _float_size(layer: EncodedLayer) -> int:
    """Bytes of a layer's weights and biases as float32."""
    return 4 * (math.prod(layer.shape) + layer.shape[0])


def _narrowed_size(layer: EncodedLayer, bits: int) -> int:
    """Bytes of a layer's packed codes, codebook and bias, were it stored at `bits`."""
    codes = packing.packed_size(math.prod(layer.shape), bits)
    return codes + (4 << bits) + layer.arrays["bias"].nbytes
