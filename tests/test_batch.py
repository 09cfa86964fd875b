"""Many films at once: shots shared, failures contained, films cut as soon as they can be."""

import json
import pickle
import threading
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from medley.studio.batches import batch, cutting
from medley.studio.batches.darkroom import Darkroom
from medley.studio.batches.schedule import foretell_batch, plan_batch
from medley.studio.engines.sharing import is_claimed, reserve
from medley.studio.orders import look_through, prepare, prepare_sweep
from medley.studio.shooting.forecast import Pace
from medley.studio.shooting.negatives import Negative, digest_of
from medley.studio.shooting.takes import take_one
from PIL import Image

from medley.errors import ConfigError, PictureError
from medley.images import decode
from medley.settings.manifest import read_manifest
from medley.studio.engines.jobs import Event, Outcome
from medley.workspace import Workspace

from .test_render import run

CPU = torch.device("cpu")
DEFAULTS = (
    '[defaults]\nstyles = "styles"\nsize = 48\nsteps = 2\nfps = 10\nseconds_per_painting = 1.5\n'
    'hold = 0.3\nprecision = "float32"\nworkspace = "shots"\n'
)
RENDER = '[[film]]\ncontent = "photo.png"\n'


def ignore(*_):
    """Be told something."""


class Here:
    """An engine that takes shots in this process; those of some paintings fail."""

    def __init__(self, model, workspace, bad=(), after=None):
        self.model, self.workspace, self.bad = model, workspace, bad
        self.after = after or ignore
        self.taken = []

    def run(self, jobs, watch):
        for job in jobs:
            steps = job.take.scene.settings.steps
            watch(Event(job.key, "here.1", "cpu", "started", steps=steps))
            error = None
            if job.take.painting.path.name in self.bad:
                error = PictureError(f"'{job.take.painting.path}' spoils")
            else:
                take_one(job.take, self.model, self.workspace, ignore, ignore)
                self.taken.append(job.key)
            outcome = Outcome(job.key, error, 1, 0.5, "here.1")
            yield outcome
            self.after(outcome)


@pytest.fixture
def place(make_picture, tmp_path) -> Path:
    """A folder with two photos of different shapes and two paintings."""
    make_picture("photo.png", height=41, width=50)
    make_picture("tall.png", height=50, width=40, seed=9)
    for seed in (2, 3):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    return tmp_path


def plan(place, films, force=False):
    path = place / "films.toml"
    path.write_text(DEFAULTS + films, "utf-8")
    return plan_batch(read_manifest(path), CPU, force, ignore)


def send(take):
    """A take as a worker receives it."""
    return pickle.loads(pickle.dumps(take))  # noqa: S301


def make(schedule, engine, watch=ignore):
    def cut(film, on_frame):
        cutting.cut_plan(film, on_frame, CPU, ignore)

    return batch.run_batch(schedule, engine, cut, watch)


def check_same(schedule, takes):
    """See that a film's shots are those that its command would take, with the same pictures."""
    planned = schedule.films[0].takes
    assert [take.shot.key for take in planned] == [take.shot.key for take in takes]
    for one, take in zip(planned, takes, strict=True):
        ready = schedule.darkroom.develop(one)
        assert np.array_equal(ready.scene.content, take.scene.content)
        assert np.array_equal(ready.scene.start, take.scene.start)
        assert np.array_equal(ready.painting.picture, take.painting.picture)
        assert ready.scene.settings == take.scene.settings


def on_the_cpu(order):
    return order.model_copy(update={"run": order.run.model_copy(update={"device": ("cpu",)})})


@pytest.mark.parametrize("start", ['"content"', '"noise"', '"color"', '"tall.png"'])
def test_planned_renders_have_the_shots_of_real_ones(place, start):
    schedule = plan(place, f'[[film]]\ncontent = "tall.png"\ninit = {start}\nbits = 3\nseed = 7\n')
    order = on_the_cpu(schedule.order[0].order)
    check_same(schedule, prepare(order, print)[0].takes)


def test_planned_sweeps_have_the_shots_of_real_ones(place):
    schedule = plan(
        place,
        '[[film]]\nkind = "sweep"\ncontent = ["photo.png", "tall.png"]\ninit = "noise"\n'
        "bits = [4, 8]\nsample = 1\n",
    )
    order = on_the_cpu(schedule.order[0].order)
    sweep = prepare_sweep(order, look_through(order, print), print, ignore)
    check_same(schedule, [*chain(*sweep.pairs)])


def test_a_plan_holds_no_pixels(place):
    schedule = plan(place, RENDER + 'init = "noise"\n')
    for job in schedule.jobs.values():
        scene = job.take.scene
        for picture in (scene.content, scene.start, *scene.paintings):
            assert isinstance(picture, Negative)
            assert picture.strides == (0, 0, 0)
            assert picture.shape == (39, 48, 3) or picture is scene.paintings[0]


