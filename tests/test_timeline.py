import math
import random
from fractions import Fraction
from itertools import accumulate, pairwise, product
from typing import get_args

import numpy as np
import pytest

from medley.errors import FilmError
from medley.film import timeline
from medley.film.timeline import CONTENT, Frame, ShotTrack, Still, ease, medley_timeline
from medley.settings.film import Pace, Transition

RATES = [Fraction(10), Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)]
# As L-BFGS does: most of the change in the first few steps.
FALLING = ShotTrack(tuple(range(101)), (0.0, *(1 / step for step in range(1, 101))))


PACES = get_args(Pace)
TRANSITIONS = get_args(Transition)


def lay_out(shots=(FALLING,), fps=Fraction(24), seconds=5.0, hold=1.0, pace="visual", **more):
    return medley_timeline(
        shots, fps=fps, seconds_per_painting=seconds, hold_s=hold, pace=pace, **more
    )


def position(frame, track):
    """Where on the cumulative change a frame stands."""
    return place_on(dict(zip(track.steps, np.cumsum(track.changes), strict=True)), frame)


def place_on(way, frame):
    first = way[frame.first.step]
    return first if frame.second is None else first + frame.mix * (way[frame.second.step] - first)


def iterates_of(frames, shot=0):
    """Frames between the content's hold and the result's."""
    result = Still(shot, FALLING.steps[-1])
    end = next(number for number, frame in enumerate(frames) if frame.first == result)
    return [frame for frame in frames[:end] if frame.first.shot == shot]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("seconds", [3, 4.1, Fraction(10, 3)])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_frames_are_exactly_rate_times_seconds(fps, seconds, count):
    frames = lay_out([FALLING] * count, fps, seconds)
    assert len(frames) == round(fps * Fraction(str(seconds)) * count)


def random_track(rng):
    """A shot of any length and thinning, whose changes may be nothing, tiny or huge."""
    steps = [0, *sorted(rng.sample(range(1, 400), rng.randint(0, 30)))]
    scale = rng.choice([0.0, 1e-9, 1.0, 1e9])
    changes = [scale * rng.random() ** 4 * rng.choice([0, 1, 1]) for _ in steps[1:]]
    return ShotTrack(tuple(steps), (0.0, *changes))


@pytest.mark.parametrize(("transition", "loop"), list(product(TRANSITIONS, [True, False])))
def test_any_film_has_its_exact_length_and_shows_each_shot_from_start_to_result(transition, loop):
    rng = random.Random(f"{transition} {loop}")  # noqa: S311 - repeatable is what it must be
    laid_out = 0
    for _ in range(60):
        tracks = [random_track(rng) for _ in range(rng.randint(1, 5))]
        fps = rng.choice([*RATES, Fraction(rng.randint(1, 240), rng.choice([1, 1001]))])
        seconds = Fraction(rng.randint(1, 400), rng.choice([60, 61, 100]))
        try:
            frames = lay_out(
                *(tracks, fps, seconds, rng.choice([0, 0.25, 1.2]), rng.choice(PACES)),
                transition=transition,
                loop=loop,
            )
        except FilmError:
            continue
        laid_out += 1
        assert len(frames) == round(fps * seconds * len(tracks))
        check_order(frames, tracks, transition, loop)
    assert laid_out > 25


def check_order(frames, tracks, transition, loop):
    """Every part comes in its turn, by a reading of the frames alone."""
    for frame in frames:
        assert 0 <= frame.mix < 1
        assert (frame.second is None) == (frame.mix == 0)
        shown = [still for still in (frame.first, frame.second) if still and still.shot is not None]
        assert all(still.step in tracks[still.shot].steps for still in shown)
        if frame.second in shown and frame.join != "wipe":
            steps = tracks[frame.first.shot].steps
            assert frame.first.shot == frame.second.shot
            assert steps.index(frame.second.step) == steps.index(frame.first.step) + 1
    assert frames[0] == Frame(CONTENT, None, 0.0)
    returns = loop and transition != "cut"
    last = Still(len(tracks) - 1, tracks[-1].steps[-1])
    assert frames[-1] == Frame(CONTENT if returns else last, None, 0.0)
    shots = [frame.first.shot for frame in frames if frame.first.shot is not None]
    assert shots == sorted(shots)
    for number, track in enumerate(tracks):
        own = [frame for frame in frames if frame.first.shot == number]
        sums = dict(zip(track.steps, accumulate(track.changes), strict=True))
        way = [place_on(sums, frame) for frame in own if frame.second != CONTENT]
        top = way.index(max(way))
        assert way[: top + 1] == sorted(way[: top + 1])
        assert way[top:] == sorted(way[top:], reverse=True)
        assert way[0] == 0
        assert Frame(Still(number, track.steps[-1]), None, 0.0) in own
        if transition != "rewind" or (number == len(tracks) - 1 and not loop):
            assert own[-1].first.step == track.steps[-1]


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_content_stands_between_paintings_but_in_a_chain(transition):
    frames = lay_out([FALLING] * 3, transition=transition)
    alone = [(frame.first.shot is None) for frame in frames]
    stretches = sum(later and not earlier for earlier, later in pairwise([False, *alone]))
    back = transition != "cut"  # a loop's last frames
    assert stretches == (1 if transition == "chain" else 3) + back
    both = {frame.second for frame in frames if frame.first.shot is not None} - {None}
    assert (CONTENT in both) == (transition in ("dissolve", "wipe", "chain"))
    join = "wipe" if transition == "wipe" else "mix"
    assert {f.join for f in frames if f.second == CONTENT} <= {join}


