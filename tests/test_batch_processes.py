"""Batches as they are started: with worker processes, killed, and two at once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medley.workspace.store import Workspace

from .test_batch import DEFAULTS
from .test_processes import wait_until_gone, workers_of

pytestmark = pytest.mark.slow

FILM = '[[film]]\nsteps = 12\ncontent = "{}.png"\noutput = "outputs/{}.mp4"\n'
BATCHES = {
    "apart": FILM.format("photo", "one") + FILM.format("tall", "two"),
    "in rows": FILM.format("photo", "one")
    + 'transition = "chain"\n'
    + FILM.format("tall", "two")
    + 'kind = "walk"\nseconds_per_painting = 0.4\n',
}
"""Two films of two shots each, which go on from one another or do not."""


@pytest.fixture(params=BATCHES.values(), ids=BATCHES)
def place(make_picture, tmp_path, request) -> Path:
    make_picture("photo.png", height=41, width=50)
    make_picture("tall.png", height=50, width=40, seed=9)
    for seed in (2, 3):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    (tmp_path / "films.toml").write_text(DEFAULTS + request.param, "utf-8")
    return tmp_path


def start(place, log):
    command = [sys.executable, "-m", "medley", "batch", "films.toml", "--log-json", log]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MEDLEY_CACHE": str(place / "cache")}
    return subprocess.Popen(
        command,
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()
    return out.decode().split()


def shots_stepped(log):
    """Keys of the shots of which this batch took a step after the first."""
    events = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return {one["key"] for one in events if one["event"] == "step" and one["step"]}


def done_files(place):
    return {path: path.stat().st_mtime_ns for path in place.glob("shots/shots/*/done.json")}


def test_a_killed_batch_goes_on_where_it_was(place):
    first = start(place, "first.jsonl")
    until = time.monotonic() + 200
    while not done_files(place) and first.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    done = done_files(place)
    assert done
    films = finish(start(place, "second.jsonl"))
    assert films == ["outputs/one.mp4", "outputs/two.mp4"]
    assert all((place / film).is_file() for film in films)
    assert done.items() <= done_files(place).items()
    assert len(done_files(place)) == 4
    assert not {path.parent.name for path in done} & shots_stepped(place / "second.jsonl")


def test_two_batches_share_the_work_and_take_no_shot_twice(place):
    both = [start(place, f"{name}.jsonl") for name in ("one", "two")]
    for process in both:
        assert len(finish(process)) == 2
    one, two = (shots_stepped(place / f"{name}.jsonl") for name in ("one", "two"))
    assert not one & two
    assert len(one | two) == len(done_files(place)) == 4


ENDS = {
    signal.SIGINT: (130, "Interrupted"),
    signal.SIGTERM: (143, "Ended by SIGTERM"),
    signal.SIGUSR1: (128 + signal.SIGUSR1, "Ended by SIGUSR1"),
}


APART, IN_ROWS = BATCHES.values()


@pytest.mark.parametrize(
    ("place", "number", "to_all"),
    [
        (APART, signal.SIGINT, True),  # by a terminal
        (APART, signal.SIGTERM, True),  # by Slurm
        (IN_ROWS, signal.SIGTERM, False),  # by Kubernetes
        (APART, signal.SIGUSR1, True),
        (IN_ROWS, signal.SIGUSR1, False),
    ],
    ids=["all INT", "all TERM", "first TERM", "all USR1", "first USR1"],
    indirect=["place"],
)
def test_a_batch_that_is_asked_to_end_leaves_a_checkpoint_and_no_process(place, number, to_all):
    films = place / "films.toml"
    films.write_text(films.read_text("utf-8").replace("steps = 12", "steps = 4000"), "utf-8")
    process = start(place, "log.jsonl")
    workspace = Workspace(place / "shots")
    until = time.monotonic() + 200
    while not any(len(shot.steps()) > 2 for shot in workspace.shots()):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    workers = workers_of(process)
    (os.killpg if to_all else os.kill)(process.pid, number)
    if number == signal.SIGUSR1:  # Slurm then goes on
        process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1].decode()
    code, words = ENDS[number]
    assert process.returncode == code
    assert "Traceback" not in said
    kept = "what was shot is kept, and the same command goes on from there"
    assert said.endswith(f"{words}; {kept}.\n")
    assert workers
    wait_until_gone(workers)
    (shot,) = workspace.shots()
    assert shot.saved_step == len(shot.steps()) > 2
    assert list(workspace.folder.glob("*.batch")) == []
