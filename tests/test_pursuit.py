"""A shot that follows a clip: what travels along, what is held, and that it can be stopped."""

import csv
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from medley.errors import FilmError
from medley.film.clips import Clip
from medley.pictures import held_picture
from medley.settings import ShotSettings
from medley.studio.shooting import checkpoint
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.footage import follow, read_footage
from medley.studio.shooting.pursuits import make_pursuit
from medley.studio.shooting.spec import Start
from medley.tensors import to_pixels, to_tensor
from medley.transfer import pursuit
from medley.transfer.losses import Objective
from medley.transfer.preserve import LightObjective
from medley.transfer.pursuit import pursue
from medley.transfer.style_path import Turns, Walk
from medley.transfer.tiling import TiledObjective

from .conftest import draw_pixels
from .specs import spec_of, take
from .test_resume import Pulled, left, pull_after

HEIGHT, WIDTH, MOVE = 32, 48, 2
PATH = Path("made.mp4")


@pytest.fixture(autouse=True)
def _brief_sway(monkeypatch):
    monkeypatch.setattr(pursuit, "_SWAY", ((0, 0),))


def still():
    """A wide picture with something to hold on to everywhere."""
    rng = np.random.default_rng(5)
    fine = np.kron(rng.integers(-30, 30, (18, 40, 3)), np.ones((4, 4, 1)))
    return np.clip(draw_pixels(72, 160, 3) + fine, 0, 255).astype(np.uint8)


def pan(count=4, move=MOVE):
    wide = still()
    return [wide[8 : 8 + HEIGHT, at * move : at * move + WIDTH].copy() for at in range(count)]


def footage_of(frames):
    height, width, _ = frames[0].shape
    clip = Clip(PATH, height, width, Fraction(12), len(frames), _decode=lambda _: iter(frames))
    return read_footage(clip, height, width)


def spec_over(frames, steps=2, anew=4, flicker=0.5, count=1, **settings):
    """The spec of a shot over frames, from the first frame, after paintings drawn in code."""
    chosen = ShotSettings.model_validate(
        {"steps": len(frames) - 1, "optimizer": "adam", "learning_rate": 0.01, "scales": 1}
        | settings
    )
    paintings = [draw_pixels(40, 60, 20 + number) for number in range(count)]
    spec = spec_of(frames[0], paintings, chosen)
    how = follow(footage_of(frames), steps, anew, flicker)
    walk = Walk(2 * len(frames), 0, 0.5) if count > 1 else None
    start = Start("made", picture=held_picture(Path("start.png"), frames[0]))
    return replace(spec, following=how, start=start, blend=Blend(walk=walk))


def _alike(first, second):
    return bool((first.image == second.image).all())


def results(spec, model, tile=None):
    return list(pursue(make_pursuit(spec, spec.following, model, tile)))


def test_each_frame_has_a_result_and_the_picture_moves_as_the_clip_does(model):
    found = results(spec_over(pan(6)), model)
    assert [each.step for each in found] == [0, 1, 2, 3, 4, 5]
    assert all(2 <= each.taken <= 8 for each in found)
    assert found[-1].state is None
    for before, after in pairwise(found[1:]):
        moved = (
            after.image[..., 8:-8, 8:-12] - before.image[..., 8:-8, 8 + MOVE : MOVE - 12]
        ).abs()
        stayed = (after.image - before.image)[..., 8:-8, 8:-12].abs()
        assert moved.mean() < 0.4 * stayed.mean()


def test_what_enters_has_the_tones_of_the_frame_in_the_painting_s_colours(model):
    frames = pan(8, move=5)
    spec = spec_over(frames, steps=1, learning_rate=1e-6)
    problem = make_pursuit(spec, spec.following, model)
    *_, last = pursue(problem)
    fresh = problem.fresh(to_tensor(frames[-1]), 7)
    entered = (last.image - fresh)[..., -20:].mean((2, 3)).abs().max()
    assert entered < 0.1  # in each channel, though four frames have passed


