"""From a manifest to a schedule: which shots are missing, each once, and which films are made."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import torch

from medley.errors import ConfigError, MedleyError, OutputError, RoomError
from medley.paintings import Draw
from medley.settings import (
    BlendSettings,
    CatalogSettings,
    CutSettings,
    EngineSettings,
    FilmSettings,
    RenderOrder,
    ShotSettings,
    SweepOrder,
    SweepSettings,
)
from medley.settings.manifest import Film, FilmOrder, Manifest
from medley.studio.credits import choose_captions
from medley.studio.cut import Outputs, check_film
from medley.studio.darkroom import Darkroom
from medley.studio.device import choose_precision
from medley.studio.engine import every_device
from medley.studio.forecast import (
    TILES,
    Forecast,
    Pace,
    choose_tile,
    disk_bytes,
    peak_bytes,
    shot_seconds,
)
from medley.studio.jobs import Job
from medley.studio.orders import shot_settings
from medley.studio.quantizing import Stage, Watch
from medley.studio.render import list_takes
from medley.studio.room import free_memory_each, resident_memory
from medley.studio.scene import scales_of, shot_key
from medley.studio.sweep import plan_sweep
from medley.studio.takes import Take, label_takes
from medley.workspace import Workspace


@dataclass(frozen=True)
class FilmPlan:
    """One film whose inputs have been looked through.

    Attributes:
        film: as it was asked for.
        outputs: where its files go.
        takes: of its shots, in the film's order; their pictures are negatives.
        draw: its paintings; of several photos the first one's.
        is_made: whether the film lies there, made of these shots in this way.
    """

    film: Film
    outputs: Outputs
    takes: tuple[Take, ...]
    draw: Draw
    is_made: bool

    @property
    def keys(self) -> list[str]:
        """Of its shots, in the film's order."""
        return [take.shot.key for take in self.takes]

    @property
    def is_told_of(self) -> bool:
        """Whether a sidecar lies there that says just this of the film."""
        return _is_told_of(self.film, self.outputs, self.takes, self.draw)


@dataclass(frozen=True)
class Schedule:
    """What a batch has to do.

    Attributes:
        order: all films, as the manifest has them.
        films: those that can be made, likewise.
        failed: films that cannot, and why.
        jobs: for every shot that is missing, by its key, in the order in which they are taken.
        shots: how many different ones the films have.
        workspace: where all of them go.
        darkroom: develops the jobs' pictures.
    """

    order: tuple[Film, ...]
    films: tuple[FilmPlan, ...]
    failed: tuple[tuple[Film, MedleyError], ...]
    jobs: dict[str, Job]
    shots: int
    workspace: Workspace
    darkroom: Darkroom

    @cached_property
    def titles(self) -> dict[str, str]:
        """What people call each of the shots, by key."""
        return label_takes(take for plan in self.films for take in plan.takes)

    @property
    def made(self) -> int:
        """How many films are there already."""
        return sum(plan.is_made for plan in self.films)


def plan_batch(
    manifest: Manifest,
    device: torch.device,
    force: bool,
    watch: Watch,
) -> Schedule:
    """Look through all films' inputs and gather the shots that are missing.

    Args:
        manifest: the films.
        device: a worker's, which decides what precision "auto" comes to.
        force: replace films that were made otherwise.
        watch: told how far that is, and the making of weights.

    Raises:
        ConfigError: films lie there that would be replaced, or folders cannot be written to; all of
            them are named.
    """
    workspace = Workspace(manifest.workspace)
    darkroom = Darkroom()
    films: list[FilmPlan] = []
    failed: list[tuple[Film, MedleyError]] = []
    faults: list[str] = []
    folders: set[Path] = set()
    _show_photos(manifest, darkroom)
    for number, film in enumerate(manifest.films, start=1):
        try:
            plan = _plan_film(film, device, darkroom, workspace, watch)
            _check_outputs(plan, force, folders)
            films.append(plan)
        except OutputError as error:
            faults.append(f"{film.source}: {error}")
        except MedleyError as error:
            failed.append((film, error))
        watch(Stage("looking through films", number, len(manifest.films)))
    if faults:
        raise ConfigError(*faults)
    return Schedule(
        order=manifest.films,
        films=tuple(films),
        failed=tuple(failed),
        jobs=_missing(films),
        shots=len({key for plan in films for key in plan.keys}),
        workspace=workspace,
        darkroom=darkroom,
    )


def _show_photos(manifest: Manifest, darkroom: Darkroom) -> None:
    """Let the darkroom know all photos' sizes before it meets the first painting."""
    for film in manifest.films:
        for path in _contents(film.order):
            with suppress(MedleyError):  # it will be said of its film
                darkroom.content(path, shot_settings(film.order))


def _contents(order: FilmOrder) -> tuple[Path, ...]:
    return order.contents if isinstance(order, SweepOrder) else (order.content,)


def planning_crew(settings: EngineSettings) -> list[torch.device]:
    """The device of each worker; of a cluster's, what this machine has instead.

    Raises:
        MedleyError: a device is not here.
    """
    names = settings.devices if settings.engine == "local" else "auto"
    return [device for device in every_device(names) for _ in range(settings.workers)]


