"""One of a batch's films: the shots that it is made of, and whether it lies there already."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from medley.settings import (
    CutSettings,
    RenderOrder,
    SweepOrder,
    WalkOrder,
)
from medley.settings.manifest import Film, FilmOrder
from medley.studio.batches.darkroom import Darkroom
from medley.studio.compression.stage import Watch
from medley.studio.editing.credits import choose_captions
from medley.studio.editing.cut import Outputs, check_film
from medley.studio.orders import Photo
from medley.studio.render import list_takes
from medley.studio.shooting.device import Device, choose_precision
from medley.studio.shooting.scene import Scene, shot_key
from medley.studio.shooting.takes import Take
from medley.studio.sweep import plan_sweep
from medley.studio.walk import check_walk, lay_lap, set_out
from medley.workspace import Workspace


@dataclass(frozen=True)
class FilmPlan:
    """One film whose inputs have been looked through.

    Attributes:
        film: as it was asked for.
        outputs: where its files go.
        takes: of its shots, in the film's order; their pictures are negatives.
        is_made: whether the film lies there, made of these shots in this way.
    """

    film: Film
    outputs: Outputs
    takes: tuple[Take, ...]
    is_made: bool = False

    @property
    def keys(self) -> list[str]:
        """Of its shots, in the film's order."""
        return [take.shot.key for take in self.takes]

    @property
    def is_told_of(self) -> bool:
        """Whether a sidecar lies there that says: made of these shots, and cut in this way."""
        try:
            sidecar: dict[str, Any] = json.loads(self.outputs.sidecar.read_text("utf-8"))
            return (
                sidecar["command"] == self.film.kind
                and _told_keys(sidecar) == self._keys_to_tell()
                and bool(self._settings_to_tell().items() <= sidecar["settings"].items())
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False  # there is none, or it is torn or another program's

    def _keys_to_tell(self) -> list[str]:
        if self.film.kind == "render":  # whose paintings name their shot each
            return [take.shot.key for take in self.takes for _ in take.works]
        return self.keys

    def _settings_to_tell(self) -> dict[str, Any]:
        """What of the settings no shot's key knows."""
        order = self.film.order
        if isinstance(order, WalkOrder):
            known = order.film.fitted(order.film_path), order.walk
            return {
                name: one for part in known for name, one in part.model_dump(mode="json").items()
            }
        if isinstance(order, SweepOrder):
            film = order.film.fitted(order.film_path)
            return film.model_dump(mode="json") | {"layout": order.sweep.layout}
        film = order.film.fitted(order.film_path)
        captions = choose_captions([work for take in self.takes for work in take.works], film)
        return film.model_dump(mode="json") | {"captions": captions}


def _told_keys(sidecar: dict[str, Any]) -> list[str]:
    if sidecar["command"] == "walk":
        shots = [sidecar["opening"], sidecar["walk"]]
    else:
        shots = sidecar["paintings" if sidecar["command"] == "render" else "measures"]
    return [shot["shot"] for shot in shots]


def plan_film(
    film: Film, device: Device, darkroom: Darkroom, workspace: Workspace, watch: Watch
) -> FilmPlan:
    """Look through a film's inputs and set the scenes of its shots.

    Args:
        film: as it was asked for.
        device: a worker's, which decides what precision "auto" comes to.
        darkroom: makes the negatives.
        workspace: where the shots go.
        watch: told how far the making of weights is.

    Raises:
        MedleyError: the film cannot be made; as its parts say.
    """
    order = film.order
    _check_parts(order, 1)
    settings, catalog = order.shot, order.catalog
    photos: list[Photo] = []
    for path in order.content:
        content = darkroom.content(path, settings)
        photos.append((path, content, darkroom.draw(order.styles, catalog, content, settings)))
    if isinstance(order, SweepOrder):
        sweep = plan_sweep(
            photos, settings, catalog, order.sweep, [device], order.run.tile, workspace,
            watch, darkroom.networks,
        )  # fmt: skip
        takes, parts = [take for pair in sweep.pairs for take in pair], sweep.stretches
    else:
        precision = choose_precision(settings.precision, device)
        key_of = partial(shot_key, weights_digest=darkroom.weights(settings), precision=precision)
        if isinstance(order, WalkOrder):
            takes = _walk_takes(order, photos[0], key_of, workspace)
        else:
            takes = _render_takes(order, photos[0], key_of, workspace)
        parts = len(takes)
    _check_parts(order, parts)
    outputs = Outputs(film.path, measured=isinstance(order, SweepOrder))
    plan = FilmPlan(film, outputs, tuple(takes))
    return replace(plan, is_made=outputs.film.is_file() and plan.is_told_of)


KeyOf = Callable[[Scene], str]


def _render_takes(
    order: RenderOrder, photo: Photo, key_of: KeyOf, workspace: Workspace
) -> list[Take]:
    chain = order.film.transition == "chain"
    return list_takes(*photo, order.shot, order.catalog, key_of, workspace, chain, order.blend)


def _walk_takes(order: WalkOrder, photo: Photo, key_of: KeyOf, workspace: Workspace) -> list[Take]:
    path, content, drawn = photo
    check_walk(drawn)
    paintings, last = tuple(drawn.paintings), replace(drawn, paintings=drawn.paintings[-1:])
    (opening,) = list_takes(path, content, last, order.shot, order.catalog, key_of, workspace)
    fps = order.film.fitted(order.film_path).fps
    lap = lay_lap(len(paintings), fps, order.walk.seconds_per_painting)
    return [opening, set_out(opening, paintings, order.walk, lap, key_of, workspace)]


def _check_parts(order: FilmOrder, parts: int) -> None:
    """Find out whether a film of so many parts can be laid out."""
    if isinstance(order, WalkOrder):
        fps = order.film.fitted(order.film_path).fps
        lay_lap(parts, fps, order.walk.seconds_per_painting)
    else:
        film = order.film.fitted(order.film_path)
        cut = CutSettings(**{name: getattr(film, name) for name in CutSettings.model_fields})
        _check_film(parts, cut)


# Laying out a long film takes a tenth of a second, and many films are cut alike.
_check_film = lru_cache(maxsize=1000)(check_film)
