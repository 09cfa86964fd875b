"""`medley apply` with an exported network: the same pictures and films, by onnxruntime."""

import json
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from medley import stylenet
from medley.errors import WeightsError
from medley.images import decode
from medley.studio import net_opening
from medley.stylenet import graph_file, onnx_graph
from medley.stylenet.apply import Painter
from medley.stylenet.finish import finish
from medley.stylenet.netfile import StyleName, read, write
from medley.stylenet.network import make_network
from medley.stylenet.onnx_net import GraphNet
from medley.stylenet.shape import small_shape
from medley.vgg.otherfiles import check_own, check_state

from .clips import gray_clip
from .conftest import draw_pixels, film_pixels
from .test_export import networks
from .test_render import run

STYLES = [StyleName("Glass, broken", "Nobody", "glass"), StyleName("Gilded"), StyleName("Sea")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network of three paintings and its graphs in floats and integers, made once."""
    folder = tmp_path_factory.mktemp("place")
    network = networks(3, lambda styles: small_shape(0.1, 1, styles))
    write(folder / "net.safetensors", replace(network.to_file(STYLES, {}), bits=8))
    Image.fromarray(draw_pixels(41, 50, 1)).save(folder / "photo.png")
    Image.fromarray(draw_pixels(22, 35, 2)).save(folder / "other.png")
    for name, options in (("net", []), ("net8", ["--int8", "--calibrate", "photo.png"])):
        run("export", "net.safetensors", "-o", f"{name}.onnx", *options, cwd=folder)
    return folder


@pytest.fixture
def place(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def apply(place, net, *arguments, expect=0):
    return run("apply", net, *arguments, cwd=place, expect=expect)


def apart(one, other):
    return np.abs(one.astype(int) - other)


@pytest.mark.parametrize("size", [(1, 1), (7, 64), (41, 50)])
def test_a_graph_computes_what_torch_does_to_a_thousandth(folder, size):
    shares = [0.2, 0.5, 0.3]
    photo = draw_pixels(*size, 3)
    graph = GraphNet(folder / "net.onnx", graph_file.read(folder / "net.onnx"))
    painter = Painter(make_network(read(folder / "net.safetensors")), shares)
    own = torch.cat([band for _, band in painter.repaint(photo).bands()]).numpy()
    assert np.abs(graph.planes(photo, shares).transpose(1, 2, 0) - own).max() < 1e-3
    made = graph.painter(shares).repaint(photo)
    assert apart(finish(made, photo), finish(painter.repaint(photo), photo)).max() <= 1


LOOKS = {
    "as it is": [],
    "a mix at a size": ["--style", "glass:0.4,sea:0.6", "--size", "32"],
    "mixed": ["--style", "gilded", "--strength", "0.5"],
    "light alone": ["--preserve-color", "luminance"],
    "recolored": ["--preserve-color", "statistics"],
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_picture_is_the_network_s_own_with_every_setting(place, look):
    for end in ("onnx", "safetensors"):
        apply(place, f"net.{end}", "photo.png", "-o", f"{end}.png", *LOOKS[look])
    own = decode(place / "safetensors.png")
    assert apart(decode(place / "onnx.png"), own).max() <= 1
    with Image.open(place / "onnx.png") as image:
        about = json.loads(image.info["Description"])
    with Image.open(place / "safetensors.png") as image:
        same = json.loads(image.info["Description"])
    assert about["paintings"] == same["paintings"]
    assert about["network"] == "net.onnx"


def test_a_picture_in_integers_is_near_the_network_s_own(place):
    for net in ("net8.onnx", "net.onnx"):
        apply(place, net, "photo.png", "-o", f"{net}.png")
    assert 0 < apart(decode(place / "net8.onnx.png"), decode(place / "net.onnx.png")).mean() < 8


def test_folders_go_through_a_graph_too_at_sizes_of_their_own(place):
    done = apply(place, "net.onnx", "photo.png", "other.png", "-o", "out")
    assert done.stdout.split() == ["out/photo.png", "out/other.png"]
    assert decode(place / "out" / "other.png").shape == (22, 35, 3)


FILMS = {
    "clip": ("clip.mkv", ["--style", "sea"]),
    "walk": ("photo.png", ["--style", "walk", "--fps", "10", "--seconds-per-painting", "0.4"]),
}


@pytest.mark.parametrize("film", FILMS)
def test_a_film_is_the_network_s_own(place, film):
    gray_clip(place / "clip.mkv", "-t", "0.4")
    source, more = FILMS[film]
    for end in ("onnx", "safetensors"):
        apply(place, f"net.{end}", source, "-o", f"{end}.mp4", *more)
    made, own = (film_pixels(place / f"{end}.mp4") for end in ("onnx", "safetensors"))
    assert made.shape == own.shape
    assert apart(made, own).mean() < 1


def test_what_a_network_s_file_says_stands_in_its_graph(folder):
    for name in ("net.onnx", "net8.onnx"):
        graph = onnx.load(folder / name)
        said = {each.key: each.value for each in graph.metadata_props}
        assert said["format"] == "medley style network"
        assert [each["title"] for each in json.loads(said["styles"])] == [
            "Glass, broken", "Gilded", "Sea",
        ]  # fmt: skip


def another() -> onnx.ModelProto:
    """A graph that gives what it is given."""
    photo, picture = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, "height", "width"])
        for name in ("photo", "picture")
    )
    node = helper.make_node("Identity", ["photo"], ["picture"])
    return helper.make_model(helper.make_graph([node], "other", [photo], [picture]))


def spoiled(place, how):
    """A file at net.onnx that is none of a whole network's."""
    path = place / "net.onnx"
    data = path.read_bytes()
    if how == "another graph":
        onnx.save(another(), path)
    elif how == "an older version":
        model = onnx.load(path)
        said = onnx_graph.described(read(place / "net.safetensors"))
        helper.set_model_props(model, said | {"version": "0"})
        path.write_bytes(graph_file.seal(model.SerializeToString()))
    else:
        middle = len(data) // 2
        path.write_bytes(
            {
                "torn": data[:middle],
                "torn at the end": data[:-1],
                "changed": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
                "empty": b"",
                "text": b"a graph",
            }[how]
        )


BROKEN = {
    "another graph": "is torn, or a graph of something else; 'medley export' writes graphs",
    "an older version": "is in version 0 of the format",
    "torn": "is torn, or a graph of something else",
    "torn at the end": "is torn, or a graph of something else",
    "changed": "was changed after it was written (its digest does not match); export it again",
    "empty": "is empty",
    "text": "is no style network",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_graph_that_cannot_be_used_is_refused_in_one_line(place, how):
    spoiled(place, how)
    told = apply(place, "net.onnx", "photo.png", "-o", "out.png", expect=1).stderr
    assert f"'net.onnx' {BROKEN[how]}" in told
    assert len(told.splitlines()) == 1
    assert not (place / "out.png").exists()


def test_a_graph_that_onnxruntime_cannot_run_is_refused_in_one_line(place):
    model = onnx.load(place / "net.onnx")
    model.graph.node[-1].op_type = "Unheard"
    data = onnx_graph.serialized(model, read(place / "net.safetensors"))
    with pytest.raises(
        WeightsError, match=r"cannot run '.*net.onnx' \(.+\); update it, or"
    ) as told:
        GraphNet(place / "net.onnx", data)
    assert "\n" not in str(told.value)


ARGUMENTS = {
    "unknown painting": (["--style", "glas"], "knows no 'glas'; did you mean 'glass'?"),
    "accelerator": (["--device", "cuda"], "which the CPU computes, not --device cuda; leave that"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_what_a_graph_cannot_do_is_said_in_one_line(place, case):
    arguments, words = ARGUMENTS[case]
    told = apply(place, "net.onnx", "photo.png", "-o", "out.png", *arguments, expect=1).stderr
    assert words in told
    assert len(told.splitlines()) == 1


def test_a_picture_that_memory_has_no_room_for_is_refused_with_the_way_out(place, monkeypatch):
    monkeypatch.setattr(net_opening, "free_memory", lambda _: 41 * 50 * 4 * 10)
    told = apply(place, "net.onnx", "photo.png", "-o", "out.png", expect=1).stderr
    assert "a picture of 50x41 pixels as a whole" in told
    assert "take the network that 'net.onnx' was exported from" in told
    assert "lower the --size" in told
    done = apply(place, "net.onnx", "photo.png", "other.png", "-o", "out", "--size", "16")
    assert len(done.stdout.split()) == 2


def test_a_missing_onnxruntime_is_named_with_the_way_to_it_before_any_work(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "medley.stylenet.onnx_net", raising=False)
    monkeypatch.delattr(stylenet, "onnx_net", raising=False)
    for more in (["-o", "out.png"], ["-o", "out.mp4", "--style", "walk"]):
        told = apply(place, "net.onnx", "photo.png", *more, expect=1).stderr
        assert told == (
            "Error: onnxruntime is not installed; pip install 'medley[onnx]' brings it\n"
        )
    apply(place, "net.safetensors", "photo.png", "-o", "out.png")


@pytest.mark.parametrize(
    "command", [["export", "net.onnx", "-o", "a.onnx"],
                ["stylize", "photo.png", "glass", "-o", "a.png", "--init", "net:net.onnx"]],
)  # fmt: skip
def test_where_the_network_itself_is_wanted_its_graph_is_refused(place, command):
    told = run(*command, cwd=place, expect=1).stderr
    assert "'net.onnx' is an ONNX graph; give the file that it was exported from" in told
    for check in (check_own, check_state):
        with pytest.raises(WeightsError, match="is an ONNX graph"):
            check(place / "net.onnx")
