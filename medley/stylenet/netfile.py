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
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from medley import files
from medley.errors import WeightsError
from medley.shipped_nets import check_net_there
from medley.stylenet.shape import Shape
from medley.vgg import codebook, otherfiles, packing, weightfile
from medley.vgg.weightfile import BEYOND

Floats = NDArray[np.float32]

FORMAT = "medley style network"
VERSION = "1"
ZEROS = "0" * 64
_FLOAT_BITS = 32
_TRAINED = "'medley train' makes style networks"
_DTYPES = {"U8": np.uint8, "F16": np.float16, "F32": np.float32}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}


@dataclass(frozen=True)
class StyleName:
    """What is known of a painting that a network learned.

    Attributes:
        title: its title, or what its file is called where none is known.
        artist: who painted it and when, as far as it is known.
        name: the short name by which it is chosen: its file's, without folder and suffix.
    """

    title: str
    artist: str = ""
    name: str = ""

    @property
    def handle(self) -> str:
        """The shortest that it is called."""
        return self.name or self.title

    @property
    def names(self) -> tuple[str, str]:
        """All that it is called, the shortest last."""
        return self.title, self.handle


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
    gains, offsets = (
        each.astype(np.float16).astype(np.float32) for each in (net.gains, net.offsets)
    )
    if bits == _FLOAT_BITS:
        return NetFile(net.shape, net.kernels, gains, offsets, net.styles, bits, net.training)
    centroids, codes = _encoded(net, bits)
    return NetFile(net.shape, centroids[codes], gains, offsets, net.styles, bits, net.training)


def _encoded(net: NetFile, bits: int) -> tuple[Floats, NDArray[np.uint8]]:
    """A codebook, and each weight's code in it; weights that fit into one already are kept."""
    kernels = net.kernels
    if len(np.unique(kernels)) > 2**bits:
        kernels = level(net.shape, kernels)
    centroids = codebook.optimal_codebooks(kernels, [bits])[bits]
    return centroids, codebook.assign(kernels, centroids)


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
    arrays: dict[str, NDArray[Any]]
    if net.bits == _FLOAT_BITS:  # wider types first, so that each is aligned
        arrays = {"kernels": net.kernels, "normalization": normalization}
    else:
        centroids, codes = _encoded(net, net.bits)
        packed = packing.pack(codes, net.bits)
        arrays = {"codebook": centroids, "normalization": normalization, "codes": packed}
    entries = [(name, _NAMES[a.dtype], a.shape, a.nbytes) for name, a in arrays.items()]
    head = files.safetensors_header(entries, described(net))
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    digest = files.sha256(head, data)
    files.write_bytes(path, head.replace(ZEROS.encode(), digest.encode()) + data)


def described(net: NetFile) -> dict[str, str]:
    """The metadata of a network's file, with zeros in the place of its digest."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "shape": _compact({"channels": net.shape.channels, "blocks": net.shape.blocks}),
        "bits": str(net.bits),
        "styles": _compact([vars(style) for style in net.styles]),
        "training": _compact(dict(net.training)),
        "sha256": ZEROS,
    }


def styles_in(metadata: Mapping[str, str]) -> list[StyleName]:
    """The paintings that a file's metadata name.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: they name none.
    """
    return [_style(each) for each in json.loads(metadata["styles"])]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read(path: Path) -> NetFile:
    """Read a network.

    Raises:
        WeightsError: it is missing, torn, changed, or no style network of this version.
    """
    metadata = _metadata_of(path)
    _check_kind(path, metadata)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read ({error.strerror or error})") from error
    digest = metadata.get("sha256", "")
    whole = content.replace(digest.encode(), ZEROS.encode(), 1) if digest else b""
    if hashlib.sha256(whole).hexdigest() != digest:
        raise WeightsError(
            f"'{path}' was changed after it was written (its digest does not match); make or fetch"
            " it again"
        )
    try:
        arrays = safetensors.numpy.load(content)
    except Exception as error:  # such as a type that NumPy lacks
        raise WeightsError(
            f"'{path}' holds no numbers of ours ({error}); train it again"
        ) from error
    try:
        return _decoded(metadata, arrays)
    except (KeyError, TypeError, ValueError, AttributeError, *BEYOND) as error:
        raise WeightsError(
            f"'{path}' does not hold what a style network has ({error}); train it again"
        ) from error


def _metadata_of(path: Path) -> dict[str, str]:
    check_net_there(path)
    kind = otherfiles.kind_of(path)
    if kind == "blank":
        raise WeightsError(f"'{path}' {otherfiles.ADVICE[kind]}")
    if kind == "ONNX":
        raise WeightsError(f"'{path}' {otherfiles.ADVICE[kind]}")
    if kind != "safetensors":
        raise WeightsError(f"'{path}' is no style network; {_TRAINED}")
    try:
        with safetensors.safe_open(path, framework="np") as file:
            return file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise WeightsError(f"'{path}' is torn ({error}); make or fetch it again") from error


def _check_kind(path: Path, metadata: Mapping[str, str]) -> None:
    """Refuse what is safetensors, but no style network that this version reads."""
    if weightfile.is_own(metadata):
        raise WeightsError(
            f"'{path}' holds VGG-19, which judges pictures and makes none; {_TRAINED}"
        )
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"'{path}' is a safetensors file, but no style network of medley's; {_TRAINED}"
        )
    if metadata.get("version") != VERSION:
        raise WeightsError(
            f"'{path}' is in version {metadata.get('version')} of the format, and this medley reads"
            f" version {VERSION}; train it again, or update medley"
        )


def _decoded(metadata: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> NetFile:
    facts = json.loads(metadata["shape"])
    styles = styles_in(metadata)
    first, second, third = map(operator.index, facts["channels"])
    blocks = operator.index(facts["blocks"])
    normalization = arrays["normalization"].astype(np.float32)
    if blocks > normalization.size:  # before as many layers are counted
        raise ValueError(f"{blocks} blocks have more weights than it holds")
    shape = Shape((first, second, third), blocks, len(styles))
    bits = int(metadata["bits"])
    count, channels = shape.kernel_count, shape.channel_count
    if normalization.shape != (len(styles), 2 * channels):
        raise ValueError(f"{normalization.shape} normalization weights do not fit its shape")
    if bits == _FLOAT_BITS:
        kernels = arrays["kernels"].astype(np.float32)
    else:
        codes = arrays["codes"]
        if bits not in codebook.WIDTHS or codes.size != packing.packed_size(count, bits):
            raise ValueError(f"{codes.size} bytes of codes do not fit its shape and {bits} bits")
        kernels = np.empty(count, np.float32)
        packing.look_up(codes, bits, arrays["codebook"], kernels)
    if kernels.shape != (count,):
        raise ValueError(f"{kernels.size} weights do not fit its shape")
    if not (np.isfinite(kernels).all() and np.isfinite(normalization).all()):
        raise ValueError("some weights are not finite")
    gains, offsets = normalization[:, :channels], normalization[:, channels:]
    training = json.loads(metadata["training"])
    return NetFile(shape, kernels, gains, offsets, styles, bits, training)


def _style(facts: Mapping[str, Any]) -> StyleName:
    style = StyleName(**facts)
    if not all(isinstance(text, str) for text in vars(style).values()):
        raise TypeError(f"{facts} are no title, artist and name")
    return style
