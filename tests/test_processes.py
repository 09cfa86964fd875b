"""Several processes at once leave what one leaves, and stop as one does."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console

from medley.cli.progress import display
from medley.cli.words import as_given
from medley.errors import MedleyError
from medley.events import Event
from medley.studio.shooting import resources
from medley.studio.shooting.devices import name_devices, one_device
from medley.workspace.shot import Shot

from .test_render import run

OPTIONS = (
    *("render", "--content", "photo.png", "--styles", "styles", "--size", "40", "--fps", "10"),
    *("--seconds-per-painting", "1.5", "--hold", "0.3", "--precision", "float32", "--force"),
)


@pytest.fixture
def place(make_picture, tmp_path):
    """A folder with a photo and three paintings."""
    make_picture("photo.png", height=41, width=50)
    for seed in (2, 3, 4):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    return tmp_path


def shots(root):
    return [Shot(path.name, path) for path in sorted((root / "shots").glob("[!.]*"))]


def pixels(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("steps/*.png")}


def test_processes_come_to_the_same_pixels_and_film_as_one_process(place):
    run(*OPTIONS, "--steps", "4", "--workspace", "one", "--output", "one.mp4", cwd=place)
    two = run(
        *(*OPTIONS, "--steps", "4", "--workspace", "two", "--output", "two.mp4"),
        *("--device", "cpu,cpu"),
        cwd=place,
    )
    assert len(pixels(place / "two")) == 15
    assert pixels(place / "one") == pixels(place / "two")
    assert (place / "one.mp4").read_bytes() == (place / "two.mp4").read_bytes()
    for number in (1, 2, 3):
        assert f"painting {number}/3 photo, painting {number + 1}: loss" in two.stderr
    for shot in shots(place / "two"):
        with (shot.path / "trace.csv").open(newline="") as file:
            assert [row["step"] for row in csv.DictReader(file)] == list("01234")


@pytest.mark.slow
def test_sweep_spreads_its_shots_over_a_crew(place, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(place / "none"))  # or the float original would join
    sweep = ["sweep", *OPTIONS[1:3], "--style", "styles/painting_2.png", *OPTIONS[5:-1]]
    sweep += ["--bits", "8,4", "--steps", "2"]
    run(*sweep, "--workspace", "one", "--output", "one.mp4", cwd=place)
    run(*sweep, "--workspace", "two", "--output", "two.mp4", "--device", "cpu,cpu", cwd=place)
    assert len(pixels(place / "two")) == 6
    assert pixels(place / "one") == pixels(place / "two")


def test_one_missing_shot_starts_no_process(place, monkeypatch):
    run(*OPTIONS, "--steps", "2", "--device", "cpu,cpu", cwd=place)
    shot = shots(place / "outputs/workspace")[0]
    (shot.path / "done.json").unlink()
    monkeypatch.setattr("multiprocessing.get_context", pytest.fail)
    again = run(*OPTIONS, "--steps", "2", "--device", "cpu,cpu", cwd=place)
    assert "2 shots found finished" in again.stderr
    assert "float32 on cpu;" in again.stderr
    assert shot.is_finished


@pytest.mark.slow
def test_error_in_one_process_is_one_line_and_keeps_the_others_shots(place):
    run(*OPTIONS, "--steps", "2", cwd=place)
    works = json.loads((place / "outputs/photo-medley.json").read_text())["paintings"]
    first, second, third = (
        Shot(work["shot"], place / "work/shots" / work["shot"]) for work in works
    )
    lock = place / f"work/shots/.{third.key}.lock"
    lock.mkdir(parents=True)
    failed = run(
        *(*OPTIONS, "--steps", "2", "--workspace", "work", "--device", "cpu,cpu"),
        cwd=place,
        expect=1,
    )
    errors = [line for line in failed.stderr.splitlines() if "Error" in line]
    assert len(errors) == 1
    assert errors[0].startswith("Error: 'styles/painting_4.png': cannot write to 'work/shots/.")
    assert first.is_finished or second.is_finished
    lock.rmdir()
    run(*OPTIONS, "--steps", "2", "--workspace", "work", "--device", "cpu,cpu", cwd=place)
    assert all(shot.is_finished for shot in shots(place / "work"))


@pytest.fixture
def long_run(place):
    """A process whose two workers have both begun shots without an end in sight."""
    process = subprocess.Popen(
        [sys.executable, "-m", "medley", *OPTIONS, "--steps", "5000", "--device", "cpu,cpu"],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    root = place / "outputs/workspace"
    try:
        deadline = time.monotonic() + 240
        while sum(len(shot.steps()) >= 3 for shot in shots(root)) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process, root
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def workers_of(process):
    """The processes that a process has spawned to take shots."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("needs Linux's /proc")
    pids = [int(pid) for pid in children.read_text().split()]
    return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_until_gone(pids):
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["terminal", "parent"])
def test_interrupted_crew_leaves_checkpoints_of_all_its_shots(long_run, how):
    process, root = long_run
    workers = workers_of(process)
    assert len(workers) == 2
    if how == "terminal":  # sends the signal to all of the processes
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    assert said.endswith("the same command goes on from there.\n")
    wait_until_gone(workers)
    begun = shots(root)
    assert len(begun) == 2
    for shot in begun:
        assert shot.saved_step == len(shot.steps()) >= 3