def test_transition_that_nobody_has_drawn_is_no_dissolve(monkeypatch):
    monkeypatch.setattr(timeline, "get_args", lambda _: (*PACES, "spin"))
    monkeypatch.setitem(timeline.TURN_SHARES, "spin", Fraction(1, 10))
    with pytest.raises(AssertionError, match="spin"):
        lay_out([FALLING] * 2, transition="spin")


def test_chained_shot_follows_the_result_that_it_starts_from():
    frames = lay_out([FALLING] * 2, transition="chain")
    first = next(number for number, frame in enumerate(frames) if frame.first.shot == 1)
    assert frames[first - 1] == Frame(Still(0, 100), None, 0.0)
    assert frames[first] == Frame(Still(1, 0), None, 0.0)


def test_rewind_goes_the_way_back_faster_than_it_came():
    frames = lay_out([FALLING] * 2, seconds=12, transition="rewind")[: 12 * 24]
    way = [position(f, FALLING) for f in frames if f.first.shot == 0]
    top = max(way)
    forward = sum(0 < place < top for place in way[: way.index(top)])
    back = sum(0 < place < top for place in way[way.index(top) :])
    assert forward > 2.5 * back > 2.5 * 24
    assert frames[-1] == Frame(CONTENT, None, 0.0)


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_film_that_does_not_loop_rests_on_its_last_result(transition):
    looping = lay_out([FALLING] * 2, transition=transition)
    resting = lay_out([FALLING] * 2, transition=transition, loop=False)
    result = Frame(Still(1, 100), None, 0.0)
    changed = [number for number, (a, b) in enumerate(zip(looping, resting, strict=True)) if a != b]
    assert changed == list(range(240 - len(changed), 240))
    assert len(changed) == {"cut": 0, "rewind": 20}.get(transition, 12)
    assert resting[-24 - len(changed) :] == [result] * (24 + len(changed))


def test_paintings_do_not_drift_against_the_clock():
    fps = Fraction(24000, 1001)
    frames = lay_out([FALLING] * 50, fps, 3)
    starts = [next(n for n, f in enumerate(frames) if f.first.shot == shot) for shot in range(50)]
    exact = [float(fps * 3 * shot) for shot in range(50)]
    assert max(abs(a - starts[0] - b) for a, b in zip(starts, exact, strict=True)) <= 1


@pytest.mark.parametrize("pace", PACES)
def test_film_begins_and_ends_with_the_content_so_that_it_loops(pace):
    frames = lay_out([FALLING] * 3, pace=pace)
    assert frames[0] == frames[-1] == Frame(CONTENT, None, 0.0)


@pytest.mark.parametrize("pace", PACES)
def test_iterates_only_ever_go_forward_and_reach_the_result(pace):
    frames = lay_out(pace=pace)
    way = [position(frame, FALLING) for frame in iterates_of(frames)]
    assert way[0] == 0
    assert way == sorted(way)
    assert Frame(Still(0, 100), None, 0.0) in frames
    assert all(0 <= frame.mix < 1 for frame in frames)


