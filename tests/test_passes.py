"""A worker takes several small shots at once; each still ends on its own."""

import contextlib
import multiprocessing
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from medley.errors import OutputError, RoomError, WeightsError
from medley.images import decode
from medley.settings.manifest import read_manifest
from medley.studio.batches.schedule import plan_batch
from medley.studio.engine import Job, LocalEngine
from medley.studio.engines import worker as workers
from medley.studio.engines.jobs import Place
from medley.studio.engines.worker import Worker
from medley.studio.shooting.checkpoint import saved_step
from medley.studio.shooting.device import Device
from medley.studio.shooting.passes import MOST_AT_ONCE, shots_a_pass
from medley.transfer import together
from medley.workspace import Workspace

from .test_crew import OPTIONS, pixels, shots
from .test_engine import kill_once, make_take, run
from .test_render import run as run_command

CPU = torch.device("cpu")
GPUS = [Device("cuda:0"), Device("cuda:1")]


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


@pytest.mark.parametrize(
    ("wish", "side", "crew", "count", "expected"),
    [
        ("auto", 256, GPUS, 20, 4),
        ("auto", 64, GPUS, 100, MOST_AT_ONCE),
        ("auto", 64, GPUS, 6, 3),  # or the second would have nothing to do
        ("auto", 64, GPUS, 1, 1),
        ("auto", 512, GPUS, 20, 1),
        ("auto", 64, [*GPUS, Device("cpu")], 20, 1),
        ("auto", 64, [CPU], 20, 1),
        (5, 64, [CPU], 20, 5),
        (5, 64, [CPU], 2, 2),
        (5, 64, [CPU, CPU], 5, 3),
    ],
)
def test_small_shots_fill_a_gpu_and_every_worker_gets_its_share(wish, side, crew, count, expected):
    assert shots_a_pass(wish, side, side, crew, count) == expected


def test_only_shots_of_one_size_and_network_pass_together(workspace, camera):
    job, like = (Job(make_take(workspace, camera, seed)) for seed in (2, 3))
    assert job.passes_with(like)
    assert not job.passes_with(replace(like, deterministic=True))
    assert not job.passes_with(Job(make_take(workspace, camera, 3, size=48)))
    assert not job.passes_with(Job(make_take(workspace, camera, 3, bits=4)))
    scene = replace(like.take.scene, start=job.take.shot)
    assert not job.passes_with(replace(like, take=replace(like.take, scene=scene)))


def test_worker_takes_its_jobs_in_one_pass(workspace, camera, tmp_path, monkeypatch):
    passes = Counter()
    judge = together.judge_together

    def counting(objectives, *rest):
        passes[len(objectives)] += 1
        return judge(objectives, *rest)

    monkeypatch.setattr(together, "judge_together", counting)
    takes = [make_take(workspace, camera, seed, steps=6) for seed in (2, 3, 4)]
    events, ends = [], {}
    worker = Worker(Place("cpu.1", "cpu", workspace.root))
    jobs = [Job(take) for take in takes]
    worker.take_all(jobs, events.append, lambda job, error: ends.update({job.key: error}))
    assert ends == {take.shot.key: None for take in takes}
    assert passes[3] >= 4  # a thread may come late to the first of them
    alone = Workspace(tmp_path / "alone")
    for take in takes:
        steps = [
            event.step for event in events if (event.key, event.kind) == (take.shot.key, "step")
        ]
        assert steps == list(range(7))
        workers.take_one(take, camera, alone, id, pytest.fail)
        one, other = (where.shot(take.shot.key).step_path(6) for where in (workspace, alone))
        assert np.abs(decode(one) - decode(other).astype(float)).mean() < 0.5


def test_tiled_shots_of_one_batch_are_taken_one_after_another(workspace, camera):
    takes = [make_take(workspace, camera, seed, size=64, steps=2) for seed in (2, 3)]
    worker = Worker(Place("cpu.1", "cpu", workspace.root))
    keys, ends = [], []
    worker.take_all(
        [Job(take, 32) for take in takes],
        lambda event: event.kind == "step" and keys.append(event.key),
        lambda job, error: ends.append((job.key, error)),
    )
    assert ends == [(take.shot.key, None) for take in takes]
    assert keys == [take.shot.key for take in takes for _ in range(3)]


