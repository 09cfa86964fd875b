"""Scores of a sweep's results: losses by the reference network, and likeness to its results."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from medley.errors import ResourceError
from medley.events import Listener, stage
from medley.images import Pixels
from medley.moments import stem_of
from medley.studio.compression.compare import Tensors, load_timed
from medley.studio.compression.networks import Network
from medley.studio.editing.measure import Measure
from medley.studio.film_spec import FilmSpec, pairs_of, reference_in
from medley.studio.shooting.model import computing_deterministically, load_model
from medley.studio.shooting.problem import make_objective_of
from medley.studio.shooting.resources import free_memory
from medley.tensors import to_tensor
from medley.transfer.optimize import Evaluator
from medley.transfer.visual import visual_change
from medley.vgg.weights import load_weights


def measure_sweep(film: FilmSpec, listener: Listener) -> tuple[FilmSpec, list[Measure]]:
    """Score every final picture by the reference network, and compare it with the reference's.

    Args:
        film: sweep whose shots are all finished.
        listener: takes "stage" events while networks are loaded and pictures are scored.

    Returns:
        The film with its networks measured, and a row for each pair and network.

    Raises:
        OutputError, PictureError: a shot is damaged.
        WeightsError: weights are no longer there.
    """
    film = replace(film, networks=tuple(_measured(film, listener)))
    with computing_deterministically(film.order.run.deterministic):
        return film, _score_all(film, listener)


def _score_all(film: FilmSpec, listener: Listener) -> list[Measure]:
    reference, device = reference_in(film), film.devices[0]
    at = film.networks.index(reference)
    largest = max((pair[at] for pair in pairs_of(film)), key=lambda spec: spec.content.height)
    try:
        model = load_model(largest.settled, device)
    except ResourceError:  # the workers still have the device, and it admits them alone
        device = "cpu"
        model = load_model(largest.settled.model_copy(update={"precision": "float32"}), device)
    tile = largest.choose_tile(film.order.run.tile, free_memory(device), device)
    measures: list[Measure] = []
    for pair in pairs_of(film):
        objective = make_objective_of(pair[at], model, tile)
        best = film.workspace.shot(pair[at].key).result()
        best_loss = score(objective, best, model.device)
        for network, spec in zip(film.networks, pair, strict=True):
            shot = film.workspace.shot(spec.key)
            result = shot.result()
            loss = score(objective, result, model.device)
            measures.append(
                Measure(
                    content=stem_of(spec.content.path),
                    painting=spec.paintings[0].title,
                    network=network,
                    shot=spec.key,
                    loss=loss,
                    own_loss=shot.done()["loss"],
                    ratio=loss / best_loss,
                    ssim=similarity(result, best),
                    psnr=noise_ratio(result, best),
                    change=difference(result, best),
                )
            )
            listener(stage("scoring", len(measures), len(film.shots)))
    return measures


def _measured(film: FilmSpec, listener: Listener) -> list[Network]:
    """Measure each network's loading time and the error of its weights."""
    reference = reference_in(film)
    exact = load_weights(reference.settings.source).tensors
    networks = []
    for done, network in enumerate(film.networks):
        listener(stage(f"loading {network.label}", done, len(film.networks)))
        weights, load_s = load_timed(partial(load_weights, network.settings.source))
        is_kin = network.variant.origin == reference.variant.origin
        off = distortion(weights.tensors, exact) if is_kin else None
        networks.append(replace(network, distortion=off, load_s=load_s))
    return networks


def distortion(tensors: Tensors, exact: Tensors) -> float:
    """The relative error of weights, |difference|^2 / |exact|^2, over the layers that both have."""
    off = power = 0.0
    for name, (weight, _) in exact.items():
        if name not in tensors:
            continue
        off += float((tensors[name][0] - weight).square().sum(dtype=torch.float64))
        power += float(weight.square().sum(dtype=torch.float64))
    return off / power


def score(objective: Evaluator, pixels: Pixels, device: torch.device) -> float:
    """The loss of a picture of 8-bit pixels."""
    losses, _ = objective.evaluate(to_tensor(pixels).to(device), with_gradient=False)
    return float(losses.total)


def similarity(result: Pixels, other: Pixels) -> float:
    """Structural similarity of two pictures of one size, at least 11 pixels on the short side.

    Source: Wang, Bovik, Sheikh and Simoncelli (2004), Image quality assessment, IEEE Trans. Image
    Processing 13(4), with its Gaussian window; the mean over the three colour channels.
    """
    found = structural_similarity(
        result,
        other,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(found)


def noise_ratio(result: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio of two 8-bit pictures in dB; infinite if they are the same."""
    if np.array_equal(result, other):
        return math.inf  # the library would divide by zero
    return float(peak_signal_noise_ratio(other, result, data_range=255))


def difference(result: Pixels, other: Pixels) -> float:
    """The visible difference of two pictures; see `visual_change`."""
    return visual_change(to_tensor(other), to_tensor(result))
