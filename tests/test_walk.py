"""A style walk: the path, the shot that follows it, and `medley walk` from end to end."""

import json
import re
import shutil
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from medley.errors import FilmError
from medley.film.timeline import Frame, Still, walk_shares, walk_timeline
from medley.images import decode
from medley.settings import ShotSettings, WalkOrder
from medley.studio.editing.cut import title_notes
from medley.studio.film_shots import Lap, lap_of, lap_taken, muddy_notes
from medley.studio.shooting.blend import Blend
from medley.studio.shooting.problem import iterate
from medley.tensors import to_tensor
from medley.transfer.losses import Objective
from medley.transfer.style_path import Walk, convex_weights, lingering, path_weights
from medley.transfer.tiling import TiledObjective
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace

from .conftest import draw_pixels, film_pixels
from .specs import small_spec
from .test_render import run

COUNTS = (2, 3, 4, 7)
TINY = ("--size", "32", "--steps", "3", "--fps", "5", "--seconds-per-painting", "1.2")
LAP, LEAD = 18, 6  # frames of three paintings
SHOTS = "outputs/workspace/shots"


@pytest.mark.parametrize("count", COUNTS)
def test_weights_sum_to_one_everywhere(count):
    sums = [sum(path_weights(place, count)) for place in np.linspace(-1, count, 101)]
    assert sums == pytest.approx([1] * 101, abs=1e-12)


@pytest.mark.parametrize("count", COUNTS)
def test_path_passes_through_each_painting_and_closes(count):
    for number in range(-1, count + 2):
        alone = [float(each == number % count) for each in range(count)]
        assert path_weights(number, count) == pytest.approx(alone, abs=1e-12)
    for place in (0.3, 1.9):
        assert path_weights(place + count, count) == pytest.approx(path_weights(place, count))


@pytest.mark.parametrize("count", COUNTS)
def test_path_goes_on_at_a_painting_in_the_direction_between_its_neighbours(count):
    tiny = 1e-6
    for number in range(count):
        at, before, after = (
            np.array(path_weights(number + aside, count)) for aside in (0, -tiny, tiny)
        )
        neighbours = np.eye(count)[(number + 1) % count] - np.eye(count)[(number - 1) % count]
        assert (after - at) / tiny == pytest.approx(neighbours / 2, abs=1e-4)
        assert (at - before) / tiny == pytest.approx(neighbours / 2, abs=1e-4)


def test_path_is_the_catmull_rom_spline_in_its_matrix_form():
    matrix = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    for along in (0.0, 0.25, 0.8):
        expected = np.array([1, along, along**2, along**3]) @ matrix
        assert path_weights(2 + along, 6)[1:5] == pytest.approx(expected)


def test_path_lingers_at_paintings_and_never_turns_back():
    places = np.linspace(0, 3, 301)
    ways = np.array([lingering(place, 0.6) for place in places])
    speeds = np.diff(ways) / np.diff(places)
    assert ways[::100] == pytest.approx([0, 1, 2, 3])
    assert speeds.min() == pytest.approx(0.4, abs=0.01)
    assert speeds.max() == pytest.approx(1.6, abs=0.01)
    assert [lingering(place, 0.0) for place in (0.2, 1.7)] == [0.2, 1.7]


def test_walk_begins_before_the_lap_and_comes_round_to_its_beginning():
    walk = Walk(lap=30, lead=10, linger=0.5)
    assert walk.weights(0, 3) == pytest.approx((0, 0, 1), abs=1e-12)
    assert walk.weights(10, 3) == pytest.approx((1, 0, 0), abs=1e-12)
    assert walk.weights(40, 3) == pytest.approx((1, 0, 0), abs=1e-12)
    assert walk.weights(34, 3) == pytest.approx(walk.weights(4, 3))


def test_negative_weights_can_be_left_out():
    assert convex_weights([-0.5, 1.0, 0.5]) == pytest.approx((0, 2 / 3, 1 / 3))


def pictures():
    return [to_tensor(draw_pixels(48, 64, seed)) for seed in range(4)]


