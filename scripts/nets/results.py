"""What is known of style networks of many sizes, kept in a file between runs."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from medley.errors import MedleyError
from medley.files import write_bytes
from medley.settings import ShapeSettings
from medley.studio.train_order import make_shape


class FileRecord(BaseModel):
    """A network's file at some bits a weight, judged by `nets.judging`.

    Attributes:
        bytes: of the file.
        content, style, palette, loss: means over the photos held back.
        change: mean distance in Oklab of its pictures to the float network's.
    """

    bytes: int
    content: float
    style: float
    palette: float
    loss: float
    change: float


class NetRecord(BaseModel):
    """A network of some size.

    Attributes:
        size: how large it is, with family, width and blocks.
        seconds: median of the time that it takes to repaint a photo; None if it was not timed.
        files: what its files came to, by their bits a weight.
    """

    size: ShapeSettings
    seconds: float | None = None
    files: dict[int, FileRecord] = {}

    @property
    def channels(self) -> tuple[int, int, int]:
        """Channels at full, half and quarter size."""
        return make_shape(self.size, 1).channels

    @property
    def weights(self) -> int:
        """How many numbers it learned."""
        return make_shape(self.size, 1).weight_count


class Results(BaseModel):
    """What came of all networks that were trained alike.

    Attributes:
        course: what they have in common, in JSON's types.
        nets: networks by name.
    """

    course: dict[str, Any]
    nets: dict[str, NetRecord] = {}

    def write(self, path: Path) -> None:
        """Keep them.

        Raises:
            OutputError: the file cannot be written.
        """
        write_bytes(path, self.model_dump_json(indent=1).encode() + b"\n")

    def by_weights(self) -> list[NetRecord]:
        """The networks, the smallest first."""
        return sorted(self.nets.values(), key=lambda net: net.weights)

    def check(self, path: Path, course: dict[str, Any]) -> None:
        """Refuse to go on with networks that were trained otherwise.

        Raises:
            MedleyError: those that are kept in the file were.
        """
        for name, wanted in course.items():
            if (was := self.course.get(name)) != wanted:
                raise MedleyError(
                    f"'{path}' is of networks with {name} {was}, not {wanted};"
                    " name another --output"
                )


def read_results(path: Path, course: dict[str, Any]) -> Results:
    """What is kept in a file, or nothing yet of networks that are trained so.

    Raises:
        MedleyError: the file is damaged.
    """
    if not path.exists():
        return Results(course=course)
    try:
        return Results.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise MedleyError(
            f"'{path}' cannot be read; remove it, and its networks are judged again"
        ) from error
