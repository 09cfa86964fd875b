"""Codes on uniform grids, as few bits as their entropy: VGG-19 in a few megabytes.

Layer by layer, with the pictures already passed through the quantized layers before:

1. the float weights are bent towards what makes up for the earlier layers' errors, as `calibrate`
   does;
2. every column of the weights, which is one input at one place of the kernel, gets a grid of its
   own. With U the upper Cholesky factor of the inverse of the inputs' second moments, an error e in
   column i costs (e / U_ii)^2 of the output once it is fed back; steps proportional to U_ii make
   each column's cost the same, which is where the sum of bits is least for the sum of costs
   (reverse water-filling; Savkin et al. 2026, WaterSIC, arXiv:2603.04956);
3. codes are rounded column by column, each one's error fed back into the columns still to come
   (Frantar et al. 2023, GPTQ, arXiv:2210.17323, algorithm 1), a little towards zero, which costs
   less in error than it saves in bits (Sullivan 1996, IEEE Trans. Inf. Theory 42(5));
4. each output's scale is fitted by least squares on the layer's output, and the bias takes up what
   error is constant;
5. the codes are written by `rans`, in as many bits as their entropy.

How coarse a layer's grid is follows from the error that is tolerated of it, relative to its output:
it grows from layer to layer by the same factor, and begins where all of them together have the size
that is asked for.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from medley.errors import Setting, WeightsError
from medley.vgg import calibrate, columns, weightfile
from medley.vgg.calibrate import Originals, Statistics
from medley.vgg.normalization import CAFFE, Normalization

_DAMPING = 0.01  # added to the moments' diagonal, as a share of its mean; or, if that is more,
_DOUBT = 0.1  # times inputs by places: what few places say of many inputs holds for them alone
_DEAD = 0.05  # how much of a step rounding is moved towards zero
_PLACES = 24_000  # of all pictures that are looked at: several times the inputs of any layer
_BLOCK = 128  # columns between two updates of those behind them
_GRID = torch.arange(-24.0, -2.5, 1.0)  # logarithms to base 2 of the errors that are foreseen
_SAMPLE = 32  # rows of a layer that are looked at to foresee its size
_LEEWAY = 1.1  # of what was foreseen of a layer, so that those behind it get their share
_TRIES = 8  # to bring a layer to the size that it may have
_OCTAVES = 2.5  # by which an error grows for a bit that is saved, about
_AIM = 0.9975  # of that size, so that a try may miss it a little

SENSITIVITY = MappingProxyType(
    {
        "conv1_1": 0.177,
        "conv1_2": 0.157,
        "conv2_1": 0.123,
        "conv2_2": 0.178,
        "conv3_1": 0.114,
        "conv3_2": 0.087,
        "conv3_3": 0.060,
        "conv3_4": 0.046,
        "conv4_1": 0.054,
        "conv4_2": 0.027,
    }
)
"""How much the gradient of a shot's loss errs where one layer's output errs: squared, relative to
the gradient at the fifth iterate, for an error of 2**-6 of the layer's power. Measured by
`scripts/bench_layers`, up to conv4_1; see `_BEHIND` for the rest."""
_BEHIND = (
    0.0135  # of layers that are not named, whose measure is near nothing: their features count
)


class Coded(NamedTuple):
    """A layer as its entropy codes have it.

    Attributes:
        codes: int8 `(out, in, 3, 3)`.
        steps: uint8 `(in, 3, 3)`; see `columns`.
        unit: float32 `(1,)`.
        scale: float16 `(out,)`.
        bias: float32 `(out,)`.
        error: float32 `(1,)`: the tolerated error's logarithm to base 2.
    """

    codes: Tensor
    steps: Tensor
    unit: Tensor
    scale: Tensor
    bias: Tensor
    error: Tensor

    def arrays(self) -> dict[str, columns.Array]:
        """The arrays that a file has of it."""
        own = {name: getattr(self, name).numpy() for name in ("steps", "unit", "scale", "bias")}
        return columns.write(self.codes.numpy(), own["steps"]) | own

    def decoded(self) -> tuple[Tensor, Tensor]:
        """Weights float32 `(out, in, 3, 3)` and biases."""
        own = {name: getattr(self, name).numpy() for name in ("steps", "unit", "scale")}
        return torch.from_numpy(columns.values(self.codes.numpy(), own)), self.bias


class Outlook(NamedTuple):
    """What a layer will take, foreseen by what the float network feeds it.

    Attributes:
        sizes: bytes by the error's logarithm, float32 `(len(_GRID),)`, falling.
        weight, bias: the float layer's.
    """

    sizes: Tensor
    weight: Tensor
    bias: Tensor

    def decoded(self) -> tuple[Tensor, Tensor]:
        """The float layer."""
        return self.weight, self.bias


def foresee(
    originals: Originals,
    pictures: Sequence[Tensor],
    on_layer: Callable[[str, Outlook], None] | None = None,
    known: Mapping[str, Tensor] = MappingProxyType({}),
    fed: Normalization = CAFFE,
) -> dict[str, Tensor]:
    """Foresee how many bytes each layer takes at each error of `_GRID`; see `calibrate.walk`."""

    def make(name: str, seen: Statistics) -> Outlook:
        weight, bias = originals[name]
        return Outlook(_foreseen(frame_of(weight.flatten(1), bias, seen)), weight, bias)

    given = {name: Outlook(sizes, *originals[name]) for name, sizes in known.items()}
    found = calibrate.walk(originals, pictures, make, on_layer, given, fed, _places(pictures))
    return {name: outlook.sizes for name, outlook in found.items()}


def compress(
    originals: Originals,
    outlook: Mapping[str, Tensor],
    target_bytes: int,
    pictures: Sequence[Tensor],
    on_layer: Callable[[str, Coded], None] | None = None,
    known: Mapping[str, Coded] = MappingProxyType({}),
    fed: Normalization = CAFFE,
) -> dict[str, Coded]:
    """Code layers so that their arrays take as much as is asked for, and no more.

    Args:
        originals: the float layers; see `calibrate.calibrate`.
        outlook: what `foresee` gave.
        target_bytes: of all layers' arrays, the least of `bounds` or more.
        pictures: see `calibrate.calibrate`.
        on_layer: called with the name of each layer that is done, and what it has become.
        known: layers that an earlier call with the same arguments got done.
        fed: what the network wants to be fed.

    Raises:
        ValueError: no pictures.
        WeightsError: the size is below what is possible.
    """
    budget = Budget(outlook, target_bytes)
    for name, layer in known.items():
        budget.spend(name, layer)

    def make(name: str, seen: Statistics) -> Coded:
        weight, bias = originals[name]
        frame = frame_of(weight.flatten(1), bias, seen)
        error = budget.error(name)
        layer = code_layer(frame, error)
        most = budget.most(name, error)
        if name == list(outlook)[-1] or size_of(layer) > most:
            layer = _brought_to(most, frame, layer)
        budget.spend(name, layer)
        return layer

    return calibrate.walk(originals, pictures, make, on_layer, known, fed, _places(pictures))


def _places(pictures: Sequence[Tensor]) -> int:
    return _PLACES // max(1, len(pictures))


def bounds(outlook: Mapping[str, Tensor]) -> tuple[int, int]:
    """About the fewest bytes that layers' arrays can take while they are of use, and the most."""
    coarsest = _errors(outlook, float(_GRID[-1]))
    least = sum(_at(sizes, coarsest[name]) for name, sizes in outlook.items())
    # What is foreseen may be off by a tenth.
    return int(1.1 * least), int(sum(float(sizes[0]) for sizes in outlook.values()))


