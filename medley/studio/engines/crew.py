"""All shots of a film on several devices at once; the first that fails ends it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

from medley.settings import ShotSettings, TileWish
from medley.studio.engines.jobs import Event, Job
from medley.studio.engines.local import LocalEngine
from medley.studio.shooting.camera import Camera
from medley.studio.shooting.device import AnyDevice
from medley.studio.shooting.progress import Progress
from medley.studio.shooting.takes import Take, missing, steps_left, take_shots
from medley.workspace import Workspace


def take_at_once(
    takes: Sequence[Take],
    devices: Sequence[AnyDevice],
    camera_for: Callable[[ShotSettings], Camera],
    workspace: Workspace,
    what: str,
    watch: Callable[[Progress], None],
    tell: Callable[[str], None],
) -> None:
    """Take every shot that is not finished, as many at once as there are devices.

    The pixels are those that one process comes to with as many threads. Interrupted, or after an
    error in one of them, all processes stop and leave checkpoints.

    Args:
        takes: all of a film's.
        devices: one for each process; a device may be named twice. A single one is this process's.
        camera_for: as `take_shots`; other processes' cameras have the first one's tiles.
        workspace: where the iterates go.
        what: a take is called in progress, such as "painting".
        watch: told how far the shots are, whichever process is at them.
        tell: told what the user should know, in one line.

    Raises:
        DivergedError: a loss is no longer finite; what was shot is kept.
        LostError: a process was ended.
        OutputError: the workspace cannot be written to.
        RoomError: the memory does not suffice, or the system ended a process.
        WeightsError: weights are no longer there.
    """
    wanted = {take.shot.key: take for take in missing(takes)}
    crew = devices[: len(wanted)]
    if len(crew) < 2:
        take_shots(takes, camera_for, workspace, what, watch, tell)
        return
    for take in takes:
        if take.shot.key not in wanted:
            take.shot.drop_state()  # where a run was killed just before it did
    tile: TileWish = camera_for(next(iter(wanted.values())).scene.settings).tile or "off"
    follower = _Follower(takes, wanted, what, watch, tell)
    import torch

    exact = torch.are_deterministic_algorithms_enabled()
    jobs = (Job(take, tile, deterministic=exact) for take in wanted.values())
    with contextlib.closing(LocalEngine(crew, workspace).run(jobs, follower.see)) as outcomes:
        for outcome in outcomes:
            if outcome.error:
                raise outcome.error
            follower.forget(outcome.key)


class _Follower:
    """Turns an engine's events into a film's progress."""

    def __init__(
        self,
        takes: Sequence[Take],
        wanted: Mapping[str, Take],
        what: str,
        watch: Callable[[Progress], None],
        tell: Callable[[str], None],
    ) -> None:
        self._left = {key: steps_left(take) for key, take in wanted.items()}
        self._at_work: set[str] = set()
        self._wanted, self._paintings = wanted, len(takes)
        # A painting that comes twice has the number of its first place.
        self._numbers = {
            take.shot.key: number for number, take in reversed([*enumerate(takes, start=1)])
        }
        self._what, self._watch, self._tell = what, watch, tell

    def see(self, event: Event) -> None:
        """Pass an event on."""
        if event.kind == "started":
            self._at_work.add(event.key)
        elif event.kind == "told":
            self._tell(event.text)
        elif event.kind == "step":
            self._left[event.key] = event.steps - event.step
            self._watch(self._progress(event))

    def forget(self, key: str) -> None:
        """A shot is finished."""
        del self._left[key]
        self._at_work.discard(key)

    def _progress(self, event: Event) -> Progress:
        return Progress(
            number=self._numbers[event.key],
            paintings=self._paintings,
            title=self._wanted[event.key].title,
            step=event.step,
            loss=event.loss,
            seconds=event.seconds,
            steps=event.steps,
            steps_left=sum(self._left.values()),
            what=self._what,
            at_once=len(self._at_work),
        )
