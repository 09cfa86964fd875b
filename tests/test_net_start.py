"""`--init net:FILE`: a shot starts from what a style network makes of its photo."""

import json

import numpy as np
import pytest
import torch

from medley.images import decode
from medley.settings.shot import NetStart, format_start, parse_start
from medley.stylenet.netfile import StyleName, read, write
from medley.stylenet.network import StyleNet
from medley.stylenet.shape import small_shape

from .test_render import run

QUICK = ("--size", "48", "--steps", "2", "--device", "cpu", "--precision", "float32")


@pytest.fixture
def place(make_picture, tmp_path):
    make_picture("photo.png", height=40, width=48)  # as large as its shots
    make_picture("styles/one.png", seed=2)
    return tmp_path


def write_net(path, *styles, seed=0):
    torch.manual_seed(seed)
    network = StyleNet(small_shape(0.1, 1, styles=len(styles)))
    with torch.no_grad():
        for each in (*network.gains, *network.offsets):
            each.add_(torch.randn_like(each) * 0.3)
    write(path, network.to_file(styles, {}))
    return path


def render(place, *arguments, expect=0):
    return run(
        "render", "--content", "photo.png", "--styles", "styles/one.png", "--output", "film.mp4",
        "--force", *QUICK, *arguments, cwd=place, expect=expect,
    )  # fmt: skip


def first_iterate(place):
    made = json.loads((place / "film.json").read_text())
    shot = place / "outputs/workspace/shots" / made["paintings"][0]["shot"]
    return decode(shot / "steps" / "000000.png")


def test_step_0_is_what_apply_makes_of_the_photo(place):
    write_net(place / "net.safetensors", StyleName("Anything"))
    render(place, "--init", "net:net.safetensors")
    shown = first_iterate(place)
    run("apply", "net.safetensors", "photo.png", "-o", "applied.png", cwd=place)
    assert np.abs(shown.astype(int) - decode(place / "applied.png")).max() <= 1


def test_of_several_paintings_the_shot_s_own_is_taken(place):
    write_net(place / "two.safetensors", StyleName("Other"), StyleName("Some title", name="one"))
    render(place, "--init", "net:two.safetensors")
    own = first_iterate(place)
    run("apply", "two.safetensors", "photo.png", "-o", "a.png", "--style", "one", cwd=place)
    assert np.abs(own.astype(int) - decode(place / "a.png")).max() <= 1


def test_another_network_is_another_shot_and_the_same_one_is_found(place):
    write_net(place / "net.safetensors", StyleName("A"))
    render(place, "--init", "net:net.safetensors")
    assert "1 shot found finished" in render(place, "--init", "net:net.safetensors").stderr
    write_net(place / "net.safetensors", StyleName("A"), seed=1)
    assert "1 shot found" not in render(place, "--init", "net:net.safetensors").stderr


def test_a_film_is_made_again_from_its_sidecar(place):
    write_net(place / "net.safetensors", StyleName("A"))
    render(place, "--init", "net:net.safetensors")
    again = run("render", "--config", "film.json", "-o", "again.mp4", cwd=place)
    assert "1 shot found finished" in again.stderr


@pytest.mark.parametrize(
    "start, told",
    [
        ("net:", "names no file"),
        ("net:nothing.safetensors", "there is no style network 'nothing.safetensors'"),
        ("net:photo.png", "photo.png' is no style network"),
        ("net:two.safetensors", "knows no 'one'; it has 'A', 'B'"),
        ("nt:glass", "there is no picture 'nt:glass'; did you mean --init net:glass?"),
        ("Net:many", "did you mean --init net:many?"),
        ("many", "did you mean --init net:many?"),
        ("contnt", "did you mean --init content?"),
        ("other.png", "there is no picture 'other.png'; check its name"),
        ("c:other", "there is no picture 'c:other'; check its name"),
    ],
)
def test_what_cannot_be_started_from_is_refused_before_the_work(place, start, told):
    write_net(place / "two.safetensors", StyleName("A"), StyleName("B"))
    code = 2 if start == "net:" else 1
    assert told in render(place, "--init", start, expect=code).stderr
    assert not (place / "outputs").exists()


@pytest.mark.parametrize("text", ["net:a/b.safetensors", "./net:odd.png", "noise", "start.png"])
def test_a_start_is_written_as_it_is_read(text):
    assert format_start(parse_start(text)) == text
    assert isinstance(parse_start(text), NetStart) == text.startswith("net:")


def test_names_of_paintings_lie_in_the_file(tmp_path):
    path = write_net(tmp_path / "net.safetensors", StyleName("T", "A", "n"))
    assert read(path).styles == [StyleName("T", "A", "n")]
