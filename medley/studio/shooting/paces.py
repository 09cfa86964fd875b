"""Measured paces of this machine, kept in the cache for a month."""

import json
import os
import platform
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from medley.errors import OutputError
from medley.files import cache_folder, write_json
from medley.studio.shooting.costs import Pace
from medley.studio.shooting.devices import accelerators, kind_of_device
from medley.transfer.scales import Scale
from medley.vgg.layers import Precision

CALIBRATION = (Scale(128, 128, 4), Scale(256, 256, 4))
"""Sizes and steps of the runs that measure the pace; first evaluations are not counted."""

GPU_CALIBRATION = (Scale(512, 512, 6), Scale(1280, 1280, 6))
"""The same on a GPU, which smaller pictures keep waiting: they would say nothing of larger ones."""

_KEPT_S = 30 * 86_400  # age at which a pace is measured again


def calibration_for(device: str) -> tuple[Scale, ...]:
    """The sizes and steps by which a device's pace is measured."""
    return CALIBRATION if device == "cpu" else GPU_CALIBRATION


def known_pace(device: str, precision: Precision) -> Pace | None:
    """The machine's pace, if it was measured within the last month."""
    known = _read_paces(_paces_path()).get(_pace_key(device, precision))
    if known and 0 <= time.time() - known["measured"] < _KEPT_S:
        return Pace(*(known[name] for name in Pace._fields))
    return None


def keep_pace(device: str, precision: Precision, pace: Pace) -> None:
    """Write the machine's pace to the cache, if the cache can be written."""
    path, own = _paces_path(), {**pace._asdict(), "measured": int(time.time())}
    with suppress(OutputError):  # the pace is then measured again next time
        write_json(path, {**_read_paces(path), _pace_key(device, precision): own})


def _paces_path() -> Path:
    return cache_folder() / "paces.json"


def _pace_key(device: str, precision: Precision) -> str:
    kind = kind_of_device(device)
    name = platform.processor() or platform.machine()
    if kind == "cuda":
        name = accelerators()[device].name
    # The number of processors decides torch's threads, and is known without torch.
    threads = os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
    return f"{kind} {name}, {threads} threads, {precision}, torch {version('torch')}"


def _read_paces(path: Path) -> dict[str, dict[str, float]]:
    try:
        found = json.loads(path.read_text("utf-8"))
        return {
            key: {name: float(one[name]) for name in (*Pace._fields, "measured")}
            for key, one in found.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}  # missing or damaged: the pace is measured again
