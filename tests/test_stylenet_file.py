"""A style network comes back as it was written, in few bytes; other files are refused by name."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
import torch

from medley.errors import WeightsError
from medley.files import safetensors_header
from medley.stylenet.netfile import NetFile, StyleName, level, quantized, read, write
from medley.stylenet.network import StyleNet, make_network
from medley.stylenet.shape import full_shape, small_shape
from medley.vgg import codebook, schemes, weightfile

STYLE = StyleName("The Starry Night", "Vincent van Gogh")


def make_net(styles=1, bits=32, seed=0, **shape) -> NetFile:
    torch.manual_seed(seed)
    network = StyleNet(small_shape(styles=styles, **shape))
    with torch.no_grad():
        for gain, offset in zip(network.gains, network.offsets, strict=True):
            gain.copy_(torch.randn_like(gain))
            offset.copy_(torch.randn_like(offset))
    named = [replace(STYLE, title=f"{STYLE.title} {number}") for number in range(styles)]
    return replace(network.to_file(named, {"steps": 900}), bits=bits)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "starry.safetensors"
    write(path, make_net(bits=8))
    return path.read_bytes()


@pytest.fixture
def path(tmp_path, whole):
    path = tmp_path / "starry.safetensors"
    path.write_bytes(whole)
    return path


def assert_same(found, expected):
    for name in ("shape", "bits", "styles", "training"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ("kernels", "gains", "offsets"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == np.float32


def test_the_networks_have_as_many_weights_as_the_sources_say():
    assert small_shape().weight_count == 11_868
    assert full_shape().weight_count == 1_677_638
    assert sum(each.numel() for each in StyleNet(small_shape()).parameters()) == 11_868


def test_a_painting_more_costs_204_weights():
    assert small_shape(styles=2).weight_count - small_shape().weight_count == 204


@pytest.mark.parametrize("bits", [*codebook.WIDTHS, 32])
def test_every_width_comes_back_as_quantization_leaves_it(bits, tmp_path):
    net = make_net(styles=2, blocks=1)
    write(tmp_path / "net", replace(net, bits=bits))
    assert_same(read(tmp_path / "net"), quantized(net, bits))


@pytest.mark.parametrize("bits", [2, 8])
def test_weights_lie_in_the_optimal_codebook_of_the_levelled_ones(bits, tmp_path):
    net = make_net(bits=bits)
    write(tmp_path / "net", net)
    levelled = level(net.shape, net.kernels)
    expected = codebook.optimal_codebooks(levelled, [bits])[bits]
    nearest = expected[np.abs(levelled[:, None] - expected).argmin(axis=1)]
    assert np.array_equal(safetensors.numpy.load_file(tmp_path / "net")["codebook"], expected)
    assert np.array_equal(read(tmp_path / "net").kernels, nearest)


def test_a_network_that_was_read_is_written_again_byte_for_byte(path, tmp_path):
    write(tmp_path / "again", read(path))
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_one_painting_takes_17_000_bytes_and_fifteen_40_000(whole, tmp_path):
    assert len(whole) <= 17_000
    write(tmp_path / "fifteen", make_net(styles=15, bits=8))
    assert (tmp_path / "fifteen").stat().st_size <= 40_000


def test_levelling_a_channel_changes_no_picture():
    net = make_net()
    levelled = replace(net, kernels=level(net.shape, net.kernels))
    photo = torch.rand(1, 3, 40, 52)
    with torch.no_grad():
        difference = make_network(net)(photo) - make_network(levelled)(photo)
    assert difference.abs().max() < 2e-3
    rows = levelled.kernels[: 9 * 243].reshape(9, 243)
    assert np.allclose(np.mean(rows**2, axis=1), 1, rtol=1e-5)


def test_levelling_leaves_a_channel_of_zeros_alone():
    net = make_net()
    kernels = net.kernels.copy()
    kernels[:243] = 0
    assert not level(net.shape, kernels)[:243].any()


def refused(path) -> str:
    with pytest.raises(WeightsError) as caught:
        read(path)
    words = str(caught.value)
    assert str(path) in words
    assert "\n" not in words
    return words


def test_every_changed_byte_is_found(path, whole):
    for place in [*range(9, len(whole), 331), len(whole) - 1]:
        changed = bytearray(whole)
        changed[place] ^= 0x01
        path.write_bytes(changed)
        refused(path)


def test_a_torn_file_is_refused_wherever_it_ends(path, whole):
    for length in (0, 7, 8, 9, 300, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        words = refused(path)
        assert any(told in words for told in ("torn", "empty", "no style network"))


def test_weights_of_vgg_are_told_apart(tmp_path):
    weights = np.ones(weightfile.SHAPES["conv1_1"], np.float32)
    layer = schemes.quantize_layer(weights, np.ones(64, np.float32), "bfloat16", 16)
    origin = weightfile.Origin("a test", "ab" * 32, "CC0")
    weightfile.write(tmp_path / "vgg", {"conv1_1": layer}, "bfloat16", origin)
    assert "VGG-19" in refused(tmp_path / "vgg")


def test_other_safetensors_and_other_files_are_told_apart(tmp_path):
    safetensors.numpy.save_file({"a": np.zeros(3)}, tmp_path / "plain")
    assert "no style network" in refused(tmp_path / "plain")
    torch.save({"a": torch.zeros(3)}, tmp_path / "torch.pth")
    assert "medley train" in refused(tmp_path / "torch.pth")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff" + bytes(40))
    assert "no style network" in refused(tmp_path / "photo.jpg")
    assert "there is no style network" in refused(tmp_path / "absent")
    assert "is a folder" in refused(tmp_path)


def forge(path, arrays=None, **metadata):
    """Write a file whose digest is right, and whose content need not be."""
    with safetensors.safe_open(path, framework="np") as file:
        own = file.metadata() | {"sha256": "0" * 64} | metadata
    arrays = safetensors.numpy.load_file(path) | (arrays or {})
    types = {"uint8": "U8", "float16": "F16", "float32": "F32"}
    entries = [(name, types[str(a.dtype)], a.shape, a.nbytes) for name, a in arrays.items()]
    head = safetensors_header(entries, own)
    data = b"".join(array.tobytes() for array in arrays.values())
    digest = hashlib.sha256(head + data).hexdigest()
    path.write_bytes(head.replace(b"0" * 64, digest.encode()) + data)


def test_a_file_of_another_version_is_refused(path):
    forge(path, version="2")
    assert "version 2" in refused(path)


@pytest.mark.parametrize(
    "metadata",
    [
        {"shape": json.dumps({"channels": [9, 9, 10], "blocks": 3})},
        {"shape": json.dumps({"channels": [9, 9], "blocks": 3})},
        {"shape": json.dumps({"channels": [9, 9, 9.5], "blocks": 3})},
        {"shape": json.dumps({"channels": [9, 9, 9], "blocks": 10**12})},
        {"shape": json.dumps([9, 9, 9])},
        {"shape": "[" * 100_000},
        {"bits": "9"},
        {"bits": "4"},
        {"bits": "1e400"},
        {"styles": "[]"},
        {"styles": json.dumps([{"title": 3}])},
        {"styles": json.dumps([{"name": "x"}])},
        {"training": ""},
    ],
)
def test_metadata_that_do_not_fit_are_refused(metadata, path):
    forge(path, **metadata)
    assert "does not hold" in refused(path)


def test_numbers_that_do_not_fit_are_refused(path, whole):
    for name, array in [
        ("codes", np.zeros(5, np.uint8)),
        ("codebook", np.zeros(255, np.float32)),
        ("codebook", np.full(256, np.nan, np.float32)),
        ("normalization", np.zeros((1, 203), np.float16)),
        ("normalization", np.full((1, 204), np.inf, np.float16)),
    ]:
        path.write_bytes(whole)
        forge(path, {name: array})
        assert "does not hold" in refused(path)
