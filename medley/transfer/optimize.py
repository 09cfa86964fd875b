"""The loop: yields every iterate with its loss, and never touches the disk."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from medley.allocation import give_back_holes
from medley.errors import DivergedError
from medley.settings import ShotSettings
from medley.transfer.color_transfer import Palette, match_colors
from medley.transfer.keep import Keep
from medley.transfer.losses import Losses
from medley.transfer.optimizers import Optimizer, optimizer_for
from medley.transfer.pyramid import Pyramid
from medley.transfer.scales import Scale, mean_share, plan_scales, scale_at
from medley.transfer.visual import summed_change

MOVER = "mover."
"""What the optimizer's tensors are named by, as checkpoints on disk have it from the first."""


@dataclass(frozen=True)
class RunState:
    """Where a run stands between two iterates: all that decides the ones still to come.

    It costs nothing to have: its tensors are the run's own, which are never changed in place.

    Attributes:
        step: number of the next iterate.
        seconds: time spent so far.
        tensors: the next iterate's "image" at the size that it is optimized at, what was shown
            "before" it at full size, which is the mean so far if iterates are averaged, and the
            optimizer's state by its own names after "mover.".
        exact: whether all is computed in float32: half was not asked for, or has failed.
    """

    step: int
    seconds: float
    tensors: Mapping[str, Tensor]
    exact: bool = True

    def optimizer(self, settings: ShotSettings, free_share: float = 1.0) -> Optimizer:
        """Make the optimizer that stands there.

        Args:
            settings: those of the run.
            free_share: share of the picture that moves.

        Raises:
            ValueError: none with these settings ever does.
        """
        image = self.tensors["image"]
        height, width = image.shape[2:]
        found = optimizer_for(settings, height, width, free_share)
        found.restore(
            image,
            {
                name.removeprefix(MOVER): value
                for name, value in self.tensors.items()
                if name.startswith(MOVER)
            },
        )
        return found


@dataclass(frozen=True)
class Iterate:
    """One picture on the way, and what it costs.

    Attributes:
        step: 0 for the starting picture.
        image: what is shown, `(1, 3, ...)` in [0, 1] at full size; it is not changed afterwards.
        loss: the weighted sum of the three terms below, in the network's 0-255 units.
        change: how much the eye sees change since the iterate before; 0 for the first.
        seconds: time since the loop began, and what was spent before it was gone on with.
        height: pixels of the picture as it is optimized, which its losses are those of.
        width: pixels of the same picture.
        exact: whether all is computed in float32: half was not asked for, or has failed.
        state: state to go on from after this iterate; none after the last.
        taken: optimizer steps since the iterate before; only a clip's frames have several.
    """

    step: int
    image: Tensor
    loss: float
    content: float
    style: float
    tv: float
    change: float
    seconds: float
    height: int
    width: int
    exact: bool = True
    state: RunState | None = None
    taken: int = 1


class Evaluator(Protocol):
    """Judges pictures of one size: an `Objective`, whole or tiled."""

    def evaluate(self, image: Tensor, with_gradient: bool) -> tuple[Losses, Tensor | None]:
        """Losses, and the gradient of their total with respect to the pixels if it is wanted."""

    def turn_to(self, content: Tensor) -> None:
        """Hold on to another content of the same size from now on."""

    def mix(self, strengths: Sequence[float]) -> None:
        """Let the paintings pull otherwise from now on, in their order; 1 on average."""


ObjectiveAt = Callable[[int, int, bool], Evaluator]
"""Makes the objective for a height and width, in float32 if the third is set."""


