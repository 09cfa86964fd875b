"""Devices and precisions: from names to those that this machine has, or an error that says why not.

Nothing here imports torch, because plans are made without it. Facts that only torch knows (which
accelerators there are, and what they can do) come from a separate process, once; its answer is
cached until torch or the driver changes. Where there can be no accelerator, no process is started.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter

from medley.errors import MedleyError, OutputError, Setting
from medley.files import cache_folder, write_json
from medley.settings.presets import Kind, kind_named
from medley.vgg.layers import Precision

_CPU_FACTS = Path("/proc/cpuinfo")
_DRIVER_FACTS = Path("/proc/driver/nvidia/version")
_PROBE = "medley.studio.shooting.probe"
_PROBE_S = 120.0  # timeout for torch to find its devices


class Accelerator(NamedTuple):
    """Facts about a device that torch finds.

    Attributes:
        name: product name, such as "NVIDIA H100 80GB HBM3".
        half: 16-bit precision that it multiplies in hardware, the wider one if it has both; "" if
            it has neither.
        memory_bytes: all of its memory; 0 if it shares the machine's.
    """

    name: str
    half: Literal["bfloat16", "float16", ""]
    memory_bytes: int


_ANSWER = TypeAdapter(dict[str, Accelerator])


def kind_of_device(device: str) -> str:
    """The kind of a device, "cpu", "cuda" or "mps", by its name, such as "cuda:1"."""
    return device.partition(":")[0]


def name_device(name: str) -> str:
    """Find the device that `name` means; "auto" takes CUDA, else Apple's MPS, else the CPU.

    Args:
        name: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        MedleyError: this machine or this torch does not have the device.
    """
    have = ["cpu"] if name == "cpu" else available_devices()
    if name == "auto":
        if have[-1] == "mps":
            return "mps"
        return "cuda" if "cuda" in have else "cpu"
    if name not in have:
        raise MedleyError(
            f"there is no device '{name}' here; pass ",
            Setting("device", "auto"),
            f" or one of {', '.join(have)}",
        )
    return name


def name_devices(names: Sequence[str]) -> list[str]:
    """Find the devices that are named, in their order.

    Raises:
        MedleyError: this machine or this torch does not have one of them.
    """
    return [name_device(name) for name in names]


def one_device(names: Sequence[str]) -> str:
    """Find the single device that is named.

    Raises:
        MedleyError: several are named, or this machine does not have the device.
    """
    if len(names) > 1:
        raise MedleyError(
            Setting("device", ",".join(names)), " names several, and one is of use here; name that"
        )
    return name_device(names[0])


def every_device(names: Sequence[str]) -> list[str]:
    """Find the devices that are named; "auto" means every CUDA device, else the one of its kind.

    Raises:
        MedleyError: this machine or this torch does not have one of them.
    """
    if list(names) == ["auto"]:
        names = [name for name in available_devices() if name.startswith("cuda:")] or names
    return name_devices(names)


def preset_kind(name: str) -> Kind:
    """The kind of device, as presets distinguish them, that a name means; it need not be here."""
    return kind_named(name_device(name) if name == "auto" else name)


def available_devices() -> list[str]:
    """List the names that `name_device` accepts on this machine, besides "auto"."""
    return ["cpu", *(name for name in accelerators() if name != "cpu")]


def choose_precision(name: str, device: str) -> Precision:
    """Find the precision that `name` means on a device.

    "auto" is bfloat16 on a CPU or GPU that multiplies it in hardware, float16 on a GPU that
    multiplies only that, else float32. Halves reach the same loss in as many steps, in half the
    time or less.

    Args:
        name: "auto" or a precision.
        device: name of the device that computes.

    Raises:
        MedleyError: the device does not have the precision.
    """
    kind = kind_of_device(device)
    if name == "tf32" and kind != "cuda":
        raise MedleyError(
            Setting("precision", "tf32"), f" needs CUDA, not {kind}; pass auto or float32"
        )
    if name == "auto":
        name = _half_of(device) or "float32"
    return TypeAdapter(Precision).validate_python(name)


def _half_of(device: str) -> str:
    if device != "cpu":
        return accelerators()[device].half
    if able := _cpu_features():
        return "bfloat16" if able & {"amx_bf16", "avx512_bf16"} else ""
    return _ask_torch()["cpu"].half


def accelerators() -> dict[str, Accelerator]:
    """The accelerators that torch finds on this machine, by name; empty if there can be none."""
    return _ask_torch() if _may_have_accelerators() else {}


def _may_have_accelerators() -> bool:
    """Whether there can be another device than the CPU.

    CUDA needs its driver's library, and ROCm its kernel device.
    """
    if sys.platform != "linux" or Path("/dev/kfd").exists():
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@lru_cache(maxsize=1)
def _ask_torch() -> dict[str, Accelerator]:
    """The accelerators from the cache, or from a process that imports torch."""
    path, key = cache_folder() / "devices.json", _probe_key()
    try:
        return _read_answer(json.loads(path.read_text("utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        known = _probe()  # the cache has no answer, or is damaged
    with suppress(OutputError):  # if the cache cannot be written, torch is asked again next time
        write_json(path, {key: known})
    return _read_answer(known)


def _read_answer(known: Mapping[str, Sequence[Any]]) -> dict[str, Accelerator]:
    return _ANSWER.validate_python(known)


def _probe() -> dict[str, list[object]]:
    command = [sys.executable, "-m", _PROBE]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_S, check=True)
        found: dict[str, list[object]] = json.loads(run.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise MedleyError(
            f"torch could not say which devices there are ({error}); pass ",
            Setting("device", "cpu"),
            " and ",
            Setting("precision", "float32"),
        ) from error
    return found


def _probe_key() -> str:
    """The cache's key: versions and files that decide torch's answer."""
    try:
        driver = _DRIVER_FACTS.read_text("utf-8", "replace").splitlines()[0]
    except (OSError, IndexError):
        driver = "no driver"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    return f"torch {version('torch')}, {sys.executable}, {driver}, devices {visible}"


def _cpu_features() -> set[str]:
    """The features of an x86 processor that Linux lists; empty elsewhere."""
    try:
        lines = _CPU_FACTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return set()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.partition(":")[2].split())
