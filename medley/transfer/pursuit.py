"""A clip that is repainted while it plays: each frame goes on from the last one's result.

The result moves along with the clip, and the optimizer's moments with it, so that strokes travel
with what they lie on and a few steps suffice to bring it up to the frame. Only what enters at the
border begins anew, what something uncovers, and what follows a cut.

Source: Ruder, Dosovitskiy and Brox (2016), Artistic Style Transfer for Videos, section 3.1.
Departures: places whose motion cannot be trusted take that of their neighbours and are warped too,
unless the frame shows there what the last one did not, where the paper starts all of them from the
frame, from which the painting's strokes would have to grow again and again; and there is no
temporal term (their equation 6), for the warped moments are steady already.
"""

import math
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from medley.errors import DivergedError
from medley.images import Pixels
from medley.settings import ShotSettings
from medley.tensors import to_tensor
from medley.transfer.motion import Motion, motion_between, novelty, stillness, warp
from medley.transfer.optimize import MOVER, Evaluator, Iterate, RunState
from medley.transfer.optimizers import Adam
from medley.transfer.visual import summed_change

_LOST = 0.1  # trusted share of a frame, below which nothing of the last result is of use
# Pixels to the right and down by which the start is moved in turn before frame 0, and back again.
_SWAY = (
    (1, 0), (2, 1), (1, 2), (-1, 1), (-2, -1), (0, -2),
    (1, -1), (2, -2), (3, 0), (1, 1), (0, 1), (0, 0),
)  # fmt: skip
_SLACK = 1.15  # times the first frame's style loss, above which a frame takes more steps
# Of each frame, mixed into the last result: without it strokes that stay become ever stronger, and
# those that come in ever paler, since only their sum is compared with the painting's.
_ANEW = 0.02
_MORE = 4  # times the usual steps that such a frame takes at most
_EVEN = 0.5  # flicker that neither holds anything back nor begins anything anew


@dataclass(frozen=True)
class Pursuit:
    """Everything that a run over a clip needs to know.

    Attributes:
        height: pixels of a frame.
        width: pixels of a frame.
        last: number of the last frame; the first is 0.
        steps: optimizer steps in each frame; up to four times as many while its style loss is
            above the first frame's by more than a seventh, where one painting pulls all the time.
        anew: optimizer steps in a frame after a cut.
        flicker: from 0, which holds what does not move, to 1, which begins each frame anew.
        cuts: numbers of the frames that show something else than the one before.
        start: makes the result of frame 0, `(1, 3, height, width)` in [0, 1].
        frames: decodes the clip from the frame of a number on.
        seen: makes of a frame what it is compared by.
        fresh: makes of that, and of the frame's number, a picture in the paintings' colours.
        objective_for: makes what is minimized for a frame as it is seen, in float32 if the second
            is set.
        settings: the optimizer's.
        half: whether the objective computes in half precision unless told to be exact.
        show: what is made of a result and its frame before it is shown; nothing if there is none.
        mix: how strongly each painting pulls in a frame; always alike if there is none.
    """

    height: int
    width: int
    last: int
    steps: int
    anew: int
    flicker: float
    cuts: Collection[int]
    start: Callable[[], Tensor]
    frames: Callable[[int], Generator[Pixels]]
    seen: Callable[[Pixels], Tensor]
    fresh: Callable[[Tensor, int], Tensor]
    objective_for: Callable[[Tensor, bool], Evaluator]
    settings: ShotSettings
    half: bool = False
    show: Callable[[Tensor, Pixels], Tensor] | None = None
    mix: Callable[[int], Sequence[float]] | None = None

    def check(self, state: RunState) -> None:
        """See that a run of this problem may be in a state.

        Raises:
            ValueError: it never does.
        """
        if not 0 < state.step <= self.last:
            raise ValueError(f"no run over {self.last + 1} frames stands at frame {state.step}")
        for name in ("image", "before"):
            found = state.tensors.get(name)
            if found is None or found.shape != (1, 3, self.height, self.width):
                raise ValueError(
                    f"no run over frames of {self.height}x{self.width} pixels stands there"
                )
        if "goal" not in state.tensors:
            raise ValueError("no run over a clip stands there without a goal")
        self.optimizer(state)

    def optimizer(self, state: RunState | None = None) -> Adam:
        """Make the optimizer that stands at a state, or one that has seen nothing."""
        found = Adam(self.settings.learning_rate, *self.settings.adam_betas)
        if state:
            own = {name: one for name, one in state.tensors.items() if name.startswith(MOVER)}
            moved = {name.removeprefix(MOVER): one for name, one in own.items()}
            found.restore(state.tensors["image"], moved)
        return found