@dataclass(frozen=True)
class Problem:
    """Everything that a run needs to know: its picture and what is minimized.

    Attributes:
        height: pixels of the full size.
        width: pixels of the full size.
        start: makes what step 0 shows, `(1, 3, height, width)` in [0, 1], anew whenever it is
            asked: a picture is only held as long as it is needed.
        palette: the colours that step 1 gives it; none if it has them.
        objective_at: what is minimized, at every size.
        settings: steps, scales and optimizer.
        half: whether `objective_at` computes in half precision unless told to be exact.
        show: what is made of a picture at full size before it is shown; nothing if there is none.
        levels: above black that the last picture is rounded to, 255 for 8 bits.
        mix: how strongly each painting pulls at a step; always alike if there is none.
        keep: the region in which the photo stays; none if all of it is repainted.
    """

    height: int
    width: int
    start: Callable[[], Tensor]
    palette: Palette | None
    objective_at: ObjectiveAt
    settings: ShotSettings
    half: bool = False
    show: Callable[[Tensor], Tensor] | None = None
    levels: int = 255
    mix: Callable[[int], Sequence[float]] | None = None
    keep: Keep | None = None

    @property
    def free_share(self) -> float:
        """The share of the picture that is repainted."""
        return self.keep.free_share if self.keep else 1.0

    @property
    def scales(self) -> tuple[Scale, ...]:
        """The sizes from coarse to fine."""
        chosen = self.settings
        sizes = chosen.scales, chosen.shortest_side
        return plan_scales(self.height, self.width, chosen.steps, *sizes)

    def check(self, state: RunState) -> None:
        """See that a run of this problem may be in a state.

        Raises:
            ValueError: it never does.
        """
        steps = self.settings.steps
        if not 0 <= state.step <= steps:
            raise ValueError(f"no run of {steps} steps stands at step {state.step}")
        present = scale_at(self.scales, state.step)
        expected = {"image": present[:2], "before": (self.height, self.width)}
        for name, size in expected.items():
            found = state.tensors.get(name)
            if found is None or found.shape != (1, 3, *size):
                raise ValueError(f"no run over a picture of {(1, 3, *size)} stands there")
        state.optimizer(self.settings, self.free_share)

    def begin(self) -> RunState:
        """The state before step 0."""
        start = self.moved_start()
        images = {"image": Pyramid(self.scales, start).shrink(0), "before": self.shown(start)}
        return RunState(0, 0.0, images, exact=not self.half)

    def pyramid(self, state: RunState) -> Pyramid | None:
        """The pyramid that shows coarse pictures at full size; none where they have it already."""
        if scale_at(self.scales, state.step) == self.scales[-1]:
            return None
        start = self.moved_start()
        if state.step > 0 and self.palette:
            start = self.recolored(start, self.palette)
        return Pyramid(self.scales, start)

    def moved_start(self) -> Tensor:
        """The picture that the optimizer sets out from, of which the start is shown."""
        return self.keep.moved(self.start()) if self.keep else self.start()

    def shown(self, image: Tensor) -> Tensor:
        """What is shown of a picture at full size that the optimizer moves."""
        if self.keep:
            image = self.keep.seen(image)
        return self.show(image) if self.show else image

    def recolored(self, start: Tensor, palette: Palette) -> Tensor:
        """Give a start at full size the colours of step 1."""
        free = self.keep.free(self.height, self.width) if self.keep else None
        return match_colors(start, palette, free)


def optimize(problem: Problem, state: RunState | None = None) -> Iterator[Iterate]:
    """Yield the starting picture and then one iterate for each step, or those from a state on.

    The second iterate is the first one with the paintings' colours: the optimizer's own first steps
    go nowhere, and from a photo in other colours it ends in a worse place, even where the new ones
    raise the loss at first. Each iterate's losses are those of its own pixels at the
    size that it is optimized at, before they are averaged; the last one's are those of the picture
    that is shown, rounded to 8 bits as it is saved, in float32 whatever the precision.

    Args:
        problem: what is optimized, and how.
        state: where an equal run stood; this one goes on, on the CPU with the same pixels.

    Raises:
        DivergedError: the loss is no longer a finite number, and was not in float32 either.
        ValueError: the state is not one of such a run.
    """
    if state:
        problem.check(state)
    run = _Run(problem, state or problem.begin())
    del state  # or all of its pictures would stay in memory
    while run.step <= problem.settings.steps:
        yield run.advance()


class _Judged(NamedTuple):
    """The findings of a step about the present picture, before it goes on.

    Attributes:
        losses: total, content, style and total variation.
        change: to the frame from the one before, summed over the pixels.
        products: what the optimizer asked for.
        gradient: none where the next picture does not come of it.
        frame: the picture at full size.
    """

    losses: list[float]
    change: float
    products: list[float]
    gradient: Tensor | None
    frame: Tensor


