"""Which pictures each frame of a film shows: pacing, holds and dissolves, pure and exact.

A *frame* is a number in the film; a *step* is the number of an optimizer's iterate. Every
painting has a stretch of the film, in four parts that follow one another:

    content held | its iterates, from step 0 on | the result held | a dissolve to the content

The result is held for `hold_s`; the content's hold and the dissolve take half of that each, and
the iterates get what remains. A dissolve ends on the content exactly, so the film's first and
last frames are the content and it loops.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Literal, get_args

from medley.errors import FilmError

Pace = Literal["visual", "even"]

# The share of the iterates' time in which the pace rises from rest, and again in which it falls.
EASED_SHARE = 0.15
# An iterate part shorter than this would show no change at all.
MIN_ITERATE_FRAMES = 2


@dataclass(frozen=True)
class ShotTrack:
    """What a timeline needs to know of a finished shot.

    Args:
        steps: numbers of the kept iterates, ascending; the first is 0, the starting image.
        changes: visual change of each kept step against the kept one before it, in any unit;
            the first is 0.

    Raises:
        ValueError: the steps or changes are not as said above, or a change is not finite.
    """

    steps: tuple[int, ...]
    changes: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse a track from which no timeline can be made."""
        if not self.steps or self.steps[0] != 0:
            raise ValueError(f"a shot's kept steps start with 0, got {self.steps[:3]}")
        if any(
            later <= earlier for earlier, later in zip(self.steps, self.steps[1:], strict=False)
        ):
            raise ValueError("a shot's kept steps must ascend")
        if len(self.changes) != len(self.steps):
            raise ValueError(
                f"{len(self.steps)} steps need as many changes, not {len(self.changes)}"
            )
        if self.changes[0] != 0:
            raise ValueError(f"the first step's change is 0, got {self.changes[0]}")
        for step, change in zip(self.steps, self.changes, strict=True):
            if not (math.isfinite(change) and change >= 0):
                raise ValueError(f"the change at step {step} must be finite and >= 0, got {change}")


@dataclass(frozen=True)
class Still:
    """Where a picture's pixels come from: a step of a shot, or the content (`shot` is None).

    A film of several contents numbers them by `step`; a single one is number 0.
    """

    shot: int | None
    step: int


@dataclass(frozen=True)
class Frame:
    """What one frame shows: `first * (1 - mix) + second * mix`, in linear light.

    `second` is None, and `mix` 0, where a single still is shown.
    """

    first: Still
    second: Still | None
    mix: float


CONTENT = Still(None, 0)


@dataclass(frozen=True)
class _Parts:
    """How many frames the parts of a painting's stretch take, in their order."""

    content: int
    iterates: int
    result: int
    dissolve: int


def medley_timeline(
    shots: Sequence[ShotTrack],
    *,
    fps: Fraction,
    seconds_per_painting: Fraction | float,
    hold_s: float,
    pace: Pace = "visual",
    contents: Sequence[Still] | None = None,
) -> list[Frame]:
    """Place the kept steps of every shot, one painting after another, on the frames of a film.

    Painting i ends at frame `round(fps * seconds_per_painting * (i + 1))`, computed from exact
    fractions (a float means its shortest decimal form; a half rounds to the even frame), so
    nothing drifts and the film has exactly `round(fps * seconds_per_painting * len(shots))`
    frames. Each hold is rounded the same way and lasts a frame at least.

    Args:
        shots: one track per painting, in the film's order.
        fps: frames per second, exact.
        seconds_per_painting: the whole stretch of one painting.
        hold_s: seconds for which the finished result is held.
        pace: `visual` advances the cumulative visual change at a constant rate that eases in and
            out; `even` gives equal time to equal numbers of steps. A shot that never changes is
            paced evenly.
        contents: what each shot repaints, where that is not one `CONTENT` for all of them.

    Returns:
        One entry per frame; the first and the last show the first content alone.

    Raises:
        ValueError: no shots, another number of contents, an unknown pace, or a number that is not
            finite and positive.
        FilmError: the holds leave too few frames for the iterates.
    """
    if not shots:
        raise ValueError("a timeline needs at least one shot")
    if pace not in get_args(Pace):
        raise ValueError(f"pace must be one of {', '.join(get_args(Pace))}, got {pace!r}")
    seconds, hold = _exact("seconds_per_painting", seconds_per_painting), _exact("hold_s", hold_s)
    if fps <= 0 or seconds <= 0 or hold < 0:
        raise ValueError(
            f"fps and seconds_per_painting must be > 0, hold_s >= 0, got {fps}, {seconds}, {hold}"
        )
    contents = contents or [CONTENT] * len(shots)
    if len(contents) != len(shots):
        raise ValueError(f"{len(shots)} shots need as many contents, not {len(contents)}")
    ends = [round(fps * seconds * count) for count in range(len(shots) + 1)]
    frames: list[Frame] = []
    for number, (shot, start, end) in enumerate(zip(shots, ends, ends[1:], strict=False)):
        parts = _parts(end - start, fps=fps, hold_s=hold)
        frames += [Frame(contents[number], None, 0.0)] * parts.content
        frames += _iterates(number, shot, parts.iterates, pace)
        result = Still(number, shot.steps[-1])
        frames += [Frame(result, None, 0.0)] * parts.result
        frames += _dissolve(result, contents[(number + 1) % len(shots)], parts.dissolve)
    return frames


