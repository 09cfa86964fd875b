"""A whole batch on a real local Ray: the films of the local engine, and one bad picture."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from medley.workspace.store import Workspace

from .test_batch import DEFAULTS

pytest.importorskip("ray", reason="Ray is not installed; pip install 'medley[ray]'")

pytestmark = pytest.mark.slow

FILMS = """
[[film]]
content = ["photo.png", "bad.png"]

[[film]]
content = "photo.png"
styles = "styles/painting_2.png"
output = "outputs/one.mp4"
"""


def batch(place, *options):
    """Run the command; its standard output's lines, and its error."""
    folder = tempfile.mkdtemp(prefix="ray")  # pytest's are too long for a socket's name
    environment = os.environ | {"OMP_NUM_THREADS": "1", "RAY_TMPDIR": folder}
    command = [sys.executable, "-m", "medley", "batch", "films.toml", "--devices", "cpu"]
    try:
        run = subprocess.run(
            [*command, "--workers", "2", *options],
            cwd=place, env=environment, capture_output=True, text=True, timeout=400,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert run.returncode == 1, run.stderr
    return run.stdout.splitlines(), run.stderr


def frames(root):
    """Every iterate of every shot, by key and name."""
    shots = root / "shots"
    return {path.relative_to(shots): path.read_bytes() for path in shots.glob("*/steps/*.png")}


def test_films_are_those_of_the_local_engine_and_a_bad_picture_is_one_films_affair(
    make_picture, tmp_path
):
    make_picture("photo.png", height=41, width=50)
    (tmp_path / "bad.png").write_bytes((tmp_path / "photo.png").read_bytes()[:200])
    for seed in (2, 3):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    (tmp_path / "films.toml").write_text(DEFAULTS + FILMS, "utf-8")
    films, said = batch(tmp_path, "--engine", "ray", "--log-json", "log.jsonl")
    assert films == ["outputs/photo-medley.mp4", "outputs/one.mp4"]
    assert "1 of 3 films failed" in said
    assert "'bad.png' is not a readable picture" in said
    assert "bad.png" in (tmp_path / "outputs" / "films.html").read_text("utf-8")
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len([one for one in events if one["event"] == "step"]) == 2 * 3
    assert Workspace(tmp_path / "shots").shot(events[1]["key"]).is_finished

    shutil.rmtree(tmp_path / "outputs")
    local, _ = batch(tmp_path, "--workspace", "others")
    assert local == films
    assert frames(tmp_path / "shots") == frames(tmp_path / "others") != {}
