"""Whole commands of medley's: by several processes on one device, and beside their forecast."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from gpu_checking.bench import Bench, Row, attempt, pixels_of, taking
from gpu_checking.speed import drop, fast_precision
from medley.settings import RenderOrder
from medley.shipped import shipped_files
from medley.studio.forecast import Patience, prepare

_WITHIN = 1.5  # foretold to taken, and the other way round; the goal


def medley(bench: Bench, *arguments: object) -> Row:
    """Run a command with a cache of its own, as on a machine that has never run any."""
    command = [sys.executable, "-m", "medley", *map(str, arguments)]
    environment = os.environ | {"MEDLEY_CACHE": tempfile.mkdtemp(dir=bench.scratch)}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    row: Row = {"ok": done.returncode == 0, "seconds": time.perf_counter() - began}
    said = (done.stdout + done.stderr).strip()
    return row | {"said": said[-1000:]} | ({"error": said[-300:]} if done.returncode else {})


def together(bench: Bench) -> Iterator[Row]:
    """Shots a second by processes that share the device; before that, how quick shots open."""
    yield attempt({"what": "open shots one after another"}, partial(_openings, bench))
    photo = _photo(bench)
    for side, paintings, steps in bench.pick(((128, 12, 60), (384, 6, 60)), ((32, 2, 2),)):
        for processes in bench.pick((1, 2, 3), (2,)):
            about = {"side": side, "shots": paintings, "processes": processes}
            yield attempt(about, partial(_shared, bench, photo, about, steps))


def _openings(bench: Bench) -> Row:
    """Seconds to the second iterate of three shots in a process, each of another size."""
    found = {}
    for number, side in enumerate(bench.pick((256, 272, 288), (32, 40))):
        shot = taking(bench.device, side, steps=4, precision=fast_precision(bench))
        took = bench.seconds(partial(drop, shot.iterates(), 2))
        found[f"shot{number + 1}_s"] = took
    return found


def _shared(bench: Bench, photo: Path, about: Row, steps: int) -> Row:
    """A render by so many processes; the time from the first iterate to the last finished shot."""
    place = bench.scratch / f"together{about['side']}by{about['processes']}"
    paintings = list(shipped_files().values())[: about["shots"]]
    devices = ",".join([bench.device] * about["processes"])
    row = medley(
        bench, "render", "--content", photo, "--styles", *paintings, "-o", f"{place}.mp4",
        "--size", about["side"], "--steps", steps, "--workspace", place, "--device", devices,
    )  # fmt: skip
    began = [path.stat().st_mtime for path in place.glob("shots/*/steps/000000.png")]
    ended = [path.stat().st_mtime for path in place.glob("shots/*/done.json")]
    if began and ended:
        row["shots_s"] = len(ended) / max(1e-3, max(ended) - min(began))
    return row


def commands(bench: Bench) -> Iterator[Row]:
    """A still, a folder of stills, a render, a sweep and a walk, each a process of its own."""
    photo, steps = _photo(bench), bench.pick(120, 2)
    still, film = bench.pick(512, 32), bench.pick(256, 32)
    paintings = list(shipped_files().values())[:3]
    first, render = paintings[0], partial(_foretold_render, bench, photo, paintings)
    yield attempt({"what": "render"}, partial(render, still, steps))
    sized = ("--size", still, "--steps", steps, "--device", bench.device)
    small = ("--size", film, "--steps", bench.pick(20, 2), "--device", bench.device)
    folder = bench.scratch / "photos"
    folder.mkdir()
    for number in range(bench.pick(8, 1)):
        Image.fromarray(pixels_of(still, number)).save(folder / f"{number}.png")
    out, kept = bench.scratch, ("--workspace", bench.scratch / "commands")
    content = ("--content", photo, "--styles")
    lines: dict[str, tuple[object, ...]] = {
        "stylize": ("stylize", photo, first, "-o", out / "still.png", *sized),
        "stylize a folder": ("stylize", folder, first, "-o", out / "stills", *small),
        "render deterministic": ("render", *content, first, "-o", out / "strict.mp4", *small,
                                 "--deterministic", "--workspace", out / "strict"),
        "sweep": ("sweep", *content, first, "-o", out / "sweep.mp4", *small, *kept, "--bits",
                  bench.pick("8,4", "8")),
        "walk": ("walk", *content, *paintings[:2], "-o", out / "walk.mp4", *small, *kept,
                 "--seconds-per-painting", bench.pick(1, 0.1)),
    }  # fmt: skip
    if bench.tiny:
        del lines["stylize"], lines["render deterministic"]  # the same commands as others
    for name, line in lines.items():
        yield attempt({"what": name}, partial(medley, bench, *line))


def _foretold_render(
    bench: Bench, photo: Path, paintings: list[Path], side: int, steps: int
) -> Row:
    """A render of three shots, and its shots' seconds beside those that were foretold."""
    place, film = bench.scratch / "rendered", bench.scratch / "render.mp4"
    order = RenderOrder.of(
        content=photo,
        styles=paintings,
        size=side,
        steps=steps,
        workspace=place,
        output=film,
        device=bench.device,
    )
    patience: Patience = bench.pick("anew", "none")
    foretold = prepare([order], [bench.device], patience=patience).forecast
    row = medley(
        bench, "render", "--content", photo, "--styles", *paintings, "-o", film, "--size", side,
        "--steps", steps, "--workspace", place, "--device", bench.device,
    )  # fmt: skip
    done = [json.loads(path.read_text("utf-8")) for path in place.glob("shots/*/done.json")]
    took = sum(one["seconds"] for one in done)
    row |= {"shots_took_s": took, "foretold_s": foretold.seconds}
    if foretold.seconds and took:
        ratio = foretold.seconds / took
        row |= {"ratio": ratio, "ok": row["ok"] and 1 / _WITHIN <= ratio <= _WITHIN}
    return row


def _photo(bench: Bench) -> Path:
    path = bench.scratch / "photo.png"
    Image.fromarray(pixels_of(bench.pick(512, 32), 0)).save(path)
    return path
