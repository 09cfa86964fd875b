"""Cache of picture sizes, digests and pixels, so that plans decode files as rarely as possible."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from cachetools import LRUCache

from medley.errors import PictureError
from medley.images import Pixels, read_picture, size_for_pixels
from medley.paintings.catalogs import Catalog, Entry, read_catalog
from medley.paintings.draws import Draw, Fingerprint, draw_from, fingerprint
from medley.pictures import Picture, content_size, digest_of, enlargement, resized
from medley.settings import CatalogSettings, ShotSettings
from medley.studio.shooting.kept import read_kept
from medley.studio.shooting.masks import Masks

KEPT_BYTES = 64 * 2**20
"""Most bytes of pixels that are kept, because neighbouring shots have pictures in common."""

_Size = tuple[Path, int, int]


@dataclass(frozen=True)
class _Facts:
    """Facts about a picture file: its size once upright, and its fingerprint."""

    height: int
    width: int
    mark: Fingerprint


class PictureCache:
    """Measures and digests pictures for a plan, and reads their pixels again for each shot.

    A few hundred bytes are kept for each file and size. If a file changes in the meantime, that is
    noticed when its pixels are read again.
    """

    def __init__(self, holds: bool = False) -> None:
        """Begin with an empty cache.

        Args:
            holds: True to keep up to `KEPT_BYTES` of pixels from planning, where shots follow at
                once. A plan of many films would keep them in vain.
        """
        self._holds = holds
        self._facts: dict[Path, _Facts | PictureError] = {}
        self._areas: dict[float, None] = {}
        self._pictures: dict[_Size, Picture] = {}
        self._masks: dict[_Size, tuple[Masks, list[str]]] = {}
        self._draws: dict[tuple[Any, ...], Draw[Picture]] = {}
        self._pixels: LRUCache[_Size, Pixels] = LRUCache(KEPT_BYTES, getsizeof=_bytes_of)
        self._lock = threading.Lock()  # shots are loaded while another thread cuts a film
        # One decoded picture is kept, because its next size is often asked for right afterwards.
        self._decoded = lru_cache(maxsize=1)(read_picture)
        self._read_catalog = lru_cache(maxsize=None)(read_catalog)

    def content(self, path: Path, settings: ShotSettings) -> Picture:
        """Measure and digest a photo at the size that the settings ask for.

        If all photos are asked for before the first painting is, no file is decoded twice.

        Raises:
            PictureError: the file is unreadable, or the picture would be too narrow.
        """
        facts = self._look(path)
        height, width = content_size(facts.height, facts.width, settings)
        self._areas[height * width * settings.style_scale**2] = None
        return self.at(path, height, width, settings.shortest_side)

    def notes_of(self, content: Picture) -> list[str]:
        """List what should be known of a photo at the size at which it is used."""
        facts = self._look(content.path)
        return enlargement(content, facts.height, facts.width)

    def draw(
        self,
        places: Sequence[Path],
        settings: CatalogSettings,
        content: Picture,
        shot: ShotSettings,
    ) -> Draw[Picture]:
        """Choose paintings and fit them to a content and its shots; see `paintings.draw_from`.

        Raises:
            PictureError: there are too few good pictures, or places and filters leave none.
        """
        area = content.height * content.width * shot.style_scale**2
        key = (*places, settings, area, shot.shortest_side)
        if key not in self._draws:
            catalog: Catalog = self._read_catalog(tuple(places))
            fit = partial(self._fit, area, shot.shortest_side)
            self._draws[key] = draw_from(catalog, places, settings, fit)
        return self._draws[key]

    def at(self, path: Path, height: int, width: int, shortest: int) -> Picture:
        """Measure and digest a picture file at a size.

        Args:
            path: file of the picture.
            height: height in pixels.
            width: width in pixels.
            shortest: fewest pixels that the network needs on the shorter side.

        Raises:
            PictureError: the file is unreadable, or the picture would be too narrow.
        """
        key = path, height, width
        if key not in self._pictures or min(height, width) < shortest:
            pixels = resized(self._decoded(path), height, width, path, shortest)
            if self._holds:
                self._remember(key, pixels)
            self._pictures[key] = Picture(path, height, width, digest_of(pixels))
        return self._pictures[key]

    def kept(self, path: Path, height: int, width: int, warn: Callable[[str], None]) -> Masks:
        """Measure and digest a mask of what stays in a photo of a size; see `read_kept`.

        Args:
            path: file of the mask.
            height: height of the photo in pixels.
            width: width of the photo in pixels.
            warn: takes a line if the mask may not be as it is meant.

        Raises:
            PictureError: the mask cannot be used.
        """
        key = path, height, width
        if key not in self._masks:
            notes: list[str] = []
            self._masks[key] = read_kept(*key, notes.append).released(), notes
        kept, notes = self._masks[key]
        for note in notes:
            warn(note)
        return kept

    def pixels(self, picture: Picture) -> Pixels:
        """Give a picture's pixels, from memory if they were asked for recently.

        Raises:
            PictureError: the file cannot be read any more, or shows something else.
        """
        key = picture.path, picture.height, picture.width
        with self._lock:
            pixels = self._pixels.get(key)
        if pixels is None:
            pixels = picture.pixels()
            self._remember(key, pixels)
        return pixels

    def finish_planning(self) -> None:
        """Drop the picture that was decoded last, which is kept at its full size."""
        self._decoded.cache_clear()

    def _remember(self, key: _Size, pixels: Pixels) -> None:
        with self._lock, suppress(ValueError):  # raised for pixels larger than the whole cache
            self._pixels[key] = pixels

    def _look(self, path: Path) -> _Facts:
        if path not in self._facts:
            try:
                picture = self._decoded(path)
                self._facts[path] = _Facts(picture.height, picture.width, fingerprint(picture))
            except PictureError as error:
                self._facts[path] = error
        facts = self._facts[path]
        if isinstance(facts, PictureError):
            raise PictureError(*facts.args)
        return facts

    def _fit(self, area: float, shortest: int, entry: Entry) -> tuple[Picture, Fingerprint]:
        facts = self._look(entry.path)
        size = size_for_pixels(facts.height, facts.width, area)
        fitted = self.at(entry.path, *size, shortest)
        for other in self._areas:  # all sizes that will be asked for, while the file is decoded
            with suppress(PictureError):
                other_size = size_for_pixels(facts.height, facts.width, other)
                self.at(entry.path, *other_size, shortest)
        return fitted, facts.mark


def _bytes_of(pixels: Pixels) -> int:
    return pixels.nbytes
