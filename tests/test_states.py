"""State dicts of VGG-19 become weights of medley's, and other files are told what they are."""

import json
import os
import pickle
import re
import zipfile

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision

from medley.errors import MedleyError, WeightsError
from medley.images import decode
from medley.settings.shot import LOSS_LAYERS
from medley.tensors import to_tensor
from medley.vgg import sources, states, weightfile
from medley.vgg.calibrate import calibrate
from medley.vgg.identity import identify_weights
from medley.vgg.network import VGG19, normalize
from medley.vgg.normalization import CAFFE, TORCHVISION, Normalization
from medley.vgg.originals import cached
from medley.vgg.otherfiles import kind_of
from medley.vgg.weightfile import SHAPES
from medley.vgg.weights import load_weights

from .conftest import draw_pixels
from .test_render import run

WEAKER = 128
"""How much weaker than the bundle's the features of the tests' torchvision weights are."""


def make_network():
    return torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["E"])


def state_of(tensors):
    """Name convolutions as torchvision's VGG-19 does."""
    places = [
        place for place, part in enumerate(make_network()) if isinstance(part, torch.nn.Conv2d)
    ]
    return {
        f"features.{place}.{kind}": tensor.clone()
        for place, pair in zip(places, tensors.values(), strict=True)
        for kind, tensor in zip(("weight", "bias"), pair, strict=True)
    }


@pytest.fixture(scope="module")
def torchvision_state():
    """The bundle's network as torchvision would have it: RGB, other means, weaker features."""
    tensors = dict(load_weights(8).tensors)
    weight, bias = tensors["conv1_1"]
    # 255 c - caffe's mean, with the colour c = deviation x + mean of torchvision's input x
    mean = 255 * torch.tensor(TORCHVISION.mean) - torch.tensor(CAFFE.mean[::-1])
    deviation = 255 * torch.tensor(TORCHVISION.deviation).view(1, 3, 1, 1)
    turned = weight.flip(1)
    tensors["conv1_1"] = turned * deviation, bias + torch.einsum("oihw,i->o", turned, mean)
    weak = {
        name: (weight / WEAKER if name == "conv1_1" else weight, bias / WEAKER)
        for name, (weight, bias) in tensors.items()
    }
    return state_of(weak) | {"classifier.0.weight": torch.zeros(2, 3)}


@pytest.fixture(scope="module")
def own(torchvision_state, tmp_path_factory):
    """A folder with such weights as torch and as safetensors store them, imported from both."""
    folder = tmp_path_factory.mktemp("own")
    torch.save(torchvision_state, folder / "vgg19.pth")
    done = run("weights", "import", "vgg19.pth", "-o", "own.safetensors", cwd=folder)
    assert done.stdout == "own.safetensors\n"
    assert "features multiplied by 128; fed with RGB, 0-1, minus 0.485, 0.456, 0.406" in done.stderr
    return folder


def features_of(weights, image):
    return VGG19(weights.tensors, LOSS_LAYERS, fed=weights.fed)(image)


def test_imported_weights_see_what_torchvision_s_network_sees(own, torchvision_state):
    image = to_tensor(draw_pixels(40, 48, seed=1))
    loaded = load_weights(own / "own.safetensors")
    ours = features_of(loaded, image)["relu4_2"]
    network = make_network()[:23]
    prefix = "features."
    inner = {name.removeprefix(prefix): value for name, value in torchvision_state.items()}
    network.load_state_dict({name: inner[name] for name in network.state_dict()})
    with torch.no_grad():
        theirs = network(normalize(image, TORCHVISION))
    # Padding too is theirs: the normalization is obeyed, and not moved into the first layer.
    torch.testing.assert_close(ours, theirs * WEAKER, rtol=1e-4, atol=0.1)


def test_features_are_brought_to_the_original_s_strength_without_losing_a_digit(
    own, torchvision_state
):
    loaded = load_weights(own / "own.safetensors")
    weight, bias = loaded.tensors["conv4_2"]
    assert torch.equal(weight, torchvision_state["features.21.weight"])
    assert torch.equal(bias, torchvision_state["features.21.bias"] * WEAKER)
    first = torchvision_state["features.0.weight"] * WEAKER
    assert torch.equal(loaded.tensors["conv1_1"][0], first)


