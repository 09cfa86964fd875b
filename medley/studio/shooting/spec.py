"""What decides a shot's pixels, and the key that says so: equal keys, equal pixels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from PIL import Image

from medley.errors import MedleyError
from medley.files import in_full, sha256
from medley.images import Pixels, size_for_pixels, size_for_side
from medley.paintings.draws import Painting
from medley.pictures import Picture, held_picture, resized
from medley.settings import ShotSettings, StyleSettings
from medley.studio.shooting.blend import Blend
from medley.transfer.scales import Scale, plan_scales
from medley.vgg.layers import HALVES, Precision
from medley.workspace.shot import Shot

RECIPE = 3
"""Raised whenever the same inputs come to give other pixels, so that old shots are not reused."""

# The settings that there were when the recipe was last raised, in the key at any value.
_ALWAYS_COUNTED = frozenset(
    {"steps", "optimizer", "scales", "history", "content_weight", "style_weight", "tv_weight"}
    | {"pooling", "keep_every"}
)
# What the digests of pictures and weights say, or the start's name, or the precision beside them.
_COUNTED_OTHERWISE = {"bits", "weights", "size", "pixels", "init", "precision"}


@dataclass(frozen=True)
class Start:
    """The picture that step 0 shows.

    Attributes:
        name: what decides it: "content", "color", "noise:SEED", a picture's digest, or "shot:KEY",
            so that a shot's key is known before the one that it goes on from is taken.
        seed: decides the noise, where it is noise.
        picture: the picture, where it is a file's or another shot's result in memory.
        after: the shot that it is the result of, which is finished by the time this one begins.
    """

    name: str
    seed: int = 0
    picture: Picture | None = None
    after: Shot | None = None


@dataclass(frozen=True)
class ShotSpec:
    """All that decides a shot's pixels.

    Attributes:
        content: what is repainted, at the shot's full size.
        paintings: whose styles are mixed, usually one; each of about the content's area.
        start: the picture that step 0 shows.
        settings: everything else that decides pixels, as it was asked for.
        weights: the digest of the network's weights, which `settings` choose.
        precision: what the network computes in.
        blend: how the paintings share the picture.
        title: what people call the shot within its film; decides nothing.
    """

    content: Picture
    paintings: tuple[Painting[Picture], ...]
    start: Start
    settings: ShotSettings
    weights: str
    precision: Precision
    blend: Blend = field(default_factory=Blend)
    title: str = field(default="", compare=False)

    @cached_property
    def key(self) -> str:
        """The digest of everything that decides the shot's pixels.

        The bits and the sizes are in it through the weights' and the pictures' own digests. The
        device is not: floating point differs a little between devices, but a shot is a shot.
        Settings that came after the recipe count where they are not at their default, so that
        older shots stay.
        """
        settings = self.settings.model_dump(mode="json", exclude=_COUNTED_OTHERWISE)
        decides: dict[str, Any] = {
            "recipe": RECIPE,
            "content": self.content.digest,
            "paintings": [work.picture.digest for work in self.paintings],
            "start": self.start.name,
            "weights": self.weights,
            "settings": {
                name: value
                for name, value in settings.items()
                if name in _ALWAYS_COUNTED or value != _DEFAULTS[name]
            },
            "precision": self.precision,
        }
        if blend := self.blend.digest:
            decides["blend"] = blend
        return sha256(json.dumps(decides, sort_keys=True).encode())[:24]

    @property
    def after(self) -> str | None:
        """The key of the shot whose result this one goes on from."""
        return self.start.after.key if self.start.after else None

    @property
    def scales(self) -> tuple[Scale, ...]:
        """The sizes at which the steps are taken, from coarse to fine."""
        chosen = self.settings
        sizes = self.content.height, self.content.width
        return plan_scales(*sizes, chosen.steps, chosen.scales, chosen.shortest_side)

    @property
    def settled(self) -> ShotSettings:
        """The settings, with the precision that "auto" came to."""
        return self.settings.model_copy(update={"precision": self.precision})

    @property
    def is_half(self) -> bool:
        """Whether the network computes in 16 bits."""
        return self.precision in HALVES

    @property
    def start_has_colors(self) -> bool:
        """Whether step 1 need not give the start any colours; on a walk it has some painting's."""
        if self.blend.walk:
            return True
        kept = self.settings.preserve_color != "off"
        return self.start.name == ("content" if kept else "color")

    @property
    def painting_path(self) -> Path:
        """The first painting's file, by which errors name the shot."""
        return self.paintings[0].path

    def about(self, error: MedleyError) -> MedleyError:
        """Give the same error with the painting's name before it, unless it names that already."""
        named = f"'{self.painting_path}'"
        parts = error.args if named in str(error) else (f"{named}: ", *error.args)
        return type(error)(*parts)

    def describe(self, label: str) -> dict[str, Any]:
        """What `shot.json` says of the inputs, for people.

        Args:
            label: what a batch and `medley status` call the shot.
        """
        return {
            "content_file": in_full(self.content.path),
            "label": label or _names(self),
            "painting_files": [in_full(work.path) for work in self.paintings],
        }

    def loaded(self, read: Callable[[Picture], Pixels]) -> Self:
        """Give the same spec with all pictures in memory, for whoever has not the files.

        Args:
            read: gives a picture's pixels, perhaps from a cache.

        Raises:
            OutputError: the shot that this one goes on from is not finished.
            PictureError: a picture cannot be read any more, or shows something else.
        """
        return replace(
            self,
            content=self.content.holding(read(self.content)),
            paintings=tuple(
                replace(work, picture=work.picture.holding(read(work.picture)))
                for work in self.paintings
            ),
            start=self._loaded_start(read),
        )

    def _loaded_start(self, read: Callable[[Picture], Pixels]) -> Start:
        start = self.start
        if start.after:
            shot = start.after
            return replace(start, picture=held_picture(shot.path, shot.result()))
        if start.picture:
            return replace(start, picture=start.picture.holding(read(start.picture)))
        return start


