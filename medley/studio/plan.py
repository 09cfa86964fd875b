"""The planner: from orders to the shots that are missing, each once, and the films made of them.

It reads files, sizes and digests. Of a single film it keeps the pixels that the shots will soon
need, at most `picture_cache.KEPT_BYTES` of them. It does not import torch, unless a sweep's
networks have to be made first.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

from medley.errors import ConfigError, MedleyError, OutputError, Source
from medley.events import Listener, stage
from medley.settings import ClipOrder, FilmOrder, RenderOrder, SweepOrder, WalkOrder
from medley.studio.clip_cache import ClipCache
from medley.studio.compression.networks import Network, Variant, name_networks
from medley.studio.engines.jobs import Job
from medley.studio.film_checks import FilmChecks, check_time, notes_of
from medley.studio.film_shots import (
    plan_clip,
    plan_render,
    plan_sweep,
    plan_walk,
    sweep_notes,
    swept_variants,
)
from medley.studio.film_spec import FilmSpec
from medley.studio.picture_cache import PictureCache
from medley.studio.shooting.devices import choose_precision
from medley.studio.shooting.spec import label_shots
from medley.studio.shot_maker import ShotMaker
from medley.vgg.identity import identify_weights
from medley.workspace.store import Workspace


@dataclass(frozen=True)
class Plan:
    """The shots to be taken and the films to be cut for some orders.

    Attributes:
        orders: all orders.
        films: films that can be made, in the orders' order.
        failed: errors of the orders that cannot be carried out, by the order's number.
        jobs: missing shots by key, each once, in the order in which they are taken: those that
            were begun first, then as the films have them.
        labels: names of all shots for people, by key.
        workspace: workspace that keeps the shots.
        pictures: cache that gives the jobs' pictures.
        unattended: True if a failure affects only the films that need what failed, and a film that
            was made of the same shots in the same way is kept.
        begun: steps at which missing shots that were interrupted go on, by key.
        gone: keys of shots that are neither finished nor missing, because their films are made
            already: they are taken again only for another film.
    """

    orders: tuple[FilmOrder, ...]
    films: tuple[FilmSpec, ...]
    failed: Mapping[int, MedleyError]
    jobs: Mapping[str, Job]
    labels: Mapping[str, str]
    workspace: Workspace
    pictures: PictureCache
    unattended: bool = False
    begun: Mapping[str, int] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()

    @property
    def made(self) -> int:
        """The number of films that exist already."""
        return sum(film.is_made for film in self.films)

    @property
    def of_clips(self) -> frozenset[str]:
        """Keys of missing shots whose steps are a clip's frames."""
        return frozenset(key for key, job in self.jobs.items() if job.spec.following)

    @property
    def missing_steps(self) -> dict[str, int]:
        """The steps that each missing shot lacks, by its key."""
        return {
            key: job.spec.settings.steps - self.begun.get(key, 0) for key, job in self.jobs.items()
        }


def plan(
    orders: Sequence[FilmOrder],
    devices: Sequence[str],
    *,
    sources: Sequence[Source] = (),
    force: bool = False,
    unattended: bool = False,
    writes: bool = True,
    listener: Listener = lambda _: None,
) -> Plan:
    """Check the inputs of all orders and collect the shots that are missing.

    Args:
        orders: orders that all have the same workspace.
        devices: device of each worker; the precision "auto" is settled for the first.
        sources: place of each order in a manifest, for errors.
        force: True to replace existing films.
        unattended: True to plan as a batch does: films that exist and were made of the same shots
            in the same way are kept, and an order that cannot be carried out does not stop the
            others.
        writes: True if films will be made: then their folders are checked too.
        listener: takes "stage" events of planning and of the making of weights.

    Raises:
        ConfigError: films of a batch would be replaced, or folders cannot be written to; the
            message names all of them.
        MedleyError: an order cannot be carried out, and `unattended` is False.
    """
    planner = _Planner(orders, devices, force, unattended, writes, listener)
    films, failed = planner.films(sources or [None] * len(orders))
    planner.pictures.finish_planning()
    labels = label_shots(spec for film in films for spec in film.shots)
    jobs, shot = _missing(films, labels), planner.workspace.shot
    begun = {key: step for key in jobs if (step := shot(key).saved_step)}
    return Plan(
        orders=tuple(orders),
        films=tuple(films),
        failed=failed,
        # So that what an interrupted run had in hand is the first to be finished.
        jobs={key: jobs[key] for key in (*begun, *jobs)},
        labels=labels,
        workspace=planner.workspace,
        pictures=planner.pictures,
        unattended=unattended,
        begun=begun,
        gone=frozenset(
            spec.key
            for film in films
            for spec in film.shots
            if film.is_made and spec.key not in jobs and not shot(spec.key).is_finished
        ),
    )


def _missing(films: Sequence[FilmSpec], labels: Mapping[str, str]) -> dict[str, Job]:
    """Collect the missing shots of films that are not made yet, each once."""
    jobs: dict[str, Job] = {}
    for film in films:
        run = film.order.run
        for spec in () if film.is_made else film.by_network:
            if spec.key not in jobs and not film.workspace.shot(spec.key).is_finished:
                label = labels[spec.key]
                jobs[spec.key] = Job(spec, label, run.tile, deterministic=run.deterministic)
    return jobs