def test_what_fails_in_a_batch_fails_alone(workspace, camera):
    wrong = replace(make_take(workspace, camera), shot=workspace.shot("0" * 24))
    locked, right = (make_take(workspace, camera, seed) for seed in (3, 4))
    (workspace.root / "shots" / f".{locked.shot.key}.lock").mkdir(parents=True)
    outcomes = run(LocalEngine([CPU], workspace), [wrong, locked, right], batch_size=3)
    assert isinstance(outcomes["0" * 24].error, WeightsError)
    assert isinstance(outcomes[locked.shot.key].error, OutputError)
    assert outcomes[right.shot.key].error is None
    assert right.shot.is_finished


@pytest.mark.slow
def test_killed_batch_is_tried_again_one_by_one(workspace, camera):
    takes = [make_take(workspace, camera, seed, steps=20) for seed in (2, 3)]
    kinds = []
    strike = kill_once(takes[0].shot.key, 5)

    def watch(event):
        kinds.append((event.key, event.kind))
        strike(event)

    outcomes = run(LocalEngine([CPU], workspace, retries=1), takes, watch, batch_size=2)
    first, second = (take.shot.key for take in takes)
    assert [outcomes[key].attempts for key in (first, second)] == [2, 2]
    assert [outcomes[key].error for key in (first, second)] == [None, None]
    assert kinds[:2] == [(first, "started"), (second, "started")]
    after = kinds[kinds.index((second, "retry")) :]
    assert after.index((second, "started")) > after.index((first, "step"))


@pytest.mark.slow
def test_killed_batch_that_is_tried_no_more_is_reported_whole(workspace, camera):
    takes = [make_take(workspace, camera, seed, steps=20) for seed in (2, 3)]
    strike = kill_once(takes[0].shot.key, 5)
    outcomes = run(LocalEngine([CPU], workspace), takes, strike, batch_size=2)
    for take in takes:
        error = outcomes[take.shot.key].error
        assert isinstance(error, RoomError)
        assert f"'{take.painting.path}'" in str(error)


@pytest.mark.slow
def test_closing_leaves_a_checkpoint_of_every_shot_of_a_batch(workspace, camera):
    takes = [make_take(workspace, camera, seed, steps=5000) for seed in (2, 3)]
    steps = Counter()

    def watch(event):
        steps[event.key] += event.kind == "step"
        if len(steps) == 2 and min(steps.values()) > 2:
            raise OutputError("enough")

    engine = LocalEngine([CPU], workspace)
    jobs = (Job(take, batch_size=2) for take in takes)
    with (
        pytest.raises(OutputError, match="enough"),
        contextlib.closing(engine.run(jobs, watch)) as outcomes,
    ):
        next(outcomes)
    assert multiprocessing.active_children() == []
    assert all(saved_step(take.shot.state_path) > 2 for take in takes)


@pytest.mark.slow
def test_render_on_two_devices_takes_two_paintings_a_pass(make_picture):
    place = make_picture().parent
    for seed in (2, 3, 4):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    command = [*OPTIONS, "--steps", "3", "--device", "cpu,cpu", "--batch-size", "2"]
    said = run_command(*command, cwd=place)
    assert len(pixels(place / "outputs/workspace")) == 12
    assert all(shot.is_finished for shot in shots(place / "outputs/workspace"))
    assert (place / "outputs/photo-medley.mp4").exists()
    assert "painting 3/3" in said.stderr


@pytest.mark.parametrize(("line", "expected"), [("batch_size = 2\n", 2), ("", 1)])
def test_manifest_says_how_many_shots_of_a_film_pass_together(make_picture, line, expected):
    place = make_picture().parent
    for seed in (2, 3, 4):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    path = place / "films.toml"
    path.write_text(f'[[film]]\ncontent = "photo.png"\nstyles = "styles"\nsize = 48\n{line}')
    schedule = plan_batch(read_manifest(path), [Device("cpu")], False, lambda _: None)
    assert [job.batch_size for job in schedule.jobs.values()] == [expected] * 3