class Budget:
    """Gives each layer its error, so that all of them have the size that is asked for."""

    def __init__(self, outlook: Mapping[str, Tensor], target_bytes: int) -> None:
        """`target_bytes` of the arrays of all layers of the outlook."""
        self._outlook = outlook
        self.left = target_bytes
        self._foreseen = self._taken = 0.02 * target_bytes  # a few layers' word counts little

    def spend(self, name: str, layer: Coded) -> None:
        """Count a layer's bytes, and learn how far what was foreseen is off."""
        taken = size_of(layer)
        self.left -= taken
        self._taken += taken
        self._foreseen += _at(self._outlook[name], float(layer.error))

    def most(self, name: str, error: float) -> int:
        """Bytes that a layer may take: all that is left, or little more than was foreseen."""
        if name == list(self._outlook)[-1]:
            return self.left
        foreseen = _at(self._outlook[name], error) * self._taken / self._foreseen
        return min(self.left, int(_LEEWAY * foreseen))

    def error(self, name: str) -> float:
        """The error of the layer at hand, as its logarithm to base 2."""
        names = list(self._outlook)
        rest = {own: self._outlook[own] for own in names[names.index(name) :]}
        left = self.left * self._foreseen / self._taken
        low, high = float(_GRID[0]), float(_GRID[-1])
        for _ in range(40):
            middle = (low + high) / 2
            errors = _errors(rest, middle)
            if sum(_at(sizes, errors[own]) for own, sizes in rest.items()) > left:
                low = middle
            else:
                high = middle
        return _errors(rest, high)[name]


