"""Measurement of the pace at which this machine takes steps."""

import statistics
import time
from itertools import pairwise

import torch

from medley.images import encode_png
from medley.settings import ShotSettings
from medley.studio.shooting.costs import Pace
from medley.studio.shooting.model import Model, load_model
from medley.studio.shooting.paces import CALIBRATION, keep_pace
from medley.tensors import to_pixels
from medley.transfer.losses import Objective
from medley.transfer.optimize import Evaluator, Problem, optimize


def benchmark(settings: ShotSettings, device: str) -> Pace:
    """Measure the pace of the network that a shot's settings ask for, and remember it.

    Args:
        settings: settings of the shot, with the precision settled.
        device: name of the device, such as "cpu".

    Raises:
        WeightsError: the network's weights are missing or damaged.
    """
    model = load_model(settings, device)
    pace = measure_pace(model)
    keep_pace(device, model.precision, pace)
    return pace


def measure_pace(model: Model) -> Pace:
    """Time a few steps at two small sizes."""
    generator = torch.Generator().manual_seed(0)
    seconds = []
    for height, width, steps in CALIBRATION:
        picture = torch.rand((1, 3, height, width), generator=generator).to(model.device)
        times = [one.seconds for one in optimize(_problem(picture, steps, model))]
        # Not counted: the last evaluation, without gradient, and the first, which makes targets.
        seconds.append(statistics.median(b - a for a, b in pairwise(times[:-1])))
    areas = [height * width for height, width, _ in CALIBRATION]
    pixel_s = max(0.0, (seconds[1] - seconds[0]) / (areas[1] - areas[0]))
    return Pace(
        max(0.0, seconds[0] - pixel_s * areas[0]),
        pixel_s,
        opening_s=max(0.0, times[0] - seconds[-1]) / areas[-1],
        ending_s=(times[-1] - times[-2]) / areas[-1],
        keeping_s=_encoding_seconds(picture) if model.device.type == "cpu" else 0.0,
    )


def _encoding_seconds(picture: torch.Tensor) -> float:
    """Seconds a pixel that PNG encoding takes away from the steps, which use all processors."""
    pixels = to_pixels(picture)
    before = time.perf_counter()
    encode_png(pixels)
    spent = time.perf_counter() - before
    return spent / picture[0, 0].numel() / torch.get_num_threads()


def _problem(picture: torch.Tensor, steps: int, model: Model) -> Problem:
    settings = ShotSettings(steps=steps, scales="1")
    painting = picture.flip(3)

    def objective_at(height: int, width: int, exact: bool) -> Evaluator:  # noqa: ARG001
        return Objective(model.exact if exact else model.network, picture, [painting], settings)

    height, width = picture.shape[2:]
    return Problem(height, width, lambda: picture, None, objective_at, settings, model.is_half)
