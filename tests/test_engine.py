"""One failing shot is that shot's affair: real processes are killed, starved and interrupted."""

import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from medley.studio.engine import Job, LocalEngine, open_engine
from medley.studio.shooting.device import Device
from medley.studio.shooting.forecast import TILES
from medley.studio.shooting.scene import fit_painting, resize_content, set_scene, shot_key
from medley.studio.shooting.takes import Take
from PIL import Image

from medley.errors import LostError, MedleyError, OutputError, RoomError, WeightsError
from medley.paintings import Painting
from medley.settings import EngineSettings, ShotSettings
from medley.studio import engine as engines
from medley.studio.engines import worker as workers
from medley.studio.engines.jobs import Place, is_passing
from medley.studio.engines.worker import Worker
from medley.studio.shooting.checkpoint import saved_step
from medley.workspace import Workspace

from .conftest import draw_pixels

CPU = torch.device("cpu")


def make_take(workspace, model, seed=2, **settings):
    """A take of one small photo after the painting of that seed."""
    chosen = ShotSettings(**{"size": 32, "steps": 3, "precision": "float32"} | settings)
    content = resize_content(Image.fromarray(draw_pixels(30, 40, 1)), chosen, "photo.png")
    path = Path(f"painting_{seed}.png")
    fitted = fit_painting(content, Image.fromarray(draw_pixels(28, 36, seed)), path, chosen)
    painting = Painting(path, fitted)
    scene = set_scene(content, [painting], chosen, 0)
    shot = workspace.shot(shot_key(scene, model.weights.digest, "float32"))
    return Take(Path("photo.png"), painting, f"painting {seed}", scene, shot)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


def run(engine, takes, watch=id, **job):
    return {done.key: done for done in engine.run((Job(take, **job) for take in takes), watch)}


def kill_once(key, step, number=signal.SIGKILL):
    """A watcher that ends the only process when that shot comes to that step, once."""
    struck = []

    def watch(event):
        if event.kind == "step" and (event.key, event.step) == (key, step) and not struck:
            struck.append(event)
            (process,) = multiprocessing.active_children()
            os.kill(process.pid, number)

    return watch


def test_shots_are_those_of_one_process(workspace, model, tmp_path):
    takes = [make_take(workspace, model, seed) for seed in (2, 3, 4)]
    events = []
    outcomes = run(LocalEngine([CPU, CPU], workspace), takes, events.append)
    alone = Workspace(tmp_path / "alone")
    for take in takes:
        done = outcomes[take.shot.key]
        assert (done.error, done.attempts) == (None, 1)
        assert done.seconds > 0
        own = [event for event in events if event.key == done.key]
        assert [event.kind for event in own] == ["started", *["step"] * 4]
        assert [event.step for event in own[1:]] == [0, 1, 2, 3]
        assert {event.worker for event in own} == {done.worker}
        workers.take_one(take, model, alone, id, pytest.fail)
        for step in range(4):
            ours, theirs = (place.shot(done.key).step_path(step) for place in (workspace, alone))
            assert ours.read_bytes() == theirs.read_bytes()
    assert {done.worker for done in outcomes.values()} == {"cpu.1", "cpu.2"}
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_killed_process_is_replaced_and_its_shot_tried_again(workspace, model):
    first, second = takes = [make_take(workspace, model, seed, steps=20) for seed in (2, 3)]
    told = []
    strike = kill_once(first.shot.key, 5)

    def watch(event):
        told.append(event)
        strike(event)

    outcomes = run(LocalEngine([CPU], workspace, retries=1), takes, watch)
    assert [outcomes[take.shot.key].error for take in takes] == [None, None]
    assert [outcomes[take.shot.key].attempts for take in takes] == [2, 1]
    (retry,) = [event for event in told if event.kind == "retry"]
    assert retry.key == first.shot.key
    assert "'painting_2.png': the system ended the process on cpu (signal 9)" in retry.text
    assert first.shot.is_finished
    assert second.shot.is_finished


@pytest.mark.slow
def test_shot_whose_process_was_told_to_end_goes_on_from_its_checkpoint(workspace, model):
    take = make_take(workspace, model, steps=60)
    steps = []
    strike = kill_once(take.shot.key, 8, signal.SIGTERM)

    def watch(event):
        if event.kind == "step":
            steps.append(event.step)
        strike(event)

    outcomes = run(LocalEngine([CPU], workspace, retries=1), [take], watch)
    assert outcomes[take.shot.key].attempts == 2
    assert steps == list(range(61))  # none of them twice