def size_of(layer: Coded) -> int:
    """Bytes of a layer's arrays."""
    return sum(array.nbytes for array in layer.arrays().values())


def _errors(outlook: Mapping[str, Tensor], level: float) -> dict[str, float]:
    """Each layer's error, as its logarithm to base 2, where a weight's worth is the same in all.

    A doubled error saves half a bit of each of a layer's n weights, and costs its sensitivity s
    times the error: that is in balance where the error is in proportion to n / s.
    """
    low, high = float(_GRID[0]), float(_GRID[-1])
    shares = {
        name: math.log2(math.prod(weightfile.SHAPES[name]) / SENSITIVITY.get(name, _BEHIND))
        for name in outlook
    }
    most = max(shares.values())
    return {name: max(low, min(high, level + share - most)) for name, share in shares.items()}


def _at(sizes: Tensor, error: float) -> float:
    """The bytes foreseen at an error's logarithm."""
    return float(np.interp(error, _GRID.numpy(), sizes.numpy()))


def _foreseen(frame: "Frame") -> Tensor:
    """The bytes that a layer will take at each error of `_GRID`, by a few of its rows."""
    out, columns_ = frame.rows.shape
    rows = frame.rows[:: max(1, out // _SAMPLE)]
    share = 8 * len(rows) / out
    sizes = []
    for error in _GRID.tolist():
        grid = Grid.of(frame, error)
        codes = round_feeding_back(rows, grid.sizes, frame.factor)
        sizes.append(bits_of(codes, grid.steps) / share)
    beside = 6 * out + columns_ + frame.rows.numel() // 512 + 600  # all but the stream
    return torch.tensor(sizes) + beside


def _brought_to(most: int, frame: "Frame", layer: Coded) -> Coded:
    """A layer at about the least error at which it takes so many bytes.

    Raises:
        WeightsError: it takes more at any error that is of use.
    """
    low, high = float(_GRID[0]), float(_GRID[-1])
    error, best = float(layer.error), None
    for attempt in range(_TRIES):
        if (taken := size_of(layer)) <= most:
            high, best = error, layer
            if taken > 0.995 * most or error == float(_GRID[0]):
                break
        elif error == float(_GRID[-1]):
            break
        else:
            low = error
        guess = error + _OCTAVES * 8 * (taken - _AIM * most) / layer.codes.numel()
        if best is None:
            guess = max(guess, error + 0.02 * 2**attempt)  # so that it gets there in the end
        elif not low < guess < high:
            guess = (low + high) / 2
        error = min(max(guess, float(_GRID[0])), float(_GRID[-1]))
        layer = code_layer(frame, error)
    if best is None:
        best = code_layer(frame, float(_GRID[-1]))
    if size_of(best) > most:
        raise WeightsError(
            "a layer's codes are larger than they may be; raise ", Setting("target_size")
        )
    return best


@dataclass(frozen=True)
class Frame:
    """What of a layer decides how its bits go with its error.

    Attributes:
        rows: bent weights `(out, n)`.
        bias: bent biases `(out,)`.
        moments: damped second moments of the inputs about their mean, `(n, n)`.
        mean: of the inputs `(n,)`.
        factor: upper Cholesky factor of the moments' inverse, `(n, n)`.
        power: mean square of an output, about its mean.
    """

    rows: Tensor
    bias: Tensor
    moments: Tensor
    mean: Tensor
    factor: Tensor
    power: float


class Grid(NamedTuple):
    """Columns' steps.

    Attributes:
        unit: the largest.
        steps: uint8 `(n,)`: how many quarters of an octave each is below it.
        sizes: the steps themselves, float32 `(n,)`.
    """

    unit: float
    steps: Tensor
    sizes: Tensor

    @classmethod
    def of(cls, frame: Frame, error: float) -> "Grid":
        """Steps at which the layer's output errs so much, relative to its power, by log2."""
        # A uniform error in a step s has the square s**2 / 12, and each column adds the same.
        spread = math.sqrt(12 * 2**error * frame.power / len(frame.moments))
        # A code must stay below `MOST`, after feedback too.
        least = frame.rows.abs().amax(0) / (0.75 * columns.MOST)
        wanted = torch.maximum(frame.factor.diagonal() * spread, least).clamp_min(1e-30)
        unit = float(wanted.max())
        steps = torch.round(torch.log2(unit / wanted) * columns.OCTAVE).clamp_(0, 255)
        lower = steps.to(torch.uint8)
        return cls(unit, lower, torch.from_numpy(columns.sizes(unit, lower.numpy())))


def frame_of(weight: Tensor, bias: Tensor, seen: Statistics) -> Frame:
    """Look at a layer's weights `(out, n)` and biases, and at the inputs that it is fed."""
    rows, shift = calibrate.made_up_for(weight, bias, seen)
    mean = seen.inputs[:-1, -1] / seen.inputs[-1, -1]
    moments = seen.inputs[:-1, :-1] - torch.outer(mean, mean) * seen.inputs[-1, -1]
    damping = max(_DAMPING, _DOUBT * len(moments) / seen.count)
    moments.diagonal().add_(damping * moments.diagonal().mean() + 1e-12)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments))
    factor = torch.linalg.cholesky(inverse, upper=True)
    power = float(((rows @ moments) * rows).sum(1).mean())
    return Frame(rows, shift, moments, mean, factor, power)


