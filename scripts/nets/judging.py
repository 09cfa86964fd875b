"""Style networks judged on photos that they were not trained on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from medley.images import read_picture, thumbnail
from medley.paintings.draws import find_files
from medley.stylenet.netfile import NetFile
from medley.stylenet.network import make_network
from medley.stylenet.perceptual import Perceptual
from medley.tensors import to_tensor

SIDE = 384  # pixels


class Row(NamedTuple):
    """Means over all photos: the training's three terms, and the loss that they add up to."""

    content: float
    style: float
    palette: float
    loss: float


def read_photos(folder: Path) -> dict[str, Tensor]:
    """The photos of a folder by name, sorted, float RGB `(1, 3, height, width)`, `SIDE` long.

    Raises:
        PictureError: there is no such folder, or one of them cannot be read.
    """
    paths = find_files([folder])
    return {path.stem: to_tensor(thumbnail(read_picture(path), SIDE)) for path in paths}


@torch.inference_mode()
def repaint(net: NetFile, style: int, photos: Mapping[str, Tensor]) -> list[Tensor]:
    """What a network makes of photos after one of its paintings."""
    network = make_network(net)
    mix = torch.eye(net.shape.styles)[style]
    return [network(photo, mix) for photo in photos.values()]


@torch.inference_mode()
def judge(
    pictures: Sequence[Tensor], photos: Mapping[str, Tensor], perceptual: Perceptual, style: int
) -> Row:
    """Judge repainted photos after one of the paintings that `perceptual` knows."""
    terms = []
    for number, (picture, photo) in enumerate(zip(pictures, photos.values(), strict=True)):
        judged = perceptual(picture, photo, [style], torch.Generator().manual_seed(number))
        parts = judged.content, judged.style, judged.palette, judged.total
        terms.append([float(part) for part in parts])
    return Row(*np.mean(terms, axis=0).tolist())
