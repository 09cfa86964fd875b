"""The Wasserstein-2 distance of features, as if they were drawn from two Gaussians.

    |mean1 - mean2|^2 + tr(C1 + C2 - 2 (C2^1/2 C1 C2^1/2)^1/2)

Source: Dowson and Landau (1982), The Frechet distance between multivariate normal distributions,
equation 4. Departure: a little variance is added to both covariances. Where a picture has fewer
places than channels its covariance has no inverse root, which the gradient needs.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

_FLATTEST = 1e-3  # added variance, as a share of the painting's mean variance


class Gaussian(NamedTuple):
    """The normal distribution of a painting's features, in double precision.

    Attributes:
        mean: `(channels,)`.
        root: square root of the covariance `(channels, channels)`.
        spread: trace of the covariance.
        ridge: variance that is added to both covariances; `root` and `spread` have it in them.
    """

    mean: Tensor
    root: Tensor
    spread: Tensor
    ridge: Tensor


def gaussian_of(moments: Tensor) -> Gaussian:
    """Take a painting's moments: mean of `f f^T` and, as the last column, mean of `f`."""
    mean, covariance = _split(moments)
    channels = len(mean)
    ridge = (_FLATTEST * covariance.trace() / channels).clamp_min(1e-12)
    covariance = covariance + ridge * torch.eye(channels).to(covariance)
    values, vectors = torch.linalg.eigh(covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return Gaussian(mean, root, covariance.trace(), ridge)


def wasserstein(moments: Tensor, target: Gaussian) -> Tensor:
    """The squared distance of features from a painting's.

    Args:
        moments: `(channels, channels + 1)`: mean of `f f^T`, and mean of `f`.
        target: the painting's.

    Returns:
        A scalar of the type and on the device of the moments, in the features' units squared.
    """
    mean, covariance = _split(moments)
    spread = covariance.trace() + len(mean) * target.ridge
    # With R the target's root, R (C + ridge) R; the target's own C is R R.
    joint = target.root @ covariance @ target.root + target.ridge * (target.root @ target.root)
    apart = (mean - target.mean).square().sum() + spread + target.spread
    return (apart - 2 * root_trace(joint)).to(moments)


def root_trace(matrix: Tensor) -> Tensor:
    """Trace of the square root of a symmetric positive matrix, as a scalar."""
    trace: Tensor = _RootTrace.apply(matrix)
    return trace


class _RootTrace(torch.autograd.Function):
    """The trace by eigenvalues; the gradient, half the inverse root, needs no turn of vectors.

    Autograd's own would divide by differences of eigenvalues, many of which are equal.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
        # What is below rounding is noise, and its inverse root would be a loud one.
        roots = values.clamp_min(1e-14 * values[-1].clamp_min(1e-300)).sqrt()
        ctx.save_for_backward(roots, vectors)
        trace: Tensor = roots.sum()
        return trace

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        roots, vectors = ctx.saved_tensors
        gradient: Tensor = slopes[0] / 2 * (vectors / roots) @ vectors.T
        return gradient


def _split(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance, in double precision where there is such a thing, else on the CPU."""
    if moments.device.type not in ("cpu", "cuda"):
        moments = moments.cpu()
    moments = moments.double()
    mean = moments[:, -1]
    return mean, moments[:, :-1] - torch.outer(mean, mean)