def test_what_a_moving_thing_uncovers_shows_the_frame_and_nothing_is_drawn_over_it(model):
    """Else what lay at the thing's edge would be drawn out over all that it leaves."""
    thing, frames = 255 - still()[20:40, 100:120], []
    for column in range(4, 24, 4):
        frames.append(still()[8 : 8 + HEIGHT, :WIDTH].copy())
        frames[-1][6:26, column : column + 20] = thing
    spec = spec_over(frames, steps=1, learning_rate=1e-6)
    problem = make_pursuit(spec, spec.following, model)
    *_, last = pursue(problem)
    first, fresh = (problem.fresh(to_tensor(frames[at]), at) for at in (0, -1))
    here = (..., slice(10, 22), slice(5, 17))  # the thing has left
    gone = (first - fresh)[here].abs().mean()
    assert (last.image - fresh)[here].abs().mean() < 0.3 * gone


def test_frame_takes_more_steps_only_while_its_style_loss_is_above_the_first_one_s(
    model, monkeypatch
):
    for slack, taken in ((0.0, 8), (100.0, 2)):
        monkeypatch.setattr(pursuit, "_SLACK", slack)
        assert [each.taken for each in results(spec_over(pan(3)), model)[1:]] == [taken] * 2
    monkeypatch.setattr(pursuit, "_SLACK", 0.0)
    ways = ({"count": 2}, {"flicker": 1.0})  # of which no frame's loss is the first one's to keep
    for way in ways:
        assert [each.taken for each in results(spec_over(pan(3), **way), model)] == [2] * 3


def test_frames_after_a_cut_begin_anew_with_more_steps(model):
    frames = [*pan(3), *(255 - frame for frame in pan(3)[::-1])]
    found = results(spec_over(frames, steps=1, anew=7), model)
    assert [each.taken == 7 for each in found] == [False, False, False, True, False, False]


def test_painting_turns_at_cuts_and_is_the_only_one_that_pulls(model):
    frames = [*pan(2), *(255 - frame for frame in pan(2))]
    spec = spec_over(frames, steps=1, anew=1, count=2)
    assert spec.following.footage.cuts == (2,)
    turning = replace(spec, blend=Blend(walk=Turns(spec.following.footage.cuts)))
    found = results(turning, model)
    first = results(spec_over(frames, steps=1, anew=1), model)
    assert all(map(_alike, found[:2], first))
    second = results(replace(turning, blend=Blend(walk=Turns((0, 2)))), model)
    assert not _alike(found[2], first[2])
    assert not _alike(found[0], second[0])


def test_flicker_from_none_to_all_holds_follows_and_begins_anew(model):
    rng = np.random.default_rng(1)
    frame = pan(1)[0].astype(int)
    noisy = [
        np.clip(frame + rng.integers(-3, 4, frame.shape), 0, 255).astype(np.uint8) for _ in range(4)
    ]

    def change(flicker):
        shown = [
            to_pixels(each.image).astype(int)
            for each in results(spec_over(noisy, flicker=flicker), model)
        ]
        return np.mean([np.abs(b - a).mean() for a, b in pairwise(shown[1:])])

    none, usual, all_ = map(change, (0.0, 0.5, 1.0))
    assert none < usual < all_
    assert none < min(2.0, usual / 2)  # levels of 255; the noise itself changes by more


@pytest.mark.parametrize("kind", ["whole", "tiled", "gray"])
def test_objective_that_turned_to_a_frame_is_one_made_for_it(model, kind):
    first, second, painting, image = (to_tensor(draw_pixels(48, 64, seed)) for seed in range(4))

    def make(content):
        settings = ShotSettings()
        if kind == "tiled":
            return TiledObjective(model.network, content, [painting], settings, 32)
        whole = Objective(model.network, content, [painting], settings)
        return LightObjective(whole) if kind == "gray" else whole

    turned = make(first)
    turned.turn_to(second)
    for found, expected in zip(
        turned.evaluate(image, False)[0], make(second).evaluate(image, False)[0], strict=True
    ):
        assert float(found) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "tile"),
    [
        ({"preserve_color": "luminance"}, None),
        ({"preserve_color": "statistics", "style_loss": "wasserstein", "count": 2}, None),
        ({"count": 2}, 32),
    ],
)
def test_colours_losses_and_tiles_go_with_clips(model, settings, tile):
    found = results(spec_over(pan(3, move=6), **settings), model, tile)
    assert all(np.isfinite(each.loss) and each.image.isfinite().all() for each in found)
    assert all(each.image.min() >= 0 and each.image.max() <= 1 for each in found)


