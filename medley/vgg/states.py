"""Own weights: a VGG-19 state dict under torchvision's names becomes a float file of medley's.

A `.pth` file is the one exception to "nothing is unpickled": PyTorch's restricted reader is used,
which makes tensors and plain containers and runs nothing (`torch.load` with `weights_only`);
whatever else lies in such a file is refused.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
import torch.nn.functional as nnf
from torch import Tensor

from medley import files
from medley.errors import Setting, WeightsError
from medley.vgg import schemes, weightfile
from medley.vgg.network import VGG19
from medley.vgg.normalization import CAFFE, TORCHVISION, Normalization
from medley.vgg.otherfiles import SAVE, WANTED, check_state
from medley.vgg.sources import Floats, Originals
from medley.vgg.weightfile import SHAPES, Origin
from medley.vgg.weights import load_weights

_CONVOLUTION = re.compile(r"(?P<prefix>.*?)features\.(?P<place>\d+)\.weight")

# Of torchvision's networks, where their convolutions lie within `features`.
_PLACES = {
    "VGG-11": (0, 3, 6, 8, 11, 13, 16, 18),
    "VGG-13": (0, 2, 5, 7, 10, 12, 15, 17, 20, 22),
    "VGG-16": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    "VGG-19": (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}

_NEAR = 0.2  # relative difference from the bundle up to which a first layer is the authors'
_MEASURED = "relu4_2"  # layer whose features' strength counts
_SIDE = 128  # pixels of the picture by which it is measured


def import_state(
    path: Path, output: Path, fed: Normalization | None = None, origin: Origin | None = None
) -> Origin:
    """Convert a state dict to a float file that medley reads.

    Style transfer's losses are balanced for features as strong as the original's. Weights whose
    features are far weaker, as torchvision's are, are brought to that strength: with a network's
    first layer and all its biases multiplied by a number, all its features are. The number is a
    power of two, so that no digit is lost.

    Args:
        path: a state dict as PyTorch or safetensors stores it.
        output: file of the result.
        fed: what the network was trained on; by default what the authors' own weights want if
            these are theirs, and what torchvision's want if not.
        origin: where the weights come from, if more is known than the file.

    Returns:
        What the result says of where its weights come from.

    Raises:
        WeightsError: the file is no VGG-19 state dict.
        OutputError: `output` cannot be written.
    """
    originals = convolutions_in(path)
    fed = fed or _guess(originals)
    factor = _factor(path, originals, fed)
    known = origin or _origin_of(originals)
    told = f"{known.source}, features multiplied by {factor:g}" if factor != 1 else known.source
    layers = {
        name: schemes.quantize_layer(
            weight * np.float32(factor) if name == "conv1_1" else weight,
            bias * np.float32(factor),
            "float32",
            32,
        )
        for name, (weight, bias) in originals.items()
    }
    known = replace(known, source=told, fed=fed)
    weightfile.write(output, layers, "float32", known)
    return known


def _origin_of(originals: Originals) -> Origin:
    """Give equal numbers one origin, whatever file they lie in: a result's digest covers it."""
    arrays = [array.tobytes() for pair in originals.values() for array in pair]
    return Origin("imported from a state dict", files.sha256(*arrays), "that of the state dict")


def read_state(path: Path) -> Mapping[str, Tensor]:
    """Read a state dict: tensors by name, on the CPU.

    Raises:
        WeightsError: the file is missing, torn, or something else than plain tensors by name.
    """
    kind = check_state(path)
    return _read_safetensors(path) if kind == "safetensors" else _read_torch(path)


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # whatever the reader makes of a foreign file
        raise WeightsError(f"'{path}' is torn; fetch or save it again") from error
    if weightfile.is_own(metadata):
        raise WeightsError(
            f"'{path}' is one of medley's already; pass it as it is: ", Setting("weights", path)
        )
    return state


def _read_torch(path: Path) -> Mapping[str, Tensor]:
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the reader makes of a foreign file
        if forbidden := re.search(r"GLOBAL (\S+)", str(error)):
            raise WeightsError(
                f"'{path}' holds a Python object ({forbidden[1]}), not only tensors, and is not"
                f" unpickled; only if you trust its maker, load it in PyTorch and {SAVE}"
            ) from error
        raise WeightsError(
            f"'{path}' is torn, or in a form that PyTorch does not read here; fetch it again, or"
            f" {SAVE}"
        ) from error
    if not isinstance(found, Mapping):
        raise WeightsError(f"'{path}' holds {_what(found)}, no tensors by name; {WANTED}")
    for name, value in found.items():
        if isinstance(value, Mapping) and any(_CONVOLUTION.fullmatch(str(key)) for key in value):
            raise WeightsError(
                f"'{path}' is a checkpoint of a training, and its weights lie under '{name}'; save"
                f" them alone: torch.save(torch.load('{path.name}')['{name}'], 'vgg19.pth')"
            )
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise WeightsError(f"'{path}' holds {_what(value)} under '{name}'; {WANTED}")
    return found


