"""Films cut from shots on the disk, whole and odd ones, without a network."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from medley.errors import FilmError, OutputError
from medley.film.overlay import RISE_S
from medley.film.timeline import ShotTrack
from medley.images import decode
from medley.settings import FilmSettings
from medley.settings.film import Transition
from medley.studio.editing.cut import (
    Segment,
    check_film,
    cut_medley,
    segment_of,
    timeline_of,
    track,
)
from medley.workspace.shot import TraceRow
from medley.workspace.store import Workspace

from .conftest import draw_pixels, film_pixels

ROW = TraceRow(0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 32, 48)
SETTINGS = FilmSettings(fps="10", seconds_per_painting=2, hold=0.4, crf=1)


def shot_of(tmp_path, pictures, key="shot"):
    """A finished shot of these pictures; each step changes as much as the one before."""
    workspace = Workspace(tmp_path / "work")
    with workspace.record(key, {}) as recorder:
        for step, pixels in enumerate(pictures):
            recorder.note(replace(ROW, step=step, visual_change=float(step > 0)))
            recorder.keep(step, lambda pixels=pixels: pixels, pixels.nbytes)
        recorder.finish({"steps": len(pictures) - 1})
    return workspace.shot(key)


def pictures(count, height=32, width=48):
    return [draw_pixels(height, width, seed) for seed in range(count)]


def cut(tmp_path, shots, **changes):
    content = draw_pixels(32, 48, 0)
    settings = SETTINGS.model_copy(update=changes)
    path = tmp_path / "film.mp4"
    segments = [segment_of(shot, "", None) for shot in shots]
    cut_medley([content], segments, settings, path, lambda *_: None)
    return film_pixels(path)


def nearest(frame, candidates):
    return int(np.argmin([np.abs(frame.astype(int) - one).mean() for one in candidates]))


@pytest.mark.parametrize("transition", ["dissolve", "wipe", "rewind", "chain", "cut"])
def test_shot_of_a_single_iterate_makes_a_film_that_shows_it(tmp_path, transition):
    single = shot_of(tmp_path, pictures(2)[1:])
    found = cut(tmp_path, [single, single], transition=transition)
    assert len(found) == 40
    shown = [nearest(frame, pictures(2)) for frame in found]
    assert shown[0] == 0
    assert shown[20 - 2 - 4 : 20 - 2] == [1] * 4


def test_rewound_film_shows_its_steps_forward_and_then_backward(tmp_path):
    shot = shot_of(tmp_path, pictures(5))
    found = cut(tmp_path, [shot], transition="rewind", seconds_per_painting=6)
    shown = [nearest(frame, pictures(5)) for frame in found]
    top = shown.index(4)
    back = len(shown) - shown[::-1].index(4)
    assert shown[:top] == sorted(shown[:top])
    assert shown[top:back] == [4] * (back - top)
    assert shown[back:] == sorted(shown[back:], reverse=True)
    assert set(shown[:top]) >= {0, 1, 2, 3}
    assert {2, 0} <= set(shown[back:])
    assert len(shown) - back < 0.4 * top


def test_shot_without_iterates_is_one_line(tmp_path):
    shot = shot_of(tmp_path, pictures(3))
    for step in shot.steps():
        shot.step_path(step).unlink()
    with pytest.raises(OutputError, match=r"iterates are missing in '.*'; remove it to take it"):
        cut(tmp_path, [shot])
    assert not (tmp_path / "film.mp4").exists()


def test_missing_number_in_the_middle_unfinishes_a_shot_and_is_mixed_over_in_its_film(tmp_path):
    shot = shot_of(tmp_path, pictures(5))
    assert shot.is_finished
    shot.step_path(2).unlink()
    assert not shot.is_finished  # so that a render takes it again
    assert track(shot).steps == (0, 1, 3, 4)
    assert track(shot).changes == (0, 1, 2, 1)
    assert len(cut(tmp_path, [shot])) == 20


def test_iterates_of_different_sizes_are_named_and_leave_no_film(tmp_path):
    odd = [*pictures(3), draw_pixels(30, 48, 3)]
    words = "step 3 of shot 0 is 48x30 pixels, but the film is 48x32; render that shot again"
    with pytest.raises(FilmError, match=words):
        cut(tmp_path, [shot_of(tmp_path, odd)])
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_settings_reach_the_timeline(tmp_path):
    tracks = [track(shot_of(tmp_path, pictures(4)))] * 2
    plain = timeline_of(tracks, SETTINGS)
    for changes in ({"pace": "ease"}, {"pace": "even"}, {"loop": False}, {"transition": "wipe"}):
        assert timeline_of(tracks, SETTINGS.model_copy(update=changes)) != plain


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("transition", get_args(Transition))
def test_no_overlay_comes_or_goes_at_once(tmp_path, transition, loop):
    gray = np.full((48, 64, 3), 128, np.uint8)
    losses = {step: 100.0 / (1 + step) for step in range(4)}
    even = ShotTrack((0, 1, 2, 3), (0.0, 1.0, 1.0, 1.0))
    parts = [
        Segment(even, lambda _: gray, f"Painting {number}", draw_pixels(30, 40, number), losses)
        for number in range(2)
    ]
    asked = {"transition": transition, "loop": loop, "fps": 20, "hold": 0.4, "captions": "title"}
    settings = FilmSettings(**asked, inset="top-left", sparkline="top-right")
    film = tmp_path / "film"
    cut_medley([gray], parts, settings, film, lambda *_: None)
    frames = np.array([decode(path) for path in sorted(film.glob("*.png"))], np.int16)
    seen = np.abs(frames - 128).mean((1, 2, 3)).max()
    assert seen > 20
    after = np.roll(frames, -1, 0) if loop else frames[1:]
    change = np.abs(after - frames[: len(after)]).mean((1, 2, 3))
    assert change.max() < 1.1 * seen / (20 * RISE_S)


@pytest.mark.parametrize("transition", ["dissolve", "wipe", "rewind", "chain", "cut"])
def test_time_too_short_for_a_film_is_told_before_any_shot_is_taken(transition):
    short = SETTINGS.model_copy(update={"seconds_per_painting": 0.04, "transition": transition})
    with pytest.raises(FilmError, match=r"0 frames per painting \(0\.04 s at 10 fps\) are too few"):
        check_film(3, short)