@pytest.mark.slow
def test_shot_that_is_tried_no_more_is_reported_and_the_others_are_finished(workspace, model):
    first, second = takes = [make_take(workspace, model, seed, steps=20) for seed in (2, 3)]
    outcomes = run(LocalEngine([CPU], workspace), takes, kill_once(first.shot.key, 5))
    assert isinstance(outcomes[first.shot.key].error, RoomError)
    assert outcomes[second.shot.key].error is None
    assert not first.shot.is_finished


@pytest.mark.slow
def test_shot_that_does_not_fit_says_so_after_all_its_tries(workspace, model):
    large = make_take(workspace, model)
    pixels = np.zeros((4000, 4000, 3), np.uint8)
    settings = large.scene.settings.model_copy(update={"history": 1000, "steps": 100_000})
    scene = replace(large.scene, content=pixels, start=pixels, settings=settings)
    shot = workspace.shot(shot_key(scene, model.weights.digest, "float32"))
    small = make_take(workspace, model, 3)
    outcomes = run(
        LocalEngine([CPU], workspace, retries=1), [replace(large, scene=scene, shot=shot), small]
    )
    failed = outcomes[shot.key]
    assert isinstance(failed.error, RoomError)
    assert "'painting_2.png': 4000x4000 pixels take" in str(failed.error)
    assert failed.attempts == 2
    assert outcomes[small.shot.key].error is None


@pytest.mark.slow
def test_shot_of_other_weights_fails_alone_and_is_not_tried_again(workspace, model):
    wrong = replace(make_take(workspace, model), shot=workspace.shot("0" * 24))
    right = make_take(workspace, model, 3)
    outcomes = run(LocalEngine([CPU], workspace, retries=3), [wrong, right])
    assert isinstance(outcomes["0" * 24].error, WeightsError)
    assert outcomes["0" * 24].attempts == 1
    assert outcomes[right.shot.key].error is None


def test_jobs_are_asked_for_only_when_they_are_wanted(workspace, model):
    asked = []

    def jobs():
        for seed in range(2, 9):
            asked.append(seed)
            yield Job(make_take(workspace, model, seed, steps=1))

    with contextlib.closing(LocalEngine([CPU], workspace).run(jobs(), id)) as outcomes:
        next(outcomes)
        assert len(asked) <= 3  # one that is done, one at work, one at hand
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_closing_leaves_a_checkpoint_and_no_process(workspace, model):
    long = make_take(workspace, model, 2, steps=5000)
    short = (make_take(workspace, model, seed, steps=10) for seed in itertools.count(3))
    engine = LocalEngine([CPU, CPU], workspace)
    with contextlib.closing(engine.run(map(Job, itertools.chain([long], short)), id)) as outcomes:
        for outcome in outcomes:
            assert outcome.key != long.shot.key
            if len(long.shot.steps()) > 1:  # its process may be the slower one to start
                break
    assert multiprocessing.active_children() == []
    assert saved_step(long.shot.state_path) == len(long.shot.steps()) > 1


