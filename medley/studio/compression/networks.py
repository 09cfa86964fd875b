"""The networks that a sweep compares: at which widths, in which schemes, and what each costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import medley
from medley.errors import WeightsError
from medley.paintings import shipped
from medley.settings import ShotSettings, SweepSettings
from medley.studio.compression.stage import Stage, Watch
from medley.vgg import sources, weightfile
from medley.vgg.weights import identify_weights, load_weights

if TYPE_CHECKING:  # torch comes with them, and plans do without
    from medley.studio.compression.compare import Tensors
    from medley.studio.compression.quantizing import Quantizer

FLOAT_BITS = 32
_BUNDLED = "kmeans"  # the scheme of the file that ships, from which every width comes
_WIDEST = 8


@dataclass(frozen=True)
class Variant:
    """One way to store the network."""

    scheme: str
    bits: int


FLOAT = Variant("float32", FLOAT_BITS)


@dataclass(frozen=True)
class Network:
    """A variant with its weights at hand, and what they cost.

    Attributes:
        scheme, bits: how the weights are stored.
        label: for films and tables: "4-bit".
        settings: of a shot, choosing these weights.
        digest: of the weights.
        size_bytes: on disk.
        distortion: of the weights: |difference|^2 / |reference|^2 over all layers, once measured.
        load_s: seconds from the file to a ready network of all its layers, likewise.
    """

    scheme: str
    bits: int
    label: str
    settings: ShotSettings
    digest: str
    size_bytes: int
    distortion: float = math.nan
    load_s: float = math.nan


def has_float() -> bool:
    """Whether the float original has been fetched."""
    return sources.cache_path("original").is_file()


def list_variants(sweep: SweepSettings, with_float: bool) -> list[Variant]:
    """The variants that a sweep asks for, in its order: every width in one scheme, then the next.

    Args:
        sweep: its widths and schemes.
        with_float: whether the float original is here.

    Raises:
        WeightsError: it is not, and something asked for is made from it.
    """
    narrow = tuple(range(_WIDEST, 0, -1))
    widths = sweep.bits or ((FLOAT_BITS, *narrow) if with_float else narrow)
    wanted = [
        FLOAT if bits == FLOAT_BITS else Variant(scheme, bits)
        for scheme in sweep.scheme
        for bits in widths
    ]
    needing = [one for one in wanted if one == FLOAT or one.scheme != _BUNDLED]
    if needing and not with_float:
        what = "32 bits" if needing[0] == FLOAT else f"'{needing[0].scheme}'"
        raise WeightsError(
            f"{what} needs the float original '{sources.cache_path('original')}', which is not"
            " there; pass --fetch (74 MB, once), or sweep --bits 8-1 in --scheme kmeans"
        )
    return list(dict.fromkeys(wanted))


def reference_of(with_float: bool) -> Variant:
    """By which the others are judged: the float original, or 8 bits in its stead."""
    return FLOAT if with_float else Variant(_BUNDLED, _WIDEST)


def name_networks(
    variants: Sequence[Variant], settings: ShotSettings, folder: Path, watch: Watch
) -> list[Network]:
    """Find each variant's weights, making its file if it has none; what they cost is not measured.

    Args:
        variants: in any order; weights that do not ship are made from the float original.
        settings: of the shots, but for the weights.
        folder: keeps the files that are made.
        watch: told how far a computation is.

    Raises:
        WeightsError: weights are not there or not whole.
        OutputError: a file cannot be written.
    """
    several = len({one.scheme for one in variants if one != FLOAT}) > 1
    makers: list[Quantizer] = []  # reading the float original is worth it only once, if at all
    networks = []
    for variant in variants:
        chosen: dict[str, int | Path] = {"bits": variant.bits}
        if variant.scheme not in (_BUNDLED, FLOAT.scheme):
            chosen = {"weights": _stored(variant, folder, makers, watch)}
        own = settings.model_copy(update=chosen)
        digest, size = identify_weights(own.source)
        label = _label(variant, several)
        networks.append(Network(variant.scheme, variant.bits, label, own, digest, size))
    return networks


def load_networks(
    variants: Sequence[Variant],
    reference: Variant,
    settings: ShotSettings,
    folder: Path,
    watch: Watch,
) -> list[Network]:
    """As `name_networks`, but load each variant once and measure what it costs.

    Args: as that, and:
        reference: against which the distortion is measured.

    Raises:
        WeightsError, OutputError: as that.
    """
    from medley.studio.compression.compare import load_with_clock

    exact = load_weights(reference.bits).tensors
    networks = []
    for done, network in enumerate(name_networks(variants, settings, folder, watch)):
        watch(Stage(f"loading {network.bits} bits", done, len(variants)))
        weights, load_s = load_with_clock(partial(load_weights, network.settings.source))
        off = distortion(weights.tensors, exact)
        networks.append(replace(network, distortion=off, load_s=load_s))
    return networks


def distortion(tensors: Tensors, exact: Tensors) -> float:
    """How far weights are off: |difference|^2 / |exact|^2 over all layers, biases aside."""
    import torch

    off = power = 0.0
    for name, (weight, _) in exact.items():
        off += float((tensors[name][0] - weight).square().sum(dtype=torch.float64))
        power += float(weight.square().sum(dtype=torch.float64))
    return off / power


def _label(variant: Variant, several: bool) -> str:
    if variant == FLOAT:
        return "32-bit float"
    named = several or variant.scheme != _BUNDLED
    return f"{variant.bits}-bit {variant.scheme}" if named else f"{variant.bits}-bit"


def _stored(variant: Variant, folder: Path, makers: list[Quantizer], watch: Watch) -> Path:
    """The file of a variant that does not ship; it is made if it is not there and whole."""
    # The same medley makes the same file; another one may know a better way.
    path = folder / f"vgg19-{variant.bits}bit-{variant.scheme}-{medley.__version__}.safetensors"
    original = sources.cached("original")
    if not _is_whole(path, weightfile.read_header(original).origin.sha256):
        from medley.studio.compression.quantizing import Quantizer

        if not makers:
            makers.append(Quantizer(original, shipped(), watch))
        widths = dict.fromkeys(makers[0].originals, variant.bits)
        makers[0].write(path, variant.scheme, widths)
    return path


def _is_whole(path: Path, origin: str) -> bool:
    """Whether a file was made from that original and is as it was written."""
    try:
        header, _, content = weightfile.read(path)
        weightfile.check_digest(header, content)
    except WeightsError:
        return False
    return header.origin.sha256 == origin
