"""Shots on a Ray cluster: each shot is a Ray task, which Ray retries if it fails.

A worker's process is reused for the next shot, and with it the networks that it has loaded. Its
events go through a small actor on this machine. A worker that does not share this machine's
workspace keeps its shots in a temporary folder and sends them back as files.
"""

import contextlib
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import medley
from medley.errors import MedleyError, ResourceError, Setting, WorkerLostError
from medley.events import Event
from medley.files import write_bytes
from medley.settings import EngineSettings
from medley.studio.engines.archive import unpack_shot
from medley.studio.engines.jobs import Job
from medley.studio.engines.ray_task import EventQueue, RunContext, TaskResult, ray_task
from medley.workspace.store import Workspace

_POLL_S = 0.1  # between two looks at the workers' events
_CONNECT_S = 5.0  # timeout for a connection to the cluster's head
_CHECKPOINTS_S = 60.0  # timeout for interrupted workers to write their checkpoints


@dataclass
class _Pending:
    """A job that has been submitted to Ray, and the state of its attempts."""

    job: Job
    began: float
    attempts: int = 0
    worker: str = ""


class RayEngine:
    """Takes shots on a Ray cluster."""

    def __init__(self, settings: EngineSettings, workspace: Workspace) -> None:
        """Check that there is a cluster at the address; nothing is started yet.

        Raises:
            MedleyError: there is no cluster, or devices are named one by one.
        """
        if settings.devices not in (("auto",), ("cpu",), ("cuda",)):
            raise MedleyError(
                Setting("devices", ",".join(settings.devices)),
                ": Ray gives the devices out; pass auto, cpu or cuda",
            )
        if settings.address not in (None, "auto"):
            _check_listening(str(settings.address))
        self.settings = settings
        self.workspace = Workspace(workspace.root.absolute())

    def run(self, jobs: Iterable[Job | None]) -> Generator[Event, None, None]:
        """Take every job's shot, as `Engine` says.

        Raises:
            MedleyError: there is no cluster at the address, or it has no such device.
            OutputError: the workspace cannot be written to.
        """
        with _connected(self.settings), _probe(self.workspace) as probe:
            tasks = _Tasks(self, probe, jobs)
            try:
                yield from tasks.events()
            finally:
                tasks.end()


