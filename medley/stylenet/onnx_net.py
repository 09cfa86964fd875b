"""A style network's ONNX graph run by onnxruntime, on the CPU."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from medley.errors import ResourceError, Setting, WeightsError
from medley.images import Pixels
from medley.stylenet.netfile import VERSION, styles_in

_ERRORS = 3  # onnxruntime's level of what it logs; below are warnings
_BAND = 256  # rows of a result that are finished at once


class GraphNet:
    """An exported network.

    Attributes:
        styles: the paintings that it knows.
    """

    def __init__(
        self, path: Path, data: bytes, threads: int = 0, free_bytes: int | None = None
    ) -> None:
        """Load a graph.

        Args:
            path: its file, as messages name it.
            data: what lies there; see `graph_file.read`.
            threads: threads that compute; 0 for one on each core.
            free_bytes: memory that a picture may take; None if that is unknown.

        Raises:
            WeightsError: onnxruntime cannot run it, or it is in another version of the format.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS
        options.intra_op_num_threads = threads
        options.enable_cpu_mem_arena = False  # which would keep what the largest photo took
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # nor does torch
        try:
            self._session = onnxruntime.InferenceSession(data, options, ["CPUExecutionProvider"])
        except Exception as error:  # such as operators that it is too old for
            reason = str(error).partition("\n")[0].rpartition(" : ")[2]
            raise WeightsError(
                f"onnxruntime cannot run '{path}' ({reason}); update it, or export the network"
                " again"
            ) from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        if metadata.get("version") != VERSION:
            raise WeightsError(
                f"'{path}' is in version {metadata.get('version')} of the format, and this medley"
                f" reads version {VERSION}; export it again, or update medley"
            )
        self.path, self.styles = path, styles_in(metadata)
        self._free_bytes = free_bytes
        first, second, _ = json.loads(metadata["shape"])["channels"]
        self._values = 2.5 * (first + second) + 12  # a pixel, at most at once; measured

    def planes(self, photo: Pixels, shares: Sequence[float]) -> NDArray[np.float32]:
        """What a photo becomes, float32 `(3, height, width)` in [0, 1].

        Args:
            photo: uint8 RGB `(height, width, 3)` of any size.
            shares: share of each painting, of sum 1.

        Raises:
            ResourceError: the memory does not suffice.
        """
        self._check_room(*photo.shape[:2])
        try:
            (picture,) = self._session.run(None, feed(photo, shares))
        except Exception as error:
            if "alloc" not in str(error).lower():
                raise
            raise self._no_room(*photo.shape[:2], "the memory did not suffice") from error
        planes: NDArray[np.float32] = picture[0]
        return planes

    def painter(self, shares: Sequence[float]) -> "GraphPainter":
        """What repaints photos after one mix."""
        return GraphPainter(self, shares)

    def drift(self, photo: Pixels) -> Callable[[Sequence[float]], "Whole"]:
        """What repaints one photo after any mix."""
        return lambda shares: GraphPainter(self, shares).repaint(photo)

    def _check_room(self, height: int, width: int) -> None:
        needed = round(4 * self._values * height * width)
        if self._free_bytes is not None and needed > self._free_bytes:
            free = f"{needed / 1e9:.1f} GB are needed, and {self._free_bytes / 1e9:.1f} are free"
            raise self._no_room(height, width, free)

    def _no_room(self, height: int, width: int, reason: str) -> ResourceError:
        return ResourceError(
            f"onnxruntime takes a picture of {width}x{height} pixels as a whole ({reason}); take"
            f" the network that '{self.path}' was exported from, which has no such limit, or lower"
            " the ",
            Setting("size"),
        )


class GraphPainter:
    """An exported network with the mix that photos are repainted after."""

    def __init__(self, net: GraphNet, shares: Sequence[float]) -> None:
        """Made by `GraphNet.painter`."""
        self._net, self._shares = net, shares

    def repaint(self, photo: Pixels, tell: Callable[[int, int], None] | None = None) -> "Whole":
        """Repaint a photo.

        Args:
            photo: uint8 RGB `(height, width, 3)` of any size.
            tell: takes 1 and 1 when it is done.

        Raises:
            ResourceError: the memory does not suffice.
        """
        planes = self._net.planes(photo, self._shares)
        if tell:
            tell(1, 1)
        return Whole(planes)


class Whole:
    """A repainted photo that lies in memory."""

    def __init__(self, planes: NDArray[np.float32]) -> None:
        """Keep float32 `(3, height, width)` in [0, 1]."""
        self._planes = torch.from_numpy(planes)

    def bands(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield rows of the picture, `(rows, width, 3)`, from top to bottom, and which they are."""
        height = self._planes.shape[1]
        for first in range(0, height, _BAND):
            rows = slice(first, min(height, first + _BAND))
            yield rows, self._planes[:, rows].permute(1, 2, 0)


def feed(photo: Pixels, shares: Sequence[float]) -> dict[str, NDArray[Any]]:
    """What a graph is given for a photo uint8 `(height, width, 3)` and a mix."""
    planes = photo.transpose(2, 0, 1)[None].astype(np.float32) / 255
    mix = {"mix": np.asarray(shares, np.float32)} if len(shares) > 1 else {}
    return {"photo": planes} | mix