class _Run:
    """A run between two iterates."""

    def __init__(self, problem: Problem, state: RunState) -> None:
        self._problem = problem
        self.step = state.step
        self._began = time.perf_counter() - state.seconds
        self._exact = state.exact
        self._image, self._before = state.tensors["image"], state.tensors["before"]
        self._pyramid = problem.pyramid(state)
        self._optimizer = state.optimizer(problem.settings, problem.free_share)
        self._objective: tuple[tuple[int, int, bool], Evaluator] | None = None

    def advance(self) -> Iterate:
        """Judge the present picture, and go on to the next."""
        step, image = self.step, self._image
        last = step == self._problem.settings.steps
        if last:
            image = round_to_levels(self._show(image), self._problem.levels)
        height, width = image.shape[2:]
        judged = self._evaluate(image, last)
        total, content, style, tv = judged.losses
        frame = judged.frame
        if not last:
            self._move(image, judged)
        self._before, self.step = frame, step + 1
        seconds = time.perf_counter() - self._began
        return Iterate(
            step=step,
            image=frame,
            loss=total,
            content=content,
            style=style,
            tv=tv,
            change=judged.change / frame.shape[2:].numel(),
            seconds=seconds,
            height=height,
            width=width,
            exact=self._exact,
            state=None if last else self._state(seconds),
        )

    def _show(self, image: Tensor) -> Tensor:
        if self.step == 0:
            return self._before  # the start itself, whatever is left of it at a coarse size
        frame = self._pyramid.frame(image, self.step) if self._pyramid else image
        frame = self._problem.shown(frame)
        if decay := self._problem.settings.average:
            share = mean_share(self._problem.scales, self.step, decay)
            frame = torch.lerp(self._before, frame, share)
        return frame

    @property
    def _palette(self) -> Palette | None:
        """The colours that the next picture has, which then does not come of a gradient."""
        return self._problem.palette if self.step == 0 else None

    def _evaluate(self, image: Tensor, last: bool) -> _Judged:
        """Losses and gradient; if they are not finite, once more in float32, and so from then on.

        Raises:
            DivergedError: they are not finite in float32 either.
        """
        height, width = image.shape[2:]
        keep = None if last else self._problem.keep  # the last one is judged as it is shown
        seen = keep.seen(image) if keep else image
        with_gradient = not (last or self._palette)
        for exact in [True] if self._exact or last else [False, True]:
            objective = self._objective_for(height, width, exact)
            if self._problem.mix:
                objective.mix(self._problem.mix(self.step))
            losses, gradient = objective.evaluate(seen, with_gradient=with_gradient)
            if keep and gradient is not None:
                gradient = keep.slope(gradient)
            frame = image if last else self._show(image)
            numbers = torch.stack([*losses, summed_change(self._before, frame)])
            if gradient is not None:
                products = self._optimizer.products(image, gradient)
                numbers = torch.cat([numbers, gradient.sum()[None], products])
            # All at once: a GPU stands still while its numbers are read.
            values = numbers.tolist()
            if all(map(math.isfinite, values[:6])):
                self._exact = self._exact or (exact and not last)
                return _Judged(values[:4], values[4], values[6:], gradient, frame)
        raise DivergedError(
            f"the loss became {values[0]} at step {self.step};"
            " lower the weights or try another painting"
        )

    def _objective_for(self, height: int, width: int, exact: bool) -> Evaluator:
        wanted = (height, width, exact)
        if self._objective is None or self._objective[0] != wanted:
            self._objective = None  # gives its targets' memory back first
            if self._image.device.type == "cpu":
                give_back_holes()
            self._objective = wanted, self._problem.objective_at(*wanted)
        return self._objective[1]

    def _move(self, image: Tensor, judged: _Judged) -> None:
        after, ahead = self.step + 1, image
        if self._palette:
            ahead = self._recolor(self._palette)
        elif judged.gradient is not None:
            ahead = self._optimizer.step(image, judged.gradient, judged.products)
        self._image = self._pyramid.grow(ahead, after) if self._pyramid else ahead
        if self._image is not ahead:
            self._optimizer = self._optimizer.resized(self._image, self._problem.settings)
            if scale_at(self._problem.scales, after) == self._problem.scales[-1]:
                self._pyramid = None

    def _recolor(self, palette: Palette) -> Tensor:
        is_other = self._problem.show or self._problem.keep  # than what was shown of it
        start = self._problem.moved_start() if is_other else self._before
        pyramid = Pyramid(self._problem.scales, self._problem.recolored(start, palette))
        self._pyramid = pyramid if self._pyramid else None
        return pyramid.shrink(0)

    def _state(self, seconds: float) -> RunState:
        movers = {f"{MOVER}{name}": value for name, value in self._optimizer.state().items()}
        tensors = {"image": self._image, "before": self._before, **movers}
        return RunState(self.step, seconds, tensors, self._exact)


def round_to_levels(image: Tensor, levels: int) -> Tensor:
    """Round a picture in [0, 1] to the levels above black that a file keeps."""
    return image.mul(levels).round_().div_(levels)
