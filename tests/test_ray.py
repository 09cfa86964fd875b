"""Shots on a real local Ray: the same pixels, and a killed worker's shot is tried again."""

import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed; pip install 'medley[ray]'")

import ray

from medley.errors import MedleyError, WeightsError, WorkerLostError
from medley.settings import EngineSettings
from medley.studio.engines import ray_engine
from medley.studio.engines.choice import open_engine
from medley.studio.engines.jobs import Job
from medley.studio.shooting.shoot import shoot
from medley.workspace.store import Workspace

from .test_batch import loaded, make, plan
from .test_batch_rows import CHAIN, WALK, place  # noqa: F401 - place is a fixture
from .test_engine import ends_of, make_spec, replace

pytestmark = [
    pytest.mark.slow,
    # Ray leaves pipes and log files to the interpreter when it shuts down.
    pytest.mark.filterwarnings("ignore:.*:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning"),
]

RAY = EngineSettings(engine="ray", devices="cpu", workers=2, retries=2)


@pytest.fixture(scope="module")
def two_slots():
    """A Ray of this machine's with room for two shots at once."""
    folder = Path(tempfile.mkdtemp(prefix="ray"))  # pytest's are too long for a socket's name
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _temp_dir=str(folder),
    )
    yield
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


def run(workspace, specs, watch=id, settings=RAY):
    return ends_of(open_engine(settings, workspace), map(Job, specs), watch)


def kill_at(key, step, times=1):
    """A watcher that kills the process of that shot when it comes to that step."""
    struck = []

    def watch(event):
        there = event.kind == "step" and event.key == key and event.step >= step
        if there and len(struck) < times and event.worker not in struck:
            struck.append(event.worker)
            os.kill(int(event.worker.rpartition(".")[2]), signal.SIGKILL)

    return watch


def same_pixels(ours, theirs, key):
    steps = ours.shot(key).steps()
    assert steps == theirs.shot(key).steps() != []
    return all(
        ours.shot(key).step_path(step).read_bytes() == theirs.shot(key).step_path(step).read_bytes()
        for step in steps
    )


@pytest.mark.usefixtures("two_slots")
def test_ray_specs_the_same_shots_and_tells_of_every_step(workspace, model, tmp_path):
    specs = [make_spec(model, seed) for seed in (2, 3, 4)]
    events = []
    ends = run(workspace, specs, events.append)
    alone = Workspace(tmp_path / "alone")
    for spec in specs:
        done = ends[spec.key]
        assert (done.error, done.attempts) == (None, 1)
        own = [event for event in events if event.key == done.key]
        assert [event.kind for event in own] == ["started", *["step"] * 4]
        assert {event.worker for event in own} == {done.worker}
        list(shoot(spec, model, None, alone))
        assert same_pixels(workspace, alone, done.key)
    assert not list(workspace.root.glob(".probe-*"))


@pytest.mark.usefixtures("two_slots")
def test_shot_of_a_killed_worker_is_tried_again(workspace, model):
    first, second = specs = [make_spec(model, seed, steps=30) for seed in (2, 3)]
    told = []
    strike = kill_at(first.key, 5)

    def watch(event):
        told.append(event)
        strike(event)

    ends = run(workspace, specs, watch)
    assert [ends[spec.key].error for spec in specs] == [None, None]
    assert ends[first.key].attempts == 2
    assert [event.key for event in told if event.kind == "retry"] == [first.key]
    assert workspace.shot(first.key).is_finished
    assert workspace.shot(second.key).is_finished


@pytest.mark.usefixtures("two_slots")
def test_shot_whose_workers_all_die_is_reported_and_the_others_are_finished(workspace, model):
    first, second = specs = [make_spec(model, seed, steps=30) for seed in (2, 3)]
    settings = RAY.model_copy(update={"retries": 1})
    ends = run(workspace, specs, kill_at(first.key, 2, times=9), settings)
    error = ends[first.key].error
    assert isinstance(error, WorkerLostError)
    assert "'painting_2.png': the process that took it is gone" in str(error)
    assert ends[first.key].attempts == 2
    assert ends[second.key].error is None


@pytest.mark.usefixtures("two_slots")
def test_error_that_no_try_mends_is_medleys_own(workspace, model):
    wrong = replace(make_spec(model), weights="0" * 64)
    (end,) = run(workspace, [wrong]).values()
    assert isinstance(end.error, WeightsError)
    assert end.attempts == 1


@pytest.mark.usefixtures("two_slots")
def test_without_a_shared_folder_shots_come_back_as_files(workspace, model, tmp_path, monkeypatch):
    @contextlib.contextmanager
    def unseen(_):
        yield ".probe-elsewhere"

    monkeypatch.setattr(ray_engine, "_probe", unseen)
    specs = [make_spec(model, seed) for seed in (2, 3)]
    ends = run(workspace, specs)
    alone = Workspace(tmp_path / "alone")
    for spec in specs:
        assert ends[spec.key].error is None
        assert workspace.shot(spec.key).is_finished
        list(shoot(spec, model, None, alone))
        assert same_pixels(workspace, alone, spec.key)


@pytest.mark.usefixtures("two_slots")
def test_without_a_shared_folder_shots_go_on_from_one_another(place, model, monkeypatch):  # noqa: F811
    @contextlib.contextmanager
    def unseen(_):
        yield ".probe-elsewhere"

    monkeypatch.setattr(ray_engine, "_probe", unseen)
    planned = plan(place, CHAIN + WALK)
    assert not make(planned, open_engine(RAY, planned.workspace)).failures
    alone = Workspace(place / "alone")
    for film in planned.films:
        for spec in film.shots:
            list(shoot(loaded(planned, spec), model, None, alone))
            assert same_pixels(planned.workspace, alone, spec.key)


@pytest.mark.usefixtures("two_slots")
def test_closing_interrupts_the_workers_and_leaves_checkpoints(workspace, model):
    long, short = (make_spec(model, seed, steps=steps) for seed, steps in ((2, 5000), (3, 30)))
    engine = open_engine(RAY, workspace)
    with contextlib.closing(engine.run(map(Job, (long, short)))) as events:
        assert next(event for event in events if event.kind == "shotend").key == short.key
    shot = workspace.shot(long.key)
    # The interruption may come between an iterate's file and its checkpoint.
    assert 1 < shot.saved_step <= len(shot.steps()) <= shot.saved_step + 1


def test_nobody_at_the_address_is_one_quick_line(workspace):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(MedleyError, match=rf"there is no Ray at '{address}' \(.*refused"):
        open_engine(RAY.model_copy(update={"address": address}), workspace)
    assert time.monotonic() - began < 10


def test_no_cluster_on_this_machine_is_one_line(workspace, monkeypatch):
    def find_none(**_):
        raise ConnectionError("Could not find any running Ray instance.\nMore words.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", find_none)
    engine = open_engine(RAY.model_copy(update={"address": "auto"}), workspace)
    with pytest.raises(MedleyError, match=r"no Ray cluster at 'auto' \(Could not .* instance\.\);"):
        next(engine.run([]))


def test_devices_by_name_are_rays_to_give_out(workspace):
    with pytest.raises(MedleyError, match="Ray gives the devices out; pass auto, cpu or cuda"):
        open_engine(RAY.model_copy(update={"devices": ("cuda:0", "cuda:1")}), workspace)
