"""Export of style networks: as ONNX graphs that are compared with the network before they appear.

onnx and onnxruntime are extras of the package, and asked for by name where they are missing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from medley.errors import WeightsError
from medley.files import write_bytes
from medley.images import Pixels, read_picture, thumbnail
from medley.paintings.draws import find_photos, shipped
from medley.studio.net_opening import missing
from medley.stylenet import netfile
from medley.stylenet.network import StyleNet, make_network
from medley.tensors import to_tensor

Floats = NDArray[np.float32]

_SIDE = 256  # pixels of the photos that are compared and calibrated by
_CALIBRATED = 32  # photos; more hardly widen the ranges
_TOLERANCE = 0.255  # of 255, as far as floats may differ


class Exported(NamedTuple):
    """What was written.

    Attributes:
        size_bytes: size of the file.
        scaled_by: how many pictures its integers were scaled by; 0 if it computes in floats.
        mean, most: differences of its pictures from the network's own, of 255.
    """

    size_bytes: int
    scaled_by: int
    mean: float
    most: float


def export_onnx(
    net_path: Path, output: Path, int8: bool = False, calibrate: Sequence[Path] = ()
) -> Exported:
    """Write a style network as an ONNX graph.

    Args:
        net_path: file of the network.
        output: file of the graph.
        int8: True to compute convolutions in 8-bit integers.
        calibrate: photos, or folders of them, by which these are scaled; none for the paintings
            that ship.

    Raises:
        MedleyError: onnx or onnxruntime is not installed, or computes something else.
        OutputError: the file cannot be written.
        PictureError: a photo cannot be read.
        WeightsError: the file holds no style network.
    """
    net = netfile.read(net_path)
    try:
        from medley.stylenet import onnx_graph, onnx_int8, onnx_net
    except ImportError as error:
        raise missing(error) from error
    paths = find_photos(calibrate) if calibrate else shipped()
    photos = [thumbnail(read_picture(path), _SIDE) for path in paths[:_CALIBRATED]]
    model = onnx_graph.onnx_model(net)
    if int8:
        model = onnx_int8.quantize(model, photos, net.shape.styles)
    data = onnx_graph.serialized(model, net)
    graph = onnx_net.GraphNet(output, data)
    mix = np.full(net.shape.styles, 1 / net.shape.styles, np.float32)
    network = make_network(net)
    apart = [
        np.abs(graph.planes(photo, mix.tolist()) - _own(network, photo, mix)) * 255
        for photo in photos[:3]
    ]
    mean, most = float(np.mean([each.mean() for each in apart])), max(map(np.max, apart))
    if not int8 and most > _TOLERANCE:
        raise WeightsError(f"onnxruntime comes to other pictures, by {most:.2g} of 255; update it")
    write_bytes(output, data)
    return Exported(len(data), len(photos) if int8 else 0, mean, float(most))


def _own(network: StyleNet, photo: Pixels, mix: Floats) -> Floats:
    with torch.inference_mode():
        picture: Floats = network(to_tensor(photo), torch.from_numpy(mix))[0].numpy()
    return picture
