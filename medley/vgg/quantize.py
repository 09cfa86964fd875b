"""Whole networks encoded: the search for codebooks runs in a process on every core."""

import multiprocessing
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medley.errors import WeightsError
from medley.vgg import entropy, schemes
from medley.vgg.calibrate import Calibrated, calibrate
from medley.vgg.calibrate import OnLayer as OnCalibrated
from medley.vgg.codebook import Codebook, optimal_codebooks
from medley.vgg.entropy import Coded
from medley.vgg.normalization import CAFFE, Normalization
from medley.vgg.schemes import EncodedLayer

Floats = NDArray[np.float32]
OnLayer = Callable[[str], None]
OnCodebooks = Callable[[str, dict[int, Codebook]], None]


def network_codebooks(
    weights: Mapping[str, Floats],
    widths: Mapping[str, Collection[int]],
    on_layer: OnCodebooks | None = None,
    workers: int | None = None,
) -> dict[str, dict[int, Codebook]]:
    """The optimal codebooks of several layers, each at several widths.

    Args:
        weights: arrays of any shape by layer name.
        widths: bits from 1 to 8 by layer name.
        on_layer: called in this process with the name and codebooks of each layer that is done.
        workers: processes, as many as there are cores by default; with 1, all runs in this one.

    Returns:
        For each layer name, in the order given, and width: float32 `(2**bits,)`, ascending.

    Raises:
        ValueError: `codebook.optimal_codebooks` refuses the weights or widths.
    """
    found: dict[str, dict[int, Codebook]] = {}
    count = min(workers or os.cpu_count() or 1, len(weights))
    if count <= 1:
        for name, weight in weights.items():
            found[name] = optimal_codebooks(weight, widths[name])
            if on_layer:
                on_layer(name, found[name])
        return found
    # Fresh processes: a forked one could inherit a lock that another thread holds.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        largest_first = sorted(weights, key=lambda name: -weights[name].size)
        running = {
            pool.submit(optimal_codebooks, weights[name], list(widths[name])): name
            for name in largest_first
        }
        try:
            for done in as_completed(running):
                name = running[done]
                found[name] = done.result()
                if on_layer:
                    on_layer(name, found[name])
        finally:
            for future in running:  # after an error or Ctrl-C, start no more
                future.cancel()
    return {name: found[name] for name in weights}


def quantize(
    originals: Mapping[str, tuple[Floats, Floats]],
    bits: int | Mapping[str, int],
    scheme: str = "kmeans",
    on_layer: OnLayer | None = None,
    workers: int | None = None,
) -> dict[str, EncodedLayer]:
    """Encode a network, or some of its layers.

    Args:
        originals: float32 weight `(out, in, height, width)` and bias `(out,)` by layer name.
        bits: one width for all, or one for each layer.
        scheme: one of `schemes.SCHEMES` but "calibrated"; see `quantize_calibrated`.
        on_layer: called with the name of each layer whose codebook is found or that is encoded
            without one.
        workers: processes, as many as there are cores by default.

    Raises:
        ValueError: an unknown scheme, bits that it does not have, or a layer without bits.
        WeightsError: a layer's weights are not finite, none, or too large for the scheme.
    """
    if scheme == schemes.CALIBRATED:
        raise ValueError("a calibrated network is made by quantize_calibrated, from pictures too")
    widths = {name: bits if isinstance(bits, int) else bits.get(name, 0) for name in originals}
    for width in widths.values():
        schemes.check_scheme(scheme, width)
    check_whole(originals)
    codebooks: dict[str, dict[int, Codebook]] = {}
    if scheme == "kmeans":
        weights = {name: weight for name, (weight, _) in originals.items()}
        wanted = {name: [width] for name, width in widths.items()}
        told = (lambda name, _: on_layer(name)) if on_layer else None
        codebooks = network_codebooks(weights, wanted, told, workers)
    layers = {}
    for name, (weight, bias) in originals.items():
        centroids = codebooks.get(name, {}).get(widths[name])
        try:
            layers[name] = schemes.quantize_layer(weight, bias, scheme, widths[name], centroids)
        except ValueError as error:  # a float too large for 16 bits: the rest was checked above
            raise WeightsError(f"{name} cannot be stored: {error}") from error
        if on_layer and not codebooks:
            on_layer(name)
    return layers


def quantize_calibrated(
    originals: Mapping[str, tuple[Floats, Floats]],
    bits: Mapping[str, int],
    pictures: Sequence[Tensor],
    on_layer: OnCalibrated | None = None,
    known: Mapping[str, Calibrated] = MappingProxyType({}),
    fed: Normalization = CAFFE,
) -> dict[str, EncodedLayer]:
    """Encode a network by the "calibrated" scheme; see `calibrate`.

    Args:
        originals: the network from its first layer on; see `quantize`.
        bits: widths by layer name, 1 to 8.
        pictures: each `(1, 3, height, width)` in [0, 1].
        on_layer: called with the name of each layer that is done, and what it has become.
        known: layers that an earlier call with the same arguments got done.
        fed: what the network wants to be fed.

    Raises:
        ValueError: no pictures.
        WeightsError: a layer's weights are not finite.
    """
    check_whole(originals)
    found = calibrate(as_tensors(originals), bits, pictures, on_layer, known, fed)
    return {
        name: schemes.assemble(
            originals[name][0], codes.numpy(), books.numpy(), bias.numpy(), bits[name]
        )
        for name, (codes, books, bias) in found.items()
    }


def quantize_to_size(
    originals: Mapping[str, tuple[Floats, Floats]],
    outlook: Mapping[str, Tensor],
    target_bytes: int,
    pictures: Sequence[Tensor],
    on_layer: Callable[[str, Coded], None] | None = None,
    known: Mapping[str, Coded] = MappingProxyType({}),
    fed: Normalization = CAFFE,
) -> dict[str, EncodedLayer]:
    """Encode a network by the "entropy" scheme; see `entropy.compress`.

    Args:
        originals: the network from its first layer on; see `quantize`.
        outlook: what `entropy.foresee` gave for these layers.
        target_bytes: of all layers' arrays.
        pictures: each `(1, 3, height, width)` in [0, 1].
        on_layer: called with the name of each layer that is done, and what it has become.
        known: layers that an earlier call with the same arguments got done.
        fed: what the network wants to be fed.

    Raises:
        ValueError: no pictures.
        WeightsError: a layer's weights are not finite, or the size is below what is possible.
    """
    check_whole(originals)
    tensors = as_tensors(originals)
    found = entropy.compress(tensors, outlook, target_bytes, pictures, on_layer, known, fed)
    return {
        name: schemes.assemble_coded(originals[name][0], layer.arrays())
        for name, layer in found.items()
    }


def as_tensors(
    originals: Mapping[str, tuple[Floats, Floats]],
) -> dict[str, tuple[Tensor, Tensor]]:
    """Weights and biases by layer name, as tensors that share their memory."""
    return {
        name: (torch.from_numpy(weight), torch.from_numpy(bias))
        for name, (weight, bias) in originals.items()
    }


def check_whole(originals: Mapping[str, tuple[Floats, Floats]]) -> None:
    """See that every layer has weights, all of them finite.

    Raises:
        WeightsError: one has not.
    """
    for name, (weight, bias) in originals.items():
        if not weight.size or not np.isfinite(weight).all() or not np.isfinite(bias).all():
            what = "NaN or infinite weights" if weight.size else "no weights"
            raise WeightsError(f"{name} has {what}; give a network whose weights are all finite")
