"""`scripts/gpu_check` works on a CPU, so that it works on the day when there is a GPU."""

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from medley.studio.shooting.devices import available_devices

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "gpu_check"


def gpu_check(out, *arguments):
    command = [sys.executable, str(SCRIPT), "--out", str(out), *arguments]
    threads = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | threads)


def found_in(out):
    return json.loads((out / "gpu.json").read_text())["sections"]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it would lie beside the script
    loader = SourceFileLoader("gpu_check", str(SCRIPT))
    module = module_from_spec(spec_from_loader("gpu_check", loader))
    loader.exec_module(module)
    return module


def earlier(out, **about):
    row = {"what": "gram", "side": 64, "waits": 0}
    section = {"ok": True, "seconds": 1.0, "error": "", "rows": [row]}
    found = {"device": "cpu", "tiny": True, "sections": {"waits": section}, **about}
    (out / "gpu.json").write_text(json.dumps(found))


@pytest.mark.slow
def test_every_section_works_on_a_cpu(tmp_path, script):
    done = gpu_check(tmp_path, "--device", "cpu", "--tiny", "--deadline", "1200")
    found = found_in(tmp_path)
    assert list(found) == list(script.SECTIONS)
    bad = {name: one for name, one in found.items() if not one["ok"]}
    assert not bad, json.dumps(bad, indent=1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(one["rows"] for one in found.values())
    for name in found:
        assert f"## {name}: well" in (tmp_path / "gpu.md").read_text()


def test_section_that_is_run_again_is_added_to_what_was_found(tmp_path):
    earlier(tmp_path)
    done = gpu_check(tmp_path, "--device", "cpu", "--tiny", "--only", "facts")
    assert done.returncode == 0, done.stderr
    found = found_in(tmp_path)
    assert list(found) == ["facts", "waits"]
    assert found["facts"]["rows"][0]["torch"]
    assert "| gram | 64 | 0 |" in done.stdout


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (lambda out: earlier(out, device="cuda"), "is of another device or size"),
        (lambda out: (out / "gpu.json").write_text('{"sec'), "cannot be added to"),
        (lambda out: (out / "gpu.json").write_text("[]"), "cannot be added to"),
    ],
)
def test_findings_of_another_device_or_damaged_ones_are_left_alone(tmp_path, write, why):
    write(tmp_path)
    before = (tmp_path / "gpu.json").read_bytes()
    done = gpu_check(tmp_path, "--device", "cpu", "--tiny", "--only", "facts")
    assert done.returncode == 1
    assert why in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "gpu.json").read_bytes() == before


def test_device_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    if "cuda" in available_devices():
        pytest.skip("this machine has a GPU")
    done = gpu_check(tmp_path / "out")
    assert done.returncode == 1
    assert "there is no device 'cuda:0' here" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_unknown_section_is_refused_with_those_that_there_are(tmp_path):
    done = gpu_check(tmp_path, "--device", "cpu", "--only", "stepz")
    assert done.returncode == 2
    assert "'stepz'" in done.stderr
    assert "'steps'" in done.stderr


def test_section_for_which_no_time_is_left_is_told_and_counts_as_missing(tmp_path):
    done = gpu_check(tmp_path, "--device", "cpu", "--tiny", "--deadline", "1", "--only", "facts")
    assert "facts: left out" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("end", "why"), [("time.sleep(60)", "it took over 2 s"), ("sys.exit(3)", "it ended with 3")]
)
def test_rows_before_a_section_s_end_stay(script, end, why):
    code = f"import sys, time; print('{{\"what\": 1}}', flush=True); print('{{', end=''); {end}"
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as rows, tempfile.TemporaryFile("w+") as said:
        error = script.watch([sys.executable, "-S", "-c", code], rows, said, 2.0)
        assert error == why
        assert script.read_rows(rows) == [{"what": 1}]
    assert time.monotonic() - began < 30


def test_report_shows_what_is_not_as_it_should_be(script):
    rows = [{"what": "adam", "ok": True, "apart": 0.1234567}, {"what": "tv", "ok": False}]
    section = {"ok": False, "seconds": 2.0, "error": "", "rows": rows}
    failed = {"ok": False, "seconds": 2.0, "error": "it ended with 1:\nCUDA error", "rows": []}
    found = {"device": "cuda", "tiny": False, "sections": {"agree": section, "waits": failed}}
    lines = list(script.report.lines_of(found))
    assert "## agree: 1 of 2 not as they should be (2 s)" in lines
    assert "| adam | yes | 0.1235 |" in lines
    assert "| tv | NO |" in lines
    assert "## waits: CUDA error (2 s)" in lines
