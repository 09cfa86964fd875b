"""The training of a style network: from paintings and photos to a file, in one sitting or more.

OUTPUT                   the network, once it is trained
OUTPUT's name .png       photos that are not trained on, repainted; replaced as it goes
OUTPUT's name .training  checkpoint while it is unfinished
"""

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from medley.decoders import size_in
from medley.errors import CheckpointError, MedleyError, OutputError, PictureError, Setting
from medley.events import Event, stage
from medley.files import part_file, write_bytes
from medley.film.poster import GALLERY_CELL, gallery
from medley.images import Pixels, encode_png, read_picture, thumbnail
from medley.paintings.draws import Painting, find_files
from medley.settings import ShapeSettings, TrainSettings, WeightsSettings
from medley.studio.shooting import checkpoint
from medley.studio.shooting.devices import choose_precision
from medley.stylenet import netfile
from medley.stylenet.crops import Photos
from medley.stylenet.netfile import StyleName
from medley.stylenet.network import StyleNet, make_network
from medley.stylenet.perceptual import LAYERS, Balance, Perceptual
from medley.stylenet.shape import Shape, full_shape, small_shape
from medley.stylenet.training import Course, Trainer, TrainState
from medley.tensors import to_pixels, to_tensor
from medley.vgg.layers import convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.weights import load_weights
from medley.workspace.locks import Claim

_VERSION = 1
_SHOWN = 3  # photos that are kept out of the training and shown instead
_ENOUGH = 12  # photos, without which none is kept out
_SHOWN_SIDE = 384  # pixels
_SHOW_EVERY_S = 60.0
_STEPS = 3000


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

    @property
    def sheet(self) -> Path:
        """The file of repainted photos."""
        return self.output.with_suffix(".png")

    @property
    def checkpoint(self) -> Path:
        """The file that an unfinished training goes on from."""
        return self.output.with_suffix(".training")


def check_photos(places: Sequence[Path], tell: Callable[[str], None]) -> list[Path]:
    """List the photos in folders that can be trained on, by what their headers say.

    Args:
        places: folders and files.
        tell: takes a line about each file that is no picture.

    Raises:
        PictureError: a place does not exist, or there are fewer than two photos.
    """
    photos = []
    for path in find_files(places):
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


def train(order: TrainOrder) -> Generator[Event, None, None]:
    """Train a network and write it; an unfinished training goes on from its checkpoint.

    Yields:
        "stage" as steps, or seconds, go by; "told" for what the user should know.

    Raises:
        CheckpointError: what lies there unfinished was begun otherwise, or is damaged.
        DivergedError: the loss is no longer a number.
        MedleyError: the width leaves a layer without channels.
        OutputError: a file cannot be written, or another process trains to it.
        PictureError: no photo can be read any more.
        WeightsError: weights are missing or damaged.
    """
    with Claim(order.output.parent, order.output.name) as claim:
        if not claim.take_now():
            raise OutputError(f"another training is at work on '{order.output}'; name another")
        yield from _train(order)


def _train(order: TrainOrder) -> Generator[Event, None, None]:
    shape = make_shape(order.shape, len(order.paintings))
    device = torch.device(order.device)
    network = _first_network(order, shape).to(device)
    shown, kept = _apart(order.photos)
    told: list[str] = []
    stamp = _stamp(order, shape)
    state = _state(order, stamp, device)
    course = _course(order)
    trainer = Trainer(network, _judge(order, device), Photos(kept, told.append), course, state)
    views = _views(shown)
    drawn, shown_at, step = time.monotonic(), 0, None
    with checkpoint.Checkpointer(_writer(order.checkpoint), stamp) as saving:
        for step in trainer.steps():
            saving.reach(trainer.state())
            yield from (Event("told", title=order.output.name, text=line) for line in told)
            told.clear()
            if (done := course.done(step)) > shown_at:
                yield stage(f"training, loss {step.loss:.3f}", done, course.total)
                shown_at = done
            if time.monotonic() - drawn > _SHOW_EVERY_S:
                _show(order, network, views)
                drawn = time.monotonic()
    _show(order, network, views)
    end = trainer.state()  # of the last step nothing more is known if it lies in an earlier sitting
    told_of = step._asdict() if step else {"step": end.step, "seconds": end.seconds}
    facts = {**_facts(order), **told_of}
    styles = [StyleName(work.title, work.byline, work.path.stem) for work in order.paintings]
    netfile.write(
        order.output, netfile.quantized(network.to_file(styles, facts), order.shape.net_bits)
    )
    order.checkpoint.unlink(missing_ok=True)


