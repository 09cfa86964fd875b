"""Facts that torch knows about this machine's devices, as JSON on standard output.

`devices` runs this in a separate process, so that planning need not import torch.
"""

import json
import sys

import torch


def probe() -> dict[str, tuple[str, bool, int]]:
    """Name, whether bfloat16 is multiplied in hardware, and bytes of memory, for each device."""
    found = {"cpu": ("CPU", _cpu_multiplies_bfloat16(), 0)}
    if torch.cuda.is_available():
        several = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
        for name in ("cuda", *several):
            facts = torch.cuda.get_device_properties(name)
            found[name] = facts.name, _multiplies_bfloat16(name), facts.total_memory
    if torch.backends.mps.is_available():
        found["mps"] = "MPS", False, 0
    return found


def _multiplies_bfloat16(name: str) -> bool:
    with torch.cuda.device(torch.device(name)):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _cpu_multiplies_bfloat16() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):
        return False
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in ("amx_bf16", "avx512_bf16"))


if __name__ == "__main__":
    json.dump(probe(), sys.stdout)
