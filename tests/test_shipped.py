"""Paintings that ship: found from any folder, by name, and where none are named at all."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

import medley
from medley.errors import ConfigError, MedleyError
from medley.settings.manifest import read_manifest
from medley.shipped import name_of, painting_at, shipped_files, shipped_folder
from medley.shipped_nets import net_files

from .conftest import draw_pixels
from .test_render import TINY, run

ROOT = Path(__file__).parent.parent
LISTED = "there are batik, cubist, fauve, gilded, glass, gouache, "


@pytest.fixture
def empty(tmp_path) -> Path:
    """A folder with a photo and nothing else."""
    Image.fromarray(draw_pixels(40, 48, 1)).save(tmp_path / "photo.png")
    return tmp_path


@pytest.fixture
def installed(tmp_path_factory) -> Path:
    """What a wheel installs, laid out as pyproject.toml has it built, without a checkout around."""
    site = tmp_path_factory.mktemp("site")
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    wheel = wheel["targets"]["wheel"]
    for package in wheel["packages"]:
        (site / package).mkdir()
        for item in (ROOT / package).iterdir():
            (site / package / item.name).symlink_to(item)
    for source, target in wheel["force-include"].items():
        (site / target).symlink_to(ROOT / source)
    return site


def printed(*words, cwd):
    return tomllib.loads(run(*words, "--print-config", cwd=cwd).stdout)


def test_shortest_command_works_where_a_wheel_is_installed(installed, empty):
    command = [sys.executable, "-m", "medley", "render", "--content", "photo.png"]
    command += [*TINY, "--steps", "1"]
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=empty, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    about = json.loads((empty / "outputs/photo-medley.json").read_text())
    files = [Path(work["file"]) for work in about["paintings"]]
    assert [file.parent for file in files] == [installed / "medley/styles"] * 3
    # Another machine has them elsewhere, and knows them by the same names.
    assert about["order"]["styles"] == [file.stem for file in files]
    again = ["render", "--config", empty / "outputs/photo-medley.json"]
    assert printed(*again, cwd=empty)["styles"] == about["order"]["styles"]


@pytest.mark.network
def test_wheel_that_is_built_has_the_paintings_and_the_networks(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    listing = [sys.executable, "-m", "zipfile", "-l", wheel]
    found = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    assert all(f"medley/styles/{path.name}" in found for path in shipped_files().values())
    assert all(f"medley/nets/{path.name}" in found for path in net_files().values())


@pytest.mark.parametrize("command", ["render", "walk", "plan"])
def test_without_paintings_three_that_ship_are_drawn_unless_told_otherwise(empty, command):
    words = [command, "--content", "photo.png"]
    found = printed(*words, cwd=empty)
    assert (found["styles"], found["sample"]) == (["shipped"], 3)
    assert printed(*words, "--sample", "5", cwd=empty)["sample"] == 5
    (empty / "own.toml").write_text('styles = ["gilded", "photo.png"]')
    found = printed(*words, "--config", "own.toml", cwd=empty)
    assert found["styles"] == ["gilded", str(empty / "photo.png")]
    assert "sample" not in found


def test_masks_bring_their_paintings_and_may_name_those_that_ship(empty):
    words = ["render", "--content", "photo.png", "--mask", "photo.png=glass"]
    found = printed(*words, "--mask", "rest=gilded", cwd=empty)
    photo = empty / "photo.png"
    assert found["mask"] == [f"{photo}=glass", "rest=gilded"]
    assert "styles" not in found and "sample" not in found


def test_sweep_and_stylize_must_be_told_and_take_names(empty):
    refused = run("sweep", "--content", "photo.png", cwd=empty, expect=2)
    assert "Missing option '--style'" in refused.stderr
    found = printed("sweep", "--content", "photo.png", "--style", "glass", cwd=empty)
    assert found["styles"] == ["glass"]
    made = run("stylize", "photo.png", "glass", "-o", "out.png", *TINY[:4], cwd=empty)
    assert made.stdout == "out.png\n"


def test_existing_path_wins_over_a_name(empty, monkeypatch):
    monkeypatch.chdir(empty)
    assert painting_at(Path("glass")) == shipped_files()["glass"]
    (empty / "glass").mkdir()
    assert painting_at(Path("glass")) == Path("glass")
    assert painting_at(Path("glass"), empty / "elsewhere") == shipped_files()["glass"]
    assert painting_at(Path("shipped")) == shipped_folder()
    assert painting_at(Path("a/glass")) == Path("a/glass")


def test_config_beside_a_folder_of_that_name_means_the_folder(empty):
    (empty / "films/glass").mkdir(parents=True)
    (empty / "films/film.toml").write_text('styles = ["glass", "gilded"]')
    found = printed("render", "--config", "films/film.toml", "--content", "photo.png", cwd=empty)
    assert found["styles"] == [str(empty / "films/glass"), "gilded"]


def test_names_stand_for_files_of_the_shipped_folder_alone(tmp_path):
    for name, path in shipped_files().items():
        assert name_of(path) == Path(name)
        assert name_of(tmp_path / path.name) == tmp_path / path.name
    assert name_of(shipped_folder()) == Path("shipped")


def test_manifest_takes_names_and_still_must_name_its_paintings(empty):
    manifest = empty / "films.toml"
    film = '[[film]]\ncontent = "photo.png"\n'
    manifest.write_text(f'{film}styles = [["shipped"], ["glass", "gilded"]]\n')
    first, second = read_manifest(manifest).films
    assert first.order.styles == (shipped_folder(),)
    assert first.order.catalog.sample is None
    assert [path.stem for path in second.order.styles] == ["glass", "gilded"]
    manifest.write_text(film)
    with pytest.raises(ConfigError, match="styles is missing; say it here or in"):
        read_manifest(manifest)
    manifest.write_text(f'{film}styles = "glas"\n')
    with pytest.raises(ConfigError, match=r"line 3, film 1: styles: .*did you mean 'glass'\?"):
        read_manifest(manifest)


@pytest.mark.parametrize(
    "words",
    [
        ["render", "--content", "photo.png", "--styles", "Glas"],
        ["sweep", "--content", "photo.png", "--style", "glas.jpg"],
        ["stylize", "photo.png", "glas", "-o", "out.png"],
        ["styles", "glas"],
    ],
    ids=lambda words: words[0],
)
def test_wrong_name_is_answered_with_the_names_there_are(empty, words):
    refused = run(*words, cwd=empty, expect=1).stderr
    assert "did you mean 'glass'? " + LISTED in refused
    assert refused.count("\n") == 1


def test_name_that_is_too_long_is_one_line(empty):
    done = run("stylize", "photo.png", "x" * 300, "-o", "out.png", cwd=empty, expect=1)
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1


def test_film_of_an_older_medley_differs_by_what_was_changed_alone(empty):
    words = ["render", "--content", "photo.png", "--styles", "glass", *TINY, "--steps", "1"]
    run(*words, "-o", "film.mp4", cwd=empty)
    sidecar = empty / "film.json"
    about = json.loads(sidecar.read_text())
    del about["order"]["keep_strength"]  # as before there was such a setting,
    about["order"]["styles"] = [str(shipped_files()["glass"])]  # and such names
    sidecar.write_text(json.dumps(about))
    told = run(*words, "--fps", "5", "-o", "film.mp4", cwd=empty, expect=1).stderr
    assert "made otherwise: --fps was 10 and would be 5; pass --force" in told


def test_path_that_is_no_name_is_answered_with_a_word(empty):
    words = ["render", "--content", "photo.png", "--styles", "art/monet-004.jpg"]
    assert run(*words, cwd=empty, expect=1).stderr.endswith("monet-004.jpg'; check its name\n")


def test_python_takes_names_and_draws_where_none_are_given(empty, monkeypatch):
    monkeypatch.chdir(empty)
    short = {"size": 48, "steps": 1, "fps": 10, "seconds_per_painting": 1.5, "hold": 0.3}
    medley.render("photo.png", "glass", "one.mp4", **short)
    medley.render("photo.png", output="drawn.mp4", sample=1, **short)
    found = [json.loads((empty / f"{name}.json").read_text())["order"] for name in ("one", "drawn")]
    assert found[0]["styles"] == ["glass"]
    assert len(found[1]["styles"]) == 1 and found[1]["styles"][0] in shipped_files()
    *_, last = medley.stylize("photo.png", "gilded", size=48, steps=1)
    assert last.step == 1
    with pytest.raises(MedleyError, match="did you mean 'gilded'"):
        medley.stylize("photo.png", "guilded", size=48, steps=1)
