"""The pace at which this machine takes steps, measured once and kept in the cache."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from contextlib import suppress
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from medley.errors import OutputError
from medley.files import write_json
from medley.images import encode_png, to_pixels
from medley.settings import ShotSettings
from medley.studio.shooting.camera import Camera, load_camera
from medley.studio.shooting.device import AnyDevice, Device
from medley.studio.shooting.forecast import Pace
from medley.transfer.scales import Scale
from medley.vgg.layers import Precision
from medley.vgg.sources import cache_folder

if TYPE_CHECKING:  # it takes a second to import, and plans do without
    import torch

    from medley.transfer.optimize import Evaluator, Problem

CALIBRATION = (Scale(128, 128, 4), Scale(256, 256, 4))
"""What is run to learn the pace; the first evaluation of each is not counted."""

_KEPT_S = 30 * 86_400  # after so long a pace is measured again


def pace_of(camera: Camera, anew: bool = False) -> Pace:
    """Tell the machine's pace: measured within the last month, or now, which takes seconds.

    Args:
        camera: network and device.
        anew: measure it in any case.
    """
    device, precision = camera.device, camera.precision
    if not anew and (known := known_pace(device, precision)):
        return known
    pace = measure_pace(camera)
    path, own = _paces_path(), {**pace._asdict(), "measured": int(time.time())}
    with suppress(OutputError):  # then it is measured again next time
        write_json(path, {**_read_paces(path), _pace_key(device, precision): own})
    return pace


def pace_on(device: Device, settings: ShotSettings) -> Pace:
    """As `pace_of`, of the network that a shot's settings ask for.

    Raises:
        WeightsError: its weights are not there or not whole.
    """
    import torch

    return pace_of(load_camera(settings, torch.device(str(device))))


def known_pace(device: AnyDevice, precision: Precision) -> Pace | None:
    """The machine's pace, if it was measured within the last month."""
    known = _read_paces(_paces_path()).get(_pace_key(device, precision))
    if known and 0 <= time.time() - known["measured"] < _KEPT_S:
        return Pace(*(known[name] for name in Pace._fields))
    return None


def _paces_path() -> Path:
    return cache_folder() / "paces.json"


def measure_pace(camera: Camera) -> Pace:
    """Take a few steps at two small sizes with a clock beside them."""
    import torch

    from medley.transfer.optimize import optimize

    generator = torch.Generator().manual_seed(0)
    seconds = []
    for height, width, steps in CALIBRATION:
        picture = torch.rand((1, 3, height, width), generator=generator).to(camera.device)
        times = [one.seconds for one in optimize(_problem(picture, steps, camera))]
        # The last evaluation has no gradient, and the first has targets to make before it.
        seconds.append(statistics.median(b - a for a, b in pairwise(times[:-1])))
    areas = [height * width for height, width, _ in CALIBRATION]
    pixel_s = max(0.0, (seconds[1] - seconds[0]) / (areas[1] - areas[0]))
    return Pace(
        max(0.0, seconds[0] - pixel_s * areas[0]),
        pixel_s,
        opening_s=max(0.0, times[0] - seconds[-1]) / areas[-1],
        ending_s=(times[-1] - times[-2]) / areas[-1],
        keeping_s=_encoding_seconds(picture) if camera.device.type == "cpu" else 0.0,
    )


def _encoding_seconds(picture: torch.Tensor) -> float:
    """Seconds a pixel that encoding takes from the steps, which keep all processors busy."""
    import torch

    pixels = to_pixels(picture)
    before = time.perf_counter()
    encode_png(pixels)
    spent = time.perf_counter() - before
    return spent / picture[0, 0].numel() / torch.get_num_threads()


def _problem(picture: torch.Tensor, steps: int, camera: Camera) -> Problem:
    from medley.transfer.losses import Objective
    from medley.transfer.optimize import Problem

    settings = ShotSettings.model_validate({"steps": steps, "scales": "1"})
    painting = picture.flip(3)

    def objective_at(height: int, width: int, exact: bool) -> Evaluator:  # noqa: ARG001
        network = camera.exact if exact else camera.network
        return Objective(network, picture, [painting], settings)

    height, width = picture.shape[2:]
    half = camera.is_half
    return Problem(height, width, lambda: picture, None, objective_at, settings, half)


def _pace_key(device: AnyDevice, precision: Precision) -> str:
    name = platform.processor() or platform.machine()
    if device.type == "cuda":
        import torch

        name = torch.cuda.get_device_name(str(device))
    # What decides torch's threads, and can be known without it.
    threads = os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
    return f"{device.type} {name}, {threads} threads, {precision}, torch {version('torch')}"


def _read_paces(path: Path) -> dict[str, dict[str, float]]:
    try:
        found = json.loads(path.read_text("utf-8"))
        return {
            key: {name: float(one[name]) for name in (*Pace._fields, "measured")}
            for key, one in found.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}  # not there, or torn: it is measured again
