"""Several runs judged in one pass of the network, where one small picture does not fill a GPU.

Each run goes on in a thread of its own and knows nothing of the others. When it wants its picture
judged, it waits until all runs at the same table want that; pictures of one size then pass the
network as one batch, and each run gets its own losses and gradient back.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor

from medley.transfer.losses import Losses, Objective

Answer = tuple[Losses, Tensor | None]


def judge_together(
    objectives: Sequence[Objective], images: Sequence[Tensor], with_gradient: bool
) -> list[Answer]:
    """Judge pictures of one size in one pass, each by its own objective.

    The losses are those of `Objective.evaluate`, picture by picture, up to rounding: no picture
    has a part in another's loss, so the gradient of their sum is all of their gradients.

    Args:
        objectives: of one network.
        images: as many, `(1, 3, height, width)` in [0, 1].
        with_gradient: whether gradients are wanted.

    Raises:
        ValueError: the objectives are of different networks.
    """
    network = objectives[0].network
    if any(objective.network is not network for objective in objectives):
        raise ValueError("only objectives of one network can judge together")
    with torch.set_grad_enabled(with_gradient):
        batch = torch.cat(list(images)).detach().requires_grad_(with_gradient)
        seen = [(name, torch.split(features, 1)) for name, features in network.walk(batch)]
        judged = [
            objective.judge(picture, ((name, features[at]) for name, features in seen))
            for at, (objective, picture) in enumerate(
                zip(objectives, torch.split(batch, 1), strict=True)
            )
        ]
        gradients: Sequence[Tensor | None] = [None] * len(judged)
        if with_gradient:
            total = torch.stack([losses.total for losses in judged]).sum()
            (gradient,) = torch.autograd.grad(total, batch)
            gradients = [part.contiguous() for part in torch.split(gradient, 1)]
    return [
        (Losses(*(term.detach() for term in losses)), gradient)
        for losses, gradient in zip(judged, gradients, strict=True)
    ]


@dataclass
class _Question:
    """What a run wants to know, and in the end knows."""

    objective: Objective
    image: Tensor
    with_gradient: bool
    answer: Answer | None = None
    error: BaseException | None = field(default=None, repr=False)

    @property
    def kind(self) -> tuple[int, tuple[int, ...], bool]:
        """Questions of one kind can be answered in one pass."""
        return id(self.objective.network), tuple(self.image.shape), self.with_gradient


class Table:
    """Where runs in threads of their own wait for one another.

    A thread sits down with its first question, or before it, and must `leave` when it asks no more,
    however it ends: the others would wait for it.
    """

    def __init__(self) -> None:
        """An empty table."""
        self._changed = threading.Condition()
        self._sitting: set[int] = set()
        self._asked: list[_Question] = []

    def sit(self) -> None:
        """Let the others wait for this thread's first question."""
        with self._changed:
            self._sitting.add(threading.get_ident())

    def ask(self, objective: Objective, image: Tensor, with_gradient: bool) -> Answer:
        """Have a picture judged, together with those of all others at the table.

        Raises:
            BaseException: whatever the judging raised.
        """
        question = _Question(objective, image, with_gradient)
        with self._changed:
            self._sitting.add(threading.get_ident())
            self._asked.append(question)
            while question.answer is None and question.error is None:
                if len(self._asked) == len(self._sitting):
                    self._answer_all()
                else:
                    self._changed.wait()
        if question.answer is None:
            raise question.error or RuntimeError("a question was left unanswered")
        return question.answer

    def leave(self) -> None:
        """Tell the others that this thread asks no more."""
        with self._changed:
            self._sitting.discard(threading.get_ident())
            self._changed.notify_all()

    def _answer_all(self) -> None:
        asked, self._asked = self._asked, []
        for _, alike in groupby(sorted(asked, key=lambda one: one.kind), lambda one: one.kind):
            _answer(list(alike))
        self._changed.notify_all()


class Seat:
    """An objective that judges its pictures together with those of others at a table."""

    def __init__(self, objective: Objective, table: Table) -> None:
        """Take a seat."""
        self._objective, self._table = objective, table

    def evaluate(self, image: Tensor, with_gradient: bool) -> Answer:
        """As `Objective.evaluate`."""
        return self._table.ask(self._objective, image, with_gradient)

    def mix(self, strengths: Sequence[float]) -> None:
        """As `Objective.mix`."""
        self._objective.mix(strengths)


def _answer(questions: list[_Question]) -> None:
    """Answer questions of one kind; where memory does not suffice for all at once, one by one."""
    objectives = [one.objective for one in questions]
    try:
        answers = judge_together(
            objectives, [one.image for one in questions], questions[0].with_gradient
        )
    except torch.cuda.OutOfMemoryError as error:
        if len(questions) > 1:
            for one in questions:
                _answer([one])
            return
        questions[0].error = error
    except BaseException as error:
        for one in questions:
            one.error = error
    else:
        for one, answer in zip(questions, answers, strict=True):
            one.answer = answer
