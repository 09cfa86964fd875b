"""Facts that torch knows about this machine's devices, as JSON on standard output.

`devices` runs this in a separate process, so that planning need not import torch.
"""

import json
import sys

import torch


def probe() -> dict[str, tuple[str, str, int]]:
    """Name, half precision that is multiplied in hardware, and bytes of memory of each device.

    No device is used for it: one that another process has to itself tells as much.
    """
    found = {"cpu": ("CPU", "bfloat16" if _cpu_multiplies_bfloat16() else "", 0)}
    if torch.cuda.is_available():
        several = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        for name in ("cuda", *several):
            facts = torch.cuda.get_device_properties(name)
            found[name] = facts.name, _half_of(name), facts.total_memory
    if torch.backends.mps.is_available():
        found["mps"] = "MPS", "", 0
    return found


def _half_of(name: str) -> str:
    """The half precision that a GPU multiplies: NVIDIA's do from Ampere and from Volta on."""
    if torch.version.hip:
        return "bfloat16"
    major, _ = torch.cuda.get_device_capability(name)
    if major >= 8:
        return "bfloat16"
    return "float16" if major == 7 else ""


def _cpu_multiplies_bfloat16() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in ("amx_bf16", "avx512_bf16"))


if __name__ == "__main__":
    json.dump(probe(), sys.stdout)
