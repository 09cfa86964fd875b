"""Files come back as written, are plain safetensors, and bad ones are refused by name."""

import dataclasses
import errno
import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from medley.errors import OutputError, WeightsError
from medley.vgg import columns, schemes, weightfile
from medley.vgg.identity import describe
from medley.vgg.weightfile import SHAPES, Origin, check_digest, read, read_header, write
from medley.vgg.weights import load_weights

ORIGIN = Origin("drawn by a test", "ab" * 32, "CC0")
NAMES = ("conv1_1", "conv1_2")


def make_layers(scheme="kmeans", bits=3):
    return dict(encoded(scheme, bits))


@functools.cache
def encoded(scheme, bits):
    rng = np.random.default_rng(7)
    return {
        name: schemes.quantize_layer(
            rng.standard_normal(SHAPES[name], np.float32),
            rng.standard_normal(SHAPES[name][0], np.float32),
            scheme,
            bits,
        )
        for name in NAMES
    }


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "tiny.safetensors"
    write(path, make_layers(), "kmeans", ORIGIN)
    return path


def assert_same(layer, expected):
    assert (layer.shape, layer.bits) == (expected.shape, expected.bits)
    assert (layer.distortion, layer.power) == (expected.distortion, expected.power)
    assert layer.arrays.keys() == expected.arrays.keys()
    for kind, array in expected.arrays.items():
        assert np.array_equal(layer.arrays[kind], array)
        assert layer.arrays[kind].dtype == array.dtype


@pytest.mark.parametrize("scheme", sorted(set(schemes.SCHEMES) - {schemes.CALIBRATED}))
def test_layers_come_back_as_written(scheme, tmp_path):
    layers = make_layers(scheme, schemes.FLOAT_BITS.get(scheme, 3))
    digest = write(tmp_path / "x.safetensors", layers, scheme, ORIGIN)
    header, found, content = read(tmp_path / "x.safetensors")
    check_digest(header, content)
    assert (header.scheme, header.origin, header.sha256) == (scheme, ORIGIN, digest)
    assert header.size_bytes == (tmp_path / "x.safetensors").stat().st_size
    assert list(found) == list(header.layers) == list(NAMES)
    for name in NAMES:
        assert_same(found[name], layers[name])
        assert header.layers[name].size_bytes == layers[name].size_bytes


@functools.cache
def coded():
    rng = np.random.default_rng(8)
    layers = {}
    for name in NAMES:
        out, inputs, *_ = SHAPES[name]
        steps = rng.integers(0, 9, (inputs, 3, 3)).astype(np.uint8)
        codes = np.rint(rng.normal(0, 1.2, SHAPES[name])).astype(np.int8)
        arrays = columns.write(codes, steps) | {"steps": steps}
        arrays |= {"unit": np.array([0.01], np.float32), "scale": np.ones(out, np.float16)}
        arrays["bias"] = rng.standard_normal(out, np.float32)
        layers[name] = schemes.assemble_coded(columns.values(codes, arrays), arrays)
    return layers