class _Planner:
    """Plans one film after another, and remembers what several films have in common."""

    def __init__(
        self,
        orders: Sequence[FilmOrder],
        devices: Sequence[str],
        force: bool,
        unattended: bool,
        writes: bool,
        listener: Listener,
    ) -> None:
        self._orders, self._devices = orders, tuple(devices)
        self._unattended, self._listener = unattended, listener
        self._checks = FilmChecks(force, unattended, writes)
        self.workspace = Workspace(orders[0].run.workspace)
        self.pictures = PictureCache(holds=len(orders) == 1)
        self._clips = ClipCache(listener)
        self._weights = lru_cache(maxsize=None)(identify_weights)
        self._networks: dict[tuple[Any, ...], list[Network]] = {}

    def films(
        self, sources: Sequence[Source | None]
    ) -> tuple[list[FilmSpec], dict[int, MedleyError]]:
        """Plan all films; give those that can be made, and why others cannot, by number.

        Raises:
            ConfigError: films of a batch would be replaced; the message names all of them.
            MedleyError: a film cannot be made, and nobody waits for the others.
        """
        films, failed, faults = [], {}, []
        self._look_at_contents()
        for number, (order, source) in enumerate(zip(self._orders, sources, strict=True)):
            try:
                films.append(self._film(order, source))
            except MedleyError as error:
                if not self._unattended:
                    raise
                if isinstance(error, OutputError):
                    faults.append((source, ": ", *error.args))
                else:
                    failed[number] = error
            if len(self._orders) > 1:
                self._listener(stage("looking through films", number + 1, len(self._orders)))
        if faults:
            raise ConfigError(*faults)
        return films, failed

    def _look_at_contents(self) -> None:
        """Read all photos' sizes before the first painting is decoded."""
        for order in self._orders if len(self._orders) > 1 else ():
            for path in () if isinstance(order, ClipOrder) else order.content:
                with suppress(MedleyError):  # raised again when its film is planned
                    self.pictures.content(path, order.shot)

    def _film(self, order: FilmOrder, source: Source | None) -> FilmSpec:
        """Check a film's inputs and make the specs of its shots.

        Raises:
            MedleyError: the film cannot be made.
        """
        notes: list[str] = []
        outputs = self._checks.folder(order)
        footage = None
        if isinstance(order, ClipOrder):
            order, footage = self._clips.look(order)
        check_time(order, 1)
        notes += self._checks.encoding(order)
        contents = (
            [footage.first]
            if footage
            else [self.pictures.content(path, order.shot) for path in order.content]
        )
        self._checks.frame(order, contents)
        draw = partial(self.pictures.draw, order.styles, order.catalog, shot=order.shot)
        photos = [(content, draw(content)) for content in contents]
        notes += (
            footage.notes
            if footage
            else [note for content in contents for note in self.pictures.notes_of(content)]
        )
        drawn = photos[0][1]
        reasons = [reason for _, found in photos for reason in found.skipped]
        notes += notes_of(contents, drawn, dict.fromkeys(reasons), order)
        networks: list[Network] = []
        network = ""
        if isinstance(order, SweepOrder):
            networks = self._name_networks(order)
            notes += sweep_notes(networks)
            maker = self._maker(order, networks[0].digest, notes.append)
            shots = plan_sweep(photos, networks, maker)
        else:
            weights = self._weights(order.shot.source)
            maker = self._maker(order, weights.digest, notes.append)
            network = weights.label
            if isinstance(order, WalkOrder):
                shots = plan_walk(order, *photos[0], maker)
            elif isinstance(order, RenderOrder):
                shots = plan_render(order, *photos[0], maker, notes.append)
            elif footage:
                shots = plan_clip(order, footage, drawn, maker)
        check_time(order, len(shots) // max(1, len(networks)))
        devices, why = self._devices_of(order)
        film = FilmSpec(
            order=order,
            source=source,
            outputs=outputs,
            shots=tuple(shots),
            drawn=drawn,
            devices=devices,
            network=network,
            networks=tuple(networks),
            notes=tuple(dict.fromkeys([*notes, *why])),  # shots have some in common
        )
        if self._unattended and film.is_there():
            return replace(film, is_made=True)
        self._checks.outputs(film)
        return film

    def _maker(self, order: FilmOrder, weights: str, warn: Callable[[str], None]) -> ShotMaker:
        precision = choose_precision(order.shot.precision, self._devices[0])
        seed = order.catalog.seed
        own = self.pictures, self.workspace
        return ShotMaker(order.shot, weights, precision, seed, warn, *own)

    def _name_networks(self, order: SweepOrder) -> list[Network]:
        """Find or make the networks that a sweep measures, each once for all films."""
        variants: list[Variant] = swept_variants(order.sweep)
        key = tuple(variants)
        if key not in self._networks:
            folder = self.workspace.root / "weights"
            self._networks[key] = name_networks(variants, order.shot, folder, self._listener)
        return [network.choosing(order.shot) for network in self._networks[key]]

    def _devices_of(self, order: FilmOrder) -> tuple[tuple[str, ...], list[str]]:
        """Choose the devices that a film's shots can use, and say why some cannot."""
        first, *others = self._devices
        if self._unattended:
            return (first,), []
        if len(self._orders) > 1 or not others:
            return self._devices, []
        if isinstance(order, WalkOrder | ClipOrder):
            return (first,), [f"a {order.kind} is the work of one device: only {first} is used"]
        if isinstance(order, RenderOrder) and order.film.transition == "chain":
            why = f"in a chain each shot waits for the one before: only {first} is used"
            return (first,), [why]
        return self._devices, []
