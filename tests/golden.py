"""What was frozen of medley: orders with their shot keys, and the small inputs they name.

`tests/data/keys.json` has a line for each order: its kind, what it says beyond `base`, and the
keys of its shots in the film's order. To add orders, write lines without keys and run

    python -m tests.golden

which fills in what is missing. Keys that are there stay: a changed key is a broken promise, because
every workspace of every user would be shot again.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from medley.images import Pixels
from medley.settings import read_table
from medley.settings.orders import ORDERS
from medley.studio.plan import plan
from medley.vgg import schemes, weightfile
from medley.vgg.sources import KERAS_ORIGIN
from medley.vgg.weights import load_weights

DATA = Path(__file__).parent / "data"
KEYS = DATA / "keys.json"


class Golden(NamedTuple):
    """An order, and the keys that its shots have always had."""

    kind: str
    settings: dict[str, Any]
    keys: list[str]

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.kind} {json.dumps(self.settings)}"


class Keys:
    """Tells the shot keys of orders, as settings files state them.

    `keys_of` is the only place that knows how medley plans: when the planner moves, it moves.
    """

    def __init__(self, folder: Path) -> None:
        """Plan in a folder where `make_inputs` has put its files."""
        self._folder = folder

    def keys_of(self, kind: str, settings: dict[str, Any]) -> list[str]:
        """Keys of an order's shots, in the film's order; nothing is computed."""
        order = read_table(ORDERS[kind], settings, "'golden'", self._folder)
        (film,) = plan([order], ["cpu"], force=True).films
        return film.keys


def draw(height: int, width: int, seed: int, channels: int = 3) -> Pixels:
    """A picture of ramps and boxes, by whole numbers alone: the same on every machine."""
    y, x, channel = np.mgrid[0:height, 0:width, 0:channels]
    ramps = (x * (5 + seed + 3 * channel) + y * (11 - seed + channel) + 37 * seed * channel) % 256
    boxes = (x // (4 + seed) + y // (6 + seed % 3)) % 3 == seed % 3
    return np.where(boxes, (ramps * 3 + 91 * seed) % 256, ramps).astype(np.uint8)


CATALOG = """artist,date,genre,style,title,in_train,new_filename
Ada,1890,portrait,Symbolism,One,FALSE,one.png
Ada,1901,landscape,Fauvism,Two,FALSE,two.png
Ben,c.1910,landscape,Cubism,Three,FALSE,three.png
Cleo,,abstract,Cubism,Four,FALSE,four.png
"""


def make_inputs(folder: Path) -> None:
    """Write all files that the orders name, but for weights."""
    contents = {
        "photo.png": draw(40, 48, 1),
        "tall.png": draw(50, 38, 2),
        "gray.png": draw(40, 48, 3, 1)[..., 0],
        "clear.png": draw(36, 44, 4, 4),
        "start.png": draw(30, 30, 5),
        "styles/one.png": draw(36, 40, 6),
        "styles/two.png": draw(44, 30, 7),
        "styles/three.png": draw(33, 33, 8),
        "styles/four.png": draw(28, 51, 9),
        "masks/left.png": np.repeat([[255, 0]], [20, 28], axis=1).repeat(40, axis=0),
        "masks/soft.png": np.tile(np.arange(0, 240, 5), (40, 1)),
        "masks/top.png": np.repeat([[255], [0]], [10, 14], axis=0).repeat(32, axis=1),
    }
    for name, pixels in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    (folder / "styles/catalog.csv").write_text(CATALOG, "utf-8")


def make_weights(path: Path, scheme: str, bits: int) -> None:
    """Write a file of weights that were stored anew from those that ship."""
    layers = {
        name: schemes.quantize_layer(weight.numpy(), bias.numpy(), scheme, bits)
        for name, (weight, bias) in load_weights(8).tensors.items()
    }
    weightfile.write(path, layers, scheme, KERAS_ORIGIN)


def read_orders() -> list[Golden]:
    """Every order of the table, with the base beneath what it says."""
    table = json.loads(KEYS.read_text("utf-8"))
    return [Golden(kind, own, keys.split()) for kind, own, keys in table["orders"]]


def whole(golden: Golden) -> dict[str, Any]:
    """All that an order says; None takes something out of the base."""
    base: dict[str, Any] = json.loads(KEYS.read_text("utf-8"))["base"][golden.kind]
    return base | golden.settings


def _lines(orders: list[Golden]) -> Iterator[str]:
    base = json.loads(KEYS.read_text("utf-8"))["base"]
    yield '{"base": {'
    yield ",\n".join(f"  {json.dumps(kind)}: {json.dumps(own)}" for kind, own in base.items())
    yield '}, "orders": ['
    yield ",\n".join(
        json.dumps([order.kind, order.settings, " ".join(order.keys)]) for order in orders
    )
    yield "]}\n"


def fill_in(folder: Path) -> list[Golden]:
    """The table with the keys that it lacks."""
    make_inputs(folder)
    make_weights(folder / "own.safetensors", "affine", 5)
    make_weights(folder / "vgg19-original.safetensors", "float32", 32)
    os.environ["MEDLEY_CACHE"] = str(folder)
    keys = Keys(folder)
    return [
        order._replace(keys=order.keys or keys.keys_of(order.kind, whole(order)))
        for order in read_orders()
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        text = "\n".join(_lines(fill_in(Path(place))))
    KEYS.write_text(text, "utf-8")
