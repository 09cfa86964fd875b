"""Other programs on the same device in the same minute, where they are installed.

Neither is a dependency. Their networks get medley's weights or random ones, because how quick they
are does not depend on weights, and nothing has to be fetched.
"""

import importlib
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
import torchvision
from PIL import Image

from gpu_checking.bench import Bench, Row, pixels_of
from medley.vgg.weights import load_weights


def pastiche(bench: Bench, side: int) -> Row:
    """Steps a second of pastiche 1.6.0 at its defaults, once its history of 100 is full."""
    try:
        artists = importlib.import_module("pastiche.pastiche")
        networks = importlib.import_module("pastiche.vgg19")
    except ImportError as error:
        return {"left_out": str(error)}
    photo, painting = _pictures(bench, side)
    _begin(bench)
    with patch.object(networks.VGG19, "from_quantized_bin", partial(_network, networks)):
        artist = artists.PasticheArtist(
            str(photo), [str(painting)], device=bench.device, size_pixels=side * side
        )
    warm, count = bench.pick((110, 20), (2, 1))
    for _ in range(warm):
        artist.draw()
    took = bench.median_s(lambda: [artist.draw() for _ in range(count)], 3) / count
    return {"steps_s": 1 / took} | bench.peak_mb()


def _network(networks: ModuleType, _: object, pooling: str = "max") -> Any:
    """pastiche's network with the weights that medley ships."""
    tensors = load_weights(8).tensors
    named = {
        f"block{name[4]}_conv{name[6]}": tuple(tensor.clone() for tensor in pair)
        for name, pair in tensors.items()
    }
    kind = networks.VGG19.Weights
    return networks.VGG19(kind(**{name: named[name] for name in kind._fields}), pooling=pooling)


def style_transfer_pytorch(bench: Bench, side: int) -> Row:
    """Steps a second of style-transfer-pytorch (Crowson) at one size, with its own Adam."""
    server = ModuleType("style_transfer.web_interface")  # of no use here, and has needs of its own
    server.__dict__["WebInterface"] = None
    try:
        with patch.dict(sys.modules, {server.__name__: server}):
            program = importlib.import_module("style_transfer.style_transfer")
    except ImportError as error:
        return {"left_out": str(error)}
    _begin(bench)
    with patch.object(torchvision.models, "vgg19", _untrained):
        artist = program.StyleTransfer(devices=[bench.device])
    warm, count = bench.pick((20, 60), (1, 2))
    times: list[float] = []  # its loss is read for each, which waits for the device
    photo, painting = (Image.open(path) for path in _pictures(bench, side))
    artist.stylize(
        photo,
        [painting],
        min_scale=side,
        end_scale=side,
        initial_iterations=warm + count,
        callback=lambda iterate: times.append(iterate.time),
    )
    return {"steps_s": count / (times[-1] - times[-1 - count])} | bench.peak_mb()


def _begin(bench: Bench) -> None:
    """Set what medley's last model has set back to torch's defaults, which both run with."""
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = False
    bench.forget_peak()


def _untrained(**_: object) -> torch.nn.Module:
    """torchvision's network without weights that would have to be fetched."""
    made: torch.nn.Module = _VGG19(weights=None)
    return made


_VGG19 = torchvision.models.vgg19


def _pictures(bench: Bench, side: int) -> list[Path]:
    """Files of a photo and a painting of that side."""
    paths = [bench.scratch / f"{number}of{side}.png" for number in (0, 2)]
    for path, number in zip(paths, (0, 2), strict=True):
        Image.fromarray(pixels_of(side, number)).save(path)
    return paths
