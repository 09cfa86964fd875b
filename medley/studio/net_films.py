"""Photos that become films: a network repaints them while its mix drifts through paintings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import medley
from medley.events import Listener, stage
from medley.film.encode import check_frame
from medley.images import Pixels
from medley.media.film_file import FilmFacts
from medley.paintings.draws import Painting
from medley.settings import ApplySettings, CutSettings, FinishSettings
from medley.studio.drift_files import Drift, write_drift
from medley.studio.film_shots import Lap, lap_at
from medley.studio.net_stills import read_photo
from medley.studio.net_walk import NetWalk
from medley.studio.still_files import Source
from medley.stylenet.finish import Made, finish


@dataclass(frozen=True)
class NetFilms:
    """A style network, and the films that are made of all photos of a run.

    Attributes:
        path: file of the network.
        look: words for the walk, and size of the results.
        preserving: settings with `preserve_color`.
        film: encoding, strength, and a frame rate that the films' format can keep.
        seconds: film time from one painting to the next.
        device: device that computes; see `open_net`.
    """

    path: Path
    look: ApplySettings
    preserving: FinishSettings
    film: CutSettings
    seconds: float
    device: Sequence[str]

    @cached_property
    def _walk(self) -> NetWalk:
        return NetWalk(self.path, self.look.style or "", self.device)

    @cached_property
    def _lap(self) -> Lap:
        return lap_at(self.film.fps, self.seconds, len(self._walk.works))

    def load(self) -> None:
        """Load the network now.

        Raises:
            WeightsError: it is missing, torn, or no style network.
            ConfigError: it knows a single painting, or not one that was asked for.
            FilmError: there are too few frames between two paintings.
        """
        _ = self._lap

    def make(
        self, source: Source, output: Path, title: str, listener: Listener
    ) -> tuple[FilmFacts, dict[str, Any]]:
        """Make a film of a photo, with its poster, credits and sidecar.

        None of the files appears before all of them are whole.

        Args:
            source: the photo.
            output: file of the film.
            title: name of the photo for the listener.
            listener: takes a "stage" event after each frame.

        Returns:
            The film as it was read back, and the contents of its sidecar.

        Raises:
            PictureError: the photo is unreadable.
            FilmError: the format has no room for a photo so large, or ffmpeg fails.
            OutputError: a file cannot be written.
            ResourceError: the disk has no room for a picture so large.
        """
        photo, _ = read_photo(source, self.look.size)
        height, width, _ = photo.shape
        check_frame(output, self.film, height, width)
        walk, name = self._walk, source.path
        lap, works = self._lap, walk.works
        passed = list(zip(works, lap.passed(len(works)), strict=True))

        def finished(made: Made) -> Pixels:
            return finish(made, photo, self.preserving.preserve_color, self.film.strength)

        show = walk.painter(photo, finished)
        drift = Drift(
            (photo, name.stem), passed, (map(show, walk.mixes(lap)), lap.frames),
            map(show, walk.stations()),
        )  # fmt: skip
        return write_drift(
            drift, output, self.film, self._facts(name, passed),
            lambda done, frames: listener(stage(title, done, frames)),
        )  # fmt: skip

    def _facts(self, name: Path, passed: list[tuple[Painting[None], int]]) -> dict[str, Any]:
        """What film and sidecar say: names without folders, which are private."""
        return {
            "medley": medley.__version__,
            "command": "apply",
            "content": name.name,
            "network": self.path.name,
            "paintings": [{"title": work.title, "frame": at} for work, at in passed],
            "settings": {
                "style": self.look.style,
                "size": self.look.size,
                "preserve_color": self.preserving.preserve_color,
                "strength": self.film.strength,
                "seconds_per_painting": self.seconds,
                "fps": str(self.film.fps),
            },
        }
