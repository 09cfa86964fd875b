"""A GIF with a palette of our own: one pass counts the colours, the next one uses the palette."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from medley.film.palette import ColourCount, best_palette
from medley.images import Pixels
from medley.media.ffmpeg import feed, raw_input, url

# One of the 256 is kept for what does not change from frame to frame.
_COLOURS = 255
_DITHER = "dither=bayer:bayer_scale=4:diff_mode=rectangle"


def write_gif(
    frames: Iterable[Pixels],
    path: Path,
    folder: Path,
    *,
    width: int,
    height: int,
    fps: Fraction,
) -> None:
    """Write a GIF that loops, all of its frames in one palette.

    The frames lie on the disk between the passes, losslessly compressed, so that memory does not
    grow with the film's length.

    Args:
        frames: uint8 RGB `(height, width, 3)`, taken one at a time.
        path: the film's file.
        folder: folder in which the frames lie meanwhile.
        width: every frame's width, in pixels.
        height: every frame's height, in pixels.
        fps: frames a second, 100 divided by a whole number.

    Raises:
        FilmError: ffmpeg failed, in its own words.
        OSError: the folder cannot be written to.
    """
    spool, table = folder / "frames.nut", folder / "palette.png"
    count = ColourCount()
    lossless = ["-c:v", "ffv1", "-pix_fmt", "bgr0", "-threads", "2", "-slices", "4"]
    feed([*raw_input(width, height, fps), *lossless, url(spool)], _counted(frames, count))
    _write_palette(best_palette(*count.colours(), _COLOURS), table)
    graph = f"[0:v][1:v]paletteuse={_DITHER}"
    feed(["-i", url(spool), "-i", url(table), "-lavfi", graph, "-loop", "0", url(path)], ())


def _counted(frames: Iterable[Pixels], count: ColourCount) -> Iterator[bytes]:
    for frame in frames:
        count.add(frame)
        yield frame.tobytes()


def _write_palette(palette: Pixels, path: Path) -> None:
    """Write it as ffmpeg's `paletteuse` reads it: 16 by 16, what is left over transparent."""
    table = np.zeros((256, 1, 4), np.uint8)
    table[:, :, :3], table[:, :, 3] = palette[0], 255
    table[: len(palette), :, :3] = palette
    table[-1] = 0
    Image.fromarray(table.reshape(16, 16, 4)).save(path)
