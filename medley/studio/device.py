"""From a device's name to the device, or a line that says why not."""

import torch

from medley.errors import MedleyError


def choose_device(name: str) -> torch.device:
    """Find the device that `name` means; "auto" takes CUDA, else Apple's MPS, else the CPU.

    Args:
        name: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        MedleyError: this machine or this torch does not have it.
    """
    have = available_devices()
    if name == "auto":
        return torch.device(have[-1] if have[-1] == "mps" else "cuda" if "cuda" in have else "cpu")
    if name not in have:
        raise MedleyError(
            f"there is no device '{name}' here; pass --device auto or one of {', '.join(have)}"
        )
    return torch.device(name)


def available_devices() -> list[str]:
    """List the names that `choose_device` accepts on this machine, besides "auto"."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names
