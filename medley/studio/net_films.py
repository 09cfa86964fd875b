"""Photos that become films: a network repaints them while its mix drifts through paintings."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import medley
from medley.events import Listener, stage
from medley.files import part_files
from medley.film.encode import check_frame
from medley.images import Pixels
from medley.media.film_file import Chapter, FilmFacts, Tags
from medley.paintings.catalogs import Entry
from medley.paintings.draws import Painting
from medley.settings import ApplySettings, CutSettings, FinishSettings
from medley.studio.editing.beside import describe_film, describe_run, versions, write_beside
from medley.studio.editing.credits import credit_lines, one_line
from medley.studio.editing.cut import encode
from medley.studio.editing.outputs import Outputs
from medley.studio.film_shots import Lap, lap_at
from medley.studio.net_stills import read_photo
from medley.studio.still_files import Source
from medley.stylenet.apply import Painter
from medley.stylenet.finish import finish
from medley.stylenet.mix import stations_of
from medley.stylenet.netfile import NetFile, StyleName, read
from medley.stylenet.network import StyleNet, make_network
from medley.transfer.style_path import convex_weights, path_weights, resting

_DIGITS = 3  # of a share; finer ones change no level of a pixel
_REST = 0.1  # of the time, in which a painting stands still

Mix = tuple[float, ...]


@dataclass(frozen=True)
class NetFilms:
    """A style network, and the films that are made of all photos of a run.

    Attributes:
        path: file of the network.
        look: words for the walk, and size of the results.
        preserving: settings with `preserve_color`.
        film: encoding, strength, and a frame rate that the films' format can keep.
        seconds: film time from one painting to the next.
        device: device that computes.
    """

    path: Path
    look: ApplySettings
    preserving: FinishSettings
    film: CutSettings
    seconds: float
    device: str

    @cached_property
    def _read(self) -> tuple[NetFile, StyleNet, list[int]]:
        """The network, and the places of the paintings that the films pass."""
        net = read(self.path)
        stations = stations_of(self.look.style or "", net.styles)
        return net, make_network(net).to(self.device), stations

    @property
    def _lap(self) -> Lap:
        _, _, stations = self._read
        return lap_at(self.film.fps, self.seconds, len(stations))

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
        began = time.monotonic()
        photo, _ = read_photo(source, self.look.size)
        height, width, _ = photo.shape
        check_frame(output, self.film, height, width)
        net, _, stations = self._read
        lap, name = self._lap, source.path
        works = [_work(net.styles[place]) for place in stations]
        passed = lap.passed(len(works))
        facts = self._facts(name, works, passed)
        chapters = tuple(map(Chapter, passed, map(one_line, works)))
        show = self._painter(photo)
        mixes = [self._mix(Fraction(at * len(works), lap.frames)) for at in range(lap.frames)]
        with part_files(*Outputs(output).all) as (*beside, part):
            film = encode(
                map(show, mixes), lap.frames, (height, width), self.film, output,
                lambda done, frames: listener(stage(title, done, frames)),
                part, Tags(chapters, json.dumps(facts)),
            )  # fmt: skip
            results = [
                (None, show(self._mix(Fraction(number))), credit_lines(work))
                for number, work in enumerate(works)
            ]
            facts |= {"film": describe_film(film), "seconds": round(time.monotonic() - began, 3)}
            about = {**describe_run("apply"), **facts, "versions": versions()}
            write_beside(beside, about, works, (photo, name.stem), results)
        return film, facts

    def _mix(self, place: Fraction) -> Mix:
        """The share of each of the network's paintings at a place on the path through them."""
        net, _, stations = self._read
        shares = [0.0] * len(net.styles)
        weights = convex_weights(path_weights(resting(float(place), _REST), len(stations)))
        for station, weight in zip(stations, weights, strict=True):
            shares[station] += round(weight, _DIGITS)
        return tuple(shares)

    def _painter(self, photo: Pixels) -> Callable[[Mix], Pixels]:
        """The function that repaints a photo after a mix; single paintings are kept, as they stay
        for many frames and come again."""
        _, network, _ = self._read
        begun = Painter(network).begin(photo)

        def paint(mix: Mix) -> Pixels:
            made = Painter(network, mix).repaint(begun)
            return finish(made, photo, self.preserving.preserve_color, self.film.strength)

        kept = cache(paint)
        return lambda mix: kept(mix) if max(mix) == 1 else paint(mix)

    def _facts(self, name: Path, works: list[Painting[None]], passed: list[int]) -> dict[str, Any]:
        """What film and sidecar say: names without folders, which are private."""
        return {
            "medley": medley.__version__,
            "command": "apply",
            "content": name.name,
            "network": self.path.name,
            "paintings": [
                {"title": work.title, "frame": at} for work, at in zip(works, passed, strict=True)
            ],
            "settings": {
                "style": self.look.style,
                "size": self.look.size,
                "preserve_color": self.preserving.preserve_color,
                "strength": self.film.strength,
                "seconds_per_painting": self.seconds,
                "fps": str(self.film.fps),
            },
        }


def _work(style: StyleName) -> Painting[None]:
    """A painting that a network knows, as credits name it."""
    entry = Entry(style.handle, style.handle, style.title, style.artist)
    return Painting(Path(style.handle), None, entry)
