"""What a batch leaves for people to look at: its status, its log, its page."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from medley.cli.words import in_options
from medley.errors import MedleyError, OutputError, ResourceError, Setting
from medley.events import Event
from medley.studio.event_log import open_log
from medley.studio.page import common_folder, write_page
from medley.studio.run import Report
from medley.workspace.runs import NotedFilm, NotedRun, RunNote
from medley.workspace.shot import TraceRow
from medley.workspace.status import latest_log, list_progress, survey
from medley.workspace.store import Workspace

from .test_render import run


def row(step):
    return TraceRow(step, 2.0 * step, 1000.0 - step, 1, 1, 0, 0.5, 4, 4)


@pytest.fixture
def workspace(tmp_path):
    """One shot is finished, one begun, one claimed before its first step."""
    workspace = Workspace(tmp_path / "shots")
    about = {
        "settings": {"steps": 9},
        "content_file": "in/photo.jpg",
        "painting_files": ["art/sea.png"],
    }
    for key, steps in (("aaa", 3), ("bbb", 4), ("ccc", 0)):
        with workspace.record(key, about) as recorder:
            for step in range(steps):
                recorder.note(row(step))
            if key == "aaa":
                recorder.finish({})
    return workspace


def test_every_shot_is_found_as_it_is(workspace):
    with workspace.claim("ccc") as claim:
        claim.wait()
        done, begun, running = list_progress(workspace)
    assert (done.key, done.state) == ("aaa", "finished")
    assert (begun.state, begun.step, begun.steps, begun.loss) == ("begun", 3, 9, 997.0)
    assert begun.title == "photo, sea"
    assert begun.seconds_left == pytest.approx(6 / 3 * 6)
    assert (running.state, running.step, running.seconds_left) == ("running", -1, None)


def test_a_shot_is_called_as_its_batch_calls_it(workspace):
    path = workspace.root / "shots" / "bbb" / "shot.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"label": "photo, The Sea, 4 bits"}))
    assert [shot.title for shot in list_progress(workspace)][1] == "photo, The Sea, 4 bits"


def test_a_trace_torn_in_its_last_row_is_read_up_to_it(workspace):
    trace = workspace.root / "shots" / "bbb" / "trace.csv"
    with trace.open("ab") as file:
        file.write(b"4,8.0,9")
    assert [shot.step for shot in list_progress(workspace)] == [-1, 3, -1]
    trace.write_bytes(trace.read_bytes().replace(b"997", b"nine"))
    assert [shot.step for shot in list_progress(workspace)] == [-1, -1, -1]


def test_the_status_command_prints_counts_and_what_is_unfinished(workspace, tmp_path):
    (workspace.root / "logs").mkdir()
    (workspace.root / "logs" / "night.jsonl").touch()
    with workspace.claim("ccc") as claim:
        claim.wait()
        said = run("status", "shots", cwd=tmp_path).stdout
    lines = said.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["finished", "1"],
        ["running", "1"],
        ["begun", "1"],
        ["waiting", "0"],
    ]
    assert lines[4].split() == ["log", "shots/logs/night.jsonl"]
    assert "photo, sea" in said
    assert "3/9" in said
    rows = run("status", "shots", "--json", cwd=tmp_path).stdout.splitlines()
    finished, begun, never = found = [json.loads(one) for one in rows]
    assert [one["key"] for one in found] == ["aaa", "bbb", "ccc"]
    # Nothing is made up.
    assert finished == {"key": "aaa", "state": "finished", "title": "photo, sea"}
    assert (begun["step"], begun["steps"]) == (3, 9)
    assert (never["step"], never["loss"], never["seconds"]) == (None, None, None)


def test_a_place_without_shots_is_named(tmp_path):
    with pytest.raises(OutputError, match="holds no shots; name a workspace"):
        survey(Workspace(tmp_path))
    assert latest_log(Workspace(tmp_path)) is None


@pytest.fixture
def noted(workspace):
    """A run that is to take two of the shots and two others, for three films."""
    titles = {"aaa": "harbour, sea", "bbb": "harbour, sky", "ddd": "pier, sea", "eee": "pier, sky"}
    films = [
        NotedFilm(str(workspace.root.parent / "one.mp4"), ("aaa", "bbb")),
        NotedFilm(str(workspace.root.parent / "two.mp4"), ("ddd", "eee")),
        NotedFilm(str(workspace.root.parent / "bad.mp4"), (), "failed"),
    ]
    steps = {"bbb": 9, "ddd": 9, "eee": 9}
    return RunNote(workspace.root, NotedRun(tuple(films), titles, steps))


def states(found):
    return [film.state for film in found.films], [shot.state for shot in found.shots]


def test_what_a_run_has_still_to_do_is_seen_while_it_works_and_after_it_died(workspace, noted):
    noted.begin()
    noted.tell(str(workspace.root.parent / "one.mp4"), "cutting")
    found = survey(workspace)
    shots = ["finished", "begun", "begun", "waiting", "waiting"]
    assert states(found) == (["cutting", "waiting", "failed"], shots)
    assert (found.is_running, found.is_done) == (True, False)
    assert [(film.shots, film.missing) for film in found.films] == [(2, 1), (2, 2), (0, 0)]
    # One name a shot: as the run calls it.
    assert [shot.title for shot in found.shots] == [
        *("harbour, sea", "harbour, sky", "photo, sea"),
        *("pier, sea", "pier, sky"),
    ]
    noted.end(is_done=False)
    found = survey(workspace)
    assert not found.is_running
    assert states(found) == (["waiting", "waiting", "failed"], shots)


def test_a_run_that_has_made_all_or_begins_again_leaves_no_old_word(workspace, noted):
    for _ in range(2):
        noted.begin()
        assert len(list((workspace.root / ".runs").glob("*.jsonl"))) == 1
        noted.end(is_done=False)
    noted.begin()
    noted.end(is_done=True)
    assert list((workspace.root / ".runs").iterdir()) == []
    assert survey(workspace).films == ()


def test_a_film_that_another_run_made_since_is_made(workspace, noted):
    film = workspace.root.parent / "two.mp4"
    film.touch()
    os.utime(film, (1, 1))  # the one that was to be replaced
    noted.begin()
    noted.end(is_done=False)
    assert survey(workspace).films[1].state == "waiting"
    os.utime(film, (2e9, 2e9))
    assert survey(workspace).films[1].state == "made"


def test_a_torn_note_is_passed_over_and_a_torn_line_of_it(workspace, noted):
    noted.begin()
    (path,) = (workspace.root / ".runs").glob("*.jsonl")
    whole = path.read_text()
    path.write_text(whole + '{"film": "')
    assert len(survey(workspace).films) == 3
    for torn in ("", whole[:40], "[]\n", '{"films": 3}\n'):
        path.write_text(torn)
        assert survey(workspace).films == ()
    noted.end(is_done=True)


def test_a_workspace_that_cannot_be_written_to_gets_no_note(tmp_path):
    (tmp_path / "file").touch()
    note = RunNote(tmp_path / "file", NotedRun((), {}, {}))
    note.begin()
    note.tell("film.mp4", "made")
    note.end(is_done=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_the_status_command_shows_films_and_waiting_shots(noted, tmp_path):
    noted.begin()
    said = run("status", "shots", cwd=tmp_path).stdout
    assert re.search(r"^films +0 of 3 made$", said, re.MULTILINE)
    assert re.search(r"^ two.mp4 +waiting +0/2 *$", said, re.MULTILINE)
    assert re.search(r"^ pier, sky +waiting +0/9 *$", said, re.MULTILINE)
    assert "none at work" not in said
    noted.end(is_done=False)
    assert "none at work; the same command goes on" in run("status", "shots", cwd=tmp_path).stdout
    rows = [
        json.loads(line)
        for line in run("status", "shots", "--json", cwd=tmp_path).stdout.splitlines()
    ]
    assert [one.get("title") for one in rows[:2]] == ["harbour, sea", "harbour, sky"]
    assert rows[4]["state"] == "waiting"
    assert rows[4]["step"] is None
    assert rows[6] == {
        "film": str(tmp_path / "two.mp4"),
        "state": "waiting",
        "shots": 2,
        "missing": 2,
    }


def test_pruned_shots_are_counted_apart_unless_a_run_is_to_take_them(workspace, tmp_path):
    done = workspace.root / "shots" / "aaa" / "done.json"
    done.write_text(json.dumps({"pruned": True}))
    said = run("status", "shots", cwd=tmp_path).stdout
    assert re.search(r"^finished +0$.*^pruned +1$", said, re.MULTILINE | re.DOTALL)
    rows = run("status", "shots", "--json", cwd=tmp_path).stdout.splitlines()
    assert json.loads(rows[0]) == {"key": "aaa", "state": "pruned", "title": "photo, sea"}
    note = RunNote(workspace.root, NotedRun((), {"aaa": "harbour, sea"}, {"aaa": 9}))
    note.begin()
    assert survey(workspace).shots[0].state == "waiting"


def test_a_thousand_waiting_shots_are_counted_and_not_all_named(workspace, tmp_path):
    steps = {f"key{number}": 9 for number in range(1000)}
    titles = {key: f"photo, sea {key}" for key in steps}
    RunNote(workspace.root, NotedRun((), titles, steps)).begin()
    lines = run("status", "shots", cwd=tmp_path).stdout.splitlines()
    assert lines[-1] == " ... and 980 more waiting"
    assert len(lines) < 40


def test_a_watch_ends_when_all_is_done_or_quietly_by_an_interrupt(workspace, tmp_path, monkeypatch):
    def finish(_):
        for key in ("bbb", "ccc"):
            (workspace.root / "shots" / key / "done.json").write_text("{}")

    monkeypatch.setattr("medley.cli.status_run.time.sleep", finish)
    said = run("status", "shots", "--watch", cwd=tmp_path)
    assert re.search(r"^finished +3$", said.stdout, re.MULTILINE)
    (workspace.root / "shots" / "bbb" / "done.json").unlink()

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("medley.cli.status_run.time.sleep", interrupt)
    said = run("status", "shots", "--watch", cwd=tmp_path)
    assert re.search(r"^begun +1$", said.stdout, re.MULTILINE)
    assert said.stderr == ""
    assert "give it or --json" in run("status", "--watch", "--json", cwd=tmp_path, expect=2).stderr


def test_the_status_answers_without_torch():
    modules = "medley.workspace.status, medley.cli.status"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


BEFORE = {
    "started": {"key", "worker", "device", "step", "steps", "loss", "seconds", "text"},
    "shotend": {"key", "title", "error", "attempts", "seconds", "worker"},
    "cutting": {"film", "frame", "frames"},
    "filmend": {"film", "error", "seconds", "shots", "lost"},
}
"""What programs may look for in each line of a log, besides the times and the event."""
BEFORE |= dict.fromkeys(("step", "told", "retry"), BEFORE["started"])


@pytest.mark.parametrize("kind", BEFORE)
def test_a_log_says_of_each_event_what_programs_look_for(tmp_path, kind):
    path = tmp_path / "log.jsonl"
    error = ResourceError("too large; pass a smaller ", Setting("size"))
    event = Event(kind, "k", "Sea", "cpu.1", "cpu", text="words", error=error)
    with open_log(path, True, in_options) as log:
        log.on(event)
        log.on(replace(event, error=None))
    line, fine = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    assert line.keys() - {"time", "since", "event", "title"} == BEFORE[kind] - {"title"}
    assert line["event"] == kind
    if "error" in line:
        assert line["error"] == "too large; pass a smaller --size"
        assert fine["error"] is None
    if kind == "retry":
        assert line["text"] == "too large; pass a smaller --size"


@pytest.mark.parametrize(("every_step", "count"), [(False, 3), (True, 5)])
def test_a_log_has_an_event_a_line(tmp_path, every_step, count):
    path = tmp_path / "new" / "log.jsonl"
    with open_log(path, every_step) as log:
        log.on(Event("started", "k", "Sea", "cpu.1", "cpu", steps=2))
        log.on(Event("step", "k", "Sea", "cpu.1", "cpu", step=1, steps=2, loss=3.5, seconds=0.1))
        log.on(Event("shotend", "k", "Sea\nside", "cpu.1", attempts=1, seconds=2.0))
        log.on(Event("cutting", "a.mp4", step=1, steps=2))
        log.on(Event("filmend", "a.mp4", seconds=1.0, steps=2))
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(lines) == count
    assert lines[0]["event"] == "started"
    assert lines[-1]["event"] == "filmend"
    assert all(line["since"] >= 0 and line["time"].endswith("+00:00") for line in lines)


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write the log '.*file/log.jsonl'"):
        open_log(tmp_path / "file" / "log.jsonl", False).__enter__()


def test_the_page_links_films_relatively_and_escapes_their_names(tmp_path):
    films = [tmp_path / "out" / "a & <b>.mp4", tmp_path / "out" / "deep" / "c#1.mp4"]
    error = MedleyError("'<x>.jpg' is not readable; pass ", Setting("size", 9))
    lost = Event("filmend", "d.mp4", error=error)
    there = [Event("filmend", str(film), seconds=1.0, steps=2) for film in films]
    report = Report((*there, lost), lost=(), made=())
    page = tmp_path / "out" / "night.html"
    write_page(page, "a <night>", report, in_options)
    text = page.read_text("utf-8")
    assert "<h1>a &lt;night&gt;</h1>" in text
    assert 'href="a%20%26%20%3Cb%3E.mp4"' in text
    assert 'src="deep/c%231.png"' in text
    assert "&#39;&lt;x&gt;.jpg&#39; is not readable; pass --size 9<" in text
    assert "2 of 3 films are there." in text
    assert str(tmp_path) not in text
    assert "http" not in text


def test_films_of_several_folders_have_a_folder_in_common(tmp_path):
    films = [tmp_path / "a" / "x.mp4", tmp_path / "a" / "b" / "y.mp4"]
    assert common_folder(films) == tmp_path / "a"
    assert common_folder([Path("x.mp4")]) == Path.cwd()
