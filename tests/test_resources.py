import subprocess
import sys
import weakref
from unittest.mock import Mock

import pytest
import torch

from medley.errors import ResourceError
from medley.settings import ShotSettings
from medley.studio.engines import worker
from medley.studio.shooting import resources
from medley.studio.shooting.model import load_model
from medley.studio.shooting.resources import (
    free_disk,
    free_memory,
    out_of_memory_named,
    resident_memory,
)
from medley.transfer.scales import Scale
from medley.vgg.network import VGG19

from .specs import take


def test_free_and_resident_memory_are_plausible():
    assert 1e6 < resident_memory() < 1e12
    free = free_memory("cpu")
    assert free is None or 1e6 < free < 1e14
    # In a process of its own: this one may have memory to spare from an earlier test.
    code = (
        "import torch; from medley.studio.shooting.resources import resident_memory as memory;"
        "before = memory(); ballast = torch.ones(10_000_000);"
        "assert memory() - before > 0.7 * ballast.nbytes"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_container_s_limit_counts_and_cached_files_do_not(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 600\ninactive_file 300\n")
    assert resources._free_in_container(tmp_path) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert resources._free_in_container(tmp_path) is None
    old = tmp_path / "memory"
    old.mkdir()
    (old / "memory.limit_in_bytes").write_text("5000")
    (old / "memory.usage_in_bytes").write_text("1000")
    (old / "memory.stat").write_text("total_inactive_file 10\n")
    assert resources._free_in_container(tmp_path) == 4010
    assert resources._free_in_container(tmp_path / "absent") is None


def test_smaller_of_machine_and_container_counts(monkeypatch):
    monkeypatch.setattr(resources, "_free_on_machine", lambda: 500)
    monkeypatch.setattr(resources, "_free_in_container", lambda _: 400)
    assert free_memory("cpu") == 400
    monkeypatch.setattr(resources, "_free_in_container", lambda _: None)
    assert free_memory("cpu") == 500


def test_disk_of_a_folder_that_is_not_there_yet_is_its_parent_s(tmp_path):
    assert free_disk(tmp_path / "a" / "b") == pytest.approx(free_disk(tmp_path), rel=0.1)


ERRORS = {
    "cpu": RuntimeError(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    ),
    "cuda": torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    "python": MemoryError(),
    "driver": RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
    "any": type("OutOfMemoryError", (RuntimeError,), {})("XPU: allocation of 2.00 GiB failed"),
    "windows": RuntimeError(
        "DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"
    ),
    "c++": RuntimeError("std::bad_alloc"),
    "hip": RuntimeError("HIP error: hipErrorOutOfMemory"),
    "cudnn": RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "no engine": RuntimeError("GET was unable to find an engine to execute this computation"),
    "no algorithm": RuntimeError("Unable to find a valid cuDNN algorithm to run convolution"),
    "cublas": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
    "no cublas": RuntimeError(
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling cublasCreate"
    ),
    "cusolver": RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `Dsyevd`"),
    "mig": RuntimeError('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "CUDACachingAllocator.cpp":9'),
}


@pytest.mark.parametrize("name", ERRORS)
def test_memory_that_ran_out_is_one_line_with_what_would_fit(name):
    scales = [Scale(1000, 2000, 9)]
    with (
        pytest.raises(
            ResourceError, match=r"ran out at 2000x1000 pixels; pass tile 768 or size \d+$"
        ),
        out_of_memory_named(scales, ShotSettings(), None),
    ):
        raise ERRORS[name]


@pytest.mark.parametrize(
    "words", ["sizes do not match", "CUDNN_STATUS_EXECUTION_FAILED", "an illegal memory access"]
)
def test_other_errors_pass_through(words):
    with (
        pytest.raises(RuntimeError, match=words),
        out_of_memory_named([Scale(10, 10, 1)], ShotSettings(), None),
    ):
        raise RuntimeError(words)


def test_memory_of_what_failed_is_free_while_the_error_is_still_held():
    held = []

    def passes():
        features = torch.ones(10)
        held.append(weakref.ref(features))
        yield features.sum()
        raise ERRORS["cuda"]

    with (
        pytest.raises(ResourceError) as caught,
        out_of_memory_named([Scale(10, 10, 1)], ShotSettings(), None),
    ):
        list(passes())
    assert caught.value.__cause__ is ERRORS["cuda"]
    assert held[0]() is None


def test_device_without_room_for_the_network_is_one_line(monkeypatch):
    def load(error):
        monkeypatch.setattr(VGG19, "to", Mock(side_effect=error))
        load_model(ShotSettings(precision="float32"), "cpu")

    with pytest.raises(ResourceError, match="'cpu' has no memory left for the network; end other"):
        load(ERRORS["no cublas"])
    busy = RuntimeError("CUDA error: CUDA-capable device(s) is/are busy or unavailable")
    with pytest.raises(ResourceError, match="'cpu' admits one process at a time, and another has"):
        load(busy)
    with pytest.raises(RuntimeError, match="else"):
        load(RuntimeError("something else"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", Mock(side_effect=busy))
    assert worker._free_now("cuda:0") is None


def test_memory_that_runs_out_on_the_way_to_the_encoders_is_named_too(monkeypatch, tmp_path, model):
    def pinned(_):
        raise ERRORS["driver"]

    monkeypatch.setattr("medley.studio.shooting.shoot.send_pixels", pinned)
    with pytest.raises(ResourceError, match=r"'painting_2.png': the memory ran out at 32x24"):
        take(tmp_path, model)
