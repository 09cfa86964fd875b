"""A style network as an ONNX graph, for other runtimes: any picture size, any mix of paintings.

    photo     float32 `(1, 3, height, width)`, RGB in [0, 1]
    mix       float32 `(styles,)`, share of each painting; only where there are several
    picture   float32 like `photo`

The graph is written by hand, node by node as `StyleNet.forward` goes, because it is small: nothing
of torch is needed to make it or to run it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from medley.stylenet.graph_file import seal
from medley.stylenet.netfile import NetFile, described
from medley.stylenet.shape import LEAST_SIDE, SHRINKS

OPSET = 18  # the first whose Pad takes the sides of chosen axes
_EPSILON = 1e-5
_IR_VERSION = 9  # of a year that runtimes of today all read


class _Graph:
    """Nodes and constants, as they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: NDArray[Any] | Sequence[int] | Sequence[float]) -> str:
        """Add a constant; give its name."""
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node; give the name of what comes out of it."""
        output = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], output, **attributes))
        return output


def onnx_model(net: NetFile) -> onnx.ModelProto:
    """The graph of a network, with its weights as floats."""
    graph = _Graph()
    count = net.shape.styles
    inputs = [helper.make_tensor_value_info("photo", TensorProto.FLOAT, [1, 3, "height", "width"])]
    if count > 1:
        inputs.append(helper.make_tensor_value_info("mix", TensorProto.FLOAT, [count]))
    picture = _pass(graph, net)
    graph.nodes[-1].output[0] = picture = "picture"
    outputs = [helper.make_tensor_value_info(picture, TensorProto.FLOAT, [1, 3, "height", "width"])]
    made = helper.make_graph(graph.nodes, "style network", inputs, outputs, graph.constants)
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="medley",
    )
    onnx.checker.check_model(model)
    return model


def serialized(model: onnx.ModelProto, net: NetFile) -> bytes:
    """The bytes of a network's graph, in whose metadata stands what its own file says."""
    helper.set_model_props(model, described(net))
    return seal(model.SerializeToString())


def _pass(graph: _Graph, net: NetFile) -> str:
    convolutions = list(net.shape.convolutions())
    last = len(convolutions) - 1
    inner = range(3, last - 2)
    graph.constant("axes", np.array([2, 3]))
    graph.constant("twice", np.array([2.0, 2.0], np.float32))
    x, before = _padded(graph), ""
    kernel_at = channel_at = 0
    for layer, (ins, outs, side) in enumerate(convolutions):
        if layer in (last - 2, last - 1):
            x = graph.add(
                "Resize", [x, "", "twice"], mode="nearest", axes=[2, 3],
                coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            )  # fmt: skip
        if layer in inner and (layer - inner.start) % 2 == 0:
            before = x
        size = ins * outs * side**2
        kernel = net.kernels[kernel_at : kernel_at + size].reshape(outs, ins, side, side)
        channels = slice(channel_at, channel_at + outs)
        x = _convolved(graph, x, kernel, 2 if layer in (1, 2) else 1)
        x = _normalized(graph, x, net, channels)
        if layer in inner and (layer - inner.start) % 2 == 1:
            x = graph.add("Add", [x, before])
        elif layer < last:
            x = graph.add("Relu", [x])
        kernel_at, channel_at = kernel_at + size, channels.stop
    x = graph.add("Mul", [x, graph.constant("two", np.array(2, np.float32))])
    x = graph.add("Sigmoid", [x])
    starts = graph.constant("starts", np.array([0, 0]))
    return graph.add("Slice", [x, starts, "sides", "axes"])


def _padded(graph: _Graph) -> str:
    """The photo with sides that are multiples of `SHRINKS`, its last row and column repeated."""
    graph.nodes.append(helper.make_node("Shape", ["photo"], ["sides"], start=2, end=4))
    shrinks = graph.constant("shrinks", np.array([SHRINKS]))
    least = graph.constant("least", np.array([LEAST_SIDE]))
    # (-side) mod 4 is what a side lacks to the next multiple; ONNX' Mod has the divisor's sign.
    lacking = graph.add("Mod", [graph.add("Neg", ["sides"]), shrinks])
    whole = graph.add("Max", [graph.add("Add", ["sides", lacking]), least])
    lacking = graph.add("Sub", [whole, "sides"])
    pads = graph.add("Concat", [graph.constant("none", np.array([0, 0])), lacking], axis=0)
    return graph.add("Pad", ["photo", pads, "", "axes"], mode="edge")


def _convolved(graph: _Graph, x: str, kernel: NDArray[np.float32], stride: int) -> str:
    margin = kernel.shape[-1] // 2
    number = len(graph.nodes)
    pads = graph.constant(f"margin{number}", np.array([margin] * 4))
    x = graph.add("Pad", [x, pads, "", "axes"], mode="reflect")
    weights = graph.constant(f"kernel{number}", kernel)
    return graph.add("Conv", [x, weights], strides=[stride, stride])


def _normalized(graph: _Graph, x: str, net: NetFile, channels: slice) -> str:
    number = len(graph.nodes)
    rows = {"gain": net.gains[:, channels], "offset": net.offsets[:, channels]}
    if net.shape.styles == 1:
        names = [graph.constant(f"{name}{number}", row[0]) for name, row in rows.items()]
    else:
        names = [
            graph.add("MatMul", ["mix", graph.constant(f"{name}{number}", row)])
            for name, row in rows.items()
        ]
    return graph.add("InstanceNormalization", [x, *names], epsilon=_EPSILON)
