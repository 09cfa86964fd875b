"""Specs of shots: all that decides a shot's pixels, and its key. Equal keys mean equal pixels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from medley.errors import MedleyError
from medley.files import in_full, sha256
from medley.images import Pixels
from medley.moments import stem_of
from medley.paintings.draws import Painting
from medley.pictures import Picture, held_picture
from medley.settings import ShotSettings, TileSetting
from medley.studio.shooting import costs
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.footage import Following
from medley.studio.shooting.masks import Masks
from medley.stylenet.netfile import NetFile
from medley.transfer.scales import Scale, plan_scales, steps_left
from medley.vgg.layers import Precision
from medley.workspace.shot import Shot

RECIPE = 3
"""Version of the algorithm; raised when the same inputs give other pixels than before, so that
older shots are not reused."""


# Settings that existed when the recipe was last raised; they are in the key at any value.
_ALWAYS_COUNTED = frozenset(
    {"steps", "optimizer", "scales", "history", "content_weight", "style_weight", "tv_weight"}
    | {"pooling", "keep_every"}
)
# Settings that enter the key through the digests of pictures, weights and what is kept, the start's
# name, or the settled precision.
_COUNTED_OTHERWISE = {"bits", "weights", "size", "pixels", "init", "precision", "keep"}


@dataclass(frozen=True)
class Start:
    """The picture that step 0 shows.

    Attributes:
        name: part of the key: "content", "color", "noise:SEED", a picture's digest, "net:DIGEST"
            of a style network and the painting's number in it, or "shot:KEY", so that a shot's key
            is known before the shot that it goes on from is taken.
        seed: seed of the noise, if the start is noise.
        picture: picture, if the start is a file, or another shot's result in memory.
        after: shot whose result the start is; it is finished before this one begins.
        net: style network that repaints the content, if the start is what it makes.
        shares: share of each painting that the network knows.
    """

    name: str
    seed: int = 0
    picture: Picture | None = None
    after: Shot | None = None
    net: NetFile | None = None
    shares: tuple[float, ...] = ()


@dataclass(frozen=True)
class ShotSpec:
    """All that decides a shot's pixels.

    Attributes:
        content: photo at the shot's full size.
        paintings: paintings whose styles are mixed, usually one, each of about the content's area.
        start: picture that step 0 shows.
        settings: all other settings that decide pixels, as they were asked for.
        weights: digest of the network's weights, which `settings` choose.
        precision: precision that the network computes in.
        blend: weights and masks of the paintings.
        kept: where the photo stays; None if all of it is repainted.
        following: how it follows a clip, of which the content is the first frame, and each of its
            steps a frame; None of a photo's shot.
    """

    content: Picture
    paintings: tuple[Painting[Picture], ...]
    start: Start
    settings: ShotSettings
    weights: str
    precision: Precision
    blend: Blend = field(default_factory=Blend)
    kept: Masks | None = None
    following: Following | None = None

    @cached_property
    def key(self) -> str:
        """The digest of everything that decides the shot's pixels.

        Bits and sizes enter it through the digests of weights and pictures. The device does not:
        floating point differs a little between devices, but a shot is reused on any of them.
        Settings newer than the recipe enter it only where they are not at their default, so that
        older shots keep their keys.
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
        if self.kept:
            decides["kept"] = self.kept.digest
        if self.following:
            decides["following"] = self.following.digest
        return sha256(json.dumps(decides, sort_keys=True).encode())[:24]

    @property
    def after(self) -> str | None:
        """The key of the shot whose result this one goes on from, if there is one."""
        return self.start.after.key if self.start.after else None

    @property
    def evaluations(self) -> int:
        """How often a step judges a picture, about: several times where it is a clip's frame.

        A frame takes one to four times its steps, and its own features and motion take the time
        of one.
        """
        return 1 + round(1.75 * self.following.steps) if self.following else 1

    @property
    def scales(self) -> tuple[Scale, ...]:
        """The sizes at which the steps are taken, from coarse to fine."""
        chosen = self.settings
        sizes = self.content.height, self.content.width
        return plan_scales(*sizes, chosen.steps, chosen.scales, chosen.shortest_side)

    def scales_from(self, step: int) -> tuple[Scale, ...]:
        """What of the scales is left after a step."""
        return steps_left(self.scales, step)

    @property
    def settled(self) -> ShotSettings:
        """The settings with the precision settled, never "auto"."""
        return self.settings.model_copy(update={"precision": self.precision})

    def choose_tile(self, asked: TileSetting, free: float | None, device: str) -> int | None:
        """Decide whether the shot is computed in tiles, and how large; see `costs.choose_tile`.

        Raises:
            ResourceError: nothing fits into `free` bytes, or not what was asked for.
        """
        return costs.choose_tile(asked, self.scales, self.settled, free, device)

    @property
    def start_has_colors(self) -> bool:
        """Whether the start has the right colours already; a walk's start has a painting's."""
        if self.blend.walk:
            return True
        kept = self.settings.preserve_color != "off"
        return self.start.name == ("content" if kept else "color")

    @property
    def painting_path(self) -> Path:
        """The file of the first painting, by which errors name the shot."""
        return self.paintings[0].path

    def about(self, error: MedleyError) -> MedleyError:
        """Put the painting's name before an error's message, unless it is in the message."""
        named = f"'{self.painting_path}'"
        parts = error.args if named in str(error) else (f"{named}: ", *error.args)
        return type(error)(*parts)

    def describe(self, label: str) -> dict[str, Any]:
        """The entries of `shot.json` that name the inputs, for people.

        Args:
            label: name of the shot in a batch and in `medley status`.
        """
        return {
            "content_file": in_full(self.content.path),
            "label": label or _name(self),
            "painting_files": [in_full(work.path) for work in self.paintings],
            **(self.following.facts if self.following else {}),
        }

    def loaded(self, read: Callable[[Picture], Pixels]) -> Self:
        """Copy the spec with all pictures in memory, for a process that may not have the files.

        Args:
            read: function that gives a picture's pixels, perhaps from a cache.

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
            blend=self.blend.holding_masks(),
            kept=self.kept and self.kept.holding(),
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
    """Name shots for people, with the beginning of the key where names are equal.

    Args:
        specs: all specs of a plan, finished or not, so that names do not change between runs.

    Returns:
        Names by key.
    """
    labels = {spec.key: _name(spec) for spec in specs}
    counts = Counter(labels.values())
    return {
        key: f"{label}, {key[:6]}" if counts[label] > 1 else label for key, label in labels.items()
    }


def _name(spec: ShotSpec) -> str:
    """The photo, the paintings, and weights other than those that ship: the same in every film."""
    titles = " + ".join(work.title for work in spec.paintings)
    if spec.following:
        titles = f"the clip after {titles}"
    elif spec.blend.walk:
        titles = f"the walk through {titles}"
    parts = [stem_of(spec.content.path), titles]
    if spec.settings.weights:
        parts.append(spec.settings.weights.stem)
    elif (bits := spec.settings.bits) != _DEFAULTS["bits"]:
        parts.append("1 bit" if bits == 1 else f"{bits} bits")
    return ", ".join(parts)