def test_error_of_the_watcher_ends_all_processes(workspace, model):
    def watch(_):
        raise OutputError("the log's disk is full")

    with pytest.raises(OutputError, match="disk is full"):
        run(LocalEngine([CPU, CPU], workspace), [make_take(workspace, model)], watch)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_bug_is_reported_with_its_words(workspace, model, capfd):
    broken = make_take(workspace, model)
    scene = replace(broken.scene, paintings=())
    shot = workspace.shot(shot_key(scene, model.weights.digest, "float32"))
    outcomes = run(LocalEngine([CPU], workspace), [replace(broken, scene=scene, shot=shot)])
    error = outcomes[shot.key].error
    assert isinstance(error, RuntimeError)
    assert "'painting_2.png': the process on cpu ended with 1; " in str(error)
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.slow
def test_two_processes_on_one_workspace_take_no_shot_twice(workspace, model, tmp_path):
    script = textwrap.dedent(
        f"""
        import json, sys
        sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
        import torch
        from collections import Counter
        from pathlib import Path
        from medley.settings import ShotSettings
        from medley.studio.engine import Job, LocalEngine
        from medley.studio.shooting.model import load_model
        from medley.workspace import Workspace
        from tests.test_engine import make_take
        if __name__ == "__main__":
            steps = Counter()
            def watch(event):
                steps[event.key] += event.kind == "step"
            workspace = Workspace(Path({str(workspace.root)!r}))
            model = load_model(ShotSettings(precision="float32"), torch.device("cpu"))
            takes = [make_take(workspace, model, seed, steps=12) for seed in (2, 3, 4)]
            print("ready", flush=True)
            sys.stdin.readline()
            engine = LocalEngine([torch.device("cpu")], workspace)
            errors = [str(done.error) for done in engine.run(map(Job, takes), watch) if done.error]
            print(json.dumps([steps, errors]))
        """
    )
    (tmp_path / "one.py").write_text(script)
    pair = [
        subprocess.Popen(
            [sys.executable, tmp_path / "one.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]
    for process in pair:
        assert process.stdout.readline() == "ready\n"
    for process in pair:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [json.loads(process.communicate(timeout=120)[0]) for process in pair]
    takes = [make_take(workspace, model, seed, steps=12) for seed in (2, 3, 4)]
    for steps, errors in said:
        assert errors == []
        assert set(steps) == {take.shot.key for take in takes}
    for take in takes:
        assert take.shot.is_finished
        # One of them took all the steps, the other none.
        assert sorted(steps[take.shot.key] for steps, _ in said) == [0, 13]


def in_process(workspace, monkeypatch, job):
    """The model with which a worker would take a job."""
    cameras = []
    monkeypatch.setattr(workers, "take_one", lambda _, model, *__: cameras.append(model))
    Worker(Place("cpu.1", "cpu", workspace.root)).take(job, id)
    return cameras[0]


def test_shot_that_lacked_memory_gets_smaller_tiles(workspace, model, monkeypatch):
    take = make_take(workspace, model, size=900, steps=1)
    tiles = [
        in_process(workspace, monkeypatch, Job(take, wish, shrinks)).tile
        for wish, shrinks in (("off", 0), ("off", 1), ("off", 2), (512, 0), (512, 1), ("off", 99))
    ]
    whole, once, twice, given, below, last = tiles
    assert whole is None
    assert once in TILES
    assert once < 900
    assert twice < once
    assert given == 512
    assert below < 512
    assert last == TILES[-1]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_key_decides_what_auto_precision_was_where_it_was_planned(
    workspace, model, monkeypatch, precision
):
    take = make_take(workspace, model)
    settings = take.scene.settings.model_copy(update={"precision": "auto"})
    scene = replace(take.scene, settings=settings)
    shot = workspace.shot(shot_key(scene, model.weights.digest, precision))
    job = Job(replace(take, scene=scene, shot=shot))
    assert in_process(workspace, monkeypatch, job).precision == precision


def test_network_is_loaded_once_for_many_shots(workspace, model, monkeypatch):
    loaded = []
    monkeypatch.setattr(workers, "load_model", lambda *_: loaded.append(1) or model)
    monkeypatch.setattr(workers, "take_one", lambda *_: None)
    worker = Worker(Place("cpu.1", "cpu", workspace.root))
    for seed in (2, 3, 4):
        worker.take(Job(make_take(workspace, model, seed)), id)
    assert len(loaded) == 1


def test_only_what_may_pass_is_tried_again():
    passing = [RoomError("x"), LostError("x"), OutputError("x"), RuntimeError("x")]
    assert all(map(is_passing, passing))
    assert not any(map(is_passing, [WeightsError("x"), MedleyError("x")]))


def test_workers_are_named_and_share_their_device(workspace):
    places = LocalEngine([CPU, torch.device("cuda:0"), CPU], workspace).places()
    assert [place.name for place in places] == ["cpu.1", "cuda:0.1", "cpu.2"]
    assert [place.sharing for place in places] == [2, 1, 2]


def test_auto_means_every_gpu_and_else_one_device(monkeypatch):
    monkeypatch.setattr(engines, "available_devices", lambda: ["cpu", "cuda", "cuda:0", "cuda:1"])
    monkeypatch.setattr(engines, "name_device", str)
    assert engines.every_device(("auto",)) == ["cuda:0", "cuda:1"]
    assert engines.every_device(("cpu",)) == ["cpu"]
    monkeypatch.setattr(engines, "available_devices", lambda: ["cpu"])
    assert engines.every_device(("auto",)) == ["auto"]


def test_settings_make_the_engine(workspace):
    engine = open_engine(
        EngineSettings(devices="cpu", workers=3, retries=4, shrink=True), workspace
    )
    assert isinstance(engine, LocalEngine)
    assert (engine.devices, engine.retries, engine.shrink) == ([Device("cpu")] * 3, 4, True)


def test_missing_ray_is_one_line(workspace, monkeypatch):
    for name in ("medley.studio.engines.cluster", "medley.studio.engines.errand"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MedleyError, match=r"needs Ray, .*; pip install 'medley\[ray\]'"):
        open_engine(EngineSettings(engine="ray"), workspace)


def test_address_without_ray_engine_is_one_line(workspace):
    with pytest.raises(MedleyError, match="--address 'auto' is Ray's; add --engine ray"):
        open_engine(EngineSettings(address="auto"), workspace)
