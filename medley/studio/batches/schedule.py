"""From a manifest to a schedule: which shots are missing, each once, and which films are made."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from medley.errors import ConfigError, MedleyError, OutputError, RoomError
from medley.settings import (
    EngineSettings,
    ShotSettings,
)
from medley.settings.manifest import Film, FilmOrder, Manifest
from medley.studio.batches.darkroom import Darkroom
from medley.studio.batches.filmplan import FilmPlan, plan_film
from medley.studio.compression.stage import Stage, Watch
from medley.studio.engine import every_device
from medley.studio.engines.jobs import Job
from medley.studio.shooting.device import Device, choose_precision
from medley.studio.shooting.forecast import (
    TILES,
    Forecast,
    Pace,
    choose_tile,
    disk_bytes,
    peak_bytes,
    shot_seconds,
)
from medley.studio.shooting.passes import shots_a_pass
from medley.studio.shooting.room import free_memory_each, process_memory, resident_memory
from medley.studio.shooting.scene import scales_of
from medley.studio.shooting.takes import Take, label_takes
from medley.workspace import Workspace


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
    crew: Sequence[Device],
    force: bool,
    watch: Watch,
) -> Schedule:
    """Look through all films' inputs and gather the shots that are missing.

    Args:
        manifest: the films.
        crew: the device of each worker; the first decides what precision "auto" comes to.
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
            plan = plan_film(film, crew[0], darkroom, workspace, watch)
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
        jobs=_missing(films, crew),
        shots=len({key for plan in films for key in plan.keys}),
        workspace=workspace,
        darkroom=darkroom,
    )


def _show_photos(manifest: Manifest, darkroom: Darkroom) -> None:
    """Let the darkroom know all photos' sizes before it meets the first painting."""
    for film in manifest.films:
        for path in film.order.content:
            with suppress(MedleyError):  # it will be said of its film
                darkroom.content(path, film.order.shot)


def planning_crew(settings: EngineSettings) -> list[Device]:
    """The device of each worker; of a cluster's, what this machine has instead.

    Raises:
        MedleyError: a device is not here.
    """
    names = settings.devices if settings.engine == "local" else ("auto",)
    return [device for device in every_device(names) for _ in range(settings.workers)]


def foretell_batch(
    jobs: Sequence[Job],
    finished: int,
    crew: Sequence[Device],
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
    disk = peak = 0.0
    steps, tiles, took = 0, [], {}
    examples = {_likeness(job): job for job in jobs}
    for alike, count in Counter(map(_likeness, jobs)).items():
        job = examples[alike]
        settings = _settled(job.take.scene.settings, crew[0])
        scales = scales_of(job.take.scene.content, settings)
        try:
            tile = choose_tile(job.tile, scales, settings, free)
        except RoomError as error:  # it may have become free when their turn comes
            tell(f"{count:,} shots will not fit: {error}")
            tile = TILES[-1]
        took[alike] = shot_seconds(scales, pace, tile, settings.keep_every) if pace else 0.0
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
        seconds=_seconds(jobs, took, len(set(crew))) if pace else None,
        memory_bytes=resident_memory(crew[0]) + sharing * (process_memory(crew[0]) + peak),
        disk_bytes=disk,
        tile=min(tiles, default=None),
    )


def _likeness(job: Job) -> Hashable:
    """What decides time and memory; settings as objects, since comparing them is slow.

    The shots of a film share them.
    """
    scene = job.take.scene
    return scene.content.shape, id(scene.settings), job.tile


def _seconds(jobs: Sequence[Job], took: Mapping[Hashable, float], devices: int) -> float:
    """Time until the last job ends: their work, shared, or the longest row of one after another."""
    ends: dict[str | None, float] = {}
    for job in jobs:
        ends[job.key] = ends.get(job.after, 0.0) + took[_likeness(job)]
    work = sum(took[_likeness(job)] for job in jobs)
    return max(work / devices, *ends.values(), 0.0)


def _missing(films: Sequence[FilmPlan], crew: Sequence[Device]) -> dict[str, Job]:
    """Every shot once that is missing, and wanted by a film that is not made yet."""
    labels = label_takes(take for plan in films for take in plan.takes)
    wanted: dict[str, tuple[Take, FilmOrder]] = {}
    for plan in films:
        for take in () if plan.is_made else plan.takes:
            if take.shot.key not in wanted and not take.shot.is_finished:
                wanted[take.shot.key] = take, plan.film.order
    jobs = {}
    for key, (take, order) in wanted.items():
        height, width, _ = take.scene.content.shape
        jobs[key] = Job(
            replace(take, label=labels[key]),
            order.run.tile,
            deterministic=order.run.deterministic,
            batch_size=shots_a_pass(order.run.batch_size, height, width, crew, len(wanted)),
        )
    return jobs


def _settled(settings: ShotSettings, device: Device) -> ShotSettings:
    precision = choose_precision(settings.precision, device)
    return settings.model_copy(update={"precision": precision})


def _check_outputs(plan: FilmPlan, force: bool, folders: set[Path]) -> None:
    """See that a film may and can be written; a folder is tried out once."""
    folder = plan.outputs.film.parent
    if plan.is_made:
        return
    if folder not in folders or any(path.exists() for path in plan.outputs.all):
        inputs = {take.content_path for take in plan.takes}
        inputs |= {work.path for take in plan.takes for work in take.works}
        # What lies beside a film takes its name just before it: a kill may have come in between.
        is_ours = not plan.outputs.film.exists() and plan.is_told_of
        plan.outputs.check(force or is_ours, sorted(inputs))
        folders.add(folder)
