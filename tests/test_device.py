"""Devices and precisions are the same whether or not torch is asked for them."""

import subprocess
import sys

import pytest
import torch
from medley.studio.shooting.device import (
    Device,
    choose_device,
    choose_precision,
    name_device,
)

from medley.errors import MedleyError
from medley.studio.shooting import device as devices


def lean(expression):
    """What an expression comes to in a process that has not imported torch."""
    code = f"from medley.studio.shooting.device import *; import sys; print({expression})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_auto_is_the_same_device_without_torch():
    assert lean("str(name_device('auto'))") == str(choose_device("auto"))


def test_auto_precision_of_the_cpu_is_the_same_without_torch():
    found = lean("choose_precision('auto', Device('cpu'))")
    assert found == choose_precision("auto", torch.device("cpu"))


def test_cpu_and_precision_on_linux_need_no_torch():
    expression = (
        "choose_precision('float32', name_device('cpu')), 'torch' in __import__('sys').modules"
    )
    assert lean(expression) == "float32 False"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx512f avx512_bf16", True),
        ("fpu amx_bf16", True),
        ("fpu avx2 avx512_bf16x", False),
    ],
)
def test_processor_features_are_read_from_linux(monkeypatch, tmp_path, flags, expected):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\nbugs :\n")
    monkeypatch.setattr(devices, "_CPU_FACTS", tmp_path / "cpuinfo")
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(devices, "torch", None, raising=False)
    assert devices._multiplies_bfloat16(Device("cpu")) is expected


def test_device_is_called_as_torch_calls_it():
    for name in ("cpu", "cuda", "cuda:1", "mps"):
        ours, theirs = Device(name), torch.device(name)
        assert (str(ours), ours.type) == (str(theirs), theirs.type)


def test_device_that_is_not_here_is_one_line():
    assert name_device("cpu") == Device("cpu")
    with pytest.raises(MedleyError, match="there is no device 'cuda:77' here; pass --device auto"):
        name_device("cuda:77")
