"""Style networks of many sizes: each trained alike, at several bits a weight, judged and timed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from medley.errors import MedleyError
from medley.images import Pixels, read_picture, thumbnail
from medley.paintings.draws import Painting
from medley.settings import ShapeSettings, TrainSettings, WeightsSettings
from medley.shipped import check_there, painting_at
from medley.studio.train_order import TrainOrder, check_photos, make_shape
from medley.studio.training import train
from medley.stylenet import netfile
from medley.stylenet.apply import Painter
from medley.stylenet.network import make_network
from medley.stylenet.perceptual import Balance, Perceptual, judge_after
from medley.transfer.visual import visual_change
from nets.judging import judge, read_photos, repaint
from nets.results import FileRecord, NetRecord, Results
from nets.speed import middle_and_best, take_turns

FLOAT = 32
DEFAULT = ShapeSettings(width=0.3, blocks=3, net_bits=FLOAT)

_BITS_OF_DEFAULT = (FLOAT, 8, 7, 6, 5, 4, 3, 2, 1)
_BITS_OF_OTHERS = (FLOAT, 8, 4)
_SPEED_SIZE = (480, 640)
_TOLD = 10  # times a training tells how far it is


def name_of(size: ShapeSettings) -> str:
    """The name of a network of that size, and of its files."""
    return f"{size.family}-{size.width:g}-{size.blocks}"


def sizes_of(
    widths: Sequence[float], blocks: Sequence[int], with_full: bool = False
) -> list[ShapeSettings]:
    """The sizes to be compared, each once.

    Args:
        widths: of the small family, with the default's blocks.
        blocks: of it, with the default's width.
        with_full: True for the full family's network too.

    Raises:
        MedleyError: a size leaves no network.
    """
    asked: list[dict[str, Any]] = [{"width": width, "blocks": DEFAULT.blocks} for width in widths]
    asked += [{"width": DEFAULT.width, "blocks": count} for count in blocks]
    if with_full:
        asked.append({"family": "full", "width": 1.0, "blocks": 5})
    sizes = {}
    for each in asked:
        try:
            size = ShapeSettings(**each, net_bits=FLOAT)
        except ValidationError as error:
            raise MedleyError(
                f"there is no network of {each}: {error.errors()[0]['msg']}"
            ) from error
        make_shape(size, 1)
        sizes[name_of(size)] = size
    return list(sizes.values())


@dataclass(frozen=True)
class Bench:
    """What all networks have in common, and the folder that all lies in.

    Attributes:
        style: path or name of the painting.
        images: folder of photos to train on.
        held: folder of photos to judge by.
        training: what is learned, and for how long.
        folder: place of `results.json` and of `nets/`.
    """

    style: Path
    images: Path
    held: Path
    training: TrainSettings
    folder: Path

    @cached_property
    def painting(self) -> Painting[Pixels]:
        """The painting at the size at which it is looked at.

        Raises:
            PictureError: there is none, or it cannot be read.
        """
        path = painting_at(self.style)
        check_there(path)
        return Painting(path, thumbnail(read_picture(path), self.training.stroke))

    @cached_property
    def photos(self) -> list[Path]:
        """Photos to train on.

        Raises:
            PictureError: there are fewer than two.
        """
        return check_photos([self.images], print)

    @cached_property
    def judged_on(self) -> dict[str, Tensor]:
        """Photos held back by name; see `nets.judging.read_photos`.

        Raises:
            PictureError: there are none, or one cannot be read.
        """
        photos = read_photos(self.held)
        if not photos:
            raise MedleyError(f"'{self.held}' holds no photo to judge by; name another --held")
        return photos

    def named(self, names: Sequence[str]) -> list[str]:
        """Names of photos held back; the first of all if none is named.

        Raises:
            MedleyError: there is none of such a name.
        """
        if unknown := [name for name in names if name not in self.judged_on]:
            raise MedleyError(
                f"'{self.held}' holds no photo '{unknown[0]}'; there are"
                f" {', '.join(self.judged_on)}"
            )
        return list(names or [*self.judged_on][:1])

    @cached_property
    def judge(self) -> Perceptual:
        """The loss that is minimized, by the float32 network of the bundle."""
        balance = Balance(self.training.style_weight, self.training.palette_weight)
        return judge_after([self.painting.picture], 8, balance, "float32", torch.device("cpu"))

    @property
    def results_path(self) -> Path:
        """The file of the results."""
        return self.folder / "results.json"

    def path(self, size: ShapeSettings, bits: int = FLOAT) -> Path:
        """A network's file."""
        suffix = "" if bits == FLOAT else f"-{bits}bit"
        return self.folder / "nets" / f"{name_of(size)}{suffix}.safetensors"

    @property
    def course(self) -> dict[str, Any]:
        """What all networks have in common, in JSON's types."""
        held = hashlib.sha256(b"".join(each.numpy().tobytes() for each in self.judged_on.values()))
        return {
            "style": self.painting.path.stem,
            **self.training.model_dump(mode="json", exclude_none=True),
            "photos": len(self.photos),
            "held": f"{len(self.judged_on)} photos ({held.hexdigest()[:8]})",
        }

    def train(self, size: ShapeSettings, results: Results) -> None:
        """Train a network, unless it is there; one that was interrupted is gone on with.

        Raises:
            MedleyError: what `medley.studio.training.train` raises.
        """
        path, name = self.path(size), name_of(size)
        if path.exists():
            return
        results.nets.pop(name, None)
        results.write(self.results_path)
        order = TrainOrder(
            [self.painting], self.photos, path, size, self.training, WeightsSettings(), "cpu", 0
        )
        for event in train(order):
            if event.kind == "told" or event.step * _TOLD % event.steps < _TOLD:
                print(f"{name}: {event.text or event.title}, {event.step} of {event.steps}",
                      flush=True)  # fmt: skip

    def judge_files(self, size: ShapeSettings, results: Results) -> None:
        """Write and judge a network at all bits that it was not yet judged at, if it is there."""
        path, name = self.path(size), name_of(size)
        if not path.exists():
            return
        record = results.nets.setdefault(name, NetRecord(size=size))
        bits = _BITS_OF_DEFAULT if size == DEFAULT else _BITS_OF_OTHERS
        if not (missing := [each for each in bits if each not in record.files]):
            return
        net = netfile.read(path)
        aims = repaint(net, 0, self.judged_on)
        for each in missing:
            file = self.path(size, each)
            if each != FLOAT:
                netfile.write(file, netfile.quantized(net, each))
            record.files[each] = found = self._judged(file, aims)
            results.write(self.results_path)
            print(f"{name} at {each} bits: loss {found.loss:.3f}", flush=True)

    def _judged(self, file: Path, aims: Sequence[Tensor]) -> FileRecord:
        made = repaint(netfile.read(file), 0, self.judged_on)
        row = judge(made, self.judged_on, self.judge, 0)
        change = fmean(map(visual_change, aims, made))
        return FileRecord(bytes=file.stat().st_size, change=change, **row._asdict())

    def time_all(self, results: Results, threads: int, rounds: int) -> None:
        """Time all networks that are there, in turns, on 640x480 pixels of noise."""
        photo = np.random.default_rng(0).integers(0, 256, (*_SPEED_SIZE, 3), np.uint8)

        def repainted(painter: Painter) -> Pixels:
            return painter.repaint(photo).pixels()

        runs = {
            name: partial(repainted, Painter(make_network(netfile.read(self.path(net.size)))))
            for name, net in results.nets.items()
        }
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            timed = take_turns(runs, rounds)
        finally:
            torch.set_num_threads(before)
        for name, times in timed.items():
            results.nets[name].seconds, _ = middle_and_best(times.wall)
        results.write(self.results_path)
