"""Memory, disk and time of a shot before it starts: arithmetic from sizes, steps and settings."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from medley.errors import Part, ResourceError, Setting
from medley.settings import (
    PICTURE_BYTES,
    SHORTEST_HISTORY,
    SHORTEST_SIDE,
    VGG_LAYERS,
    ShotSettings,
    TileSetting,
)
from medley.settings.housekeeping import amount
from medley.settings.shot import LOSS_LAYERS
from medley.transfer.scales import Scale
from medley.transfer.tiles import lay_tiles
from medley.vgg.layers import HALVES

TILES = (2048, 1024, 768, 512, 384, 256)
"""Sides of tiles that "auto" tries, largest first; smaller ones cost much more time."""

# Values of a layer that the libraries of GPUs can address. Beyond, they read and write elsewhere in
# memory, or find no way to compute it. CPUs have no such bound.
_COUNTABLE = 2**31

# Bytes a pixel; fitted with scripts/bench_memory, which gives freed blocks back to the system.
_WORK = 1300  # features and gradients in float32 of what is computed at once
_HALF_WORK = 770  # features and gradients in 16 bits
_FINISHING = 2  # pictures: the mean so far, or the content, and the iterate mixed with it
_KEEPING = 5  # pictures: the photo and its mask at two sizes, and what is seen; by count
_PADDED_WORK = 1.5  # factor for padding that copies the input of convolutions; an estimate
_PAINTING_WORK = 600  # features of a painting, which need no gradients
_CONTENT_TILED = 14 / 32  # share of the content's features that is kept in tiles, without zeros
_ENCODING = 10  # an iterate while it is encoded: pixels, Pillow's copy, PNG
_PNG = 2.4  # an iterate on the disk

_SETTLING = 85e6  # bytes that libraries allocate when they first compute in float32
_HALF_SETTLING = 115e6  # bytes that they allocate when they first compute in 16 bits

_SPARE = 0.9  # share of the free memory that is counted on
_DISK_SPARE = 0.75  # a run begins if it finds at least this share of the disk it needs

# Time of a tiled step against an untiled one of as many pixels: Grams need a pass of their own.
_TILED_TIME = 1.5


class Pace(NamedTuple):
    """Speed at which a machine takes shots.

    Attributes:
        step_s, pixel_s: seconds a step, and seconds a pixel and step.
        opening_s: seconds a pixel before a shot's first step.
        ending_s: seconds a pixel for the final picture's evaluation.
        keeping_s: seconds a pixel by which encoding a kept iterate delays the steps.
    """

    step_s: float
    pixel_s: float
    opening_s: float = 0.0
    ending_s: float = 0.0
    keeping_s: float = 0.0


def peak_bytes(scales: Sequence[Scale], settings: ShotSettings, tile: int | None) -> float:
    """Peak memory of a shot in bytes, besides the memory that the process has before it."""
    history = settings.history_at(scales[-1].height, scales[-1].width)
    halved = settings.precision in HALVES
    area = scales[-1].height * scales[-1].width
    is_finished = settings.average > 0 or settings.preserve_color == "luminance"
    shown = _FINISHING * PICTURE_BYTES * area if is_finished else 0
    shown += _KEEPING * PICTURE_BYTES * area if settings.keep else 0
    return (
        (_HALF_SETTLING if halved else _SETTLING)
        + shown
        + max(_scale_bytes(scale, settings, history, tile) for scale in scales)
    )


def _scale_bytes(scale: Scale, settings: ShotSettings, history: int, tile: int | None) -> float:
    height, width, steps = scale
    area = height * width
    is_tiled = tile is not None and max(height, width) > tile
    work: float = _HALF_WORK if settings.precision in HALVES else _WORK
    if settings.padding != "zeros":
        work *= _PADDED_WORK
    if settings.optimizer == "lbfgs":
        # L-BFGS: two pictures for each move, the picture and its gradient, and their successors.
        evaluating = 2 * min(history, steps) + 2
        moving = evaluating + 1
    else:
        # Adam: its own copy, two moments, the gradient, the last two iterates; two temporaries.
        evaluating, moving = 6, 8
    # Features of paintings are computed before the first step, in tiles like the picture's.
    features, painting = area, _PAINTING_WORK * area * settings.style_scale**2
    if is_tiled and tile is not None:
        features = max(_region_areas(height, width, tile, settings.layers))
        painting = 0
    kept = area * (_content_bytes(settings) * (_CONTENT_TILED if is_tiled else 1) + _ENCODING)
    evaluated = evaluating * PICTURE_BYTES * area + work * features
    peak = max(evaluated, moving * PICTURE_BYTES * area, painting)
    return kept + peak


def _content_bytes(settings: ShotSettings) -> float:
    """Bytes a pixel of content features: 32 for relu4_2, 512 channels at 1/64 of the pixels."""
    layers = (VGG_LAYERS[name] for name in settings.content_layer_weights)
    return sum(4 * layer.channels / layer.stride**2 for layer in layers)


def shot_seconds(
    scales: Sequence[Scale],
    pace: Pace,
    tile: int | None,
    keep_every: int = 1,
    evaluations: int = 1,
) -> float:
    """Seconds that a shot takes, from its targets to the evaluation of its final picture.

    Args:
        scales: sizes and steps.
        pace: speed of the machine.
        tile: side of tiles in pixels; None for none.
        keep_every: steps from one kept iterate to the next.
        evaluations: how often a step judges a picture.
    """
    pixels = [_computed_pixels(scale, tile) for scale in scales]
    steps = sum(
        evaluations * scale.steps * (pace.step_s + pace.pixel_s * computed)
        for scale, computed in zip(scales, pixels, strict=True)
    )
    opening = pace.opening_s * sum(pixels)  # targets are computed at each size
    kept = _kept(scales, keep_every) * scales[-1].height * scales[-1].width
    return steps + opening + pace.ending_s * pixels[-1] + pace.keeping_s * kept


def _computed_pixels(scale: Scale, tile: int | None) -> float:
    """The number of pixels that a step computes, with halos and repeated passes."""
    if tile is None or max(scale.height, scale.width) <= tile:
        return scale.height * scale.width
    return _TILED_TIME * sum(_region_areas(scale.height, scale.width, tile))


def _region_areas(
    height: int, width: int, tile: int, layers: Sequence[str] = LOSS_LAYERS
) -> list[int]:
    regions = (one.region for one in lay_tiles(height, width, tile, layers))
    return [(bottom - top) * (right - left) for top, bottom, left, right in regions]


def disk_bytes(scales: Sequence[Scale], settings: ShotSettings) -> float:
    """Bytes of a shot's iterates on the disk; each has the full size, whatever its scale."""
    return _kept(scales, settings.keep_every) * scales[-1].height * scales[-1].width * _PNG


