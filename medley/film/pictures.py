"""Films that are pictures: a folder of numbered frames, or one sheet of some of them."""

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

from PIL import Image

from medley.film.facts import picture_name
from medley.film.poster import GALLERY_CELL, gallery
from medley.film.threads import in_order
from medley.images import Pixels, encode_png

SHEET_FRAMES = 24  # pictures on a sheet, at most
_JPEG_QUALITY = 92


def write_sequence(frames: Iterable[Pixels], folder: Path) -> None:
    """Write every frame as a PNG into a folder that takes the place of the file `folder`.

    Raises:
        OSError: it cannot be written.
    """
    folder.unlink(missing_ok=True)
    folder.mkdir()
    for number, data in enumerate(in_order(encode_png, frames)):
        with (folder / picture_name(number)).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def picked(frames: Iterable[Pixels], count: int) -> Iterator[tuple[int, Pixels]]:
    """Some of `count` frames with their numbers: the first, the last, evenly between them.

    Evenly over the film is evenly over what the eye sees, where the film is paced so.
    """
    most = min(count, SHEET_FRAMES)
    numbers = {round(at * (count - 1) / max(1, most - 1)) for at in range(most)}
    return (item for item in enumerate(frames) if item[0] in numbers)


def write_sheet(
    frames: Iterable[tuple[int, Pixels]], path: Path, *, width: int, height: int, fps: Fraction
) -> tuple[int, int]:
    """Hang numbered frames of one size on a sheet, each with its time; give its height and width.

    Raises:
        OSError: it cannot be written.
    """
    scale = GALLERY_CELL / max(width, height)
    cell, cell_height = max(1, round(width * scale)), max(1, round(height * scale))
    works = ((frame, _time(number / fps)) for number, frame in frames)
    sheet = gallery(works, cell, cell_height=cell_height)
    picture = Image.fromarray(sheet)
    if path.suffix.lower() == ".png":
        picture.save(path)
    else:
        picture.save(path, quality=_JPEG_QUALITY, subsampling=0)
    return sheet.shape[0], sheet.shape[1]


def _time(seconds: Fraction) -> str:
    minutes, rest = divmod(round(float(seconds), 1), 60)
    return f"{minutes:.0f}:{rest:04.1f}"
