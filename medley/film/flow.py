"""Dense optical flow between two frames: by OpenCV's DIS, or by scikit-image where it is not."""

from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from medley.images import Pixels

Flow = npt.NDArray[np.float32]
"""Where each place of a frame lies in another one, from its own: `(height, width, 2)`, x and y in
pixels."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of ITU-R BT.601, as OpenCV has it
_SHORTEST = 16  # pixels of a side, as OpenCV's coarsest patches need


def flow_method() -> str:
    """The name of the method that `dense_flow` uses here, "dis" or "ilk", which decide the flow."""
    return "dis" if find_spec("cv2") else "ilk"


def dense_flow(first: Pixels, second: Pixels) -> Flow:
    """Estimate where each place of a frame lies in another one.

    Args:
        first: uint8 RGB `(height, width, 3)`.
        second: another frame of that size.

    Returns:
        For each place of the first frame, how far off it lies in the second.

    Source: Kroeger, Timofte, Dai and Van Gool (2016), Fast Optical Flow using Dense Inverse Search;
    where OpenCV is not installed: Le Besnerais and Champagnat (2005), Dense Optical Flow by
    Iterative Local Window Registration.
    """
    height, width, _ = first.shape
    find = _dis if flow_method() == "dis" else _ilk
    return find(_gray(first), _gray(second))[:height, :width]


def _gray(frame: Pixels) -> npt.NDArray[np.uint8]:
    """Luma, no side of it shorter than the methods need."""
    gray: npt.NDArray[np.uint8] = np.rint(frame @ _LUMA).astype(np.uint8)
    beyond = [(0, max(0, _SHORTEST - side)) for side in gray.shape]
    return np.pad(gray, beyond, "edge")


def _dis(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> Flow:
    import cv2

    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    threads = cv2.getNumThreads()
    # It cuts the frame into as many stripes as there are threads, which see nothing of each other.
    cv2.setNumThreads(1)
    try:
        flow: Flow = finder.calc(first, second, None)
    finally:
        cv2.setNumThreads(threads)
    return flow


def _ilk(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> Flow:
    from skimage.registration import optical_flow_ilk

    down, right = optical_flow_ilk(first / 255, second / 255, radius=5)
    return np.stack([right, down], axis=2).astype(np.float32)
