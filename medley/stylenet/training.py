"""The training of a style network, a step at a time; of the disk it only reads photos.

Source: Johnson, Alahi and Fei-Fei (2016), Perceptual Losses for Real-Time Style Transfer and
Super-Resolution; Kingma and Ba (2015), Adam (arXiv 1412.6980); the falling rate is the cosine of
Loshchilov and Hutter (2017), SGDR (arXiv 1608.03983). Crops begin small and many, which is where
strokes and colours are learned, and end large and few, which is how photos will come.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from medley.errors import DivergedError
from medley.stylenet.coded import MOST_BITS, coded_kernels
from medley.stylenet.crops import Crops, Pairs, Photos
from medley.stylenet.network import StyleNet
from medley.stylenet.perceptual import Perceptual

_WARM_UP = 20  # steps in which the rate rises, while Adam's means are guesses
_STAGES = ((0.6, 1.0, 1), (0.85, 1.5, 2), (1.0, 2.0, 4))
"""Until which share of the training crops are how many times larger, and batches smaller."""

_PAIRED = 0.5  # share of the steps that are taken on pairs, where there are any

_CODED_FROM = 0.5  # share of the training from which on few bits are trained for

_MEANS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class Course:
    """How long a training goes, and what a step consists of.

    Attributes:
        steps: number of the last step; None if `seconds` ends it.
        seconds: of training, all sittings together; None if `steps` ends it.
        crop: side of the first crops in pixels.
        batch: how many of them a step has.
        rate: Adam's rate at the start.
        seed: decides the first weights, crops, paintings and the colours compared.
    """

    steps: int | None
    seconds: float | None
    crop: int
    batch: int
    rate: float
    seed: int

    def share(self, step: int, seconds: float) -> float:
        """How much of the training is over, from 0 to 1, after so many steps and seconds."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        return min(1.0, seconds / (self.seconds or math.inf))

    @property
    def total(self) -> int:
        """Steps of the training, or its seconds if these end it."""
        return self.steps if self.steps is not None else math.ceil(self.seconds or 0)

    def done(self, step: "TrainStep") -> int:
        """How many of them are over after a step."""
        return step.step if self.steps is not None else min(self.total, int(step.seconds))

    def crops(self, share: float) -> tuple[int, int]:
        """Side and number of the crops of a step."""
        larger, fewer = next((by, of) for until, by, of in _STAGES if share <= until)
        return round(self.crop * larger), max(1, self.batch // fewer)

    def rate_at(self, step: int, share: float) -> float:
        """Adam's rate at a step."""
        return self.rate * min(1.0, step / _WARM_UP) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class TrainState:
    """Where a training stands between two steps: all that decides the ones still to come.

    Attributes:
        step: number of steps done.
        seconds: spent on them.
        tensors: the network's weights by name, and Adam's means of each one's gradient and of its
            square by that name with ".exp_avg" and ".exp_avg_sq" behind it.
    """

    step: int = 0
    seconds: float = 0.0
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


class TrainStep(NamedTuple):
    """What a step came to.

    Attributes:
        step: its number, from 1.
        share: how much of the training is over, from 0 to 1.
        seconds: spent so far.
        loss: weighted sum of the terms.
        content, style, palette: the terms, unweighted; see `Perceptual`.
    """

    step: int
    share: float
    seconds: float
    loss: float
    content: float
    style: float
    palette: float


class Trainer:
    """A network in training.

    What a step draws depends on the seed and its number alone: a training that was interrupted
    goes on to the network that it would have come to, if steps and not seconds end it.
    """

    def __init__(
        self,
        network: StyleNet,
        judge: Perceptual,
        photos: Photos,
        course: Course,
        state: TrainState | None = None,
        pairs: Pairs | None = None,
        bits: int = 32,
    ) -> None:
        """Begin, or go on.

        Args:
            network: is trained in place.
            judge: knows the paintings, in the network's order.
            photos: to draw crops from.
            course: how long, and what a step consists of.
            state: where to go on; None to begin with the network's weights as they are.
            pairs: photos whose pictures are known, which some steps are taken on.
            bits: that a weight will have in the network's file. If they are few, the last steps are
                taken with the weights that the file would give.
        """
        self._network, self._judge, self._course = network, judge, course
        self._photos, self._pairs, self._bits = photos, pairs, bits
        self._optimizer = torch.optim.Adam(network.parameters())
        self._step, self._seconds = 0, 0.0
        if state is not None:
            self._restore(state)

    def _restore(self, state: TrainState) -> None:
        self._step, self._seconds = state.step, state.seconds
        with torch.no_grad():
            for name, weights in self._network.named_parameters():
                weights.copy_(state.tensors[name])
                means = {mean: state.tensors[f"{name}.{mean}"].to(weights) for mean in _MEANS}
                self._optimizer.state[weights] = {"step": torch.tensor(float(state.step)), **means}

    def state(self) -> TrainState:
        """Where the training stands, as copies: steps change weights and means in place."""
        tensors: dict[str, Tensor] = {}
        for name, weights in self._network.named_parameters():
            tensors[name] = weights.detach().clone()
            for mean in _MEANS:
                tensors[f"{name}.{mean}"] = self._optimizer.state[weights][mean].clone()
        return TrainState(self._step, self._seconds, tensors)

    def steps(self) -> Iterator[TrainStep]:
        """Take the steps that are left.

        Raises:
            DivergedError: the loss is no longer a number.
            PictureError: no photo can be read any more.
        """
        began = time.monotonic() - self._seconds
        while (share := self._course.share(self._step, self._seconds)) < 1:
            step = self._step + 1
            terms = self._take(step, share)
            self._step, self._seconds = step, time.monotonic() - began
            yield TrainStep(step, self._course.share(step, self._seconds), self._seconds, *terms)

    def _take(self, step: int, share: float) -> tuple[float, float, float, float]:
        """Take a step; give the loss and its terms."""
        random = np.random.default_rng([self._course.seed, step])
        side, count = self._course.crops(share)
        number, device = self._network.shape.styles, self._network.gains[0].device
        crops = self._draw(side, count, random)
        photos = crops.photos.to(device)
        targets = None if crops.targets is None else crops.targets.to(device)
        mix = torch.eye(number, device=device)[crops.styles]
        pictures = functional_call(self._network, self._coded(share), (photos, mix))
        colors = torch.Generator().manual_seed(int(random.integers(2**62)))
        judged = self._judge(pictures, photos, crops.styles, colors, targets)
        loss, content, style, palette = (term.item() for term in judged)
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss is no longer a number at step {step}; lower the learning rate"
            )
        self._optimizer.zero_grad()
        judged.total.backward()  # type: ignore[no-untyped-call]
        for group in self._optimizer.param_groups:
            group["lr"] = self._course.rate_at(step, share)
        self._optimizer.step()
        return loss, content, style, palette

    def _coded(self, share: float) -> dict[str, Tensor]:
        """The weights that a step takes instead of the network's own, by name.

        They are found anew in each step, so that nothing but the network decides them.
        """
        if self._bits > MOST_BITS or share < _CODED_FROM:
            return {}
        return coded_kernels(self._network, self._bits)

    def _draw(self, side: int, count: int, random: np.random.Generator) -> Crops:
        if self._pairs is not None and random.random() < _PAIRED:
            return self._pairs.batch(side, count, random)
        number = self._network.shape.styles
        styles = [int(random.integers(number)) for _ in range(count)]
        return Crops(self._photos.batch(side, count, random), styles)
