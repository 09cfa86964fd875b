"""Devices and precisions are found without torch, which a process of its own is asked for."""

import json
import subprocess
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest
import torch

from medley.cli.words import in_options
from medley.errors import MedleyError
from medley.studio.shooting import devices
from medley.studio.shooting.devices import (
    Accelerator,
    accelerators,
    available_devices,
    choose_precision,
    every_device,
    kind_of_device,
    name_device,
    one_device,
)
from medley.studio.shooting.probe import probe
from medley.studio.shooting.resources import free_memory

GPUS = {
    "cpu": ["CPU", "", 0],
    "cuda": ["H100", "bfloat16", 80_000],
    "cuda:0": ["H100", "bfloat16", 80_000],
    "cuda:1": ["GTX 1080", "", 8_000],
    "cuda:2": ["T4", "float16", 16_000],
}
OLDER = '{"KEY": {"cpu": ["CPU", true, 0]}}'  # an older medley kept another fact


def lean(expression):
    """What an expression comes to in a process that has not imported torch."""
    code = f"from medley.studio.shooting.devices import *; import sys; print({expression})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """A machine that may have accelerators; counts how often torch is asked, and says GPUS."""
    times = []

    def answer():
        times.append(1)
        return GPUS

    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(devices, "_may_have_accelerators", lambda: True)
    monkeypatch.setattr(devices, "_probe", answer)
    devices._ask_torch.cache_clear()
    yield times
    devices._ask_torch.cache_clear()


def test_auto_is_the_same_device_without_torch():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    if torch.backends.mps.is_available():
        expected = "mps"
    assert lean("name_device('auto')") == expected


def test_auto_precision_of_the_cpu_is_the_same_without_torch():
    expected = probe()["cpu"][1] or "float32"
    assert lean("choose_precision('auto', 'cpu')") == expected


def test_cpu_and_precision_on_linux_need_no_torch():
    expression = (
        "choose_precision('float32', name_device('cpu')), 'torch' in __import__('sys').modules"
    )
    assert lean(expression) == "float32 False"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx512f avx512_bf16", "bfloat16"),
        ("fpu amx_bf16", "bfloat16"),
        ("fpu avx2 avx512_bf16x", "float32"),
    ],
)
def test_processor_features_are_read_from_linux(monkeypatch, tmp_path, asked, flags, expected):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\nbugs :\n")
    monkeypatch.setattr(devices, "_CPU_FACTS", tmp_path / "cpuinfo")
    assert choose_precision("auto", "cpu") == expected
    assert not asked


def test_torch_knows_processors_of_which_the_system_says_nothing(monkeypatch, tmp_path, asked):
    monkeypatch.setattr(devices, "_CPU_FACTS", tmp_path / "absent")
    assert choose_precision("auto", "cpu") == "float32"
    assert len(asked) == 1


def test_device_is_called_as_torch_calls_it():
    for name in ("cpu", "cuda", "cuda:1", "mps"):
        theirs = torch.device(name)
        assert (name, kind_of_device(name)) == (str(theirs), theirs.type)


def test_device_that_is_not_here_is_one_line():
    assert name_device("cpu") == "cpu"
    with pytest.raises(MedleyError, match="there is no device 'cuda:77' here; pass") as caught:
        name_device("cuda:77")
    assert "here; pass --device auto or one of cpu" in caught.value.worded(in_options)


def test_nobody_is_asked_where_there_can_be_no_accelerator(monkeypatch, asked):
    monkeypatch.setattr(devices, "_may_have_accelerators", lambda: False)
    assert (name_device("auto"), available_devices()) == ("cpu", ["cpu"])
    assert every_device(["auto"]) == ["cpu"]
    assert not asked


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch is always asked")
def test_no_accelerator_is_thought_possible_without_a_driver(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(devices.ctypes, "CDLL", absent)
    assert devices._may_have_accelerators() == devices.Path("/dev/kfd").exists()
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda _: None)
    assert devices._may_have_accelerators()


def test_torch_is_asked_once_and_its_answer_kept_in_the_cache(asked, tmp_path, monkeypatch):
    for _ in range(2):
        assert available_devices() == ["cpu", "cuda", "cuda:0", "cuda:1", "cuda:2"]
        devices._ask_torch.cache_clear()  # as another process has it
    assert len(asked) == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert accelerators()["cuda"] == Accelerator("H100", "bfloat16", 80_000)
    assert len(asked) == 2
    (key,) = json.loads((tmp_path / "cache" / "devices.json").read_text())
    assert f"torch {version('torch')}, " in key and key.endswith("devices 1")


@pytest.mark.parametrize("torn", ["", "[]", "{}", '{"KEY": 3}', '{"KEY": {"cpu": ["CPU"]}}', OLDER])
def test_torn_answer_is_asked_for_again(asked, tmp_path, torn):
    path = tmp_path / "cache" / "devices.json"
    path.parent.mkdir()
    path.write_text(torn.replace("KEY", devices._probe_key()))
    assert "cuda:1" in available_devices()
    assert len(asked) == 1


def test_answer_need_not_be_kept(asked, tmp_path):
    (tmp_path / "cache").touch()
    assert "cuda:1" in available_devices()
    assert len(asked) == 1


@pytest.mark.usefixtures("asked")
def test_devices_and_precisions_are_those_that_torch_tells():
    assert (name_device("auto"), one_device(["auto"])) == ("cuda", "cuda")
    assert every_device(["auto"]) == ["cuda:0", "cuda:1", "cuda:2"]
    assert choose_precision("auto", "cuda:0") == "bfloat16"
    assert choose_precision("auto", "cuda:1") == "float32"
    assert choose_precision("auto", "cuda:2") == "float16"
    assert (free_memory("cuda"), free_memory("cuda:1")) == (80_000, 8_000)
    with pytest.raises(MedleyError, match="device cpu,cuda names several, and one is of use"):
        one_device(["cpu", "cuda"])
    with pytest.raises(MedleyError, match="precision tf32 needs CUDA, not cpu; pass auto"):
        choose_precision("tf32", "cpu")


def test_process_that_is_asked_says_what_torch_says(monkeypatch):
    told = {name: tuple(facts) for name, facts in devices._probe().items()}
    assert told == probe()
    monkeypatch.setattr(devices, "_PROBE", "medley.absent")
    with pytest.raises(MedleyError, match="torch could not say which devices there are") as caught:
        devices._probe()
    assert caught.value.worded(in_options).endswith("pass --device cpu and --precision float32")


@pytest.mark.parametrize(
    ("hip", "capability", "expected"),
    [
        (None, (6, 1), ""),
        (None, (7, 0), "float16"),
        (None, (7, 5), "float16"),
        (None, (8, 0), "bfloat16"),
        (None, (9, 0), "bfloat16"),
        (None, (12, 0), "bfloat16"),
        ("6.2", (9, 4), "bfloat16"),
    ],
)
def test_each_gpu_tells_its_own_half_precision_and_none_is_used(
    monkeypatch, hip, capability, expected
):
    def used(*_, **__):
        raise RuntimeError("CUDA-capable device(s) is/are busy or unavailable")

    facts = SimpleNamespace(name="GPU", total_memory=1_000)
    cards = {"cuda": (1, 0), "cuda:0": (1, 0), "cuda:1": capability}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: facts)
    monkeypatch.setattr(torch.cuda, "get_device_capability", cards.__getitem__)
    monkeypatch.setattr(torch.version, "hip", hip)
    for name in ("is_bf16_supported", "set_device", "current_device", "mem_get_info"):
        monkeypatch.setattr(torch.cuda, name, used)
    assert probe()["cuda:1"] == ("GPU", expected, 1_000)