def code_layer(frame: Frame, error: float) -> Coded:
    """Round a layer's weights to codes so that its output errs about as much as is tolerated.

    Args:
        frame: the layer.
        error: mean square of the output's error by its power, as a logarithm to base 2.
    """
    grid = Grid.of(frame, error)
    codes = round_feeding_back(frame.rows, grid.sizes, frame.factor)
    # Least squares for each row: the factor that brings its output nearest.
    plain = codes * grid.sizes
    pulled = plain @ frame.moments
    power = (pulled * plain).sum(1)
    scale = torch.where(power > 0, (pulled * frame.rows).sum(1) / power, 1.0).half()
    bias = frame.bias - (plain * scale.float()[:, None] - frame.rows) @ frame.mean
    shape = len(codes), -1, 3, 3
    return Coded(
        codes.to(torch.int8).view(shape),
        grid.steps.view(shape[1:]),
        torch.tensor([grid.unit]),
        scale,
        bias,
        torch.tensor([error]),
    )


def round_feeding_back(rows: Tensor, sizes: Tensor, factor: Tensor) -> Tensor:
    """Round to multiples of each column's step, each error fed back into the columns behind.

    Args:
        rows: `(out, n)`.
        sizes: steps `(n,)`.
        factor: upper Cholesky factor of the inverse of the inputs' second moments, `(n, n)`.

    Returns:
        Codes as float32 `(out, n)`, whole numbers from -127 to 127.
    """
    work, codes = rows.clone(), torch.empty_like(rows)
    count = rows.shape[1]
    for start in range(0, count, _BLOCK):
        end = min(start + _BLOCK, count)
        block, errors = work[:, start:end], torch.empty(len(rows), end - start)
        for column in range(end - start):
            here, size = factor[start + column, start:end], sizes[start + column]
            values = block[:, column] / size
            chosen = _towards_zero(values)
            codes[:, start + column] = chosen
            error = (values - chosen) * (size / here[column])
            block[:, column:] -= error[:, None] * here[column:]
            errors[:, column] = error
        work[:, end:] -= errors @ factor[start:end, end:]
    return codes


def _towards_zero(values: Tensor) -> Tensor:
    lessened = (values.abs() + (0.5 - _DEAD)).floor_().clamp_(max=columns.MOST)
    return lessened.copysign_(values)


def bits_of(codes: Tensor, steps: Tensor) -> float:
    """The codes' entropy in bits, all together, each class of columns by itself."""
    total = 0.0
    kinds = steps.long() // 2
    for kind in torch.unique(kinds):
        counts = torch.bincount((codes[:, kinds == kind].long() + columns.MOST).flatten())
        counts = counts[counts > 0].double()
        total -= float((counts * (counts / counts.sum()).log2()).sum())
    return total