def _first_network(order: TrainOrder, shape: Shape) -> StyleNet:
    torch.manual_seed(order.seed)
    network = StyleNet(shape)
    if order.warm_start is not None:
        begun = make_network(netfile.read(order.warm_start))
        if begun.shape.channels != shape.channels or begun.shape.blocks != shape.blocks:
            raise CheckpointError(
                f"'{order.warm_start}' is a network of other size; train with its width and blocks"
            )
        network.begin_with(begun)
    return network


def _course(order: TrainOrder) -> Course:
    training = order.training
    seconds = None if training.minutes is None else training.minutes * 60
    steps = training.steps or (_STEPS if seconds is None else None)
    return Course(steps, seconds, training.crop, training.batch, training.rate, order.seed)


def _judge(order: TrainOrder, device: torch.device) -> Perceptual:
    weights = load_weights(order.weights.source, layers=convolutions_for(LAYERS))
    precision = choose_precision("auto", order.device)
    network = VGG19(weights.tensors, LAYERS, "max", precision, fed=weights.fed).to(device).eval()
    balance = Balance(order.training.style_weight, order.training.palette_weight)
    paintings = [to_tensor(work.picture).to(device) for work in order.paintings]
    return Perceptual(network, paintings, balance)


def _apart(photos: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The photos to be shown, and those to be trained on; the same where there are few."""
    if len(photos) < _ENOUGH:
        return list(photos[:_SHOWN]), list(photos)
    every = len(photos) // _SHOWN
    shown = list(photos[::every][:_SHOWN])
    return shown, [path for path in photos if path not in shown]


def _facts(order: TrainOrder) -> dict[str, Any]:
    """What the file says of its training."""
    return {
        "training": order.training.model_dump(mode="json", exclude_none=True),
        "seed": order.seed,
        "photos": len(order.photos),
    }


def _stamp(order: TrainOrder, shape: Shape) -> dict[str, Any]:
    """What must be the same for a checkpoint to be gone on from."""
    pictures = hashlib.sha256(b"".join(work.picture.tobytes() for work in order.paintings))
    photos = hashlib.sha256("\n".join(path.name for path in order.photos).encode())
    return {
        "version": _VERSION,
        "shape": {"channels": list(shape.channels), "blocks": shape.blocks},
        "paintings": pictures.hexdigest(),
        "photos": photos.hexdigest(),
        "warm_start": str(order.warm_start),
        "weights": str(order.weights.source),
        **_facts(order),
    }


def _state(order: TrainOrder, stamp: dict[str, Any], device: torch.device) -> TrainState | None:
    if not order.checkpoint.exists():
        return None
    try:
        return checkpoint.unpack(order.checkpoint, stamp, device, TrainState)
    except CheckpointError as error:
        again = Setting("force", True)
        raise CheckpointError(
            f"{error}; name another output, or begin anew with ", again
        ) from error


def _writer(path: Path) -> Callable[[Iterator[bytes | memoryview]], None]:
    def write(pieces: Iterator[bytes | memoryview]) -> None:
        with part_file(path) as part, part.open("wb") as file:
            file.writelines(pieces)

    return write


def _views(paths: Sequence[Path]) -> list[Pixels]:
    """Photos to be shown, small; one that cannot be read is left out."""
    views = []
    for path in paths:
        with suppress(PictureError):
            views.append(thumbnail(read_picture(path), _SHOWN_SIDE))
    return views


def _show(order: TrainOrder, network: StyleNet, views: Sequence[Pixels]) -> None:
    """Hang what the network makes of some photos: of all with one painting, of one with many."""
    count = len(order.paintings)
    device = next(network.parameters()).device
    hung = []
    for view in views if count == 1 else views[:1]:
        hung.append((view, "photo"))
        for number, work in enumerate(order.paintings):
            with torch.no_grad():
                picture = network(to_tensor(view).to(device), torch.eye(count)[number])
            hung.append((to_pixels(picture), work.title))
    columns = 2 if count == 1 else None
    high = max(round(GALLERY_CELL * picture.shape[0] / picture.shape[1]) for picture, _ in hung)
    wall = gallery(hung, columns=columns, cell_height=min(high, GALLERY_CELL))
    write_bytes(order.sheet, encode_png(wall))
