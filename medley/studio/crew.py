"""Several devices at once: a process on each takes shots from one list.

Each process has one connection to this one and nothing else in common with it. What comes through:
the next take, or none, in; ready for the next, a step, words, or an error, out. A connection that
ends is the sign to stop, so that none outlives this process, however that ends.
"""

import _thread
import contextlib
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import torch

from medley.errors import MedleyError, RoomError
from medley.settings import ShotSettings
from medley.studio.device import computing_deterministically
from medley.studio.scene import Camera, load_camera
from medley.studio.shoot import Progress
from medley.studio.takes import Take, missing, steps_left, take_one, take_shots
from medley.transfer.optimize import Iterate
from medley.vgg.network import Precision
from medley.workspace import Workspace


class _Step(NamedTuple):
    """How far a process is with its take."""

    number: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class _Job:
    """What all processes of a crew are told."""

    root: Path
    threads: int
    precision: Precision
    tile: int | None
    deterministic: bool


@dataclass
class _Member:
    """A process, and the number of the take that it is at, from 1; 0 before its first."""

    device: torch.device
    process: BaseProcess
    number: int = 0


def take_at_once(
    takes: Sequence[Take],
    devices: Sequence[torch.device],
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
        camera_for: as `take_shots`; other processes' cameras have the first one's precision and
            tiles.
        workspace: where the iterates go.
        what: a take is called in progress, such as "painting".
        watch: told how far the shots are, whichever process is at them.
        tell: told what the user should know, in one line.

    Raises:
        DivergedError: a loss is no longer finite; what was shot is kept.
        OutputError: the workspace cannot be written to.
        RoomError: the memory does not suffice, or the system ended a process.
        WeightsError: weights are no longer there.
    """
    crew = devices[: len(missing(takes))]
    if len(crew) < 2:
        take_shots(takes, camera_for, workspace, what, watch, tell)
        return
    wanted = []
    for number, take in enumerate(takes, start=1):
        if take.shot.is_finished:
            take.shot.drop_state()  # where a run was killed just before it did
        else:
            wanted.append(number)
    model = camera_for(takes[wanted[0] - 1].scene.settings)
    threads = max(1, torch.get_num_threads() // len(crew))
    exact = torch.are_deterministic_algorithms_enabled()
    job = _Job(workspace.root, threads, model.precision, model.tile, exact)
    with _hire(crew, job) as members:
        _Foreman(takes, wanted, members, what, watch, tell).run()


class _Foreman:
    """Hands out takes and passes on what is heard."""

    def __init__(
        self,
        takes: Sequence[Take],
        wanted: Sequence[int],
        members: dict[Connection, _Member],
        what: str,
        watch: Callable[[Progress], None],
        tell: Callable[[str], None],
    ) -> None:
        self._takes, self._members = takes, members
        self._next = iter(wanted)
        self._left = {number: steps_left(takes[number - 1]) for number in wanted}
        self._what, self._watch, self._tell = what, watch, tell

    def run(self) -> None:
        """Listen until every process has gone home."""
        while self._members:
            heard = wait(list(self._members))
            for line, member in list(self._members.items()):
                if line in heard:
                    self._hear(line, member)

    def _hear(self, line: Connection, member: _Member) -> None:
        try:
            message = line.recv()
        except (EOFError, OSError):
            raise self._lost(member) from None
        if isinstance(message, MedleyError):
            raise message
        if isinstance(message, str):
            self._tell(message)
        elif isinstance(message, _Step):
            self._watch(self._progress(member, message))
        else:
            self._left.pop(member.number, None)
            member.number = next(self._next, 0)
            line.send(self._takes[member.number - 1] if member.number else None)
            if not member.number:
                del self._members[line]

    def _progress(self, member: _Member, now: _Step) -> Progress:
        take = self._takes[member.number - 1]
        steps = take.scene.settings.steps
        self._left[member.number] = steps - now.number
        return Progress(
            number=member.number,
            paintings=len(self._takes),
            title=take.title,
            step=now.number,
            loss=now.loss,
            seconds=now.seconds,
            steps=steps,
            steps_left=sum(self._left.values()),
            what=self._what,
            at_once=len(self._members),
        )

    def _lost(self, member: _Member) -> Exception:
        member.process.join()
        code = member.process.exitcode or 0
        if code >= 0:  # a bug, whose traceback the process has printed
            return RuntimeError(f"the process on {member.device} ended with {code}")
        path = f"'{self._takes[member.number - 1].painting.path}': " if member.number else ""
        return RoomError(
            f"{path}the system ended the process on {member.device} (signal {-code}), perhaps for"
            " want of memory; name fewer devices, or pass a smaller --size or --tile"
        )


@contextlib.contextmanager
def _hire(devices: Sequence[torch.device], job: _Job) -> Iterator[dict[Connection, _Member]]:
    """Start the processes; when the block ends, however it ends, so do they."""
    context = multiprocessing.get_context("spawn")
    members: dict[Connection, _Member] = {}
    staff: list[tuple[Connection, BaseProcess]] = []
    try:
        for device in devices:
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(target=_serve, args=(theirs, str(device), job))
            staff.append((ours, process))
            with _deaf_to_interrupts():
                process.start()
            theirs.close()
            members[ours] = _Member(device, process)
        yield members
    finally:
        for ours, _ in staff:
            ours.close()
        for _, process in staff:
            if process.pid is not None:
                process.join()


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let a process that is started in the block ignore Ctrl-C, which its terminal sends to all.

    It is told to stop in another way, once: a second interrupt would end its last checkpoint.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # here it cannot be set
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(line: Connection, device: str, job: _Job) -> None:
    """Take what comes through the connection until there is no more: a process's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    torch.set_num_threads(job.threads)
    takes: queue.SimpleQueue[Take | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(line, takes), daemon=True).start()
    camera_for = lru_cache(maxsize=1)(partial(_camera, torch.device(device), job))
    say = partial(_say, line)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            with computing_deterministically(job.deterministic):
                say(None)
                while take := takes.get():
                    camera = camera_for(take.scene.settings)
                    take_one(take, camera, Workspace(job.root), partial(_report, say), say)
                    say(None)
        except MedleyError as error:
            say(error)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # there is nothing left to stop


def _say(line: Connection, message: object) -> None:
    # Where nobody listens any more, the interrupt is on its way; an error would come in its way.
    with contextlib.suppress(OSError):
        line.send(message)


def _camera(device: torch.device, job: _Job, settings: ShotSettings) -> Camera:
    exactly = settings.model_copy(update={"precision": job.precision})
    return load_camera(exactly, device, job.tile)


def _report(say: Callable[[object], None], iterate: Iterate) -> None:
    say(_Step(iterate.step, iterate.loss, iterate.seconds))


def _listen(line: Connection, takes: "queue.SimpleQueue[Take | None]") -> None:
    """Pass on what comes; interrupt the main thread if the connection ends."""
    take: Take | None
    try:
        while take := line.recv():
            takes.put(take)
    except (EOFError, OSError):
        _thread.interrupt_main(signal.SIGTERM)
    takes.put(None)


def _stop(*_: Any) -> None:
    """Interrupt what is being done, once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
