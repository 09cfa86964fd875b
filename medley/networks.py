"""VGG-19 from Python: loaded, shown a picture, and stored in few bits."""

import logging
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medley.errors import listed, worded
from medley.events import Event
from medley.files import check_free
from medley.keywords import Picture, in_keywords, open_picture, read_options
from medley.paintings.draws import find_photos, shipped
from medley.settings import QuantizeSettings, RunSettings, ShotSettings, WeightsSettings
from medley.settings.base import path_of
from medley.settings.networks import FITTED_SCHEMES
from medley.studio.compression.quantizing import Quantizer
from medley.studio.shooting.devices import choose_precision, one_device
from medley.tensors import to_tensor
from medley.vgg.layers import LAYERS, Pooling, convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.originals import find_original
from medley.vgg.schemes import ENTROPY, FLOAT_BITS
from medley.vgg.weights import load_weights

_RUN, _SHOT, _STORED = RunSettings(), ShotSettings(), QuantizeSettings()
_log = logging.getLogger("medley")


@worded(in_keywords)
def load_vgg(
    bits: int | None = None,
    *,
    weights: str | Path | None = None,
    layers: str | Sequence[str] = LAYERS,
    pooling: Pooling = _SHOT.pooling,
    precision: str = "float32",
    device: str = ",".join(_RUN.device),
) -> VGG19:
    """Load VGG-19 up to the deepest of some layers, ready to be called with a picture.

        features = medley.load_vgg(bits=4, layers=["relu4_2"])(image)["relu4_2"]

    Args:
        bits: bits of a weight: 1 to 8 from the package (8 by default), 32 for the float original,
            which `medley weights fetch` downloads.
        weights: file that `quantize` or `medley weights import` wrote, instead of bits.
        layers: layers whose features are returned, out of `medley.vgg.layers.LAYERS`; or one.
        pooling: "max" or "average".
        precision: precision of convolutions: "auto", "float32", "tf32", "bfloat16", "float16".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Returns:
        A module that maps float32 RGB `(1, 3, height, width)` in [0, 1] to a dict of features by
        layer, each `(1, channels, ...)`. It normalizes its input itself.

    Raises:
        ValueError: a layer is unknown, bits do not exist, or both bits and a file are given.
        WeightsError: the weights are missing or damaged.
    """
    chosen = read_options(WeightsSettings, {"bits": bits, "weights": weights}, "load_vgg")
    layers = _listed(layers)
    where = one_device(read_options(RunSettings, {"device": device}, "load_vgg").device)
    loaded = load_weights(chosen.source, layers=convolutions_for(layers))
    computed_in = choose_precision(precision, where)
    network = VGG19(loaded.tensors, layers, pooling, computed_in, fed=loaded.fed)
    return network.to(where).eval()


def features(
    picture: Picture,
    layers: str | Sequence[str] = LAYERS,
    *,
    network: VGG19 | None = None,
    **options: Any,
) -> dict[str, Tensor]:
    """Compute VGG-19's features of a picture at its own size, without a gradient.

    Args:
        picture: picture with at least 16 pixels on the short side for layers behind pool4.
        layers: layers whose features are returned; or one.
        network: network from `load_vgg` that has these layers; loaded if None.
        options: options of `load_vgg` for a network that is loaded.

    Returns:
        Features by layer, float32 `(1, channels, ...)` on the network's device.

    Raises:
        ValueError: a layer or an option is unknown, the picture is too small for a layer, or both a
            network and options are given.
        PictureError: the picture is unreadable.
        WeightsError: the weights are missing or damaged.
    """
    layers, known = _listed(layers), [*signature(load_vgg).parameters]
    if unknown := [name for name in options if name not in known]:
        there = listed((name for name in known if name != "layers"), "and")
        raise ValueError(f"medley.features: there is no option '{unknown[0]}'; there are {there}")
    if network is not None and options:
        raise ValueError(f"{', '.join(options)} cannot be changed in a network that is given")
    network = network or load_vgg(layers=layers, **options)
    first = next(iter(network.buffers()))
    with torch.no_grad():
        found: Mapping[str, Tensor] = network(to_tensor(open_picture(picture)).to(first.device))
    if missing := [name for name in layers if name not in found]:
        raise ValueError(f"the network was loaded without {', '.join(missing)}")
    return {name: found[name].float() for name in layers}


