"""A chain: every shot starts from the result of the one before, and is found and resumed alike."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from medley.errors import OutputError
from medley.studio.editing.cut import track
from medley.studio.shooting import checkpoint
from medley.studio.shooting.costs import Pace
from medley.studio.shooting.spec import Start
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace

from .conftest import film_pixels
from .specs import small_spec, take
from .test_render import plan, render
from .test_resume import Pulled, pull_after

SHOTS = "outputs/workspace/shots"


@pytest.fixture
def place(make_picture, tmp_path) -> Path:
    """A folder with a photo and three paintings."""
    make_picture("photo.png", height=41, width=50)
    for seed in (2, 3, 4):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    return tmp_path


def shots_of(place):
    sidecar = json.loads((place / "outputs/photo-medley.json").read_text())
    return [Shot(work["shot"], place / SHOTS / work["shot"]) for work in sidecar["paintings"]]


def chain(place, *more, **expect):
    return render(place, "--transition", "chain", *more, **expect)


def made_at(shot):
    return (shot.path / "done.json").stat().st_mtime_ns


def test_each_shot_starts_from_the_result_before_and_the_film_shows_no_photo_between(place):
    render(place)
    alone = shots_of(place)
    done = chain(place, "--force", "--crf", "1")
    chained = shots_of(place)
    assert "1 shot found finished" in done.stderr  # the first, which starts from the photo
    assert chained[0] == alone[0]
    assert chained[1:] != alone[1:]
    for before, after in pairwise(chained):
        assert (after.read(0) == before.result()).all()
        start = json.loads((after.path / "shot.json").read_text())["start"]
        assert start == f"shot:{before.key}"
        assert track(after).changes[1] > 0
    frames = film_pixels(place / "outputs/photo-medley.mp4")
    away = np.abs(frames - frames[0].astype(int)).mean(axis=(1, 2, 3))
    assert len(frames) == 45
    assert max(away[[1, -1]]) * 3 < min(away[8:43])


def test_all_keys_are_known_before_any_shot_is_taken(place, monkeypatch):
    monkeypatch.setattr("medley.studio.shooting.benchmark.benchmark", lambda *_: Pace(1.0, 0.0))
    assert "3 to take, 0 found finished" in plan(place, "--transition", "chain").stdout
    chain(place)
    assert "0 to take, 3 found finished" in plan(place, "--transition", "chain", "--force").stdout
    assert len(list((place / SHOTS).glob("[!.]*"))) == 3


def test_lost_shot_is_taken_again_and_those_after_it_are_not(place):
    chain(place)
    first, second, third = shots_of(place)
    before = made_at(first), made_at(third)
    lost = second.step_path(2)
    pixels = lost.read_bytes()
    lost.unlink()
    done = chain(place, "--force")
    assert "2 shots found finished" in done.stderr
    assert (made_at(first), made_at(third)) == before
    assert lost.read_bytes() == pixels


def test_chain_is_the_work_of_one_process_and_says_so(place, monkeypatch):
    monkeypatch.setattr("multiprocessing.get_context", pytest.fail)
    done = chain(place, "--device", "cpu,cpu", "--precision", "float32")
    assert "in a chain each shot waits for the one before: only cpu is used\n" in done.stderr
    assert "float32 on cpu;" in done.stderr
    again = render(place, "--device", "cpu", "--transition", "chain", "--force")
    assert "only cpu is used" not in again.stderr


def test_torn_result_is_named_with_the_painting_that_would_go_on_from_it(place):
    chain(place)
    first, second, _ = shots_of(place)
    (second.path / "done.json").unlink()
    torn = first.step_path(3)
    torn.write_bytes(torn.read_bytes()[:100])
    done = chain(place, "--force", expect=1)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert line.startswith("Error: 'styles/painting_3.png': ")
    assert line.count("painting_3.png") == 1
    assert f"shot '{Path(SHOTS) / first.key}' is damaged: '" in line.replace("//", "/")
    assert line.endswith("; the same command takes it again")
    chain(place, "--force")


def after(shot, **settings):
    """The spec of a shot that goes on from another one."""
    return replace(small_spec(**settings), start=Start(f"shot:{shot.key}", after=shot))


def test_unfinished_shot_has_no_result_to_go_on_from(tmp_path, model):
    first = small_spec(steps=2)
    shot = Workspace(tmp_path).shot(first.key)
    second = after(shot, steps=2)
    unfinished = f"{first.key}' is not finished; run the same command again"
    with pytest.raises(OutputError, match=unfinished) as error:
        take(tmp_path, model, second)
    assert str(error.value).count("'painting_2.png': ") == 1
    take(tmp_path, model, first)
    follower = take(tmp_path, model, second)
    assert (follower.read(0) == shot.result()).all()
    shot.step_path(2).write_bytes(b"")
    with pytest.raises(OutputError, match=r"000002.png' .* remove '"):
        shot.result()


def test_interrupted_chained_shot_comes_to_the_same_pixels(tmp_path, model, monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL_S", 0)
    monkeypatch.setattr(checkpoint, "LARGEST_SHARE", math.inf)

    def chained(root):
        first = take(root, model, small_spec(steps=3))
        return after(first, paintings=2, steps=8)

    whole = take(tmp_path / "whole", model, chained(tmp_path / "whole"))
    what = chained(tmp_path / "stopped")
    with pytest.raises(Pulled):
        take(tmp_path / "stopped", model, what, pull_after(5))
    begun = Workspace(tmp_path / "stopped").shot(whole.key)
    assert begun.saved_step == 6
    resumed = take(tmp_path / "stopped", model, what)
    assert resumed.key == whole.key
    for step in range(9):
        assert resumed.step_path(step).read_bytes() == whole.step_path(step).read_bytes()
