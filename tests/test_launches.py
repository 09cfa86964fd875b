"""A step on a GPU waits for it once and launches a bounded number of kernels, seen without one."""

from functools import partial
from pathlib import Path

import pytest
import torch

from medley.tensors import constant

ROOT = Path(__file__).parent.parent


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from launches import counting

    return counting


@pytest.mark.parametrize(
    ("size", "settings", "most"),
    [
        ((64, 64), {}, 270),
        ((1280, 1280), {}, 690),
        ((64, 64), {"optimizer": "adam"}, 240),
        ((64, 64), {"style_loss": "wasserstein"}, 1100),
        ((64, 64), {"preserve_color": "luminance"}, 290),
        ((96, 96), {"average": 0.9, "scales": "3", "steps": 40, "precision": "float16"}, 320),
        ((64, 128), {"tile": 64, "precision": "float32", "tv_weight": 1}, 760),
    ],
    ids=repr,
)
def test_gpu_is_waited_for_once_a_step_whatever_is_asked_for(counting, size, settings, most):
    counts = counting.count_step(*size, after=2, **settings)
    assert counts.waits == {"tolist": 1}
    assert 100 < counts.launches.total() <= most


def test_copies_and_reads_are_seen(counting):
    there = partial(torch.ones, device=counting.DEVICE)
    with counting.pretending() as counts:
        device = there((2, 3))
        for wait in (
            lambda: device.cpu(),
            lambda: torch.ones(3).to(device),
            lambda: float(device.sum()),
            lambda: bool(device.isfinite().all()),
            lambda: device[device > 0],
            lambda: device.tolist(),
            lambda: torch.linalg.eigh(there((2, 2))),
            lambda: device.copy_(torch.ones(2, 3)),
        ):
            counts.waits.clear()
            wait()
            assert counts.waits.total() == 1
        counts.waits.clear()
        counts.launches.clear()
        device.view(3, 2).t().detach()[0].unsqueeze(0)
        torch.ones(3).sum().item()
        torch.empty_like(device)
        assert (counts.waits.total(), counts.launches.total()) == (0, 0)
        with pytest.raises(RuntimeError, match="same device"):
            device * torch.ones(3)


def test_constant_is_made_once_for_each_device_and_bears_gradients_whoever_asked_first():
    constant.cache_clear()
    with torch.inference_mode():
        first = constant((2.0, 4.0), torch.float32, torch.device("cpu"))
    variable = torch.ones(2, requires_grad=True)
    (variable / first).sum().backward()
    assert variable.grad.tolist() == [0.5, 0.25]
    assert constant((2.0, 4.0), torch.float32, torch.device("cpu")) is first
    assert constant((2.0, 4.0), torch.float64, torch.device("cpu")).dtype == torch.float64
    assert constant(((1.0, 2.0),), torch.float32, torch.device("meta")).device.type == "meta"
    constant.cache_clear()
