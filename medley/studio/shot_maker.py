"""From pictures and settings to the specs of a film's shots."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medley.paintings.draws import Painting
from medley.pictures import Picture
from medley.settings import ShotSettings
from medley.studio.picture_cache import PictureCache
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.spec import ShotSpec, Start
from medley.vgg.layers import Precision
from medley.workspace.store import Workspace


@dataclass(frozen=True)
class ShotMaker:
    """Makes the specs of shots that have settings, weights and precision in common.

    Attributes:
        settings: of every shot.
        weights: the digest of the network's weights.
        precision: what the network computes in.
        seed: decides noise.
        pictures: looks at a starting picture.
        workspace: where the shots go.
    """

    settings: ShotSettings
    weights: str
    precision: Precision
    seed: int
    pictures: PictureCache
    workspace: Workspace

    def make(
        self,
        content: Picture,
        paintings: Sequence[Painting[Picture]],
        title: str,
        after: ShotSpec | None = None,
        blend: Blend | None = None,
    ) -> ShotSpec:
        """Put a shot together.

        Args:
            content: what is repainted, at its size.
            paintings: whose styles are mixed.
            title: what people call the shot within its film.
            after: the shot whose result it goes on from; what the settings' `init` says if None.
            blend: how the paintings share the picture.

        Raises:
            PictureError: the starting picture cannot be read, or is too narrow.
        """
        return ShotSpec(
            content,
            tuple(paintings),
            self._start(content, after),
            self.settings,
            self.weights,
            self.precision,
            blend or Blend(),
            title,
        )

    def _start(self, content: Picture, after: ShotSpec | None) -> Start:
        if after:
            return Start(f"shot:{after.key}", after=self.workspace.shot(after.key))
        init = self.settings.init
        if isinstance(init, Path):
            shortest = self.settings.shortest_side
            picture = self.pictures.at(init, content.height, content.width, shortest)
            return Start(picture.digest, picture=picture)
        if init == "noise":
            return Start(f"noise:{self.seed}", seed=self.seed)
        return Start(init)