def foretell_batch(
    jobs: Sequence[Job],
    finished: int,
    crew: Sequence[torch.device],
    pace: Pace | None,
    tell: Callable[[str], None],
) -> Forecast:
    """Foretell what the jobs will take.

    Args:
        jobs: all that are to be taken.
        finished: shots that were found.
        crew: the device of each worker.
        pace: of one worker that has its device for itself, if it is known.
        tell: told of shots that would not fit into a worker's memory just now, even in tiles.
    """
    free = free_memory_each(crew)
    seconds = disk = peak = 0.0
    steps, tiles = 0, []
    # By which object the settings are: the shots of a film share them, and comparing is slow.
    groups = Counter(
        (job.take.scene.content.shape, id(job.take.scene.settings), job.tile) for job in jobs
    )
    scenes = {(s.content.shape, id(s.settings)): s for s in (job.take.scene for job in jobs)}
    for (shape, number, wish), count in groups.items():
        scene = scenes[shape, number]
        content, settings = scene.content, _settled(scene.settings, crew[0])
        scales = scales_of(content, settings)
        try:
            tile = choose_tile(wish, scales, settings, free)
        except RoomError as error:  # it may have become free when their turn comes
            tell(f"{count:,} shots will not fit: {error}")
            tile = TILES[-1]
        seconds += count * shot_seconds(scales, pace, tile) if pace else 0
        disk += count * disk_bytes(scales, settings)
        peak = max(peak, peak_bytes(scales, settings, tile))
        steps += count * sum(scale.steps for scale in scales)
        tiles += [tile] if tile else []
    # Workers on one device share its arithmetic: two of them are hardly quicker than one.
    sharing = max(map(crew.count, crew), default=1)
    return Forecast(
        missing=len(jobs),
        finished=finished,
        steps=steps,
        seconds=seconds / len(set(crew)) if pace else None,
        memory_bytes=resident_memory(crew[0]) * (sharing + 1) + sharing * peak,
        disk_bytes=disk,
        tile=min(tiles, default=None),
    )


def _missing(films: Sequence[FilmPlan]) -> dict[str, Job]:
    """Every shot once that is missing, and wanted by a film that is not made yet."""
    labels = label_takes(take for plan in films for take in plan.takes)
    jobs: dict[str, Job] = {}
    for plan in films:
        for take in () if plan.is_made else plan.takes:
            if take.shot.key not in jobs and not take.shot.is_finished:
                jobs[take.shot.key] = Job(
                    replace(take, label=labels[take.shot.key]),
                    plan.film.order.tile,
                    deterministic=plan.film.order.deterministic,
                )
    return jobs


def _settled(settings: ShotSettings, device: torch.device) -> ShotSettings:
    precision = choose_precision(settings.precision, device)
    return settings.model_copy(update={"precision": precision})


def _plan_film(
    film: Film, device: torch.device, darkroom: Darkroom, workspace: Workspace, watch: Watch
) -> FilmPlan:
    order = film.order
    _check_film(1, order.part(CutSettings))
    settings, catalog = shot_settings(order), order.part(CatalogSettings)
    outputs = Outputs(film.path, measured=isinstance(order, SweepOrder))
    photos = []
    for path in _contents(order):
        content = darkroom.content(path, settings)
        photos.append((path, content, darkroom.draw(order.styles, catalog, content, settings)))
    drawn = photos[0][2]
    if isinstance(order, SweepOrder):
        sweep = plan_sweep(
            photos, settings, catalog, order.part(SweepSettings), [device], order.tile, workspace,
            watch, darkroom.networks,
        )  # fmt: skip
        takes, stretches = [take for pair in sweep.pairs for take in pair], sweep.stretches
    else:
        precision = choose_precision(settings.precision, device)
        key_of = partial(shot_key, weights_digest=darkroom.weights(settings), precision=precision)
        blending = order.part(BlendSettings)
        takes = list_takes(
            *photos[0], settings, catalog, key_of, workspace, False, blending, lambda _: None
        )
        stretches = len(takes)
    _check_film(stretches, order.part(CutSettings))
    is_made = outputs.film.is_file() and _is_told_of(film, outputs, takes, drawn)
    return FilmPlan(film, outputs, tuple(takes), drawn, is_made)


# Laying out a long film takes a tenth of a second, and many films are cut alike.
_check_film = lru_cache(maxsize=1000)(check_film)


def _check_outputs(plan: FilmPlan, force: bool, folders: set[Path]) -> None:
    """See that a film may and can be written; a folder is tried out once."""
    folder = plan.outputs.film.parent
    if plan.is_made:
        return
    if folder not in folders or any(path.exists() for path in plan.outputs.all):
        inputs = {path for take in plan.takes for path in (take.content_path, take.painting.path)}
        # What lies beside a film takes its name just before it: a kill may have come in between.
        is_ours = not plan.outputs.film.exists() and plan.is_told_of
        plan.outputs.check(force or is_ours, sorted(inputs))
        folders.add(folder)


def _is_told_of(film: Film, outputs: Outputs, takes: Sequence[Take], draw: Draw) -> bool:
    """Whether a sidecar lies there that says: made of these shots, and cut in this way."""
    order, wanted = film.order, film.order.part(CutSettings).model_dump(mode="json")
    if isinstance(order, RenderOrder):
        cut = order.part(FilmSettings)
        captions = choose_captions(draw.paintings, cut)
        wanted = {**cut.model_dump(mode="json"), "captions": captions}
    elif isinstance(order, SweepOrder):
        wanted["layout"] = order.layout
    try:
        sidecar: dict[str, Any] = json.loads(outputs.sidecar.read_text("utf-8"))
        shots = sidecar["paintings" if film.kind == "render" else "measures"]
        return (
            sidecar["command"] == film.kind
            and [shot["shot"] for shot in shots] == [take.shot.key for take in takes]
            and bool(wanted.items() <= sidecar["settings"].items())
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # there is none, or it is torn or another program's
