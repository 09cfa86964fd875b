"""Still pictures: shots whose iterates stay in memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from medley.paintings.draws import Painting
from medley.pictures import enlargement, fit_painting, resize_content, scale_notes
from medley.settings import (
    BlendSettings,
    ShotSettings,
    TileSetting,
)
from medley.studio.shooting.blend import read_blend
from medley.studio.shooting.model import Model
from medley.studio.shooting.problem import iterate
from medley.studio.shooting.resources import free_memory
from medley.studio.shooting.spec import ShotSpec
from medley.studio.shot_maker import ShotMaker
from medley.transfer.optimize import Iterate


@dataclass(frozen=True)
class StillContext:
    """Paintings, settings and model that all pictures of a run have in common.

    Attributes:
        paintings: files and decoded pictures of the paintings.
        settings: settings of the shots.
        seed: seed of the noise that a shot may start from.
        model: model that computes the shots.
        tile: side of tiles in pixels, "auto" or "off".
        blending: settings that name weights or masks of the paintings.
        warn: takes a line about each thing that the user should know.
    """

    paintings: Sequence[tuple[Path, Image.Image]]
    settings: ShotSettings
    seed: int
    model: Model
    tile: TileSetting
    blending: BlendSettings
    warn: Callable[[str], None]

    def spec(self, content: Image.Image, name: Path) -> ShotSpec:
        """Make the spec of one photo after all paintings at once.

        Args:
            content: photo, upright RGB, at its full size.
            name: file of the photo, or a name for errors.

        Raises:
            PictureError: a picture is too narrow, the start is unreadable, or masks do not fit.
        """
        photo = resize_content(content, self.settings, name)
        for note in enlargement(photo, content.height, content.width):
            self.warn(note)
        works = [
            Painting(path, fit_painting(photo, picture, path, self.settings))
            for path, picture in self.paintings
        ]
        for note in scale_notes(self.settings, photo.height, photo.width):
            self.warn(note)
        blend = read_blend(self.blending, len(works), photo.height, photo.width, self.warn)
        weights, precision = self.model.weights.digest, self.model.precision
        maker = ShotMaker(self.settings, weights, precision, self.seed, self.warn)
        return maker.make(photo, works, blend=blend)

    def iterate(self, spec: ShotSpec, levels: int = 255) -> Iterator[Iterate]:
        """Run a shot's optimization in memory.

        Args:
            spec: spec that this context made.
            levels: steps between black and white that the last picture is rounded to.

        Raises:
            ResourceError: the memory does not suffice, even in tiles; also while iterating.
            DivergedError: the loss is no longer finite; while iterating.
        """
        device = str(self.model.device)
        tile = spec.choose_tile(self.tile, free_memory(device), device)
        return iterate(spec, self.model, tile, levels=levels)
