"""What of content and paintings a picture is compared with, and where each painting pulls."""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, field_validator

from medley.settings.fields import SHORTEST_SIDE, InFolder, Settings, checked_by, place
from medley.settings.layers import VGG_LAYERS, format_layers, parse_layers, parse_weight

REST = "rest"
"""Stands for a mask's file: what the other masks leave."""


class MaskWish(NamedTuple):
    """A mask's file, or `REST`, and the painting that pulls there."""

    mask: str
    painting: str


def parse_mask(text: str) -> MaskWish:
    """Read "sky.png=starry.jpg"; the first = is the one that counts.

    Raises:
        ValueError: a side is missing.
    """
    mask, _, painting = text.partition("=")
    if not mask or not painting:
        raise ValueError(f"'{text}' is not MASK=PAINTING, such as sky.png=starry.jpg")
    return MaskWish(mask, painting)


def _place_mask(text: str, folder: Path) -> str:
    mask, painting = parse_mask(text)
    return f"{mask if mask == REST else place(Path(mask), folder)}={place(Path(painting), folder)}"


def parse_shares(text: str) -> tuple[float, ...]:
    """Read a list of weights such as "2,1".

    Raises:
        ValueError: one is not a number from 0 on, or none is above 0.
    """
    shares = tuple(parse_weight(part.strip(), f"a weight in '{text}'") for part in text.split(","))
    if not any(shares):
        raise ValueError(f"'{text}' gives every painting weight 0; one must pull")
    return shares


LayerList = Annotated[str, AfterValidator(lambda text: format_layers(parse_layers(text)))]
ShareList = Annotated[str, checked_by(parse_shares)]
MaskText = Annotated[str, checked_by(parse_mask)]


class StyleSettings(Settings):
    """What of content and paintings a picture is compared with."""

    heading = "Look"

    style_scale: float = Field(
        1.0,
        ge=0.25,
        le=4,
        allow_inf_nan=False,
        description="Size of the paintings against the photo: larger ones have larger strokes.",
    )
    style_loss: Literal["gram", "wasserstein"] = Field(
        "gram",
        description="How paintings are compared: by Gram matrices, or by the Wasserstein distance"
        " of mean and covariance, which is slower on small pictures.",
    )
    style_layers: LayerList = Field(
        "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
        description="Layers at which paintings are compared, each with a weight such as"
        " relu1_1:0.5 if it is not 1; medley layers lists all.",
    )
    content_layers: LayerList = Field(
        "relu4_2", description="Layers at which the photo is compared, likewise."
    )
    padding: Literal["zeros", "replicate", "reflect"] = Field(
        "zeros",
        description="What VGG-19 sees beyond the picture's border; zeros as it was trained.",
    )

    @property
    def style_layer_weights(self) -> dict[str, float]:
        """By layer, in the network's order."""
        return parse_layers(self.style_layers)

    @property
    def content_layer_weights(self) -> dict[str, float]:
        """By layer, in the network's order."""
        return parse_layers(self.content_layers)

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers that are looked at, in the network's order."""
        wanted = {*self.style_layer_weights, *self.content_layer_weights}
        return tuple(name for name in VGG_LAYERS if name in wanted)

    @property
    def shortest_side(self) -> int:
        """Pixels that any picture must have, or a layer would have no feature of it."""
        return max(SHORTEST_SIDE, *(VGG_LAYERS[name].stride for name in self.layers))


class BlendSettings(Settings):
    """How several paintings share one picture."""

    heading = "Several paintings in one picture"

    blend: bool = Field(
        False, description="Take one shot after all paintings at once, instead of one after each."
    )
    style_weights: ShareList | None = Field(
        None,
        description="How strongly each painting of a picture pulls against the others, such as 2,1"
        " for two of them, in their order; equally by default.",
    )
    mask: Annotated[tuple[MaskText, ...], InFolder(_place_mask)] = Field(
        (),
        description="MASK=PAINTING: where the mask is white, this painting pulls; repeatable, and"
        " 'rest' as MASK is what the others leave.",
    )

    @field_validator("mask")
    @classmethod
    def _has_one_rest(cls, masks: tuple[str, ...]) -> tuple[str, ...]:
        if sum(parse_mask(text).mask == REST for text in masks) > 1:
            raise ValueError(f"'{REST}' is named twice, and is one region; give it one painting")
        return masks

    @property
    def masks(self) -> tuple[MaskWish, ...]:
        """The masks and their paintings, in order."""
        return tuple(map(parse_mask, self.mask))

    @property
    def mask_files(self) -> tuple[Path, ...]:
        """The masks that are files."""
        return tuple(Path(wish.mask) for wish in self.masks if wish.mask != REST)

    @property
    def is_one_shot(self) -> bool:
        """Whether all paintings of a film share one shot."""
        return self.blend or bool(self.mask)

    def strengths(self, count: int) -> tuple[float, ...]:
        """How strongly each of `count` paintings pulls against the others; 1 on average.

        Raises:
            ValueError: there are more or fewer weights than paintings.
        """
        if self.style_weights is None:
            return (1.0,) * count
        shares = parse_shares(self.style_weights)
        if len(shares) != count:
            raise ValueError(
                f"--style-weights {self.style_weights} has {len(shares)} weights for {count}"
                f" painting{'s' * (count != 1)}; give one for each"
            )
        return tuple(count * share / sum(shares) for share in shares)


_PLAIN = StyleSettings.model_validate({})
STYLE_LAYERS = tuple(_PLAIN.style_layer_weights)
CONTENT_LAYER, *_ = _PLAIN.content_layer_weights
LOSS_LAYERS = (CONTENT_LAYER, *STYLE_LAYERS)
"""What is looked at by default."""
