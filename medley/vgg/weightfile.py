"""The file that weights lie in: a safetensors file with medley's metadata.

Tensors, for each convolution by its name (`conv1_1` to `conv5_4`), are `<layer>.<array>` with the
arrays of `schemes.EncodedLayer`; bfloat16 is stored as such. Codes of 8 bits have the weights' own
shape `(out, in, 3, 3)`, input channels in the order blue, green, red; narrower ones are packed.

Metadata, all strings as safetensors has it:

    format         "medley weights"
    version        "1", or "2" where the input is not that of the authors' VGG-19, which a reader of
                   version 1 takes for granted
    network        "vgg19"
    input          what the network wants to be fed; see `normalization`
    scheme         how the weights were encoded, such as "kmeans"
    layers         JSON: for each layer its `shape`, `bits`, `distortion` and `power`
    source, source_sha256, licence
                   where the float original came from, its digest (of an imported state dict, that
                   of its numbers), and whose it is
    sha256         digest of the whole file, with these 64 digits themselves taken as zeros

The digest covers every byte, so whatever is torn or tampered with is found. Nothing is unpickled,
and torch is not needed. Files are written byte for byte the same from the same layers.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from medley import files
from medley.errors import WeightsError
from medley.vgg import columns, otherfiles, packing, schemes
from medley.vgg.normalization import CAFFE, Normalization
from medley.vgg.schemes import Array, EncodedLayer

BUNDLE = Path(__file__).parent / "bundle" / "vgg19-8bit.safetensors"
"""The weights that ship with the package."""

NETWORK = "vgg19"
SHAPES: dict[str, tuple[int, int, int, int]] = {
    f"conv{block}_{index}": (out, before if index == 1 else out, 3, 3)
    for block, (count, before, out) in enumerate(
        [(2, 3, 64), (2, 64, 128), (4, 128, 256), (4, 256, 512), (4, 512, 512)], start=1
    )
    for index in range(1, count + 1)
}
"""VGG-19's sixteen convolutions, in order: `(out, in, height, width)`."""

_FORMAT = "medley weights"
_VERSION, _VERSION_OF_OTHER_INPUT = "1", "2"
_ZEROS = "0" * 64
BEYOND = (OverflowError, RecursionError)
"""What a number that is none, or a table within tables without end, comes to."""

