"""Which pictures each frame of a film shows: pacing, holds and transitions, pure and exact.

A *frame* is a number in the film; a *step* is the number of an optimizer's iterate. Every
painting has a stretch of the film, in four parts that follow one another:

    content held | its iterates, from step 0 on | the result held | the turn to the next content

The result is held for `hold_s` and the content for half of that, the turn takes its share of the
whole stretch, and the iterates get what remains. A turn ends on the content exactly, so that a
film whose last painting turns to the first one's content loops.

In a chain each shot starts from the last result: there is no content between, and no turn.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from typing import Literal, assert_never, get_args

from medley.errors import FilmError, Setting
from medley.settings.film import Pace, Transition

# The share of the iterates' time in which the pace rises from rest, and again in which it falls.
EASED_SHARES: dict[Pace, float] = {"visual": 0.15, "ease": 0.5, "even": 0.0}
# The share of a painting's stretch that the turn takes; a chain turns once, at its end.
TURN_SHARES: dict[Transition, Fraction] = {
    "rewind": Fraction(1, 6),
    "dissolve": Fraction(1, 10),
    "wipe": Fraction(1, 10),
    "chain": Fraction(1, 10),
    "cut": Fraction(0),
}
# The share of the way between two paintings of a walk in which one is gone and the other comes.
PASSING_SHARE = 0.25
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


Join = Literal["mix", "wipe"]
"""How two pictures are one frame; see `film.mix.joined`."""


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

    `second` is None, and `mix` 0, where a single still is shown. Where they are joined by a wipe,
    `mix` says how far `second` has moved in over `first`.
    """

    first: Still
    second: Still | None
    mix: float
    join: Join = "mix"


CONTENT = Still(None, 0)


@dataclass(frozen=True)
class _Parts:
    """How many frames the parts of a painting's stretch take, in their order."""

    content: int
    iterates: int
    result: int
    turn: int


@dataclass(frozen=True)
class _Clock:
    """The lengths that all stretches share, exact."""

    fps: Fraction
    seconds: Fraction
    hold: Fraction

    def count(self, seconds: Fraction) -> int:
        """The frames of a part that long: one at least."""
        return max(1, round(self.fps * seconds))


@dataclass(frozen=True)
class _Route:
    """The way that a shot's picture goes from step 0 to the last, and how it is gone."""

    number: int
    steps: tuple[int, ...]
    way: tuple[float, ...]
    eased: float

    @property
    def result(self) -> Still:
        return Still(self.number, self.steps[-1])

    def at(self, time: float) -> Frame:
        """What is seen at a time in [0, 1] of it."""
        target = self.way[-1] * ease(time, self.eased)
        before = bisect_right(self.way, target) - 1
        if before + 1 == len(self.way):
            return Frame(self.result, None, 0.0)
        first = Still(self.number, self.steps[before])
        mix = (target - self.way[before]) / (self.way[before + 1] - self.way[before])
        if mix == 0:
            return Frame(first, None, 0.0)
        return Frame(first, Still(self.number, self.steps[before + 1]), mix)


