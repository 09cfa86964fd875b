"""What a plan of many films asks of pictures and weights, found out once and kept small."""

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from medley.catalogs import Catalog, Entry, read_catalog
from medley.errors import PictureError
from medley.images import Pixels, read_picture, resize, size_for_pixels
from medley.paintings import Draw, Fingerprint, draw_from, fingerprint
from medley.settings import CatalogSettings, ShotSettings, WeightsSettings
from medley.studio.compression.networks import Network, Variant, name_networks
from medley.studio.compression.stage import Watch
from medley.studio.shooting.negatives import Negative, develop, digest_of
from medley.studio.shooting.scene import content_size, read_at
from medley.studio.shooting.takes import Take
from medley.vgg.weights import identify_weights

_KEPT_BYTES = 64 * 2**20  # of developed pictures, which neighbouring shots have in common


@dataclass(frozen=True)
class _Facts:
    """What is known of a picture file: its size once upright, and its fingerprint."""

    height: int
    width: int
    mark: Fingerprint


class Darkroom:
    """Makes negatives for a plan, and develops them when their shot's turn comes.

    Every file is decoded as seldom as can be, and its pixels are let go of at once: what stays is
    a few hundred bytes for each picture and size. A file that changes meanwhile is not noticed
    here, but its shot's key tells.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._facts: dict[Path, _Facts | PictureError] = {}
        self._areas: dict[float, None] = {}
        self._negatives: dict[tuple[Path, int, int], Negative] = {}
        self._draws: dict[tuple[Any, ...], Draw] = {}
        self._developed: OrderedDict[tuple[Any, ...], Pixels] = OrderedDict()
        # The next size of the same picture is often asked for right after this one.
        self._picture = lru_cache(maxsize=1)(read_picture)
        self._read_catalog = lru_cache(maxsize=None)(read_catalog)
        self._weights = lru_cache(maxsize=None)(_read_digest)
        self._networks: dict[tuple[Any, ...], list[Network]] = {}

    def content(self, path: Path, settings: ShotSettings) -> Negative:
        """A photo at the size that the settings ask for.

        If all photos are asked for before the first painting is, no file is decoded twice.

        Raises:
            PictureError: it is unreadable, or would be too narrow.
        """
        facts = self._look(path)
        height, width = content_size(facts.height, facts.width, settings)
        self._areas[height * width * settings.style_scale**2] = None
        return self._negative(path, height, width)

    def draw(
        self,
        places: Sequence[Path],
        settings: CatalogSettings,
        content: Pixels,
        shot: ShotSettings,
    ) -> Draw:
        """Paintings fitted to a content and its shots, as `paintings.draw` chooses them.

        Raises:
            PictureError: as that.
        """
        area = content.shape[0] * content.shape[1] * shot.style_scale**2
        key = (*places, settings, area)
        if key not in self._draws:
            catalog: Catalog = self._read_catalog(tuple(places))
            self._draws[key] = draw_from(catalog, places, settings, partial(self._fit, area))
        return self._draws[key]

    def weights(self, settings: ShotSettings) -> str:
        """The digest of the weights that the settings ask for.

        Raises:
            WeightsError: they are not there or not whole.
        """
        return self._weights(settings.source)

    def networks(
        self,
        variants: Sequence[Variant],
        _: Variant,
        settings: ShotSettings,
        folder: Path,
        watch: Watch,
    ) -> list[Network]:
        """What shots need to know of the networks that `load_networks` loads, found out once.

        Raises:
            WeightsError, OutputError: as that.
        """
        key = (*variants, folder)
        if key not in self._networks:
            self._networks[key] = name_networks(variants, settings, folder, watch)
        return [
            replace(network, settings=settings.model_copy(update=_weights_of(network)))
            for network in self._networks[key]
        ]

    def develop(self, take: Take) -> Take:
        """The take with its pictures in memory; those of the last few takes are there still.

        If it goes on from another shot's result, that is one of them: whoever takes it need not
        have that shot.

        Raises:
            OutputError: that shot is not finished.
            PictureError: a picture cannot be read any more.
        """
        first, *others = (develop(work, self._print) for work in take.works)
        scene = develop(take.scene, self._print)
        scene = replace(scene, start=scene.read_start())
        return replace(take, scene=scene, painting=first, others=tuple(others))

    def _print(self, negative: Negative) -> Pixels:
        key = negative.name, negative.digest, negative.shape
        pixels = self._developed.pop(key, None)
        if pixels is None:
            pixels = negative.develop()
        self._developed[key] = pixels
        while sum(one.nbytes for one in self._developed.values()) > max(_KEPT_BYTES, pixels.nbytes):
            self._developed.popitem(last=False)
        return pixels

    def _look(self, path: Path) -> _Facts:
        if path not in self._facts:
            try:
                picture: Image.Image = self._picture(path)
                self._facts[path] = _Facts(picture.height, picture.width, fingerprint(picture))
            except PictureError as error:
                self._facts[path] = error
        facts = self._facts[path]
        if isinstance(facts, PictureError):
            raise PictureError(str(facts))
        return facts

    def _fit(self, area: float, entry: Entry) -> tuple[Pixels, Fingerprint]:
        facts = self._look(entry.path)
        fitted = self._negative(entry.path, *size_for_pixels(facts.height, facts.width, area))
        for other in self._areas:  # while the file is decoded
            with suppress(PictureError):
                self._negative(entry.path, *size_for_pixels(facts.height, facts.width, other))
        return fitted, facts.mark

    def _negative(self, path: Path, height: int, width: int) -> Negative:
        key = path, height, width
        if key not in self._negatives:
            fitted = np.asarray(resize(self._picture(path), height, width, path))
            digest, read = digest_of(fitted), partial(read_at, path, height, width)
            self._negatives[key] = Negative((height, width, 3), path, digest, read)
        return self._negatives[key]


def _weights_of(network: Network) -> dict[str, Any]:
    return {name: getattr(network.settings, name) for name in WeightsSettings.model_fields}


def _read_digest(source: int | Path) -> str:
    digest, _ = identify_weights(source)
    return digest
