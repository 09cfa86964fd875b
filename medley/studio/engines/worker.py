"""A worker, which takes shots on a device one by one and keeps the networks that it has loaded."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from functools import lru_cache, partial

import torch

from medley.errors import MedleyError, WeightsError
from medley.events import Event
from medley.settings import ShotSettings
from medley.studio.engines.jobs import Job, WorkerInfo
from medley.studio.shooting.costs import smaller_tile
from medley.studio.shooting.model import (
    Model,
    computing_deterministically,
    load_model,
    network_settings,
)
from medley.studio.shooting.resources import free_memory, is_taken
from medley.studio.shooting.shoot import shoot
from medley.transfer.feature_cache import FeatureCache
from medley.workspace.store import Workspace

_MODELS = 2  # networks kept in memory, so that films in two widths need not reload in turn


class Worker:
    """Takes shots on a device."""

    def __init__(self, info: WorkerInfo) -> None:
        """Measure the free memory; networks are loaded when a shot needs them."""
        self._info = info
        self._workspace = Workspace(info.root)
        self._load = lru_cache(maxsize=_MODELS)(partial(_load, info))
        # Measured early, before other workers of the device have taken their share.
        self._share = self._free_share()

    def take(self, job: Job) -> Generator[Event, None, None]:
        """Take a job's shot, unless it is finished; go on with it if it was begun.

        Yields:
            "started", and then the events of `shoot`.

        Raises:
            MedleyError: the shot cannot be finished; the message names the painting.
        """
        name, device = self._info.name, self._info.device
        steps = job.spec.settings.steps
        yield Event("started", job.key, job.label, name, device, steps=steps)
        shot = self._workspace.shot(job.key)
        if shot.is_finished:
            shot.drop_state()  # a run may have been killed just before it removed the checkpoint
            return
        try:
            model = self._model(job)
            tile = self._tile(job)
        except MedleyError as error:
            raise job.spec.about(error) from error
        try:
            with (
                computing_deterministically(job.deterministic),
                closing(shoot(job.spec, model, tile, self._workspace, job.label)) as events,
            ):
                for event in events:
                    yield replace(event, title=job.label, worker=name, device=device)
        finally:
            if model.device.type == "cuda" and self._info.sharing > 1:
                torch.cuda.empty_cache()  # other workers of the device may need the memory

    def _model(self, job: Job) -> Model:
        spec = job.spec
        model = self._load(network_settings(spec.settled))
        if model.weights.digest != spec.weights:
            raise WeightsError(
                f"the {model.weights.label} weights here are not those that the shot was planned"
                " with; give all machines the same, and plan anew"
            )
        return model

    def _tile(self, job: Job) -> int | None:
        spec, share = job.spec, self._free_share()
        free = None if share is None else max(share, self._share or 0)
        tile = spec.choose_tile(job.tile, free, self._info.device)
        for _ in range(job.shrinks):
            tile = smaller_tile(spec.scales, spec.settled, tile) or tile
        return tile

    def _free_share(self) -> int | None:
        free = _free_now(self._info.device)
        return None if free is None else free // self._info.sharing


def share_threads(threads: int | None, processes: int) -> None:
    """Leave torch in this process its share of threads.

    Args:
        threads: threads of all processes together; None for torch's default.
        processes: number of processes.
    """
    torch.set_num_threads(max(1, (threads or torch.get_num_threads()) // processes))


def _load(info: WorkerInfo, settings: ShotSettings) -> Model:
    model = load_model(settings, info.device)
    # Features are cached because shots have contents, and perhaps paintings, in common.
    return replace(model, features=FeatureCache()) if info.several else model


def _free_now(device: str) -> int | None:
    """Bytes of memory that are free for a shot on the device just now; None if unknown."""
    if torch.device(device).type != "cuda":
        return free_memory(device)
    try:
        free, _ = torch.cuda.mem_get_info(device)
    except RuntimeError as error:
        if is_taken(error):
            return None  # loading the network will say so
        raise
    # torch keeps memory of freed tensors, and uses it first for new ones.
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free + held)
