"""Parts of a step as they are and in other ways, to see which of those would pay."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from gpu_checking.bench import Bench, Row, attempt, taking
from gpu_checking.speed import fast_precision, rate
from medley.settings import ShotSettings
from medley.studio.shooting.problem import make_problem
from medley.transfer.gram import gram_sum
from medley.transfer.optimizers import optimizer_for

_HISTORY = 20


def whatif(bench: Bench) -> Iterator[Row]:
    """Gram matrices, L-BFGS, cuDNN's choices, layouts; last a graph, whose failure may end it."""
    sides = bench.pick((512, 1280), (32,))
    for side in sides:
        yield from _grams(bench, side)
        yield attempt({"what": "L-BFGS step, as it is", "side": side}, partial(_lbfgs, bench, side))
    for side in sides:
        for what, way in _WAYS.items():
            about = {"what": what, "side": side}
            yield attempt(about, partial(_rate_with, bench, side, way))
    for side in bench.pick((256, 512), (32,)):
        yield attempt({"what": "evaluation as a graph", "side": side}, partial(_graph, bench, side))


def _grams(bench: Bench, side: int) -> Iterator[Row]:
    """relu1_1's Gram matrix, the largest one."""
    features = torch.randn(1, 64, side, side, device=bench.device, dtype=torch.bfloat16)
    features = features.to(memory_format=torch.channels_last)
    flat = features.squeeze(0).flatten(1)
    ways: dict[str, Callable[[], Tensor]] = {
        "Gram matrix, as it is": partial(gram_sum, features),
        "Gram matrix, widened in one part": lambda: flat.float() @ flat.float().T,
    }
    for what, way in ways.items():
        yield attempt({"what": what, "side": side}, partial(_milliseconds, bench, way))


def _milliseconds(bench: Bench, work: Callable[[], object]) -> Row:
    return {"ms": bench.median_s(work) * 1e3}


def _lbfgs(bench: Bench, side: int) -> Row:
    """A whole step of the optimizer, its history full and its products read by themselves."""
    settings = ShotSettings(history=_HISTORY)
    optimizer = optimizer_for(settings, side, side, 1.0)
    image = torch.rand(1, 3, side, side, device=bench.device)

    def move() -> None:
        nonlocal image
        gradient = torch.randn_like(image)
        image = optimizer.step(image, gradient, optimizer.products(image, gradient).tolist())

    for _ in range(_HISTORY + 4):
        move()
    return _milliseconds(bench, move)


@contextmanager
def _choosing(wanted: bool) -> Iterator[None]:
    """Let cuDNN time its algorithms and take the quickest."""
    before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, wanted
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


_WAYS = {
    "steps, as they are": ("", False, False),
    "steps, cuDNN chooses": ("", True, False),
    "steps of tf32": ("tf32", False, False),
    "steps of tf32, channels last": ("tf32", False, True),
}
"""Precision, whether cuDNN chooses, and whether weights are channels last, by name."""


def _rate_with(bench: Bench, side: int, way: tuple[str, bool, bool]) -> Row:
    precision, chooses, is_last = way
    if precision == "tf32" and not bench.on_cuda:
        precision = "float32"
    warm, count = bench.pick((24, 10), (1, 1))
    shot = taking(
        bench.device,
        side,
        steps=warm + 3 * count + 1,
        precision=precision or fast_precision(bench),
    )
    if is_last:
        shot.model.network.to(memory_format=torch.channels_last)
    with _choosing(chooses):
        return rate(bench, shot, warm, count)


def _graph(bench: Bench, side: int) -> Row:
    """Loss and gradient at a fixed size, called as it is and as one captured graph."""
    shot = taking(bench.device, side, steps=4, precision=fast_precision(bench))
    evaluator = make_problem(shot.spec, shot.model).objective_at(side, side, False)
    image = torch.rand(1, 3, side, side, device=bench.device)
    evaluate = partial(evaluator.evaluate, image, with_gradient=True)
    count = bench.pick(20, 1)
    as_it_is = bench.median_s(evaluate, count)
    replay: Callable[[], object] = evaluate
    if bench.on_cuda:
        with torch.cuda.device(bench.device):  # streams are of the device that is current
            replay = _captured(evaluate)
    return {"ms": as_it_is * 1e3, "as_a_graph_ms": bench.median_s(replay, count) * 1e3}


def _captured(work: Callable[[], object]) -> Callable[[], object]:
    """Capture some work as a CUDA graph, after it ran on a stream of its own as torch asks."""
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay
