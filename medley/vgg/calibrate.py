"""Codebooks that know what the network sees: a codebook for every output channel, errors fed back.

Plain k-means asks how far a weight moves; here the question is how far the layer's *output* moves
on a few pictures. Layer by layer, with the pictures already passed through the quantized layers
before:

1. the float weights are first bent towards what makes up for the earlier layers' errors
   (ridge regression of the float layer's output on the quantized network's input);
2. every output channel gets its own codebook, by k-means weighted with the second moments of the
   inputs (Kim et al. 2024, SqueezeLLM, arXiv:2306.07629, equation 5, with the inputs' moments for
   the Fisher information);
3. codes are assigned input by input, each one's error fed back into the weights not yet assigned
   (Frantar et al. 2023, GPTQ, arXiv:2210.17323, algorithm 1, with a codebook for its grid);
4. with the codes fixed, each codebook is refitted by least squares on the layer's output, and the
   bias takes up what error is constant.

Codebooks are rounded to float16, so that all of them together stay below 2 % of the file.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeVar

import torch
import torch.nn.functional as nnf
from torch import Tensor

from medley.vgg.network import normalize
from medley.vgg.normalization import CAFFE, Normalization

Originals = Mapping[str, tuple[Tensor, Tensor]]

_RIDGE = 0.05  # pull towards the float weights, as a share of the inputs' mean second moment
_DAMPING = 0.05  # of the same, so that inputs that hardly vary do not blow up the feedback
_REFIT_RIDGE = 1e-4
_ROUNDS = 20  # of Lloyd's algorithm, from quantiles; more change nothing that is seen
_BLOCK = 128  # inputs between two updates of the weights behind them
_ROWS = 16  # output channels refitted at a time: bounds memory to about 150 MB


class Calibrated(NamedTuple):
    """A layer as it was calibrated.

    Attributes:
        codes: uint8 `(out, in, 3, 3)`.
        codebooks: float16 `(out, 2**bits)`.
        bias: float32 `(out,)`.
    """

    codes: Tensor
    codebooks: Tensor
    bias: Tensor

    def decoded(self) -> tuple[Tensor, Tensor]:
        """Weights float32 `(out, in, 3, 3)` and biases."""
        rows = self.codebooks.float().gather(1, self.codes.flatten(1).long())
        return rows.view(self.codes.shape), self.bias


OnLayer = Callable[[str, Calibrated], None]


class Stored(Protocol):
    """A layer in whatever form."""

    def decoded(self) -> tuple[Tensor, Tensor]:
        """Weights float32 `(out, in, 3, 3)` and biases."""


Made = TypeVar("Made", bound=Stored)


class Statistics:
    """Second moments of a layer's inputs, the constant 1 being the last input.

    Attributes:
        inputs: of the other network's, `(n + 1, n + 1)`.
        pulls: of the float layer's outputs with them, `(out, n + 1)`.
        count: places that were looked at.
    """

    def __init__(self, rows: Tensor, places: int | None = None) -> None:
        """Begin with no pictures.

        Args:
            rows: the float layer's weights and, last, biases, `(out, n + 1)`.
            places: about how many of a picture are looked at; all by default.
        """
        size = rows.shape[1]
        self.inputs = torch.zeros(size, size)
        self._crossed = torch.zeros(len(rows) if places else size, size)
        self._rows, self._places = rows, places
        self._pictures = self.count = 0

    @property
    def pulls(self) -> Tensor:
        """See the class."""
        return self._crossed if self._places else self._rows @ self._crossed

    def add(self, original: Tensor, quantized: Tensor) -> None:
        """Add a picture's input `(1, in, height, width)` in the float and the other network."""
        count = original.shape[2] * original.shape[3]
        every = -(-count // self._places) if self._places else 1
        there = _patches(original, every)
        here = there if quantized is original else _patches(quantized, every)
        if self._places:
            # Outputs with inputs are a ninth of the work of inputs with inputs.
            there = self._rows @ there
        self._pictures += 1
        self.count += here.shape[1]
        share = 1 / self._pictures
        self.inputs.lerp_(here @ here.T / here.shape[1], share)
        self._crossed.lerp_(there @ here.T / here.shape[1], share)


def calibrate(
    originals: Originals,
    bits: Mapping[str, int],
    pictures: Sequence[Tensor],
    on_layer: OnLayer | None = None,
    known: Mapping[str, Calibrated] = MappingProxyType({}),
    fed: Normalization = CAFFE,
) -> dict[str, Calibrated]:
    """Choose codes, codebooks and biases for the convolutions of VGG-19, first to last.

    Args:
        originals: float32 weight `(out, in, 3, 3)` and bias `(out,)` by layer name, in the
            network's order and without gaps.
        bits: widths by layer name, 1 to 8.
        pictures: each `(1, 3, height, width)` in [0, 1]. A dozen of 256x256 pixels do; with
            fewer places than a layer has inputs, the deepest layers lose.
        on_layer: called with the name of each layer that is done, and what it has become.
        known: layers that an earlier call with the same arguments got done.
        fed: what the network wants to be fed.

    Raises:
        ValueError: no pictures.
    """

    def make(name: str, seen: Statistics) -> Calibrated:
        weight, bias = originals[name]
        codes, books, shift = quantize_rows(weight.flatten(1), bias, seen, bits[name])
        return Calibrated(codes.view(weight.shape).to(torch.uint8), books, shift)

    return walk(originals, pictures, make, on_layer, known, fed)


def walk(
    originals: Originals,
    pictures: Sequence[Tensor],
    make: Callable[[str, Statistics], Made],
    on_layer: Callable[[str, Made], None] | None = None,
    known: Mapping[str, Made] = MappingProxyType({}),
    fed: Normalization = CAFFE,
    places: int | None = None,
) -> dict[str, Made]:
    """Make layers of another network first to last, each from what it is fed in both networks.

    Args:
        originals: the float layers; see `calibrate`.
        pictures: see `calibrate`.
        make: gives a layer by its name, and by its inputs in the float and in the other network,
            whose layers before are made by then.
        on_layer: called with the name of each layer that is made, and the layer.
        known: layers that need not be made.
        fed: what the network wants to be fed.
        places: about how many of a picture's places `Statistics` look at; all by default.

    Raises:
        ValueError: no pictures.
    """
    if not pictures:
        raise ValueError("calibration needs at least one picture")
    exact = [normalize(picture, fed) for picture in pictures]
    coarse = list(exact)
    found: dict[str, Made] = {}
    for name, (weight, bias) in originals.items():
        if int(name[-1]) == 1 and name != "conv1_1":
            _advance(exact, coarse, _pool, _pool)
        if name in known:
            found[name] = known[name]
        else:
            seen = Statistics(torch.cat([weight.flatten(1), bias[:, None]], dim=1), places)
            for before, now in zip(exact, coarse, strict=True):
                seen.add(before, now)
            found[name] = make(name, seen)
        float_layer = partial(_convolve, weight=weight, bias=bias)
        made, shift = found[name].decoded()
        same = made is weight and shift is bias
        made_layer = float_layer if same else partial(_convolve, weight=made, bias=shift)
        _advance(exact, coarse, float_layer, made_layer)
        if on_layer and name not in known:
            on_layer(name, found[name])
    return found


def quantize_rows(
    weight: Tensor, bias: Tensor, seen: Statistics, bits: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Quantize one layer's rows `(out, n)` so that its output moves least on the inputs seen.

    Returns:
        Codes int64 `(out, n)`, codebooks float16 `(out, 2**bits)`, bias float32 `(out,)`.
    """
    target, shift = made_up_for(weight, bias, seen)
    # What the bias can take up is not the weights' concern: moments about the mean.
    mean, scale = seen.inputs[:-1, -1], seen.inputs[-1, -1]
    moments = seen.inputs[:-1, :-1] - torch.outer(mean, mean) / scale
    moments.diagonal().add_(_DAMPING * moments.diagonal().mean() + 1e-12)
    books = weighted_codebooks(target, moments.diagonal(), 2**bits)
    codes = feed_back(target, books, moments)
    books = refit(target, codes, books, moments).half()
    error = books.float().gather(1, codes) - target
    return codes, books, shift - error @ mean / scale


def weighted_codebooks(rows: Tensor, weights: Tensor, size: int) -> Tensor:
    """k-means of every row on its own, by Lloyd's algorithm from quantiles.

    Args:
        rows: a layer's weights, `(out, n)`.
        weights: `(n,)`, positive: how much each column counts.
        size: entries of each codebook.

    Returns:
        `(out, size)`, each row ascending.

    Source: Lloyd (1982), IEEE Trans. Inf. Theory 28(2).
    """
    count = rows.shape[1]
    middles = (torch.arange(size) + 0.5) / size
    ordered = rows.sort(dim=1).values
    quantiles = ordered[:, (middles * count).long()]
    spread = ordered[:, :1] + (ordered[:, -1:] - ordered[:, :1]) * middles
    books = (quantiles + spread) / 2
    weighted = rows * weights
    shares = weights.expand_as(rows).contiguous()
    for _ in range(_ROUNDS):
        codes = _nearest(rows, books)
        sums = torch.zeros_like(books).scatter_add_(1, codes, weighted)
        mass = torch.zeros_like(books).scatter_add_(1, codes, shares)
        books = torch.where(mass > 0, sums / mass.clamp_min(1e-30), books).sort(dim=1).values
    return books


def feed_back(rows: Tensor, books: Tensor, moments: Tensor) -> Tensor:
    """Assign codes column by column, each error fed back into the columns still to come.

    Args:
        rows: a layer's weights, `(out, n)`.
        books: codebooks `(out, size)`, ascending.
        moments: second moments of the inputs `(n, n)`, positive definite.

    Returns:
        Codes, int64 `(out, n)`.

    Source: Frantar et al. (2023), arXiv:2210.17323, algorithm 1; columns in the order of falling
    moments, as in the authors' code.
    """
    order = moments.diagonal().argsort(descending=True)
    work = rows[:, order]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments[order][:, order]))
    factor = torch.linalg.cholesky(inverse, upper=True)
    codes = torch.empty(rows.shape, dtype=torch.long)
    count = rows.shape[1]
    for start in range(0, count, _BLOCK):
        end = min(start + _BLOCK, count)
        block, errors = work[:, start:end], torch.empty(len(rows), end - start)
        for column in range(end - start):
            here = factor[start + column, start:end]
            values = block[:, column]
            chosen = _nearest(values[:, None], books)
            codes[:, start + column] = chosen[:, 0]
            error = (values - books.gather(1, chosen)[:, 0]) / here[column]
            block[:, column:] -= error[:, None] * here[column:]
            errors[:, column] = error
        work[:, end:] -= errors @ factor[start:end, end:]
    return codes[:, order.argsort()]


def refit(rows: Tensor, codes: Tensor, books: Tensor, moments: Tensor) -> Tensor:
    """Codebooks that move the layer's output least while the codes stay: least squares.

    Args:
        rows: a layer's weights, `(out, n)`.
        codes: index of each weight's entry, int64 `(out, n)`.
        books: codebooks `(out, size)`; where the moments leave an entry open, it stays.
        moments: second moments of the inputs, `(n, n)`.

    Returns:
        `(out, size)`; not sorted.
    """
    size = books.shape[1]
    pulls = rows @ moments
    fitted = []
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        chosen = nnf.one_hot(codes[part], size).float()
        gathered = torch.einsum("ij,rjk->rik", moments, chosen)
        system = torch.einsum("rjk,rjl->rkl", chosen, gathered)
        right = torch.einsum("rj,rjk->rk", pulls[part], chosen)
        ridge = _REFIT_RIDGE * system.diagonal(dim1=1, dim2=2).mean(1, keepdim=True)
        system.diagonal(dim1=1, dim2=2).add_(ridge)
        fitted.append(torch.linalg.solve(system, right + ridge * books[part]))
    return torch.cat(fitted)


def made_up_for(weight: Tensor, bias: Tensor, seen: Statistics) -> tuple[Tensor, Tensor]:
    """Float weights and bias that map the quantized network's inputs to the float one's outputs."""
    rows = torch.cat([weight, bias[:, None]], dim=1)
    ridge = _RIDGE * seen.inputs.diagonal().mean()
    system = seen.inputs.clone()
    system.diagonal().add_(ridge)
    bent = torch.linalg.solve(system, seen.pulls + ridge * rows, left=False)
    return bent[:, :-1].contiguous(), bent[:, -1]


def _nearest(values: Tensor, books: Tensor) -> Tensor:
    middles = (books[:, 1:] + books[:, :-1]) / 2
    return torch.searchsorted(middles.contiguous(), values.contiguous())


def _patches(features: Tensor, every: int) -> Tensor:
    """What a 3x3 convolution sees at every n-th place, ones in the last row.

    Args:
        features: `(1, in, height, width)`.
        every: n.

    Returns:
        `(in * 9 + 1, places)`; rows as `unfold` orders them.
    """
    height, width = features.shape[2:]
    padded = nnf.pad(features[0], (1, 1, 1, 1)).flatten(1)
    places = torch.arange(0, height * width, every)
    corners = places // width * (width + 2) + places % width
    kernel = torch.arange(3)[:, None] * (width + 2) + torch.arange(3)
    columns = padded[:, (kernel.view(9, 1) + corners).view(-1)].view(-1, len(places))
    return torch.cat([columns, torch.ones(1, len(places))])


def _convolve(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return nnf.conv2d(x, weight, bias, padding=1).relu_()


def _pool(x: Tensor) -> Tensor:
    return nnf.max_pool2d(x, 2)


def _advance(
    exact: list[Tensor],
    coarse: list[Tensor],
    here: Callable[[Tensor], Tensor],
    there: Callable[[Tensor], Tensor],
) -> None:
    """Put what a layer makes of features in their place: one by one, so that none is held twice."""
    for place, (before, now) in enumerate(zip(exact, coarse, strict=True)):
        exact[place] = here(before)
        coarse[place] = exact[place] if now is before and here is there else there(now)
