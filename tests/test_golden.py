"""What was promised stays: shot keys, and workspaces and sidecars that lie on disk."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from medley.images import decode
from medley.settings import (
    BlendSettings,
    CatalogSettings,
    ShotSettings,
    SweepSettings,
    WalkSettings,
    read_file,
)
from medley.workspace.store import Workspace

from .golden import Keys, make_inputs, make_weights, read_orders, whole
from .golden_films import BEGUN, COMMANDS, FILMS
from .test_render import run

NOT_A_FILMS = ("medley", "device", "workspace")
"""What stands in a sidecar's order, and not in a film's table."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, float_cache) -> Path:
    """A folder with all that the orders name; the float original is in the cache."""
    folder = tmp_path_factory.mktemp("golden")
    make_inputs(folder)
    make_weights(folder / "own.safetensors", "affine", 5)
    name = "vgg19-original.safetensors"
    (folder / name).symlink_to(float_cache / name)
    return folder


def test_shot_keys_are_what_they_were(inputs, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(inputs))
    monkeypatch.chdir(inputs)  # a sweep's weights are made in the workspace
    keys, changed = Keys(inputs), []
    for order in read_orders():
        found = keys.keys_of(order.kind, whole(order))
        if found != order.keys:
            changed.append(f"{order.name}: {found} instead of {order.keys}")
    assert changed == []


def test_every_setting_of_a_shot_is_in_the_table_off_its_default():
    said = {}
    for order in read_orders():
        for name, value in whole(order).items():
            said.setdefault(name, []).append(value)
    parts = (ShotSettings, BlendSettings, CatalogSettings, WalkSettings, SweepSettings)
    for part in parts:
        for name, field in part.model_fields.items():
            if name == "split":  # it is Painter by Numbers' alone, and decides no pixels
                continue
            assert any(value not in (None, field.default) for value in said[name]), name


def test_orders_are_told_apart_by_their_keys():
    """Equal keys are meant: settings of the film alone, or defaults that are said outright."""
    orders = read_orders()
    assert len(orders) > 300
    assert len({tuple(order.keys) for order in orders}) > 240
    assert all(len(key) == 24 for order in orders for key in order.keys)


@pytest.fixture
def films(tmp_path) -> Path:
    """What an older medley left, and the inputs that it was made of."""
    shutil.copytree(FILMS, tmp_path, dirs_exist_ok=True)
    make_inputs(tmp_path)
    return tmp_path


def files_of(folder):
    """Every shot's files: their bytes, and when they were written."""
    paths = (path for path in (folder / "shots").rglob("[!.]*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def told_keys(sidecar):
    """The keys of a film's shots, as its sidecar tells them."""
    if sidecar["command"] == "walk":
        return [sidecar["opening"]["shot"], sidecar["walk"]["shot"]]
    shots = sidecar["measures" if sidecar["command"] == "sweep" else "paintings"]
    return list(dict.fromkeys(shot["shot"] for shot in shots))


@pytest.mark.parametrize("name", COMMANDS)
def test_sidecar_orders_the_shots_that_it_tells_of(films, name):
    path = films / f"{name}.json"
    file = read_file(path)
    sidecar = json.loads(path.read_text("utf-8"))
    assert file.command == COMMANDS[name].split()[0]
    assert Keys(films).keys_of(file.command, file.table) == told_keys(sidecar)


@pytest.mark.parametrize("way", ["command", "sidecar"])
def test_finished_shots_are_found_and_cut_to_the_same_frames(films, way):
    before = files_of(films / "workspace")
    frames = [decode(path) for path in sorted((films / "render").iterdir())]
    shutil.rmtree(films / "render")
    asked = COMMANDS["render"].split()
    if way == "sidecar":
        asked = ["render", "--config", "render.json"]
    done = run(*asked, "--workspace", "workspace", "--force", cwd=films)
    assert "2 shots found finished" in done.stderr
    assert len(before) == 16
    assert files_of(films / "workspace") == before
    again = [decode(path) for path in sorted((films / "render").iterdir())]
    # Means of floats are rounded to levels, and processors differ in the last bit of a float.
    assert np.abs(np.subtract(again, frames, dtype=int)).max() <= 1


def test_films_are_known_as_made_to_a_batch(films):
    text = '[defaults]\nworkspace = "workspace"\n'
    for name, command in COMMANDS.items():
        if name == "blend":  # a manifest did not know its init = "color"
            continue
        order = json.loads((films / f"{name}.json").read_text("utf-8"))["order"]
        own = {name: one for name, one in order.items() if name not in NOT_A_FILMS}
        if name == "render":  # a folder of pictures never counts as made
            own["output"] = "render.mp4"
        (films / own["output"]).touch()
        kind = {"kind": command.split()[0]}
        lines = [f"{name} = {json.dumps(value)}" for name, value in (kind | own).items()]
        text += "\n".join(["[[film]]", *lines, ""])
    (films / "films.toml").write_text(text, "utf-8")
    done = run("batch", "films.toml", "--check", "--devices", "cpu", cwd=films)
    assert "6 films, 6 of them made; 11 different shots" in done.stdout


def test_shots_are_as_they_were_written(films):
    done = run("workspace", "verify", "--workspace", "workspace", "--decode", cwd=films)
    assert "2 shots" in done.stdout + done.stderr


@pytest.mark.parametrize("optimizer", BEGUN)
def test_begun_shot_is_gone_on_with(films, optimizer):
    begun = Workspace(films / "begun")
    (shot,) = (
        shot
        for shot in begun.shots()
        if json.loads((shot.path / "shot.json").read_text("utf-8"))["settings"]["optimizer"]
        == optimizer
    )
    steps = {step: shot.step_path(step).stat().st_mtime_ns for step in shot.steps()}
    rows = (shot.path / "trace.csv").read_text("utf-8").splitlines()
    assert shot.state_path.is_file()
    assert 10 in steps
    done = run(*BEGUN[optimizer].split(), cwd=films)
    assert "starts over" not in done.stderr
    assert "1 begun" in done.stderr
    assert shot.is_finished
    assert shot.steps() == [0, 5, 10, 15, 20, 25, 30]
    assert {step: shot.step_path(step).stat().st_mtime_ns for step in steps} == steps
    trace = (shot.path / "trace.csv").read_text("utf-8").splitlines()
    assert len(trace) == 32
    assert trace[:11] == rows[:11]
