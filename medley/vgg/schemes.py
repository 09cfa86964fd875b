"""How one convolution is stored: optimal codebooks, affine integers, or a shorter float.

A layer is a few small arrays by name, whichever the scheme:

    codes      uint8, what `packing.pack` makes; at 8 bits shaped like the weights
    codebook   float32 `(2**bits,)`: what each code stands for; without one, a code is a number;
               or float16 `(out, 2**bits)`: one for each output channel
    zero       float32 `(1,)` or `(out,)`: subtracted from the number
    scale      float32 `(1,)` or `(out,)`: multiplied with it, last
    weight     instead of codes: the weights as float16, float32, or bfloat16 in uint16's clothes
    stream, states, contexts, frequencies, steps, unit, scale
               instead of codes and codebook: see `columns`
    bias       float32 `(out,)`
    narrow_starts, narrow_codebooks
               optional, beside a codebook: the tables of `codebook.Narrowing` for the widths 1 to
               `bits - 1`, laid end to end, so that width `b` begins at `2**b - 2`

`decode` needs no scheme's name: it does what the arrays say.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medley.vgg import codebook, columns, packing

Array = NDArray[Any]
Floats = NDArray[np.float32]

FLOAT_BITS = {"float16": 16, "bfloat16": 16, "float32": 32}
"""The schemes that store floats, and their widths."""

CALIBRATED = "calibrated"
"""The scheme of `calibrate`, which looks at pictures and at all layers before the one at hand."""

ENTROPY = "entropy"
"""The scheme of `entropy`, which calibrates too, and has any size instead of a width a layer."""

SCHEMES = ("kmeans", CALIBRATED, "affine", "affine-channel", *FLOAT_BITS)
"""Every scheme that has a width; the first four take 1 to 8 bits."""


@dataclass(frozen=True)
class EncodedLayer:
    """One convolution as it is stored.

    Attributes:
        shape: the weights' shape, `(out, in, height, width)`.
        bits: 1 to 8, 16 or 32 a weight; of entropy codes what they take with all that belongs to
            them, seldom a whole number.
        distortion: mean squared error of the weights, against the float original.
        power: mean square of the original weights, to which `distortion` compares.
        arrays: the stored arrays by the names that the module's text lists.
    """

    shape: tuple[int, ...]
    bits: float
    distortion: float
    power: float
    arrays: dict[str, Array]

    @property
    def size_bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())


def quantize_layer(
    weight: Floats,
    bias: Floats,
    scheme: str,
    bits: int,
    centroids: codebook.Codebook | None = None,
) -> EncodedLayer:
    """Encode one convolution.

    Args:
        weight: float32 `(out, in, height, width)`, finite.
        bias: float32 `(out,)`, finite.
        scheme: one of `SCHEMES` but "calibrated" and "entropy", which need more than one layer's
            weights.
        bits: 1 to 8; 16 or 32 as the scheme has it for floats.
        centroids: the codebook, if the scheme is "kmeans" and it is known already.

    Raises:
        ValueError: an unknown scheme, bits that it does not have, no weights, or weights that are
            not finite or too large for the scheme.
    """
    check_scheme(scheme, bits)
    if scheme == CALIBRATED:
        raise ValueError("calibrated layers are made by `calibrate`, all of them together")
    if not weight.size or not np.isfinite(weight).all() or not np.isfinite(bias).all():
        raise ValueError("a layer needs weights, and they must be finite")
    if scheme in FLOAT_BITS:
        arrays: dict[str, Array] = {"weight": _shortened(weight, scheme)}
    elif scheme == "kmeans":
        if centroids is None:
            centroids = codebook.optimal_codebooks(weight, [bits])[bits]
        codes = codebook.assign(weight, centroids)
        arrays = {"codes": _packed(codes, bits), "codebook": centroids}
    else:
        codes, zero, scale = _affine(weight, bits, per_channel=scheme == "affine-channel")
        arrays = {"codes": _packed(codes, bits), "zero": zero, "scale": scale}
    arrays["bias"] = np.ascontiguousarray(bias, np.float32)
    return _measured(weight, bits, arrays)


def assemble(
    weight: Floats, codes: NDArray[np.uint8], codebooks: Array, bias: Floats, bits: int
) -> EncodedLayer:
    """A layer from codes and codebooks that are known already.

    Args:
        weight: the float original `(out, in, height, width)`, to measure the distortion against.
        codes: uint8 of that shape.
        codebooks: float16 `(out, 2**bits)`.
        bias: float32 `(out,)`.
        bits: 1 to 8.
    """
    arrays = {"codes": _packed(codes, bits), "codebook": codebooks, "bias": bias}
    return _measured(weight, bits, arrays)


def assemble_coded(weight: Floats, arrays: dict[str, Array]) -> EncodedLayer:
    """A layer from entropy codes.

    Args:
        weight: the float original `(out, in, 3, 3)`, to measure the distortion against.
        arrays: see `columns`, and `bias`.
    """
    return _measured(weight, bits_taken(weight.shape, arrays), arrays)


def bits_taken(shape: tuple[int, ...], arrays: Mapping[str, Array]) -> float:
    """The bits a weight that arrays take, all together."""
    return round(8 * sum(array.nbytes for array in arrays.values()) / math.prod(shape), 4)


def _measured(weight: Floats, bits: float, arrays: dict[str, Array]) -> EncodedLayer:
    power = codebook.mean_squared_error(weight, 0.0)
    layer = EncodedLayer(weight.shape, bits, math.nan, power, arrays)
    distortion = codebook.mean_squared_error(weight, decode(layer))
    return dataclasses.replace(layer, distortion=distortion)


def with_narrower(layer: EncodedLayer) -> EncodedLayer:
    """Add to a "kmeans" layer the tables from which `decode` makes every narrower width."""
    width = int(layer.bits)
    codes = packing.unpack(layer.arrays["codes"].reshape(-1), width, math.prod(layer.shape))
    counts = np.bincount(codes, minlength=2**width)
    tables = codebook.recluster(layer.arrays["codebook"], counts, range(1, width))
    added = {
        "narrow_starts": np.concatenate([table.starts for table in tables.values()]),
        "narrow_codebooks": np.concatenate([table.codebook for table in tables.values()]),
    }
    return dataclasses.replace(layer, arrays=layer.arrays | added)


def decode(layer: EncodedLayer, bits: int | None = None) -> Floats:
    """The weights that a stored layer stands for: float32, in its shape.

    Args:
        layer: one that was read or encoded.
        bits: decode as if the layer had only so many; it must hold the tables of narrower widths.

    Raises:
        ValueError: the layer has no such width, or its stream is not that of its codes.
    """
    arrays = layer.arrays
    narrower = bits is not None and bits != layer.bits
    if narrower and ("narrow_starts" not in arrays or bits not in range(1, int(layer.bits))):
        raise ValueError(f"a layer of {layer.bits} bits cannot be decoded at {bits}")
    if "weight" in arrays:
        return lengthened(arrays["weight"])
    if "stream" in arrays:
        return columns.values(columns.read(layer.shape[0], arrays), arrays)
    return _from_packed(layer, int(layer.bits), bits if narrower else None)


def _from_packed(layer: EncodedLayer, width: int, narrower: int | None) -> Floats:
    """The weights of codes of one width, or as if it were a narrower one."""
    arrays = layer.arrays
    out = np.empty(layer.shape, np.float32)
    if "codebook" in arrays and arrays["codebook"].ndim == 2:
        codes = packing.unpack(arrays["codes"].reshape(-1), width, out.size)
        rows = zip(arrays["codebook"].astype(np.float32), codes.reshape(len(out), -1), strict=True)
        for row, (book, chosen) in zip(out.reshape(len(out), -1), rows, strict=True):
            np.take(book, chosen, out=row, mode="clip")
        return out
    values = arrays.get("codebook", np.arange(2**width, dtype=np.float32))
    if narrower is not None:
        place = slice(2**narrower - 2, 2 ** (narrower + 1) - 2)
        table = codebook.Narrowing(
            arrays["narrow_starts"][place], arrays["narrow_codebooks"][place]
        )
        values = table.values(len(values))
    packing.look_up(arrays["codes"], width, values, out)
    if "zero" in arrays:
        out -= arrays["zero"].reshape(-1, 1, 1, 1)
    if "scale" in arrays:
        out *= arrays["scale"].reshape(-1, 1, 1, 1)
    return out


def code_entropy(layer: EncodedLayer) -> float:
    """Shannon entropy of a layer's codes in bits a weight; its `bits` if it stores floats.

    Of entropy codes, what their stream takes.

    Source: Shannon (1948), Bell System Technical Journal 27(3), section 6.
    """
    if "stream" in layer.arrays:
        return bits_taken(layer.shape, {"stream": layer.arrays["stream"]})
    if "codes" not in layer.arrays:
        return float(layer.bits)
    codes = packing.unpack(layer.arrays["codes"], int(layer.bits), math.prod(layer.shape))
    counts = np.bincount(codes)
    share = counts[counts > 0] / codes.size
    return float(-(share * np.log2(share)).sum()) + 0.0  # never "-0.0"


def check_scheme(scheme: str, bits: int) -> None:
    """See that a scheme exists and has codes of `bits` bits.

    Raises:
        ValueError: there is no such scheme, or it has no such width.
    """
    if scheme == ENTROPY:
        raise ValueError("entropy codes have a size and no width; see `entropy`")
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme '{scheme}'; there are {', '.join(SCHEMES)}")
    if scheme in FLOAT_BITS and bits != FLOAT_BITS[scheme]:
        raise ValueError(f"{scheme} has {FLOAT_BITS[scheme]} bits, not {bits}")
    if scheme not in FLOAT_BITS and bits not in codebook.WIDTHS:
        raise ValueError(f"{scheme} has 1 to 8 bits, not {bits}")


def _packed(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    return codes if bits == 8 else packing.pack(codes, bits)


def _affine(
    weight: Floats, bits: int, per_channel: bool
) -> tuple[NDArray[np.uint8], Floats, Floats]:
    """Codes, zero points and scales that span each group's range, 0.0 included and exact.

    Source: Jacob et al. (2018), arXiv:1712.05877, section 2.1.
    """
    groups = weight.reshape(len(weight) if per_channel else 1, -1).astype(np.float64)
    low = np.minimum(groups.min(axis=1), 0.0)
    high = np.maximum(groups.max(axis=1), 0.0)
    top = 2**bits - 1
    # A group of zeros has no range: any scale will do. Float32 is what will be multiplied with.
    scale = np.where(high > low, (high - low) / top, 1.0).astype(np.float32)
    zero = np.clip(np.rint(-low / scale), 0, top).astype(np.float32)
    codes = np.clip(np.rint(groups / scale[:, None]) + zero[:, None], 0, top)
    return codes.astype(np.uint8).reshape(weight.shape), zero, scale


def _shortened(weight: Floats, scheme: str) -> Array:
    """The weights as floats of another length; NumPy has no bfloat16, so its bits are uint16."""
    if scheme == "float32":
        return np.ascontiguousarray(weight)
    if scheme == "float16":
        with np.errstate(over="ignore"):
            short: Array = weight.astype(np.float16)
    else:
        pattern = np.ascontiguousarray(weight).view(np.uint32)
        even = (pattern >> np.uint32(16)) & np.uint32(
            1
        )  # a tie goes to the even one, as IEEE has it
        short = ((pattern + np.uint32(0x7FFF) + even) >> np.uint32(16)).astype(np.uint16)
    if not np.isfinite(lengthened(short)).all():
        raise ValueError(f"the largest weight, {np.abs(weight).max():g}, is too large for {scheme}")
    return short


def lengthened(short: Array) -> Floats:
    """Floats of any length, bfloat16 in uint16 among them, as float32 of their own memory."""
    if short.dtype == np.uint16:
        return (short.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return short.astype(np.float32)