def test_normalization_stays_with_the_weights_when_they_are_quantized(own):
    run("quantize", "-o", "coarse.safetensors", "--original", "own.safetensors", "--bits", "6",
        "--scheme", "affine-channel", cwd=own)  # fmt: skip
    coarse = load_weights(own / "coarse.safetensors")
    assert coarse.fed == TORCHVISION
    image = to_tensor(draw_pixels(40, 48, seed=1))
    exact = features_of(load_weights(own / "own.safetensors"), image)["relu2_1"]
    seen = features_of(coarse, image)["relu2_1"]
    assert (seen - exact).norm() / exact.norm() < 0.1
    header = weightfile.read_header(own / "coarse.safetensors")
    assert header.origin == weightfile.read_header(own / "own.safetensors").origin


def test_weights_of_another_normalization_have_another_digest(own, tmp_path, torchvision_state):
    torch.save(torchvision_state, tmp_path / "vgg19.pth")
    states.import_state(tmp_path / "vgg19.pth", tmp_path / "caffe.safetensors", CAFFE)
    one, other = own / "own.safetensors", tmp_path / "caffe.safetensors"
    assert identify_weights(one).digest != identify_weights(other).digest


def test_imported_weights_are_known_by_their_numbers_whatever_file_they_lay_in(
    own, tmp_path, torchvision_state
):
    shuffled = dict(reversed(list(torchvision_state.items())))
    torch.save(shuffled, tmp_path / "renamed.pth")
    safetensors.torch.save_file(torchvision_state, tmp_path / "other.safetensors")
    known = (own / "own.safetensors").read_bytes()
    for name in ("renamed.pth", "other.safetensors"):
        states.import_state(tmp_path / name, tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == known
    nudged = torchvision_state | {"features.0.bias": torchvision_state["features.0.bias"] + 1e-3}
    torch.save(nudged, tmp_path / "renamed.pth")
    states.import_state(tmp_path / "renamed.pth", tmp_path / "again")
    ours, other = (
        weightfile.read_header(path) for path in (own / "own.safetensors", tmp_path / "again")
    )
    assert other.sha256 != ours.sha256
    assert other.origin != ours.origin


def test_files_of_another_input_are_not_taken_by_a_medley_that_does_not_know_it(own):
    with (own / "own.safetensors").open("rb") as file:
        table = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    assert table["__metadata__"]["version"] == "2"
    assert table["__metadata__"]["input"] == str(TORCHVISION)


def test_stylize_takes_imported_weights(own, tmp_path, make_picture):
    make_picture("photo.png")
    make_picture("painting.png", seed=2)
    still = ("stylize", "photo.png", "painting.png", "--size", "32", "--steps", "2")
    run(*still, "-o", "own.png", "--weights", own / "own.safetensors", cwd=tmp_path)
    run(*still, "-o", "bundle.png", cwd=tmp_path)
    ours, theirs = (decode(tmp_path / f"{name}.png").astype(float) for name in ("own", "bundle"))
    assert np.abs(ours - theirs).mean() < 3  # the same network but for its borders


def test_authors_own_weights_are_known_and_left_as_they_are(tmp_path):
    tensors = load_weights(8).tensors
    for name, first, order in (("bgr", tensors["conv1_1"][0], "BGR"),
                               ("rgb", tensors["conv1_1"][0].flip(1), "RGB")):  # fmt: skip
        state = state_of(tensors | {"conv1_1": (first, tensors["conv1_1"][1])})
        path = tmp_path / f"{name}.safetensors"
        prefixed = {f"module.{key}": value.contiguous() for key, value in state.items()}
        safetensors.torch.save_file(prefixed, path)
        origin = states.import_state(path, tmp_path / f"{name}-own.safetensors")
        assert (origin.fed.order, origin.fed.top) == (order, 255)
        assert origin.source == "imported from a state dict"
    image = to_tensor(draw_pixels(20, 24, seed=1))
    seen = [
        features_of(load_weights(source), image)["relu3_1"]
        for source in (8, tmp_path / "bgr-own.safetensors", tmp_path / "rgb-own.safetensors")
    ]
    assert torch.equal(seen[0], seen[1])
    torch.testing.assert_close(seen[0], seen[2], rtol=1e-4, atol=1e-2)


def test_calibration_obeys_the_normalization():
    rng = np.random.default_rng(0)
    weight = torch.from_numpy(rng.standard_normal(SHAPES["conv1_1"], np.float32))
    originals = {"conv1_1": (weight, torch.zeros(64))}
    image = to_tensor(draw_pixels(24, 24, seed=1))
    # Whoever feeds it with the wrong means, calibrates for pictures that it never sees.
    fed = {
        name: calibrate(originals, {"conv1_1": 2}, [image], fed=normalization)["conv1_1"].bias
        for name, normalization in (("caffe", CAFFE), ("torchvision", TORCHVISION))
    }
    assert not torch.allclose(fed["caffe"], fed["torchvision"])


@pytest.mark.parametrize("fed", [CAFFE, TORCHVISION, CAFFE._replace(order="RGB")])
def test_normalizations_are_read_as_they_are_written(fed):
    assert Normalization.read(str(fed)) == fed


@pytest.mark.parametrize(
    "text", ["", "BGR", "BGR, 0-2, minus 1, 2, 3", "RGB, 0-1, minus 1, 2, 3, divided by 1, 0, 1"]
)
def test_normalization_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match="the input"):
        Normalization.read(text)


