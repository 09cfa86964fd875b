import math
from fractions import Fraction

import numpy as np
import pytest

from medley.errors import FilmError
from medley.film.timeline import CONTENT, Frame, ShotTrack, Still, ease, medley_timeline

RATES = [Fraction(10), Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)]
# As L-BFGS does: most of the change in the first few steps.
FALLING = ShotTrack(tuple(range(101)), (0.0, *(1 / step for step in range(1, 101))))


def lay_out(shots=(FALLING,), fps=Fraction(24), seconds=5.0, hold=1.0, pace="visual"):
    return medley_timeline(shots, fps=fps, seconds_per_painting=seconds, hold_s=hold, pace=pace)


def position(frame, track):
    """Where on the cumulative change a frame stands."""
    way = dict(zip(track.steps, np.cumsum(track.changes), strict=True))
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


def test_paintings_do_not_drift_against_the_clock():
    fps = Fraction(24000, 1001)
    frames = lay_out([FALLING] * 50, fps, 3)
    starts = [next(n for n, f in enumerate(frames) if f.first.shot == shot) for shot in range(50)]
    exact = [float(fps * 3 * shot) for shot in range(50)]
    assert max(abs(a - starts[0] - b) for a, b in zip(starts, exact, strict=True)) <= 1


@pytest.mark.parametrize("pace", ["visual", "even"])
def test_film_begins_and_ends_with_the_content_so_that_it_loops(pace):
    frames = lay_out([FALLING] * 3, pace=pace)
    assert frames[0] == frames[-1] == Frame(CONTENT, None, 0.0)


@pytest.mark.parametrize("pace", ["visual", "even"])
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


def test_easing_keeps_its_ends_and_never_turns_back():
    way = [ease(time) for time in np.linspace(0, 1, 1001)]
    assert (way[0], way[-1]) == (0, 1)
    assert (np.diff(way) >= 0).all()
    assert ease(0.5) == pytest.approx(0.5)


def test_too_short_a_time_is_refused_with_a_time_that_is_long_enough():
    with pytest.raises(
        FilmError, match=r"raise --seconds-per-painting to 2\.2 or lower"
    ) as refusal:
        lay_out(seconds=2.0)
    enough = float(str(refusal.value).split("-painting to ")[1].split()[0])
    assert lay_out(seconds=enough)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"shots": ()}, "at least one shot"),
        ({"pace": "fast"}, "visual, even"),
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
