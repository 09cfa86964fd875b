"""From pictures that are already there to a film; the shots are made up, no network is run."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from medley.cli import main
from medley.errors import FilmError, PictureError
from medley.film.visual import visual_change
from medley.images import decode
from medley.studio.editing.assemble import changes_of, check_chain
from medley.studio.editing.frame_sources import (
    check_sizes,
    find_sources,
    list_numbered,
    parse_order,
)
from medley.tensors import to_tensor
from medley.transfer import visual
from medley.workspace.shot import TraceRow
from medley.workspace.store import Workspace

from .conftest import draw_pixels, film_pixels
from .test_sound import song as make_song

QUICK = ("--fps", "10", "--seconds-per-painting", "1.5", "--hold", "0.3", "--crf", "1")


def run(*arguments, cwd, expect=0):
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as exited,
    ):
        main(["assemble", *map(str, arguments)])
    assert (exited.value.code or 0) == expect, err.getvalue()
    return err.getvalue()


def colour(number, height=40, width=48):
    """Noise around a colour that tells pictures apart after encoding."""
    rng = np.random.default_rng(number)
    base = np.array([[30, 200, 40], [220, 40, 40], [40, 60, 220], [220, 210, 40]][number % 4])
    return (base + rng.integers(-9, 9, (height, width, 3))).astype(np.uint8)


def take(root, key, first, last, steps=4, height=40, width=48, painting="", done=True):
    """A shot that goes from one picture to another in so many steps."""
    start, end = colour(first, height, width), colour(last, height, width)
    about = {"settings": {"keep_every": 1}, "painting_files": [painting] if painting else []}
    with Workspace(root).record(key, about) as recorder:
        for step in range(steps + 1):
            share = step / steps if steps else 0
            pixels = np.rint(start * (1 - share) + end * share).astype(np.uint8)
            change = float(step > 0)
            recorder.note(TraceRow(step, step, 100 - step, 1, 1, 0, change, height, width))
            recorder.keep(step, lambda pixels=pixels: pixels, pixels.nbytes)
        if done:
            recorder.finish({"steps": steps, "loss": 1.0})
    # Order of beginning is by time, which files made at once might share.
    os.utime(root / "shots" / key / "shot.json", ns=(first, last))
    return root / "shots" / key


@pytest.fixture
def place(tmp_path):
    """A workspace with two finished shots of one content, green to red and green to blue."""
    painting = tmp_path / "styles" / "red_rose.png"
    painting.parent.mkdir()
    Image.fromarray(draw_pixels(30, 30, 1)).save(painting)
    take(tmp_path / "ws", "aaaa1111", 0, 1, painting=str(painting))
    take(tmp_path / "ws", "bbbb2222", 0, 2)
    return tmp_path


def hues(path):
    """Which of the made-up pictures the middle of each frame shows, -1 between them."""
    frames = film_pixels(path).astype(float)
    high, wide = frames.shape[1] // 2, frames.shape[2] // 2
    middle = frames[:, high - 4 : high + 4, wide - 4 : wide + 4].mean(axis=(1, 2))
    apart = np.stack([np.abs(middle - colour(k).mean((0, 1))).max(1) for k in range(4)], 1)
    return [int(np.argmin(row)) if row.min() < 25 else -1 for row in apart]


def turns(path):
    """The same without repetitions and without what lies between."""
    seen = [hue for hue in hues(path) if hue >= 0]
    return [hue for hue, before in zip(seen, [-1, *seen[:-1]], strict=True) if hue != before]


def test_workspace_becomes_a_film_of_its_shots_in_the_order_they_were_begun(place):
    run("ws", "-o", "film.mp4", *QUICK, cwd=place)
    assert len(film_pixels(place / "film.mp4")) == 30
    assert turns(place / "film.mp4") == [0, 1, 0, 2, 0]
    assert sorted(path.name for path in place.glob("film.*")) == [
        "film.credits.txt",
        "film.json",
        "film.mp4",
        "film.png",
    ]


def test_sidecar_is_the_list_and_order_of_another_film(place):
    run("ws", "-o", "film.mp4", "--order", "2,1", *QUICK, cwd=place)
    assert turns(place / "film.mp4") == [0, 2, 0, 1, 0]
    before = {path: path.stat().st_mtime_ns for path in place.rglob("ws/shots/[!.]*/**/*")}
    run("film.mp4", "-o", "again.mp4", "--pace", "even", *QUICK, cwd=place)
    run("again.json", "-o", "one.mp4", "--order", "2", *QUICK, cwd=place)
    assert turns(place / "again.mp4") == [0, 2, 0, 1, 0]
    assert turns(place / "one.mp4") == [0, 1, 0]
    assert {path: path.stat().st_mtime_ns for path in place.rglob("ws/shots/[!.]*/**/*")} == before


def settings_of(path):
    return json.loads(path.read_text())["settings"]


def test_film_of_a_film_has_its_settings_but_for_what_is_asked(place):
    make_song(place / "song.wav", 1)
    looks = ("--title", "Two", "--captions", "full", "--resolution", "64x48", "--audio", "song.wav")
    run("ws", "-o", "film.mp4", *QUICK, *looks, "--pace", "ease", cwd=place)
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    run(place / "film.mp4", "-o", "again.mp4", cwd=elsewhere)
    run(place / "film.json", "-o", "asked.mp4", "--pace", "even", "--title", "One", cwd=elsewhere)
    run(place / "ws", "-o", "plain.mp4", cwd=elsewhere)
    before = settings_of(place / "film.json")
    assert settings_of(elsewhere / "again.json") == before
    assert settings_of(elsewhere / "asked.json") == before | {"pace": "even", "title": "One"}
    assert "title" not in settings_of(elsewhere / "plain.json")
    assert before["audio"] == str(place / "song.wav")
    assert np.array_equal(film_pixels(elsewhere / "again.mp4"), film_pixels(place / "film.mp4"))


def test_first_film_named_gives_the_settings(place):
    for name, seconds in (("one", 1.5), ("two", 2)):
        run("ws", "-o", f"{name}.mp4", *QUICK, "--seconds-per-painting", seconds, cwd=place)
    run("ws/shots/aaaa1111", "two.mp4", "one.mp4", "-o", "both.mp4", cwd=place)
    assert settings_of(place / "both.json")["seconds_per_painting"] == 2


def test_setting_of_the_film_is_taken_back_by_the_word_none(place):
    looks = ("--title", "Two", "--resolution", "64x48")
    run("ws", "-o", "film.mp4", *QUICK, *looks, cwd=place)
    run("film.mp4", "-o", "bare.mp4", "--title", "none", "--resolution", "none", cwd=place)
    assert film_pixels(place / "bare.mp4").shape == (30, 40, 48, 3)


def test_what_the_new_format_cannot_carry_is_left_out_if_the_film_brings_it(place):
    make_song(place / "song.wav", 1)
    run("ws", "-o", "film.mp4", *QUICK, "--audio", "song.wav", "--codec", "h265", cwd=place)
    told = run("film.mp4", "-o", "film2.gif", cwd=place)
    assert "warning: left out: codec = h265 in 'film.json' does not go into .gif" in told
    assert "warning: left out: audio in 'film.json': .gif has no sound" in told
    assert not {"audio", "title"} & settings_of(place / "film2.json").keys()
    told = run("film.mp4", "-o", "film3.gif", "--audio", "song.wav", cwd=place, expect=2)
    assert "Error: --audio: .gif has no sound" in told
    assert not (place / "film3.gif").exists()


def test_fault_of_a_setting_that_the_film_brings_is_named_with_its_file(place):
    run("ws", "-o", "film.mp4", *QUICK, cwd=place)
    more = ("--seconds-per-painting", "0.4")
    told = run("film.mp4", "-o", "again.mp4", *more, cwd=place, expect=1)
    assert "raise --seconds-per-painting to 1.1 or lower --hold (hold in 'film.json')" in told
    (place / "film.toml").write_text("hold = 50\nseconds_per_painting = 60\nfps = 2\n")
    words = ("render", "--content", "styles/red_rose.png", "--config", "film.toml")
    errors = io.StringIO()
    with contextlib.chdir(place), contextlib.redirect_stderr(errors), pytest.raises(SystemExit):
        main(list(words))
    ways = "raise --seconds-per-painting (seconds_per_painting in 'film.toml') to "
    assert ways in errors.getvalue()
    assert " or lower --hold (hold in 'film.toml')" in errors.getvalue()


def test_chain_of_shots_that_are_none_is_refused(place):
    chained = ("--transition", "chain")
    told = run("ws", "-o", "film.mp4", *QUICK, *chained, cwd=place, expect=1)
    assert "--transition chain needs shots that go on from one another" in told
    assert "'bbbb2222' does not begin with the result of 'red rose'; pass rewind" in told
    take(place / "ws", "cccc3333", 1, 3)
    run("aaaa", "cccc", "--workspace", "ws", "-o", "film.mp4", *QUICK, *chained, cwd=place)
    told = run("film.mp4", "-o", "again.mp4", "--order", "2,1", cwd=place, expect=1)
    assert "transition = chain in 'film.json' needs shots" in told
    run("film.mp4", "-o", "again.mp4", "--order", "2,1", "--transition", "cut", cwd=place)


def test_chain_is_known_by_what_its_shots_tell(place):
    take(place / "ws", "cccc3333", 2, 3)
    about = place / "ws/shots/cccc3333/shot.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"start": "shot:aaaa1111"}))
    first, second = find_sources(["aaaa", "cccc"], Workspace(place / "ws"), None, print)
    check_chain([first, second])
    with pytest.raises(FilmError, match="go on from one another"):
        check_chain([second, first])


def test_shots_are_named_by_folder_or_by_the_beginning_of_a_key(place):
    run("ws/shots/bbbb2222", "aaaa", "--workspace", "ws", "-o", "film.mp4", *QUICK, cwd=place)
    assert turns(place / "film.mp4") == [0, 2, 0, 1, 0]


def test_frames_that_no_encoder_takes_are_refused_before_a_picture_is_compared(place):
    wide = ("--codec", "h265", "--resolution", "9000x16")
    told = run("ws", "-o", "film.mp4", *wide, *QUICK, cwd=place, expect=1)
    assert "cannot encode frames of 9000x16 in h265 here" in told
    assert list(place.glob("film.*")) == []


def test_film_is_made_without_torch(place):
    code = (
        "import sys; from medley.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'torchvision', 'skimage'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    words = ["assemble", "ws", "-o", "film.mp4", "--title", "T", "--inset", "top-left", *QUICK]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=place, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert (place / "film.mp4").is_file()


def test_everything_that_may_stand_on_a_frame_stands_there(place):
    words = ("--inset", "top-right", "--sparkline", "bottom-left", "--captions", "title")
    size = ("--resolution", "160x240", "--beside", "content", "--title", "Two", "--force")
    run("ws", "-o", "plain.mp4", *QUICK, *size[:4], cwd=place)
    run("ws", "-o", "film.mp4", *QUICK, *size, *words, cwd=place)
    plain, film = (film_pixels(place / f"{name}.mp4").astype(int) for name in ("plain", "film"))
    assert film.shape == (60, 240, 160, 3)
    assert plain.shape == (30, 240, 160, 3)
    changed = np.abs(film[30 + 8] - plain[8]).mean(2) > 25
    assert changed[:, :80][150:].any()  # the caption, below, and the curve
    assert changed[:, 80:][100:].any()  # the painting
    assert np.abs(film[15] - plain[0]).mean() > 25  # the title
    assert np.abs(film[-1] - plain[-1]).mean() < 2  # still the bare content
    settings = json.loads((place / "film.json").read_text())["settings"]
    assert settings["title"] == "Two"


def test_sidecar_names_everything_so_that_it_is_found_from_another_folder(place, tmp_path):
    relative = "styles/red_rose.png"
    number(place / "run", ["1.png", "2.png"])
    take(place / "ws", "cccc3333", 0, 3, painting=relative)
    run("ws", "run", "-o", "film.mp4", "--resolution", "48x40", *QUICK, cwd=place)
    sidecar = json.loads((place / "film.json").read_text())
    assert sidecar["workspace"] == str(place / "ws")
    assert Workspace(place / "ws").films() == [place / "film.json"]
    files = {str(place / relative), str(place / "run")}
    assert files <= {work["file"] for work in sidecar["paintings"]}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    size = ("--resolution", "48x40")
    told = run(place / "film.mp4", "-o", "again.mp4", *size, *QUICK, cwd=elsewhere)
    assert "warning" not in told
    assert turns(elsewhere / "again.mp4") == turns(place / "film.mp4")


def test_sidecar_of_an_older_medley_is_followed_by_its_order(place, tmp_path):
    run("ws", "-o", "film.mp4", *QUICK, cwd=place)
    path = place / "film.json"
    order = {"workspace": str(place / "ws")}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"workspace": "ws", "order": order}))
    (tmp_path / "elsewhere").mkdir()
    run(path, "-o", "again.mp4", *QUICK, cwd=tmp_path / "elsewhere")
    assert turns(tmp_path / "elsewhere" / "again.mp4") == turns(place / "film.mp4")


def test_painting_that_two_shots_lack_is_told_once(place):
    take(place / "ws", "cccc3333", 0, 3, painting=str(place / "styles" / "red_rose.png"))
    (place / "styles" / "red_rose.png").unlink()
    told = run("ws", "-o", "film.mp4", *QUICK, cwd=place)
    assert told.count("red_rose.png") == 1


def test_caption_is_the_paintings_title_and_its_credit_is_kept(place):
    (place / "styles" / "catalog.csv").write_text(
        "artist,date,genre,style,title,in_train,new_filename\nAnn,1890,,,A Rose,,red_rose.png\n"
    )
    run("ws", "-o", "film.mp4", *QUICK, cwd=place)
    sidecar = json.loads((place / "film.json").read_text())
    assert sidecar["settings"]["captions"] == "title"
    assert sidecar["paintings"][0]["title"] == "A Rose"
    assert "A Rose\n   Ann, 1890" in (place / "film.credits.txt").read_text()
    (place / "styles" / "catalog.csv").unlink()
    run("film.mp4", "-o", "again.mp4", *QUICK, cwd=place)
    again = json.loads((place / "again.json").read_text())
    assert again["paintings"][0]["catalog"] == {"artist": "Ann", "date": "1890"}
    assert again["settings"]["captions"] == "title"


def number(folder, names, **size):
    folder.mkdir(exist_ok=True)
    for at, name in enumerate(names):
        Image.fromarray(colour(at, **size)).save(folder / name)


def test_numbered_pictures_are_sorted_by_value(tmp_path):
    number(tmp_path / "run", ["a_2.png", "a_010.png", "a_0100.png"])
    (tmp_path / "run" / "notes.txt").write_text("no picture")
    (tmp_path / "run" / ".a_3.png").write_text("half-written")
    told = run("run", "-o", "film.mp4", *QUICK, "--transition", "cut", cwd=tmp_path)
    assert turns(tmp_path / "film.mp4") == [0, 1, 2]
    assert "lacks" in told


def test_missing_number_in_a_folder_is_told_and_the_film_goes_on(tmp_path):
    names = [f"{at}.png" for at in (0, 10, 20, 50, 60, 63)]
    number(tmp_path / "run", names)
    told = []
    found = list_numbered(tmp_path / "run", None, told.append)
    assert list(found) == [0, 10, 20, 50, 60, 63]
    assert [path.name for path in found.values()] == names
    assert told == [f"'{tmp_path / 'run'}' lacks numbers 30, 40; the film goes on without"]


def test_whole_folder_is_told_nothing(tmp_path):
    number(tmp_path, [f"run2_{at}.png" for at in (10, 20, 30, 34)])
    told = []
    assert list(list_numbered(tmp_path, None, told.append)) == [0, 10, 20, 24]
    assert told == []


def test_missing_numbers_are_counted_without_being_listed(tmp_path):
    number(tmp_path, [f"{at}.png" for at in (1, 2, 3, 9_000_000)])
    told = []
    list_numbered(tmp_path, None, told.append)
    assert told == [
        f"'{tmp_path}' lacks numbers 4, 5, 6 and 8,999,993 more; the film goes on without"
    ]


@pytest.mark.parametrize(
    "names",
    [
        ["cam_20231231235958", "cam_20231231235959", "cam_20240101000000", "cam_20240101000001"],
        ["20231230", "20231231", "20240101"],
        ["1704067198", "1704067199", "1704153600"],
    ],
)
def test_dates_and_times_sort_the_pictures_and_are_no_gaps(tmp_path, names):
    number(tmp_path, [f"{name}.png" for name in names])
    told = []
    found = list_numbered(tmp_path, None, told.append)
    assert {at: path.stem for at, path in found.items()} == dict(enumerate(names))
    assert told == []


@pytest.mark.parametrize("name", ["frame ({}).png", "frame{}_out.png"])
def test_number_elsewhere_in_a_name_is_told_where_it_must_stand(tmp_path, name):
    number(tmp_path, [name.format(at) for at in (1, 2)])
    shown = f"before the suffix, not as in '{re.escape(name.format(1))}'; name a workspace"
    with pytest.raises(PictureError, match=shown):
        list_numbered(tmp_path, None, print)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ([], "no numbered pictures in"),
        (["photo.png"], "no numbered pictures in"),
        (["1.png"], "a single picture; a film needs two"),
        (["1.png", "01.png"], r"1.png' and .*1.png' both have number 1"),
        (["a1.png", "a2.png", "b1.png"], r"several prefixes: 'a' \(2\), 'b' \(1\); .*with prefix"),
    ],
)
def test_bad_folder_is_named_with_a_way_out(tmp_path, names, complaint):
    number(tmp_path / "run", names)
    with pytest.raises(PictureError, match=complaint):
        list_numbered(tmp_path / "run", None, print)


def test_prefix_chooses_among_several(tmp_path):
    number(tmp_path / "run", ["a1.png", "a2.png", "b1.png"])
    assert len(list_numbered(tmp_path / "run", "a", print)) == 2
    with pytest.raises(PictureError, match="single picture with the prefix 'b'"):
        list_numbered(tmp_path / "run", "b", print)
    with pytest.raises(PictureError, match="no numbered pictures with the prefix 'c'"):
        list_numbered(tmp_path / "run", "c", print)


def test_pictures_of_another_size_are_named(tmp_path):
    number(tmp_path / "run", ["1.png", "2.png"])
    number(tmp_path / "run", ["3.png"], height=30)
    sources = find_sources([str(tmp_path / "run")], Workspace(tmp_path), None, print)
    with pytest.raises(PictureError, match=r"3.png' is 48x30 pixels, but '.*1.png' is 48x40"):
        check_sizes(sources, True)


def test_parts_of_different_sizes_want_a_resolution(tmp_path):
    number(tmp_path / "one", ["1.png", "2.png"])
    number(tmp_path / "two", ["1.png", "2.png"], height=30)
    told = run("one", "two", "-o", "film.mp4", *QUICK, cwd=tmp_path, expect=1)
    assert "two' are 48x30 pixels, but those in 'one' 48x40; pass --resolution" in told
    run("one", "two", "-o", "film.mp4", *QUICK, "--resolution", "64x64", cwd=tmp_path)
    assert turns(tmp_path / "film.mp4") == [0, 1, 0, 1, 0]


BAD_SHOTS = {
    "unfinished": "is unfinished; run the command that began it",
    "torn": "lacks number 2; remove it",
    "single": "has a single iterate",
    "gone": "no folder, no film with a sidecar, and no shot in",
    "film": "is no sidecar that medley",
    "sweep": "names no shots",
    "elsewhere": "is not in 'outputs/workspace'; pass its --workspace",
    "order": "'3' is not between 1 and 2",
    "input": "is an input and would be replaced",
}


@pytest.mark.parametrize("case", BAD_SHOTS)
def test_bad_shots_get_one_line_and_leave_no_film(place, case):
    source, more = f"ws/shots/{case}", []
    if case == "unfinished":
        take(place / "ws", case, 0, 1, done=False)
    elif case == "torn":
        (take(place / "ws", case, 0, 1) / "steps" / "000002.png").unlink()
    elif case == "single":
        take(place / "ws", case, 0, 1, steps=0)
    elif case == "order":
        source, more = "ws", ["--order", "1,3"]
    elif case == "input":
        (place / "x.mp4").write_bytes(b"")
        source, more = "x.mp4", ["--force"]
    elif case != "gone":
        paintings = {"sweep": [{"title": "", "file": "x"}]}
        paintings["elsewhere"] = [{"title": "", "file": "x", "shot": "k"}]
        source = "x.json"
        (place / source).write_text(json.dumps({"paintings": paintings.get(case)}))
    output = source if case == "input" else "film.mp4"
    told = run(source, "-o", output, *QUICK, *more, cwd=place, expect=1)
    assert BAD_SHOTS[case] in told
    assert told.count("\n") == 1
    assert not (place / "film.mp4").exists()


def test_unfinished_shot_of_a_workspace_is_passed_over(place):
    take(place / "ws", "cccc", 0, 3, done=False)
    told = run("ws", "-o", "film.mp4", *QUICK, cwd=place)
    assert "passed over: shot 'ws/shots/cccc' is unfinished" in told
    assert turns(place / "film.mp4") == [0, 1, 0, 2, 0]


def test_film_that_is_there_is_kept_without_force(place):
    (place / "film.mp4").write_bytes(b"kept")
    assert "pass --force" in run("ws", "-o", "film.mp4", *QUICK, cwd=place, expect=1)
    assert (place / "film.mp4").read_bytes() == b"kept"


def test_losses_that_are_not_there_are_told(tmp_path):
    number(tmp_path / "run", ["1.png", "2.png"])
    told = run("run", "-o", "film.mp4", *QUICK, "--sparkline", "top-left", cwd=tmp_path)
    assert "no trace of losses" in told


def test_order_is_read_as_places():
    assert parse_order("3, 1", 3) == [2, 0]
    with pytest.raises(FilmError, match="'x' is not between 1 and 3"):
        parse_order("1,x", 3)


def test_visual_change_is_that_of_the_trace():
    before, after = draw_pixels(40, 50, 1), draw_pixels(40, 50, 2)
    with torch.no_grad():
        expected = visual.visual_change(to_tensor(before), to_tensor(after))
    assert visual_change(before, after) == pytest.approx(expected, rel=1e-4)
    assert visual_change(before, before) == 0
    with pytest.raises(ValueError, match="shapes"):
        visual_change(before, after[1:])


def test_changes_are_each_pictures_against_the_one_before(tmp_path):
    number(tmp_path, [f"{at:02}.png" for at in range(20)], height=8, width=8)
    paths, seen = sorted(tmp_path.glob("*.png")), []
    changes = changes_of(paths, lambda *counts: seen.append(counts))
    assert changes[0] == 0
    assert changes[1:] == [visual_change(decode(one), decode(two)) for one, two in pairwise(paths)]
    assert seen[-1] == (19, 19)


def test_part_of_another_shape_is_padded_and_never_cut_unless_asked(tmp_path):
    number(tmp_path / "wide", ["1.png", "2.png"], height=40, width=80)
    number(tmp_path / "tall", ["1.png", "2.png"], height=80, width=40)
    words = ("-o", "film.mp4", *QUICK, "--resolution", "80x80", "--force")
    run("wide", "tall", *words, cwd=tmp_path)
    frames = film_pixels(tmp_path / "film.mp4").astype(int)
    wide, tall = frames[0], frames[-8 - 15 // 2]
    assert np.abs(wide[40, [5, 75]] - colour(0).mean((0, 1))).max() < 40
    assert np.abs(tall[[5, 75], 40] - colour(0).mean((0, 1))).max() < 40
    assert wide[5, 40].max() < 120 < wide[40, 40].max()  # dimmed above it
    assert tall[40, 5].max() < 120 < tall[40, 40].max()
    run("wide", "tall", *words, "--fit", "crop", cwd=tmp_path)
    assert film_pixels(tmp_path / "film.mp4")[0, 5, 40].max() > 150
