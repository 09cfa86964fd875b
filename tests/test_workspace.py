import csv
import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from medley.cli.words import in_options
from medley.errors import OutputError
from medley.images import decode
from medley.workspace.shot import TraceRow
from medley.workspace.store import ENCODERS, Workspace, waiting_iterates

from .conftest import draw_pixels

PIXELS = draw_pixels(8, 9, 1)


def row(step, **changes):
    values = {"seconds": 0.5, "loss": 10.25, "content": 1.0, "style": 9.0, "tv": 0.25}
    return TraceRow(step=step, visual_change=0.01, height=8, width=9, **values | changes)


def keep(recorder, step, pixels=PIXELS):
    recorder.keep(step, lambda: pixels, pixels.nbytes)


def record(workspace, key="abc", steps=3, finish=True):
    with workspace.record(key, {"settings": {"steps": steps}}) as recorder:
        for step in range(steps):
            recorder.note(row(step))
            keep(recorder, step, PIXELS + step)
        if finish:
            recorder.finish({"steps": steps - 1, "loss": 10.25})
    return workspace.shot(key)


def test_recorded_shot_reads_back_whole(tmp_path):
    shot = record(Workspace(tmp_path / "new" / "workspace"))
    assert shot.is_finished
    assert shot.steps() == [0, 1, 2]
    assert shot.step_path(2).name == "000002.png"
    assert (decode(shot.step_path(2)) == PIXELS + 2).all()
    assert shot.trace() == [row(0), row(1), row(2)]
    size = sum(shot.step_path(step).stat().st_size for step in range(3))
    assert shot.done() == {"steps": 2, "loss": 10.25, "kept": 3, "bytes": size}
    assert json.loads((shot.path / "shot.json").read_text())["settings"] == {"steps": 3}


def test_trace_has_the_columns_of_the_plan(tmp_path):
    shot = record(Workspace(tmp_path))
    with (shot.path / "trace.csv").open(newline="") as file:
        header = next(csv.reader(file))
    assert header == [
        *("step", "seconds", "loss", "content", "style", "tv"),
        *("visual_change", "height", "width"),
    ]


def test_interrupted_shot_is_unfinished_but_keeps_its_iterates(tmp_path):
    workspace = Workspace(tmp_path)
    with pytest.raises(KeyboardInterrupt), workspace.record("abc", {}) as recorder:
        for step in range(20):
            keep(recorder, step)
        raise KeyboardInterrupt
    shot = workspace.shot("abc")
    assert not shot.is_finished
    assert shot.steps() == list(range(20))


def test_unfinished_shot_starts_afresh(tmp_path):
    workspace = Workspace(tmp_path)
    record(workspace, steps=9, finish=False)
    assert record(workspace, steps=2).steps() == [0, 1]


def test_iterate_that_cannot_be_written_stops_the_shot(tmp_path, monkeypatch):
    def full(path, _, **__):
        raise OutputError(f"cannot write '{path}' (No space left on device)")

    workspace = Workspace(tmp_path)
    monkeypatch.setattr("medley.workspace.store.write_bytes", full)
    with (
        pytest.raises(OutputError, match=r"000000\.png' \(No space left"),
        workspace.record("abc", {}) as recorder,
    ):
        keep(recorder, 0)
        recorder.finish({})
    assert not workspace.shot("abc").is_finished


def test_unwritable_workspace_is_named(tmp_path):
    (tmp_path / "file").touch()
    workspace = Workspace(tmp_path / "file")
    with (
        pytest.raises(OutputError, match=r"cannot write to .*choose another workspace") as error,
        workspace.record("abc", {}),
    ):
        pass
    assert error.value.worded(in_options).endswith("choose another --workspace")
    with pytest.raises(OutputError, match=r"cannot write to .*\.abc\.lock.*another workspace"):
        workspace.claim("abc").take_now()


def test_pixels_on_their_way_are_waited_for_by_an_encoder_and_not_by_the_loop(tmp_path):
    arrived, askers = threading.Event(), []

    def wait():
        askers.append(threading.current_thread())
        assert arrived.wait(60)
        return PIXELS

    with Workspace(tmp_path).record("abc", {}) as recorder:
        recorder.keep(0, wait, PIXELS.nbytes)
        arrived.set()
        recorder.finish({})
    assert askers != [threading.current_thread()]
    assert (decode(Workspace(tmp_path).shot("abc").step_path(0)) == PIXELS).all()


def test_loop_waits_rather_than_piling_up_iterates(tmp_path, monkeypatch):
    busy = []

    def slow(path, _, **__):
        busy.append(path)
        time.sleep(0.02)

    most = waiting_iterates(PIXELS.nbytes)
    monkeypatch.setattr("medley.workspace.store.write_bytes", slow)
    with Workspace(tmp_path).record("abc", {}) as recorder:
        for step in range(most + 20):
            keep(recorder, step)
            assert step - len(busy) <= most
    assert len(busy) == most + 20


def test_few_large_iterates_wait_but_always_one():
    assert waiting_iterates(512 * 512 * 3, encoders=2) == 8
    assert waiting_iterates(2048 * 2048 * 3, encoders=2) == 5
    assert waiting_iterates(4096 * 4096 * 3, encoders=2) == waiting_iterates(10**9, encoders=2) == 1
    assert waiting_iterates(512 * 512 * 3, encoders=14) == 56
    assert waiting_iterates(4096 * 4096 * 3, encoders=14) == 9


