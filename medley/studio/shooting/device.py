"""From names of devices and precisions to the devices and precisions, or a line why not."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pydantic import TypeAdapter

from medley.errors import MedleyError
from medley.settings.presets import Kind, kind_named
from medley.vgg.layers import Precision

if TYPE_CHECKING:  # it takes a second to import, and plans do without
    import torch

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_CPU_FACTS = Path("/proc/cpuinfo")


class Device(NamedTuple):
    """A device's name, such as "cuda:1", where there need be no torch to know it."""

    name: str

    @property
    def type(self) -> str:
        """What it is: "cpu", "cuda" or "mps"."""
        return self.name.partition(":")[0]

    def __str__(self) -> str:
        """Give the name, as a `torch.device` does."""
        return self.name


AnyDevice: TypeAlias = "Device | torch.device"


def choose_device(*names: str) -> torch.device:
    """Find the device that a name means, as `name_device` does.

    Raises:
        MedleyError: this machine or this torch does not have it, or there are several names.
    """
    import torch

    if len(names) > 1:
        raise MedleyError(
            f"--device '{','.join(names)}' names several, and one is of use here; name that"
        )
    return torch.device(name_device(*names).name)


def name_device(name: str) -> Device:
    """Find the device that `name` means; "auto" takes CUDA, else Apple's MPS, else the CPU.

    torch is asked only where there may be more than the CPU.

    Args:
        name: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        MedleyError: this machine or this torch does not have it.
    """
    have = ["cpu"] if name == "cpu" else available_devices()
    if name == "auto":
        return Device(have[-1] if have[-1] == "mps" else "cuda" if "cuda" in have else "cpu")
    if name not in have:
        raise MedleyError(
            f"there is no device '{name}' here; pass --device auto or one of {', '.join(have)}"
        )
    return Device(name)


def choose_devices(names: Iterable[str]) -> list[torch.device]:
    """Find the devices of these names, in their order.

    Raises:
        MedleyError: this machine or this torch does not have one of them.
    """
    return [choose_device(name) for name in names]


def kind_of(name: str) -> Kind:
    """The kind of device, as presets know it, that a name means.

    Raises:
        MedleyError: as `choose_device`.
    """
    return kind_named(name_device(name).type)


def available_devices() -> list[str]:
    """List the names that `choose_device` accepts on this machine, besides "auto"."""
    names = ["cpu"]
    if not _may_have_more():
        return names
    import torch

    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def choose_precision(name: str, device: AnyDevice) -> Precision:
    """Find the precision that `name` means on a device, and set up torch for it.

    "auto" is bfloat16 on a CPU or GPU that multiplies it in hardware, else float32. bfloat16
    reaches the same loss in as many steps, in half the time or less.

    Args:
        name: "auto" or a precision.
        device: where it is computed.

    Raises:
        MedleyError: the device cannot do that.
    """
    if name == "tf32" and device.type != "cuda":
        raise MedleyError(f"--precision tf32 needs CUDA, not {device.type}; pass auto or float32")
    if name == "auto":
        name = "bfloat16" if _multiplies_bfloat16(device) else "float32"
    if device.type == "cuda":
        import torch

        # torch shortens float32 in convolutions unless it is told not to.
        torch.backends.cudnn.allow_tf32 = name == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
    return TypeAdapter(Precision).validate_python(name)


@contextlib.contextmanager
def computing_deterministically(wanted: bool) -> Iterator[None]:
    """Let torch use only algorithms that always come to the same pixels, until the block ends.

    Raises:
        MedleyError: an operation in the block has none on its device.
    """
    if not wanted:
        yield
        return
    import torch

    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(_CUBLAS)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False  # it would choose by what was quickest this time
    os.environ[_CUBLAS] = ":4096:8"  # without it cuBLAS shares its memory as it comes
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        what = str(error).split(" does not", 1)[0]
        raise MedleyError(
            f"{what} has no deterministic form on this device; leave out --deterministic"
        ) from error
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=lenient)
        torch.backends.cudnn.benchmark = benchmark
        if workspace is None:
            del os.environ[_CUBLAS]
        else:
            os.environ[_CUBLAS] = workspace


def _may_have_more() -> bool:
    """Whether there may be another device than the CPU; where not, torch need not be asked.

    CUDA is nothing without its driver's library, nor ROCm without its kernel's device.
    """
    if sys.platform != "linux" or "torch" in sys.modules or Path("/dev/kfd").exists():
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def _multiplies_bfloat16(device: AnyDevice) -> bool:
    wanted = {"amx_bf16", "avx512_bf16"}
    if device.type == "cpu" and "torch" not in sys.modules and (able := _cpu_features()):
        return bool(able & wanted)
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in wanted)


def _cpu_features() -> set[str]:
    """What Linux says that an x86 processor can do; empty elsewhere."""
    try:
        lines = _CPU_FACTS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return set()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.partition(":")[2].split())
