"""Many films at once: shots shared, failures contained, films cut as soon as they can be."""

import _thread
import gc
import json
import pickle
import re
import shutil
import subprocess
import sys
import threading
import time
import tracemalloc
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medley.errors import ConfigError, PictureError
from medley.events import Event
from medley.files import sha256
from medley.images import decode, read_picture
from medley.pictures import Picture, digest_of
from medley.settings.manifest import read_manifest
from medley.studio.forecast import forecast
from medley.studio.plan import plan as plan_films
from medley.studio.run import run as run_plan
from medley.studio.shooting.costs import Pace
from medley.studio.shooting.paces import keep_pace
from medley.studio.shooting.shoot import shoot
from medley.workspace.locks import is_claimed, reserve
from medley.workspace.maintenance import prune
from medley.workspace.status import survey
from medley.workspace.store import Workspace

from .test_render import run

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

    def run(self, jobs):
        for job in jobs:
            steps = job.spec.settings.steps
            yield Event("started", job.key, worker="here.1", device="cpu", steps=steps)
            error = None
            if job.spec.painting_path.name in self.bad:
                error = PictureError(f"'{job.spec.painting_path}' spoils")
            else:
                yield from shoot(job.spec, self.model, None, self.workspace, job.label)
                self.taken.append(job.key)
            end = Event("shotend", job.key, worker="here.1", seconds=0.5, error=error, attempts=1)
            yield end
            self.after(end)


@pytest.fixture
def place(make_picture, tmp_path) -> Path:
    """A folder with two photos of different shapes and two paintings."""
    make_picture("photo.png", height=41, width=50)
    make_picture("tall.png", height=50, width=40, seed=9)
    for seed in (2, 3):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    return tmp_path


def plan(place, films, force=False, devices=("cpu",)):
    path = place / "films.toml"
    path.write_text(DEFAULTS + films, "utf-8")
    found = read_manifest(path).films
    return plan_films(
        [film.order for film in found],
        devices,
        sources=[film.source for film in found],
        force=force,
        unattended=True,
    )


def loaded(planned, spec):
    """A spec with its pictures in memory."""
    return spec.loaded(planned.pictures.pixels)


def send(spec):
    """A spec as a worker receives it."""
    return pickle.loads(pickle.dumps(spec))  # noqa: S301


def make(planned, engine, listener=ignore, **more):
    return run_plan(planned, engine, listener, **more)


def foretell(planned, jobs=None, devices=("cpu",)):
    """The forecast of a plan, or of some of its jobs."""
    if jobs is not None:
        planned = replace(planned, jobs={job.key: job for job in jobs})
    return forecast(planned, devices, Pace(0.5, 0.0), ignore)


def test_a_plan_holds_no_pixels(place):
    planned = plan(place, RENDER + 'init = "tall.png"\n')
    for job in planned.jobs.values():
        spec = job.spec
        for picture in (spec.content, spec.start.picture, spec.paintings[0].picture):
            assert isinstance(picture, Picture)
            assert picture.held is None
            assert picture.shape == (39, 48, 3) or picture is spec.paintings[0].picture


def test_planning_many_films_takes_the_memory_of_few_pictures(make_picture, tmp_path):
    make_picture("photo.png", height=400, width=500)
    for seed in (2, 3):
        make_picture(f"styles/painting_{seed}.png", height=400, width=500, seed=seed)

    def measure(widths):
        gc.collect()
        tracemalloc.start()
        try:
            planned = plan(tmp_path, RENDER + f"size = {[*widths]}\n")
            assert len(planned.jobs) == 2 * len(widths)
            return tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    one_picture = 400 * 500 * 3  # bytes
    _, few = measure(range(300, 340, 10))
    kept, many = measure(range(300, 500, 10))
    assert kept < one_picture
    assert many - few < 5 * one_picture  # and not the 32 pictures that there are more


def test_paintings_that_share_a_shot_are_sent_with_their_pixels_and_found_again(place, model):
    planned = plan(place, RENDER + "blend = true\n")
    ((key, job),) = planned.jobs.items()
    sent = send(loaded(planned, job.spec))
    assert sent.key == key
    for work, there in zip(job.spec.paintings, sent.paintings, strict=True):
        assert np.array_equal(there.picture.held, work.picture.pixels())
    make(planned, Here(model, planned.workspace))
    assert plan(place, RENDER + "blend = true\n").made == 1


