"""Orders of films: their inputs and all settings, wherever they come from.

An order consists of parts, each with its own schema. The command line, a config file and a batch's
manifest know all of its settings by flat names: `Order.of` reads them, `Order.flat` gives them.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic.fields import FieldInfo

from medley.errors import Setting, SettingsError, listed
from medley.moments import stem_of
from medley.settings.base import Once, Settings, Text, old_names
from medley.settings.catalog import CatalogSettings
from medley.settings.clip import ClipFilmSettings, ClipPart, ClipSettings, PartSettings
from medley.settings.film import (
    ENDINGS,
    UNCHAINED,
    USUAL_SUFFIX,
    ComposeSettings,
    CutSettings,
    EncodeSettings,
    FilmSettings,
    PaceSettings,
    WalkFilmSettings,
    WalkOverlays,
    WalkSettings,
    check_format,
)
from medley.settings.networks import SweepSettings
from medley.settings.presets import QualitySettings
from medley.settings.run import RunSettings
from medley.settings.shot import (
    BlendSettings,
    LookSettings,
    MaskedPainting,
    ShotSettings,
    parse_mask,
)


def _check_alone(photos: tuple[Path, ...]) -> tuple[Path, ...]:
    if len(photos) != 1:
        raise ValueError(f"{len(photos)} photos are named, and one is repainted; name that")
    return photos


Photo = Annotated[
    tuple[Path, ...],
    AfterValidator(_check_alone),
    Text(lambda text: (Path(text),), lambda photos: str(photos[0]), is_path=True),
]
"""Type of the photo of a film that has exactly one, which is named without a list."""


class Order(QualitySettings):
    """Inputs and settings that all kinds of film have."""

    heading = "Inputs and output"
    kind: ClassVar[str]
    """The command that makes such films."""
    suffix: ClassVar[str]
    """Text between the photo's name and the suffix in a film's default name."""

    pieces: ClassVar[tuple[str | tuple[str, type[Settings]], ...]]
    """Its own fields, and its parts with their schemas, in the order in which files list them."""

    content: tuple[Path, ...]
    styles: tuple[Path, ...] = Field(
        min_length=1,
        description="Paintings, folders of them, or names of paintings that ship, such as glass, or"
        " 'shipped' for all of those; repeatable, or several at once.",
    )
    output: Path | None = Field(None, description=f"The film, ending in {ENDINGS}.")
    shot: ShotSettings = ShotSettings()
    film: EncodeSettings = EncodeSettings()
    catalog: CatalogSettings = CatalogSettings()
    run: RunSettings = RunSettings()

    @model_validator(mode="after")
    def _has_a_format(self) -> Self:
        check_format(self.film_path, self.film)
        return self

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """The fields of the order and its parts, by flat name."""
        fields: dict[str, FieldInfo] = {}
        for piece in cls.pieces:
            if isinstance(piece, str):
                fields[piece] = cls.model_fields[piece]
            else:
                fields |= piece[1].model_fields
        return fields

    @classmethod
    def of(cls, **flat: Any) -> Self:
        """Make an order from values by flat name; other settings have their defaults.

        Raises:
            ValidationError: values are missing, not accepted, or contradict each other.
        """
        parts: dict[str, dict[str, Any]] = {}
        for piece in cls.pieces:
            if isinstance(piece, tuple):
                own = {name: flat.pop(name) for name in piece[1].model_fields if name in flat}
                parts.setdefault(piece[0], {}).update(own)
        return cls.model_validate(flat | parts)

    def flat(self) -> dict[str, Any]:
        """The values of all settings, by flat name."""
        values: dict[str, Any] = {}
        for piece in self.pieces:
            if isinstance(piece, str):
                values[piece] = getattr(self, piece)
            else:
                part = getattr(self, piece[0])
                values |= {name: getattr(part, name) for name in piece[1].model_fields}
        return values

    @property
    def film_path(self) -> Path:
        """The file of the film."""
        return self.output or Path(
            "outputs", f"{stem_of(self.content[0])}-{self.suffix}{USUAL_SUFFIX}"
        )

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that the order names one by one, which no output may replace."""
        others = (self.shot.keep, self.film.music)
        return (*self.content, *(path for path in others if path))