_DTYPES = {
    "U8": np.uint8,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "U16": np.uint16,
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
_ARRAY_SETS: tuple[tuple[set[str], set[str]], ...] = (
    ({"weight", "bias"}, set()),
    ({"codes", "zero", "scale", "bias"}, set()),
    ({"codes", "codebook", "bias"}, {"scale", "narrow_starts", "narrow_codebooks"}),
    ({*columns.ARRAYS, "bias"}, set()),
)


@dataclass(frozen=True)
class Origin:
    """Where weights came from, and what they were trained on.

    Attributes:
        source: a sentence on where they came from.
        sha256: digest of the original file, or of an imported state dict's numbers.
        licence: its licence.
        fed: what the network wants to be fed.
    """

    source: str
    sha256: str
    licence: str
    fed: Normalization = CAFFE


@dataclass(frozen=True)
class LayerEntry:
    """What a file's header says of a layer; see `schemes.EncodedLayer`."""

    shape: tuple[int, ...]
    bits: float
    distortion: float
    power: float
    size_bytes: int


@dataclass(frozen=True)
class Header:
    """What a file says of itself: small, and read without the weights."""

    path: Path
    size_bytes: int
    scheme: str
    origin: Origin
    sha256: str
    layers: dict[str, LayerEntry]
    table: dict[str, dict[str, Any]]
    start: int


def write(path: Path, layers: Mapping[str, EncodedLayer], scheme: str, origin: Origin) -> str:
    """Write encoded layers to a file; all of it appears at once, or nothing does.

    Returns:
        The file's digest, as it stands in the metadata.

    Raises:
        ValueError: no layers, or a layer that is not VGG-19's.
        OutputError: the file cannot be written.
    """
    head, arrays = _laid_out(layers, scheme, origin)
    data = [np.ascontiguousarray(array).tobytes() for array in arrays]
    digest = files.sha256(head, *data)
    files.write_bytes(path, head.replace(_ZEROS.encode(), digest.encode()) + b"".join(data))
    return digest


def size_of(layers: Mapping[str, EncodedLayer], scheme: str, origin: Origin) -> int:
    """The bytes of the file that `write` would write.

    Raises:
        ValueError: no layers, or a layer that is not VGG-19's.
    """
    head, arrays = _laid_out(layers, scheme, origin)
    return len(head) + sum(array.nbytes for array in arrays)


def _laid_out(
    layers: Mapping[str, EncodedLayer], scheme: str, origin: Origin
) -> tuple[bytes, list[Array]]:
    """The header of a file, its digest all zeros, and the arrays in the order that it tells."""
    ordered = {name: layers[name] for name in SHAPES if name in layers}
    if not ordered or len(ordered) < len(layers):
        raise ValueError(f"layers must be some of VGG-19's, not {', '.join(layers) or 'none'}")
    arrays = {
        f"{name}.{kind}": array
        for name, layer in ordered.items()
        for kind, array in layer.arrays.items()
    }
    # Wider types first: each array then starts at a multiple of its own width.
    placed = sorted(arrays.items(), key=lambda item: -item[1].itemsize)
    entries = [(name, _dtype(name, array), array.shape, array.nbytes) for name, array in placed]
    head = files.safetensors_header(entries, _metadata(ordered, scheme, origin))
    return head, [array for _, array in placed]


def _dtype(name: str, array: Array) -> str:
    """The format's word for an array's type; weights in uint16's clothes are bfloat16."""
    return "BF16" if name.endswith(".weight") and array.dtype == np.uint16 else _NAMES[array.dtype]


def read_header(path: Path) -> Header:
    """Read what a file says of itself; the digest is not checked.

    Raises:
        WeightsError: it is missing, torn, not safetensors, not medley's, of another version of the
            format, or of another network.
    """
    otherfiles.check_own(path)
    try:
        # The library checks the header: its size, its JSON, and that the tensors' places fill the
        # file exactly.
        with safetensors.safe_open(path, framework="np"):
            pass
    except Exception as error:  # whatever the reader makes of a foreign file
        raise WeightsError(f"'{path}' is torn; make or fetch it again") from error
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        table = json.loads(file.read(length))
    metadata = table.pop("__metadata__", {})
    _check_kind(path, metadata)
    try:
        return Header(
            path=path,
            size_bytes=path.stat().st_size,
            scheme=metadata["scheme"],
            origin=Origin(
                metadata["source"],
                metadata["source_sha256"],
                metadata["licence"],
                Normalization.read(metadata["input"]),
            ),
            sha256=metadata["sha256"],
            layers=_entries(json.loads(metadata["layers"]), table),
            table=table,
            start=8 + length,
        )
    except (KeyError, TypeError, ValueError, AttributeError, *BEYOND) as error:
        raise WeightsError(
            f"'{path}' has metadata that medley did not write ({error}); make it again"
        ) from error


def read(path: Path) -> tuple[Header, dict[str, EncodedLayer], np.ndarray[Any, Any]]:
    """Read a file's layers; `check_digest` of the returned bytes is left to the caller.

    Returns:
        The header; the layers in order, whose arrays share memory with the bytes; all bytes.

    Raises:
        WeightsError: `read_header` refuses the file, or a layer's arrays do not belong together.
    """
    header = read_header(path)
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read ({error.strerror or error})") from error
    layers = {}
    for name, entry in header.layers.items():
        arrays = {
            tensor.removeprefix(f"{name}."): _view(content, header.start, place)
            for tensor, place in header.table.items()
            if tensor.startswith(f"{name}.")
        }
        layer = EncodedLayer(entry.shape, entry.bits, entry.distortion, entry.power, arrays)
        if wrong := _misfit(layer):
            raise WeightsError(f"'{path}' has a broken {name} ({wrong}); make it again")
        if kind := _not_finite(layer):
            raise WeightsError(
                f"'{path}' has NaN or infinite values in {name} (its {kind}); choose another file,"
                " or make it again from finite weights"
            )
        layers[name] = layer
    return header, layers, content


def decoded(
    header: Header, name: str, layer: EncodedLayer, bits: int | None = None
) -> schemes.Floats:
    """A layer's weights, float32 in its shape, at its own width or a narrower one.

    Raises:
        ValueError: the layer has no such width.
        WeightsError: its stream is not that of its codes.
    """
    if "stream" not in layer.arrays:
        return schemes.decode(layer, bits)
    try:
        return schemes.decode(layer, bits)
    except ValueError as error:
        raise WeightsError(
            f"'{header.path}' has a broken {name} ({error}); make it again"
        ) from error


def check_digest(header: Header, content: np.ndarray[Any, Any]) -> None:
    """See that a file's bytes are those that were written.

    Raises:
        WeightsError: a byte differs.
    """
    head = content[: header.start].tobytes().replace(header.sha256.encode(), _ZEROS.encode())
    digest = hashlib.sha256(head)
    digest.update(content[header.start :].data)
    if digest.hexdigest() != header.sha256:
        raise WeightsError(
            f"'{header.path}' was changed after it was written (its digest does not match);"
            " make or fetch it again"
        )


def _metadata(layers: Mapping[str, EncodedLayer], scheme: str, origin: Origin) -> dict[str, str]:
    entries = {
        name: {
            "shape": list(layer.shape),
            "bits": layer.bits,
            "distortion": layer.distortion,
            "power": layer.power,
        }
        for name, layer in layers.items()
    }
    return {
        "format": _FORMAT,
        "version": _VERSION if origin.fed == CAFFE else _VERSION_OF_OTHER_INPUT,
        "network": NETWORK,
        "input": str(origin.fed),
        "scheme": scheme,
        "layers": json.dumps(entries),
        "source": origin.source,
        "source_sha256": origin.sha256,
        "licence": origin.licence,
        "sha256": _ZEROS,
    }


def is_own(metadata: Mapping[str, str]) -> bool:
    """Whether a safetensors file's metadata are of medley's format, in whatever version."""
    return metadata.get("format") == _FORMAT


def _check_kind(path: Path, metadata: Mapping[str, str]) -> None:
    """Refuse what is safetensors, but no weights of ours for this network."""
    if not is_own(metadata):
        raise WeightsError(
            f"'{path}' is a safetensors file, but not one of medley's; {otherfiles.CONVERT} in it"
        )
    if metadata.get("version") not in (_VERSION, _VERSION_OF_OTHER_INPUT):
        raise WeightsError(
            f"'{path}' is in version {metadata.get('version')} of the format, and this medley reads"
            f" versions {_VERSION} and {_VERSION_OF_OTHER_INPUT}; make it again, or update medley"
        )
    if metadata.get("network") != NETWORK:
        raise WeightsError(
            f"'{path}' holds the network '{metadata.get('network')}', not {NETWORK};"
            f" choose a file of {NETWORK}"
        )


def _entries(described: dict[str, Any], table: dict[str, dict[str, Any]]) -> dict[str, LayerEntry]:
    if unknown := sorted(set(described) - set(SHAPES)):
        raise ValueError(f"unknown layer {unknown[0]}")
    entries = {}
    for name in (name for name in SHAPES if name in described):
        facts = described[name]
        offsets = [table[key]["data_offsets"] for key in table if key.startswith(f"{name}.")]
        entries[name] = LayerEntry(
            shape=tuple(int(side) for side in facts["shape"]),
            bits=_whole(float(facts["bits"])),
            distortion=float(facts["distortion"]),
            power=float(facts["power"]),
            size_bytes=sum(end - begin for begin, end in offsets),
        )
        if entries[name].shape != SHAPES[name]:
            raise ValueError(f"{name} has the shape {entries[name].shape}, not {SHAPES[name]}")
    return entries


def _whole(bits: float) -> float:
    whole = int(bits)  # which refuses what is no number
    return whole if whole == bits else bits


def _view(content: np.ndarray[Any, Any], start: int, place: dict[str, Any]) -> Array:
    begin, end = (start + offset for offset in place["data_offsets"])
    dtype = _DTYPES.get(place["dtype"])
    if dtype is None:  # no array of ours; `_misfit` will say so
        return content[begin:end]
    return content[begin:end].view(dtype).reshape(place["shape"])


def _misfit(layer: EncodedLayer) -> str | None:
    """Say what is wrong with a layer's arrays: which there are, their types, shapes and values."""
    arrays, out = layer.arrays, layer.shape[0]
    given = set(arrays)
    if not any(need <= given <= need | may for need, may in _ARRAY_SETS):
        return f"its arrays are {', '.join(sorted(given)) or 'missing'}"
    if "stream" in given:
        return _misfit_of_coded(layer)
    bits = int(layer.bits) if float(layer.bits).is_integer() else 0
    if ("codes" in given and bits not in range(1, 9)) or (
        "weight" in given and bits not in (16, 32)
    ):
        return f"its bits are {layer.bits}"
    count = math.prod(layer.shape)
    codes = layer.shape if bits == 8 else (packing.packed_size(count, bits),)
    entries, narrower = (2**bits,), (2**bits - 2,)
    shorts = [np.dtype(np.float16), np.dtype(np.uint16)]
    floats, octets = [np.dtype(np.float32)], [np.dtype(np.uint8)]
    expected: dict[str, tuple[list[np.dtype[Any]], list[tuple[int, ...]]]] = {
        "codes": (octets, [codes]),
        "codebook": (
            [*floats, np.dtype(np.float16)],
            [entries, (out, *entries)],
        ),
        "zero": (floats, [(1,), (out,)]),
        "scale": (floats, [(1,), (out,)]),
        "weight": (shorts if bits == 16 else floats, [layer.shape]),
        "bias": (floats, [(out,)]),
        "narrow_starts": (octets, [narrower]),
        "narrow_codebooks": (floats, [narrower]),
    }
    for name, array in arrays.items():
        dtypes, shapes = expected[name]
        if array.dtype not in dtypes or array.shape not in shapes:
            return f"{name} is {array.dtype} of shape {array.shape}"
    return None


def _misfit_of_coded(layer: EncodedLayer) -> str | None:
    """Say what is wrong with the arrays of `columns`; their codes are seen by who decodes them."""
    arrays, out = layer.arrays, layer.shape[0]
    words, octets, single = np.dtype(np.uint16), np.dtype(np.uint8), np.dtype(np.float32)
    expected: dict[str, tuple[np.dtype[Any], tuple[int | None, ...]]] = {
        "stream": (words, (None,)),
        "states": (words, (2, None)),
        "contexts": (octets, (columns.CONTEXTS,)),
        "frequencies": (words, (None,)),
        "steps": (octets, layer.shape[1:]),
        "unit": (single, (1,)),
        "scale": (np.dtype(np.float16), (out,)),
        "bias": (single, (out,)),
    }
    for name, array in arrays.items():
        dtype, shape = expected[name]
        sides = zip(array.shape, shape, strict=False)
        fits = array.ndim == len(shape) and all(own == side or not side for own, side in sides)
        if array.dtype != dtype or not fits or (name != "stream" and not array.size):
            return f"{name} is {array.dtype} of shape {array.shape}"
    if layer.bits != (taken := schemes.bits_taken(layer.shape, arrays)):
        return f"its bits are {layer.bits}, not {taken}"
    return None


def _not_finite(layer: EncodedLayer) -> str | None:
    """The first of a layer's arrays in which a number is NaN or infinite."""
    for name, array in layer.arrays.items():
        floats = schemes.lengthened(array) if name == "weight" else array
        if floats.dtype.kind == "f" and not np.isfinite(floats).all():
            return name
    return None
