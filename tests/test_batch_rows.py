"""Batches of films whose shots go on from one another: chains and walks."""

import json

import numpy as np
import pytest

from .conftest import film_pixels
from .test_batch import RENDER, Here, foretell, loaded, make, plan, send
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
    planned = plan(place, films)
    engine = Here(model, planned.workspace)
    assert not make(planned, engine).failures
    assert engine.taken == planned.films[0].keys
    command = "render" if kind == "chain" else kind
    given = [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
    run(command, *given, *options, cwd=place)
    ours, theirs = planned.orders[0].film_path, place / "alone.mp4"
    assert (film_pixels(ours) == film_pixels(theirs)).all()
    one, other = (json.loads(path.with_suffix(".json").read_text()) for path in (ours, theirs))
    assert one["settings"] == other["settings"]
    again = plan(place, films)
    assert (again.made, len(again.jobs)) == (1, 0)
    assert plan(place, films + "strength = 0.5\n", force=True).made == 0


class Greedy(Here):
    """Asks for as many jobs as there are before it takes the last that it was given."""

    def run(self, jobs):
        given, jobs = [], iter(jobs)
        while True:
            while job := next(jobs, None):
                given.append(job)
            if not given:
                return
            yield from super().run([given.pop()])


def test_a_shot_is_given_out_when_the_one_before_it_has_ended(place, model):
    planned = plan(place, CHAIN + WALK + RENDER + 'output = "plain.mp4"\n')
    engine = Greedy(model, planned.workspace)
    assert not make(planned, engine).failures
    assert sorted(engine.taken) == sorted(planned.jobs)
    after = {key: job.spec.after for key, job in planned.jobs.items()}
    assert sum(map(bool, after.values())) == 2
    for key, before in after.items():
        assert before is None or engine.taken.index(before) < engine.taken.index(key)


def test_what_goes_on_from_a_failed_shot_fails_and_other_films_do_not(place, model, make_picture):
    make_picture("styles/painting_4.png", seed=4)
    other = 'styles = "styles/painting_4.png"\noutput = "x.mp4"\n'
    planned = plan(place, CHAIN + RENDER + other)
    engine = Here(model, planned.workspace, bad=["painting_2.png"])
    report = make(planned, engine)
    failed, made = report.films
    assert made.error is None
    assert str(failed.error).startswith("3 of 3 shots failed: '")
    assert str(failed.error).endswith("painting_2.png' spoils")
    assert list(failed.lost) == planned.films[0].keys
    assert [str(shot.error) for shot in report.lost[1:]] == [
        "it goes on from 'photo, painting 2', which failed",
        "it goes on from 'photo, painting 3', which failed",
    ]
    assert not make(plan(place, CHAIN), Here(model, planned.workspace)).failures


def test_a_result_that_cannot_be_read_fails_what_goes_on_from_it(place, model):
    first = plan(place, CHAIN)
    make(first, Here(model, first.workspace))
    start, end = map(first.workspace.shot, first.films[0].keys)
    first.orders[0].film_path.unlink()
    (end.path / "done.json").unlink()
    start.step_path(2).write_bytes(b"torn")
    report = make(plan(place, CHAIN), Here(model, first.workspace))
    assert [shot.key for shot in report.lost] == [end.key]
    assert f"shot '{start.path}' is damaged: '" in str(report.films[0].error)
    assert not make(plan(place, CHAIN), Here(model, first.workspace)).failures


def test_shots_in_a_row_are_sent_with_the_result_that_they_go_on_from(place, model):
    planned = plan(place, WALK)
    opening, walk = planned.films[0].shots
    list(Here(model, planned.workspace).run([planned.jobs[opening.key]]))
    sent = send(loaded(planned, walk))
    result = planned.workspace.shot(opening.key).result()
    assert np.array_equal(sent.start.picture.held, result)
    assert sent.after == opening.key
    assert sent.key == walk.key


def test_the_forecast_of_shots_in_a_row_is_no_shorter_for_more_devices(place):
    planned = plan(place, CHAIN)
    one, two = (foretell(planned, devices=devices) for devices in (["cpu"], ["cpu", "mps"]))
    assert one.seconds == two.seconds > 0
    others = plan(place, RENDER)
    assert foretell(others, devices=["cpu", "mps"]).seconds == one.seconds / 2


@pytest.mark.parametrize("films", [RENDER, CHAIN, WALK])
def test_a_batch_of_one_film_names_the_same_device_as_one_of_many(place, films):
    planned = plan(place, films, devices=["cpu", "mps"])
    assert planned.films[0].devices == ("cpu",)
    assert not [note for note in planned.films[0].notes if "device" in str(note)]


def test_a_walk_through_one_painting_fails_alone(place):
    planned = plan(place, WALK + 'styles = "styles/painting_2.png"\n' + RENDER)
    ((number, error),) = planned.failed.items()
    assert planned.orders[number].kind == "walk"
    assert "a walk goes through 2 paintings or more" in str(error)
    assert len(planned.films) == 1
