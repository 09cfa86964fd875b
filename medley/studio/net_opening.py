"""Style networks opened to repaint: medley's own files in torch, exported graphs in onnxruntime.

Where a network is at hand as its own file, torch computes it: onnxruntime is slower at the same
picture (docs/stylenets.md has the figures).
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from medley.errors import ConfigError, MedleyError, Setting
from medley.studio.shooting.devices import one_device
from medley.studio.shooting.resources import free_memory
from medley.stylenet import graph_file, netfile
from medley.stylenet.ready import ReadyNet, TorchNet


def open_net(path: Path, device: Sequence[str]) -> ReadyNet:
    """Open a style network, whichever of the two lies there.

    Args:
        path: the file.
        device: name of the device that shall compute, alone; "auto" for the best.

    Raises:
        WeightsError: it is missing, torn, or no style network.
        ConfigError: a graph is to be computed elsewhere than on the CPU.
        MedleyError: there is no such device, or onnxruntime, which a graph needs, is not installed.
    """
    if not graph_file.is_graph(path):
        return TorchNet(netfile.read(path), one_device(device))
    data = graph_file.read(path)
    if tuple(device) not in (("auto",), ("cpu",)):
        raise ConfigError(
            (f"'{path}' is an exported graph, which the CPU computes, not ",
             Setting("device", ",".join(device)), "; leave that out, or take the network that it"
             " was exported from")
        )  # fmt: skip
    try:
        from medley.stylenet.onnx_net import GraphNet
    except ImportError as error:
        raise missing(error) from error
    return GraphNet(path, data, torch.get_num_threads(), free_memory("cpu"))


def missing(error: ImportError) -> MedleyError:
    """What to say of a package that exported graphs need."""
    return MedleyError(f"{error.name} is not installed; pip install 'medley[onnx]' brings it")
