"""`--weights small`: the thirteen layers that style transfer looks at, in three megabytes."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

import medley
from medley.settings import ShotSettings
from medley.settings.catalog import find_shipped, name_shipped
from medley.shipped_weights import SMALL, WEIGHTS_FILES, weights_at
from medley.tensors import to_tensor
from medley.vgg import weightfile
from medley.vgg.layers import convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.weights import load_weights

from .conftest import draw_pixels
from .test_render import run

FILE = WEIGHTS_FILES[SMALL]


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(draw_pixels(40, 48, 3)).save(path)
    return path


def test_file_has_at_most_three_megabytes_and_the_layers_that_shots_look_at():
    assert FILE.stat().st_size <= 3_000_000
    layers = convolutions_for(ShotSettings().layers)
    assert tuple(weightfile.read_header(FILE).layers) == layers


def test_features_are_near_those_of_a_file_of_four_times_the_size():
    layers = ShotSettings().layers
    networks = [VGG19(load_weights(source).tensors, layers) for source in (FILE, 8)]
    picture = to_tensor(draw_pixels(96, 96, 5))
    with torch.no_grad():
        small, large = (network(picture) for network in networks)
    errors = {
        name: float((small[name] - large[name]).norm() / large[name].norm()) for name in small
    }
    assert errors["relu1_1"] < 0.01
    assert errors["relu3_1"] < 0.05
    assert errors["relu4_2"] < 0.15


def test_a_film_made_with_it_names_it_and_is_made_again_by_that_name(photo, tmp_path):
    film = tmp_path / "a.gif"
    order = ["--content", photo, "--styles", "glass", "--weights", "small", "--size", "48"]
    run("render", *order, "--steps", "2", "-o", film, "--workspace", tmp_path / "ws", cwd=tmp_path)
    recipe = json.loads(film.with_suffix(".json").read_text("utf-8"))
    assert recipe["order"]["weights"] == "small"


def test_a_file_of_that_name_wins(tmp_path):
    own = tmp_path / "small"
    assert find_shipped("weights", own.relative_to(tmp_path), tmp_path) == FILE
    own.touch()
    assert find_shipped("weights", own.relative_to(tmp_path), tmp_path) == own.relative_to(tmp_path)
    assert name_shipped("weights", FILE) == FILE.relative_to(FILE.parent).with_suffix("")
    assert name_shipped("weights", (own, FILE))[0] == own


def test_a_folder_of_that_name_does_not_hide_it(tmp_path):
    (tmp_path / "small").mkdir()
    assert weights_at(Path(SMALL), tmp_path) == FILE
    assert "entropy, 3.00 MB" in run("weights", "show", "small", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("smal", "did you mean 'small'? Else give the path of a weights file, or 'small', which"),
        ("own.safetensors", "give the path of a weights file, or 'small', which ships"),
    ],
)
def test_weights_that_are_not_there_are_refused_with_a_guess(photo, tmp_path, name, told):
    order = ["stylize", photo, "glass", "-o", tmp_path / "x.png", "--weights", name]
    assert f"'{name}' does not exist; {told}" in run(*order, cwd=tmp_path, expect=1).stderr


def test_layers_behind_it_are_refused_before_the_work(photo, tmp_path):
    order = ["stylize", photo, "glass", "-o", tmp_path / "x.png", "--weights", "small"]
    refused = run(*order, "--style-layers", "relu5_3", cwd=tmp_path, expect=1)
    assert "holds no conv5_2, conv5_3; choose other layers" in refused.stderr
    assert not (tmp_path / "x.png").exists()


def test_from_python_it_goes_by_its_name():
    network = medley.load_vgg(weights="small", layers=["relu2_1"])
    found = network(to_tensor(draw_pixels(32, 32, 1)))["relu2_1"]
    assert found.shape == (1, 128, 16, 16)


def test_it_is_listed_and_shown_by_its_name(tmp_path):
    assert "entropy" in run("weights", "list", cwd=tmp_path).stdout
    assert "entropy, 3.00 MB" in run("weights", "show", "small", cwd=tmp_path).stdout
