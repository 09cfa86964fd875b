"""A planned film: its order, its shots, its files, and whether it is made already."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from medley.errors import Source
from medley.paintings.draws import Draw, Painting
from medley.pictures import Picture
from medley.settings import (
    CatalogSettings,
    ClipOrder,
    FilmOrder,
    Order,
    RenderOrder,
    RunSettings,
    SweepOrder,
    WalkOrder,
)
from medley.settings.base import place
from medley.studio.compression.networks import (
    Network,
    Variant,
    has_float,
    list_variants,
    reference_among,
)
from medley.studio.editing.credits import choose_captions
from medley.studio.editing.outputs import Outputs
from medley.studio.shooting.spec import ShotSpec
from medley.workspace.store import Workspace

SomeOrder = TypeVar("SomeOrder", bound=Order)


@dataclass(frozen=True)
class FilmSpec:
    """A film whose inputs have been checked, and which can be made.

    Attributes:
        order: order of the film.
        source: place of the order in a manifest, for messages; None on the command line.
        outputs: paths of its files.
        shots: specs of its shots, in the film's order; a sweep has, for each photo and painting,
            one with each network.
        drawn: paintings that were drawn, and reasons why others were not.
        devices: names of the devices that it is planned for; in a batch, the first of them alone,
            though any may take its shots.
        network: words for its weights, such as "8-bit kmeans".
        networks: networks that a sweep measures; empty for other films.
        notes: lines that the user should read.
        is_made: True if a film exists that was made of the same shots in the same way, and is kept.
    """

    order: FilmOrder
    source: Source | None
    outputs: Outputs
    shots: tuple[ShotSpec, ...]
    drawn: Draw[Picture]
    devices: tuple[str, ...]
    network: str
    networks: tuple[Network, ...] = ()
    notes: tuple[str, ...] = ()
    is_made: bool = False

    @property
    def path(self) -> Path:
        """The file of the film."""
        return self.outputs.film

    @property
    def workspace(self) -> Workspace:
        """The workspace that keeps its shots."""
        return Workspace(self.order.run.workspace)

    @property
    def keys(self) -> list[str]:
        """The keys of its shots, in the film's order."""
        return [spec.key for spec in self.shots]

    @property
    def works(self) -> list[Painting[Picture]]:
        """The paintings of all shots, in the film's order."""
        return [work for spec in self.shots for work in spec.paintings]

    @property
    def by_network(self) -> list[ShotSpec]:
        """The shots in the order in which they are best taken: one network after another."""
        count = len(self.networks)
        if not count:
            return list(self.shots)
        return [spec for number in range(count) for spec in self.shots[number::count]]

    def is_there(self) -> bool:
        """Whether the film, a file or a folder, lies there and was made of these shots this way."""
        return self.path.exists() and self.sidecar_matches()

    def sidecar_matches(self) -> bool:
        """Whether there is a sidecar with the same shots and the same settings of the cut."""
        keys, settings = self._keys_in_sidecar(), self._settings_in_sidecar()
        try:
            sidecar: dict[str, Any] = json.loads(self.outputs.sidecar.read_text("utf-8"))
            # What an older version did not know yet was as it is by default.
            told = type(self.order.film)().model_dump(mode="json") | sidecar["settings"]
            if told.get("audio"):  # as it was named in some folder; the order names it in full
                told["audio"] = sidecar["order"].get("audio", told["audio"])
            return (
                sidecar["command"] == self.order.kind
                and _keys_in(sidecar) == keys
                and bool(settings.items() <= told.items())
            )
        except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return False  # there is none, or it is damaged, or not medley's

    def _keys_in_sidecar(self) -> list[str]:
        if isinstance(self.order, RenderOrder):  # its sidecar names a shot with each painting
            return [spec.key for spec in self.shots for _ in spec.paintings]
        return self.keys

    def _settings_in_sidecar(self) -> dict[str, Any]:
        """The settings of the cut, which are in no shot's key."""
        order = settled_order(self, self.order)
        known = order.film.model_dump(mode="json")
        if order.film.music:
            known["audio"] = str(place(order.film.music, Path.cwd()))
        if isinstance(order, SweepOrder):
            return known | {"layout": order.sweep.layout}
        if isinstance(order, ClipOrder):
            return known | order.clip.model_dump(mode="json")
        return known | (order.walk.model_dump(mode="json") if isinstance(order, WalkOrder) else {})


def settled_order(film: FilmSpec, order: SomeOrder) -> SomeOrder:
    """A film's order with all that was settled, so that the film can be made again.

    It names the paintings that were drawn. Films are cut by it, sidecars and recipes tell it, and
    what lies there is compared with it.

    Args:
        film: the planned film.
        order: the film's order again, of the type that is to be given.
    """
    own = film.order
    settings: Any = own.film.fitted(film.path)
    paintings = [work.path for work in film.drawn.paintings]
    parts: dict[str, Any] = {}
    if isinstance(own, SweepOrder):
        parts["sweep"] = own.sweep.model_copy(update={"bits": widths_in(film, own)})
    else:
        captions = choose_captions(film.works, settings)
        settings = settings.model_copy(update={"captions": captions})
    if isinstance(own, RenderOrder):  # in which masks and weights choose among them
        paintings = [work.path for work in film.works]
    settled = {
        "styles": tuple(dict.fromkeys(paintings)),
        "film": settings,
        "shot": own.shot.model_copy(update={"precision": film.shots[0].precision}),
        "catalog": CatalogSettings(seed=own.catalog.seed),
        # Another machine makes the film again on a device, and in tiles, of its own.
        "run": RunSettings(workspace=own.run.workspace),
        "output": film.path,
    }
    return order.model_copy(update=settled | parts)


def _keys_in(sidecar: dict[str, Any]) -> list[str]:
    if (kind := sidecar["command"]) in ("walk", "clip"):
        shots = [sidecar["opening"], sidecar[kind]]
    else:
        shots = sidecar["paintings" if sidecar["command"] == "render" else "measures"]
    return [shot["shot"] for shot in shots]


def variants_shown(order: SweepOrder) -> list[Variant]:
    """The variants that a sweep's film shows.

    Raises:
        WeightsError: something asked for is made from the float original, which is not here.
    """
    return list_variants(order.sweep, has_float())


def reference_in(film: FilmSpec) -> Network:
    """The network that the others are measured against."""
    return reference_network(film.networks)


def reference_network(networks: Sequence[Network]) -> Network:
    """The one of some networks that the others are measured against."""
    variants = [network.variant for network in networks]
    return networks[variants.index(reference_among(variants, has_float()))]


def shown_in(film: FilmSpec, order: SweepOrder) -> list[Network]:
    """The networks that the film shows."""
    by_variant = {network.variant: network for network in film.networks}
    return [by_variant[variant] for variant in variants_shown(order)]


def widths_in(film: FilmSpec, order: SweepOrder) -> tuple[float, ...] | None:
    """The bits of the networks that the film shows, but for those of files; None for none."""
    variants = [network.variant for network in shown_in(film, order)]
    return tuple(dict.fromkeys(one.bits for one in variants if not one.file)) or None


def pairs_of(film: FilmSpec) -> list[Sequence[ShotSpec]]:
    """The shots of each pair of photo and painting, in the order of the networks."""
    count = len(film.networks)
    return [film.shots[at : at + count] for at in range(0, len(film.shots), count)]
