"""What it costs to keep every iterate, and how many the processor's cores encode."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gpu_checking.bench import Bench, Row, Taking, attempt, pixels_of, taking
from gpu_checking.speed import drop, fast_precision
from medley.images import encode_png
from medley.studio.shooting.shoot import shoot
from medley.workspace.store import Workspace

_LEAST = 0.9  # of the unsaved speed, the goal at 512 pixels and for every second iterate at 1280


def saving(bench: Bench) -> Iterator[Row]:
    """Steps a second with and without a workspace, until all is on the disk."""
    for side, every in bench.pick(((512, 1), (1280, 1), (1280, 2)), ((32, 1),)):
        about: Row = {"side": side, "keep_every": every}
        yield attempt(about, partial(_saved, bench, side, every))
    for side in bench.pick((512, 1280), (32,)):
        for threads in bench.pick((1, 2, 8, 14), (1, 2)):
            about = {"what": "encoding alone", "side": side, "threads": threads}
            yield attempt(about, partial(_encoded, side, threads, bench.pick(4, 1)))


def _saved(bench: Bench, side: int, every: int) -> Row:
    warm, count = bench.pick((24, 120 if side < 1000 else 60), (2, 2))
    shot = taking(
        bench.device,
        side,
        steps=warm + count,
        keep_every=every,
        precision=fast_precision(bench),
    )
    iterates = shot.iterates()
    drop(iterates, warm)
    unsaved = count / bench.seconds(partial(drop, iterates, count))
    workspace = Workspace(bench.scratch / f"kept{side}every{every}")
    saved, cores = _kept(shot, workspace, warm, count)
    share = saved / unsaved
    found = {"unsaved_s": unsaved, "saved_s": saved, "share": share, "cores_busy": cores}
    is_goal = bench.on_cuda and not bench.tiny and (side, every) != (1280, 1)
    return found | ({"ok": share >= _LEAST} if is_goal else {})


def _kept(shot: Taking, workspace: Workspace, warm: int, count: int) -> tuple[float, float]:
    """Steps a second from step `warm` until the shot is finished, and how many cores were busy."""
    events: Any = shoot(shot.spec, shot.model, shot.tile, workspace)
    next(event for event in events if event.kind == "step" and event.step == warm)
    began, spent = time.perf_counter(), time.process_time()
    for _ in events:
        pass
    took = time.perf_counter() - began
    return count / took, (time.process_time() - spent) / took


def _encoded(side: int, threads: int, each: int) -> Row:
    pixels = pixels_of(side, 2)
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        list(pool.map(encode_png, [pixels] * (threads * each)))
        return {"pictures_s": threads * each / (time.perf_counter() - began)}
