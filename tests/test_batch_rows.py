"""Batches of films whose shots go on from one another: chains and walks."""

import json

import numpy as np
import pytest
import torch
from medley.studio.batches.schedule import foretell_batch
from medley.studio.shooting.forecast import Pace
from medley.studio.shooting.scene import shot_key
from medley.studio.shooting.takes import take_one

from .conftest import film_pixels
from .test_batch import CPU, RENDER, Here, ignore, make, plan, send
from .test_render import run

SETTINGS = {
    "content": "photo.png", "styles": "styles", "size": 48, "steps": 2, "fps": 10,
    "precision": "float32", "workspace": "alone", "device": "cpu", "output": "alone.mp4",
}  # fmt: skip
CHAIN = RENDER + 'transition = "chain"\n'
WALK = '[[film]]\nkind = "walk"\ncontent = "photo.png"\nseconds_per_painting = 0.4\n'
BOTH = {
    "chain": (CHAIN, ["--transition", "chain", "--hold", "0.3", "--seconds-per-painting", "1.5"]),
    "walk": (WALK, ["--seconds-per-painting", "0.4"]),
}
"""Films whose shots go on from one another, as a manifest and as a command has them."""


@pytest.fixture
def place(make_picture, tmp_path):
    """A folder with a photo and two paintings."""
    make_picture("photo.png", height=41, width=50)
    for seed in (2, 3):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    return tmp_path


@pytest.mark.parametrize("kind", BOTH)
def test_shots_in_a_row_make_the_film_of_their_command(place, model, kind):
    films, options = BOTH[kind]
    schedule = plan(place, films)
    engine = Here(model, schedule.workspace)
    assert not make(schedule, engine).failures
    assert engine.taken == schedule.films[0].keys
    command = "render" if kind == "chain" else kind
    given = [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
    run(command, *given, *options, cwd=place)
    ours, theirs = schedule.order[0].path, place / "alone.mp4"
    assert (film_pixels(ours) == film_pixels(theirs)).all()
    one, other = (json.loads(path.with_suffix(".json").read_text()) for path in (ours, theirs))
    assert one["settings"] == other["settings"]
    again = plan(place, films)
    assert (again.made, len(again.jobs)) == (1, 0)
    assert plan(place, films + "strength = 0.5\n", force=True).made == 0


class Greedy(Here):
    """Asks for as many jobs as there are before it takes the last that it was given."""

    def run(self, jobs, watch):
        given, jobs = [], iter(jobs)
        while True:
            while job := next(jobs, None):
                given.append(job)
            if not given:
                return
            yield from super().run([given.pop()], watch)


def test_a_shot_is_given_out_when_the_one_before_it_has_ended(place, model):
    schedule = plan(place, CHAIN + WALK + RENDER + 'output = "plain.mp4"\n')
    engine = Greedy(model, schedule.workspace)
    assert not make(schedule, engine).failures
    assert sorted(engine.taken) == sorted(schedule.jobs)
    after = {key: job.after for key, job in schedule.jobs.items()}
    assert sum(map(bool, after.values())) == 2
    for key, before in after.items():
        assert before is None or engine.taken.index(before) < engine.taken.index(key)


def test_what_goes_on_from_a_failed_shot_fails_and_other_films_do_not(place, model, make_picture):
    make_picture("styles/painting_4.png", seed=4)
    other = 'styles = "styles/painting_4.png"\noutput = "x.mp4"\n'
    schedule = plan(place, CHAIN + RENDER + other)
    engine = Here(model, schedule.workspace, bad=["painting_2.png"])
    report = make(schedule, engine)
    failed, made = report.films
    assert made.error is None
    assert failed.error.startswith("3 of 3 shots failed: '")
    assert failed.error.endswith("painting_2.png' spoils")
    assert list(failed.lost) == schedule.films[0].keys
    assert [shot.error for shot in report.lost[1:]] == [
        "it goes on from 'photo, painting 2', which failed",
        "it goes on from 'photo, painting 3', which failed",
    ]
    assert not make(plan(place, CHAIN), Here(model, schedule.workspace)).failures


def test_a_result_that_cannot_be_read_fails_what_goes_on_from_it(place, model):
    first = plan(place, CHAIN)
    make(first, Here(model, first.workspace))
    start, end = first.films[0].takes
    first.order[0].path.unlink()
    (end.shot.path / "done.json").unlink()
    start.shot.step_path(2).write_bytes(b"torn")
    report = make(plan(place, CHAIN), Here(model, first.workspace))
    assert [shot.key for shot in report.lost] == [end.shot.key]
    assert f"remove '{start.shot.path}' to take the shot again" in report.films[0].error


def test_shots_in_a_row_are_sent_with_the_result_that_they_go_on_from(place, model):
    schedule = plan(place, WALK)
    opening, walk = schedule.films[0].takes
    take_one(schedule.darkroom.develop(opening), model, schedule.workspace, ignore, ignore)
    sent = send(schedule.darkroom.develop(walk))
    assert np.array_equal(sent.scene.start, opening.shot.result())
    key = shot_key(sent.scene, model.weights.digest, model.precision)
    assert key == walk.shot.key == sent.shot.key


def test_the_forecast_of_shots_in_a_row_is_no_shorter_for_more_devices(place):
    schedule = plan(place, CHAIN)
    jobs = list(schedule.jobs.values())
    crews = [CPU], [CPU, torch.device("meta")]
    one, two = (foretell_batch(jobs, 0, crew, Pace(0.5, 0.0), ignore) for crew in crews)
    assert one.seconds == two.seconds > 0
    others = list(plan(place, RENDER).jobs.values())
    assert foretell_batch(others, 0, crews[1], Pace(0.5, 0.0), ignore).seconds == one.seconds / 2


def test_a_walk_through_one_painting_fails_alone(place):
    schedule = plan(place, WALK + 'styles = "styles/painting_2.png"\n' + RENDER)
    ((film, error),) = schedule.failed
    assert film.kind == "walk"
    assert "a walk goes through 2 paintings or more" in str(error)
    assert len(schedule.films) == 1