def test_pictures_are_read_as_they_were_looked_at_or_not_at_all(make_picture):
    path = make_picture()
    picture = Picture(path, 40, 48, digest_of(decode(path)))
    assert np.array_equal(picture.pixels(), decode(path))
    held = send(picture.holding(picture.pixels()))
    Image.new("RGB", (48, 40)).save(path)
    with pytest.raises(PictureError, match=r"photo\.png' was changed since"):
        picture.pixels()
    assert held == picture
    assert held.pixels().any()  # a process that is sent pixels needs no file


def test_a_file_is_decoded_once_for_all_its_sizes(place, monkeypatch):
    read = []
    monkeypatch.setattr(
        "medley.studio.picture_cache.read_picture",
        lambda path: read.append(path) or read_picture(path),
    )
    plan(place, '[[film]]\ncontent = ["photo.png", "tall.png"]\nbits = [8, 4]\nsteps = [1, 2]\n')
    names = ["painting_2.png", "painting_3.png", "photo.png", "tall.png"]
    assert sorted(path.name for path in read) == names


def test_shots_of_the_same_pictures_are_told_apart(place):
    planned = plan(place, RENDER + 'bits = [8, 4, 1]\nstyles = "styles/painting_2.png"\n')
    assert [*planned.labels.values()] == [
        f"photo, painting 2{more}" for more in ("", ", 4 bits", ", 1 bit")
    ]
    planned = plan(place, RENDER + 'steps = [2, 3]\nstyles = "styles/painting_2.png"\n')
    assert [*planned.labels.values()] == [f"photo, painting 2, {key[:6]}" for key in planned.jobs]


def test_a_shot_has_one_name_in_films_of_every_kind(place):
    one = 'styles = "styles/painting_2.png"\n'
    films = [f"{RENDER}{one}bits = 4\n", f'{RENDER}{one}kind = "sweep"\nbits = [8, 4]\n']
    alone, swept = (plan(place, film).labels for film in films)
    (key,) = alone
    assert alone[key] == swept[key] == "photo, painting 2, 4 bits"
    assert set(plan(place, "".join(films)).labels.values()) == set(swept.values())


def test_a_shot_keeps_its_label_when_others_are_finished(place, model):
    films = RENDER + 'bits = [8, 4]\nstyles = "styles/painting_2.png"\n'
    first = plan(place, films)
    key, other = first.jobs
    list(Here(model, first.workspace).run([first.jobs[key]]))
    again = plan(place, films)
    assert [*again.jobs] == [other]
    assert again.labels == first.labels
    about = json.loads((first.workspace.shot(key).path / "shot.json").read_text("utf-8"))
    assert about["label"] == again.labels[key] == "photo, painting 2"


def test_films_share_shots_and_each_is_taken_once(place, model):
    planned = plan(place, RENDER + RENDER + 'output = "other.mp4"\nhold = 0.2\n')
    engine = Here(model, planned.workspace)
    assert (len(planned.films), len(planned.labels), len(planned.jobs)) == (2, 2, 2)
    report = make(planned, engine)
    assert sorted(engine.taken) == sorted(planned.jobs)
    assert not report.failures
    for film in report.films:
        assert Path(film.key).is_file()
        assert Path(film.key).with_suffix(".json") in planned.workspace.films()


def test_a_kill_between_sidecar_and_film_is_no_obstacle(place, model):
    first = plan(place, RENDER)
    make(first, Here(model, first.workspace))
    film = first.orders[0].film_path
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
    planned = plan(place, RENDER)
    make(plan(place, RENDER), Here(model, planned.workspace))
    film = planned.orders[0].film_path
    before = film.stat().st_mtime_ns
    assert not make(planned, Here(model, planned.workspace)).failures
    assert film.stat().st_mtime_ns == before


def test_a_finished_batch_has_nothing_left_to_do(place, model):
    films = RENDER + '[[film]]\ncontent = "tall.png"\ncaptions = "full"\n'
    first = plan(place, films)
    make(first, Here(model, first.workspace))
    again = plan(place, films)
    assert (again.made, len(again.jobs)) == (2, 0)
    engine = Here(model, again.workspace)
    before = {path: path.stat().st_mtime_ns for path in (order.film_path for order in again.orders)}
    assert not make(again, engine).failures
    assert engine.taken == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_films_that_would_be_replaced_are_all_named(place, model):
    both = '[[film]]\ncontent = ["photo.png", "tall.png"]\n'
    first = plan(place, both)
    make(first, Here(model, first.workspace))
    with pytest.raises(ConfigError, match="pass force") as caught:
        plan(place, both + "hold = 0.1\n")
    assert len(caught.value.faults) == 2
    assert "line 10, film 1: '" in str(caught.value)
    forced = plan(place, both + "hold = 0.1\n", force=True)
    assert (forced.made, len(forced.jobs)) == (0, 0)
    assert not make(forced, Here(model, forced.workspace)).failures
    assert plan(place, both + "hold = 0.1\n").made == 2


