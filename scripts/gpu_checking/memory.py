"""Memory that a shot takes beside what was foretold, and what happens where it is short."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from unittest.mock import patch

import torch

from gpu_checking.bench import Bench, Row, Taking, attempt, taking
from gpu_checking.speed import fast_precision
from medley.errors import ResourceError
from medley.studio.shooting.costs import peak_bytes
from medley.studio.shooting.resources import process_memory
from medley.vgg.network import VGG19

_WITHIN = (0.9, 1.3)  # foretold to taken, the goal
_SIZES = (
    (512, "bfloat16", None),
    (1280, "bfloat16", None),
    (512, "float32", None),
    (1280, "float32", None),
    (2048, "bfloat16", None),
    (2048, "bfloat16", 1024),
)
_SHORT = 0.3  # of what a shot is foretold to take


def memory(bench: Bench) -> Iterator[Row]:
    """Foretold and taken by size and precision, then a shot for which there is too little."""
    for side, precision, tile in bench.pick(_SIZES, ((32, "float32", None),)):
        about = {"side": side, "precision": precision, "tile": tile}
        yield attempt(about, partial(_taken, bench, side, precision, tile))
    yield attempt({"what": "too little memory"}, partial(_refused, bench))
    yield attempt({"what": "a shot after that"}, partial(_afterwards, bench))


def _taken(bench: Bench, side: int, precision: str, tile: int | None) -> Row:
    steps = bench.pick(24, 2)
    shot = taking(bench.device, side, steps=steps, precision=precision, tile=tile)
    foretold = _foretold(shot)
    before = bench.forget_peak()
    shot.results(last=steps)
    found: Row = {"foretold_mb": foretold / 1e6}
    if bench.on_cuda:
        free, total = torch.cuda.mem_get_info(bench.device)
        taken = torch.cuda.max_memory_reserved(bench.device) - before
        context = total - free - torch.cuda.memory_reserved(bench.device)  # and all others' memory
        ratio = (foretold + process_memory(bench.device)) / (taken + context)
        found |= bench.peak_mb() | {"reserved_mb": taken / 1e6, "context_mb": context / 1e6}
        found |= {"ok": _WITHIN[0] <= ratio <= _WITHIN[1], "ratio": ratio}
    return found


def _foretold(shot: Taking) -> float:
    return peak_bytes(shot.spec.scales, shot.spec.settled, shot.tile)


def _refused(bench: Bench) -> Row:
    """A shot that must end with medley's own error, which names a way out."""
    side, precision = bench.pick(1024, 32), fast_precision(bench)
    shot = taking(bench.device, side, steps=4, precision=precision)
    with _short_of_memory(bench, _SHORT * _foretold(shot)):
        try:
            shot.results()
        except ResourceError as error:
            return {"ok": True, "said": str(error)}
    return {"ok": False, "error": "it did not run out of memory"}


def _afterwards(bench: Bench) -> Row:
    """Whether what the failed shot held is free again: the next one takes its steps."""
    held = bench.forget_peak()
    shot = taking(bench.device, bench.pick(512, 32), steps=2, precision=fast_precision(bench))
    found = shot.results()
    return {"ok": len(found) == 3, "still_held_mb": held / 1e6}


@contextmanager
def _short_of_memory(bench: Bench, left: float) -> Iterator[None]:
    """Leave so many bytes to this process; where that cannot be, let the network run out."""
    if not bench.on_cuda:
        with _failing():
            yield
        return
    total = torch.cuda.get_device_properties(bench.device).total_memory
    share = (bench.forget_peak() + left) / total
    torch.cuda.set_per_process_memory_fraction(min(1.0, share), bench.device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, bench.device)


def _failing() -> AbstractContextManager[object]:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return patch.object(VGG19, "walk", side_effect=error)
