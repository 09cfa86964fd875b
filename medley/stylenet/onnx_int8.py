"""A style network's ONNX graph quantized to 8-bit integers, by onnxruntime."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from medley.files import write_bytes
from medley.images import Pixels
from medley.stylenet.onnx_net import feed


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Hands the quantizer a photo at a time, with each painting of the network in turn."""

    def __init__(self, photos: Sequence[Pixels], styles: int) -> None:
        self._feeds = (
            feed(photo, np.eye(styles)[number % styles]) for number, photo in enumerate(photos)
        )

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next photo, or None behind the last."""
        return next(self._feeds, None)


def _outer(model: onnx.ModelProto) -> list[str]:
    """The convolutions next to photo and picture, in which 8 bits would show most."""
    names = [node.name for node in model.graph.node if node.op_type == "Conv"]
    return [names[0], names[-1]]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the quantizer's advice to simplify the graph first, which is simple."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def quantize(model: onnx.ModelProto, photos: Sequence[Pixels], styles: int) -> onnx.ModelProto:
    """Store and compute the convolutions in 8-bit integers, scaled by what photos need.

    Args:
        model: graph of floats.
        photos: uint8 `(height, width, 3)`, on which the ranges of all layers are measured.
        styles: number of paintings of the network; they take turns with the photos.
    """
    with tempfile.TemporaryDirectory(prefix="medley-") as folder:
        plain, quantized = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        write_bytes(plain, model.SerializeToString())
        with _quiet():
            quantize_static(
                plain,
                quantized,
                _Reader(photos, styles),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                nodes_to_exclude=_outer(model),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        return onnx.load(quantized)