def _what(value: object) -> str:
    return f"an object of type {type(value).__name__}"


def convolutions_in(path: Path) -> Originals:
    """Read the sixteen convolutions of a state dict as arrays.

    Raises:
        WeightsError: the file is no state dict, or they are another network's, not all there, or
            not plain finite floats.
    """
    state = read_state(path)
    found = [match for name in state if (match := _CONVOLUTION.fullmatch(name))]
    prefix = found[0]["prefix"] if found else ""
    _check_network(
        path, state, {int(match["place"]) for match in found if state[match[0]].ndim == 4}
    )
    originals = {}
    for (name, shape), place in zip(SHAPES.items(), _PLACES["VGG-19"], strict=True):
        pair = [
            _array(path, state, f"{prefix}features.{place}.{what}", size, name)
            for what, size in (("weight", shape), ("bias", shape[:1]))
        ]
        originals[name] = (pair[0], pair[1])
    return originals


def _check_network(path: Path, state: Mapping[str, Tensor], places: Collection[int]) -> None:
    """Refuse weights of another network by its name."""
    if any(name.endswith("running_mean") for name in state) and places:
        raise WeightsError(
            f"'{path}' holds a VGG with batch normalization, which medley's network has not; give"
            " VGG-19 without it, torchvision's vgg19"
        )
    for name, own in _PLACES.items():
        if set(places) == set(own) and name != "VGG-19":
            raise WeightsError(
                f"'{path}' holds {name} ({len(own)} convolutions), and medley's network is VGG-19"
                f" ({len(SHAPES)}); give VGG-19's state dict, torchvision's vgg19"
            )
    if not places:
        names = ", ".join(sorted(map(str, state))[:3]) or "nothing"
        raise WeightsError(f"'{path}' holds {names} ..., no convolutions of a VGG; {WANTED}")


def _array(
    path: Path, state: Mapping[str, Tensor], name: str, shape: tuple[int, ...], layer: str
) -> Floats:
    tensor = state.get(name)
    if tensor is None:
        raise WeightsError(f"'{path}' lacks {name}; give all of VGG-19's convolutions")
    if tensor.layout != torch.strided or not tensor.is_floating_point():
        raise WeightsError(
            f"'{path}' has {name} as {tensor.dtype}, {tensor.layout}; save it as float32"
        )
    if tuple(tensor.shape) != shape:
        raise WeightsError(
            f"'{path}' has {name} of shape {tuple(tensor.shape)}, not VGG-19's {shape}; {WANTED}"
        )
    found: Floats = tensor.detach().to(torch.float32).contiguous().numpy()
    if not np.isfinite(found).all():
        raise WeightsError(
            f"'{path}' has NaN or infinite values in {name}, {layer}; give weights that are all"
            " finite, such as an earlier checkpoint's"
        )
    return found


def _guess(originals: Originals) -> Normalization:
    """What weights are fed: the authors' own are known by the bundle; others are torchvision's."""
    first = originals["conv1_1"][0]
    ours = load_weights(8, layers=["conv1_1"]).tensors["conv1_1"][0].numpy()
    if _is_near(first, ours):
        return CAFFE
    if _is_near(first[:, ::-1], ours):  # theirs, but turned to RGB since
        return CAFFE._replace(order="RGB", mean=CAFFE.mean[::-1])
    return TORCHVISION


def _is_near(one: Floats, other: Floats) -> bool:
    return bool(np.linalg.norm(one - other) < _NEAR * np.linalg.norm(other))


def _factor(path: Path, originals: Originals, fed: Normalization) -> float:
    """The power of two that brings features nearest to the strength of the bundle's.

    Raises:
        WeightsError: there are no features, or infinite ones.
    """
    tensors = {
        name: (torch.from_numpy(weight), torch.from_numpy(bias))
        for name, (weight, bias) in originals.items()
    }
    own, ours = _strength(tensors, fed), _strength(load_weights(8).tensors, CAFFE)
    if not 0 < own < math.inf:
        what = "infinite" if own else "no"
        raise WeightsError(
            f"'{path}' has weights that give {what} features; take a trained VGG-19's"
        )
    return 2.0 ** round(math.log2(ours / own))


@torch.no_grad()
def _strength(tensors: Mapping[str, tuple[Tensor, Tensor]], fed: Normalization) -> float:
    """The root mean square of features of a picture whose spectrum is like a photograph's."""
    random = torch.Generator().manual_seed(0)
    picture = torch.full((1, 3, _SIDE, _SIDE), 0.45)
    for octave in range(6):
        noise = torch.randn((1, 3, 4 << octave, 4 << octave), generator=random)
        picture += 0.1 * nnf.interpolate(noise, (_SIDE, _SIDE), mode="bilinear")
    network = VGG19(tensors, [_MEASURED], fed=fed)
    return float(network(picture.clamp(0, 1))[_MEASURED].square().mean().sqrt())
