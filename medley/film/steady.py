"""Repainted frames held steady: each takes over the last one's, along the motion of the clip.

OpenCV is an extra of the package: this module is there only where it is installed.
"""

import cv2
import numpy as np
import numpy.typing as npt

from medley.film.flow import Flow, dense_flow
from medley.images import Pixels

Floats = npt.NDArray[np.float32]

_SHARE = 0.8  # of the last result in the next one, where the motion is to be trusted
_SIDE = 320  # pixels of the long side at which motion is looked for: noise is averaged out there
_APART = 8.0  # of 255 levels, by which a frame differs from what it came from with 1/e of trust
_CUT = 0.25  # of the trust in a whole frame, below which another scene has begun


class Steady:
    """What is kept of a clip to hold its repainted frames steady: the last frame and its result.

    A network repaints each frame by itself, and paints a clip's noise as strokes that flicker. Here
    the last result is moved along the optical flow and stands for four fifths of the next, where
    the frame looks as what it came from; elsewhere the new result stands alone. The flow is not
    sought back again to be trusted, as in Ruder et al. (2016): that takes twice the time, and
    holds less of a noisy clip.
    """

    def __init__(self) -> None:
        """Begin with no frame."""
        self._before: Pixels | None = None
        self._shown: Pixels | None = None

    def hold(self, frame: Pixels, made: Pixels) -> Pixels:
        """Hold a result steady.

        Args:
            frame: the clip's frame, uint8 RGB `(height, width, 3)`.
            made: what was made of it, likewise.

        Returns:
            The result that is to be shown, likewise.
        """
        small = _small(frame)
        if self._before is not None and self._shown is not None:
            made = _held(self._before, small, self._shown, made)
        self._before, self._shown = small, made
        return made


def _held(before: Pixels, after: Pixels, shown: Pixels, made: Pixels) -> Pixels:
    """The new result with what the last one lends it; the frames are small ones."""
    height, width, _ = made.shape
    flow = dense_flow(after, before)
    trust = _trust(before, after, flow)
    if trust.mean() < _CUT:
        return made
    times = np.array([width / after.shape[1], height / after.shape[0]], np.float32)
    x, y = _places(_sized(flow * times, height, width))
    moved = cv2.remap(shown, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    share = _sized(trust * np.float32(_SHARE), height, width)
    held: Pixels = cv2.blendLinear(moved, made, share, 1 - share)
    return held


def _trust(before: Pixels, after: Pixels, flow: Flow) -> Floats:
    """How far a frame looks as what it came from, `(height, width)` from 0 to 1."""
    height, width, _ = after.shape
    x, y = _places(flow)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    came = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    apart = cv2.absdiff(cv2.blur(after, (3, 3)), cv2.blur(came, (3, 3)))
    levels = apart.astype(np.float32).mean(axis=2)
    trust: Floats = np.exp(-((levels / _APART) ** 2)) * inside
    return trust


def _places(flow: Flow) -> tuple[Floats, Floats]:
    """Columns and rows that a flow leads to, `(height, width)` each."""
    height, width, _ = flow.shape
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return flow[..., 0] + columns, flow[..., 1] + rows[:, None]


def _sized(values: Floats, height: int, width: int) -> Floats:
    sized: Floats = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    return sized


def _small(frame: Pixels) -> Pixels:
    """A frame at the size at which motion is looked for."""
    height, width, _ = frame.shape
    scale = _SIDE / max(height, width)
    if scale >= 1:
        return frame
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: Pixels = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return small
