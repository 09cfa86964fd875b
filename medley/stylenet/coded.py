"""Training a network of few bits as it will be read back: straight through the rounding.

Source: Bengio, Léonard and Courville (2013), Estimating or Propagating Gradients Through Stochastic
Neurons for Conditional Computation (arXiv 1308.3432): the straight-through estimator.
"""

import torch
from torch import Tensor

from medley.stylenet.netfile import quantized
from medley.stylenet.network import StyleNet, make_network

MOST_BITS = 4
"""Bits a weight up to which rounding costs so much that it is trained for."""


def coded_kernels(network: StyleNet, bits: int) -> dict[str, Tensor]:
    """A network's convolutions as a file of so many bits gives them, by their parameters' names.

    Each channel keeps its strength, which no code holds. The gradient passes the rounding as if it
    were none. Weights that are no numbers have no codes: none is given then.
    """
    if not all(kernel.isfinite().all() for kernel in network.kernels):
        return {}
    read_back = make_network(quantized(network.to_file((), {}), bits))
    coded = {}
    for number, kernel in enumerate(network.kernels):
        with torch.no_grad():
            strength = kernel.square().mean((1, 2, 3), keepdim=True).sqrt()
            change = strength * read_back.kernels[number].to(kernel) - kernel
        coded[f"kernels.{number}"] = kernel + change
    return coded
