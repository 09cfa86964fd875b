"""Damaged files of every kind are read or refused in one line; a short slice of `scripts/fuzz`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def fuzz(*arguments):
    command = [sys.executable, str(ROOT / "scripts" / "fuzz"), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture
def doors(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from fuzzing import doors

    return doors


def test_damaged_files_of_every_kind_are_read_or_refused_in_one_line():
    done = fuzz("--count", "400", "--seconds", "30")
    assert done.returncode == 0, done.stdout
    counts = [line.split() for line in done.stdout.splitlines()]
    told = {(kind, answer): int(count) for count, kind, answer in counts}
    assert {kind for kind, _ in told} == {
        "clips",
        "pictures",
        "settings",
        "sounds",
        "tables",
        "weights",
    }
    assert told["pictures", "read"] > 30
    assert told["pictures", "refused"] > 30


def test_file_that_takes_too_long_is_a_fault():
    done = fuzz("--count", "1", "--patience", "0")
    assert done.returncode == 1
    assert "it took over 0 s" in done.stdout
    assert "with a fault" in done.stdout


def test_only_medley_s_own_errors_of_one_line_are_refusals(doors, tmp_path):
    def refuse(_):
        raise doors.MedleyError("it is damaged; make it again")

    def ramble(_):
        raise doors.MedleyError("it is damaged:\nmake it again")

    answers = [
        doors.go_through(read, tmp_path) for read in (Path.stat, refuse, ramble, Path.read_text)
    ]
    assert answers[:2] == ["read", "refused"]
    assert answers[2].startswith("no clear line")
    assert "IsADirectoryError" in answers[3]


def test_same_seed_and_number_make_the_same_file(doors, tmp_path):
    whole = doors.samples.settings()
    files = [doors.make(whole, tmp_path, seed, 7) for seed in (1, 1)]
    first = files[0].read_bytes()
    assert doors.make(whole, tmp_path, 1, 7).read_bytes() == first
    others = {doors.make(whole, tmp_path, 1, number).read_bytes() for number in range(20)}
    assert len(others) > 10