def ease(time: float) -> float:
    """Map time to way, both in [0, 1]: constant speed between a smooth start and a smooth end.

    The speed follows smoothstep, `3 u^2 - 2 u^3`, over the first `EASED_SHARE` of the time and
    its mirror image over the last; its integral, `u^3 - u^4 / 2`, gives the way.
    """
    if time > 0.5:
        return 1.0 - ease(1.0 - time)
    speed = 1.0 / (1.0 - EASED_SHARE)
    if time >= EASED_SHARE:
        return speed * (time - EASED_SHARE / 2)
    part = time / EASED_SHARE
    return speed * EASED_SHARE * (part**3 - part**4 / 2)


def _exact(name: str, number: Fraction | float) -> Fraction:
    """The fraction that a number's shortest decimal form means: 0.1 is 1/10."""
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    return Fraction(str(number))


def _parts(count: int, *, fps: Fraction, hold_s: Fraction) -> _Parts:
    """Divide one painting's `count` frames among its parts."""
    held = max(1, round(fps * hold_s))
    halved = max(1, round(fps * hold_s / 2))
    iterates = count - held - 2 * halved
    if iterates < MIN_ITERATE_FRAMES:
        needed_s = (held + 2 * halved + MIN_ITERATE_FRAMES + 1) / fps
        raise FilmError(
            f"{count} frames per painting ({float(count / fps):.2f} s at {float(fps):.5g} fps) are "
            f"too few: a hold of {float(hold_s):g} s and the turn to the next painting take "
            f"{held + 2 * halved}, and the iterates need {MIN_ITERATE_FRAMES} more; raise "
            f"--seconds-per-painting to {math.ceil(needed_s * 10) / 10:g} or lower --hold"
        )
    return _Parts(content=halved, iterates=iterates, result=held, dissolve=halved)


def _iterates(number: int, shot: ShotTrack, count: int, pace: Pace) -> list[Frame]:
    """Show the way from step 0 to the last in `count` frames.

    The first of them shows step 0 exactly; the result's hold, which follows, begins where frame
    `count` would be, so that the motion runs into it without a stutter.
    """
    way = list(accumulate(shot.changes))
    visual = pace == "visual" and way[-1] > 0
    if not visual:
        way = [float(step) for step in shot.steps]
    times = (index / count for index in range(count))
    return [_at(number, shot, way, way[-1] * (ease(time) if visual else time)) for time in times]


def _at(number: int, shot: ShotTrack, way: Sequence[float], target: float) -> Frame:
    """The frame at which `target` of the cumulative `way` has been gone."""
    before = bisect_right(way, target) - 1
    if before + 1 == len(way):
        return Frame(Still(number, shot.steps[-1]), None, 0.0)
    first = Still(number, shot.steps[before])
    mix = (target - way[before]) / (way[before + 1] - way[before])
    if mix == 0:
        return Frame(first, None, 0.0)
    return Frame(first, Still(number, shot.steps[before + 1]), mix)


def _dissolve(start: Still, end: Still, count: int) -> list[Frame]:
    """Fade from `start`, which the frame before shows, to `end`, which the last of these shows."""
    fading = [Frame(start, end, ease(index / count)) for index in range(1, count)]
    return [*fading, Frame(end, None, 0.0)]
