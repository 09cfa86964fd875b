"""The shots that a film needs: which are still missing, and taking those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from medley.errors import MedleyError
from medley.files import in_full
from medley.paintings import Painting
from medley.settings import ShotSettings
from medley.shots import Shot
from medley.studio.shooting.camera import Camera
from medley.studio.shooting.checkpoint import saved_step
from medley.studio.shooting.progress import Progress
from medley.studio.shooting.scene import Scene
from medley.workspace import Workspace

if TYPE_CHECKING:  # torch comes with it
    from medley.transfer.optimize import Iterate


@dataclass(frozen=True)
class Take:
    """One shot's part in a film: what is shot, and where that lies.

    Attributes:
        content_path: the photo's file.
        painting: after which it is repainted, or the first of them.
        others: likewise at once.
        label: what a batch and `medley status` call it, as `label_takes` gives it.
        title: what progress calls it.
        scene: with the settings that choose the camera.
        shot: in the workspace, finished or not.
    """

    content_path: Path
    painting: Painting
    title: str
    scene: Scene
    shot: Shot
    others: tuple[Painting, ...] = ()
    label: str = ""

    @property
    def works(self) -> tuple[Painting, ...]:
        """All paintings that share the shot."""
        return self.painting, *self.others


def label_takes(takes: Iterable[Take]) -> dict[str, str]:
    """What people call shots, by key: photo, painting, and what else tells them apart.

    Args:
        takes: all of a batch, finished or not: a shot is called the same in every run.
    """
    known = {take.shot.key: take for take in takes}
    labels = {key: _names(take) for key, take in known.items()}
    for mark in (_weights_name, lambda take: take.shot.key[:6]):
        counts = Counter(labels.values())
        labels = {
            key: f"{label}, {mark(known[key])}" if counts[label] > 1 else label
            for key, label in labels.items()
        }
    return labels


def _names(take: Take) -> str:
    return f"{take.content_path.stem}, {take.title}"


def _weights_name(take: Take) -> str:
    settings = take.scene.settings
    return settings.weights.stem if settings.weights else f"{settings.bits} bits"


def missing(takes: Sequence[Take]) -> list[Take]:
    """The takes whose shots are still to be taken."""
    return [take for take in takes if not take.shot.is_finished]


def begun(takes: Sequence[Take]) -> list[Take]:
    """Those of the missing that were interrupted, and are gone on with."""
    return [take for take in missing(takes) if saved_step(take.shot.state_path)]


def take_shots(
    takes: Sequence[Take],
    camera_for: Callable[[ShotSettings], Camera],
    workspace: Workspace,
    what: str,
    watch: Callable[[Progress], None],
    tell: Callable[[str], None],
) -> None:
    """Take every shot that is not finished, in order.

    Args:
        takes: all of a film's.
        camera_for: gives the camera for a shot's settings; asked only for shots that are missing.
        workspace: where the iterates go.
        what: a take is called in progress, such as "painting".
        watch: told how far the shots are.
        tell: told what the user should know, in one line.

    Raises:
        DivergedError: a loss is no longer finite; the shots before it stay.
        OutputError: the workspace cannot be written to.
        RoomError: the memory does not suffice; what was kept is kept.
    """
    left = [steps_left(take) for take in takes]
    for number, take in enumerate(takes, start=1):
        if take.shot.is_finished:
            take.shot.drop_state()  # where a run was killed just before it did
            continue
        tell_progress = partial(progress_of, take, what, (number, len(takes)), sum(left[number:]))
        report = partial(_report, watch, tell_progress)
        take_one(take, camera_for(take.scene.settings), workspace, report, tell)


def take_one(
    take: Take,
    camera: Camera,
    workspace: Workspace,
    on_iterate: Callable[[Iterate], None],
    tell: Callable[[str], None],
) -> None:
    """Take one shot; what is told, and every error, names the painting.

    Raises:
        DivergedError, OutputError, RoomError: as `shoot`.
    """
    from medley.studio.shooting.shoot import shoot

    files = {
        "content_file": in_full(take.content_path),
        "label": take.label or _names(take),
        "painting_files": [in_full(work.path) for work in take.works],
    }
    try:
        shoot(take.scene, camera, workspace, files, on_iterate, partial(_tell_of, take, tell))
    except MedleyError as error:
        raise type(error)(f"'{take.painting.path}': {error}") from error


def steps_left(take: Take) -> int:
    """Steps until the take's shot is finished."""
    if take.shot.is_finished:
        return 0
    # The saved step is the first that has not been taken.
    steps = take.scene.settings.steps
    return min(steps, steps + 1 - saved_step(take.shot.state_path))


def _tell_of(take: Take, tell: Callable[[str], None], text: str) -> None:
    tell(f"'{take.painting.path}': {text}")


def progress_of(
    take: Take,
    what: str,
    place: tuple[int, int],
    later: int,
    iterate: Iterate,
) -> Progress:
    """Tell how far a take is.

    Args:
        take: at work.
        what: it is called.
        place: its number, from 1, and how many takes there are.
        later: steps that are to be taken in other takes.
        iterate: its latest.
    """
    steps = take.scene.settings.steps
    return Progress(
        *place,
        take.title,
        iterate.step,
        iterate.loss,
        iterate.seconds,
        steps,
        later + steps - iterate.step,
        what,
    )


def _report(
    watch: Callable[[Progress], None], tell: Callable[[Iterate], Progress], iterate: Iterate
) -> None:
    watch(tell(iterate))
