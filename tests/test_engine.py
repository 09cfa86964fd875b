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
from PIL import Image

from medley.cli.words import as_given
from medley.errors import (
    MedleyError,
    OutputError,
    ResourceError,
    WeightsError,
    WorkerLostError,
)
from medley.paintings.draws import Painting
from medley.pictures import fit_painting, held_picture, resize_content
from medley.settings import EngineSettings, ShotSettings
from medley.studio.engines import worker as workers
from medley.studio.engines.choice import engine_for, open_engine
from medley.studio.engines.inline import InlineEngine
from medley.studio.engines.jobs import Job, WorkerInfo, is_passing
from medley.studio.engines.processes import ProcessEngine
from medley.studio.engines.worker import Worker
from medley.studio.shooting import devices
from medley.studio.shooting.costs import TILES
from medley.studio.shooting.shoot import shoot
from medley.studio.shooting.spec import ShotSpec, Start
from medley.workspace.store import Workspace

from .conftest import draw_pixels


def make_spec(model, seed=2, **settings):
    """A shot of one small photo after the painting of that seed."""
    chosen = ShotSettings(**{"size": 32, "steps": 3, "precision": "float32"} | settings)
    content = resize_content(Image.fromarray(draw_pixels(30, 40, 1)), chosen, Path("photo.png"))
    path = Path(f"painting_{seed}.png")
    fitted = fit_painting(content, Image.fromarray(draw_pixels(28, 36, seed)), path, chosen)
    works = (Painting(path, fitted),)
    start, weights = Start("content"), model.weights.digest
    return ShotSpec(content, works, start, chosen, weights, "float32")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


def run(engine, specs, watch=id, **job):
    """Take the shots; their ends by key, and whatever else is told to the watcher."""
    return ends_of(engine, (Job(spec, **job) for spec in specs), watch)


def ends_of(engine, jobs, watch=id):
    ends = {}
    with contextlib.closing(engine.run(jobs)) as events:
        for event in events:
            if event.kind == "shotend":
                ends[event.key] = event
            else:
                watch(event)
    return ends


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
    specs = [make_spec(model, seed) for seed in (2, 3, 4)]
    events = []
    ends = run(ProcessEngine(["cpu", "cpu"], workspace), specs, events.append)
    alone = Workspace(tmp_path / "alone")
    for spec in specs:
        done = ends[spec.key]
        assert (done.error, done.attempts) == (None, 1)
        assert done.seconds > 0
        own = [event for event in events if event.key == done.key]
        assert [event.kind for event in own] == ["started", *["step"] * 4]
        assert [event.step for event in own[1:]] == [0, 1, 2, 3]
        assert {event.worker for event in own} == {done.worker}
        list(shoot(spec, model, None, alone))
        for step in range(4):
            ours, theirs = (place.shot(done.key).step_path(step) for place in (workspace, alone))
            assert ours.read_bytes() == theirs.read_bytes()
    assert {done.worker for done in ends.values()} == {"cpu.1", "cpu.2"}
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_killed_process_is_replaced_and_its_shot_tried_again(workspace, model):
    first, second = specs = [make_spec(model, seed, steps=20) for seed in (2, 3)]
    told = []
    strike = kill_once(first.key, 5)

    def watch(event):
        told.append(event)
        strike(event)

    ends = run(ProcessEngine(["cpu"], workspace, retries=1), specs, watch)
    assert [ends[spec.key].error for spec in specs] == [None, None]
    assert [ends[spec.key].attempts for spec in specs] == [2, 1]
    (retry,) = [event for event in told if event.kind == "retry"]
    assert retry.key == first.key
    assert "'painting_2.png': the system ended the process on cpu (signal 9)" in str(retry.error)
    assert workspace.shot(first.key).is_finished
    assert workspace.shot(second.key).is_finished


@pytest.mark.slow
def test_shot_whose_process_was_told_to_end_goes_on_from_its_checkpoint(workspace, model):
    spec = make_spec(model, steps=60)
    steps = []
    strike = kill_once(spec.key, 8, signal.SIGTERM)

    def watch(event):
        if event.kind == "step":
            steps.append(event.step)
        strike(event)

    ends = run(ProcessEngine(["cpu"], workspace, retries=1), [spec], watch)
    assert ends[spec.key].attempts == 2
    assert steps == list(range(61))  # none of them twice


