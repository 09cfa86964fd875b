"""Measurement of the pace at which this machine takes steps."""

import statistics
import time
from itertools import pairwise

import torch

from medley.images import encode_png
from medley.settings import ShotSettings
from medley.studio.shooting.costs import Pace
from medley.studio.shooting.model import Model, load_model
from medley.studio.shooting.paces import calibration_for, keep_pace
from medley.tensors import to_pixels
from medley.transfer.losses import Objective
from medley.transfer.optimize import Evaluator, Problem, optimize
from medley.workspace.store import ENCODERS


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
    """Time a few steps at two sizes, which are small on a CPU."""
    generator = torch.Generator().manual_seed(0)
    on_cpu, seconds = model.device.type == "cpu", []
    calibration = calibration_for(model.device.type)
    for height, width, steps in calibration:
        picture = torch.rand((1, 3, height, width), generator=generator).to(model.device)
        if not on_cpu:  # loads kernels, and chooses those for the size: once a process
            list(optimize(_problem(picture, 2, model)))
        times = [one.seconds for one in optimize(_problem(picture, steps, model))]
        # Not counted: the last evaluation, without gradient, and the first, which makes targets.
        seconds.append(statistics.median(b - a for a, b in pairwise(times[:-1])))
    areas = [height * width for height, width, _ in calibration]
    pixel_s = max(0.0, (seconds[1] - seconds[0]) / (areas[1] - areas[0]))
    encoding_s = _encoding_seconds(picture)
    if on_cpu:  # it takes processors away from the steps, which use all
        keeping_s = encoding_s / torch.get_num_threads()
    else:  # steps wait where they are quicker than the encoders
        keeping_s = max(0.0, encoding_s / ENCODERS - seconds[-1] / areas[-1])
    return Pace(
        max(0.0, seconds[0] - pixel_s * areas[0]),
        pixel_s,
        opening_s=max(0.0, times[0] - seconds[-1]) / areas[-1],
        ending_s=(times[-1] - times[-2]) / areas[-1],
        keeping_s=keeping_s,
    )


def _encoding_seconds(picture: torch.Tensor) -> float:
    """Seconds a pixel that PNG encoding takes on one thread."""
    pixels = to_pixels(picture)
    before = time.perf_counter()
    encode_png(pixels)
    return (time.perf_counter() - before) / picture[0, 0].numel()


def _problem(picture: torch.Tensor, steps: int, model: Model) -> Problem:
    settings = ShotSettings(steps=steps, scales="1")
    painting = picture.flip(3)

    def objective_at(height: int, width: int, exact: bool) -> Evaluator:  # noqa: ARG001
        return Objective(model.exact if exact else model.network, picture, [painting], settings)

    height, width = picture.shape[2:]
    return Problem(height, width, lambda: picture, None, objective_at, settings, model.is_half)