def test_entropy_codes_come_back_with_the_bits_that_they_take(tmp_path):
    path, layers = tmp_path / "x.safetensors", coded()
    write(path, layers, "entropy", ORIGIN)
    header, found, content = read(path)
    check_digest(header, content)
    for name in NAMES:
        assert_same(found[name], layers[name])
        count = np.prod(SHAPES[name])
        assert found[name].bits == pytest.approx(8 * layers[name].size_bytes / count, abs=1e-4)
        assert found[name].distortion < 1e-9
    loaded = load_weights(path)
    assert loaded.label == f"{loaded.bits:.1f}-bit entropy"
    assert 1 < loaded.bits < 4
    shown = describe(header, found)
    assert shown["bits"] == loaded.bits
    assert 0 < shown["entropy"] < shown["bits"]
    with safetensors.safe_open(path, framework="np") as file:
        assert file.get_tensor("conv1_2.stream").dtype == np.uint16


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        ("stream", lambda array: array[::-1]),
        ("stream", lambda array: np.append(array, np.uint16(0))),
        ("states", lambda array: array[:, :1]),
        ("frequencies", lambda array: array[:-1]),
        ("contexts", lambda array: array + np.uint8(200)),
    ],
)
def test_codes_that_no_reader_can_read_are_refused_with_their_layer(tmp_path, kind, broken):
    path, layers = tmp_path / "x.safetensors", dict(coded())
    arrays = layers["conv1_2"].arrays
    arrays = arrays | {kind: np.ascontiguousarray(broken(arrays[kind]))}
    taken = schemes.bits_taken(SHAPES["conv1_2"], arrays)
    layers["conv1_2"] = dataclasses.replace(layers["conv1_2"], arrays=arrays, bits=taken)
    write(path, layers, "entropy", ORIGIN)
    with pytest.raises(WeightsError, match=r"x.safetensors' has a broken conv1_2 \("):
        load_weights(path)


MISFITS = {
    "stream is uint8": lambda layer: changed(layer, stream=layer.arrays["stream"].view(np.uint8)),
    "states is uint16 of shape": lambda layer: changed(layer, states=layer.arrays["states"][0]),
    "contexts is uint8 of shape": lambda layer: changed(layer, contexts=np.zeros(9, np.uint8)),
    "steps is uint8 of shape": lambda layer: changed(layer, steps=layer.arrays["steps"][1:]),
    "scale is float16 of shape": lambda layer: changed(layer, scale=np.ones(1, np.float16)),
    "arrays are bias, contexts": lambda layer: without(layer, "unit"),
    "bits are 3": lambda layer: dataclasses.replace(layer, bits=3),
    "bits are 1.5": lambda layer: dataclasses.replace(layer, bits=1.5),
}


@pytest.mark.parametrize("message", MISFITS)
def test_arrays_of_codes_that_do_not_belong_together_are_refused(tmp_path, message):
    layers = dict(coded())
    layers["conv1_2"] = MISFITS[message](layers["conv1_2"])
    write(tmp_path / "x.safetensors", layers, "entropy", ORIGIN)
    with pytest.raises(WeightsError, match=rf"has a broken conv1_2 \(.*{message}"):
        read(tmp_path / "x.safetensors")


def test_mixed_widths_and_narrower_tables_come_back(tmp_path):
    layers = {
        "conv1_1": schemes.with_narrower(make_layers(bits=4)["conv1_1"]),
        "conv1_2": make_layers("affine-channel", 5)["conv1_2"],
    }
    write(tmp_path / "x.safetensors", layers, "mixed", ORIGIN)
    _, found, _ = read(tmp_path / "x.safetensors")
    for name in NAMES:
        assert_same(found[name], layers[name])


def test_files_are_plain_safetensors(path, tmp_path):
    tensors = safetensors.numpy.load_file(path)
    assert np.array_equal(tensors["conv1_2.codebook"], make_layers()["conv1_2"].arrays["codebook"])
    write(tmp_path / "b", make_layers("bfloat16", 16), "bfloat16", ORIGIN)
    weight = safetensors.torch.load_file(tmp_path / "b")["conv1_1.weight"]
    assert weight.dtype == torch.bfloat16
    expected = schemes.decode(make_layers("bfloat16", 16)["conv1_1"])
    assert np.array_equal(weight.float().numpy(), expected)


def test_same_layers_give_the_same_bytes_in_any_order(path, tmp_path):
    backwards = dict(reversed(make_layers().items()))
    write(tmp_path / "again", backwards, "kmeans", ORIGIN)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_packed_files_take_their_bits_and_little_else(tmp_path):
    weights = sum(int(np.prod(SHAPES[name])) for name in NAMES)
    for bits in (1, 3, 5):
        write(tmp_path / "x", make_layers(bits=bits), "kmeans", ORIGIN)
        beside = (tmp_path / "x").stat().st_size - weights * bits / 8
        assert beside < 2500 + 2 * 4 * (2**bits + 64)


