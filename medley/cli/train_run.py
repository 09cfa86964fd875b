"""What `medley train` does: paintings and photos are looked up, and a network is trained."""

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import click

from medley.cli.exits import keeping
from medley.cli.progress import Display, display
from medley.cli.words import clock, counted
from medley.files import check_free
from medley.images import Pixels, thumbnail
from medley.paintings.draws import Draw, draw
from medley.settings import (
    CatalogSettings,
    RunSettings,
    ShapeSettings,
    TrainSettings,
    WeightsSettings,
)
from medley.shipped import painting_at
from medley.shipped_nets import net_at
from medley.studio.shooting.devices import one_device
from medley.studio.train_order import TrainOrder, check_photos
from medley.studio.train_pairs import find_pairs
from medley.studio.training import train
from medley.stylenet import netfile


class Request(NamedTuple):
    """What was asked for: the options of the command, read and found to fit one another."""

    styles: tuple[Path, ...]
    images: tuple[Path, ...]
    workspaces: tuple[Path, ...]
    output: Path
    shape: ShapeSettings
    training: TrainSettings
    weights: WeightsSettings
    run: RunSettings
    seed: int
    warm_start: Path | None


def train_network(request: Request, *, force: bool, quiet: bool) -> None:
    """Train a network; where it lies goes to standard output.

    Args:
        request: what was asked for.
        force: True to replace files of that name, and to begin anew.
        quiet: True to say nothing but errors and the path.
    """
    with display(quiet) as show:
        order = _order(request, show)
        _check_outputs(order, force)
        if force:
            order.checkpoint.unlink(missing_ok=True)
        with keeping(lambda: _kept(order)), closing(train(order)) as events:
            for event in events:
                show.on(event)
        show.line(_told(order))
    click.echo(order.output)


def _kept(order: TrainOrder) -> str:
    """What an interruption leaves behind: nothing before the first step."""
    if not order.checkpoint.exists():
        return ""
    return "; the training is kept, and the same command goes on from there"


def _check_outputs(order: TrainOrder, force: bool) -> None:
    """Refuse to replace what is there, but for the sheet of a training that is gone on with."""
    inputs = [*(work.path for work in order.paintings), *order.photos]
    if order.warm_start is not None:
        inputs.append(order.warm_start)
    check_free(order.output, force, inputs)
    check_free(order.sheet, force or order.checkpoint.exists(), inputs)


def _order(request: Request, show: Display) -> TrainOrder:
    drawn = _paintings(request)
    for line in drawn.skipped:
        show.warn(f"passed over: {line}")
    photos = check_photos(request.images, show.warn)
    side = request.training.stroke
    pairs = find_pairs(request.workspaces, drawn.paintings, side, show.warn)
    order = TrainOrder(
        drawn.paintings,
        photos,
        request.output,
        request.shape,
        request.training,
        request.weights,
        one_device(request.run.device),
        request.seed,
        request.warm_start and net_at(request.warm_start),
        pairs,
    )
    show.line(_learned_from(order))
    return order


def _learned_from(order: TrainOrder) -> str:
    kept = f" ({order.held_out} of them kept out, to judge by)" if order.held_out else ""
    shots = f", {counted(len(order.pairs), 'shot')}" if order.pairs else ""
    paintings, photos = counted(len(order.paintings), "painting"), len(order.photos)
    return f"{paintings}, {counted(photos, 'photo')}{kept}{shots}"


def _paintings(request: Request) -> Draw[Pixels]:
    places = [painting_at(path) for path in request.styles]
    side = request.training.stroke
    return draw(places, CatalogSettings(), lambda picture, _: thumbnail(picture, side))


def _told(order: TrainOrder) -> str:
    facts = netfile.read(order.output).training
    size = order.output.stat().st_size
    terms = [
        f", {name} {facts[name]:.3f}" for name in ("content", "style", "palette") if name in facts
    ]
    return (
        f"{facts['step']:,} steps in {clock(facts['seconds'])}{''.join(terms)}; {size:,} bytes;"
        f" what it makes of photos: '{order.sheet}'"
    )
