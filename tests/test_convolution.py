"""Float32 on a GPU is rounded to TF32 where it is asked for, and nowhere else; seen without one."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from medley.settings import ShotSettings
from medley.studio.shooting import model as models
from medley.vgg import convolution
from medley.vgg.convolution import _Convolution, convolve, rounding_to_tf32
from medley.vgg.network import VGG19

CUDNN = torch.backends.cudnn
SETTING = (CUDNN.conv, "fp32_precision") if hasattr(CUDNN, "conv") else (CUDNN, "allow_tf32")


class Roundings(TorchDispatchMode):
    """Notes how cuDNN is set at each convolution, forth and back, and at each matrix product."""

    def __init__(self):
        super().__init__()
        self.seen = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        matrices = torch.backends.cuda.matmul
        newer = hasattr(matrices, "fp32_precision")
        value = getattr(*SETTING)
        if name == "mm":
            value = matrices.fp32_precision if newer else matrices.allow_tf32
        self.seen.setdefault(name, set()).add(value)
        return func(*args, **kwargs or {})


def network(precision):
    sizes = {"conv1_1": (64, 3, 3, 3), "conv1_2": (64, 64, 3, 3)}
    there = {"device": "meta"}
    weights = {
        name: (torch.zeros(size, **there), torch.zeros(size[0], **there))
        for name, size in sizes.items()
    }
    return VGG19(weights, ["relu1_2"], precision=precision)


def roundings(network):
    """How each operation is rounded on the way through a network and back."""
    image = torch.zeros(1, 3, 16, 16, device="meta", requires_grad=True)
    with Roundings() as found:
        features = network(image)["relu1_2"].flatten(1)
        (features @ features.T).sum().backward()
    return found.seen


@pytest.mark.parametrize("own", ["tf32", "ieee"])
def test_each_network_rounds_as_it_was_asked_to_and_leaves_the_process_as_it_was(own):
    on, off = ("tf32", "ieee") if SETTING[1] == "fp32_precision" else (True, False)
    networks = {"tf32": network("tf32"), "float32": network("float32")}
    products = roundings(networks["float32"])["mm"]
    with rounding_to_tf32(own == "tf32"):
        before = getattr(*SETTING)
        for name in ("tf32", "float32", "tf32"):
            seen = roundings(networks[name])
            wanted = {on if name == "tf32" else off}
            assert seen["convolution"] == seen["convolution_backward"] == wanted
            assert seen["mm"] == products  # Gram matrices are never rounded
        assert getattr(*SETTING) == before == (on if own == "tf32" else off)


def test_loading_a_network_changes_no_setting_of_the_process(monkeypatch):
    before = getattr(*SETTING)
    for precision in ("tf32", "float32"):
        monkeypatch.setattr(models, "choose_precision", lambda *_, name=precision: name)
        models.load_model(ShotSettings(), "meta")
        assert getattr(*SETTING) == before


def test_tf32_is_judged_in_the_end_by_the_same_network_in_float32(monkeypatch):
    monkeypatch.setattr(models, "choose_precision", lambda *_: "tf32")
    model = models.load_model(ShotSettings(), "meta")
    assert (model.network.precision, model.exact.precision) == ("tf32", "float32")
    name = "conv3_1_weight"
    weight = model.network.get_buffer(name)
    assert weight.is_contiguous(memory_format=torch.channels_last)  # as cuDNN wants it
    assert model.exact.get_buffer(name) is model.network.get_buffer(name)


@pytest.mark.parametrize("padding", [0, 1])
def test_convolution_and_its_gradients_are_torch_s(padding):
    random = torch.Generator().manual_seed(0)
    sizes = (1, 4, 9, 7), (5, 4, 3, 3), (5,)
    ours = [torch.randn(size, generator=random).requires_grad_() for size in sizes]
    theirs = [one.detach().clone().requires_grad_() for one in ours]
    found = _Convolution.apply(*ours, padding, False)
    expected = torch.nn.functional.conv2d(*theirs, padding=padding)
    assert torch.equal(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_an_older_torch_is_set_by_its_own_name(monkeypatch):
    older = SimpleNamespace(allow_tf32=True)
    monkeypatch.setattr(convolution.torch.backends, "cudnn", older)
    with pytest.raises(KeyError), rounding_to_tf32(False):
        assert older.allow_tf32 is False
        raise KeyError
    assert older.allow_tf32 is True


def test_cpu_and_halves_are_computed_as_they_are(monkeypatch):
    monkeypatch.setattr(convolution, "_Convolution", None)
    weight = torch.zeros(2, 3, 3, 3)
    assert convolve(torch.zeros(1, 3, 8, 8), weight, torch.zeros(2), 1, True).shape[1] == 2
    half = {"device": "meta", "dtype": torch.bfloat16}
    there = torch.zeros(1, 3, 8, 8, **half), weight.to(**half), torch.zeros(2, **half)
    assert convolve(*there, 1, True).dtype == torch.bfloat16
