"""Conversion of pixels to float32 RGB tensors in [0, 1], and back."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

from medley.images import Pixels

_AT_ONCE = 2**20  # pixels that are rounded at once, to bound the memory of temporaries


@lru_cache(maxsize=64)
def constant(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """A tensor of nested numbers, which nobody changes; it is copied to each device only once.

    A GPU would be waited for at every copy.
    """
    with torch.inference_mode(False):  # or no gradient could ever pass beside it
        return torch.tensor(values, dtype=dtype, device=device)


def to_tensor(picture: Image.Image | Pixels) -> torch.Tensor:
    """Convert a picture to float32 `(1, 3, height, width)` RGB in [0, 1]."""
    return in_floats(torch.from_numpy(np.array(picture, dtype=np.uint8)))


def in_floats(pixels: torch.Tensor) -> torch.Tensor:
    """Convert uint8 pixels `(height, width, 3)` to what `to_tensor` gives, on their device."""
    return pixels.permute(2, 0, 1).unsqueeze(0).contiguous().float().div_(255)


def resize(image: torch.Tensor, height: int, width: int, mode: str) -> torch.Tensor:
    """Resize a tensor `(1, channels, ...)` by antialiased "bicubic" or "bilinear" filtering."""
    size = height, width
    try:
        return interpolate(image, size=size, mode=mode, antialias=True)
    except NotImplementedError:  # on Apple's GPUs before torch 2.8
        return interpolate(image.cpu(), size=size, mode=mode, antialias=True).to(image.device)


def to_pixels(image: torch.Tensor) -> Pixels:
    """Round a tensor `(1, 3, height, width)` in [0, 1] to 8-bit pixels on the CPU."""
    pixels = np.empty((*image.shape[2:], 3), np.uint8)
    for rows, band in _rounded(image):
        pixels[rows] = band.cpu().numpy()
    return pixels


def send_pixels(image: torch.Tensor) -> Callable[[], Pixels]:
    """Begin the conversion of `to_pixels`.

    From CUDA the pixels are copied while the device and this thread go on; from other devices they
    are converted at once.

    Returns:
        A function that waits for the pixels and returns them, on any thread.
    """
    if image.device.type != "cuda":
        return partial(np.asarray, to_pixels(image))
    # Only copies into pinned memory are asynchronous.
    host = torch.empty((*image.shape[2:], 3), dtype=torch.uint8, pin_memory=True)
    for rows, band in _rounded(image):
        host[rows].copy_(band, non_blocking=True)
    # Whoever waits sleeps: encoders that spin would take the processors from each other.
    copied = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
    copied.record(torch.cuda.current_stream(image.device))

    def wait() -> Pixels:
        copied.synchronize()
        return np.asarray(host.numpy())

    return wait


def _rounded(image: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield bands of a picture's rows as uint8 `(rows, width, 3)`, on its device."""
    height, width = image.shape[2:]
    count = max(1, _AT_ONCE // width)
    for top in range(0, height, count):
        rows = slice(top, top + count)
        band = image[0, :, rows].detach().clamp(0, 1).mul_(255).round_().to(torch.uint8)
        yield rows, band.permute(1, 2, 0).contiguous()