@pytest.mark.parametrize("name", ["frames", "frames.gif", "frames.sheet.png"])
def test_a_film_of_any_format_is_made_once(name, place, model):
    films = f'[[film]]\ncontent = "photo.png"\noutput = "outputs/{name}"\n'
    first = plan(place, films)
    assert not make(first, Here(model, first.workspace)).failures
    assert plan(place, films).made == 1


def test_a_failed_shot_fails_its_films_and_no_other(place, model, make_picture):
    make_picture("alone/painting_9.png", seed=5)
    planned = plan(place, RENDER + '[[film]]\ncontent = "tall.png"\nstyles = "alone"\n')
    seen = []
    report = make(planned, Here(model, planned.workspace, bad=["painting_2.png"]), seen.append)
    failed, made = report.films
    assert "1 of 2 shots failed: '" in str(failed.error)
    assert "painting_2.png' spoils" in str(failed.error)
    assert made.error is None
    assert not Path(failed.key).exists()
    assert Path(made.key).is_file()
    assert [shot.key for shot in report.lost] == list(failed.lost)
    assert sum(one.kind == "filmend" for one in seen) == 2
    # What did succeed is there for the next time.
    assert len(plan(place, RENDER).jobs) == 1


def _spoil(shot, how):
    if how == "removed":
        shutil.rmtree(shot.path)
    elif how == "pruned":
        prune(Workspace(shot.path.parent.parent), shot, True)
    elif how == "empty picture":
        shot.step_path(1).write_bytes(b"")
    else:
        trace = shot.path / "trace.csv"
        trace.write_bytes(trace.read_bytes()[:-30] if how == "torn trace" else b"")


@pytest.mark.parametrize("how", ["torn trace", "no trace", "empty picture", "removed", "pruned"])
def test_a_shot_found_damaged_or_gone_at_the_cut_is_taken_again(place, model, how):
    planned = plan(place, RENDER)
    good, bad = planned.films[0].keys

    def spoil(event):
        if event.kind == "shotend" and event.key == bad:
            _spoil(planned.workspace.shot(bad), how)

    (failed,) = make(planned, Here(model, planned.workspace), spoil).films
    assert f"shot '{planned.workspace.shot(bad).path}' " in str(failed.error)
    assert str(failed.error).endswith("; the same command takes it again")
    assert good not in str(failed.error)
    again = plan(place, RENDER)
    assert [*again.jobs] == [bad]
    assert not make(again, Here(model, again.workspace)).failures


@pytest.mark.parametrize("name", ["trace.csv", "steps/000001.png"])
def test_a_damaged_shot_that_cannot_be_marked_is_named_with_the_way_out(
    place, model, monkeypatch, name
):
    planned = plan(place, RENDER)
    for job in planned.jobs.values():
        list(Here(model, planned.workspace).run([replace(job, spec=loaded(planned, job.spec))]))
    shot = planned.workspace.shot(planned.films[0].keys[0])
    (shot.path / name).write_bytes(b"torn")
    monkeypatch.setattr("medley.studio.reopening.reopen", lambda *_: False)
    (failed,) = make(plan(place, RENDER), Here(model, planned.workspace)).films
    assert re.search(rf"'{shot.path}'; remove it to|; remove '{shot.path}' to", str(failed.error))


def test_a_film_that_cannot_be_planned_fails_alone(place, model):
    (place / "bad.png").write_bytes(b"no picture")
    planned = plan(place, '[[film]]\ncontent = ["bad.png", "photo.png"]\n')
    assert [planned.orders[number].content[0].name for number in planned.failed] == ["bad.png"]
    report = make(planned, Here(model, planned.workspace))
    assert [bool(film.error) for film in report.films] == [True, False]
    assert "no picture format" in str(report.films[0].error)