def _listed(layers: str | Sequence[str]) -> Sequence[str]:
    return [layers] if isinstance(layers, str) else layers


@worded(in_keywords)
def quantize(
    output: str | Path,
    *,
    bits: int | None = None,
    scheme: str = _STORED.scheme,
    layers: Mapping[str, int] | None = None,
    target_bytes: int | None = None,
    original: str | Path | None = None,
    pictures: Sequence[str | Path] = (),
    force: bool = False,
) -> Path:
    """Store the float network in few bits: `medley quantize` from Python.

    Args:
        output: file of the result, ending in .safetensors.
        bits: bits of a weight, 1 to 8, and 4 by default; float16 and bfloat16 have their own.
        scheme: "kmeans", "calibrated", "affine", "affine-channel", "float16" or "bfloat16"; or
            "entropy", whose `bits` are a mean.
        layers: bits of single convolutions, by name such as "conv1_1"; "entropy" has none.
        target_bytes: most bytes of the file, for which each layer's bits are chosen; or, of
            "entropy", its columns' steps.
        original: file of float weights; by default the one that `medley weights fetch` downloads.
        pictures: pictures to calibrate by, or folders of them; by default medley's paintings.
        force: True to replace a file of that name.

    Returns:
        The file, which `load_vgg(weights=...)` and `stylize(weights=...)` take.

    Raises:
        ValueError: an option is not accepted, or two contradict each other.
        MedleyError: the original is not here or not float, a picture is unreadable, or the file
            cannot be written.
    """
    given = {"scheme": scheme} if bits is None else {"scheme": scheme, "bits": bits}
    settings = read_options(QuantizeSettings, given, "quantize")
    _check_widths(settings.scheme, bits=bits, layers=layers or None, target_bytes=target_bytes)
    path = path_of(output)
    if path.suffix != ".safetensors":
        raise ValueError(f"a file of weights ends in .safetensors, and '{path}' does not")
    if unknown := [name for name in layers or {} if name not in convolutions_for(LAYERS)]:
        raise ValueError(f"there is no convolution '{unknown[0]}'")
    check_free(path, force)
    places = list(map(path_of, pictures))
    if places and target_bytes is None and settings.scheme not in FITTED_SCHEMES:
        schemes = " or ".join(FITTED_SCHEMES)
        raise ValueError(
            f"medley.quantize: pictures are for scheme={schemes} and target_bytes; leave them out"
        )
    source = find_original(None if original is None else path_of(original))
    paths = find_photos(places) if places else shipped()
    quantizer = Quantizer(source, paths, _warn)
    quantizer.make(path, settings.scheme, settings.bits, layers or {}, target_bytes)
    return path


def _warn(event: Event) -> None:
    if event.kind == "told":
        _log.warning(event.text)


def _check_widths(scheme: str, **given: object) -> None:
    """Refuse two options of which one would be ignored.

    Raises:
        ValueError: `target_bytes` beside widths, a scheme of one width beside either, or one
            without widths a layer beside those; or `target_bytes` is no number.
    """
    if not isinstance(target := given["target_bytes"], int | float | None):
        raise ValueError(f"medley.quantize: target_bytes is {target!r}; it must be a number")
    names = [name for name, value in given.items() if value is not None]
    if (names and scheme in FLOAT_BITS) or (scheme == ENTROPY and "layers" in names):
        names.append(f"scheme={scheme}")
    elif "target_bytes" not in names:
        return
    if len(names) > 1:
        raise ValueError(
            f"medley.quantize: {names[-1]} and {names[0]} contradict each other; give one"
        )