@pytest.mark.parametrize("kind", ["whole", "tiled"])
def test_mixed_strengths_pull_towards_the_mixture_of_gram_matrices(model, kind):
    image, content, *paintings = pictures()
    settings = ShotSettings(content_weight=0)
    weights = (-0.1, 1.1)

    def make(works):
        if kind == "tiled":
            return TiledObjective(model.network, content, works, settings, 32)
        return Objective(model.network, content, works, settings)

    both = make(paintings)
    both.mix([2 * weight for weight in weights])
    one = make(paintings[:1])
    looks = [make([work])._style._references[0] for work in paintings]
    mixed = {
        layer: sum(weight * look[layer] for weight, look in zip(weights, looks, strict=True))
        for layer in looks[0]
    }
    one._style.aim([mixed])
    gradient, expected = (each.evaluate(image, True)[1] for each in (both, one))
    assert torch.allclose(gradient, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))
    assert not torch.allclose(gradient, make(paintings).evaluate(image, True)[1], rtol=0.1)


def walk_spec(walk, count=2, **settings):
    before = small_spec(count, optimizer="adam", scales="1", **settings)
    return replace(before, blend=Blend(walk=walk))


def test_shot_of_a_walk_is_pulled_by_each_steps_painting_alone(model):
    still = Walk(lap=10**9, lead=0, linger=0.0)  # never leaves the first painting
    alone = [it.loss for it in iterate(walk_spec(still, count=1), model)]
    beside = [it.loss for it in iterate(walk_spec(still), model)]
    assert beside == pytest.approx(alone, rel=1e-4)
    moved = [it.loss for it in iterate(walk_spec(Walk(8, 0, 0.0)), model)]
    assert moved[0] == pytest.approx(alone[0], rel=1e-4)
    assert moved[-1] != pytest.approx(alone[-1], rel=0.05)


@pytest.mark.parametrize("kind", [{"style_loss": "wasserstein"}, {"preserve_color": "luminance"}])
def test_walk_goes_with_other_losses_and_colours(model, kind):
    losses = [it.loss for it in iterate(walk_spec(Walk(4, 1, 0.5), **kind), model)]
    assert np.isfinite(losses).all()
    assert len(losses) == 5


def test_key_knows_the_path():
    keys = {
        walk_spec(walk).key
        for walk in (Walk(8, 2, 0.5), Walk(9, 2, 0.5), Walk(8, 3, 0.5), Walk(8, 2, 0.4))
    }
    assert len(keys) == 4
    assert walk_spec(Walk(8, 2, 0.5)).key in keys
    assert small_spec(2, optimizer="adam", scales="1").key not in keys


def test_timeline_ends_on_the_iterate_before_its_first():
    frames = walk_timeline(lap=10, lead=3, every=2)
    assert len(frames) == 10
    assert [frame.first.step for frame in frames[:7]] == list(range(6, 20, 2))
    assert all(frame.second is None for frame in frames[:7])
    assert [(each.first.step, each.second.step) for each in frames[7:9]] == [(20, 0), (22, 2)]
    assert 0 < frames[7].mix < frames[8].mix < 1
    assert frames[9] == Frame(Still(0, 4), None, 0.0)


@pytest.mark.parametrize("lead", [0, 5])
def test_lap_that_cannot_dissolve_into_its_lead_is_refused(lead):
    with pytest.raises(ValueError, match=f"4 frames cannot dissolve into {lead}"):
        walk_timeline(4, lead, 1)


def lap(paintings, fps, seconds):
    timing = {"fps": fps, "seconds_per_painting": seconds}
    return lap_of(WalkOrder.of(content="photo.png", styles=["styles"], **timing), paintings)


def test_lap_is_counted_from_exact_fractions():
    rate = Fraction(24000, 1001)
    assert lap(7, rate, 4.1).frames == round(rate * Fraction(41, 10) * 7)
    assert lap(3, Fraction(30), 0.5).lead == 15
    with pytest.raises(FilmError, match=r"0\.06 s from one painting to the next are less than 2"):
        lap(3, Fraction(30), 0.06)


