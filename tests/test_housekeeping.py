"""A workspace is listed, thinned and verified; nothing that is in use is lost."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medley.errors import OutputError
from medley.images import decode
from medley.settings import PruneSettings
from medley.workspace.locks import reserve
from medley.workspace.maintenance import bytes_freed, choose, find_films, list_stored, prune, verify
from medley.workspace.runs import NotedFilm, NotedRun, RunNote
from medley.workspace.shot import SUMS
from medley.workspace.store import Workspace

from .test_render import run
from .test_workspace import PIXELS, record

NOW = 1_800_000_000.0
DAY = 86_400


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "outputs" / "workspace")


def key(number):
    return f"{number:024x}"


def shoot(workspace, number, days=0.0, steps=5, finish=True):
    """A recorded shot that last changed so many days before NOW."""
    shot = record(workspace, key(number), steps, finish)
    for path in shot.path.rglob("*"):
        os.utime(path, (NOW - days * DAY,) * 2)
    return shot


def listed(workspace, films=()):
    return list_stored(workspace, dict(films), NOW)


def picked(workspace, films=(), **settings):
    choice = PruneSettings(**settings)
    return [int(one.shot.key, 16) for one in choose(listed(workspace, films), choice)]


def test_survey_tells_state_size_age_and_films(workspace, tmp_path):
    shoot(workspace, 1, days=3)
    shoot(workspace, 2, days=1, finish=False)
    (workspace.root / "shots" / ".x.lock").touch()
    film = tmp_path / "outputs" / "night" / "film.json"
    film.parent.mkdir()
    film.write_text(json.dumps({"paintings": [{"title": "x", "shot": key(1)}]}, indent=2))
    second, first = listed(workspace, find_films([tmp_path / "outputs"]).items())
    assert (first.shot.key, first.state, first.kept, first.films) == (
        *(key(1), "finished", 5),
        (film,),
    )
    assert (second.state, second.films) == ("begun", ())
    assert first.age_s == pytest.approx(3 * DAY)
    assert first.size_bytes == sum(
        path.stat().st_size for path in first.shot.path.rglob("*") if path.is_file()
    )


def test_times_in_the_future_count_as_now(workspace):
    shoot(workspace, 1, days=-400)
    assert [entry.age_s for entry in listed(workspace)] == [0]
    assert picked(workspace, older_than=0) == []


def test_shots_are_chosen_by_age_size_and_use(workspace):
    shoot(workspace, 1, days=40)
    shoot(workspace, 2, days=20, steps=30)
    shoot(workspace, 3, days=1)
    assert picked(workspace, older_than="10d") == [1, 2]
    sizes = {int(one.shot.key, 16): one.size_bytes for one in listed(workspace)}
    assert picked(workspace, larger_than=sizes[1]) == [2]
    assert picked(workspace, older_than="10d", larger_than=sizes[1]) == [2]
    assert picked(workspace, unused=True, films=[(key(1), [Path("a.json")])]) == [2, 3]
    assert picked(workspace, keep_size=sizes[3] + sizes[2]) == [1]
    assert picked(workspace, keep_size=sizes[3] + sizes[2] - 1) == [1, 2]
    assert picked(workspace, keep_size="1TB") == []


def note(workspace, films):
    """The note of a run that is to make films of shots, which are named by numbers."""
    noted = [
        NotedFilm(str(workspace.root.parent / name), tuple(map(key, numbers)))
        for name, numbers in films.items()
    ]
    return RunNote(workspace.root, NotedRun(tuple(noted), {}, {}))


def test_what_a_run_at_work_needs_is_never_removed(workspace, tmp_path):
    for number in range(1, 5):
        shoot(workspace, number, days=40, finish=number != 2)
    run_note = note(workspace, {"one.mp4": [1, 2], "two.mp4": [3]})
    run_note.begin()
    run_note.tell(str(workspace.root.parent / "two.mp4"), "cutting")
    for settings in ({"older_than": "1d"}, {"keep_size": "0B"}, {"unused": True}):
        assert picked(workspace, **settings) == [4]
    assert picked(workspace, iterates=True) == [4]
    said = run("workspace", "prune", "--keep-size", "0B", "--yes", cwd=tmp_path).stdout
    assert "a run at work needs 3 shots; nothing of that goes" in said
    assert [int(shot.key, 16) for shot in workspace.shots()] == [1, 2, 3]
    run_note.tell(str(workspace.root.parent / "one.mp4"), "failed")
    run_note.tell(str(workspace.root.parent / "two.mp4"), "made")
    assert picked(workspace, older_than="1d") == [1, 2, 3]
    run_note.end(is_done=True)


def test_what_a_run_is_about_to_take_is_never_removed(workspace):
    shoot(workspace, 1, days=40, finish=False), shoot(workspace, 2, days=40)
    mark = reserve(workspace.folder, key(1))
    assert picked(workspace, older_than="1d") == [2]
    mark.end()
    assert picked(workspace, older_than="1d") == [1, 2]


def test_what_films_wait_for_that_a_dead_run_left_is_used(workspace, tmp_path):
    for number in range(1, 6):
        shoot(workspace, number, finish=number != 2)
    (tmp_path / "outputs" / "other.json").write_text(json.dumps({"shot": key(4)}))
    run_note = note(workspace, {"one.mp4": [1, 2], "two.mp4": [3]})
    run_note.begin()
    run_note.tell(str(workspace.root.parent / "two.mp4"), "failed")
    run_note.end(is_done=False)
    assert picked(workspace, unused=True, films=[(key(4), [Path("other.json")])]) == [5]
    assert len(picked(workspace, keep_size="0B")) == 5  # asked for, and no process needs them
    run("workspace", "prune", "--unused", "--yes", cwd=tmp_path)
    assert [int(shot.key, 16) for shot in workspace.shots()] == [1, 2, 3, 4]
    (workspace.root.parent / "one.mp4").touch()  # another run has made it since
    os.utime(workspace.root.parent / "one.mp4", (4e9, 4e9))
    assert picked(workspace, unused=True) == [1, 2, 4]


def test_pruned_iterates_leave_the_result_which_is_no_finished_shot(workspace):
    shot = shoot(workspace, 1, steps=6)
    result = shot.step_path(5).read_bytes()
    (entry,) = listed(workspace)
    given = bytes_freed(entry, True)
    assert prune(workspace, shot, True)
    assert shot.steps() == [0, 5]
    assert shot.step_path(5).read_bytes() == result
    assert not shot.is_finished
    (after,) = listed(workspace)
    assert after.state == "pruned"
    assert entry.size_bytes - after.size_bytes == pytest.approx(given, abs=100)
    assert verify(shot).faults == ()
    assert not prune(workspace, shot, True)
    assert picked(workspace, iterates=True) == []


def test_pruned_shot_is_taken_anew_where_its_iterates_are_needed(workspace):
    shot = shoot(workspace, 1)
    prune(workspace, shot, True)
    record(workspace, key(1), 5)
    assert shot.is_finished
    assert verify(shot).faults == ()


def test_half_pruned_shot_never_passes_for_a_finished_one(workspace, monkeypatch):
    shot = shoot(workspace, 1)
    unlink = Path.unlink

    def fail(path, missing_ok=False):
        if path.suffix == ".png":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(OutputError, match=r"cannot remove '.*000001.png' \(Permission denied\)"):
        prune(workspace, shot, True)
    assert len(shot.steps()) == 5
    assert not shot.is_finished
    assert listed(workspace)[0].state == "pruned"


def test_shot_that_another_process_takes_is_not_pruned(workspace):
    shot = shoot(workspace, 1)
    code = (
        "import sys; from pathlib import Path; from medley.workspace.store import Workspace\n"
        f"with Workspace(Path(sys.argv[1])).claim('{shot.key}') as claim:\n"
        "    print(claim.take_now(), flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, workspace.root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "True\n"
    assert not prune(workspace, shot, False)
    assert shot.is_finished
    other.communicate()
    assert prune(workspace, shot, False)
    assert not shot.path.exists()


def test_digests_are_those_that_sha256sum_reads(workspace):
    shot = shoot(workspace, 1)
    lines = (shot.path / SUMS).read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        *("shot.json", "trace.csv"),
        *(f"steps/00000{step}.png" for step in range(5)),
    ]
    checked = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=shot.path, capture_output=True, text=True, check=True
    )
    assert checked.stdout == "7\n"


CHECK = """
import hashlib, pathlib
lines = [line.split("  ") for line in pathlib.Path("SHA256SUMS").read_text().splitlines()]
print(sum(hashlib.sha256(pathlib.Path(n).read_bytes()).hexdigest() == d for d, n in lines))
"""


def test_verify_names_every_fault(workspace):
    shot = shoot(workspace, 1)
    assert verify(shot) == verify(shot, thorough=True)
    assert verify(shot).faults == ()
    flipped = bytearray(shot.step_path(2).read_bytes())
    flipped[-20] ^= 1
    shot.step_path(2).write_bytes(flipped)
    shot.step_path(3).unlink()
    with (shot.path / "trace.csv").open("a") as trace:
        trace.write("9,0,1,1,1,1,1,8,9\n")
    faults = " ".join(verify(shot).faults)
    assert "000002.png' is not as it was written" in faults
    assert "000003.png' is missing" in faults
    assert "trace.csv' is not as it was written" in faults
    assert "trace.csv' has not one row for each step" in faults
    assert "steps' has 4 iterates and not 5" in faults


def test_shot_without_digests_is_read_picture_by_picture(workspace):
    shot = shoot(workspace, 1)
    (shot.path / SUMS).unlink()
    assert verify(shot).faults == ()
    assert not verify(shot).digests
    whole = shot.step_path(1).read_bytes()
    shot.step_path(1).write_bytes(whole[: len(whole) // 2])
    (fault,) = verify(shot).faults
    assert "000001.png' is not a readable picture" in fault


def test_resumed_shot_has_digests_of_all_its_iterates(workspace):
    record(workspace, key(1), 3, finish=False)
    shot = workspace.shot(key(1))
    with workspace.record(key(1), {}, 3) as recorder:
        recorder.finish({"steps": 2, "loss": 10.25})
    assert len((shot.path / SUMS).read_text().splitlines()) == 5
    assert verify(shot).faults == ()
    assert (decode(shot.step_path(2)) == PIXELS + 2).all()


def test_a_thousand_shots_are_listed_in_no_time(workspace):
    shot = record(workspace, key(0), 3)
    folder = workspace.root / "shots"
    files = {path.relative_to(shot.path): path.read_bytes() for path in shot.path.rglob("*.*")}
    for number in range(1, 1000):
        place = folder / key(number)
        (place / "steps").mkdir(parents=True)
        for name, content in files.items():
            (place / name).write_bytes(content)
    began = time.process_time()
    entries = list_stored(workspace, {})
    assert len(entries) == 1000
    assert {entry.state for entry in entries} == {"finished"}
    assert time.process_time() - began < 1.5


def test_commands_list_prune_and_verify(workspace, tmp_path):
    first, second = shoot(workspace, 1, days=40), shoot(workspace, 2)
    sidecar = tmp_path / "outputs" / "film.json"
    sidecar.write_text(json.dumps({"measures": [{"shot": key(2)}]}, indent=2))
    shown = run("workspace", "list", cwd=tmp_path).stdout
    assert "film" in shown.splitlines()[1] + shown.splitlines()[2]
    assert re.search(r"2 shots \(2 finished\), [\d.]+ KB; 1 in no film found\n$", shown)
    tried = run("workspace", "prune", "--unused", "--dry-run", cwd=tmp_path).stdout
    assert re.search(rf"^ *{key(1)} ", tried, re.MULTILINE)
    assert re.search(r"would remove 1 shot, [\d.]+ KB\n$", tried)
    assert first.is_finished
    refused = run("workspace", "prune", "--unused", cwd=tmp_path, expect=2).stderr
    assert re.search(r"would remove 1 shot, [\d.]+ KB; nobody can be asked, so pass", refused)
    assert first.is_finished
    run("workspace", "prune", "--unused", "--yes", cwd=tmp_path)
    assert not first.path.exists()
    assert second.is_finished
    assert "whole: 1 of 1 shot;" in run("workspace", "verify", cwd=tmp_path).stdout
    shoot(workspace, 3, finish=False)
    said = run("workspace", "verify", cwd=tmp_path).stdout
    assert said == "whole: 1 of 1 shot, and 1 begun; without digests to compare with: 0\n"
    second.step_path(2).write_bytes(b"x")
    failed = run("workspace", "verify", cwd=tmp_path, expect=1)
    assert f"{key(2)}: '" in failed.stdout
    assert "Error: 1 damaged shot; remove '" in failed.stderr


def described(workspace, number, **about):
    """A recorded shot whose `shot.json` says of what it is."""
    shot = shoot(workspace, number)
    path = shot.path / "shot.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | about))
    return shot


FILES = {"content_file": "/in/harbour.jpg", "painting_files": ["/art/sea.png", "/art/sky.png"]}


def test_shots_are_named_by_photo_and_paintings(workspace, tmp_path):
    described(workspace, 1, **FILES, label="harbour, The Sea")
    described(workspace, 2, **FILES)  # an older version wrote no label
    described(workspace, 3, painting_files=5)  # damaged
    (shoot(workspace, 4).path / "shot.json").write_text("{")
    names = [one.name for one in workspace.shots()]
    assert names == ["harbour, The Sea", "harbour, sea, sky", "", ""]
    shown = run("workspace", "list", cwd=tmp_path).stdout
    assert f"{key(1)}  harbour, The Sea" in shown
    rows = [
        json.loads(line)
        for line in run("workspace", "list", "--json", cwd=tmp_path).stdout.splitlines()
    ]
    first, second, third, fourth = sorted(rows, key=lambda one: one["key"])
    assert (first["title"], first["content"]) == ("harbour, The Sea", "/in/harbour.jpg")
    assert second["paintings"] == ["/art/sea.png", "/art/sky.png"]
    assert (first["state"], first["iterates"], first["films"]) == ("finished", 5, [])
    assert (third["content"], fourth["title"]) == (None, "")


def test_nothing_is_removed_before_all_of_it_is_named(workspace, tmp_path):
    for number in range(1, 31):
        described(workspace, number, label=f"harbour, sea {number}")
    sidecar = tmp_path / "outputs" / "film.json"
    sidecar.write_text(json.dumps({"measures": [{"shot": key(7)}]}, indent=2))
    for how in ("--dry-run", "--yes"):
        said = run("workspace", "prune", "--keep-size", "0B", how, cwd=tmp_path).stdout
        assert [f"sea {number}" in said for number in range(1, 31)] == [True] * 30
        assert re.search(rf"{key(7)}  harbour, sea 7 .*  film *$", said, re.MULTILINE)
    assert workspace.shots() == []


def test_what_goes_is_told_to_programs(workspace, tmp_path):
    described(workspace, 1, **FILES, label="harbour, The Sea")
    kept = shoot(workspace, 2)
    (tmp_path / "outputs" / "film.json").write_text(json.dumps({"shot": key(2)}))
    unused = ["workspace", "prune", "--unused", "--json"]
    refused = run(*unused, cwd=tmp_path, expect=2)
    assert "nobody can be asked, so pass --yes" in refused.stderr
    assert refused.stdout == ""
    for how, removed in (("--dry-run", False), ("--yes", True)):
        (line,) = run(*unused, how, cwd=tmp_path).stdout.splitlines()
        told = json.loads(line)
        assert (told["key"], told["title"], told["removed"]) == (
            *(key(1), "harbour, The Sea"),
            removed,
        )
        assert told["bytes_freed"] == told["bytes"] > 0
    assert workspace.shots() == [kept]


def test_films_are_remembered_wherever_they_lie(workspace, tmp_path):
    shoot(workspace, 1), shoot(workspace, 2)
    (tmp_path / "outputs" / "other.json").write_text(json.dumps({"shot": key(2)}))
    night = tmp_path / "night" / "film.json"
    workspace.note_film(night)
    assert workspace.films() == []  # it was not finished
    night.parent.mkdir()
    night.write_text(json.dumps({"shot": key(1)}))
    assert workspace.films() == [night]
    assert "0 in no film found" in run("workspace", "list", cwd=tmp_path).stdout
    tried = run("workspace", "prune", "--unused", "--dry-run", cwd=tmp_path).stdout
    assert tried == "nothing to remove\n"


def test_prune_asks_what_may_go_and_where_films_are(workspace, tmp_path):
    shoot(workspace, 1)
    failed = run("workspace", "prune", "--yes", cwd=tmp_path, expect=2)
    assert "nothing says what may go; pass some of --older-than" in failed.stderr
    told = run("workspace", "prune", "--help", cwd=tmp_path).stdout
    assert "What may go must be said, with --dry-run too" in " ".join(told.split())
    failed = run("workspace", "prune", "--unused", "--yes", cwd=tmp_path, expect=1)
    assert "no film's sidecar lies in 'outputs'; name their folders with --films" in failed.stderr
    failed = run("workspace", "prune", "--older-than", "3 moons", cwd=tmp_path, expect=2)
    assert "'3 moons' is not an amount such as 30d; units: s, m, h, d, w" in failed.stderr
    failed = run("workspace", "list", "--workspace", "none", cwd=tmp_path, expect=1)
    assert "there is no workspace at 'none'; name another" in failed.stderr
