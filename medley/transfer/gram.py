"""Gram matrices of features: correlations of channels over places, of all or of guided ones.

Source: Gatys, Ecker and Bethge (2016), Image Style Transfer Using Convolutional Neural Networks,
equation 3, which does not divide by the number of places.
"""

from typing import Any

import torch
from torch import Tensor

_PLACES = 2**15  # features are widened at so many places at once


def gram_matrix(features: Tensor) -> Tensor:
    """Correlate the channels of features `(1, channels, height, width)` over all places.

    Returns:
        `(channels, channels)`, divided by height x width so that pictures of different sizes
        can be compared.
    """
    return gram_sum(features) / features.shape[2:].numel()


def gram_sum(features: Tensor, guide: Tensor | None = None, with_sum: bool = False) -> Tensor:
    """The Gram matrix of features `(1, channels, height, width)`, not divided, as float32 or wider.

    Half precision is widened a part at a time, and one product gives the gradient where autograd
    would take two: features of a picture's full size are what memory goes to. NVIDIA's GPUs
    multiply halves and sum in float32 by themselves, which is the same sum, and is not widened.

    Args:
        features: at all places.
        guide: how much each place counts, `(1, 1, height, width)`; no gradient goes there.
        with_sum: whether the features' own sum follows as one more column.

    Returns:
        `(channels, channels)`, or one column more.

    Source of guides: Gatys, Bethge, Hertzmann and Shechtman (2017), Controlling Perceptual Factors
    in Neural Style Transfer (arXiv 1611.07865), guided Gram matrices. There features are multiplied
    by the guide, which so enters in the square; here its root is taken for that, so that soft masks
    that add up to 1 let every place count once.
    """
    gram: Tensor = _GramSum.apply(features, guide, with_sum)
    return gram


class _GramSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, guide: Tensor | None, with_sum: bool) -> Tensor:
        ctx.save_for_backward(features, *([] if guide is None else [guide]))
        ctx.with_sum = with_sum
        if guide is None and _sums_halves(features):
            flat = features.squeeze(0).flatten(1)
            gram = _summed(flat, flat.T)
            sums = flat.sum(1, keepdim=True, dtype=torch.float32)
            return torch.cat([gram, sums], 1) if with_sum else gram
        parts = []
        for part, share in _guided_places(features, guide):
            plain = widened(part)
            guided = plain if share is None else plain * share
            gram = guided @ plain.T
            parts.append(torch.cat([gram, guided.sum(1, keepdim=True)], 1) if with_sum else gram)
        return torch.stack(parts).sum(0)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        features, *guides = ctx.saved_tensors
        square, column = slopes[0], None
        if ctx.with_sum:
            square, column = slopes[0][:, :-1], slopes[0][:, -1:]
        slope = square + square.T
        if not guides and _sums_halves(features):
            return _gradient_of_halves(features, slope, column), None, None
        gradient = torch.empty_like(features)
        guided = _guided_places(features, guides[0] if guides else None)
        for (part, share), into in zip(guided, _places(gradient), strict=True):
            back = slope @ widened(part)
            if column is not None:
                back += column
            into.copy_(back if share is None else back * share)
        return gradient, None, None


def _sums_halves(features: Tensor) -> bool:
    """Whether the device multiplies these features as they are and sums in float32."""
    return (
        features.dtype in (torch.bfloat16, torch.float16)
        and features.device.type == "cuda"
        and torch.version.hip is None
        and hasattr(torch.ops.aten.mm, "dtype")  # since torch 2.8
    )


def _summed(left: Tensor, right: Tensor) -> Tensor:
    """The product of two matrices of halves, whose sums are float32."""
    return torch.mm(left, right, out_dtype=torch.float32)


def _gradient_of_halves(features: Tensor, slope: Tensor, column: Tensor | None) -> Tensor:
    """The gradient of features of half precision, by two products of halves.

    The slope is the sum of two halves, of which the second takes up what the first is rounded by;
    its largest number is 1 meanwhile, so that no half is out of range.
    """
    flat = features.squeeze(0).flatten(1)
    largest = slope.abs().amax().clamp_min(torch.finfo(torch.float32).tiny)
    scaled = slope / largest
    coarse = scaled.to(features.dtype)
    fine = (scaled - coarse).to(features.dtype)
    back = (_summed(coarse, flat) + _summed(fine, flat)) * largest
    if column is not None:
        back += column
    gradient = torch.empty_like(features)
    gradient.squeeze(0).flatten(1).copy_(back)
    return gradient


def _guided_places(features: Tensor, guide: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
    """The features' places, a part at a time, and how much each counts."""
    parts = _places(features)
    shares = [None] * len(parts) if guide is None else list(_places(guide))
    return list(zip(parts, shares, strict=True))


def _places(features: Tensor) -> tuple[Tensor, ...]:
    """Views of the features `(channels, places)`, a part of the places each."""
    return torch.split(features.squeeze(0).flatten(1), _PLACES, dim=1)


def widened(features: Tensor) -> Tensor:
    """The features as float32, or as they are if that is wider."""
    return features if features.dtype == torch.float64 else features.float()
