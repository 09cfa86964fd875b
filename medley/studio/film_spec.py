"""One film that has been planned: the shots that it is made of, and whether it is there already."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medley.paintings.draws import Draw, Painting
from medley.pictures import Picture
from medley.settings import FilmOrder, RenderOrder, WalkOrder
from medley.studio.compression.networks import Network
from medley.studio.editing.credits import choose_captions
from medley.studio.editing.outputs import Outputs
from medley.studio.shooting.spec import ShotSpec
from medley.workspace.store import Workspace


@dataclass(frozen=True)
class FilmSpec:
    """A film whose inputs have been looked through, and which can be made.

    Attributes:
        order: what was asked for.
        source: where it was asked for, as errors call it; "" on the command line.
        outputs: where its files go.
        shots: the shots that it is made of, in the film's order; a sweep's photo and painting by
            photo and painting, each with all networks.
        drawn: the paintings.
        devices: where its shots are computed.
        network: words for its weights, such as "8-bit kmeans".
        networks: those that a sweep measures.
        notes: what the user should know, a line each.
        keeps_made: whether a film that lies there and was made of just these shots in just this
            way stays as it is.
        is_made: whether it lies there so.
    """

    order: FilmOrder
    source: str
    outputs: Outputs
    shots: tuple[ShotSpec, ...]
    drawn: Draw[Picture]
    devices: tuple[str, ...]
    network: str
    networks: tuple[Network, ...] = ()
    notes: tuple[str, ...] = ()
    keeps_made: bool = False
    is_made: bool = False

    @property
    def path(self) -> Path:
        """Where the film goes."""
        return self.outputs.film

    @property
    def workspace(self) -> Workspace:
        """Where its shots are kept."""
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
        """Its shots as they are best taken: a sweep's one network's after another's."""
        count = len(self.networks)
        if not count:
            return list(self.shots)
        return [spec for number in range(count) for spec in self.shots[number::count]]

    def sidecar_matches(self) -> bool:
        """Whether a sidecar lies there that says: made of these shots, and cut in this way."""
        try:
            sidecar: dict[str, Any] = json.loads(self.outputs.sidecar.read_text("utf-8"))
            return (
                sidecar["command"] == self.order.kind
                and _keys_in(sidecar) == self._keys_in_sidecar()
                and bool(self._settings_in_sidecar().items() <= sidecar["settings"].items())
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False  # there is none, or it is torn or another program's

    def _keys_in_sidecar(self) -> list[str]:
        if isinstance(self.order, RenderOrder):  # whose paintings name their shot each
            return [spec.key for spec in self.shots for _ in spec.paintings]
        return self.keys

    def _settings_in_sidecar(self) -> dict[str, Any]:
        """The settings that no shot's key knows."""
        order = self.order
        known = order.film.fitted(self.path).model_dump(mode="json")
        if isinstance(order, WalkOrder):
            return known | order.walk.model_dump(mode="json")
        if isinstance(order, RenderOrder):
            return known | {"captions": choose_captions(self.works, order.film)}
        return known | {"layout": order.sweep.layout}


def _keys_in(sidecar: dict[str, Any]) -> list[str]:
    if sidecar["command"] == "walk":
        shots = [sidecar["opening"], sidecar["walk"]]
    else:
        shots = sidecar["paintings" if sidecar["command"] == "render" else "measures"]
    return [shot["shot"] for shot in shots]