def medley_timeline(
    shots: Sequence[ShotTrack],
    *,
    fps: Fraction,
    seconds_per_painting: Fraction | float,
    hold_s: float,
    pace: Pace = "visual",
    transition: Transition = "rewind",
    loop: bool = True,
    contents: Sequence[Still] | None = None,
) -> list[Frame]:
    """Place the kept steps of every shot, one painting after another, on the frames of a film.

    Painting i ends at frame `round(fps * seconds_per_painting * (i + 1))`, from exact fractions (a
    float means its shortest decimal form; a half rounds to the even frame), so nothing drifts.
    Each part is rounded the same way and lasts a frame at least.

    Args:
        shots: one track per painting, in the film's order.
        fps: frames per second, exact.
        seconds_per_painting: the whole stretch of one painting.
        hold_s: seconds for which the finished result is held.
        pace: `visual` advances the cumulative visual change at a constant rate but for a short
            start and end; the rate of `ease` rises until the middle and falls from there; `even`
            gives equal time to equal numbers of steps. A shot that never changes is paced evenly.
        transition: how one painting turns to the next one's content: `rewind` goes the iterates
            back, `dissolve` fades, `wipe` moves it in, `cut` takes no time; in a `chain` there is
            none, as each shot goes on from the one before.
        loop: turn from the last result to the first content, a chain by a dissolve; otherwise the
            last result is held for as much longer.
        contents: what each shot repaints, where that is not one `CONTENT` for all of them.

    Returns:
        One entry per frame, from the first content and, in a loop without cuts, back to it.

    Raises:
        ValueError: no shots, another number of contents, an unknown pace or transition, or a
            number that is not finite and positive.
        FilmError: the holds and the turn leave too few frames for the iterates.
    """
    if not shots:
        raise ValueError("a timeline needs at least one shot")
    _check_choice("pace", pace, get_args(Pace))
    _check_choice("transition", transition, get_args(Transition))
    contents = contents or [CONTENT] * len(shots)
    if len(contents) != len(shots):
        raise ValueError(f"{len(shots)} shots need as many contents, not {len(contents)}")
    clock = _clock(fps, seconds_per_painting, hold_s)
    ends = [round(fps * clock.seconds * count) for count in range(len(shots) + 1)]
    frames: list[Frame] = []
    for number, (shot, start, end) in enumerate(zip(shots, ends, ends[1:], strict=False)):
        is_last, chained = number + 1 == len(shots), transition == "chain"
        share = Fraction(0) if chained and not is_last else TURN_SHARES[transition]
        parts = _parts(end - start, clock, not chained or number == 0, share)
        if is_last and not loop:
            parts = replace(parts, result=parts.result + parts.turn, turn=0)
        turned_to = contents[(number + 1) % len(shots)]
        route = _route(number, shot, pace)
        frames += _stretch(parts, route, contents[number], turned_to, transition)
    return frames


def walk_timeline(lap: int, lead: int, every: int) -> list[Frame]:
    """Show a walk's iterates one by one, so that its end leads into its beginning.

    A picture that comes round again is not quite the one that it was. So the last frames of the
    lap dissolve into those that led up to it, and the film ends on the iterate before its first.

    Args:
        lap: frames of the film.
        lead: frames' worth of iterates before the film's first, of the only shot.
        every: steps from one frame to the next.

    Raises:
        ValueError: fewer frames than that are to dissolve.
    """
    if not 1 <= lead <= lap:
        raise ValueError(f"{lap} frames cannot dissolve into {lead}")
    stills = [Still(0, number * every) for number in range(lead + lap)]
    return [
        *(Frame(still, None, 0.0) for still in stills[lead:lap]),
        *(
            Frame(ending, beginning, ease(number / lead))
            for number, (ending, beginning) in enumerate(
                zip(stills[lap:-1], stills[: lead - 1], strict=True), start=1
            )
        ),
        Frame(stills[lead - 1], None, 0.0),
    ]


def walk_shares(lap: int, paintings: int) -> list[dict[int, float]]:
    """How much of each frame of a walk belongs to which painting: all of it to the nearest one.

    Midway between two of them, in `PASSING_SHARE` of the way, one gives way to nothing and that to
    the other: words that dissolve into other words could be read as neither.

    Args:
        lap: frames of the film.
        paintings: how many there are.
    """
    places = (number * paintings / lap for number in range(lap))
    return [
        {round(place) % paintings: min(1.0, (0.5 - abs(place - round(place))) * 2 / PASSING_SHARE)}
        for place in places
    ]