def _kept(scales: Sequence[Scale], every: int) -> int:
    """The number of iterates of a shot that are kept."""
    last = sum(scale.steps for scale in scales)
    return last // every + 1 + (last % every > 0)


def choose_tile(
    asked: TileSetting,
    scales: Sequence[Scale],
    settings: ShotSettings,
    free: float | None,
    device: str = "cpu",
) -> int | None:
    """Decide whether a shot is computed in tiles, and how large they are.

    Args:
        asked: side in pixels or "off", taken if it may fit at all; or "auto", which takes the
            largest tiles that fit, and none if the picture fits as a whole.
        scales: sizes of the shot.
        settings: settings of the shot.
        free: free memory in bytes, or None if it is unknown: then everything fits.
        device: name of the device that computes; on a GPU a picture must also not be too large.

    Returns:
        Side of the tiles in pixels, or None for none.

    Raises:
        ResourceError: nothing fits, or not what was asked for; the message names what would fit.
    """
    named = f"{scales[-1].width}x{scales[-1].height} pixels"
    free = math.inf if free is None else free
    if asked != "auto":
        tile = None if asked == "off" else asked
        need = peak_bytes(scales, settings, tile)
        if need > free:
            raise ResourceError(
                f"{named} take {amount(need)} of memory with ", Setting("tile", asked),
                f", and {amount(free)} are free; pass ", Setting("tile", "auto"),
                ", or a smaller ", Setting("size"),
            )  # fmt: skip
        if not _is_countable(scales[-1], settings, tile, device):
            raise ResourceError(
                f"{named} are more than a GPU can compute at once with ", Setting("tile", asked),
                "; pass ", Setting("tile", "auto"),
            )  # fmt: skip
        return tile
    for tile in (None, *TILES):
        fits = peak_bytes(scales, settings, tile) <= _SPARE * free
        if fits and _is_countable(scales[-1], settings, tile, device):
            return tile
    need = peak_bytes(scales, settings, TILES[-1])
    raise ResourceError(
        f"{named} take {amount(need)} of memory even in tiles, and {amount(free)} are free,"
        " a tenth of which is left to others; ",
        *way_out(scales, settings, free),
    )


