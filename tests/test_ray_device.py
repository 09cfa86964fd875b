"""The device that Ray gives a task is found by its number, its UUID or that of a slice."""

import os
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="Ray is not installed; pip install 'medley[ray]'")

from medley.errors import MedleyError
from medley.studio.engines import ray_task

UUIDS = ["11111111-aaaa-0000-0000-000000000001", "22222222-bbbb-0000-0000-000000000002"]


@pytest.fixture
def given(monkeypatch):
    """What device a task takes that Ray gives these, and what its process may see of CUDA then."""
    cuda = ray_task.torch.cuda
    monkeypatch.setattr(ray_task, "_torch_knows_uuids", lambda: True)
    monkeypatch.setattr(cuda, "device_count", lambda: len(UUIDS))
    known = [SimpleNamespace(uuid=uuid) for uuid in UUIDS]
    monkeypatch.setattr(cuda, "get_device_properties", known.__getitem__)

    def device(*names):
        visible = ",".join(map(str, names))
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        monkeypatch.setattr(ray_task.ray, "get_gpu_ids", lambda: list(names))
        found = ray_task._own_device()
        left = os.environ.get("CUDA_VISIBLE_DEVICES")
        assert left in (None, visible)
        return found, left is not None

    return device


def test_number_is_the_device_s_own_wherever_the_next_task_runs(given):
    assert [given(1), given("0")] == [("cuda:1", False), ("cuda:0", False)]


@pytest.mark.parametrize("name", [f"GPU-{UUIDS[1]}", "GPU-22222222"])
def test_uuid_is_looked_up_among_all_devices(given, name):
    assert given(name) == ("cuda:1", False)


def test_slice_is_the_one_that_cuda_may_see(given):
    assert given("MIG-5e0f1c9a-0000-0000-0000-000000000000") == ("cuda:0", True)
    assert given("MIG-GPU-5e0f1c9a/1/0") == ("cuda:0", True)


def test_device_is_the_only_one_that_may_be_seen_where_torch_knows_no_uuids(given, monkeypatch):
    monkeypatch.setattr(ray_task, "_torch_knows_uuids", lambda: False)
    assert given(f"GPU-{UUIDS[1]}") == ("cuda:0", True)


def test_uuid_of_no_device_is_one_line(given):
    with pytest.raises(MedleyError, match="Ray gives out the device 'GPU-3333', and torch finds"):
        given("GPU-3333")


def test_no_device_is_the_cpu(monkeypatch):
    monkeypatch.setattr(ray_task.ray, "get_gpu_ids", list)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert ray_task._own_device() == "cpu"