class Forbidden:
    def __reduce__(self):
        return open, ("touched", "w")


def write_zip(path, name):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")


def small_state(**changes):
    """A state dict of VGG-19's names, whose tensors take no memory."""
    places = states._PLACES["VGG-19"]
    state = {}
    for place, shape in zip(places, SHAPES.values(), strict=True):
        state[f"features.{place}.weight"] = torch.zeros(1).expand(shape)
        state[f"features.{place}.bias"] = torch.zeros(1).expand(shape[:1])
    for name, value in changes.items():
        state[name.replace("_", ".")] = value
    return {name: value for name, value in state.items() if value is not None}


def other_vgg(*places):
    return {f"features.{place}.weight": torch.zeros(1, 1, 3, 3) for place in places}


WRONG = {
    "vgg16": (other_vgg(0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), "holds VGG-16 (13 conv"),
    "normalized": (other_vgg(0) | {"features.1.running_mean": torch.zeros(1)}, "batch normaliz"),
    "module": (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear), not only tensors"),
    "object": ({"features.0.weight": Forbidden()}, "io.open), not only tensors, and is not"),
    "training": ({"model": other_vgg(0), "epoch": 1}, "torch.load('x.pth')['model'], 'vgg19.pth')"),
    "list": ([1, 2], "holds an object of type list, no tensors by name; give a VGG-19 state dict"),
    "number": ({"features.0.weight": 1}, "holds an object of type int under 'features.0.weight'"),
    "resnet": ({"layer1.0.conv1.weight": torch.zeros(1)}, "holds layer1.0.conv1.weight ..., no"),
    "lacking": (small_state(features_34_bias=None), "lacks features.34.bias; give all of VGG-19's"),
    "shape": (small_state(features_2_weight=torch.zeros(64, 32, 3, 3)), "(64, 32, 3, 3), not"),
    "whole numbers": (small_state(features_0_bias=torch.zeros(64, dtype=torch.int8)), "torch.int8"),
    "not finite": (
        small_state(features_5_bias=torch.full((128,), torch.nan)),
        "infinite values in features.5.bias, conv2_1; give",
    ),
    "untrained": (small_state(), "has weights that give no features"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("newer", [True, False], ids=["zip", "legacy"])
def test_other_networks_and_objects_are_told_what_they_are(tmp_path, case, newer):
    content, words = WRONG[case]
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=newer)
    done = run("weights", "import", "x.pth", "-o", "own.safetensors", cwd=tmp_path, expect=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: 'x.pth'")
    assert words in line
    assert [path.name for path in tmp_path.iterdir()] == ["x.pth"]


def script_to(path):
    torch.jit.save(torch.jit.trace(torch.nn.ReLU(), torch.zeros(1)), path)


KINDS = {
    "Keras": (lambda path: h5py.File(path, "w").close(), "an HDF5 file", "an HDF5 file"),
    "zip": (lambda path: write_zip(path, "a.txt"), "a zip archive; unpack it", "a zip archive"),
    "torn zip": (
        lambda path: path.write_bytes(b"PK\3\4" + bytes(99)),
        "is torn: the table at",
        "is torn: the table at",
    ),
    "script": (script_to, "a TorchScript program; load it", "a TorchScript program"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({1: 2})), "a Python pickle, w", "pickle"),
    "text": (
        lambda path: path.write_text("no weights at all"),
        "neither a PyTorch nor",
        "no file of",
    ),
    "empty": (lambda path: path.touch(), "is empty, or begins", "is empty, or begins"),
    "zeros": (lambda path: path.write_bytes(bytes(99)), "nothing but zeros", "nothing but zeros"),
    "state": (lambda path: torch.save({}, path), "holds nothing", "'medley weights import' makes"),
    "tensors": (
        lambda path: safetensors.torch.save_file({"a": torch.zeros(1)}, path),
        "holds a ..., no convolutions of a VGG",
        "not one of medley's; 'medley weights import' makes weights of a VGG-19 state dict in it",
    ),
    "nothing": (lambda _: None, "does not exist; give", "does not exist; give"),
    "pipe": (os.mkfifo, "is a pipe or a device", "is a pipe or a device"),
    "folder": (lambda path: path.mkdir(), "is a folder; give", "is a folder; give"),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("case", KINDS)
def test_other_files_are_told_what_they_are_wherever_weights_are_asked_for(tmp_path, case):
    make, on_import, on_use = KINDS[case]
    make(tmp_path / "x.bin")
    for arguments, words in (
        (["weights", "import", "x.bin", "-o", "own.safetensors"], on_import),
        (["weights", "show", "x.bin"], on_use),
        (["quantize", "--original", "x.bin", "-o", "own.safetensors"], on_use),
    ):
        done = run(*arguments, cwd=tmp_path, expect=1)
        (line,) = done.stderr.splitlines()
        assert line.startswith("Error: 'x.bin'")
        assert words in line
    assert not (tmp_path / "own.safetensors").exists()


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.1])
@pytest.mark.parametrize("newer", [True, False], ids=["zip", "legacy"])
def test_state_dict_that_is_cut_short_is_called_torn_without_the_reader_s_own_words(
    tmp_path, keep, newer
):
    path = tmp_path / "x.pth"
    torch.save(other_vgg(0, 2), path, _use_new_zipfile_serialization=newer)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    done = run("weights", "import", "x.pth", "-o", "own.safetensors", cwd=tmp_path, expect=1)
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: 'x.pth' is torn")
    assert not re.search("EOF|Errno|Stream|central|expected|load failed", line)