def _is_countable(scale: Scale, settings: ShotSettings, tile: int | None, device: str) -> bool:
    """Whether the device can address what is computed at once at a size."""
    if device == "cpu":
        return True
    if tile is None or max(scale.height, scale.width) <= tile:
        # Paintings are not computed in tiles either then.
        pixels = scale.height * scale.width * max(1.0, settings.style_scale**2)
    else:
        pixels = max(_region_areas(scale.height, scale.width, tile, settings.layers))
    return VGG_LAYERS["conv1_1"].channels * pixels < _COUNTABLE


def way_out(scales: Sequence[Scale], settings: ShotSettings, free: float) -> list[Part]:
    """Name the settings that would each make a shot fit into `free` bytes."""

    def fits(**changes: object) -> bool:
        other = settings.model_copy(update=changes)
        return peak_bytes(scales, other, TILES[-1]) <= _SPARE * free

    ways = []
    if settings.optimizer == "lbfgs":
        history = settings.history_at(scales[-1].height, scales[-1].width)
        fitting = [h for h in range(history - 1, SHORTEST_HISTORY - 1, -1) if fits(history=h)]
        ways += [Setting("history", h) for h in fitting[:1]]
        if fits(optimizer="adam"):
            ways.append(Setting("optimizer", "adam"))
    if side := _largest_side(scales[-1], settings, TILES[-1], _SPARE * free):
        ways.append(Setting("size", side))
    return ["pass ", *any_of(ways)] if ways else ["close other programs"]


def any_of(ways: Sequence[Setting]) -> list[Part]:
    """Name settings with "or" between them."""
    parts: list[Part] = []
    for way in ways:
        parts += [" or ", way]
    return parts[1:]


def smaller(scales: Sequence[Scale], settings: ShotSettings, tile: int | None) -> list[Part]:
    """Name the settings with which a shot that ran out of memory would take half as much."""
    goal = peak_bytes(scales, settings, tile) / 2
    below = smaller_tile(scales, settings, tile)
    ways = [Setting("tile", below)] if below else []
    side = _largest_side(scales[-1], settings, tile, goal)
    return any_of([*ways, Setting("size", side or SHORTEST_SIDE)])


def smaller_tile(scales: Sequence[Scale], settings: ShotSettings, tile: int | None) -> int | None:
    """Find the largest tile with which a shot takes half as much memory, else the smallest one.

    Returns:
        Side of the tile in pixels, or None if there is no smaller one.
    """
    goal = peak_bytes(scales, settings, tile) / 2
    below = [side for side in TILES if side < (tile or max(scales[-1].height, scales[-1].width))]
    fitting = [side for side in below if peak_bytes(scales, settings, side) <= goal]
    return next(iter([*fitting, *below[-1:]]), None)


def _largest_side(
    scale: Scale, settings: ShotSettings, tile: int | None, free: float
) -> int | None:
    """The longest side of a picture of that shape that fits into `free` bytes."""
    longest = max(scale.height, scale.width)

    def fits(side: int) -> bool:
        height, width = (max(SHORTEST_SIDE, round(n * side / longest)) for n in scale[:2])
        return peak_bytes([Scale(height, width, scale.steps)], settings, tile) <= free

    return next((side for side in reversed(range(64, longest, 32)) if fits(side)), None)


def check_disk(need: float, free: float | None) -> None:
    """Refuse a run whose iterates the disk is far too small for.

    Args:
        need: bytes that the iterates will take.
        free: bytes that are free, or None if that is unknown.

    Raises:
        ResourceError: far less is free than the iterates need.
    """
    if free is not None and free < _DISK_SPARE * need:
        raise ResourceError(
            f"the iterates will take {amount(need)} and the disk has {amount(free)} free; pass ",
            Setting("keep_every"), ", or a ", Setting("workspace"), " on another disk",
        )  # fmt: skip
