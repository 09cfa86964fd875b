import json
import os
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from medley.studio import forecast as forecasting
from medley.studio.forecast import pace_for
from medley.studio.shooting import benchmark
from medley.studio.shooting.benchmark import measure_pace
from medley.studio.shooting.costs import Pace
from medley.transfer.scales import Scale

from .test_forecast import plan_of, shots


def pace_of(patience="always"):
    return pace_for(plan_of(shots(1)), "cpu", patience)


@pytest.fixture
def measured(monkeypatch, tmp_path, model):
    """Count measurements instead of taking them."""
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    taken = []

    def measure(_):
        taken.append(1)
        return Pace(0.25, len(taken) * 1e-6, 2e-6, 3e-6, 4e-6)

    monkeypatch.setattr(benchmark, "measure_pace", measure)
    monkeypatch.setattr(benchmark, "load_model", lambda *_: model)
    return taken


def test_pace_is_measured_once_and_kept(measured, tmp_path):
    assert pace_of() == pace_of() == Pace(0.25, 1e-6, 2e-6, 3e-6, 4e-6)
    assert len(measured) == 1
    (kept,) = (tmp_path / "cache").iterdir()
    (key,) = json.loads(kept.read_text())
    assert key.startswith("cpu ")
    assert "1 threads, float32" in key


@pytest.mark.parametrize(
    ("devices", "unattended", "expected"),
    [
        (["cuda"], False, False),
        (["cuda:0", "cuda:1"], False, True),
        (["cuda:0"], True, True),
        (["cpu"], True, False),
        (["cpu", "cpu"], False, False),
    ],
)
def test_process_that_takes_no_shots_leaves_the_gpu_to_those_that_do(
    monkeypatch, measured, devices, unattended, expected
):
    def apart(settings, device):
        assert (settings.precision, device) == ("float32", devices[0])
        return Pace(1, 0)

    planned = plan_of(shots(1))
    planned = replace(planned, films=[SimpleNamespace(devices=devices)])
    free = dict.fromkeys(("free_memory_each", "check_disk"), lambda *_: None)
    for name, stub in {**free, "plan": lambda *_, **__: planned, "_apart": apart}.items():
        monkeypatch.setattr(forecasting, name, stub)
    monkeypatch.setattr(forecasting, "known_pace", lambda *_: None)
    monkeypatch.setattr(benchmark, "keep_pace", lambda *_: None)
    found = forecasting.prepare([], devices, unattended=unattended, patience="always", begins=False)
    assert (found.forecast.seconds is not None, len(measured)) == (True, not expected)


def test_pace_is_measured_apart_by_another_process(monkeypatch):
    monkeypatch.setattr(forecasting, "_here", eval)
    assert forecasting._apart("__import__('os').getpid()", {}) != os.getpid()


def test_pace_is_measured_anew_on_request_or_when_it_is_old_or_torn(measured, tmp_path):
    pace_of()
    assert pace_of("anew").pixel_s == 2e-6
    path = tmp_path / "cache" / "paces.json"
    kept = json.loads(path.read_text())
    for one in kept.values():
        one["measured"] = time.time() - 90 * 86_400
    path.write_text(json.dumps(kept))
    assert pace_of().pixel_s == 3e-6
    for torn in ("{", "[]", '{"x": {"step_s": "?"}}', '{"x": 1}'):
        path.write_text(torn)
        pace_of()
    assert len(measured) == 7


@pytest.mark.usefixtures("measured")
def test_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "cache").touch()
    assert pace_of() == Pace(0.25, 1e-6, 2e-6, 3e-6, 4e-6)


def test_measured_pace_is_positive_and_splits_time_in_two(model, monkeypatch):
    monkeypatch.setattr(
        benchmark, "calibration_for", lambda _: (Scale(32, 32, 3), Scale(64, 64, 3))
    )
    found = measure_pace(model)
    assert found.step_s >= 0
    assert found.pixel_s >= 0
    assert 1e-5 < found.step_s + 64 * 64 * found.pixel_s < 10
    # So small a picture may open no later than a step takes on a busy machine.
    assert all(0 <= value < 1e-3 for value in (found.opening_s, found.ending_s))
    assert 0 < found.keeping_s < 1e-3


@pytest.mark.parametrize("encoding_s", [3e-6, 1e-8])
def test_pace_of_a_gpu_is_that_of_large_pictures_once_it_is_warm(monkeypatch, encoding_s):
    runs = []

    def steps(problem):
        area, first = problem.height * problem.width, 5.0 if len(runs) % 2 == 0 else 0.1
        runs.append((area, problem.settings.steps))
        each = 0.002 + 2e-8 * area
        for step in range(problem.settings.steps + 1):
            yield SimpleNamespace(seconds=first + each * (step + 1))

    monkeypatch.setattr(benchmark, "optimize", steps)
    monkeypatch.setattr(benchmark, "_encoding_seconds", lambda _: encoding_s)
    monkeypatch.setattr(benchmark, "ENCODERS", 2)
    gpu = SimpleNamespace(device=torch.device("meta"), is_half=True)
    found = measure_pace(gpu)
    assert runs == [(512**2, 2), (512**2, 6), (1280**2, 2), (1280**2, 6)]
    assert found.step_s == pytest.approx(0.002, rel=0.01)
    assert found.pixel_s == pytest.approx(2e-8, rel=0.01)
    assert found.opening_s * 1280**2 == pytest.approx(0.1, rel=0.01)  # not what warmed it up
    assert found.keeping_s == pytest.approx(max(0, encoding_s / 2 - 0.002 / 1280**2 - 2e-8))


def test_pace_of_an_older_medley_is_measured_anew(measured, tmp_path):
    pace_of()
    path = tmp_path / "cache" / "paces.json"
    kept = json.loads(path.read_text())
    for one in kept.values():
        del one["keeping_s"]
    path.write_text(json.dumps(kept))
    pace_of()
    assert len(measured) == 2


def test_nobody_is_held_up_by_a_measurement_that_is_not_worth_it(measured):
    few, many = plan_of(shots(1)), plan_of(shots(20))
    assert pace_for(plan_of([]), "cpu", "always") is None
    assert pace_for(many, "cpu", "none") is None
    assert pace_for(few, "cpu", "worth it") is None
    nearly = replace(many, begun=dict.fromkeys(many.jobs, 48))  # of 50 steps
    assert pace_for(nearly, "cpu", "worth it") is None
    assert not measured
    found = pace_for(many, "cpu", "worth it")
    assert len(measured) == 1
    assert {pace_for(few, "cpu", patience) for patience in ("worth it", "none")} == {found}
    assert len(measured) == 1