def test_a_picture_that_changes_meanwhile_fails_its_shot(place, model):
    planned = plan(place, RENDER + '[[film]]\ncontent = "tall.png"\n')
    Image.new("RGB", (60, 60)).save(place / "styles" / "painting_3.png")
    report = make(planned, Here(model, planned.workspace))
    assert len(report.lost) == 2
    assert all("painting_3.png' was changed since" in str(film.error) for film in report.films)


def test_a_film_that_is_planned_alone_is_made_of_the_pixels_that_were_looked_at(place, model):
    planned = plan(place, RENDER)
    before = {key: job.spec.paintings[0].picture.pixels() for key, job in planned.jobs.items()}
    Image.new("RGB", (60, 60)).save(place / "styles" / "painting_3.png")
    for key, job in planned.jobs.items():
        assert np.array_equal(loaded(planned, job.spec).paintings[0].picture.held, before[key])
    assert not make(planned, Here(model, planned.workspace)).failures


def test_a_film_is_cut_while_others_shots_are_taken(place, model):
    cut = threading.Event()
    seen = []

    def watch(event):
        seen.append(event)
        if event.kind == "filmend":
            cut.set()

    def wait(end):
        if end.key == planned.films[0].keys[-1]:
            assert cut.wait(60), "the first film waits for the second one's shots"

    planned = plan(place, '[[film]]\ncontent = ["photo.png", "tall.png"]\n')
    make(planned, Here(model, planned.workspace, after=wait), watch)
    kinds = [one.kind for one in seen if one.kind.endswith("end")]
    assert kinds == ["shotend", "shotend", "filmend", "shotend", "shotend", "filmend"]


def test_shots_that_another_batch_is_about_to_take_come_last(place, model):
    planned = plan(place, RENDER + '[[film]]\ncontent = "tall.png"\n')
    keys = list(planned.jobs)
    held = [reserve(planned.workspace.folder, key) for key in keys[:2]]
    assert reserve(planned.workspace.folder, keys[0]) is None
    engine = Here(model, planned.workspace)
    make(planned, engine)
    assert engine.taken[:2] == keys[2:]
    assert sorted(engine.taken) == sorted(keys)
    for reservation in held:
        reservation.end()
    assert list((place / "shots" / "shots").glob("*.batch")) == []


def test_shots_that_another_batch_finished_are_not_taken_again(place, model):
    planned = plan(place, RENDER)
    other = Here(model, planned.workspace)
    make(plan(place, RENDER), other)
    engine = Here(model, planned.workspace)
    seen = []
    report = make(planned, engine, seen.append)
    assert engine.taken == []
    assert not report.failures
    assert [end.worker for end in seen if end.kind == "shotend"] == ["", ""]


def test_a_claim_can_be_seen_from_outside(tmp_path):
    workspace = Workspace(tmp_path)
    assert not is_claimed(workspace.folder, "key")
    assert list(tmp_path.iterdir()) == []
    with workspace.claim("key") as claim:
        assert claim.take_now()
        assert is_claimed(workspace.folder, "key")
    assert not is_claimed(workspace.folder, "key")