def test_walk_of_few_steps_is_told_to_be_muddy_with_what_would_do():
    def told(paintings, **settings):
        order = WalkOrder.of(content="photo.png", styles=["styles"], **settings)
        return muddy_notes(order, paintings)

    assert told(3) == []
    (note,) = told(3, fps=30, seconds_per_painting=0.5)
    assert "30 steps from one painting to the next" in note
    assert "1 s or 4 steps a frame would do" in note
    assert told(3, fps=30, seconds_per_painting=1) == []
    assert told(3, fps=30, seconds_per_painting=0.5, steps_per_frame=4) == []
    for fps in ("24000/1001", "7", "12.5"):
        (note,) = told(2, fps=fps, seconds_per_painting=0.4)
        (found,) = re.findall(r"([\d.]+) s or (\d+) steps a frame", note)
        seconds, steps = map(float, found)
        assert told(2, fps=fps, seconds_per_painting=seconds) == []
        assert told(2, fps=fps, seconds_per_painting=0.4, steps_per_frame=int(steps)) == []


@pytest.mark.parametrize(
    ("seconds", "is_told"), [(2.4, False), (2.5, True), (2.6, True), (9, True)]
)
def test_title_that_lies_over_the_whole_walk_is_told_of(seconds, is_told):
    def told(**settings):
        order = WalkOrder.of(content="photo.png", styles=["styles"], fps=10, **settings)
        return title_notes(order.film, lap_of(order, 2).frames)

    notes = told(title="Walk", title_seconds=seconds, seconds_per_painting=1.25)
    assert bool(notes) is is_told
    if notes:
        assert f"the title stands for {seconds:g} s and the walk lasts 2.5 s: nothing" in notes[0]
        assert "no caption or inset at all; shorten the title, or lengthen the walk" in notes[0]
    assert told(title_seconds=seconds, seconds_per_painting=1.25) == []


@pytest.fixture
def place(make_picture, tmp_path) -> Path:
    """A folder with a photo and three paintings."""
    make_picture("photo.png", height=41, width=50)
    for seed in (2, 3, 4):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    return tmp_path


def walk(place, *more, expect=0):
    given = ("--content", "photo.png", "--styles", "styles") if "--config" not in more else ()
    return run("walk", *given, *(TINY if given else ()), *more, cwd=place, expect=expect)


def shots_of(sidecar, place):
    keys = (sidecar[part]["shot"] for part in ("opening", "walk"))
    return [Shot(key, place / SHOTS / key) for key in keys]


def test_walk_leaves_a_film_that_loops_with_its_poster_credits_and_sidecar(place):
    done = walk(place)
    assert done.stdout == "outputs/photo-walk.mp4\n"
    assert "3 paintings, 32x26 pixels, 18 frames of 2 steps each" in done.stderr
    assert "this walk will be muddy: 12 steps" in done.stderr
    sidecar = json.loads((place / "outputs/photo-walk.json").read_text())
    opening, walked = shots_of(sidecar, place)
    assert sidecar["film"]["frames"] == LAP
    assert (walked.read(0) == opening.result()).all()
    assert walked.steps() == list(range(0, 2 * (LEAD + LAP), 2))[: LEAD + LAP]
    assert [work["title"] for work in sidecar["paintings"]] == [f"painting {n}" for n in (2, 3, 4)]
    assert [work["frame"] for work in sidecar["paintings"]] == [0, 6, 12]
    assert decode(place / "outputs/photo-walk.png").shape[1] > 100
    assert len(list((place / "outputs/workspace/.films").iterdir())) == 1
    assert "3. painting 4" in (place / "outputs/photo-walk.credits.txt").read_text()


def test_frames_are_the_iterates_of_the_lap_and_the_last_is_the_one_before_it(place):
    walk(place, "-o", "frames/")
    _, walked = shots_of(json.loads((place / "frames.json").read_text()), place)
    frames = [decode(path) for path in sorted((place / "frames").iterdir())]
    assert len(frames) == LAP
    shown = [walked.read(2 * (LEAD + number)) for number in range(LAP - LEAD)]
    assert (np.array(frames[: LAP - LEAD]) == shown).all()
    assert (frames[-1] == walked.read(2 * (LEAD - 1))).all()
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise([*frames, frames[0]])]
    assert steps[-1] < 2 * np.mean(steps)