def test_paintings_that_share_a_shot_are_sent_with_their_pixels_and_found_again(place, model):
    schedule = plan(place, RENDER + "blend = true\n")
    ((key, job),) = schedule.jobs.items()
    sent = send(schedule.darkroom.develop(job.take))
    assert sent.shot.key == key
    for work, there in zip(job.take.works, sent.works, strict=True):
        assert np.array_equal(there.picture, work.picture.develop())
    make(schedule, Here(model, schedule.workspace))
    assert plan(place, RENDER + "blend = true\n").made == 1


def test_negatives_are_never_taken_for_pixels(make_picture):
    path = make_picture()
    negative = Negative((40, 48, 3), path, digest_of(decode(path)), lambda: decode(path))
    assert np.array_equal(negative.develop(), decode(path))
    with pytest.raises(TypeError, match="develop it first"):
        pickle.dumps(negative)
    Image.new("RGB", (48, 40)).save(path)
    with pytest.raises(PictureError, match=r"photo\.png' was changed since"):
        negative.develop()


def test_a_file_is_decoded_once_for_all_its_sizes(place, monkeypatch):
    read = []
    original = Darkroom.__init__.__globals__["read_picture"]
    monkeypatch.setattr(
        "medley.studio.batches.darkroom.read_picture",
        lambda path: read.append(path) or original(path),
    )
    plan(place, '[[film]]\ncontent = ["photo.png", "tall.png"]\nbits = [8, 4]\nsteps = [1, 2]\n')
    names = ["painting_2.png", "painting_3.png", "photo.png", "tall.png"]
    assert sorted(path.name for path in read) == names


def test_shots_of_the_same_pictures_are_told_apart(place):
    schedule = plan(place, RENDER + 'bits = [8, 4]\nstyles = "styles/painting_2.png"\n')
    assert [*schedule.titles.values()] == ["photo, painting 2, 8 bits", "photo, painting 2, 4 bits"]
    schedule = plan(place, RENDER + 'steps = [2, 3]\nstyles = "styles/painting_2.png"\n')
    assert [*schedule.titles.values()] == [
        f"photo, painting 2, 8 bits, {key[:6]}" for key in schedule.jobs
    ]


def test_a_shot_keeps_its_label_when_others_are_finished(place, model):
    films = RENDER + 'bits = [8, 4]\nstyles = "styles/painting_2.png"\n'
    first = plan(place, films)
    key, other = first.jobs
    ready = first.darkroom.develop(first.jobs[key].take)
    list(Here(model, first.workspace).run([replace(first.jobs[key], take=ready)], ignore))
    again = plan(place, films)
    assert [*again.jobs] == [other]
    assert again.titles == first.titles
    about = json.loads((first.workspace.shot(key).path / "shot.json").read_text("utf-8"))
    assert about["label"] == again.titles[key] == "photo, painting 2, 8 bits"


def test_films_share_shots_and_each_is_taken_once(place, model):
    schedule = plan(place, RENDER + RENDER + 'output = "other.mp4"\nhold = 0.2\n')
    engine = Here(model, schedule.workspace)
    assert (len(schedule.films), schedule.shots, len(schedule.jobs)) == (2, 2, 2)
    report = make(schedule, engine)
    assert sorted(engine.taken) == sorted(schedule.jobs)
    assert not report.failures
    for film in report.films:
        assert Path(film.film).is_file()
        assert Path(film.film).with_suffix(".json") in schedule.workspace.films()


def test_a_kill_between_sidecar_and_film_is_no_obstacle(place, model):
    first = plan(place, RENDER)
    make(first, Here(model, first.workspace))
    film = first.order[0].path
    film.unlink()
    marks = "-0123abcd.part.mp4", "-0123abcd.part.json", ".credits-0123abcd.part.txt"
    stale = [film.with_name(f".{film.stem}{mark}") for mark in marks]
    for part in stale:
        part.touch()
    again = plan(place, RENDER)
    assert (again.made, len(again.jobs)) == (0, 0)
    assert not make(again, Here(model, again.workspace)).failures
    assert film.is_file()
    assert not any(part.exists() for part in stale)


def test_a_film_that_another_batch_cut_is_not_cut_again(place, model):
    schedule = plan(place, RENDER)
    make(plan(place, RENDER), Here(model, schedule.workspace))
    film = schedule.order[0].path
    before = film.stat().st_mtime_ns
    assert not make(schedule, Here(model, schedule.workspace)).failures
    assert film.stat().st_mtime_ns == before


