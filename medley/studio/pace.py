"""The pace at which this machine takes steps, measured once and kept in the cache."""

import json
import platform
import statistics
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import torch

from medley.errors import OutputError
from medley.files import write_json
from medley.settings import ShotSettings
from medley.studio.forecast import Pace
from medley.studio.scene import Camera
from medley.transfer.color import color_statistics
from medley.transfer.losses import Objective
from medley.transfer.optimize import Evaluator, Subject, optimize
from medley.transfer.scales import Scale
from medley.vgg.sources import cache_folder

CALIBRATION = (Scale(128, 128, 4), Scale(256, 256, 4))
"""What is run to learn the pace; the first evaluation of each is not counted."""

_KEPT_S = 30 * 86_400  # after so long a pace is measured again


def pace_of(camera: Camera, anew: bool = False) -> Pace:
    """Tell the machine's pace: measured within the last month, or now, which takes seconds.

    Args:
        camera: network and device.
        anew: measure it in any case.
    """
    if not anew and (known := known_pace(camera)):
        return known
    pace = measure_pace(camera)
    path, own = _paces_path(), {**pace._asdict(), "measured": int(time.time())}
    with suppress(OutputError):  # then it is measured again next time
        write_json(path, {**_read_paces(path), _pace_key(camera): own})
    return pace


def known_pace(camera: Camera) -> Pace | None:
    """The machine's pace, if it was measured within the last month."""
    known = _read_paces(_paces_path()).get(_pace_key(camera))
    if known and 0 <= time.time() - known["measured"] < _KEPT_S:
        return Pace(known["step_s"], known["pixel_s"])
    return None


def _paces_path() -> Path:
    return cache_folder() / "paces.json"


def measure_pace(camera: Camera) -> Pace:
    """Take a few steps at two small sizes with a clock beside them."""
    generator = torch.Generator().manual_seed(0)
    seconds = []
    for height, width, steps in CALIBRATION:
        picture = torch.rand((1, 3, height, width), generator=generator).to(camera.device)
        times = [one.seconds for one in optimize(_subject(picture, steps, camera))]
        # The last evaluation has no gradient, and the first met cold caches.
        seconds.append(statistics.median(b - a for a, b in pairwise(times[:-1])))
    areas = [height * width for height, width, _ in CALIBRATION]
    pixel_s = max(0.0, (seconds[1] - seconds[0]) / (areas[1] - areas[0]))
    return Pace(max(0.0, seconds[0] - pixel_s * areas[0]), pixel_s)


def _subject(picture: torch.Tensor, steps: int, camera: Camera) -> Subject:
    settings = ShotSettings.model_validate({"steps": steps, "scales": "1"})
    painting = picture.flip(3)

    def objective_at(height: int, width: int, exact: bool) -> Evaluator:  # noqa: ARG001
        return Objective(camera.network, picture, [painting], settings)

    height, width = picture.shape[2:]
    palette = color_statistics([painting])
    return Subject(height, width, lambda: picture, palette, objective_at, settings)


def _pace_key(camera: Camera) -> str:
    device = camera.device
    name = platform.processor() or platform.machine()
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type} {name}, {threads} threads, {camera.precision}, {torch.__version__}"


def _read_paces(path: Path) -> dict[str, dict[str, float]]:
    try:
        found = json.loads(path.read_text("utf-8"))
        return {
            key: {name: float(one[name]) for name in ("step_s", "pixel_s", "measured")}
            for key, one in found.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}  # not there, or torn: it is measured again
