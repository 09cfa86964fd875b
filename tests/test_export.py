"""`medley export`: the ONNX graph computes what the network does, at any size and mix."""

import sys

import numpy as np
import onnxruntime
import pytest
import torch

from medley import stylenet
from medley.paintings.draws import shipped
from medley.stylenet import netfile
from medley.stylenet.netfile import StyleName
from medley.stylenet.network import StyleNet
from medley.stylenet.shape import full_shape, small_shape

from .test_render import run


def networks(styles=1, shape=small_shape):
    """A network whose normalization does something."""
    torch.manual_seed(styles)
    network = StyleNet(shape(styles=styles))
    with torch.no_grad():
        for gain, offset in zip(network.gains, network.offsets, strict=True):
            gain.uniform_(0.5, 1.5)
            offset.uniform_(-0.5, 0.5)
    return network.eval()


def written(network, path):
    names = [StyleName(f"style {number}") for number in range(network.shape.styles)]
    netfile.write(path, network.to_file(names, {}))
    return path


def export(place, *arguments, expect=0):
    return run("export", "net.safetensors", "-o", "net.onnx", *arguments, cwd=place, expect=expect)


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("height, width", [(1, 1), (5, 3), (64, 64), (63, 50), (30, 121)])
@pytest.mark.parametrize("styles", [1, 3])
def test_graph_computes_what_the_network_does_at_any_size(tmp_path, styles, height, width):
    network = networks(styles)
    written(network, tmp_path / "net.safetensors")
    export(tmp_path)
    photo = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    mix = torch.tensor([0.2, 0.5, 0.3][:styles]) / sum([0.2, 0.5, 0.3][:styles])
    feeds = {"photo": photo.numpy()} | ({"mix": mix.numpy()} if styles > 1 else {})
    (picture,) = session(tmp_path / "net.onnx").run(None, feeds)
    with torch.inference_mode():
        # The file's normalization is float16.
        assert np.abs(picture - network(photo, mix).numpy()).max() < 5e-3
    assert picture.shape == photo.shape


def test_full_network_is_exported_too(tmp_path):
    written(networks(shape=full_shape), tmp_path / "net.safetensors")
    assert "differ" in export(tmp_path).stderr


def test_integers_come_near_and_are_smaller(tmp_path):
    written(networks(), tmp_path / "net.safetensors")
    export(tmp_path)
    size = (tmp_path / "net.onnx").stat().st_size
    told = export(tmp_path, "--int8", "--force").stderr
    assert told.count("\n") == 1
    assert "; scaled by the 15 paintings that ship; photos of yours do better\n" in told
    graph = (tmp_path / "net.onnx").read_bytes()
    assert b"QuantizeLinear" in graph
    assert len(graph) < size
    told = export(tmp_path, "--int8", "--force", "--calibrate", shipped()[0]).stderr
    assert told.endswith("; scaled by 1 photo\n")


def test_bad_input_is_refused_in_one_line(tmp_path, make_picture):
    assert "there is no style network" in export(tmp_path, expect=1).stderr
    make_picture("net.safetensors.png").rename(tmp_path / "net.safetensors")
    assert "net.safetensors" in export(tmp_path, expect=1).stderr
    written(networks(), tmp_path / "net.safetensors")
    assert "--int8" in export(tmp_path, "--calibrate", ".", expect=2).stderr
    (tmp_path / "bare").mkdir()
    told = export(tmp_path, "--int8", "--calibrate", "bare", expect=1).stderr
    assert told == "Error: there is no picture in 'bare'; name another folder\n"
    told = export(tmp_path, "--int8", "--calibrate", "glas", expect=1).stderr
    assert told == "Error: there is no picture or folder 'glas'; check its name\n"
    (tmp_path / "net.onnx").write_text("mine")
    assert "--force" in export(tmp_path, expect=1).stderr
    assert (tmp_path / "net.onnx").read_text() == "mine"


def test_a_missing_onnxruntime_is_named_with_the_way_to_it(tmp_path, monkeypatch):
    written(networks(), tmp_path / "net.safetensors")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "medley.stylenet.onnx_net", raising=False)
    monkeypatch.delattr(stylenet, "onnx_net", raising=False)
    assert "pip install 'medley[onnx]'" in export(tmp_path, expect=1).stderr
