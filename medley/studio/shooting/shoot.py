"""Taking of a shot: from its spec to every iterate in the workspace."""

from collections.abc import Generator, Iterator
from dataclasses import asdict
from typing import Any

import torch

import medley
from medley.errors import CheckpointError, MedleyError
from medley.events import Event
from medley.studio.shooting import checkpoint
from medley.studio.shooting.model import Model
from medley.studio.shooting.problem import iterate, make_problem
from medley.studio.shooting.pursuits import make_pursuit
from medley.studio.shooting.resources import out_of_memory_named
from medley.studio.shooting.spec import RECIPE, ShotSpec
from medley.tensors import send_pixels
from medley.transfer.optimize import Iterate, Problem, RunState
from medley.transfer.pursuit import Pursuit, pursue
from medley.workspace.shot import FrameRow, Shot, TraceRow
from medley.workspace.store import Recorder, Workspace


def shoot(
    spec: ShotSpec, model: Model, tile: int | None, workspace: Workspace, label: str = ""
) -> Generator[Event, None, None]:
    """Take a shot into the workspace, unless it lies there finished already.

    An interrupted shot is resumed from its checkpoint; on the CPU its pixels are the same as
    without the interruption. If the generator is closed, or an error leaves it, a checkpoint is
    written. Every error's message names the painting.

    Args:
        spec: spec of the shot.
        model: model with the weights that the spec names.
        tile: side in pixels of the tiles that pictures are computed in; None for no tiles.
        workspace: workspace that keeps the iterates.
        label: name of the shot in a batch and in `medley status`.

    Yields:
        "step" after each iterate has been given to the encoders; "told" if another process is
        waited for, the shot must start over, or 16 bits overflowed.

    Raises:
        DivergedError: the loss is no longer finite; the shot stays unfinished.
        ResourceError: the device's memory does not suffice; the iterates so far stay.
        OutputError: the workspace cannot be written to, or the shot that this one goes on from is
            not finished.
        PictureError: a picture is unreadable.
    """
    named = f"'{spec.painting_path}': "
    try:
        with workspace.claim(spec.key) as claim:
            if not claim.take_now():
                yield _told(spec, named + "another process is taking this shot; waiting")
                claim.wait()
            # Checked only with the claim: another process may have just finished the shot.
            if not workspace.shot(spec.key).is_finished:
                # Also a checkpoint's pictures, and those on their way to the encoders, take memory.
                with out_of_memory_named(spec.scales, spec.settled, tile):
                    yield from _take(spec, model, tile, workspace, label, named)
    except MedleyError as error:
        raise spec.about(error) from error


def _take(
    spec: ShotSpec, model: Model, tile: int | None, workspace: Workspace, label: str, named: str
) -> Iterator[Event]:
    key, told = spec.key, False
    stamp = {"version": checkpoint.VERSION, "recipe": RECIPE, "key": key}
    about = {**_describe(spec, model), "key": key, **spec.describe(label)}
    try:
        state = _find_state(workspace.shot(key), spec, model, stamp)
    except CheckpointError as error:
        yield _told(spec, f"{named}{error}; this shot starts over")
        state = None
    begun = state.step if state else 0
    iterates = _iterates(spec, model, tile, state)
    del state  # its pictures must not stay in memory
    with (
        workspace.record(key, about, begun) as recorder,
        checkpoint.Checkpointer(recorder.checkpoint, stamp) as checkpointer,
    ):
        for current in iterates:
            if current.exact and model.is_half and not told:
                told = True
                text = f"{model.precision} overflowed; this shot goes on in float32"
                yield _told(spec, named + text)
            _record(recorder, current, spec)
            if current.state:
                checkpointer.reach(current.state)
            yield _step(spec, current)
        recorder.finish(_outcome(current))


def _iterates(
    spec: ShotSpec, model: Model, tile: int | None, state: RunState | None
) -> Iterator[Iterate]:
    """The iterates of a shot, or the results of the frames of a clip."""
    if spec.following:
        # Made here, so that only the generator holds the tensors and can free them early.
        yield from pursue(make_pursuit(spec, spec.following, model, tile), state)
    else:
        yield from iterate(spec, model, tile, state)


def _told(spec: ShotSpec, text: str) -> Event:
    return Event("told", spec.key, text=text)


def _step(spec: ShotSpec, current: Iterate) -> Event:
    return Event(
        "step",
        spec.key,
        step=current.step,
        steps=spec.settings.steps,
        loss=current.loss,
        seconds=current.seconds,
    )


def _describe(spec: ShotSpec, model: Model) -> dict[str, Any]:
    return {
        "medley": medley.__version__,
        "torch": torch.__version__,
        "recipe": RECIPE,
        "device": str(model.device),
        "precision": model.precision,
        "weights": model.weights.digest,
        "start": spec.start.name,
        "settings": spec.settings.model_dump(mode="json"),
    }


def _find_state(shot: Shot, spec: ShotSpec, model: Model, stamp: dict[str, Any]) -> RunState | None:
    """Read the state from which an unfinished shot can be resumed; None without a checkpoint.

    Raises:
        CheckpointError: the checkpoint cannot be used, and the shot must start over.
    """
    if not shot.state_path.exists():
        return None
    state = checkpoint.unpack(shot.state_path, stamp, model.device, RunState)
    same = {name: stamp[name] for name in ("recipe", "key")}
    shot.check_until(state.step, spec.settings.keep_every, same)
    problem: Problem | Pursuit = (
        make_pursuit(spec, spec.following, model) if spec.following else make_problem(spec, model)
    )
    try:
        problem.check(state)
    except ValueError as error:
        raise CheckpointError(f"'{shot.state_path}' does not fit ({error})") from error
    return state


def _outcome(last: Iterate) -> dict[str, Any]:
    return {
        "steps": last.step,
        "seconds": round(last.seconds, 3),
        "loss": last.loss,
        "content": last.content,
        "style": last.style,
        "tv": last.tv,
    }


def _record(recorder: Recorder, current: Iterate, spec: ShotSpec) -> None:
    row = TraceRow(
        step=current.step,
        seconds=current.seconds,
        loss=current.loss,
        content=current.content,
        style=current.style,
        tv=current.tv,
        visual_change=current.change,
        height=current.height,
        width=current.width,
    )
    recorder.note(FrameRow(**asdict(row), optimizer_steps=current.taken) if spec.following else row)
    settings = spec.settings
    if current.step % settings.keep_every == 0 or current.step == settings.steps:
        recorder.keep(current.step, send_pixels(current.image), 3 * current.image[0, 0].numel())
