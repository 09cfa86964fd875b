"""How many small shots pass the network together, where one alone does not fill a GPU."""

import math
from collections.abc import Sequence

from medley.settings.run import BatchWish
from medley.studio.shooting.device import AnyDevice

FULL_PIXELS = 512 * 512
"""So many pixels a pass fill a GPU; chosen, not measured."""

MOST_AT_ONCE = 16  # shots: each has a thread, and all their iterates wait for the encoders


def fitting_at_once(height: int, width: int) -> int:
    """How many shots of that size fill a GPU together."""
    return max(1, min(MOST_AT_ONCE, FULL_PIXELS // (height * width)))


def shots_a_pass(
    wish: BatchWish, height: int, width: int, crew: Sequence[AnyDevice], shots: int
) -> int:
    """Decide how many shots of one size each worker takes at once.

    Args:
        wish: so many, or "auto": as many as fill a GPU, and one where not all devices are GPUs.
        height: of each shot, pixels.
        width: likewise.
        crew: the device of each worker.
        shots: that there are to take; no worker takes more than its share.
    """
    if wish == "auto":
        on_gpus = all(device.type == "cuda" for device in crew)
        wish = fitting_at_once(height, width) if on_gpus else 1
    return max(1, min(wish, math.ceil(shots / len(crew))))