@pytest.mark.slow
def test_processes_whose_parent_is_killed_leave_checkpoints_and_end(long_run):
    process, root = long_run
    workers = workers_of(process)
    process.kill()
    wait_until_gone(workers)
    for shot in shots(root):
        assert shot.saved_step == len(shot.steps()) >= 3


@pytest.mark.slow
def test_process_that_the_system_kills_is_named_and_the_others_stop(long_run):
    process, root = long_run
    workers = workers_of(process)
    os.kill(workers[0], signal.SIGKILL)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "the system ended the process on cpu (signal 9)" in said.splitlines()[-1]
    assert "Error: 'styles/painting_" in said.splitlines()[-1]
    wait_until_gone(workers)
    assert sum(bool(shot.saved_step) for shot in shots(root)) == 1


START = """
import multiprocessing, os, signal, sys, threading
from pathlib import Path
from medley.studio.engines.jobs import WorkerInfo
from medley.studio.engines.worker_main import worker_main
threading.Thread.start = lambda _: os.kill(os.getpid(), signal.SIGTERM)
worker_main(multiprocessing.Pipe()[0], WorkerInfo("cpu.1", "cpu", Path("shots")), (1, 1))
"""


def test_process_that_is_told_to_end_while_it_starts_leaves_no_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", START], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_list_of_devices_is_read_in_its_order():
    assert name_devices(["cpu"]) == ["cpu"]
    assert name_devices(["cpu", "cpu"]) == ["cpu", "cpu"]
    with pytest.raises(MedleyError) as caught:
        one_device(["cpu", "cpu"])
    assert caught.value.worded(as_given).startswith(
        "--device cpu,cpu names several, and one is of use here"
    )


def test_processes_on_one_device_share_its_memory(monkeypatch):
    free = {"cpu": 8_000_000_000, "cuda:0": 5_000_000_000, "cuda:1": 9_000_000_000}
    monkeypatch.setattr(resources, "free_memory", free.get)
    cpu, first, second = free
    assert resources.free_memory_each([cpu]) == 8_000_000_000 - 650_000_000
    assert resources.free_memory_each([cpu, cpu]) == 8_000_000_000 // 2 - 650_000_000
    assert resources.free_memory_each([second, first]) == 5_000_000_000 - 600_000_000
    assert resources.free_memory_each([first, first, second]) == 5_000_000_000 // 2 - 600_000_000


def test_time_left_is_shared_by_those_at_work(monkeypatch):
    monkeypatch.setattr("medley.cli.progress._REFRESH_S", 0.0)
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, color_system=None, width=120)
    titles = {"a": "painting 1", "b": "painting 2", "c": "painting 3"}
    with display(console=console) as show:
        show.expect_shots("painting", titles, dict.fromkeys(titles, 100))
        for step in range(11):
            for key, worker in (("a", "cpu.1"), ("b", "cpu.2")):
                at = {"step": step, "steps": 100, "loss": 1.0, "seconds": 2.0 * step}
                show.on(Event("step", key, titles[key], worker, "cpu", **at))
    last = re.findall(r"([0-9.]+) s/step +([0-9:]+) left", shown.getvalue())[-1]
    assert last == ("2.00", "4:40")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_two_processes_on_one_gpu_finish_all_shots(place):
    run(*OPTIONS, "--steps", "4", "--device", "cuda:0,cuda:0", cwd=place)
    assert all(shot.is_finished for shot in shots(place / "outputs/workspace"))
    assert len(pixels(place / "outputs/workspace")) == 15