def test_a_finished_batch_has_nothing_left_to_do(place, model):
    films = RENDER + '[[film]]\ncontent = "tall.png"\ncaptions = "full"\n'
    first = plan(place, films)
    make(first, Here(model, first.workspace))
    again = plan(place, films)
    assert (again.made, len(again.jobs)) == (2, 0)
    engine = Here(model, again.workspace)
    before = {film.path: film.path.stat().st_mtime_ns for film in again.order}
    assert not make(again, engine).failures
    assert engine.taken == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_films_that_would_be_replaced_are_all_named(place, model):
    both = '[[film]]\ncontent = ["photo.png", "tall.png"]\n'
    first = plan(place, both)
    make(first, Here(model, first.workspace))
    with pytest.raises(ConfigError, match="pass --force") as caught:
        plan(place, both + "hold = 0.1\n")
    assert len(caught.value.args) == 2
    assert "line 10, film 1: '" in str(caught.value.args[0])
    forced = plan(place, both + "hold = 0.1\n", force=True)
    assert (forced.made, len(forced.jobs)) == (0, 0)
    assert not make(forced, Here(model, forced.workspace)).failures
    assert plan(place, both + "hold = 0.1\n").made == 2


def test_a_failed_shot_fails_its_films_and_no_other(place, model, make_picture):
    make_picture("alone/painting_9.png", seed=5)
    schedule = plan(place, RENDER + '[[film]]\ncontent = "tall.png"\nstyles = "alone"\n')
    seen = []
    report = make(schedule, Here(model, schedule.workspace, bad=["painting_2.png"]), seen.append)
    failed, made = report.films
    assert "1 of 2 shots failed: '" in failed.error
    assert "painting_2.png' spoils" in failed.error
    assert made.error is None
    assert not Path(failed.film).exists()
    assert Path(made.film).is_file()
    assert [shot.key for shot in report.lost] == list(failed.lost)
    assert sum(isinstance(one, batch.FilmEnd) for one in seen) == 2
    # What did succeed is there for the next time.
    assert len(plan(place, RENDER).jobs) == 1


def test_a_film_that_cannot_be_planned_fails_alone(place, model):
    (place / "bad.png").write_bytes(b"no picture")
    schedule = plan(place, '[[film]]\ncontent = ["bad.png", "photo.png"]\n')
    assert [film.order.content[0].name for film, _ in schedule.failed] == ["bad.png"]
    report = make(schedule, Here(model, schedule.workspace))
    assert [bool(film.error) for film in report.films] == [True, False]
    assert "no picture format" in report.films[0].error


def test_a_picture_that_changes_meanwhile_fails_its_shot(place, model):
    schedule = plan(place, RENDER)
    Image.new("RGB", (60, 60)).save(place / "styles" / "painting_3.png")
    report = make(schedule, Here(model, schedule.workspace))
    assert len(report.lost) == 1
    assert "painting_3.png' was changed since" in report.films[0].error


def test_a_film_is_cut_while_others_shots_are_taken(place, model):
    cut = threading.Event()
    seen = []

    def watch(happening):
        seen.append(happening)
        if isinstance(happening, batch.FilmEnd):
            cut.set()

    def wait(outcome):
        if outcome.key == schedule.films[0].keys[-1]:
            assert cut.wait(60), "the first film waits for the second one's shots"

    schedule = plan(place, '[[film]]\ncontent = ["photo.png", "tall.png"]\n')
    make(schedule, Here(model, schedule.workspace, after=wait), watch)
    kinds = [type(one).__name__ for one in seen if not isinstance(one, Event | batch.Cutting)]
    assert kinds == ["ShotEnd", "ShotEnd", "FilmEnd", "ShotEnd", "ShotEnd", "FilmEnd"]


def test_shots_that_another_batch_is_about_to_take_come_last(place, model):
    schedule = plan(place, RENDER + '[[film]]\ncontent = "tall.png"\n')
    keys = list(schedule.jobs)
    held = [reserve(schedule.workspace, key) for key in keys[:2]]
    assert reserve(schedule.workspace, keys[0]) is None
    engine = Here(model, schedule.workspace)
    make(schedule, engine)
    assert engine.taken[:2] == keys[2:]
    assert sorted(engine.taken) == sorted(keys)
    for reservation in held:
        reservation.end()
    assert list((place / "shots" / "shots").glob("*.batch")) == []


def test_shots_that_another_batch_finished_are_not_taken_again(place, model):
    schedule = plan(place, RENDER)
    other = Here(model, schedule.workspace)
    make(plan(place, RENDER), other)
    engine = Here(model, schedule.workspace)
    seen = []
    report = make(schedule, engine, seen.append)
    assert engine.taken == []
    assert not report.failures
    assert [end.worker for end in seen if isinstance(end, batch.ShotEnd)] == ["", ""]


def test_a_claim_can_be_seen_from_outside(tmp_path):
    workspace = Workspace(tmp_path)
    assert not is_claimed(workspace, "key")
    assert list(tmp_path.iterdir()) == []
    with workspace.claim("key", lambda: None):
        assert is_claimed(workspace, "key")
    assert not is_claimed(workspace, "key")