def test_each_frame_belongs_to_the_nearest_painting_and_halfway_to_none():
    shares = walk_shares(24, 3)
    assert [*map(list, shares[:12])] == [[0]] * 5 + [[1]] * 7  # halfway it is the even one's
    assert [max(each.values()) for each in shares[:9]] == [1, 1, 1, 1, 0, 1, 1, 1, 1]
    assert walk_shares(64, 2)[15:18] == [{0: 0.25}, {0: 0.0}, {1: 0.25}]
    assert walk_shares(64, 2)[48:50] == [{0: 0.0}, {0: 0.25}]


def test_walk_has_words_and_paintings_where_they_are_asked_for_and_loops_with_them(place):
    walk(place, "-o", "plain/")
    done = walk(
        place, "-o", "worded/", "--captions", "title", "--inset", "top-left", "--title", "Walk",
        "--title-seconds", "0.8", "--resolution", "64x100",
    )  # fmt: skip
    assert "2 of 2 shots found finished" in done.stderr
    frames = [decode(path).astype(int) for path in sorted((place / "worded").iterdir())]
    plain = [decode(path) for path in sorted((place / "plain").iterdir())]
    assert len(frames) == len(plain) == LAP
    above, below = (
        np.array([frame[part] for frame in frames]) for part in (np.s_[:22], np.s_[78:])
    )
    # No word and no painting is there while the title is.
    assert below.max((1, 2, 3))[1] < 200 < below.max((1, 2, 3))[6]
    assert above.max((1, 2, 3))[2] < 128 < 200 < above.max((1, 2, 3))[6]
    changes = [np.abs(a - b).mean() for a, b in pairwise([*frames, frames[0]])]
    assert changes[-1] < 2 * np.mean(changes)
    order = json.loads((place / "worded.json").read_text())["order"]
    assert (order["captions"], order["inset"], order["title"]) == ("title", "top-left", "Walk")