def test_weights_of_medley_s_are_taken_as_they_are(tmp_path):
    done = run(
        "weights", "import", weightfile.BUNDLE, "-o", "a.safetensors", cwd=tmp_path, expect=1
    )
    assert "is one of medley's already; pass it as it is: --weights " in done.stderr


def test_state_dict_is_no_keras_file(tmp_path):
    torch.save({}, tmp_path / "x.pth")
    done = run("weights", "fetch", "x.pth", cwd=tmp_path, expect=1)
    assert "'x.pth' is a PyTorch file; 'medley weights import' makes weights of" in done.stderr


def test_import_replaces_neither_a_file_nor_its_input(tmp_path):
    (tmp_path / "x.safetensors").touch()
    for name, words in (("x.safetensors", "is an input"), ("y.pth", "exists; pass --force")):
        again = ("weights", "import", name, "-o", "x.safetensors")
        assert words in run(*again, cwd=tmp_path, expect=1).stderr


def test_torchvision_weights_are_fetched_without_unpickling_objects(
    tmp_path, monkeypatch, torchvision_state
):
    def download(_url, path, hash_prefix, progress):
        assert hash_prefix == "dcbb9e9d"
        assert not progress
        torch.save(torchvision_state, path)

    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    path = sources.fetch("torchvision")
    assert path == cached("torchvision") == tmp_path / "vgg19-torchvision.safetensors"
    header = weightfile.read_header(path)
    assert "IMAGENET1K_V1" in header.origin.source
    assert header.origin.fed == TORCHVISION


def test_reader_s_own_faults_are_the_file_s(tmp_path, monkeypatch):
    torch.save({}, tmp_path / "x.pth")

    def broken(*_arguments, **_options):
        raise RecursionError("too deep")

    monkeypatch.setattr(states.torch, "load", broken)
    with pytest.raises(WeightsError, match=r"x\.pth' is torn, or in a form"):
        states.read_state(tmp_path / "x.pth")
    assert issubclass(WeightsError, MedleyError)


def test_fault_of_medley_s_own_is_not_the_file_s(tmp_path, monkeypatch):
    def broken(_metadata):
        raise RuntimeError("a fault of ours")

    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    monkeypatch.setattr(weightfile, "is_own", broken)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        states.read_state(tmp_path / "x.safetensors")


def test_a_header_whose_length_begins_as_pickles_do_is_no_pickle(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes((0x0280).to_bytes(8, "little") + b'{"x":' + b" " * 700)
    assert kind_of(path) == "safetensors"
    path.write_bytes(pickle.dumps({"x": 1}, protocol=2))
    assert kind_of(path) == "pickle"
