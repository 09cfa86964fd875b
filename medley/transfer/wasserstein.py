"""The Wasserstein-2 distance of features, as if they were drawn from two Gaussians.

    |mean1 - mean2|^2 + tr(C1 + C2 - 2 (C2^1/2 C1 C2^1/2)^1/2)

Source: Dowson and Landau (1982), The Frechet distance between multivariate normal distributions,
equation 4. Departure: a little variance is added to both covariances. Where a picture has fewer
places than channels its covariance has no inverse root, which the gradient needs.

On a CPU roots are found by eigenvalues. A GPU is quicker by products alone, for which it is not
waited for; in single precision they come to nothing where there are fewer places than channels.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

_FLATTEST = 1e-3  # added variance, as a share of the painting's mean variance
_ROUNDS = 36  # each brings the roots of small eigenvalues, 5e5 times below the largest, up by half


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
    ridge = (_FLATTEST * _trace(covariance) / channels).clamp_min(1e-12)
    covariance = covariance + ridge * _eye(covariance)
    if _by_eigenvalues(moments):
        values, vectors = torch.linalg.eigh(covariance)
        root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    else:
        root, _ = roots(covariance)
    return Gaussian(mean, root, _trace(covariance), ridge)


def wasserstein(moments: Tensor, target: Gaussian) -> Tensor:
    """The squared distance of features from a painting's.

    Args:
        moments: `(channels, channels + 1)`: mean of `f f^T`, and mean of `f`.
        target: the painting's.

    Returns:
        A scalar of the type and on the device of the moments, in the features' units squared.
    """
    mean, covariance = _split(moments)
    spread = _trace(covariance) + len(mean) * target.ridge
    # With R the target's root, R (C + ridge) R; the target's own C is R R.
    joint = target.root @ covariance @ target.root + target.ridge * (target.root @ target.root)
    apart = (mean - target.mean).square().sum() + spread + target.spread
    return (apart - 2 * root_trace(joint)).to(moments)


def root_trace(matrix: Tensor) -> Tensor:
    """Trace of the square root of a symmetric positive matrix, as a scalar."""
    trace: Tensor = _RootTrace.apply(matrix)
    return trace


def roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of a symmetric positive matrix and its inverse, by products alone.

    Source: Higham (2008), Functions of Matrices, equation 6.35, the Newton-Schulz iteration.
    """
    scale = matrix.square().sum().sqrt()
    root, inverse, unit = matrix / scale, _eye(matrix), _eye(matrix)
    for _ in range(_ROUNDS):
        turn = torch.addmm(unit, inverse, root, beta=1.5, alpha=-0.5)
        root, inverse = root @ turn, turn @ inverse
    return root * scale.sqrt(), inverse / scale.sqrt()


class _RootTrace(torch.autograd.Function):
    """The trace of the root; its gradient is half the inverse root.

    Autograd's own would divide by differences of eigenvalues, many of which are equal.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        symmetric = (matrix + matrix.T) / 2
        if not _by_eigenvalues(matrix):
            root, inverse = roots(symmetric)
            ctx.save_for_backward(inverse)
            return _trace(root)
        values, vectors = torch.linalg.eigh(symmetric)
        # What is below rounding is noise, and its inverse root would be a loud one.
        found = values.clamp_min(1e-14 * values[-1].clamp_min(1e-300)).sqrt()
        ctx.save_for_backward(found, vectors)
        trace: Tensor = found.sum()
        return trace

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        first, *vectors = ctx.saved_tensors
        if not vectors:
            gradient: Tensor = slopes[0] / 2 * first
        else:
            gradient = slopes[0] / 2 * (vectors[0] / first) @ vectors[0].T
        return gradient


def _by_eigenvalues(matrix: Tensor) -> bool:
    return matrix.device.type == "cpu"


def _trace(matrix: Tensor) -> Tensor:
    # On a GPU the gradient of torch's own is waited for.
    return matrix.trace() if _by_eigenvalues(matrix) else matrix.diagonal().sum()


def _eye(matrix: Tensor) -> Tensor:
    return torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)


def _split(moments: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance, in double precision where there is such a thing, else on the CPU."""
    if moments.device.type == "mps":
        moments = moments.cpu()
    moments = moments.double()
    mean = moments[:, -1]
    return mean, moments[:, :-1] - torch.outer(mean, mean)