def pursue(problem: Pursuit, state: RunState | None = None) -> Iterator[Iterate]:
    """Yield the result of each frame, or those from a state on.

    A result's losses are those before its last step, which are known without more work.

    Args:
        problem: the clip, and what is minimized.
        state: where an equal run stood; this one goes on, on the CPU with the same pixels.

    Raises:
        DivergedError: the loss is no longer a finite number, and was not in float32 either.
        FilmError: the clip cannot be read any more.
        ValueError: the state is not one of such a run.
    """
    if state:
        problem.check(state)
    run = _Run(problem, state)
    del state  # or its pictures would stay in memory
    with closing(problem.frames(max(0, run.number - 1))) as frames:
        earlier = next(frames)
        if run.number == 0:
            yield run.begin(earlier)
        for frame in frames:
            yield run.advance(earlier, frame)
            earlier = frame


class _Run:
    """A run between two frames."""

    def __init__(self, problem: Pursuit, state: RunState | None) -> None:
        self._problem = problem
        self._began = time.perf_counter() - (state.seconds if state else 0.0)
        self._exact = state.exact if state else not problem.half
        self.number = state.step if state else 0
        self._optimizer = problem.optimizer(state)
        if state:
            self._image, self._before = state.tensors["image"], state.tensors["before"]
        else:
            self._image = self._before = problem.start()
        self._goal = state.tensors["goal"] if state else torch.tensor(math.inf)
        self._objective: tuple[bool, Evaluator] | None = None

    def begin(self, frame: Pixels) -> Iterate:
        """Bring the start up to frame 0, swaying together with it.

        A start that was optimized at one place is in tune with the network's pooling grid there,
        and its style loss doubles when it is moved by two pixels. So the first frames of a clip
        would be seen to lose what it has; what is found while it sways holds when it is moved.
        """
        if self._problem.flicker == 1:
            return self.advance(frame, frame)
        content, before = self._problem.seen(frame), (0, 0)
        for place in _SWAY:
            moved = warp(content, _uniform(place, content)).clamp_(0, 1)
            motion = _uniform((place[0] - before[0], place[1] - before[1]), content)
            # Both are mirrored at the border, so nothing enters there.
            image = self._moved(Motion(motion, torch.ones_like(content[0, 0])), moved)
            steps = self._problem.steps
            (losses, taken), before = self._descend(image, moved, steps, steps), place
        if self._problem.mix is None:
            self._goal = image.new_tensor(_SLACK * losses[2])
        return self._iterate(losses, frame, taken)

    def advance(self, earlier: Pixels, frame: Pixels) -> Iterate:
        """Bring the result up to a frame."""
        losses, steps = self._follow(earlier, frame)
        return self._iterate(losses, frame, steps)

    def _follow(self, earlier: Pixels, frame: Pixels) -> tuple[list[float], int]:
        """Bring the result from one frame up to another; give losses, and how many steps it took.

        The losses are those before the last step.
        """
        problem, last = self._problem, self._image
        motion = motion_between(earlier, frame, last.device)
        content = problem.seen(frame)
        still = None
        is_cut = self.number in problem.cuts or float(motion.trust.mean()) < _LOST
        if is_cut or problem.flicker == 1:
            image = problem.fresh(content, self.number)
            self._optimizer = problem.optimizer()
        else:
            filled = motion.filled()
            pair = [to_tensor(each).to(last.device) for each in (earlier, frame)]
            if problem.flicker < _EVEN:  # what stands and is held must not be moved by its noise
                still = stillness(motion, *pair)
                filled = replace(filled, came=filled.came * (1 - still))
            image = self._moved(filled, content, novelty(filled, *pair))
        most = _MORE * problem.steps if problem.flicker < 1 else problem.steps
        steps = (problem.anew,) * 2 if is_cut else (problem.steps, most)
        losses, taken = self._descend(image, content, *steps)
        if still is not None:
            held = (1 - problem.flicker / _EVEN) * still
            self._image = torch.lerp(self._image, last, held)
        return losses, taken

    def _descend(
        self, image: Tensor, content: Tensor, steps: int, most: int
    ) -> tuple[list[float], int]:
        """Take steps from a picture on, and more of them while the style's loss is above its goal.

        Returns:
            The losses before the last step, and how many steps it took.
        """
        self._evaluator(content).turn_to(content)
        for taken in range(1, most + 1):
            losses, gradient = self._evaluate(image, content)
            image = self._optimizer.step(image, gradient)
            if taken >= steps and losses[2] <= float(self._goal):
                break
        self._image = image
        return losses, taken

    def _moved(self, motion: Motion, content: Tensor, new: Tensor | None = None) -> Tensor:
        """The last result, moved along to a frame, and the optimizer with it.

        Args:
            motion: how the frame came from the last one.
            content: the frame.
            new: how surely places of the frame were not in the last one, and begin anew, as does
                what lay beyond the border; if there is none, nothing does.
        """
        problem, image = self._problem, motion.warp(self._image).clamp_(0, 1)
        anew = max(_ANEW, problem.flicker / _EVEN - 1)
        kept = torch.ones_like(motion.trust) if new is None else motion.inside() * (1 - new)
        fresh = problem.fresh(content, self.number)
        image = torch.lerp(fresh, image, kept * (1 - anew))
        # Where it has seen nothing yet, its steps are several times as long: strokes come at once.
        moved = {
            name: motion.warp(value, "bilinear") * kept if value.ndim else value
            for name, value in self._optimizer.state().items()
        }
        self._optimizer.restore(image, moved)
        return image

    def _evaluator(self, content: Tensor) -> Evaluator:
        if self._objective is None or self._objective[0] != self._exact:
            self._objective = None  # gives its targets' memory back first
            self._objective = self._exact, self._problem.objective_for(content, self._exact)
        objective = self._objective[1]
        if self._problem.mix:
            objective.mix(self._problem.mix(self.number))
        return objective

    def _evaluate(self, image: Tensor, content: Tensor) -> tuple[list[float], Tensor]:
        """Losses and gradient; if they are not finite, once more in float32, and so from then on.

        Raises:
            DivergedError: they are not finite in float32 either.
        """
        for exact in [True] if self._exact else [False, True]:
            self._exact = exact
            losses, gradient = self._evaluator(content).evaluate(image, True)
            if gradient is not None:
                values = torch.stack([*losses, gradient.sum()]).tolist()
                if all(map(math.isfinite, values)):
                    return values[:4], gradient
        raise DivergedError(
            f"the loss became {values[0]} at frame {self.number};"
            " lower the weights or try another painting"
        )

    def _iterate(self, losses: list[float], frame: Pixels, steps: int) -> Iterate:
        problem, number = self._problem, self.number
        shown = problem.show(self._image, frame) if problem.show else self._image
        change = float(summed_change(self._before, shown)) / shown[0, 0].numel()
        self._before, self.number = shown, number + 1
        seconds = time.perf_counter() - self._began
        total, content, style, tv = losses
        return Iterate(
            number, shown, total, content, style, tv, change, seconds,
            problem.height, problem.width, self._exact,
            None if number == problem.last else self._state(seconds), steps,
        )  # fmt: skip

    def _state(self, seconds: float) -> RunState:
        movers = {f"{MOVER}{name}": value for name, value in self._optimizer.state().items()}
        tensors = {"image": self._image, "before": self._before, "goal": self._goal, **movers}
        return RunState(self.number, seconds, tensors, self._exact)


def _uniform(way: tuple[int, int], image: Tensor) -> Tensor:
    """The motion of a picture that has come from so many pixels to the right, and down."""
    height, width = image.shape[2:]
    return image.new_tensor(way)[None, :, None, None].expand(1, 2, height, width)
