"""Shots with weights of many sizes, scored by the float network, and kept as they are made."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor

from medley.errors import MedleyError
from medley.files import write_bytes
from medley.images import encode_png, read_picture, resize, size_for_pixels
from medley.settings import ShotSettings
from medley.tensors import to_pixels, to_tensor
from medley.transfer.color_transfer import color_statistics
from medley.transfer.losses import Objective
from medley.transfer.optimize import Iterate, Problem, optimize
from medley.vgg import weightfile
from medley.vgg.identity import find_weights, identity_of
from medley.vgg.layers import Precision, convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.schemes import EncodedLayer
from medley.vgg.weights import load_weights

FLOAT = "float32"


class Pair(NamedTuple):
    """A photo and the painting after which it is repainted."""

    photo: Path
    painting: Path

    @property
    def name(self) -> str:
        """Both files' names."""
        return f"{self.photo.stem} after {self.painting.stem}"


def pairs_of(photos: Sequence[Path], paintings: Sequence[Path], count: int) -> list[Pair]:
    """Photos spread over all that there are, each with one painting, which take turns.

    Raises:
        MedleyError: there are fewer photos.
    """
    if len(photos) < count:
        raise MedleyError(f"{count} pairs want as many photos, and there are {len(photos)}")
    chosen = [photos[number * len(photos) // count] for number in range(count)]
    return [Pair(photo, paintings[n % len(paintings)]) for n, photo in enumerate(chosen)]


@dataclass(frozen=True)
class Variant:
    """Weights to be compared: 1 to 8 bits of the bundle, 32 for float, or a file.

    Attributes:
        source: what `load_weights` takes.
        layers: convolutions that a shot looks at.
    """

    source: int | Path
    layers: tuple[str, ...]

    @cached_property
    def _file(self) -> tuple[weightfile.Header, dict[str, EncodedLayer], int | None]:
        path, width = find_weights(self.source)
        header, layers, _ = weightfile.read(path)
        return header, {name: layers[name] for name in self.layers}, width

    @property
    def digest(self) -> str:
        """What its values are known by."""
        header, layers, width = self._file
        return identity_of(header, layers, width).digest

    @property
    def scheme(self) -> str:
        """How its weights are stored."""
        return self._file[0].scheme

    @property
    def bytes(self) -> int:
        """Bytes of the layers' arrays, at this width."""
        header, layers, width = self._file
        if width is None or all(layer.bits == width for layer in layers.values()):
            return sum(layer.size_bytes for layer in layers.values())
        return identity_of(header, layers, width).size_bytes

    @property
    def bits(self) -> float:
        """Bits a weight, on disk, all told."""
        count = sum(math.prod(layer.shape) for layer in self._file[1].values())
        return 8 * self.bytes / count

    @property
    def name(self) -> str:
        """Words for a table: "float", "4 bits, kmeans", or the file's name."""
        if self.source == 32:
            return "float"
        if isinstance(self.source, Path):
            return self.source.stem
        return "1 bit" if self.source == 1 else f"{self.source} bits"

    def network(self, settings: ShotSettings, precision: Precision) -> VGG19:
        """The network that these weights make."""
        weights = load_weights(self.source, layers=self.layers)
        return VGG19(weights.tensors, settings.layers, precision=precision, fed=weights.fed)


class Record(BaseModel):
    """A shot's end.

    Attributes:
        way: how it was taken; see `Bench.way`.
        pair: photo and painting.
        variant: words for the weights.
        scheme, bytes, bits, digest: see `Variant`.
        loss: of the last iterate, by the float network.
    """

    way: str
    pair: str
    variant: str
    scheme: str
    bytes: int
    bits: float
    digest: str
    loss: float


class Results(BaseModel):
    """All that is known, in the order in which it was found."""

    records: list[Record] = []

    def find(self, way: str, pair: str, digest: str) -> Record | None:
        """What is known of a shot."""
        found = (
            one for one in self.records if (one.way, one.pair, one.digest) == (way, pair, digest)
        )
        return next(found, None)

    @property
    def ways(self) -> list[str]:
        """The ways in which shots were taken."""
        return list(dict.fromkeys(one.way for one in self.records))

    def rows(self, way: str) -> Iterator["Row"]:
        """Each weights' losses over float's, the largest first; float itself is none of them."""
        mine = [one for one in self.records if one.way == way]
        best = {one.pair: one.loss for one in mine if one.scheme == FLOAT}
        kinds = {one.digest: one for one in mine if one.scheme != FLOAT}
        for kind in sorted(kinds.values(), key=lambda one: (one.scheme, -one.bytes)):
            ratios = {
                one.pair: one.loss / best[one.pair]
                for one in mine
                if one.digest == kind.digest and one.pair in best
            }
            if ratios:
                yield Row(kind, ratios)


class Row(NamedTuple):
    """Some weights' losses over float's, by pair."""

    kind: Record
    ratios: dict[str, float]

    @property
    def median(self) -> float:
        """Of all pairs."""
        return statistics.median(self.ratios.values())

    @property
    def least(self) -> float:
        """Of all pairs."""
        return min(self.ratios.values())

    @property
    def most(self) -> float:
        """Of all pairs."""
        return max(self.ratios.values())


def read_results(path: Path) -> Results:
    """What is kept in a file, or nothing yet.

    Raises:
        MedleyError: the file is damaged.
    """
    if not path.exists():
        return Results()
    try:
        return Results.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise MedleyError(f"'{path}' cannot be read; remove it to begin anew") from error


@dataclass
class Bench:
    """Shots of one way, and the folder that all is kept in.

    Attributes:
        settings: of every shot.
        side: root of a picture's area, in pixels.
        precision: of the networks that lead; the judge's is float32.
        folder: place of `results.json` and of `pictures/`.
    """

    settings: ShotSettings
    side: int
    precision: Precision
    folder: Path
    results: Results = field(init=False)

    def __post_init__(self) -> None:
        """Read what is known."""
        self.results = read_results(self._path)

    @property
    def _path(self) -> Path:
        return self.folder / "results.json"

    @property
    def layers(self) -> tuple[str, ...]:
        """Convolutions that the shots look at."""
        return convolutions_for(self.settings.layers)

    @property
    def way(self) -> str:
        """Words for how shots are taken."""
        about = self.settings
        return f"{about.style_loss}, {self.side} pixels, {about.steps} steps, {self.precision}"

    def picture_path(self, pair: Pair, record: Record) -> Path:
        """Place of a shot's last iterate."""
        way = self.way.replace(", ", "-").replace(" ", "-")
        return self.folder / "pictures" / way / pair.name / f"{record.digest[:16]}.png"

    def take(self, variants: Sequence[Variant], pairs: Sequence[Pair]) -> None:
        """Take the shots that are not there; each is kept as soon as it is taken.

        Raises:
            MedleyError: a picture or weights cannot be read.
        """
        exact = Variant(32, self.layers).network(self.settings, "float32")
        networks: dict[str, VGG19] = {}
        for pair in pairs:
            photo = read_at(pair.photo, self.side**2)
            style = read_at(pair.painting, photo[0, 0].numel())
            judge = Objective(exact, photo, [style], self.settings)
            for variant in variants:
                if self.results.find(self.way, pair.name, variant.digest):
                    continue
                if variant.digest not in networks:
                    networks[variant.digest] = variant.network(self.settings, self.precision)
                own = Objective(networks[variant.digest], photo, [style], self.settings)
                *_, last = iterates_of(own, photo, style, self.settings)
                self._keep(variant, pair, last.image, judge)

    def _keep(self, variant: Variant, pair: Pair, image: Tensor, judge: Objective) -> None:
        with torch.no_grad():
            loss = judge(image).total.item()
        record = Record(
            way=self.way,
            pair=pair.name,
            variant=variant.name,
            scheme=variant.scheme,
            bytes=variant.bytes,
            bits=variant.bits,
            digest=variant.digest,
            loss=loss,
        )
        path = self.picture_path(pair, record)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, encode_png(to_pixels(image)))
        self.results.records.append(record)
        write_bytes(self._path, self.results.model_dump_json(indent=1).encode() + b"\n")
        print(f"{self.way}: {pair.name}, {variant.name}: {loss:,.0f}", flush=True)


def read_at(path: Path, pixels: int) -> Tensor:
    """A picture at about that area, float RGB `(1, 3, height, width)`.

    Raises:
        PictureError: it cannot be read.
    """
    picture = read_picture(path)
    size = size_for_pixels(picture.height, picture.width, pixels)
    return to_tensor(resize(picture, *size, path))


def iterates_of(
    judge: Objective, photo: Tensor, style: Tensor, settings: ShotSettings
) -> Iterator[Iterate]:
    """All iterates of a shot that an objective leads."""
    height, width = photo.shape[2:]
    palette = color_statistics([style])
    return optimize(Problem(height, width, lambda: photo, palette, lambda *_: judge, settings))