def test_key_knows_every_frame_and_how_they_are_followed():
    frames, other = pan(3), pan(3)
    other[2] = other[2].copy()
    other[2][5, 5] ^= 1
    specs = [
        spec_over(frames),
        spec_over(other),
        spec_over(frames, steps=3),
        spec_over(frames, anew=5),
        spec_over(frames, flicker=0.4),
        replace(spec_over(frames), following=None),
    ]
    how = specs[0].following
    specs.append(replace(specs[0], following=replace(how, flow="other")))
    assert len({spec.key for spec in specs}) == len(specs)
    assert spec_over(pan(3)).key == specs[0].key


@pytest.mark.parametrize("stop", [0, 2])
def test_clip_that_was_stopped_goes_on_by_the_frame_to_the_same_pixels(model, tmp_path, stop):
    spec = spec_over(pan(5), count=2)
    whole = take(tmp_path / "whole", model, spec)
    with pytest.raises(Pulled):
        take(tmp_path / "parts", model, spec, pull_after(stop))
    begun = []
    parts = take(tmp_path / "parts", model, spec, lambda event: begun.append(event.step))
    assert begun[0] == stop + 1
    assert left(parts) == left(whole)


def test_clip_that_was_killed_goes_on_from_its_checkpoint(model, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL_S", 0)
    monkeypatch.setattr(checkpoint, "LARGEST_SHARE", float("inf"))
    spec = spec_over(pan(5))
    whole = take(tmp_path / "whole", model, spec)
    monkeypatch.setattr(checkpoint.Checkpointer, "__exit__", lambda *_: None)
    with pytest.raises(Pulled):
        take(tmp_path / "parts", model, spec, pull_after(2))
    parts = take(tmp_path / "parts", model, spec)
    assert left(parts) == left(whole)


def test_trace_tells_frames_and_their_optimizer_steps(model, tmp_path):
    shot = take(tmp_path, model, spec_over(pan(3), steps=3))
    with (shot.path / "trace.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "1", "2"]
    assert all(3 <= int(row["optimizer_steps"]) <= 6 for row in rows)
    assert [row.step for row in shot.trace()] == [0, 1, 2]
    assert shot.description["clip"] | {"flow": ""} == {
        "frames": 3, "fps": "12", "cuts": [], "steps_per_frame": 3, "flicker": 0.5, "flow": "",
    }  # fmt: skip


def test_frames_beyond_a_million_have_more_digits(model, tmp_path):
    shot = take(tmp_path, model, spec_over(pan(2)))
    assert shot.step_path(1_234_567).name == "1234567.png"
    shot.step_path(1).rename(shot.step_path(1_234_567))
    assert shot.steps() == [0, 1_234_567]


def test_clip_that_was_changed_meanwhile_is_refused_before_its_last_frame(model):
    spec = spec_over(pan(4))
    changed = pan(4)
    changed[1] = changed[1] // 2
    clip = replace(spec.following.footage.clip, _decode=lambda _: iter(changed))
    how = replace(spec.following, footage=replace(spec.following.footage, clip=clip))
    found = []
    with (
        pytest.raises(FilmError, match=r"'made\.mp4' was changed since it was looked at"),
        closing(pursue(make_pursuit(spec, how, model))) as frames,
    ):
        for each in frames:
            found += [each.step]
    assert found == [0, 1, 2]


def test_sway_before_the_film_leaves_the_border_as_calm_as_the_rest(model, monkeypatch):
    monkeypatch.setattr(pursuit, "_SWAY", ((1, 0), (-2, -1), (0, -2), (2, -2), (0, 1), (0, 0)))
    frames = pan(2)
    spec = spec_over(frames, steps=3)
    first = results(spec, model)[0]
    moved = (first.image - to_tensor(frames[0])).abs().mean(1)[0]
    edge = torch.cat([moved[0], moved[-1], moved[:, 0], moved[:, -1]]).mean()
    assert edge < 2 * moved[2:-2, 2:-2].mean()


def test_fiftieth_of_each_frame_is_mixed_in_that_nothing_stays_for_ever(model):
    spec = spec_over(pan(1) * 4, steps=1, learning_rate=1e-9)
    made = make_pursuit(spec, spec.following, model)
    black = torch.zeros(1, 3, HEIGHT, WIDTH)
    problem = replace(made, start=lambda: black, fresh=lambda content, _: torch.ones_like(content))
    found = [float(each.image.mean()) for each in pursue(problem)]
    assert found == pytest.approx([1 - 0.98**number for number in range(1, 5)], abs=1e-4)
