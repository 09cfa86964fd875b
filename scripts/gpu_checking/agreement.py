"""Whether a device comes to what the CPU comes to, and twice to the same."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gpu_checking.bench import Bench, Row, Taking, attempt, taking
from medley.images import Pixels
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.masks import shared
from medley.studio.shooting.model import computing_deterministically
from medley.studio.shooting.shoot import shoot
from medley.tensors import to_pixels, to_tensor
from medley.transfer.style_path import Walk
from medley.workspace.store import Workspace

_LIMITS = {"float32": 1e-3, "tf32": 0.01, "bfloat16": 0.03, "float16": 0.01}
_OPTION_LIMIT = 0.02  # of the loss, after a few steps with any option
_FEATURES = 1e-4  # of the largest feature of a layer
_LEVELS = 0.5  # mean distance of 255 levels after ten steps in float32


def precisions(bench: Bench) -> tuple[str, ...]:
    """Precisions that the device may have."""
    if bench.on_cuda:
        return ("float32", "tf32", "bfloat16", "float16")
    return bench.pick(("float32", "bfloat16", "float16"), ("float32", "bfloat16"))


def options(bench: Bench, side: int) -> dict[str, dict[str, Any]]:
    """Ways to take a shot of a side, by name: arguments of `taking`."""
    half = np.zeros((side, side), np.float32)
    half[:, : side // 2] = 1
    masks = shared((Path("left"), Path("right")), [half, 1 - half], np.ones_like(half), "")
    kept = bench.scratch / "kept.png"
    Image.fromarray((half * 255).astype(np.uint8)).save(kept)
    return {
        "adam": {"optimizer": "adam"},
        "wasserstein": {"style_loss": "wasserstein"},
        "in tiles": {"tile": side // 2},
        "masks": {"paintings": 2, "blend": Blend((1.0, 1.0), masks)},
        "keep": {"keep": kept},
        "luminance": {"preserve_color": "luminance"},
        "statistics": {"preserve_color": "statistics"},
        "average": {"average": 0.8},
        "reflect": {"padding": "reflect"},
        "average-scaled": {"pooling": "average-scaled"},
        "walk": {"paintings": 2, "blend": Blend(walk=Walk(lap=6, lead=1, linger=0.5))},
        "tv": {"tv_weight": 100},
        "scales": {"scales": "3"},
    }


def agree(bench: Bench) -> Iterator[Row]:
    """Features, losses and pictures of every precision and option beside the CPU's in float32."""
    for side in bench.pick((128, 256), (32,)):
        make = partial(taking, side=side, steps=bench.pick(10, 3))
        on_cpu = make("cpu")
        yield attempt({"what": f"features {side}"}, partial(_features, on_cpu, make(bench.device)))
        expected = on_cpu.results()
        for precision in precisions(bench):
            other = partial(make, bench.device, precision=precision)
            find = partial(_compare, expected, other, _LIMITS[precision], precision == "float32")
            yield attempt({"what": f"{precision} {side}"}, find)
    side = bench.pick(96, 32)
    for name, changes in options(bench, side).items():
        make = partial(taking, side=side, steps=bench.pick(6, 2), **changes)
        yield attempt({"what": name}, partial(_compare_option, bench, make))


def _compare_option(bench: Bench, make: "partial[Taking]") -> Row:
    return _compare(make("cpu").results(), partial(make, bench.device), _OPTION_LIMIT, False)


def _features(mine: Taking, theirs: Taking) -> Row:
    """The largest distance of any layer's features from the CPU's."""
    image = to_tensor(mine.spec.content.pixels())
    apart = []
    with torch.no_grad():
        found = dict(theirs.model.network.walk(image.to(theirs.model.device)))
        for name, features in mine.model.network.walk(image):
            apart.append(float((found[name].cpu() - features).abs().max() / features.abs().max()))
    return {"ok": max(apart) < _FEATURES, "apart": max(apart)}


def _compare(
    expected: list[tuple[float, Tensor]], make: "partial[Taking]", limit: float, strict: bool
) -> Row:
    """How far another run's losses and pictures are from the expected ones."""
    found = make().results()
    apart = [abs(mine / other - 1) for (mine, _), (other, _) in zip(found, expected, strict=True)]
    levels = [255 * (one[1] - other[1]).abs() for one, other in zip(found, expected, strict=True)]
    first, last = float(levels[1].max()), float(levels[-1].mean())
    is_well = max(apart) < limit and (not strict or (first <= 1 and last < _LEVELS))
    return {
        "ok": is_well,
        "loss_apart": max(apart),
        "last_loss_apart": apart[-1],
        "levels_first_step": first,
        "mean_levels_last_step": last,
    }


def repeat(bench: Bench) -> Iterator[Row]:
    """The same shot twice, and once interrupted; only strictly the pixels must be equal."""
    precision = bench.pick("auto", "float32")
    steps = bench.pick(24, 4)
    shot = partial(taking, bench.device, bench.pick(256, 32), steps=steps, precision=precision)
    for strict in (True, False):
        about = {"what": "twice", "deterministic": strict}
        yield attempt(about, partial(_twice, shot, strict))
        about = {"what": "interrupted", "deterministic": strict}
        yield attempt(about, partial(_interrupted, bench, shot, strict))


def _twice(make: "partial[Taking]", strict: bool) -> Row:
    with computing_deterministically(strict):
        one, other = (to_pixels(make().results()[-1][1]) for _ in range(2))
    return _equality(one, other, strict)


def _interrupted(bench: Bench, make: "partial[Taking]", strict: bool) -> Row:
    """A shot kept on the disk as a whole, and one that goes on from its checkpoint."""
    shot = make()
    half = shot.spec.settings.steps // 2
    whole, torn = (Workspace(bench.scratch / f"{name}{strict}") for name in ("whole", "torn"))
    with computing_deterministically(strict):
        list(_events(shot, whole))
        with closing(_events(shot, torn)) as events:
            next(event for event in events if event.kind == "step" and event.step == half)
        went_on = [event.step for event in _events(shot, torn) if event.kind == "step"]
    one, other = (place.shot(shot.spec.key).result() for place in (whole, torn))
    found = _equality(one, other, strict)
    return found | {"ok": found["ok"] and went_on[0] == half + 1, "went_on_at": went_on[0]}


def _events(shot: Taking, workspace: Workspace) -> Any:
    return shoot(shot.spec, shot.model, shot.tile, workspace)


def _equality(one: Pixels, other: Pixels, strict: bool) -> Row:
    apart = np.abs(one.astype(int) - other)
    is_equal = not apart.any()
    return {"ok": is_equal or not strict, "equal": is_equal, "levels": int(apart.max())}
