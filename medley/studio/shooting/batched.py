"""Several small shots in one process, their pictures judged in one pass of the network."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial

from medley.studio.shooting.camera import Camera
from medley.studio.shooting.progress import Progress
from medley.studio.shooting.takes import Take, progress_of, steps_left, take_one
from medley.transfer.optimize import Iterate
from medley.transfer.together import Table
from medley.workspace import Workspace

_POLL_S = 0.2  # from one look for an interruption to the next

Work = Callable[[Table, Callable[[], None]], None]
"""Takes a shot at a table; the second is to be called after each iterate, and may stop it there."""


class _Stopped(Exception):  # noqa: N818 (it is no error)
    """Another shot failed, or the user has interrupted the run."""


def run_at_table(works: Sequence[Work], at_once: int) -> None:
    """Take shots in threads that sit at one table, so that they pass the network together.

    If one of them raises an error, or this thread is interrupted, the others stop at their next
    iterate, with checkpoints.

    Args:
        works: one for each shot.
        at_once: how many of them sit there at a time.
    """
    table, stopped = Table(), threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise _Stopped

    def sit(work: Work) -> None:
        if stopped.is_set():
            return
        table.sit()
        try:
            work(table, check)
        except _Stopped:
            pass  # its checkpoint is written
        finally:
            table.leave()

    with ThreadPoolExecutor(max(1, at_once), "shot") as pool:
        futures = [pool.submit(sit, work) for work in works]
        try:
            waiting = set(futures)
            # A wait without end would be deaf to an interrupt that comes from another thread.
            while waiting and not any(one.exception() for one in futures if one.done()):
                waiting = wait(waiting, _POLL_S, FIRST_EXCEPTION).not_done
        finally:
            stopped.set()
    for future in futures:
        future.result()


class _Batch:
    """A film's shots at work."""

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

    def take(
        self,
        number: int,
        camera: Camera,
        workspace: Workspace,
        tell: Callable[[str], None],
        table: Table,
        check: Callable[[], None],
    ) -> None:
        """Take one of the shots."""

        def report(iterate: Iterate) -> None:
            self._report(number, iterate)
            check()

        with self._lock:
            self._at_work += 1
        try:
            camera = replace(camera, table=table)
            take_one(self._takes[number - 1], camera, workspace, report, tell)
        finally:
            with self._lock:
                self._at_work -= 1

    def _report(self, number: int, iterate: Iterate) -> None:
        take = self._takes[number - 1]
        with self._lock:
            self._left[number] = take.scene.settings.steps - iterate.step
            later = sum(self._left.values()) - self._left[number]
            place = number, len(self._takes)
            self._watch(progress_of(take, self._what, place, later, iterate, self._at_work))


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
    batch = _Batch(takes, what, watch)
    wanted = [number for number, take in enumerate(takes, start=1) if not take.shot.is_finished]
    works = [partial(batch.take, number, camera, workspace, tell) for number in wanted]
    run_at_table(works, at_once)