def test_an_interrupt_leaves_the_film_at_work_and_begins_no_other(place, model):
    planned = plan(place, '[[film]]\ncontent = ["photo.png", "tall.png"]\n')

    def interrupt(end):
        if end.key == planned.films[1].keys[-1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(planned, Here(model, planned.workspace, after=interrupt))
    assert list(place.rglob("*.part*")) == []


def test_an_interrupt_is_answered_while_the_last_film_is_cut(place, model):
    planned = plan(place, RENDER)
    ends = []

    def cut_forever(film, tell):
        time.sleep(0.2)  # until nothing else is done
        _thread.interrupt_main()
        while True:
            tell(Event("cutting", str(film.path)))
            time.sleep(0.01)

    def watch(event):
        if event.kind == "filmend":
            ends.append(str(event.error))

    with pytest.raises(KeyboardInterrupt):
        make(planned, Here(model, planned.workspace), watch, cutter=cut_forever)
    assert ends == ["interrupted"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cut")]


def test_an_interrupt_is_answered_while_another_process_cuts_the_film(place, model):
    planned = plan(place, RENDER)
    mark = sha256(str(planned.films[0].path.absolute()).encode())[:24]
    told = []

    def watch(event):
        told.append(event.text or event.title)
        if event.kind == "stage":
            _thread.interrupt_main()

    with planned.workspace.claim(f"film-{mark}") as claim:
        claim.wait()
        with pytest.raises(KeyboardInterrupt):
            make(planned, Here(model, planned.workspace), watch)
    name = planned.films[0].path.name
    assert f"another process is cutting '{planned.films[0].path}'; waiting" in told
    assert f"waiting for another process's '{name}'" in told
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cut")]


def test_an_interrupt_leaves_no_reservation(place, model):
    planned = plan(place, RENDER)

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(planned, Here(model, planned.workspace, after=interrupt))
    assert list((place / "shots" / "shots").glob("*.batch")) == []


def test_a_run_is_seen_from_outside_and_leaves_word_only_of_what_is_not_made(place, model):
    planned = plan(place, RENDER)
    seen = []

    def watch(event):
        if event.kind in ("started", "cutting"):
            found = survey(planned.workspace)
            (film,) = found.films
            shots = {shot.title: shot.state for shot in found.shots}
            seen.append((event.kind, film.state, film.missing, shots))

    def fail(*_):
        raise PictureError("spoilt")

    names = ["photo, painting 2", "photo, painting 3"]
    make(planned, Here(model, planned.workspace), watch, cutter=fail)
    assert seen[0][1:] == ("waiting", 2, dict.fromkeys(names, "waiting"))
    assert seen[1][1:] == ("waiting", 1, dict(zip(names, ("finished", "waiting"), strict=True)))
    (film,) = survey(planned.workspace).films
    assert (film.state, film.error) == ("failed", "spoilt")
    again = plan(place, RENDER)
    make(again, Here(model, planned.workspace), watch)
    assert seen[-1][:3] == ("cutting", "cutting", 0)
    (film,) = survey(planned.workspace).films
    assert (film.path, film.state, film.shots, film.missing) == (
        *(str(planned.films[0].path), "made", 2),
        0,
    )
    assert list((planned.workspace.root / ".runs").iterdir()) == []
    for key in planned.films[0].keys:
        prune(planned.workspace, planned.workspace.shot(key), True)
    found = survey(planned.workspace)
    assert found.is_done
    assert ([shot.state for shot in found.shots], found.films[0].missing) == (["pruned"] * 2, 2)
    planned.films[0].path.unlink()
    assert survey(planned.workspace).films == ()


def test_the_reason_of_a_film_that_failed_is_left_with_it(place, model):
    bad = RENDER + '[[film]]\ncontent = "tall.png"\nseconds_per_painting = 0.1\n'
    planned = plan(place, bad)
    make(planned, Here(model, planned.workspace, bad=["painting_2.png"]))
    shown = run("status", "shots", "--json", cwd=place).stdout.splitlines()
    films = [one for one in map(json.loads, shown) if "film" in one]
    assert [film["state"] for film in films] == ["failed", "failed"]
    assert films[0]["error"].endswith("painting_2.png' spoils")
    assert "are too few" in films[1]["error"]
    shown = " ".join(run("status", "shots", cwd=place).stdout.split())
    assert "outputs/photo-medley.mp4: 1 of 2 shots failed: '" in shown
    assert "painting_2.png' spoils outputs/tall-medley.mp4: " in shown


def test_the_forecast_adds_up_the_shots_of_all_films(place):
    planned = plan(place, RENDER + "steps = [2, 5]\n")
    jobs = list(planned.jobs.values())
    one, two = (foretell(planned, jobs[at : at + 1]) for at in (0, 2))
    found = foretell(replace(planned, labels=planned.labels | dict.fromkeys("abc", "finished")))
    assert (found.missing, found.finished, found.steps) == (4, 3, 2 * 2 + 2 * 5)
    assert found.seconds == pytest.approx(2 * one.seconds + 2 * two.seconds)
    assert found.disk_bytes == pytest.approx(2 * one.disk_bytes + 2 * two.disk_bytes)


@pytest.fixture
def here(monkeypatch, model):
    """Let the command line take shots in this process."""
    bad = []

    def open_engine(_, workspace):
        return Here(model, workspace, bad)

    monkeypatch.setattr("medley.cli.batch_run.open_engine", open_engine)
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


@pytest.mark.usefixtures("here")
def test_what_should_be_known_of_a_film_stands_in_the_log(place):
    (place / "styles" / "torn.png").write_bytes(b"no picture")
    done = command(place, RENDER)
    (log,) = (place / "shots" / "logs").glob("films-*.jsonl")
    events = [json.loads(line) for line in log.read_text().splitlines()]
    (told,) = [event["text"] for event in events if event["event"] == "told"]
    assert told.startswith("passed over: ")
    assert "torn.png" in told
    assert "torn.png" not in done.stderr


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
    monkeypatch.setattr("medley.studio.shooting.benchmark.benchmark", lambda *_: Pace(0.5, 0.0))
    done = command(place, RENDER + "bits = [8, 4]\n", "--check")
    assert "2 films, 0 of them made; 4 different shots, 0 of them finished" in done.stdout
    assert "forecast: 8 steps, about 0:04" in done.stdout
    assert not (place / "shots").exists()
    assert not (place / "outputs").exists()
    (place / "bad.png").touch()
    failed = command(place, '[[film]]\ncontent = "bad.png"\n', "--check", expect=1)
    assert "cannot be made: " in failed.stderr


BOTH = '[[film]]\ncontent = ["photo.png", "tall.png"]\n'


@pytest.mark.usefixtures("here")
def test_check_counts_pruned_shots_of_made_films_as_not_finished(place):
    command(place, BOTH)
    assert "4 different shots, 4 of them finished" in command(place, BOTH, "--check").stdout
    run("workspace", "prune", "shots", "--iterates", "--keep-size", "0B", "--yes", cwd=place)
    said = command(place, BOTH, "--check").stdout
    assert "2 films, 2 of them made; 4 different shots, 0 of them finished" in said
    assert "4 shots of made films are pruned or removed, and are taken again for any other" in said
    told = json.loads(command(place, BOTH, "--check", "--json").stdout)
    assert (told["finished"], told["missing"], told["pruned"]) == (0, 0, 4)
    assert [film["pruned"] for film in told["films"]] == [2, 2]
    anew = command(place, BOTH + "fps = 12\n", "--check", "--force").stdout
    assert "forecast: 8 steps" in anew


CHANGES = {
    "fps = 12\nsteps = 3": "fps was 10 and would be 12, steps was 2 and would be 3;",
    'title = "Sea"': "title was not set and would be Sea;",
    "loop = false": "loop was on and would be off;",
    'styles = ["styles/painting_2.png"]': "styles without '{}/styles/painting_3.png';",
    'styles = ["styles/painting_3.png", "styles/painting_2.png"]': "styles in another order;",
}


@pytest.fixture
def made(place, request):
    """A film that lies there."""
    request.getfixturevalue("here")
    command(place, RENDER)
    return place


def test_a_film_that_was_made_otherwise_is_told_how(made):
    for change, words in CHANGES.items():
        said = command(made, f"{RENDER}{change}\n", "--check", expect=1).stderr
        assert f"photo-medley.mp4' exists and was made otherwise: {words.format(made)}" in said
        assert "pass --force to replace it, or name another" in said


def test_a_film_whose_settings_are_the_same_tells_what_else_may_have_changed(made, make_picture):
    sidecar = made / "outputs" / "photo-medley.json"
    whole = sidecar.read_text()
    make_picture("photo.png", height=41, width=50, seed=7)
    said = command(made, RENDER, "--check", expect=1).stderr
    assert "exists and was made otherwise: a picture or the weights were others;" in said
    sidecar.write_text(whole.replace('"medley": "', '"medley": "0.0.'))
    assert "otherwise: by medley 0.0." in command(made, RENDER, "--check", expect=1).stderr
    for torn in ("", "[]", '{"order": 3}', whole[:200]):
        sidecar.write_text(torn)
        said = command(made, RENDER, "--check", expect=1).stderr
        assert "photo-medley.mp4' exists; pass --force to replace it" in said


def test_check_tells_programs_of_each_film(place, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(place / "cache"))
    keep_pace("cpu", "float32", Pace(6.0, 0.0))
    films = RENDER + '[[film]]\ncontent = "tall.png"\nseconds_per_painting = 0.1\n'
    done = command(
        place, films + RENDER + 'output = "b.mp4"\nsteps = 5\n', "--check", "--json", expect=1
    )
    told = json.loads(done.stdout)
    one, bad, other = told["films"]
    assert (one["film"], one["kind"], one["state"]) == (
        "outputs/photo-medley.mp4",
        "render",
        "missing",
    )
    assert (one["shots"], one["missing"], one["minutes"]) == (2, 2, 0.4)
    assert (other["film"], other["minutes"]) == ("b.mp4", 1.0)
    assert bad["state"] == "impossible"
    assert "raise seconds_per_painting to" in bad["error"]
    assert (told["minutes"], told["steps"], told["missing"]) == (1.4, 14, 4)
    refused = command(place, RENDER, "--json", expect=2)
    assert "--json is for --check" in refused.stderr


@pytest.mark.usefixtures("here")
def test_check_names_what_is_passed_over_once_with_the_film_that_lacks_it(place):
    (place / "styles" / "torn.png").write_bytes(b"no picture")
    checked = command(place, BOTH, "--check", "--json")
    (warning,) = checked.stderr.splitlines()
    assert warning.startswith(
        "warning: 'films.toml' line 10, film 1: 'outputs/photo-medley.mp4' and 1 more film: "
        f"passed over: '{Path('styles', 'torn.png')}'"
    )
    told = json.loads(checked.stdout)
    assert told["faults"] == []
    for film in told["films"]:
        (note,) = film["notes"]
        assert warning.endswith(note)
    command(place, BOTH)
    assert "warning" not in command(place, BOTH, "--check").stderr


def test_check_tells_programs_each_fault_of_a_manifest_with_its_place(place):
    films = 'nothing = 3\n[[film]]\ncontent = "photo.png"\nstyle-weight = "much"\nbits = 8\n'
    failed = command(place, films, "--check", "--json", expect=1)
    first, second = json.loads(failed.stdout)["faults"]
    assert first["message"].startswith("there is no setting 'nothing'")
    assert (first["film"], first["line"], first["setting"]) == (0, 10, "nothing")
    assert second.pop("message").startswith("style-weight is 'much'; it must be a number")
    assert second == {"file": "films.toml", "line": 13, "film": 1, "setting": "style-weight"}
    assert len(failed.stderr.splitlines()) == 2


def test_check_tells_programs_the_line_that_is_no_toml(place):
    (place / "films.toml").write_text('[[film]]\ncontent = "a.jpg"\nbits: 4\n')
    failed = run("batch", "films.toml", "--check", "--json", cwd=place, expect=1)
    (fault,) = json.loads(failed.stdout)["faults"]
    assert (fault["file"], fault["line"]) == ("films.toml", 3)
    assert fault["message"].startswith("it is not TOML (Expected '='")


@pytest.mark.parametrize("text", ["films = [", "[[film]]\n"])
def test_check_tells_programs_what_is_wrong_with_a_whole_file(place, text):
    (place / "films.toml").write_text(text)
    failed = run("batch", "films.toml", "--check", "--json", cwd=place, expect=1)
    for fault in json.loads(failed.stdout)["faults"]:
        assert fault["file"] == "films.toml"
        assert fault["message"] in failed.stderr
    missing = run("batch", "none.toml", "--check", "--json", cwd=place, expect=1)
    assert "cannot read 'none.toml'" in json.loads(missing.stdout)["faults"][0]["message"]


@pytest.mark.usefixtures("here")
def test_check_tells_programs_which_films_would_be_replaced(made):
    failed = command(made, RENDER + "fps = 12\n", "--check", "--json", expect=1)
    (fault,) = json.loads(failed.stdout)["faults"]
    assert (fault["line"], fault["film"]) == (10, 1)
    assert "fps was 10 and would be 12; pass --force" in fault["message"]


@pytest.mark.usefixtures("here")
def test_why_a_film_cannot_be_made_is_said_first_and_again_at_the_end(place):
    films = RENDER + '[[film]]\ncontent = "tall.png"\nseconds_per_painting = 0.1\n'
    for more in ([], ["--quiet"], ["--check"]):
        said = command(place, films, *more, expect=1).stderr
        assert said.count("are too few") == (1 if more == ["--check"] else 2)
        assert said.startswith(
            "Error: 'films.toml' line 12, film 2: 'outputs/tall-medley.mp4' cannot"
        )
        assert "warning" not in said
        if more != ["--check"]:
            assert "\n  outputs/tall-medley.mp4: 1 frames per painting (0.1 s" in said
    assert (place / "outputs" / "photo-medley.mp4").is_file()


def begin(planned, job, model):
    """Take a shot up to its sixth step, and be interrupted."""
    with closing(
        shoot(loaded(planned, job.spec), model, None, planned.workspace, job.label)
    ) as events:
        for event in events:
            if event.step == 5:
                break


def test_shots_that_were_begun_are_taken_before_any_other(place, model):
    films = BOTH + "steps = 9\nscales = 1\nbits = [8, 4]\n"
    planned = plan(place, films)
    for job in [*planned.jobs.values()][-1:2:-2]:
        begin(planned, job, model)
    again = plan(place, films)
    assert len(again.begun) == 3
    assert [*again.jobs][:3] == [*again.begun]
    assert [*again.jobs][3:] == [key for key in planned.jobs if key not in again.begun]
    engine = Here(model, planned.workspace)
    assert not make(again, engine).failures
    assert engine.taken == [*again.jobs]


def test_a_begun_shot_waits_for_the_one_that_it_goes_on_from(place, model):
    films = RENDER + 'steps = 9\nscales = 1\ntransition = "chain"\n'
    planned = plan(place, films)
    first, second = planned.jobs.values()
    engine = Here(model, planned.workspace)
    list(engine.run([replace(first, spec=loaded(planned, first.spec))]))
    begin(planned, second, model)
    (planned.workspace.shot(first.key).path / "done.json").unlink()
    again = plan(place, films)
    assert [*again.jobs] == [second.key, first.key]
    engine.taken.clear()
    assert not make(again, engine).failures
    assert engine.taken == [first.key, second.key]


def test_the_forecast_of_a_begun_shot_is_of_the_steps_that_it_lacks(place, model):
    order = RENDER + "steps = 9\nscales = 1\n"
    planned = plan(place, order)
    whole, job = foretell(planned), next(iter(planned.jobs.values()))
    begin(planned, job, model)
    again = plan(place, order)
    assert again.begun == {job.key: 6}
    left = foretell(again)
    assert (whole.steps, left.steps) == (18, 12)
    assert left.seconds == pytest.approx(whole.seconds * 12 / 18)
    assert left.disk_bytes < whole.disk_bytes
    said = command(place, order, "--check").stdout
    assert f"goes on from step 6 of 9: {job.label}\n" in said
    assert "forecast: 12 steps" in said


def test_a_films_error_names_what_stands_in_the_manifest_and_the_batchs_own_its_options(place):
    failed = command(place, RENDER + "seconds_per_painting = 0.1\n", "--check", expect=1)
    assert re.search(r"raise seconds_per_painting to [\d.]+ or lower hold", failed.stderr)
    (place / "outputs").mkdir(exist_ok=True)
    (place / "outputs" / "photo-medley.mp4").touch()
    failed = command(place, RENDER, "--check", expect=1)
    assert "exists; pass --force" in failed.stderr


def test_check_needs_no_torch_where_the_pace_is_known(place, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(place / "cache"))
    keep_pace("cpu", "float32", Pace(0.5, 0.0))
    (place / "films.toml").write_text(DEFAULTS + RENDER + "bits = [8, 4]\n", "utf-8")
    code = """
import sys
from medley.cli import main
try:
    main(["batch", "films.toml", "--check", "--devices", "cpu"])
except SystemExit as end:
    assert not end.code
sys.exit(not {"torch", "scipy.stats", "skimage.metrics", "ray"}.isdisjoint(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "forecast: 8 steps, about 0:04" in done.stdout


def test_faults_of_a_manifest_are_a_line_each(place):
    done = command(place, RENDER + "bits = 9\nsteps = 0\n", expect=1)
    assert [line[:28] for line in done.stderr.splitlines()] == [
        "Error: 'films.toml' line 12,",
        "Error: 'films.toml' line 13,",
    ]


def _error_of(done):
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    return line


@pytest.mark.usefixtures("here")
def test_check_refuses_what_the_run_refuses_at_once(place, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(place / "cache"))
    keep_pace("cpu", "float32", Pace(0.5, 0.0))

    def both(*more):
        before = sorted(place.rglob("*"))
        said = [
            _error_of(command(place, RENDER, *how, *more, expect=1)) for how in ([], ["--check"])
        ]
        assert sorted(place.rglob("*")) == before
        assert said[0] == said[1]
        (fault,) = json.loads(command(place, RENDER, "--check", "--json", *more, expect=1).stdout)[
            "faults"
        ]
        assert fault["message"] in said[0]
        return said[0]

    (place / "films.toml").touch()
    said = both("--workspace", "photo.png/shots")
    assert "cannot write to 'photo.png/shots/shots' (Not a directory); make room" in said
    assert "cannot write the log 'photo.png/x'" in both("--log-json", "photo.png/x")
    assert "cannot write the log 'styles'" in both("--log-json", "styles")
    monkeypatch.setattr("medley.studio.forecast.free_disk", lambda _: 1000)
    assert "and the disk has 1.0 KB free; pass keep_every" in both()


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