def ease(time: float, share: float = EASED_SHARES["visual"]) -> float:
    """Map time to way, both in [0, 1]: constant speed between a smooth start and a smooth end.

    The speed follows smoothstep, `3 u^2 - 2 u^3`, over the first `share` of the time, at most half
    of it, and its mirror image over the last; its integral, `u^3 - u^4 / 2`, gives the way.
    """
    if time > 0.5:
        return 1.0 - ease(1.0 - time, share)
    speed = 1.0 / (1.0 - share)
    if time >= share:
        return speed * (time - share / 2)
    part = time / share
    return speed * share * (part**3 - part**4 / 2)


def _check_choice(name: str, choice: str, known: tuple[str, ...]) -> None:
    if choice not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {choice!r}")


def _clock(fps: Fraction, seconds: Fraction | float, hold: Fraction | float) -> _Clock:
    exact = _Clock(fps, _exact("seconds_per_painting", seconds), _exact("hold_s", hold))
    if fps <= 0 or exact.seconds <= 0 or exact.hold < 0:
        raise ValueError(
            f"fps and seconds_per_painting must be > 0, hold_s >= 0, got {fps}, {seconds}, {hold}"
        )
    return exact


def _exact(name: str, number: Fraction | float) -> Fraction:
    """The fraction that a number's shortest decimal form means: 0.1 is 1/10."""
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    return Fraction(str(number))


def _parts(count: int, clock: _Clock, opens: bool, turn_share: Fraction) -> _Parts:
    """Divide one painting's `count` frames among its parts; only one that opens has a content."""
    content = clock.count(clock.hold / 2) if opens else 0
    result = clock.count(clock.hold)
    turn = clock.count(clock.seconds * turn_share) if turn_share else 0
    iterates = count - content - result - turn
    if iterates < MIN_ITERATE_FRAMES:
        # Two more, because the stretch and its turn may each be rounded against it.
        needed = content + result + MIN_ITERATE_FRAMES + 2
        needed_s = math.ceil(needed / (clock.fps * (1 - turn_share)) * 10) / 10
        raise FilmError(
            f"{count} frames per painting ({float(clock.seconds):.4g} s at {float(clock.fps):.5g}"
            f" fps) are too few: a hold of {float(clock.hold):g} s and the turn to the next"
            f" painting take {count - iterates}, and the iterates need {MIN_ITERATE_FRAMES} more;"
            " raise ",
            Setting("seconds_per_painting"),
            f" to {needed_s:g} or lower ",
            Setting("hold"),
        )
    return _Parts(content, iterates, result, turn)


def _route(number: int, shot: ShotTrack, pace: Pace) -> _Route:
    way = tuple(accumulate(shot.changes))
    if pace == "even" or way[-1] == 0:
        return _Route(number, shot.steps, tuple(map(float, shot.steps)), EASED_SHARES["even"])
    return _Route(number, shot.steps, way, EASED_SHARES[pace])


def _stretch(
    parts: _Parts, route: _Route, content: Still, turned_to: Still, transition: Transition
) -> list[Frame]:
    """Every frame of one painting's part of the film."""
    return [
        *[Frame(content, None, 0.0)] * parts.content,
        # The result's hold begins where frame `parts.iterates` would be: without a stutter.
        *(route.at(index / parts.iterates) for index in range(parts.iterates)),
        *[Frame(route.result, None, 0.0)] * parts.result,
        *_turn(route, turned_to, transition, parts.turn),
    ]


def _turn(route: _Route, content: Still, transition: Transition, count: int) -> list[Frame]:
    """Lead from a shot's result, which the frame before shows, to a content, shown by the last."""
    if not count or transition == "cut":
        return []
    times = [index / count for index in range(1, count)]
    if transition == "rewind":
        between = [route.at(1 - time) for time in times]
    elif transition == "dissolve" or transition == "chain":
        between = [Frame(route.result, content, ease(time)) for time in times]
    elif transition == "wipe":
        between = [Frame(route.result, content, ease(time), "wipe") for time in times]
    else:
        assert_never(transition)
    return [*between, Frame(content, None, 0.0)]
