"""What a training of a style network is asked for, checked before the work."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medley.decoders import size_in
from medley.errors import MedleyError, Part, PictureError, Setting
from medley.images import Pixels
from medley.paintings.draws import Painting, find_photos
from medley.settings import ShapeSettings, TrainSettings, WeightsSettings
from medley.stylenet.coded import MOST_BITS
from medley.stylenet.crops import Pair
from medley.stylenet.shape import Shape, full_shape, small_shape
from medley.stylenet.training import Course

_VERSION = 1
_STEPS = 3000
_SHOWN = 3  # photos that are kept out of the training and shown instead
_ENOUGH = 12  # photos, without which none is kept out


@dataclass(frozen=True)
class TrainOrder:
    """What is to be trained, on what.

    Attributes:
        paintings: their pixels at the size at which they are looked at.
        photos: files to draw crops from.
        output: file of the network.
        shape: size of the network.
        training: what it learns and for how long.
        weights: weights of the VGG-19 that judges.
        device: device that computes, such as "cpu".
        seed: decides all that is drawn.
        warm_start: a network whose convolutions are begun with.
        pairs: finished shots after the paintings, which are learned from too.
    """

    paintings: Sequence[Painting[Pixels]]
    photos: Sequence[Path]
    output: Path
    shape: ShapeSettings
    training: TrainSettings
    weights: WeightsSettings
    device: str
    seed: int
    warm_start: Path | None = None
    pairs: Sequence[Pair] = ()

    @property
    def sheet(self) -> Path:
        """The file of repainted photos."""
        return self.output.with_suffix(".png")

    @property
    def checkpoint(self) -> Path:
        """The file that an unfinished training goes on from."""
        return self.output.with_suffix(".training")

    @property
    def held_out(self) -> int:
        """How many photos are not trained on."""
        return len(self.photos) - len(apart(self.photos)[1])

    @property
    def course(self) -> Course:
        """How long the training goes, and what a step consists of."""
        training = self.training
        seconds = None if training.minutes is None else training.minutes * 60
        steps = training.steps or (_STEPS if seconds is None else None)
        return Course(steps, seconds, training.crop, training.batch, training.rate, self.seed)

    @property
    def facts(self) -> dict[str, Any]:
        """What the network's file says of its training, in JSON's types."""
        facts = {
            "training": self.training.model_dump(mode="json", exclude_none=True),
            "seed": self.seed,
            "photos": len(self.photos),
        }
        return facts | {"pairs": len(self.pairs)} if self.pairs else facts

    def stamp(self, shape: Shape) -> dict[str, Any]:
        """What must be the same for a checkpoint to be gone on from, in JSON's types."""
        pictures = hashlib.sha256(b"".join(work.picture.tobytes() for work in self.paintings))
        photos = hashlib.sha256("\n".join(path.name for path in self.photos).encode())
        stamp = {
            "version": _VERSION,
            "shape": {"channels": list(shape.channels), "blocks": shape.blocks},
            "paintings": pictures.hexdigest(),
            "photo_names": photos.hexdigest(),
            "warm_start": str(self.warm_start),
            "weights": str(self.weights.source),
            **self.facts,
        }
        if self.shape.net_bits <= MOST_BITS:  # else they matter only when the file is written
            stamp["net_bits"] = self.shape.net_bits
        if self.pairs:  # a shot's key decides its pixels
            shots = [f"{pair.target.parents[1].name} {pair.style}" for pair in self.pairs]
            stamp["pairs"] = hashlib.sha256("\n".join(shots).encode()).hexdigest()
        return stamp


_WHAT: dict[str, tuple[Part, ...]] = {
    "version": ("by another version of medley",),
    "net_bits": ("for other ", Setting("net_bits")),
    "shape": ("with a network of other size",),
    "paintings": ("after other paintings",),
    "photos": ("on other photos",),
    "photo_names": ("on other photos",),
    "pairs": ("with other shots",),
}
"""Words for what is no single setting in a stamp, in the order in which they are told."""


def differing(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[Part, ...]:
    """Say what a checkpoint's stamp has otherwise than it is wanted; () where it fits.

    Settings come first: other paintings may follow from them. Older stamps lack the photos' names.
    """
    here, there = ({**stamp, **stamp.get("training", {})} for stamp in (found, wanted))
    here.setdefault("photo_names", there.get("photo_names"))
    settings = [name for name in {**there, **here} if name not in {"training", *_WHAT}]
    for name in [*settings, *_WHAT]:
        if here.get(name) == there.get(name):
            continue
        if name in _WHAT:
            return _WHAT[name]
        value = here.get(name)
        if value in (None, "None"):
            return "without ", Setting(name)
        return "with ", Setting("bits" if name == "weights" and value.isdigit() else name, value)
    return ()


def check_photos(places: Sequence[Path], tell: Callable[[str], None]) -> list[Path]:
    """List the photos in folders that can be trained on, by what their headers say.

    Args:
        places: folders and files.
        tell: takes a line about each file that is no picture.

    Raises:
        PictureError: a place does not exist, or there are fewer than two photos.
    """
    photos = []
    for path in find_photos(places):
        try:
            size_in(path)
        except PictureError as error:
            tell(f"passed over: {error}")
        else:
            photos.append(path)
    if len(photos) < 2:
        named = ", ".join(f"'{place}'" for place in places)
        count = "one photo" if photos else "no photo"
        raise PictureError(
            f"{named} holds {count} that can be read, and a network learns from many: two at least,"
            " a few dozen to be of use"
        )
    return photos


def apart(photos: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The photos to be shown, and those to be trained on; the same where there are few."""
    if len(photos) < _ENOUGH:
        return list(photos[:_SHOWN]), list(photos)
    every = len(photos) // _SHOWN
    shown = list(photos[::every][:_SHOWN])
    return shown, [path for path in photos if path not in shown]


def make_shape(settings: ShapeSettings, styles: int) -> Shape:
    """The shape that the settings ask for.

    Raises:
        MedleyError: the width leaves a layer without channels.
    """
    make, width, blocks = (
        (small_shape, 0.3, 3) if settings.family == "small" else (full_shape, 1.0, 5)
    )
    width = width if settings.width is None else settings.width
    blocks = blocks if settings.blocks is None else settings.blocks
    try:
        return make(width, blocks, styles)
    except ValueError as error:
        raise MedleyError(f"{error}; a width of 0.04 or more leaves one") from error
