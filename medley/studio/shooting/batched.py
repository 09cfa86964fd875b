"""Several small shots in one process, their pictures judged in one pass of the network."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial

from medley.studio.shooting.progress import Progress
from medley.studio.shooting.scene import Camera
from medley.studio.shooting.takes import Take, progress_of, steps_left, take_one
from medley.transfer.optimize import Iterate
from medley.transfer.together import Table
from medley.workspace import Workspace

FULL_PIXELS = 512 * 512
"""So many pixels a pass fill a GPU; chosen, not measured."""

MOST_AT_ONCE = 16  # shots: each has a thread, and all their iterates wait for the encoders


def fitting_at_once(height: int, width: int) -> int:
    """How many shots of that size fill a GPU together."""
    return max(1, min(MOST_AT_ONCE, FULL_PIXELS // (height * width)))


class _Stopped(Exception):  # noqa: N818 (it is no error)
    """Another shot failed, or the user has interrupted the run."""


class _Batch:
    """The shots at work, each in a thread."""

    def __init__(
        self,
        takes: Sequence[Take],
        what: str,
        watch: Callable[[Progress], None],
    ) -> None:
        self._takes, self._what, self._watch = takes, what, watch
        self._left = {number: steps_left(take) for number, take in enumerate(takes, start=1)}
        self._lock = threading.Lock()
        self._at_work = 0
        self.stopped = threading.Event()

    def take(
        self, number: int, camera: Camera, workspace: Workspace, tell: Callable[[str], None]
    ) -> None:
        """Take one of the shots."""
        if self.stopped.is_set():
            return
        with self._lock:
            self._at_work += 1
        try:
            if camera.table:
                camera.table.sit()
            report = partial(self._report, number)
            take_one(self._takes[number - 1], camera, workspace, report, tell)
        except _Stopped:
            pass  # its checkpoint is written
        finally:
            if camera.table:
                camera.table.leave()
            with self._lock:
                self._at_work -= 1

    def _report(self, number: int, iterate: Iterate) -> None:
        take = self._takes[number - 1]
        with self._lock:
            self._left[number] = take.scene.settings.steps - iterate.step
            later = sum(self._left.values()) - self._left[number]
            place = number, len(self._takes)
            self._watch(progress_of(take, self._what, place, later, iterate, self._at_work))
        if self.stopped.is_set():
            raise _Stopped


def take_batched(
    takes: Sequence[Take],
    camera: Camera,
    workspace: Workspace,
    what: str,
    watch: Callable[[Progress], None],
    tell: Callable[[str], None],
    at_once: int,
) -> None:
    """Take every shot that is not finished, several of them in each pass of the network.

    The pixels are those of shots taken one by one up to rounding, which depends on what else is
    in a pass.

    Args: as for `take_shots`, and:
        camera: of all the shots.
        at_once: how many.

    Raises:
        DivergedError, OutputError, RoomError: as `take_shots`; the other shots stop, with
            checkpoints.
    """
    camera = replace(camera, table=Table())
    batch = _Batch(takes, what, watch)
    wanted = [number for number, take in enumerate(takes, start=1) if not take.shot.is_finished]
    with ThreadPoolExecutor(at_once, "shot") as pool:
        try:
            futures = [pool.submit(batch.take, n, camera, workspace, tell) for n in wanted]
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:  # an error, or Ctrl-C in this thread
            batch.stopped.set()
    for future in futures:
        future.result()