_DEFAULTS = ShotSettings().model_dump(mode="json")


def label_shots(specs: Iterable[ShotSpec]) -> dict[str, str]:
    """What people call shots, by key: photo, painting, and what else tells them apart.

    Args:
        specs: all of a plan, finished or not: a shot is called the same in every run.
    """
    known = {spec.key: spec for spec in specs}
    labels = {key: _names(spec) for key, spec in known.items()}
    for mark in (_weights_name, lambda spec: spec.key[:6]):
        counts = Counter(labels.values())
        labels = {
            key: f"{label}, {mark(known[key])}" if counts[label] > 1 else label
            for key, label in labels.items()
        }
    return labels


def _names(spec: ShotSpec) -> str:
    return f"{spec.content.path.stem}, {spec.title}"


def _weights_name(spec: ShotSpec) -> str:
    settings = spec.settings
    return settings.weights.stem if settings.weights else f"{settings.bits} bits"


def content_size(height: int, width: int, settings: ShotSettings) -> tuple[int, int]:
    """Height and width that the settings ask for, for a photo of that size in pixels."""
    if settings.size is None:
        return size_for_pixels(height, width, settings.pixels)
    return size_for_side(height, width, settings.size)


def painting_size(
    height: int, width: int, content: Picture, settings: StyleSettings
) -> tuple[int, int]:
    """Height and width of a painting of that size: the content's area, scaled as asked for."""
    area = content.height * content.width * settings.style_scale**2
    return size_for_pixels(height, width, area)


def resize_content(picture: Image.Image, settings: ShotSettings, name: Path) -> Picture:
    """Bring a decoded content to the size that the settings ask for.

    Raises:
        PictureError: it would be too narrow for the network.
    """
    size = content_size(picture.height, picture.width, settings)
    return held_picture(name, resized(picture, *size, name, settings.shortest_side))


def fit_painting(
    content: Picture, picture: Image.Image, name: Path, settings: StyleSettings
) -> Picture:
    """Bring a decoded painting to the content's area, or to the size against it as asked for.

    Raises:
        PictureError: it would be too narrow for the network.
    """
    size = painting_size(picture.height, picture.width, content, settings)
    return held_picture(name, resized(picture, *size, name, settings.shortest_side))