def test_an_interrupt_leaves_the_film_at_work_and_begins_no_other(place, model):
    schedule = plan(place, '[[film]]\ncontent = ["photo.png", "tall.png"]\n')

    def interrupt(outcome):
        if outcome.key == schedule.films[1].keys[-1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(schedule, Here(model, schedule.workspace, after=interrupt))
    assert list(place.rglob("*.part*")) == []


def test_the_forecast_adds_up_the_shots_of_all_films(place):
    schedule = plan(place, RENDER + "steps = [2, 5]\n")
    jobs = list(schedule.jobs.values())
    one, two = (
        foretell_batch(jobs[at : at + 1], 0, [CPU], Pace(0.5, 0.0), ignore) for at in (0, 2)
    )
    found = foretell_batch(jobs, 3, [CPU], Pace(0.5, 0.0), ignore)
    assert (found.missing, found.finished, found.steps) == (4, 3, 2 * 2 + 2 * 5)
    assert found.seconds == pytest.approx(2 * one.seconds + 2 * two.seconds)
    assert found.disk_bytes == pytest.approx(2 * one.disk_bytes + 2 * two.disk_bytes)


@pytest.fixture
def here(monkeypatch, model):
    """Let the command line take shots in this process."""
    bad = []

    def open_engine(_, workspace):
        return Here(model, workspace, bad)

    monkeypatch.setattr("medley.studio.engine.open_engine", open_engine)
    return bad


def command(place, films, *more, expect=0):
    (place / "films.toml").write_text(DEFAULTS + films, "utf-8")
    return run("batch", "films.toml", *more, cwd=place, expect=expect)


@pytest.mark.usefixtures("here")
def test_the_command_makes_films_a_page_and_a_log(place):
    done = command(place, '[[film]]\ncontent = ["photo.png", "tall.png"]\n')
    films = [Path("outputs", f"{name}-medley.mp4") for name in ("photo", "tall")]
    assert [line.strip() for line in done.stdout.splitlines()] == [str(film) for film in films]
    page = (place / "outputs" / "films.html").read_text()
    for film in films:
        assert f'href="{film.name}"' in page
        assert f'src="{film.stem}.png"' in page
        assert (place / film).is_file()
    (log,) = (place / "shots" / "logs").glob("films-*.jsonl")
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert events[0] == "batch"
    assert events[-1] == "end"
    assert events.count("shotend") == 4
    assert events.count("filmend") == 2
    assert "step" not in events


def test_failures_are_a_list_an_exit_code_and_a_log(place, here):
    here.append("painting_2.png")
    done = command(place, RENDER, "--quiet", "--log-json", "all.jsonl", expect=1)
    assert done.stdout == ""
    first, film, shot = done.stderr.splitlines()
    assert first.startswith("Error: 1 of 1 film failed")
    assert "log 'all.jsonl'" in first
    assert "outputs/photo-medley.mp4: 1 of 2 shots failed" in film
    assert "(photo, painting 2): " in shot
    assert "why it is not there" in (place / "outputs" / "films.html").read_text()


def test_check_says_what_a_batch_would_take_and_makes_nothing(place, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(place / "cache"))  # that knows no pace yet
    monkeypatch.setattr("medley.studio.shooting.pace.pace_of", lambda _: Pace(0.5, 0.0))
    done = command(place, RENDER + "bits = [8, 4]\n", "--check")
    assert "2 films, 0 of them made; 4 different shots, 0 of them finished" in done.stdout
    assert "forecast: 8 steps, about 0:04" in done.stdout
    assert not (place / "shots").exists()
    (place / "bad.png").touch()
    failed = command(place, '[[film]]\ncontent = "bad.png"\n', "--check", expect=1)
    assert "cannot be made: " in failed.stderr


def test_faults_of_a_manifest_are_a_line_each(place):
    done = command(place, RENDER + "bits = 9\nsteps = 0\n", expect=1)
    assert [line[:28] for line in done.stderr.splitlines()] == [
        "Error: 'films.toml' line 12,",
        "Error: 'films.toml' line 13,",
    ]


@pytest.mark.usefixtures("here")
def test_a_workspace_that_cannot_be_written_to_is_one_line(place):
    done = command(place, RENDER, "--workspace", "photo.png/shots", expect=1)
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert len(lines) == 1
    assert "photo.png/shots" in lines[0]


def test_without_a_manifest_the_command_asks_for_one(place):
    assert "name a MANIFEST" in run("batch", cwd=place, expect=2).stderr
    schema = json.loads(run("batch", "--schema", cwd=place).stdout)
    assert schema["properties"]["film"]["type"] == "array"