def test_header_is_read_without_torch(path):
    code = (
        "import sys, pathlib; from medley.vgg import weightfile;"
        f"weightfile.read_header(pathlib.Path({str(path)!r})); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_changed_byte_is_found(path):
    whole = path.read_bytes()
    for place in [*range(9, len(whole), 331), len(whole) - 1]:
        changed = bytearray(whole)
        changed[place] ^= 0x01
        path.write_bytes(changed)
        with pytest.raises(WeightsError, match=r"tiny\.safetensors"):
            check_digest(*read(path)[::2])


def test_changed_weights_are_called_so(path):
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 0x80
    path.write_bytes(changed)
    with pytest.raises(WeightsError, match="changed after it was written"):
        check_digest(*read(path)[::2])


@pytest.mark.parametrize(
    ("keep", "words"),
    [(0, "is empty"), (5, "is no file of weights"), (100, "torn"), (3000, "torn"), (-1, "torn")],
)
def test_torn_file_is_refused(path, keep, words):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=rf"tiny\.safetensors' .*{words}.*; .*again|give one"):
        read_header(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\x89PNG\r\n\x1a\n" * 20, "is no file of weights"), (b"\0" * 64, "nothing but zeros")],
)
def test_other_kinds_of_files_are_refused(path, content, words):
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        read_header(path)


def test_whatever_the_library_raises_is_the_file_s_failure(path, monkeypatch):
    def broken(*_arguments, **_options):
        raise RuntimeError("out of bounds")

    monkeypatch.setattr(weightfile.safetensors, "safe_open", broken)
    with pytest.raises(WeightsError, match=r"tiny\.safetensors' is torn; make or fetch it again"):
        read_header(path)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"none' does not exist"):
        read_header(tmp_path / "none")
    with pytest.raises(WeightsError, match="is a folder"):
        read_header(tmp_path)


@pytest.mark.parametrize(
    ("scheme", "array"),
    [("float32", "weight"), ("float32", "bias"), ("float16", "weight"), ("bfloat16", "weight"),
     ("kmeans", "codebook"), ("affine", "scale")],
)  # fmt: skip
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_weights_that_are_not_finite_are_refused_with_their_layer(tmp_path, scheme, array, value):
    layers = make_layers(scheme, schemes.FLOAT_BITS.get(scheme, 3))
    layer = layers["conv1_2"]
    spoilt = layer.arrays[array].copy()
    is_half = spoilt.dtype == np.uint16  # bfloat16: the upper half of a float32
    spoilt.flat[3 % spoilt.size] = np.float32(value).view(np.uint32) >> 16 if is_half else value
    layers["conv1_2"] = dataclasses.replace(layer, arrays=layer.arrays | {array: spoilt})
    write(tmp_path / "x.safetensors", layers, scheme, ORIGIN)
    words = rf"x\.safetensors' has NaN or infinite values in conv1_2 \(its {array}\); choose"
    with pytest.raises(WeightsError, match=words):
        read(tmp_path / "x.safetensors")


def test_safetensors_of_another_program_is_refused(path):
    safetensors.numpy.save_file({"weight": np.zeros(3)}, path)
    with pytest.raises(WeightsError, match="not one of medley's"):
        read_header(path)
    safetensors.numpy.save_file({"weight": np.zeros(3)}, path, {"format": "pt"})
    with pytest.raises(WeightsError, match="not one of medley's"):
        read_header(path)


@pytest.mark.parametrize(
    ("constant", "value", "message"),
    [
        ("_VERSION", "3", "is in version 3 of the format, and this medley reads versions 1 and 2"),
        ("NETWORK", "vgg16", "holds the network 'vgg16', not vgg19"),
    ],
)
def test_another_version_or_network_is_refused(path, monkeypatch, constant, value, message):
    with monkeypatch.context() as patch:
        patch.setattr(weightfile, constant, value)
        write(path, make_layers(), "kmeans", ORIGIN)
    with pytest.raises(WeightsError, match=message):
        read_header(path)


