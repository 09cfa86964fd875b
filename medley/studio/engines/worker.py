"""A worker takes shots on a device, one by one, and keeps the networks that it has loaded."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from functools import lru_cache, partial

import torch

from medley.errors import MedleyError, WeightsError
from medley.events import Event
from medley.settings import ShotSettings
from medley.studio.engines.jobs import Job, WorkerInfo
from medley.studio.shooting.costs import choose_tile, smaller_tile
from medley.studio.shooting.model import Model, computing_deterministically, load_model
from medley.studio.shooting.resources import free_memory
from medley.studio.shooting.shoot import shoot
from medley.studio.shooting.spec import ShotSpec
from medley.transfer.feature_cache import FeatureCache
from medley.workspace.store import Workspace

_MODELS = 2  # networks in memory: films in two widths take turns without loading
_DECIDING = ("bits", "weights", "pooling", "padding", "style_layers", "content_layers")


class Worker:
    """Takes shots on a device."""

    def __init__(self, info: WorkerInfo) -> None:
        """Look how much memory there is; networks are loaded when a shot wants them."""
        self._info = info
        self._workspace = Workspace(info.root)
        self._load = lru_cache(maxsize=_MODELS)(partial(_load, info))
        # Before the others take theirs, if one is lucky.
        self._share = self._free_share()

    def take(self, job: Job) -> Generator[Event, None, None]:
        """Take a job's shot, unless it is finished; go on with it if it was begun.

        Yields:
            "started", and then what `shoot` tells.

        Raises:
            MedleyError: it cannot be finished; the message names the painting.
        """
        name, device = self._info.name, self._info.device
        steps = job.spec.settings.steps
        yield Event("started", job.key, job.spec.title, name, device, steps=steps)
        shot = self._workspace.shot(job.key)
        if shot.is_finished:
            shot.drop_state()  # where a run was killed just before it did
            return
        try:
            model = self._model(job.spec)
            tile = self._tile(job)
        except MedleyError as error:
            raise job.spec.about(error) from error
        try:
            with (
                computing_deterministically(job.deterministic),
                closing(shoot(job.spec, model, tile, self._workspace, job.label)) as events,
            ):
                for event in events:
                    yield replace(event, worker=name, device=device)
        finally:
            if model.device.type == "cuda":
                torch.cuda.empty_cache()  # a device's other workers may want it

    def _model(self, spec: ShotSpec) -> Model:
        deciding = {name: getattr(spec.settings, name) for name in _DECIDING}
        model = self._load(ShotSettings(**deciding, precision=spec.precision))
        if model.weights.digest != spec.weights:
            raise WeightsError(
                f"the {model.weights.label} weights here are not those that the shot was planned"
                " with; give all machines the same, and plan anew"
            )
        return model

    def _tile(self, job: Job) -> int | None:
        spec, share = job.spec, self._free_share()
        free = None if share is None else max(share, self._share or 0)
        tile = choose_tile(job.tile, spec.scales, spec.settled, free)
        for _ in range(job.shrinks):
            tile = smaller_tile(spec.scales, spec.settled, tile) or tile
        return tile

    def _free_share(self) -> int | None:
        free = _free_now(self._info.device)
        return None if free is None else free // self._info.sharing


def _load(info: WorkerInfo, settings: ShotSettings) -> Model:
    model = load_model(settings, info.device)
    # Its shots have contents in common, and perhaps paintings.
    return replace(model, features=FeatureCache()) if info.several else model


def _free_now(device: str) -> int | None:
    """Bytes of memory that a shot on the device may take just now; None if that is unknown."""
    if torch.device(device).type != "cuda":
        return free_memory(device)
    free, _ = torch.cuda.mem_get_info(device)
    # Torch holds on to memory that it has no tensors in, and uses it first.
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free + held)
