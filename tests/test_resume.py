"""Shots that are stopped at any moment come to the same pixels as those that are not."""

import contextlib
import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.torch

from medley.errors import OutputError
from medley.files import safetensors_header, sha256
from medley.studio.shooting import checkpoint
from medley.studio.shooting.problem import iterate
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace

from .specs import small_spec, take

STEPS = 24  # more than the moves that L-BFGS remembers
SHORT = 10


class Pulled(BaseException):
    """Ends a shot where it stands, as a key press may."""


@pytest.fixture
def always(monkeypatch):
    """Let a checkpoint follow every iterate."""
    monkeypatch.setattr(checkpoint, "INTERVAL_S", 0)
    monkeypatch.setattr(checkpoint, "LARGEST_SHARE", math.inf)


def left(shot: Shot):
    """All that a shot leaves, but for the time it took."""
    found = {path.name: path.read_bytes() for path in (shot.path / "steps").iterdir()}
    found["shot.json"] = (shot.path / "shot.json").read_bytes()
    found["done"] = {name: value for name, value in shot.done().items() if name != "seconds"}
    with (shot.path / "trace.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    found["trace"] = [[*row[:1], *row[2:]] for row in rows]
    seconds = [float(row[1]) for row in rows[1:]]
    assert seconds == sorted(seconds)
    names = sorted(path.name for path in shot.path.iterdir())
    assert names == ["SHA256SUMS", "done.json", "shot.json", "steps", "trace.csv"]
    return found


def pull_after(step):
    def watch(event):
        if event.step == step:
            raise Pulled

    return watch


def stop(root, model, what, step):
    with pytest.raises(Pulled):
        take(root, model, what, pull_after(step))
    return Workspace(root).shot(what.key)


@pytest.fixture(scope="module", params=["lbfgs", "adam"])
def whole(request, tmp_path_factory, model):
    """A spec, and what its shot leaves when nothing stops it."""
    what = small_spec(steps=STEPS, optimizer=request.param, keep_every=2, tv_weight=5)
    return what, left(take(tmp_path_factory.mktemp("whole"), model, what))


@pytest.fixture(scope="module")
def short(tmp_path_factory, model):
    """The same of a shorter one."""
    what = small_spec(steps=SHORT, keep_every=2)
    return what, left(take(tmp_path_factory.mktemp("short"), model, what))


def test_interrupted_shot_goes_on_to_the_same_pixels(tmp_path, model, whole):
    what, expected = whole
    for step in (0, 9, STEPS - 1):
        shot = stop(tmp_path / str(step), model, what, step)
        assert shot.state_path.is_file()
        seen = []
        assert left(take(tmp_path / str(step), model, what, seen.append)) == expected
        assert [event.step for event in seen] == list(range(step + 1, STEPS + 1))


def test_shot_stopped_again_and_again_comes_to_the_same_pixels(tmp_path, model, whole):
    what, expected = whole
    for step in (3, 4, 15, 23, STEPS):
        stop(tmp_path, model, what, step)
    assert left(take(tmp_path, model, what)) == expected


def copy_if_there(source, target):
    """Copy a file, unless it is a part file that has got its name since the folder was listed."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(source, target)


@pytest.mark.usefixtures("always")
def test_disk_as_it_is_at_any_moment_can_be_gone_on_with(tmp_path, model, short):
    what, expected = short

    def photograph(event):
        if event.step % 2 == 0:  # encoders are at work meanwhile, as when the power fails
            there = tmp_path / f"at {event.step}"
            shutil.copytree(tmp_path / "live", there, copy_function=copy_if_there)

    take(tmp_path / "live", model, what, photograph)
    for step in range(0, SHORT, 2):
        assert left(take(tmp_path / f"at {step}", model, what)) == expected


def test_seconds_go_on_from_those_spent(tmp_path, model):
    what = small_spec(steps=SHORT)
    shot = stop(tmp_path, model, what, 4)
    spent = shot.trace()[4].seconds
    time.sleep(1)
    take(tmp_path, model, what)
    rows = shot.trace()
    assert spent < rows[5].seconds < spent + 1
    assert shot.done()["seconds"] == pytest.approx(rows[-1].seconds, abs=1e-3)


def test_rows_and_iterates_after_the_checkpoint_are_written_anew(tmp_path, model, short):
    what, expected = short
    shot = stop(tmp_path, model, what, 8)
    with (shot.path / "trace.csv").open("a", newline="") as file:
        file.write("9,1,2,3,4,5,6,24,32\r\n10,1,2")
    for step in (9, 10):
        shot.step_path(step).write_bytes(b"")  # as a power cut leaves them
    (shot.path / ".state-0123abcd.part.safetensors").write_bytes(b"torn")
    (shot.path / "steps" / ".000010-0123abcd.part.png").write_bytes(b"torn")
    assert left(take(tmp_path, model, what)) == expected


def test_failed_iterate_is_not_passed_over_by_a_checkpoint(tmp_path, model, short, monkeypatch):
    what, expected = short
    from medley.workspace import store as workspace

    write = workspace.write_bytes

    def full(path, data, **how):
        if path.name == "000008.png":
            raise OutputError(f"cannot write '{path}' (No space left on device)")
        write(path, data, **how)

    stop(tmp_path, model, what, 4)
    with monkeypatch.context() as broken, pytest.raises(OutputError, match=r"000008\.png"):
        broken.setattr(workspace, "write_bytes", full)
        take(tmp_path, model, what)
    seen = []
    assert left(take(tmp_path, model, what, seen.append)) == expected
    assert seen[0].step == 5


def rewrite(path, change):
    """Write a checkpoint anew with a change to its tensors, and a digest that fits."""
    with safetensors.safe_open(path, framework="np") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys() if name != "sha256"}  # noqa: SIM118
    change(metadata, tensors)
    names = {np.dtype(np.float32): "F32", np.dtype(np.int64): "I64"}
    entries = [(name, names[x.dtype], x.shape, x.nbytes) for name, x in tensors.items()]
    head = safetensors_header([*entries, ("sha256", "U8", [32], 32)], metadata)
    data = head + b"".join(x.tobytes() for x in tensors.values())
    path.write_bytes(data + bytes.fromhex(sha256(data)))


def reshape(_, tensors):
    tensors["image"] = tensors["image"].reshape(1, 3, 32, 24)


def forget(_, tensors):
    del tensors[next(name for name in tensors if name.startswith("mover."))]


def outrun(metadata, _):
    metadata["position"] = json.dumps({"step": 5, "seconds": 1, "sun": "high"})


def age(metadata, _):
    metadata["stamp"] = metadata["stamp"].replace('"version": 1', '"version": 0')


SPOILT = {
    "torn": (lambda shot: os.truncate(shot.state_path, 3000), "torn or was changed"),
    "empty": (lambda shot: os.truncate(shot.state_path, 0), "torn or was changed"),
    "of other shapes": (lambda shot: rewrite(shot.state_path, reshape), "does not fit"),
    "of another optimizer": (lambda shot: rewrite(shot.state_path, forget), "does not fit"),
    "of another kind": (lambda shot: rewrite(shot.state_path, outrun), "no checkpoint of medley"),
    "of another version": (lambda shot: rewrite(shot.state_path, age), "another version or"),
    "without shot.json": (
        lambda shot: (shot.path / "shot.json").unlink(),
        r"shot\.json' is missing or torn",
    ),
    "of another shot.json": (
        lambda shot: (shot.path / "shot.json").write_text('{"recipe": 0}'),
        r"shot\.json' describes another shot",
    ),
    "without an iterate": (lambda shot: shot.step_path(4).unlink(), r"000004\.png' is missing"),
    "without its trace": (lambda shot: (shot.path / "trace.csv").unlink(), "lacks steps before"),
    "with half a trace": (
        lambda shot: os.truncate(shot.path / "trace.csv", 300),
        r"trace\.csv' lacks steps before 8",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_spoilt_checkpoint_starts_the_shot_over_and_says_so(tmp_path, model, short, how):
    what, expected = short
    spoil, words = SPOILT[how]
    shot = stop(tmp_path, model, what, 7)
    spoil(shot)
    told, seen = [], []
    assert left(take(tmp_path, model, what, seen.append, told.append)) == expected
    assert seen[0].step == 0
    assert len(told) == 1
    assert told[0].endswith("; this shot starts over")
    with pytest.raises(ValueError, match=words):
        raise ValueError(told[0])


def test_shot_without_a_checkpoint_starts_over(tmp_path, model, short):
    what, expected = short
    shot = stop(tmp_path, model, what, 7)
    shot.state_path.unlink()
    assert left(take(tmp_path, model, what)) == expected


@pytest.mark.usefixtures("always")
def test_full_disk_stops_the_shot_and_leaves_the_last_checkpoint(tmp_path, model, monkeypatch):
    what = small_spec(steps=SHORT)
    written = []

    def full(state, stamp):
        if state.step == 8:
            yield b"begun"
            raise OSError(28, "No space left on device")
        written.append(state.step)
        yield from checkpoint_pack(state, stamp)

    checkpoint_pack = checkpoint.pack
    with monkeypatch.context() as broken:
        broken.setattr(checkpoint, "pack", full)
        with pytest.raises(OutputError, match=r"state\.safetensors' \(No space left"):
            take(tmp_path, model, what)
    shot = Workspace(tmp_path).shot(what.key)
    assert shot.saved_step == written[-1] == 7
    assert list(shot.path.glob(".*")) == []
    assert take(tmp_path, model, what).is_finished


RUN = """
import math, sys
from medley.cli import main
from medley.studio.shooting import checkpoint
checkpoint.INTERVAL_S, checkpoint.LARGEST_SHARE = float(sys.argv[1]), math.inf
main(sys.argv[2:])
"""


def start(place, workspace, steps, interval_s=0.0, output="film.mp4"):
    """Begin a render in a process of its own, with checkpoints as often as wished."""
    command = ["render", "--content", "photo.png", "--styles", "styles", "--size", "40", "--fps"]
    command += ["10", "--seconds-per-painting", "1.5", "--hold", "0.3", "--steps", str(steps)]
    command += ["--workspace", workspace, "--force", "--output", f"{workspace}/{output}"]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(interval_s), *command],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def end(process):
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    return said


def wait_for(place, pattern, count):
    deadline = time.monotonic() + 60
    while len(list(place.glob(pattern))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def place(make_picture, tmp_path):
    make_picture("photo.png", height=41, width=50)
    for seed in (2, 3):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    return tmp_path


STATES, STEP_FILES = "{}/shots/*/state.safetensors", "{}/shots/*/steps/0*.png"


@pytest.mark.slow
def test_run_killed_at_random_moments_leaves_what_an_unkilled_one_does(place):
    rng = np.random.default_rng()
    end(start(place, "whole", steps=25))
    for count in (6, 32):
        process = start(place, "killed", steps=25)
        wait_for(place, STEP_FILES.format("killed"), count)
        wait_for(place, STATES.format("killed"), 1)
        time.sleep(rng.random() * 0.1)
        process.kill()
        assert process.communicate(timeout=60)[1].count("starts over") == 0
        assert process.returncode == -signal.SIGKILL
    assert "starts over" not in end(start(place, "killed", steps=25))
    whole, killed = Workspace(place / "whole"), Workspace(place / "killed")
    keys = sorted(path.name for path in (whole.root / "shots").glob("[!.]*"))
    assert keys == sorted(path.name for path in (killed.root / "shots").glob("[!.]*"))
    assert len(keys) == 2
    for key in keys:
        assert left(killed.shot(key)) == left(whole.shot(key))
    assert (place / "whole/film.mp4").read_bytes() == (place / "killed/film.mp4").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_tells_of_it_and_goes_on(place, number, code):
    process = start(place, "work", steps=400, interval_s=30)
    wait_for(place, STEP_FILES.format("work"), 20)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == code
    assert "what was shot is kept, and the same command goes on from there" in said
    (shot,) = [shot for shot in Workspace(place / "work").shots() if shot.saved_step]
    assert shot.saved_step >= 15
    process = start(place, "work", steps=400, interval_s=30)
    said = process.stderr.readline()
    assert "0 shots found finished, 1 begun" in said
    process.kill()
    process.communicate()


@pytest.fixture
def pair(place):
    """A process that has begun a shot, asleep, and another one that waits for it."""
    first = start(place, "work", steps=12, output="first.mp4")
    wait_for(place, STEP_FILES.format("work"), 3)
    first.send_signal(signal.SIGSTOP)
    second = start(place, "work", steps=12, output="second.mp4")
    while "waiting" not in (line := second.stderr.readline()):
        assert line, "it did not wait"
    assert (
        line == "warning: 'styles/painting_2.png': another process is taking this shot; waiting\n"
    )
    yield first, second
    for process in (first, second):
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_second_process_waits_for_the_first_and_finds_the_shot_finished(place, pair):
    first, second = pair
    first.send_signal(signal.SIGCONT)
    end(first)
    assert "painting 1/2" not in end(second)
    assert (place / "work/first.mp4").read_bytes() == (place / "work/second.mp4").read_bytes()


@pytest.mark.slow
def test_second_process_goes_on_where_the_first_was_killed(place, pair):
    first, second = pair
    first.kill()
    assert "starts over" not in end(second)
    shots = [Shot(path.name, path) for path in (place / "work/shots").glob("[!.]*")]
    assert len(shots) == 2
    for shot in shots:
        assert [row.step for row in shot.trace()] == shot.steps() == list(range(13))


def test_state_that_is_held_keeps_no_more_than_the_run_does(model):
    states = [current.state for current in iterate(small_spec(steps=STEPS), model)]
    assert states[-1] is None
    pictures = [tensor for tensor in states[-2].tensors.values() if tensor.dim()]
    assert len({tensor.data_ptr() for tensor in pictures}) <= 2 * 20 + 4