def rewritten(path, change):
    """Write the file's metadata again after `change` has been at its table of layers."""
    with safetensors.safe_open(path, framework="np") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    layers = json.loads(metadata["layers"])
    change(layers)
    safetensors.numpy.save_file(tensors, path, metadata | {"layers": json.dumps(layers)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layers: layers.update(conv6_1=layers["conv1_1"]), "unknown layer conv6_1"),
        (lambda layers: layers["conv1_1"].update(shape=[64, 3, 5, 5]), r"conv1_1 has the shape"),
        (lambda layers: layers["conv1_1"].pop("bits"), "bits"),
        (lambda layers: layers.update(conv1_1=3), "did not write"),
        (lambda layers: layers["conv1_1"].update(bits=float("inf")), "infinity"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(path, change, message):
    rewritten(path, change)
    with pytest.raises(WeightsError, match=message):
        read_header(path)


def test_metadata_nested_without_end_is_refused(path, monkeypatch):
    usual = weightfile._metadata
    with monkeypatch.context() as patch:
        patch.setattr(weightfile, "_metadata", lambda *a: usual(*a) | {"layers": "[" * 100_000})
        write(path, make_layers(), "kmeans", ORIGIN)
    with pytest.raises(WeightsError, match="has metadata that medley did not write"):
        read_header(path)


BROKEN = {
    "bits are 12": lambda layer: dataclasses.replace(layer, bits=12),
    "codes is uint8": lambda layer: changed(layer, codes=layer.arrays["codes"][1:]),
    "codebook is float32 of shape": lambda layer: dataclasses.replace(layer, bits=2),
    "bias is float32 of shape": lambda layer: changed(layer, bias=np.zeros(63, np.float32)),
    "bias is float16": lambda layer: changed(layer, bias=np.zeros(64, np.float16)),
    "arrays are bias, codebook": lambda layer: without(layer, "codes"),
    "arrays are missing": lambda layer: dataclasses.replace(layer, arrays={}),
    "arrays are bias, codebook, codes, zero": lambda layer: changed(
        layer, zero=np.zeros(1, np.float32)
    ),
}


def changed(layer, **arrays):
    return dataclasses.replace(layer, arrays=layer.arrays | arrays)


def without(layer, name):
    kept = {kind: array for kind, array in layer.arrays.items() if kind != name}
    return dataclasses.replace(layer, arrays=kept)


@pytest.mark.parametrize("message", BROKEN)
def test_layer_whose_arrays_do_not_belong_together_is_refused(path, message):
    layers = make_layers()
    layers["conv1_2"] = BROKEN[message](layers["conv1_2"])
    write(path, layers, "kmeans", ORIGIN)
    with pytest.raises(WeightsError, match=rf"has a broken conv1_2 \(.*{message}"):
        read(path)


def test_tensor_of_an_unknown_type_is_refused(path):
    with safetensors.safe_open(path, framework="np") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors["conv1_1.bias"] = tensors["conv1_1.bias"].astype(np.float64)
    safetensors.numpy.save_file(tensors, path, metadata)
    with pytest.raises(WeightsError, match="has a broken conv1_1"):
        read(path)


def test_layers_of_another_network_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="some of VGG-19's, not fc6"):
        write(tmp_path / "x", {"fc6": make_layers()["conv1_1"]}, "kmeans", ORIGIN)
    with pytest.raises(ValueError, match="not none"):
        write(tmp_path / "x", {}, "kmeans", ORIGIN)


def test_full_disk_leaves_the_earlier_file_and_nothing_else(path, monkeypatch):
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write(path, make_layers(bits=2), "kmeans", ORIGIN)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before
