"""What a network's first layer wants to be fed: the order of colours, their range and mean."""

import re
from typing import Literal, NamedTuple, Self

Triple = tuple[float, float, float]

_NUMBERS = r"([\d.e+-]+), ([\d.e+-]+), ([\d.e+-]+)"
_FORM = re.compile(rf"(BGR|RGB), 0-(1|255), minus {_NUMBERS}(?:, divided by {_NUMBERS})?")


class Normalization(NamedTuple):
    """How colours are brought to what a network was trained on.

    Attributes:
        order: order of the colour channels.
        top: value of the brightest colour, 1 or 255; black is 0.
        mean: what is subtracted from each channel, in that order and range.
        deviation: what each channel is divided by then.
    """

    order: Literal["BGR", "RGB"]
    top: int
    mean: Triple
    deviation: Triple = (1.0, 1.0, 1.0)

    def __str__(self) -> str:
        """Write it in the form that `read` reads: "BGR, 0-255, minus 103.939, 116.779, 123.68"."""
        text = f"{self.order}, 0-{self.top}, minus {', '.join(map(repr, self.mean))}"
        if self.deviation == (1.0, 1.0, 1.0):
            return text
        return f"{text}, divided by {', '.join(map(repr, self.deviation))}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a file's metadata.

        Raises:
            ValueError: the text is not in the form that `str` gives, or divides by 0.
        """
        if not (found := _FORM.fullmatch(text)):
            raise ValueError(f"the input '{text}'")
        order, top, *numbers = found.groups(default="1.0")
        first, second, third, *by = map(float, numbers)
        if not all(by):
            raise ValueError(f"the input '{text}'")
        return cls("BGR" if order == "BGR" else "RGB", int(top), (first, second, third), (*by,))  # type: ignore[arg-type]


CAFFE = Normalization("BGR", 255, (103.939, 116.779, 123.68))
"""The normalization with which Simonyan and Zisserman trained VGG-19."""

TORCHVISION = Normalization("RGB", 1, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""The normalization with which torchvision trained it again."""
