"""Beside a network of halves the one in float32 is only there while somebody has it."""

import shutil
import weakref

import pytest
import torch

from medley.errors import WeightsError
from medley.settings import ShotSettings
from medley.studio.shooting.model import load_model, network_settings
from medley.vgg import schemes, weightfile
from medley.vgg.sources import KERAS_ORIGIN
from medley.vgg.weights import load_weights


def settings(**changes):
    return ShotSettings(**{"precision": "bfloat16"} | changes)


class RecordedSettings(ShotSettings):
    """Settings that record which of them are read."""

    def __getattribute__(self, name):
        if name in ShotSettings.model_fields:
            READ.add(name)
        return super().__getattribute__(name)


READ = set()


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_shots_share_a_model_only_if_they_agree_in_all_that_loading_one_reads(precision):
    """A setting that is missing among them would be in a shot's key, but not in its network."""
    recorded = RecordedSettings(precision=precision)
    READ.clear()
    _ = load_model(recorded, "cpu").exact
    read = READ.copy()
    READ.clear()
    assert network_settings(recorded) == ShotSettings(precision=precision)
    assert read == READ


def test_exact_network_is_made_when_it_is_wanted_and_shared_while_it_is_there():
    model = load_model(settings(), "cpu")
    assert model.is_half
    exact = model.exact
    assert exact is model.exact
    assert exact.precision == "float32"
    assert exact.get_buffer("conv2_1_weight").dtype == torch.float32
    gone = weakref.ref(exact)
    del exact
    assert gone() is None


def test_no_tensor_in_float32_stays_beside_the_halves():
    model = load_model(settings(), "cpu")
    large = [one for one in model.network.buffers() if one.numel() > 10_000]
    assert {one.dtype for one in large} == {torch.bfloat16}
    assert model.weights.tensors == {}
    assert model.weights.digest == load_weights(8, layers=["conv1_1"]).digest


def test_exact_network_is_the_one_that_was_loaded():
    half, whole = (load_model(settings(precision=name), "cpu") for name in ("bfloat16", "float32"))
    assert whole.exact is whole.network
    assert not whole.is_half
    for name, tensors in whole.network.weights().items():
        for ours, theirs in zip(half.exact.weights()[name], tensors, strict=True):
            assert torch.equal(ours, theirs)


@pytest.fixture
def own_weights(tmp_path):
    """Two files of weights that differ in one bias."""

    def write(name, shift):
        layers = {
            layer: schemes.quantize_layer(weight.numpy(), bias.numpy() + shift, "float32", 32)
            for layer, (weight, bias) in load_weights(8).tensors.items()
        }
        weightfile.write(tmp_path / name, layers, "float32", KERAS_ORIGIN)
        return tmp_path / name

    return write("one.safetensors", 0), write("other.safetensors", 0.5)


def test_weights_that_change_in_mid_shot_are_named(own_weights):
    one, other = own_weights
    model = load_model(settings(weights=one), "cpu")
    assert model.exact.precision == "float32"
    shutil.copyfile(other, one)
    with pytest.raises(WeightsError, match=r"'.*one.safetensors' holds other weights than when"):
        _ = model.exact
    one.unlink()
    with pytest.raises(WeightsError, match=r"one.safetensors"):
        _ = model.exact
