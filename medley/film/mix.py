"""The pixels of a film's frames: mixes and wipes, even padding, the stream of stills."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from medley.color import light_of_levels, nearest_levels
from medley.errors import FilmError
from medley.film.timeline import Frame, Join, Still
from medley.images import Pixels

# Rows mixed at a time: few enough that their table indices stay in the processor's cache.
MIX_ROWS = 6
# How soft a wipe's border is: the share of the width in which both pictures are seen.
WIPE_SHARE = 0.2

READERS = max(2, min(8, os.cpu_count() or 1))  # threads that decode stills; they run at once


def mix(first: Pixels, second: Pixels, amount: float) -> Pixels:
    """Mix two pictures in linear light: `first * (1 - amount) + second * amount`.

    Equal to decoding both from sRGB, mixing, and rounding the encoded mix to the nearest of 256
    levels: as both are 8 bits deep, one table of 256 x 256 holds every outcome.

    Args:
        first: uint8 `(height, width, 3)`.
        second: picture of the same shape.
        amount: 0 gives `first` itself and 1 `second` itself.

    Raises:
        ValueError: the shapes differ, or `amount` is not in [0, 1].

    Source: sRGB transfer functions, IEC 61966-2-1:1999.
    """
    _check_pair(first, second, amount)
    if amount in (0, 1):
        return second if amount else first
    linear = light_of_levels()
    table = nearest_levels(linear[:, None] * (1 - amount) + linear * amount).ravel()
    mixed = np.empty(first.shape, np.uint8)
    # Made once: fresh memory for every few rows would take longer than the mixing.
    pair = np.empty((MIX_ROWS, *first.shape[1:]), np.uint16)
    index = np.empty(pair.shape, np.intp)
    for top in range(0, first.shape[0], MIX_ROWS):
        rows = slice(top, top + MIX_ROWS)
        count = len(first[rows])
        np.left_shift(first[rows], 8, out=pair[:count], dtype=np.uint16)
        pair[:count] |= second[rows]
        index[:count] = pair[:count]
        # No index can be out of range; "clip" is only the mode that skips a buffered copy.
        np.take(table, index[:count], out=mixed[rows], mode="clip")
    return mixed


def wipe(first: Pixels, second: Pixels, amount: float) -> Pixels:
    """Let `second` move in over `first` from the left, behind a border that is soft.

    Args:
        first: uint8 `(height, width, 3)`.
        second: picture of the same shape.
        amount: how far it has come: 0 gives `first` alone and 1 `second` alone.

    Raises:
        ValueError: the shapes differ, or `amount` is not in [0, 1].
    """
    _check_pair(first, second, amount)
    width = first.shape[1]
    soft = max(1, round(width * WIPE_SHARE))
    behind = amount * (width + soft) - (np.arange(width) + 0.5)  # columns that the border is past
    part = np.clip(behind / soft, 0, 1)
    share = part**2 * (3 - 2 * part)
    start, end = np.count_nonzero(share >= 1), np.count_nonzero(share > 0)
    wiped = first.copy()
    wiped[:, :start] = second[:, :start]
    linear, border, of_second = light_of_levels(), np.s_[:, start:end], share[start:end, None]
    light = linear[first[border]] * (1 - of_second) + linear[second[border]] * of_second
    wiped[border] = nearest_levels(light)
    return wiped


_JOINS: dict[Join, Callable[[Pixels, Pixels, float], Pixels]] = {"mix": mix, "wipe": wipe}


def joined(frame: Frame, first: Pixels, second: Pixels) -> Pixels:
    """Join two pictures as a frame joins its two stills.

    Args:
        frame: says how, and how far the second has come.
        first: uint8 `(height, width, 3)`.
        second: picture of the same shape.
    """
    return _JOINS[frame.join](first, second, frame.mix)


def pad_to_even(frame: Pixels) -> Pixels:
    """Repeat the last row and column where height or width is odd, as yuv420p needs even ones."""
    height, width = frame.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return frame
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def render_frames(
    timeline: Sequence[Frame],
    read_still: Callable[[Still], Pixels],
    *,
    ahead: int = 4 + READERS,
    threads: int = READERS,
) -> Iterator[Pixels]:
    """Yield the pixels of every frame in turn, reading the stills that come next on threads.

    A still is read once for all the consecutive frames that show it and forgotten after them; no
    more than `ahead + 1` of them are in memory, however long the film. Frames that show one still
    share its array: do not write into it.

    Args:
        timeline: what each frame shows.
        read_still: gives a still's pixels, uint8 `(height, width, 3)`, all of one size; called on
            several threads at once.
        ahead: how many stills are read before they are needed.
        threads: how many threads read them.

    Raises:
        FilmError: a still's size differs from the first one's.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="stills")
    stills: dict[Still, Future[Pixels]] = {}
    uses: Counter[Still] = Counter()
    shape: tuple[int, ...] | None = None
    end = 0  # frames before this one have had their stills asked for
    try:
        for number, frame in enumerate(timeline):
            while end < len(timeline) and (end <= number or len(stills) < ahead):
                for still in _shown(timeline[end]):
                    uses[still] += 1
                    if still not in stills:
                        stills[still] = pool.submit(read_still, still)
                end += 1
            pixels = [stills[still].result() for still in _shown(frame)]
            for still, picture in zip(_shown(frame), pixels, strict=True):
                shape = shape or picture.shape
                _check_size(still, picture.shape, shape)
                uses[still] -= 1
                if not uses[still]:
                    del stills[still]
            yield joined(frame, *pixels) if len(pixels) > 1 else pixels[0]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _shown(frame: Frame) -> tuple[Still, ...]:
    return (frame.first,) if frame.second is None else (frame.first, frame.second)


def _check_pair(first: Pixels, second: Pixels, amount: float) -> None:
    if first.shape != second.shape:
        raise ValueError(f"cannot mix pictures of shapes {first.shape} and {second.shape}")
    if not 0 <= amount <= 1:
        raise ValueError(f"amount must be in [0, 1], got {amount}")


def _check_size(still: Still, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if shape != expected:
        where = "the content" if still.shot is None else f"step {still.step} of shot {still.shot}"
        raise FilmError(
            f"{where} is {shape[1]}x{shape[0]} pixels, but the film is {expected[1]}x{expected[0]};"
            " render that shot again or resize its pictures"
        )