@pytest.mark.slow
def test_shot_that_is_tried_no_more_is_reported_and_the_others_are_finished(workspace, model):
    first, second = specs = [make_spec(model, seed, steps=20) for seed in (2, 3)]
    ends = run(ProcessEngine(["cpu"], workspace), specs, kill_once(first.key, 5))
    assert isinstance(ends[first.key].error, ResourceError)
    assert ends[second.key].error is None
    assert not workspace.shot(first.key).is_finished


@pytest.mark.slow
def test_shot_that_does_not_fit_says_so_after_all_its_tries(workspace, model):
    one = make_spec(model)
    pixels = np.zeros((4000, 4000, 3), np.uint8)
    settings = one.settings.model_copy(update={"history": 1000, "steps": 100_000})
    large = replace(one, content=held_picture(Path("photo.png"), pixels), settings=settings)
    small = make_spec(model, 3)
    ends = run(ProcessEngine(["cpu"], workspace, retries=1), [large, small])
    failed = ends[large.key]
    assert isinstance(failed.error, ResourceError)
    assert "'painting_2.png': 4000x4000 pixels take" in str(failed.error)
    assert failed.attempts == 2
    assert ends[small.key].error is None


@pytest.mark.slow
def test_shot_of_other_weights_fails_alone_and_is_not_tried_again(workspace, model):
    wrong = replace(make_spec(model), weights="0" * 64)
    right = make_spec(model, 3)
    ends = run(ProcessEngine(["cpu"], workspace, retries=3), [wrong, right])
    assert isinstance(ends[wrong.key].error, WeightsError)
    assert ends[wrong.key].attempts == 1
    assert ends[right.key].error is None


def test_jobs_are_asked_for_only_when_they_are_wanted(workspace, model):
    asked = []

    def jobs():
        for seed in range(2, 9):
            asked.append(seed)
            yield Job(make_spec(model, seed, steps=1))

    with contextlib.closing(ProcessEngine(["cpu"], workspace).run(jobs())) as events:
        next(event for event in events if event.kind == "shotend")
        assert len(asked) <= 3  # one that is done, one at work, one at hand
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_closing_leaves_a_checkpoint_and_no_process(workspace, model):
    long = make_spec(model, 2, steps=5000)
    shot = workspace.shot(long.key)
    short = (make_spec(model, seed, steps=10) for seed in itertools.count(3))
    engine = ProcessEngine(["cpu", "cpu"], workspace)
    with contextlib.closing(engine.run(map(Job, itertools.chain([long], short)))) as events:
        for end in events:
            if end.kind == "shotend":
                assert end.key != shot.key
                if len(shot.steps()) > 1:  # its process may be the slower one to start
                    break
    assert multiprocessing.active_children() == []
    assert shot.saved_step == len(shot.steps()) > 1