def test_all_shots_of_a_process_share_its_encoders(tmp_path):
    askers = set()

    def pixels():
        askers.add(threading.current_thread())
        time.sleep(0.001)
        return PIXELS

    for key in ("abc", "abd", "abe", "abf"):
        with Workspace(tmp_path).record(key, {}) as recorder:
            for step in range(2 * ENCODERS):
                recorder.keep(step, pixels, PIXELS.nbytes)
    assert len(askers) <= ENCODERS


@pytest.fixture
def flushed(monkeypatch):
    """The inodes that were flushed to the disk, in turn."""
    inodes, fsync = [], os.fsync

    def flush(number):
        fsync(number)
        inodes.append(os.fstat(number).st_ino)

    monkeypatch.setattr("os.fsync", flush)
    return inodes


def test_iterates_are_on_the_disk_before_a_checkpoint_or_the_mark_counts_on_them(tmp_path, flushed):
    shot = Workspace(tmp_path).shot("abc")

    def iterates(*steps):
        return {shot.step_path(step).stat().st_ino for step in steps}

    def state():
        assert iterates(0, 1, 2) <= set(flushed)
        yield b"state"

    with Workspace(tmp_path).record("abc", {}) as recorder:
        before = len(flushed)
        for step in range(3):
            keep(recorder, step)
        recorder.wait()
        assert len(flushed) == before  # nobody waits for the disk while steps are taken
        recorder.checkpoint(state())
        between = len(flushed)
        keep(recorder, 3)
        recorder.finish({})
    late = flushed[between:]
    assert iterates(3) <= set(late)
    assert not iterates(0, 1, 2) & set(late)  # once is enough
    assert late[-1] == (shot.path / "done.json").stat().st_ino


def test_iterate_that_the_disk_refused_once_is_passed_over_by_no_later_checkpoint(
    tmp_path, monkeypatch
):
    def refuse(path):
        raise OutputError(f"cannot write '{path}' (Input/output error)")

    shot = Workspace(tmp_path).shot("abc")
    with Workspace(tmp_path).record("abc", {}) as recorder:
        keep(recorder, 0)
        with monkeypatch.context() as broken:
            broken.setattr("medley.workspace.store.flush_file", refuse)
            with pytest.raises(OutputError, match=r"000000\.png' \(Input/output error"):
                recorder.checkpoint([b"state"])
        with pytest.raises(OutputError, match=r"000000\.png' \(Input/output error"):
            recorder.checkpoint([b"state"])
        with pytest.raises(OutputError, match=r"000000\.png' \(Input/output error"):
            recorder.finish({})
    assert not shot.state_path.exists()
    assert not shot.is_finished


def test_resuming_removes_what_is_newer_than_the_checkpoint_whatever_is_left_of_it(tmp_path):
    workspace = Workspace(tmp_path)
    shot = record(workspace, steps=6, finish=False)
    for step in (3, 4):
        os.truncate(shot.step_path(step), 0)  # as a power cut leaves them
    with workspace.record("abc", {}, begun=3) as recorder:
        assert shot.steps() == [0, 1, 2]
        recorder.note(row(3))
        keep(recorder, 3)
        recorder.finish({})
    assert shot.is_finished
    assert (decode(shot.step_path(3)) == PIXELS).all()


def test_torn_files_are_named_with_a_way_out(tmp_path):
    shot = record(Workspace(tmp_path))
    (shot.path / "done.json").write_text('{"steps": ')
    with pytest.raises(OutputError, match=r"done\.json' is unreadable .* to start over"):
        shot.done()
    (shot.path / "trace.csv").write_text("step,loss\n0,1\n")
    with pytest.raises(OutputError, match=r"trace\.csv' is unreadable"):
        shot.trace()


def test_shot_that_has_lost_something_is_no_longer_finished(tmp_path):
    workspace = Workspace(tmp_path)
    shot = record(workspace)
    shot.step_path(2).unlink()
    assert not shot.is_finished
    (record(workspace).path / "done.json").write_text("{")
    assert not shot.is_finished
    assert record(workspace).is_finished


def test_claimed_shot_is_waited_for_and_a_dead_owner_frees_it(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from medley.workspace.store import Workspace\n"
    )
    code += "with Workspace(Path(sys.argv[1])).claim('abc') as claim:\n"
    code += "    print(claim.take_now(), flush=True); time.sleep(600)"
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "True\n"
    entered, waited = threading.Event(), threading.Event()

    def enter():
        with Workspace(tmp_path).claim("abc") as claim:
            assert not claim.take_now()
            waited.set()
            claim.wait()
            entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert waited.wait(10)
    assert not entered.wait(0.3)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    waiting.join(timeout=10)
    assert entered.is_set()
    with Workspace(tmp_path).claim("abc") as claim:
        assert claim.take_now()  # the one that waited has let go


def test_every_pixel_value_survives(tmp_path):
    values = np.arange(256 * 3, dtype=np.uint16).astype(np.uint8).reshape(16, 16, 3)
    workspace = Workspace(tmp_path)
    with workspace.record("abc", {}) as recorder:
        keep(recorder, 0, values)
    assert (decode(workspace.shot("abc").step_path(0)) == values).all()
