"""A convolution whose float32 is computed as it was asked for, whatever the process is set to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor


def convolve(x: Tensor, weight: Tensor, bias: Tensor, padding: int, tf32: bool) -> Tensor:
    """Convolve pictures or features as `conv2d` does.

    Args:
        x: `(1, in, height, width)`.
        weight: `(out, in, 3, 3)`.
        bias: `(out,)`.
        padding: zeros beyond each border.
        tf32: whether a GPU may round float32 to the ten digits of TF32, also on the way back; cuDNN
            does it unless it is told not to. Halves, and other devices, are computed as they are.
    """
    if x.device.type == "cpu" or x.dtype != torch.float32:
        return nnf.conv2d(x, weight, bias, padding=padding)
    convolved: Tensor = _Convolution.apply(x, weight, bias, padding, tf32)
    return convolved


class _Convolution(torch.autograd.Function):
    """A convolution that is set to TF32, or not, both when it is computed and for its gradient."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, padding: int, tf32: bool
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding, ctx.tf32 = padding, tf32
        with rounding_to_tf32(tf32):
            return nnf.conv2d(x, weight, bias, padding=padding)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        one, around, none = [1, 1], [ctx.padding] * 2, [0, 0]
        wanted = [*ctx.needs_input_grad[:3]]
        with rounding_to_tf32(ctx.tf32):
            gradients = torch.ops.aten.convolution_backward(
                slopes[0], x, weight, [len(weight)], one, around, one, False, none, 1, wanted
            )
        return (*gradients, None, None)


@contextmanager
def rounding_to_tf32(wanted: bool) -> Iterator[None]:
    """Let cuDNN compute float32 convolutions in TF32, or not, until the block ends."""
    setting = torch.backends.cudnn
    # From torch 2.9 on, `allow_tf32` warns, and cannot be read where others use its successor.
    owner: Any = setting
    name: str = "allow_tf32"
    value: bool | str = wanted
    if hasattr(setting, "conv") and hasattr(setting.conv, "fp32_precision"):
        owner, name = setting.conv, "fp32_precision"
        value = "tf32" if wanted else "ieee"
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