def test_error_of_the_watcher_ends_all_processes(workspace, model):
    def watch(_):
        raise OutputError("the log's disk is full")

    with pytest.raises(OutputError, match="disk is full"):
        run(ProcessEngine(["cpu", "cpu"], workspace), [make_spec(model)], watch)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_bug_is_reported_with_its_words(workspace, model, capfd):
    broken = make_spec(model)
    broken = replace(broken, content=replace(broken.content, held="no pixels"))
    error = run(ProcessEngine(["cpu"], workspace), [broken])[broken.key].error
    assert isinstance(error, RuntimeError)
    assert "'painting_2.png': the process on cpu ended with 1; " in str(error)
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.slow
def test_two_processes_on_one_workspace_take_no_shot_twice(workspace, model, tmp_path):
    script = textwrap.dedent(
        f"""
        import json, sys
        sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
        from collections import Counter
        from pathlib import Path
        from medley.settings import ShotSettings
        from medley.studio.engines.jobs import Job
        from medley.studio.engines.processes import ProcessEngine
        from medley.studio.shooting.model import load_model
        from medley.workspace.store import Workspace
        from tests.test_engine import make_spec, run
        if __name__ == "__main__":
            steps = Counter()
            def watch(event):
                steps[event.key] += event.kind == "step"
            workspace = Workspace(Path({str(workspace.root)!r}))
            model = load_model(ShotSettings(precision="float32"), "cpu")
            specs = [make_spec(model, seed, steps=12) for seed in (2, 3, 4)]
            print("ready", flush=True)
            sys.stdin.readline()
            ends = run(ProcessEngine(["cpu"], workspace), specs, watch)
            errors = [str(end.error) for end in ends.values() if end.error]
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
    specs = [make_spec(model, seed, steps=12) for seed in (2, 3, 4)]
    for steps, errors in said:
        assert errors == []
        assert set(steps) == {spec.key for spec in specs}
    for spec in specs:
        assert workspace.shot(spec.key).is_finished
        # One of them took all the steps, the other none.
        assert sorted(steps[spec.key] for steps, _ in said) == [0, 13]


def as_worker(workspace, monkeypatch, job):
    """The model and the tile with which a worker takes a job."""
    taken = []

    def shoot(_, model, tile, *__):
        taken.append((model, tile))
        yield from ()

    monkeypatch.setattr(workers, "shoot", shoot)
    list(Worker(WorkerInfo("cpu.1", "cpu", workspace.root)).take(job))
    return taken[0]


def test_shot_that_lacked_memory_gets_smaller_tiles(workspace, model, monkeypatch):
    spec = make_spec(model, size=900, steps=1)
    tiles = [
        as_worker(workspace, monkeypatch, Job(spec, tile=wish, shrinks=shrinks))[1]
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
    spec = make_spec(model)
    settings = spec.settings.model_copy(update={"precision": "auto"})
    planned = replace(spec, settings=settings, precision=precision)
    assert as_worker(workspace, monkeypatch, Job(planned))[0].precision == precision
    assert (planned.key == spec.key) == (precision == "float32")


def test_network_is_loaded_once_for_many_shots(workspace, model, monkeypatch):
    loaded = []
    monkeypatch.setattr(workers, "load_model", lambda *_: loaded.append(1) or model)
    monkeypatch.setattr(workers, "shoot", lambda *_: (event for event in ()))
    worker = Worker(WorkerInfo("cpu.1", "cpu", workspace.root))
    for seed in (2, 3, 4):
        list(worker.take(Job(make_spec(model, seed))))
    assert len(loaded) == 1


def test_only_what_may_pass_is_tried_again():
    passing = [ResourceError("x"), WorkerLostError("x"), OutputError("x"), RuntimeError("x")]
    assert all(map(is_passing, passing))
    assert not any(map(is_passing, [WeightsError("x"), MedleyError("x")]))


def test_workers_are_named_and_share_their_device(workspace):
    infos = ProcessEngine(["cpu", "cuda:0", "cpu"], workspace).workers()
    assert [info.name for info in infos] == ["cpu.1", "cuda:0.1", "cpu.2"]
    assert [info.sharing for info in infos] == [2, 1, 2]


def test_auto_means_every_gpu_and_else_one_device(monkeypatch):
    have = ["cpu", "cuda", "cuda:0", "cuda:1"]
    monkeypatch.setattr(devices, "available_devices", lambda: have)
    assert devices.every_device(("auto",)) == ["cuda:0", "cuda:1"]
    assert devices.every_device(("cpu",)) == ["cpu"]
    del have[1:]
    assert devices.every_device(("auto",)) == ["cpu"]


def test_settings_make_the_engine(workspace):
    engine = open_engine(
        EngineSettings(devices="cpu", workers=3, retries=4, shrink=True), workspace
    )
    assert isinstance(engine, ProcessEngine)
    assert (engine.devices, engine.retries, engine.shrink) == (["cpu"] * 3, 4, True)


def test_a_process_is_started_only_for_several_shots_on_several_devices(workspace):
    assert isinstance(engine_for(["cpu"], workspace, 9), InlineEngine)
    assert isinstance(engine_for(["cpu", "cpu"], workspace, 1), InlineEngine)
    three = engine_for(["cpu"] * 5, workspace, 3)
    assert isinstance(three, ProcessEngine)
    assert three.devices == ["cpu"] * 3


def test_missing_ray_is_one_line(workspace, monkeypatch):
    for name in ("ray_engine", "ray_task"):
        monkeypatch.delitem(sys.modules, f"medley.studio.engines.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MedleyError, match=r"needs Ray, .*; pip install 'medley\[ray\]'"):
        open_engine(EngineSettings(engine="ray"), workspace)


def test_address_without_ray_engine_is_one_line(workspace):
    with pytest.raises(MedleyError, match="address 'auto' is Ray's; add engine ray") as caught:
        open_engine(EngineSettings(address="auto"), workspace)
    assert caught.value.worded(as_given) == "--address 'auto' is Ray's; add --engine ray"
