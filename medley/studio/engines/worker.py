"""One who takes shots on a device, one after another, and keeps the networks it has loaded."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial

import torch

from medley.errors import MedleyError, WeightsError
from medley.settings import ShotSettings
from medley.studio.engines.jobs import Event, Job, Place
from medley.studio.shooting.camera import Camera, load_camera
from medley.studio.shooting.device import choose_precision, computing_deterministically
from medley.studio.shooting.forecast import choose_tile, smaller_tile
from medley.studio.shooting.room import free_memory
from medley.studio.shooting.scene import scales_of, settled, shot_key
from medley.studio.shooting.takes import take_one
from medley.transfer.feature_cache import FeatureCache
from medley.transfer.optimize import Iterate
from medley.vgg.layers import Precision
from medley.workspace import Workspace

_CAMERAS = 2  # networks in memory: films in two widths take turns without loading
_DECIDING = ("bits", "weights", "pooling", "padding", "style_layers", "content_layers")
_AUTOMATIC: tuple[Precision, ...] = ("bfloat16", "float32")


class Worker:
    """Takes one shot after another on a device."""

    def __init__(self, place: Place) -> None:
        """Look how much memory there is; networks are loaded when a shot wants them."""
        self._place = place
        self._device = torch.device(place.device)
        self._load = lru_cache(maxsize=_CAMERAS)(partial(_load, self._device))
        # Before the others take theirs, if one is lucky.
        self._share = self._free_share()

    def take(self, job: Job, say: Callable[[Event], None]) -> None:
        """Take a job's shot, unless it is finished; go on with it if it was begun.

        Args:
            job: what is to be taken.
            say: told how far it is.

        Raises:
            DivergedError, OutputError, RoomError, WeightsError: it cannot be finished; the message
                names the painting.
        """
        event = Event(
            job.key,
            self._place.name,
            self._place.device,
            "started",
            steps=job.take.scene.settings.steps,
        )
        say(event)
        workspace = Workspace(self._place.root)
        shot = workspace.shot(job.key)
        if shot.is_finished:
            shot.drop_state()  # where a run was killed just before it did
            return
        try:
            with computing_deterministically(job.deterministic):
                take_one(
                    job.take,
                    self._camera(job),
                    workspace,
                    lambda iterate: say(_step(event, iterate)),
                    lambda text: say(replace(event, kind="told", text=text)),
                )
        finally:
            if self._device.type == "cuda":
                torch.cuda.empty_cache()  # a device's other workers may want it

    def _camera(self, job: Job) -> Camera:
        take = job.take
        settings = take.scene.settings
        try:
            camera = self._matching(job)
            scales, exactly = scales_of(take.scene.content, settings), settled(settings, camera)
            share = self._free_share()
            free = None if share is None else max(share, self._share or 0)
            tile = choose_tile(job.tile, scales, exactly, free)
        except MedleyError as error:
            raise type(error)(f"'{take.painting.path}': {error}") from error
        for _ in range(job.shrinks):
            tile = smaller_tile(scales, exactly, tile) or tile
        return replace(camera, tile=tile)

    def _matching(self, job: Job) -> Camera:
        """The camera with which the job's scene has the job's key.

        What "auto" comes to is the planner's machine's affair: the key tells which it was.
        """
        scene = job.take.scene
        wish = scene.settings.precision
        own = choose_precision(wish, self._device)
        for precision in dict.fromkeys([own, *_AUTOMATIC]) if wish == "auto" else [own]:
            settings = scene.settings
            camera = self._load(_network_of(settings, precision))
            if shot_key(scene, camera.weights.digest, camera.precision) == job.key:
                return camera
        raise WeightsError(
            f"the {camera.weights.label} weights here are not those that the shot was planned with;"
            " give all machines the same, and plan anew"
        )

    def _free_share(self) -> int | None:
        free = free_memory(self._device)
        return None if free is None else free // self._place.sharing


def _network_of(settings: ShotSettings, precision: Precision) -> ShotSettings:
    """What of the settings decides the network, so that shots that share it find it loaded."""
    deciding = {name: getattr(settings, name) for name in _DECIDING}
    return ShotSettings.model_validate({**deciding, "precision": precision})


def _load(device: torch.device, settings: ShotSettings) -> Camera:
    # Its shots have contents in common, and perhaps paintings.
    return replace(load_camera(settings, device), cache=FeatureCache())


def _step(event: Event, iterate: Iterate) -> Event:
    return replace(
        event, kind="step", step=iterate.step, loss=iterate.loss, seconds=iterate.seconds
    )
