"""Weights ready for the network: bundled, from a file, or the float original, at any width.

Every width from 1 to 8 bits comes from the one file that ships with the package. A narrower width
gathers its 256 centroids per layer into fewer, by tables that lie in the file; `make_bundle`
computes them, exactly. 32 bits is the float original, which `medley weights fetch` brings.
"""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from medley.errors import WeightsError
from medley.vgg import weightfile
from medley.vgg.identity import find_weights, identity_of, mean_bits
from medley.vgg.normalization import Normalization
from medley.vgg.schemes import EncodedLayer


@dataclass(frozen=True)
class Weights:
    """The convolutions of VGG-19 as floats.

    Attributes:
        tensors: float32 weight `(out, in, 3, 3)` and bias `(out,)` by layer name, in order.
        fed: what the first layer wants to be fed.
        layer_bits: bits that each weight takes on disk, by layer name.
        scheme: how the weights were encoded, such as "kmeans".
        digest: identifies the values of `tensors`; equal digests mean equal values.
        name: the file they came from, without its suffix.
        size_bytes: size on disk of the whole file at this width, whichever layers were asked for.
    """

    tensors: dict[str, tuple[Tensor, Tensor]]
    fed: Normalization
    layer_bits: dict[str, float]
    scheme: str
    digest: str
    name: str
    size_bytes: int

    @property
    def bits(self) -> float:
        """Bits a weight: the mean over all weights, where layers differ."""
        return mean_bits(self.layer_bits)

    @property
    def label(self) -> str:
        """Words for captions and tables: "4-bit kmeans", or "3.6-bit kmeans" for mixed widths."""
        return f"{round(self.bits, 1):g}-bit {self.scheme}"


def load_weights(source: int | Path = 8, *, layers: Sequence[str] | None = None) -> Weights:
    """Load weights from the bundle (1 to 8 bits), the user's cache (32), or a file.

    Args:
        source: 1 to 8 bits, 32 for the float original, or a file that medley wrote, whose own
            widths are used.
        layers: the convolutions to load; all that the file holds by default.

    Raises:
        ValueError: bits that do not exist, or an unknown layer.
        WeightsError: the file is missing, torn, tampered with, or lacks a layer.
    """
    return _load(*find_weights(source), layers)


def _load(path: Path, bits: int | None, names: Sequence[str] | None) -> Weights:
    """Read and decode on all cores; the digest is computed meanwhile."""
    header, layers, content = weightfile.read(path)
    wanted = _chosen(path, layers, names)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, len(wanted) + 1)) as pool:
        checked = pool.submit(weightfile.check_digest, header, content)
        largest_first = sorted(wanted, key=lambda name: -math.prod(wanted[name].shape))
        decoded = {
            name: pool.submit(weightfile.decoded, header, name, wanted[name], bits)
            for name in largest_first
        }
        checked.result()
        tensors = {
            name: (
                torch.from_numpy(decoded[name].result()),
                torch.from_numpy(layer.arrays["bias"].copy()),
            )
            for name, layer in wanted.items()
        }
    identity = identity_of(header, layers, bits)
    return Weights(
        tensors=tensors,
        fed=header.origin.fed,
        layer_bits={name: bits or layer.bits for name, layer in wanted.items()},
        scheme=header.scheme,
        digest=identity.digest,
        name=path.stem,
        size_bytes=identity.size_bytes,
    )


def _chosen(
    path: Path, layers: dict[str, EncodedLayer], names: Sequence[str] | None
) -> dict[str, EncodedLayer]:
    """The layers that were asked for, in the network's order."""
    if names is None:
        return layers
    if unknown := [name for name in names if name not in weightfile.SHAPES]:
        raise ValueError(
            f"there is no convolution {', '.join(unknown)}; there are"
            f" {', '.join(weightfile.SHAPES)}"
        )
    if missing := [name for name in names if name not in layers]:
        raise WeightsError(
            f"'{path}' holds no {', '.join(missing)}; choose other layers, or weights that have"
            " them"
        )
    return {name: layer for name, layer in layers.items() if name in names}