class RenderOrder(Order):
    """A medley: one photo through many paintings."""

    kind = "render"
    suffix = "medley"
    pieces = (
        "quality", ("film", ComposeSettings), ("film", EncodeSettings), "styles", "output",
        ("catalog", CatalogSettings), ("blend", BlendSettings), ("shot", ShotSettings),
        ("film", PaceSettings), ("run", RunSettings), "content",
    )  # fmt: skip

    content: Photo = Field(description="The photo to be repainted; clip.mp4@2.5s is one of a clip.")
    film: FilmSettings = FilmSettings()
    blend: BlendSettings = BlendSettings()

    @model_validator(mode="before")
    @classmethod
    def _masks_bring_their_paintings(cls, values: Any) -> Any:
        blend = values.get("blend") or {}
        wishes: tuple[str | MaskedPainting, ...] = dict(blend).get("mask", ())
        if not wishes:
            return values
        read = (wish if isinstance(wish, MaskedPainting) else parse_mask(wish) for wish in wishes)
        masked = tuple(dict.fromkeys(wish.painting for wish in read))
        named = tuple(map(Path, values.get("styles") or masked))
        if named != masked:
            raise SettingsError(
                Setting("mask"), " names its paintings itself; leave ", Setting("styles"), " out"
            )
        return values | {"styles": masked}

    @model_validator(mode="after")
    def _shares_one_shot(self) -> Self:
        if self.blend.style_weights and not self.blend.is_one_shot:
            raise SettingsError(
                Setting("style_weights"), " is for paintings in one shot; pass ",
                Setting("blend", True), " with it",
            )  # fmt: skip
        if self.blend.mask and self.catalog.sample:
            raise SettingsError(
                Setting("mask"), " names its paintings, and ", Setting("sample"),
                " draws others; give one",
            )  # fmt: skip
        return self

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that the order names one by one: photo, masks, what is kept, and music."""
        return (*super().inputs, *self.blend.mask_files)


class SweepOrder(Order):
    """A sweep: the same shots with the network at many bit widths.

    The weights of `shot` are the default ones and are not used: the sweep chooses its own.
    """

    kind = "sweep"
    suffix = "sweep"
    pieces = (
        "quality", ("film", EncodeSettings), "styles", "output", ("film", PaceSettings),
        ("sweep", SweepSettings), ("catalog", CatalogSettings), ("shot", LookSettings),
        ("run", RunSettings), "content",
    )  # fmt: skip

    content: Annotated[tuple[Path, ...], Once("contents")] = Field(
        min_length=1,
        description="The photo to be repainted; clip.mp4@2.5s is one of a clip; repeatable.",
    )
    film: CutSettings = CutSettings()
    sweep: SweepSettings = SweepSettings()

    @model_validator(mode="after")
    def _shots_start_alike(self) -> Self:
        if self.film.transition == "chain":
            raise SettingsError(
                Setting("transition", "chain"),
                " starts each shot from another's result, and a sweep compares shots that start"
                f" alike; pass {listed(UNCHAINED)}",
            )
        return self


class WalkOrder(Order):
    """A style walk: one photo whose style follows a path through the paintings."""

    kind = "walk"
    suffix = "walk"
    pieces = (
        "quality", ("film", WalkOverlays), ("film", EncodeSettings), "styles", "output",
        ("walk", WalkSettings), ("catalog", CatalogSettings), ("shot", ShotSettings),
        ("run", RunSettings), "content",
    )  # fmt: skip

    content: Photo = Field(description="The photo to be repainted; clip.mp4@2.5s is one of a clip.")
    film: WalkFilmSettings = WalkFilmSettings()
    walk: WalkSettings = WalkSettings()


class ClipOrder(Order):
    """A clip that is repainted while it drifts through paintings, of its length and sound."""

    kind = "clip"
    suffix = "clip"
    pieces = (
        "quality", ("film", ClipFilmSettings), "styles", "output",
        ("part", PartSettings), ("clip", ClipSettings), ("catalog", CatalogSettings),
        ("shot", ShotSettings), ("run", RunSettings), "content",
    )  # fmt: skip

    content: Photo = Field(
        description="The clip: a video, an animation, or a folder of numbered pictures."
    )
    film: ClipFilmSettings = ClipFilmSettings()
    part: ClipPart = PartSettings()
    clip: ClipSettings = ClipSettings()

    @field_validator("part", mode="before")
    @classmethod
    def _is_a_part(cls, part: Any) -> Any:
        return PartSettings(**part) if isinstance(part, dict) else part

    @model_validator(mode="after")
    def _has_a_photo_s_settings_only_where_it_can(self) -> Self:
        if self.clip.per_cut and self.clip.seconds_per_painting is not None:
            raise SettingsError(
                Setting("per_cut", True), " turns to the next painting at cuts, not after ",
                Setting("seconds_per_painting", f"{self.clip.seconds_per_painting:g}"),
                "; leave one out",
            )  # fmt: skip
        if self.shot.keep:
            raise SettingsError(
                Setting("keep", f"'{self.shot.keep}'"), " is of a photo, and a clip moves; leave it"
                " out",
            )  # fmt: skip
        if self.shot.average:
            raise SettingsError(
                Setting("average", f"{self.shot.average:g}"), " mixes iterates, which a clip's"
                " frames are not; leave it out",
            )  # fmt: skip
        return self


FilmOrder = RenderOrder | SweepOrder | WalkOrder | ClipOrder

ORDERS: dict[str, type[RenderOrder] | type[SweepOrder] | type[WalkOrder] | type[ClipOrder]] = {
    order.kind: order for order in (RenderOrder, SweepOrder, WalkOrder, ClipOrder)
}
"""Orders by the kind of film."""


@cache
def order_names() -> frozenset[str]:
    """The names, present and former, of all orders' settings; a file may mix them."""
    fields = [item for order in ORDERS.values() for item in order.fields().items()]
    return frozenset(name for name, _ in fields).union(*(old_names(field) for _, field in fields))