def test_walk_s_film_is_cut_again_with_other_words_and_from_that_once_more(place):
    walk(place, "-o", "plain/")
    run("assemble", "plain.json", "-o", "again/", "--fps", "5", cwd=place)
    first, second = (sorted((place / name).iterdir()) for name in ("plain", "again"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    told = (json.loads((place / name).read_text()) for name in ("plain.json", "again.json"))
    for one, other in zip(*(work["paintings"] for work in told), strict=True):
        assert (one["title"], one["frame"]) == (other["title"], other["frame"])
    wide = ("--resolution", "64x100", "--captions", "title", "--inset", "top-left", "--fps", "5")
    run("assemble", "again.json", "-o", "worded/", *wide, cwd=place)
    long = ("--title", "Walk", "--title-seconds", "9")
    titled = run("assemble", "again.json", "-o", "titled/", *long, cwd=place)
    assert titled.stderr.count("the title stands for 9 s and the walk lasts 3.6 s") == 1
    again = walk(place, "-o", "long/", *long)
    assert again.stderr.count("the title stands for 9 s and the walk lasts 3.6 s") == 1
    walk(place, "-o", "asked/", *wide[:-2])
    pair = (sorted((place / name).iterdir()) for name in ("worded", "asked"))
    frames = [np.array([decode(path) for path in paths], int) for paths in pair]
    # The painting in the corner is scaled down from another size.
    assert np.abs(frames[0] - frames[1]).mean() < 0.5
    run("assemble", "plain.json", "-o", "beside.mp4", "--beside", "content", cwd=place)
    assert film_pixels(place / "beside.mp4").shape[2] > 2 * 32


def test_walk_in_a_format_of_other_rates_is_told_what_becomes_of_it(place):
    walk(place, "--fps", "8", "-o", "eight.mp4", "--quiet")
    told = run(
        "assemble", "eight.mp4", "-o", "a.gif", "--sparkline", "top-left", cwd=place, expect=1
    )
    assert "--sparkline top-left is not for a walk" in told.stderr
    frames = len(film_pixels(place / "eight.mp4"))
    told = run("assemble", "eight.mp4", "-o", "a.gif", cwd=place).stderr
    assert (
        f"the film has 8.3333, and lasts {frames / (100 / 12):.3g} s instead of {frames / 8:.3g} s,"
        " as a walk's frames are its steps\n"
    ) in told
    assert "as long as asked" not in told
    note = "'medley assemble eight.mp4 -o b.gif' makes a film of the steps that are there"
    anew = ("walk", "--config", "eight.mp4", "-o")
    assert note in run(*anew, "b.gif", cwd=place).stderr
    assert "medley assemble" not in run(*anew, "b.mkv", cwd=place, expect=1).stderr
    assert "medley assemble" not in run(*anew, "c.mkv", cwd=place).stderr


def test_length_of_a_walk_is_known_from_its_shot_for_every_rate():
    for paintings in range(2, 9):
        for fps in (Fraction(30000, 1001), Fraction(100, 3), Fraction(5, 2), Fraction(24)):
            for tenths in range(10, 90):
                leg = fps * Fraction(tenths, 10)
                lap = Lap(round(leg * paintings), round(leg))
                for every in (1, 2, 5):
                    steps = (lap.lead + lap.frames - 1) * every
                    assert lap_taken(steps, every, paintings) == lap


def frames_in(folder):
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_workspace_that_holds_a_walk_alone_is_cut_as_one_and_so_is_the_walk_s_shot(place):
    walk(place, "-o", "made/")
    told = json.loads((place / "made.json").read_text())
    key = told["walk"]["shot"]
    run("assemble", "outputs/workspace", "-o", "whole/", cwd=place)
    run("assemble", f"{SHOTS}/{key}", "-o", "shot/", cwd=place)
    run("assemble", key[:8], "--workspace", "outputs/workspace", "-o", "key/", cwd=place)
    for name in ("whole", "shot", "key"):
        assert frames_in(place / name) == frames_in(place / "made")
        again = json.loads((place / f"{name}.json").read_text())
        assert again["walk"]["shot"] == key
        passed = [(work["title"], work["frame"]) for work in told["paintings"]]
        assert [(work["title"], work["frame"]) for work in again["paintings"]] == passed
    done = run("assemble", "outputs/workspace", "-o", "a/", "--pace", "even", cwd=place, expect=1)
    assert "--pace even is not for a walk" in done.stderr


def test_walk_in_a_workspace_of_other_shots_is_passed_over_and_named(place):
    walk(place, "-o", "made/")
    key = json.loads((place / "made.json").read_text())["walk"]["shot"]
    run("render", "--content", "photo.png", "--styles", "styles", *TINY[:4], cwd=place)
    done = run("assemble", "outputs/workspace", "-o", "film.mp4", cwd=place)
    assert f"passed over: shot 'outputs/workspace/shots/{key}' is a walk, a film by" in done.stderr
    assert len(json.loads((place / "film.json").read_text())["paintings"]) == 3
    walk(place, "-o", "other/", "--steps-per-frame", "1")
    opening = json.loads((place / "made.json").read_text())["opening"]["shot"]
    for shot in Workspace(place / "outputs/workspace").shots():
        if shot.key != opening and len(shot.files[1]) == 1:
            shutil.rmtree(shot.path)
    done = run("assemble", "outputs/workspace", "-o", "none.mp4", cwd=place, expect=1)
    assert "'outputs/workspace' holds 2 walks; name one, such as" in done.stderr


ALIEN = (
    ("--transition", "wipe"), ("--pace", "even"), ("--order", "2,1"), ("--no-loop",),
    ("--seconds-per-painting", "9"), ("--hold", "0.5"),
)  # fmt: skip


def test_what_is_no_walk_s_is_refused_and_so_is_a_sidecar_of_another_walk(place):
    walk(place)

    def refused(*asked):
        done = run("assemble", *asked, "-o", "a.mp4", cwd=place, expect=1)
        assert len(done.stderr.strip().splitlines()) == 1
        return done.stderr

    film = "outputs/photo-walk.mp4"
    for asked in ALIEN:
        assert f"{' '.join(asked)} is not for a walk" in refused(film, *asked).replace("9.0", "9")
    for other in (film, "styles"):
        assert "is a walk, which is a film by itself" in refused(film, other)
    sidecar = place / "outputs/photo-walk.json"
    kept = sidecar.read_text()
    for wrong, words in (
        ({"steps_per_frame": 7}, "is of another walk"),
        ({"lead_frames": 0}, "is no sidecar"),
        ({"lead_frames": "a"}, "is no sidecar"),
        ({"shot": "0" * 24}, "is not in"),
    ):
        about = json.loads(kept)
        about["walk"] |= wrong
        sidecar.write_text(json.dumps(about))
        assert words in refused(film)


def test_opening_is_an_ordinary_shot_that_render_finds(place):
    walk(place)
    done = run(
        "render", "--content", "photo.png", "--styles", "styles/painting_4.png", *TINY[:4],
        cwd=place,
    )  # fmt: skip
    assert "1 shot found finished" in done.stderr


def test_same_walk_is_found_and_its_sidecar_makes_the_film_again(place):
    walk(place)
    first = film_pixels(place / "outputs/photo-walk.mp4")
    frames = first.astype(int)
    *inside, seam = np.abs(np.roll(frames, -1, 0) - frames).mean((1, 2, 3))
    assert seam < max(inside)
    done = walk(place, "--config", "outputs/photo-walk.json", "--force")
    assert "2 of 2 shots found finished" in done.stderr
    assert (film_pixels(place / "outputs/photo-walk.mp4") == first).all()
    done = walk(place, "--linger", "0.2", "--force")
    assert "1 of 2 shots found finished" in done.stderr


def stop_at_20(_, event):
    if event.kind == "step" and event.step == 20:
        raise KeyboardInterrupt


def test_interrupted_walk_goes_on_to_the_same_pixels(place, monkeypatch):
    walk(place)
    _, whole = shots_of(json.loads((place / "outputs/photo-walk.json").read_text()), place)
    expected = [whole.read(step) for step in whole.steps()]
    other = ("--workspace", "other", "--force")
    with monkeypatch.context() as patch:
        patch.setattr("medley.cli.progress.Display.on", stop_at_20)
        walk(place, *other, expect=130)
    left = Shot(whole.key, place / "other/shots" / whole.key)
    assert left.state_path.exists()
    assert 0 < len(left.steps()) < len(expected)
    done = walk(place, *other)
    assert "1 of 2 shots found finished, 1 begun" in done.stderr
    for step, pixels in zip(left.steps(), expected, strict=True):
        assert (left.read(step) == pixels).all()


def test_film_that_is_there_is_not_replaced_and_tells_how_another_would_differ(place):
    walk(place)
    done = walk(place, expect=1)
    assert "photo-walk.mp4' exists; pass --force to replace it" in done.stderr
    sidecar = place / "outputs/photo-walk.json"
    about = json.loads(sidecar.read_text())
    for part in ("order", "settings"):  # as a version without these had it
        for name in ("focus", "captions", "inset", "beside", "title", "title_seconds"):
            about[part].pop(name, None)
    sidecar.write_text(json.dumps(about))
    assert "exists; pass --force" in walk(place, expect=1).stderr
    done = walk(place, "--captions", "number", expect=1)
    assert "made otherwise: --captions was none and would be number; pass --force" in done.stderr


BAD = {
    "one painting": (("--sample", "1"), 1, "a walk goes through 2 paintings or more"),
    "no time": (("--seconds-per-painting", "0.1"), 1, "raise --seconds-per-painting"),
    "standing": (("--linger", "1"), 2, "linger"),
    "no steps": (("--steps-per-frame", "0"), 2, "steps-per-frame"),
    "not its own": (("--transition", "chain"), 2, "No such option"),
}


@pytest.mark.parametrize(("options", "code", "words"), BAD.values(), ids=BAD)
def test_bad_walk_is_refused_before_anything_is_taken(place, options, code, words):
    done = walk(place, *options, expect=code)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (place / SHOTS).exists()