class _Tasks:
    """One run: submits jobs to Ray, passes on events, and collects results."""

    def __init__(self, engine: RayEngine, probe: str, jobs: Iterable[Job | None]) -> None:
        settings = engine.settings
        self._workspace = engine.workspace
        self._workers = settings.workers
        self._on_gpus = _has_gpus(settings.devices[0])
        self._jobs = iter(jobs)
        self._pending: dict[Any, _Pending] = {}
        self._shared_weights: dict[Path, Any] = {}
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(EventQueue)
        self._queue = actor.options(scheduling_strategy=here).remote()
        own = settings.address is None  # a cluster started here has a "CPU" for each worker
        self._context = RunContext(
            root=engine.workspace.root,
            probe=probe,
            threads=max(1, torch.get_num_threads() // settings.workers) if own else 1,
            sharing=settings.workers,
            retries=settings.retries,
            shrink=settings.shrink,
            version=medley.__version__,
        )
        self._task = ray.remote(
            num_cpus=1,
            num_gpus=1 / settings.workers if self._on_gpus else 0,
            max_retries=settings.retries,
            retry_exceptions=True,
            max_calls=0,  # or Ray would end a process with a GPU after each task
        )(ray_task)

    def events(self) -> Iterator[Event]:
        """Submit jobs and yield events until all jobs have ended."""
        self._submit()
        while self._pending:
            ended, _ = ray.wait(list(self._pending), num_returns=1, timeout=_POLL_S)
            yield from self._drain()
            for reference in ended:
                event = self._collect(reference)
                self._submit()
                yield event
                self._submit()  # jobs that go on from this one's result

    def end(self) -> None:
        """Cancel unfinished tasks, and give them time to write checkpoints."""
        for reference in self._pending:
            ray.cancel(reference)
        if self._pending:
            ray.wait(
                list(self._pending),
                num_returns=len(self._pending),
                timeout=_CHECKPOINTS_S,
                fetch_local=False,
            )
        ray.kill(self._queue)

    def _submit(self) -> None:
        """Keep twice as many jobs submitted as the cluster, which may grow, runs at once."""
        have = ray.cluster_resources()
        slots = have.get("GPU", 0) * self._workers if self._on_gpus else have.get("CPU", 0)
        while len(self._pending) < 2 * max(1, int(slots)) and (job := next(self._jobs, None)):
            weights = self._share_weights(job.spec.settings.weights)
            reference = self._task.remote(job, self._queue, self._context, [weights])
            self._pending[reference] = _Pending(job, time.monotonic())

    def _share_weights(self, weights: Path | None) -> Any:
        """Put a weights file into Ray's object store, once; workers fetch it if they lack it."""
        if weights and weights not in self._shared_weights:
            self._shared_weights[weights] = ray.put(weights.read_bytes())
        return self._shared_weights[weights] if weights else None

    def _drain(self) -> Iterator[Event]:
        """Yield the events that workers have queued, and count attempts by them."""
        by_key = {one.job.key: one for one in self._pending.values()}
        for event in ray.get(self._queue.drain.remote()):
            if event.kind == "started" and (one := by_key.get(event.key)):
                one.attempts += 1
                one.worker = event.worker
                if one.attempts == 1:
                    one.began = time.monotonic()  # until now it waited in Ray's queue
            yield event

    def _collect(self, reference: Any) -> Event:
        one = self._pending.pop(reference)
        error: Exception | None
        try:
            result: TaskResult = ray.get(reference)
            error = result.error
            if result.files:
                unpack_shot(result.files, self._workspace, one.job.key)
        except MedleyError as own:  # raised by unpacking, or a worker's error wrapped by Ray
            cause = getattr(own, "cause", own)
            error = cause if isinstance(cause, MedleyError) else own
        except ray.exceptions.RayError as lost:
            error = _translate(lost, one)
        return Event(
            "shotend",
            one.job.key,
            one.job.label,
            one.worker,
            seconds=time.monotonic() - one.began,
            error=error,
            attempts=max(1, one.attempts),
        )


def _translate(error: Exception, one: _Pending) -> Exception:
    """The medley error for an error of Ray's."""
    path = f"'{one.job.spec.painting_path}': "
    if isinstance(error, ray.exceptions.RayTaskError):
        return RuntimeError(f"{path}{error}")
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return ResourceError(
            f"{path}Ray ended the process for want of memory; pass a smaller ", Setting("size")
        )
    return WorkerLostError(
        f"{path}the process that took it is gone, perhaps for want of memory ({first}); the same"
        " command goes on"
    )


@contextlib.contextmanager
def _probe(workspace: Workspace) -> Iterator[str]:
    """Write a file by which workers find out if they share the workspace; yield its name."""
    path = workspace.root / f".probe-{uuid.uuid4().hex}"
    write_bytes(path, b"medley\n")
    try:
        yield path.name
    finally:
        path.unlink(missing_ok=True)


def _has_gpus(devices: str) -> bool:
    """Whether shots are to run on GPUs.

    Raises:
        MedleyError: GPUs are asked for and the cluster has none.
    """
    have = ray.cluster_resources().get("GPU", 0) > 0
    if devices == "cuda" and not have:
        raise MedleyError(
            "the Ray cluster has no GPU; pass ", Setting("devices", "cpu"),
            ", or add machines to it",
        )  # fmt: skip
    return have and devices != "cpu"


@contextlib.contextmanager
def _connected(settings: EngineSettings) -> Iterator[None]:
    """Join the cluster, or start one here, until the block ends.

    Raises:
        MedleyError: there is no cluster at the address.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"address": settings.address}
    if settings.address is None:
        options = {"address": "local", "num_cpus": settings.workers, "include_dashboard": False}
    try:
        with _own_answers():
            ray.init(**options, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise MedleyError(
            f"there is no Ray cluster at '{settings.address or 'this machine'}' ({reason}); begin"
            " one with 'ray start --head', or leave out ",
            Setting("address"),
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _own_answers() -> Iterator[None]:
    """Keep this process's answer to SIGTERM; Ray would kill the workers, without checkpoints."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # Ray sets none elsewhere either
            signal.signal(signal.SIGTERM, before)


def _check_listening(address: str) -> None:
    """Check that the address accepts connections; Ray itself would wait for two minutes.

    Raises:
        MedleyError: the address does not accept connections.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_CONNECT_S):
            pass
    except (OSError, OverflowError) as error:
        raise MedleyError(
            f"there is no Ray at '{address}' ({error}); begin a cluster with 'ray start --head',"
            " or leave out ",
            Setting("address"),
        ) from None
