"""Photos of any size through a style network, in bounded memory and without visible tiles.

Instance normalization's statistics are those of the whole picture, so it cannot be cut into tiles.
Instead one layer after another goes over it in strips of rows, with the few rows more that the
layer's kernels see; what a convolution gives is kept, in memory or in a temporary file, while its
statistics are summed up, and is normalized when the next layer reads it. Every layer is computed
once, the first one once for all mixes. A picture that is not large is a single strip.

Source of the sums: Chan, Golub and LeVeque (1979), Updating Formulae and a Pairwise Algorithm for
Computing Sample Variances.
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from medley.errors import ResourceError
from medley.images import Pixels
from medley.stylenet.netfile import NetFile
from medley.stylenet.network import StyleNet, make_network, padded_size
from medley.stylenet.stages import (
    Stage,
    from_blocks,
    measure,
    scale_and_shift,
    stages_of,
    to_blocks,
)

_WHOLE = 2**25  # values of the largest map, 128 MB, up to which a picture is one strip
_STRIPS = 8  # so many times less has a strip, where there are several
_LEAST_ROWS = 4  # of a strip; fewer could not be mirrored at a border


class _Store:
    """Rows of numbers, each `(columns, channels)`: the whole in memory, or in a temporary file."""

    def __init__(self, height: int, in_file: bool) -> None:
        self.height = height
        self._file = tempfile.TemporaryFile() if in_file else None  # noqa: SIM115 (closed below)
        if self._file is not None:
            weakref.finalize(self, self._file.close)
        self._rows = torch.empty(0)  # all of them, or the latest

    def write(self, first: int, rows: Tensor) -> None:
        """Keep rows from number `first` on; without a file they must be all.

        Raises:
            ResourceError: the disk is full.
        """
        self._rows = rows
        if self._file is None:
            return
        values = rows.cpu().numpy()
        try:
            self._file.seek(first * values[0].nbytes)
            self._file.write(values.data)
            self._file.flush()
        except OSError as error:
            raise _no_room(error.strerror or str(error)) from error

    def read(self, first: int, last: int) -> Tensor:
        """Rows from number `first` to below `last`."""
        if self._file is None:
            return self._rows[first:last]
        values = np.empty((last - first, *self._rows.shape[1:]), np.float32)
        self._file.seek(first * values[0].nbytes)
        self._file.readinto(values.data)
        return torch.from_numpy(values).to(self._rows.device)


class _Source(Protocol):
    """What a layer reads: rows `(columns, channels)` that come when they are asked for."""

    @property
    def height(self) -> int:
        """How many rows there are."""

    def rows(self, first: int, last: int) -> Tensor:
        """Rows from number `first` to below `last`, before `put` has its way with them."""

    def put(self, rows: Tensor, place: Tensor) -> None:
        """Write rows as they are meant into a view of a larger map."""


class _Photo:
    """A photo as a source: blocks of 2x2 pixels, levels from 0 to 1."""

    def __init__(self, photo: Pixels, device: torch.device) -> None:
        height, width, _ = photo.shape
        tall, self._wide = padded_size(height, width)
        self.height = tall // 2
        self._photo, self._device = photo, device

    def rows(self, first: int, last: int) -> Tensor:
        height, width, _ = self._photo.shape
        taken = self._photo[min(2 * first, height - 1) : 2 * last]
        margins = (0, 2 * (last - first) - len(taken)), (0, self._wide - width), (0, 0)
        if margins != ((0, 0), (0, 0), (0, 0)):
            taken = np.pad(taken, margins, mode="edge")
        return to_blocks(torch.from_numpy(np.array(taken)).to(self._device))

    def put(self, rows: Tensor, place: Tensor) -> None:
        torch.mul(rows, 1 / 255, out=place)


@dataclass
class _Map:
    """What a layer gave, as a source."""

    store: _Store
    norm: tuple[Tensor, Tensor] | None = None  # scale and shift
    is_rectified: bool = False

    @property
    def height(self) -> int:
        return self.store.height

    def rows(self, first: int, last: int) -> Tensor:
        return self.store.read(first, last)

    def put(self, rows: Tensor, place: Tensor) -> None:
        if self.norm is None:
            place.copy_(rows)
            return
        scale, shift = self.norm
        torch.addcmul(shift, rows, scale, out=place)
        if self.is_rectified:
            place.relu_()


@dataclass(frozen=True)
class _Measured:
    """What a convolution gave, before it is normalized: mean and variance of each channel."""

    store: _Store
    mean: Tensor
    variance: Tensor

    def normalized(self, stage: Stage) -> _Map:
        """The map, with what normalizes it after a stage's painting."""
        return _Map(self.store, scale_and_shift(stage, self.mean, self.variance))


