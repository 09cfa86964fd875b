"""The training of a style network: from paintings and photos to a file, in one sitting or more.

OUTPUT                   the network, once it is trained
OUTPUT's name .png       photos that are not trained on, repainted; replaced as it goes
OUTPUT's name .training  checkpoint while it is unfinished
"""

import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import torch

from medley.errors import CheckpointError, OutputError, Setting
from medley.events import Event, stage
from medley.files import part_file
from medley.studio.shooting import checkpoint
from medley.studio.shooting.devices import choose_precision
from medley.studio.train_order import TrainOrder, apart, differing, make_shape
from medley.studio.train_sheet import Sheet
from medley.stylenet.crops import Pairs, Photos
from medley.stylenet.netfile import StyleName, quantized, write
from medley.stylenet.network import first_network
from medley.stylenet.perceptual import Balance, judge_after
from medley.stylenet.training import Trainer, TrainState
from medley.workspace.locks import Claim

_SHOW_EVERY_S = 60.0


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
    with Claim(order.output.parent, order.output.name, is_removed=True) as claim:
        if not claim.take_now():
            raise OutputError(f"another training is at work on '{order.output}'; name another")
        yield from _train(order)


def _train(order: TrainOrder) -> Generator[Event, None, None]:
    shape = make_shape(order.shape, len(order.paintings))
    device = torch.device(order.device)
    network = first_network(shape, order.seed, order.warm_start).to(device)
    shown, kept = apart(order.photos)
    told: list[str] = []
    stamp = order.stamp(shape)
    judge = judge_after(
        [work.picture for work in order.paintings],
        order.weights.source,
        Balance(order.training.style_weight, order.training.palette_weight),
        choose_precision("auto", order.device),
        device,
    )
    state = _state(order, stamp, device)
    course = order.course
    pairs = Pairs(order.pairs, told.append) if order.pairs else None
    photos, bits = Photos(kept, told.append), order.shape.net_bits
    trainer = Trainer(network, judge, photos, course, state, pairs, bits)
    sheet = Sheet(order.sheet, shown, [work.title for work in order.paintings])
    drawn, shown_at, step = time.monotonic(), 0, None
    with checkpoint.Checkpointer(_writer(order.checkpoint), stamp) as saving:
        for step in trainer.steps():
            saving.reach(trainer.state())
            yield from (Event("told", title=order.output.name, text=line) for line in told)
            told.clear()
            if (done := course.done(step)) > shown_at:
                title, is_timed = f"training, loss {step.loss:.3f}", course.steps is None
                yield stage(title, done, course.total, is_timed)
                shown_at = done
            if time.monotonic() - drawn > _SHOW_EVERY_S:
                sheet.draw(network)
                drawn = time.monotonic()
        sheet.draw(network)
        end = trainer.state()  # nothing more is known of a last step in an earlier sitting
        told_of = step._asdict() if step else {"step": end.step, "seconds": end.seconds}
        facts = {**order.facts, **told_of}
        styles = [StyleName(work.title, work.byline, work.path.stem) for work in order.paintings]
        write(order.output, quantized(network.to_file(styles, facts), order.shape.net_bits))
    order.checkpoint.unlink(missing_ok=True)


def _state(order: TrainOrder, stamp: dict[str, Any], device: torch.device) -> TrainState | None:
    if not order.checkpoint.exists():
        return None
    way = "; name another output, or begin anew with ", Setting("force", True)
    try:
        found = checkpoint.stamp_of(order.checkpoint)
        if other := differing(found, stamp):
            raise CheckpointError(f"'{order.checkpoint}' was begun ", *other)
        return checkpoint.unpack(order.checkpoint, found, device, TrainState)
    except CheckpointError as error:
        raise CheckpointError(*error.args, *way) from error


def _writer(path: Path) -> Callable[[Iterator[bytes | memoryview]], None]:
    def write(pieces: Iterator[bytes | memoryview]) -> None:
        with part_file(path) as part, part.open("wb") as file:
            file.writelines(pieces)

    return write