def test_visual_pace_changes_the_picture_at_a_constant_rate_in_its_middle():
    frames = iterates_of(lay_out(seconds=12))
    speeds = np.diff([position(frame, FALLING) for frame in frames])
    middle = speeds[len(speeds) // 5 : -len(speeds) // 5]
    assert middle.max() / middle.min() < 1.001
    assert speeds[0] < middle[0] / 3  # eased in
    assert speeds[-1] < middle[0] / 3  # eased out


def test_eased_pace_rises_to_twice_the_mean_in_the_middle_and_falls_again():
    frames = iterates_of(lay_out(seconds=12, pace="ease"))
    speeds = np.diff([position(frame, FALLING) for frame in frames])
    middle = len(speeds) // 2
    assert speeds.max() / speeds.mean() == pytest.approx(2, rel=0.02)
    assert abs(speeds.argmax() - middle) <= 1
    assert (np.diff(speeds[:middle]) > 0).all()
    assert (np.diff(speeds[middle + 1 :]) < 0).all()


def test_even_pace_gives_every_step_the_same_time():
    frames = iterates_of(lay_out(seconds=12, pace="even"))
    steps = [f.first.step + (f.mix if f.second else 0) for f in frames]
    assert np.diff(steps) == pytest.approx(100 / len(frames))


def test_result_is_held_as_long_as_asked():
    frames = lay_out(fps=Fraction(30), hold=1.5)
    held = [frame for frame in frames if frame == Frame(Still(0, 100), None, 0.0)]
    assert len(held) == 45


def test_shot_that_never_changes_is_paced_evenly():
    still = ShotTrack((0, 1, 2), (0.0, 0.0, 0.0))
    assert lay_out([still]) == lay_out([still], pace="even")


def test_shot_of_a_single_step_can_be_shown():
    frames = lay_out([ShotTrack((0,), (0.0,))])
    assert {frame.first for frame in frames} == {CONTENT, Still(0, 0)}


def test_thinned_shot_shows_only_steps_that_were_kept():
    track = ShotTrack((0, 5, 10, 12), (0.0, 3.0, 1.0, 0.2))
    shown = {s.step for f in lay_out([track]) for s in (f.first, f.second) if s and s.shot == 0}
    assert shown == {0, 5, 10, 12}


@pytest.mark.parametrize("share", [0, 0.15, 0.5])
def test_easing_keeps_its_ends_and_never_turns_back(share):
    way = [ease(time, share) for time in np.linspace(0, 1, 1001)]
    assert (way[0], way[-1]) == (0, 1)
    assert (np.diff(way) >= 0).all()
    assert ease(0.5, share) == pytest.approx(0.5)
    assert np.add(way, way[::-1]) == pytest.approx(1)


@pytest.mark.parametrize("transition", TRANSITIONS)
@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("seconds", [0.001, 0.04, 1.0, 1.7])
@pytest.mark.parametrize("hold", [0.0, 1.1, 40])
def test_too_short_a_time_is_refused_with_one_that_suffices(transition, fps, seconds, hold):
    def film(seconds):
        return lay_out([FALLING] * 3, fps, seconds, hold, transition=transition)

    try:
        film(seconds)
    except FilmError as refusal:
        words = str(refusal)
        assert f" frames per painting ({seconds:g} s at {float(fps):.5g} fps) are too few" in words
        enough = float(words.split("raise seconds_per_painting to ")[1].split()[0])
        assert film(enough)
        if (less := enough - 0.1 - 5 / float(fps)) > 0:
            with pytest.raises(FilmError, match="too few"):
                film(less)
    else:
        assert seconds >= 1


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"shots": ()}, "at least one shot"),
        ({"pace": "fast"}, "pace must be one of visual, ease, even, got 'fast'"),
        ({"transition": "spin"}, "rewind, dissolve, wipe, chain, cut, got 'spin'"),
        ({"seconds": 0}, "must be > 0"),
        ({"seconds": math.nan}, "must be finite"),
        ({"hold": -1}, "hold_s >= 0"),
        ({"fps": Fraction(0)}, "must be > 0"),
    ],
)
def test_impossible_requests_are_refused(bad, words):
    with pytest.raises(ValueError, match=words):
        lay_out(**bad)


@pytest.mark.parametrize(
    ("steps", "changes", "words"),
    [
        ((), (), "start with 0"),
        ((1, 2), (0.0, 1.0), "start with 0"),
        ((0, 2, 2), (0.0, 1.0, 1.0), "must ascend"),
        ((0, 1), (0.0,), "as many changes"),
        ((0, 1), (1.0, 1.0), "first step's change is 0"),
        ((0, 1), (0.0, math.nan), "change at step 1 must be finite"),
        ((0, 1), (0.0, -1.0), "change at step 1 must be finite and >= 0"),
    ],
)
def test_tracks_that_make_no_sense_are_refused(steps, changes, words):
    with pytest.raises(ValueError, match=words):
        ShotTrack(steps, changes)


def test_film_of_several_contents_passes_from_one_to_the_next_and_loops():
    contents = [Still(None, number) for number in range(3)]
    frames = medley_timeline(
        [FALLING] * 3, fps=Fraction(10), seconds_per_painting=4, hold_s=1.0, contents=contents
    )
    alone = [frame.first for frame in frames if frame.second is None and frame.first.shot is None]
    assert list(dict.fromkeys(alone)) == contents
    assert frames[0] == frames[-1] == Frame(contents[0], None, 0.0)
    assert frames[39] == Frame(contents[1], None, 0.0)
    with pytest.raises(ValueError, match="3 shots need as many contents, not 2"):
        medley_timeline(
            [FALLING] * 3, fps=Fraction(10), seconds_per_painting=4, hold_s=1, contents=contents[:2]
        )