class Begun(NamedTuple):
    """What the first convolution makes of a photo, which is the same for all paintings.

    Attributes:
        height, width: the photo's size in pixels.
        first: what came out.
        rows_at_once: rows of blocks in a strip.
        in_file: whether there are several strips, kept in files.
    """

    height: int
    width: int
    first: _Measured
    rows_at_once: int
    in_file: bool


class Repainted:
    """A repainted photo whose rows come when they are asked for, any number of times."""

    def __init__(self, made: _Map, height: int, width: int, rows_at_once: int) -> None:
        """Made by `Painter`."""
        self.height, self.width = height, width
        self._made, self._rows_at_once = made, rows_at_once

    @torch.inference_mode()
    def band(self, first: int, last: int) -> Tensor:
        """Rows of the picture, float32 `(rows, width, 3)` in [0, 1]."""
        begin, end = first // 2, -(-last // 2)
        rows = self._made.rows(begin, end)
        place = torch.empty_like(rows)
        self._made.put(rows, place)
        pixels = from_blocks(place.mul_(2).sigmoid_())
        return pixels[first - 2 * begin : last - 2 * begin, : self.width]

    def bands(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield all of the picture, from top to bottom, with the rows that each band has."""
        for first in range(0, self.height, 2 * self._rows_at_once):
            last = min(self.height, first + 2 * self._rows_at_once)
            yield slice(first, last), self.band(first, last)

    def pixels(self) -> Pixels:
        """The whole picture, rounded."""
        picture = np.empty((self.height, self.width, 3), np.uint8)
        for rows, band in self.bands():
            picture[rows] = (band * 255).round_().to(torch.uint8).cpu().numpy()
        return picture


class Painter:
    """A style network that is ready for one photo after another, or the frames of a clip."""

    def __init__(
        self,
        network: StyleNet,
        mix: Tensor | Sequence[float] | None = None,
        most_values: int = _WHOLE,
    ) -> None:
        """Rewrite the network for the pass.

        Args:
            network: the network, on the device that shall compute.
            mix: share of each of its paintings, of sum 1; the first alone by default.
            most_values: values of a map up to which a picture is one strip, in memory.

        Raises:
            ValueError: the mix has not a share for each painting.
        """
        with torch.inference_mode():
            self._stages = list(stages_of(network, network.shares(mix, photos=1).view(-1)))
        self._channels, self._device = network.shape.channels, network.gains[0].device
        self._most_values = most_values

    @torch.inference_mode()
    def begin(self, photo: Pixels) -> Begun:
        """Begin with a photo that is to be repainted after several mixes of a network's paintings.

        Args and errors are those of `repaint`.
        """
        return self._begin(photo, is_kept=True)

    def _begin(self, photo: Pixels, is_kept: bool) -> Begun:
        tall, wide = padded_size(*photo.shape[:2])
        deepest = max(max(stage.kernel.shape[:2]) for stage in self._stages)
        fits = deepest * (tall // 2) * (wide // 2) <= self._most_values
        values_at_once = self._most_values // (1 if fits else _STRIPS)
        rows_at_once = max(_LEAST_ROWS, values_at_once // (deepest * (wide // 2)))
        if not fits:
            first, second, third = self._channels
            kept = first + second / 4 + third / 8 + 3  # values a pixel, at most
            if is_kept:
                kept += first
            _check_room(round(4 * kept * tall * wide))
        source = _Photo(photo, self._device)
        made = _convolved(self._stages[0], source, rows_at_once, in_file=not fits)
        return Begun(photo.shape[0], photo.shape[1], made, rows_at_once, in_file=not fits)

    @torch.inference_mode()
    def repaint(
        self, photo: Pixels | Begun, tell: Callable[[int, int], None] | None = None
    ) -> Repainted:
        """Repaint a photo.

        Args:
            photo: uint8 RGB `(height, width, 3)` of any size; or what `begin` gave, of a painter of
                the same network after whichever mix.
            tell: takes, after each layer, how many there were and how many there are.

        Raises:
            ResourceError: a picture so large needs more temporary room on the disk than there is.
        """
        begun = photo if isinstance(photo, Begun) else self._begin(photo, is_kept=False)
        height, width, first, rows_at_once, in_file = begun
        given: _Map | None = None  # what a residual block was given
        made = source = first.normalized(self._stages[0])
        del photo, begun, first  # unless the caller keeps them, they go as soon as they are read
        for number, stage in enumerate(self._stages):
            if stage.opens_block:
                given = given or _as_it_is(source, rows_at_once, in_file)
                source = given
            is_last = number == len(self._stages) - 1
            if number:
                made = _convolved(stage, source, rows_at_once, in_file).normalized(stage)
            made.is_rectified = not (is_last or stage.closes_block)
            if tell:
                tell(number + 1, len(self._stages))
            if stage.closes_block and given:
                _add(made, given, rows_at_once)
                source = given
            else:
                source = made
        return Repainted(made, height, width, rows_at_once)


def repaint_after(net: NetFile, shares: Sequence[float], photo: Pixels) -> Pixels:
    """What a network makes of one photo on the CPU, uint8 `(height, width, 3)` like the photo."""
    return Painter(make_network(net), shares).repaint(photo).pixels()


def _convolved(stage: Stage, source: _Source, rows_at_once: int, in_file: bool) -> _Measured:
    """Convolve a whole map in strips, and measure what comes out."""
    height = source.height // stage.stride
    store = _Store(2 * height if stage.spreads else height, in_file)
    count, mean, squares = 0, torch.zeros(1), torch.zeros(1)
    for first in range(0, height, rows_at_once):
        last = min(height, first + rows_at_once)
        begin, end = stage.rows_for(first, last, source.height)
        at_top, at_bottom = first == 0, last == height
        rows = source.rows(begin, end)
        room, place = stage.room_for(rows, at_top, at_bottom)
        source.put(rows, place)
        made = stage.convolve(room, at_top, at_bottom)
        count, mean, squares = _merged(made, count, mean, squares)
        store.write(2 * first if stage.spreads else first, stage.spread(made))
    return _Measured(store, mean, squares / count)


def _merged(made: Tensor, count: int, mean: Tensor, squares: Tensor) -> tuple[int, Tensor, Tensor]:
    """Count, mean and squared deviations of each channel, with one strip more."""
    own_mean, own_variance = (each.cpu().double() for each in measure(made))
    own_count = made.shape[0] * made.shape[1]
    own_squares = own_variance * own_count
    if count == 0:
        return own_count, own_mean, own_squares
    total, apart = count + own_count, own_mean - mean
    squares = squares + own_squares + apart.square() * (count * own_count / total)
    return total, mean + apart * (own_count / total), squares


def _as_it_is(source: _Source, rows_at_once: int, in_file: bool) -> _Map:
    """A source's values as they are meant, to which others can be added."""
    store = _Store(source.height, in_file)
    for first in range(0, source.height, rows_at_once):
        rows = source.rows(first, min(source.height, first + rows_at_once))
        place = torch.empty_like(rows)
        source.put(rows, place)
        store.write(first, place)
    return _Map(store)


def _add(made: _Map, given: _Map, rows_at_once: int) -> None:
    """Add what a residual block made to what it was given."""
    for first in range(0, given.height, rows_at_once):
        last = min(given.height, first + rows_at_once)
        rows = made.rows(first, last)
        place = torch.empty_like(rows)
        made.put(rows, place)
        given.store.write(first, place.add_(given.rows(first, last)))


def _check_room(needed: int) -> None:
    """See, before the work, that temporary files will find room.

    Raises:
        ResourceError: they will not.
    """
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        raise _no_room(f"{needed / 1e9:.1f} GB are needed, and {free / 1e9:.1f} are free")


def _no_room(reason: str) -> ResourceError:
    return ResourceError(
        f"no room for temporary files in '{tempfile.gettempdir()}' ({reason}); make room there, or"
        " name another folder by the variable TMPDIR, or lower the size"
    )
