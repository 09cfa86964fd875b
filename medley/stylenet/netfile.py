"""The file that a style network lies in: a safetensors file with medley's metadata.

Tensors:

    kernels         float32 `(k,)`: all convolutions' weights, layer after layer; or instead
    codes           uint8: their codes as `vgg.packing.pack` lays them, and
    codebook        float32 `(2**bits,)`: what each code stands for, in all layers
    normalization   float16 `(styles, 2 * channels)`: of each painting the gains of all layers,
                    then their offsets

One codebook serves all layers because each output channel's weights are divided by their root mean
square first. That costs nothing: the instance normalization behind the convolution undoes any
factor of a channel, so the factors are not even stored. Twelve codebooks of 256 floats would be as
large as the network.

Metadata, all strings as safetensors has it: `format` ("medley style network"), `version`, `shape`
(JSON: channels, blocks), `bits`, `styles` (JSON: for each painting its title and artist),
`training` (JSON: how it was trained), and `sha256`, the digest of the whole file with these 64
digits themselves taken as zeros. Nothing is unpickled.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray

from medley import files
from medley.errors import WeightsError
from medley.stylenet.shape import Shape
from medley.vgg import codebook, packing

Floats = NDArray[np.float32]

_FORMAT = "medley style network"
_VERSION = "1"
_ZEROS = "0" * 64
_FLOAT_BITS = 32
_DTYPES = {"U8": np.uint8, "F16": np.float16, "F32": np.float32}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True)
class StyleName:
    """What is known of a painting that a network learned."""

    title: str
    artist: str = ""


@dataclass(frozen=True)
class NetFile:
    """A style network as numbers.

    Attributes:
        shape: decides all layers.
        kernels: float32 weights of all convolutions, layer after layer, flat.
        gains: float32 `(styles, channels)`, all layers' channels after one another.
        offsets: likewise shaped.
        styles: the paintings, in the order of the rows of `gains`.
        bits: 1 to 8 a weight of a convolution, or 32.
        training: how it was trained, in JSON's types.
    """

    shape: Shape
    kernels: Floats
    gains: Floats
    offsets: Floats
    styles: Sequence[StyleName]
    bits: int = _FLOAT_BITS
    training: Mapping[str, Any] = field(default_factory=dict)


def quantized(net: NetFile, bits: int) -> NetFile:
    """The network with its convolutions' weights at so many bits, as it would be read back."""
    if bits == _FLOAT_BITS:
        return net
    levelled = level(net.shape, net.kernels)
    centroids = codebook.optimal_codebooks(levelled, [bits])[bits]
    kernels = centroids[codebook.assign(levelled, centroids)]
    return NetFile(net.shape, kernels, net.gains, net.offsets, net.styles, bits, net.training)


def level(shape: Shape, kernels: Floats) -> Floats:
    """Divide each output channel's weights by their root mean square; zeros stay."""
    levelled = np.empty_like(kernels)
    start = 0
    for ins, outs, side in shape.convolutions():
        end = start + ins * outs * side**2
        rows = kernels[start:end].reshape(outs, -1)
        power = np.sqrt(np.mean(rows**2, axis=1, keepdims=True))
        levelled[start:end] = (rows / np.where(power > 0, power, 1)).reshape(-1)
        start = end
    return levelled


def write(path: Path, net: NetFile) -> None:
    """Write a network; all of the file appears at once, or nothing does.

    Raises:
        ValueError: bits that no file has.
        OutputError: the file cannot be written.
    """
    normalization = np.concatenate([net.gains, net.offsets], axis=1).astype(np.float16)
    arrays: dict[str, NDArray[Any]] = {"kernels": net.kernels}
    if net.bits != _FLOAT_BITS:
        levelled = level(net.shape, net.kernels)
        centroids = codebook.optimal_codebooks(levelled, [net.bits])[net.bits]
        codes = packing.pack(codebook.assign(levelled, centroids), net.bits)
        arrays = {"codebook": centroids, "normalization": normalization, "codes": codes}
    else:
        arrays["normalization"] = normalization
    metadata = {
        "format": _FORMAT,
        "version": _VERSION,
        "shape": _compact({"channels": net.shape.channels, "blocks": net.shape.blocks}),
        "bits": str(net.bits),
        "styles": _compact([vars(style) for style in net.styles]),
        "training": _compact(dict(net.training)),
        "sha256": _ZEROS,
    }
    entries = [(name, _NAMES[a.dtype], a.shape, a.nbytes) for name, a in arrays.items()]
    head = files.safetensors_header(entries, metadata)
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    digest = files.sha256(head, data)
    files.write_bytes(path, head.replace(_ZEROS.encode(), digest.encode()) + data)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read(path: Path) -> NetFile:
    """Read a network.

    Raises:
        WeightsError: it is missing, torn, changed, or no style network of this version.
    """
    content, metadata, arrays = _opened(path)
    if metadata.get("format") != _FORMAT:
        raise WeightsError(f"'{path}' is no style network; 'medley train' makes them")
    if metadata.get("version") != _VERSION:
        raise WeightsError(
            f"'{path}' is in version {metadata.get('version')} of the format, and this medley reads"
            f" version {_VERSION}; train it again, or update medley"
        )
    digest = metadata.get("sha256", "")
    whole = content.replace(digest.encode(), _ZEROS.encode(), 1) if digest else b""
    if hashlib.sha256(whole).hexdigest() != digest:
        raise WeightsError(f"'{path}' was changed after it was written; make or fetch it again")
    try:
        return _decoded(metadata, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"'{path}' does not hold what a style network has ({error}); train it again"
        ) from error


def _opened(path: Path) -> tuple[bytes, dict[str, str], dict[str, NDArray[Any]]]:
    try:
        content = path.read_bytes()
        with safetensors.safe_open(path, framework="np") as file:
            names = file.keys()
            return content, file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise WeightsError(f"'{path}' does not exist; give the path of a style network") from None
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read ({error.strerror or error})") from error
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"'{path}' is torn or no style network ({error}); make or fetch it again"
        ) from error


def _decoded(metadata: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> NetFile:
    facts = json.loads(metadata["shape"])
    styles = [StyleName(**each) for each in json.loads(metadata["styles"])]
    first, second, third = facts["channels"]
    shape = Shape((first, second, third), facts["blocks"], len(styles))
    bits = int(metadata["bits"])
    count = shape.kernel_count
    if bits == _FLOAT_BITS:
        kernels = arrays["kernels"].astype(np.float32)
    else:
        kernels = np.empty(count, np.float32)
        packing.look_up(arrays["codes"], bits, arrays["codebook"], kernels)
    normalization = arrays["normalization"].astype(np.float32)
    channels = shape.channel_count
    if kernels.shape != (count,) or normalization.shape != (len(styles), 2 * channels):
        raise ValueError(f"{kernels.shape} and {normalization.shape} numbers do not fit its shape")
    gains, offsets = normalization[:, :channels], normalization[:, channels:]
    training = json.loads(metadata["training"])
    return NetFile(shape, kernels, gains, offsets, styles, bits, training)
