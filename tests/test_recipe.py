"""The recipe in a film's file makes the film again when its sidecar is lost."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medley.errors import ConfigError
from medley.files import file_sha256
from medley.media.film_file import read_comment
from medley.settings import RenderOrder, read_table
from medley.settings.load import adapter_of
from medley.shipped import shipped_files
from medley.studio.editing.recipe import find_inputs, read_recipe, write_recipe

from .conftest import draw_pixels, film_pixels
from .test_render import TINY, run
from .test_sound import song
from .test_tags import chapters_in

CATALOG = "title,artist,genre,style,date,in_train,new_filename\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a film, its inputs in `private` and `styles`, and its workspace."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("private", "styles", "lost"):
        (folder / name).mkdir()
    for seed, name in enumerate(("private/photo.png", "styles/one.png", "styles/two.png"), start=1):
        Image.fromarray(draw_pixels(41, 50, seed)).save(folder / name)
    rows = "A Rose,Ann,,,1890,,one.png\nWaves,Bob,,,,,two.png\n"
    (folder / "styles" / "catalog.csv").write_text(CATALOG + rows)
    song(folder / "private" / "song.wav", 1)
    words = ("--content", "private/photo.png", "--styles", "styles", *TINY, "--crf", "1")
    more = ("--title", "Two = ; # \\", "--audio", "private/song.wav", "-o", "film.mp4")
    run("render", *words, *more, cwd=folder)
    shutil.copy(folder / "film.mp4", folder / "lost")
    return folder


@pytest.fixture
def lost(made, tmp_path):
    """The same film alone in a folder, without its sidecar; all else lies around the folder."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "lost"


def again(folder, *more, expect=0):
    words = ("--config", "film.mp4", "-o", "again.mp4", "--workspace", "../outputs/workspace")
    return run("render", *words, *more, cwd=folder, expect=expect)


def is_the_same(folder):
    return np.array_equal(film_pixels(folder / "film.mp4"), film_pixels(folder / "again.mp4"))


def test_recipe_tells_settings_and_files_and_no_folder(lost):
    recipe = json.loads(read_comment(lost / "film.mp4"))
    order = recipe["order"]
    assert (recipe["command"], order["steps"], order["title"]) == ("render", 3, "Two = ; # \\")
    assert [path.partition("/")[2] for path in order["styles"]] == [
        "one.png",
        "two.png",
    ]
    assert "workspace" not in order
    data = (lost / "film.mp4").read_bytes()
    for private in (lost.parent, "private", "styles/"):
        assert str(private).encode() not in data


def test_no_setting_brings_a_folder_into_a_recipe():
    paths = {
        name: f"/secret/{name}"
        for name, field in RenderOrder.fields().items()
        if "path" in json.dumps(adapter_of(field).json_schema())
    }
    assert {"content", "styles", "audio", "weights", "output", "workspace"} <= paths.keys()
    masks = [f"/secret/{name}.png=/secret/painting.png" for name in ("a", "b")]
    for more in ({"init": "/secret/start.png"}, {"mask": masks, "styles": None}):
        table = {**paths, "output": "/secret/film.mp4"} | more
        recipe = write_recipe("render", read_table(RenderOrder, table, "'film.toml'"))
        assert "secret" not in recipe
        assert "unknown/content" in recipe


def test_each_painting_is_a_chapter(lost):
    titles = ["A Rose, Ann, 1890", "Waves, Bob"]
    assert [(float(start), title) for start, _, title in chapters_in(lost / "film.mp4")] == [
        (0, titles[0]),
        (4.5, titles[1]),  # three seconds of title, and one painting
    ]


def test_film_is_made_again_from_the_files_beside_it(lost):
    for folder in ("private", "styles"):
        shutil.copytree(lost.parent / folder, lost, dirs_exist_ok=True)
    assert "2 shots found finished" in again(lost).stderr
    assert is_the_same(lost)


def test_film_is_made_again_from_files_that_are_named(lost):
    (lost.parent / "private" / "photo.png").rename(lost.parent / "renamed.png")
    (lost / "song.wav").symlink_to(lost.parent / "private" / "song.wav")
    deep = lost.parent / "deep"
    deep.mkdir()
    (lost.parent / "styles").rename(deep / "styles")
    done = again(lost, "--content", "../renamed.png", "--styles", "../deep")
    assert "2 shots found finished" in done.stderr
    assert is_the_same(lost)


def test_poster_of_a_film_is_no_film(made):
    told = run("render", "--config", "film.png", "--print-config", cwd=made, expect=1).stderr
    assert "'film.png' is a picture and no film; name the film that it lies beside, or" in told


def test_painting_that_ships_is_found_wherever_the_film_lies(tmp_path):
    film = Path("film.mp4")
    order = RenderOrder.of(content=film, styles=(shipped_files()["glass"],))
    table = json.loads(write_recipe("render", order))["order"]
    assert "glass.jpg" in table["styles"][0]
    found = find_inputs({"styles": tuple(map(Path, table["styles"]))}, tmp_path / film, {})
    assert found["styles"] == order.styles


def test_every_file_that_is_not_found_is_named_with_its_digest(lost):
    told = again(lost, expect=1).stderr.splitlines()
    assert len(told) == 4
    assert all("' with the SHA-256 " in line for line in told)
    assert all(", and there is no file of that name beside it; " in line for line in told)
    ways = {line.partition("file '")[2].split("'")[0]: line.rpartition("; ")[2] for line in told}
    assert ways == {
        "photo.png": "name it, whatever its name is now, or its folder, with --content",
        "one.png": "name it, whatever its name is now, or its folder, with --styles",
        "two.png": "name it, whatever its name is now, or its folder, with --styles",
        "song.wav": "put it there, or name one with --audio",
    }


def test_other_file_of_the_same_name_is_not_taken(lost):
    for folder in ("private", "styles"):
        shutil.copytree(lost.parent / folder, lost, dirs_exist_ok=True)
    shutil.copy(lost / "one.png", lost / "photo.png")
    told = again(lost, expect=1).stderr
    assert "of a file 'photo.png' with the SHA-256 " in told
    assert ", and 'photo.png' is another file (" in told
    assert not (lost / "again.mp4").exists()


def test_file_that_is_named_and_is_another_is_told_apart_from_none(lost):
    quiet = ("--audio", "none")
    for name in ("one.png", "two.png"):
        shutil.copy(lost.parent / "styles" / name, lost.parent / f"my-{name}")
    ones = ("--styles", "../my-one.png", "../my-two.png")
    shutil.copy(lost.parent / "private" / "photo.png", lost / "renamed.png")
    told = again(lost, *quiet, *ones, expect=1).stderr
    digest = file_sha256(lost / "renamed.png")
    assert f"of a file 'photo.png' with the SHA-256 {digest}, and there is no file of that" in told
    assert "; name it, whatever its name is now, or its folder, with --content" in told
    told = again(lost, *quiet, *ones, "--content", "../my-one.png", expect=1).stderr
    other = file_sha256(lost.parent / "my-one.png")[:16]
    assert f"{digest}, and '../my-one.png' is another file ({other}...); name that one" in told
    assert told.count("\n") == 1
    told = again(lost, *quiet, *ones[:2], "--content", "renamed.png", expect=1).stderr
    assert ", and '../my-one.png' is another file (" in told  # and not the photo
    told = again(lost, *quiet, *ones[:1], "../private", "--content", "renamed.png", expect=1).stderr
    assert told.count(", and there is no file of that name in '../private' or beside it; ") == 2
    (lost / "two.png").write_bytes(b"")
    told = again(lost, *quiet, *ones[:2], "--content", "renamed.png", expect=1).stderr
    assert ", which is none of '../my-one.png', 'two.png'; name that one" in told
    again(lost, *quiet, *ones, "--content", "renamed.png")


@pytest.fixture
def beside(lost):
    """The film without its sidecar, with its files beside it, and other pictures."""
    for folder in ("private", "styles"):
        shutil.copytree(lost.parent / folder, lost, dirs_exist_ok=True)
    (lost.parent / "new").mkdir()
    Image.fromarray(draw_pixels(41, 50, 9)).save(lost.parent / "new" / "other.png")
    return lost


@pytest.mark.parametrize("named", ["../new/other.png", "../new", "glass", "shipped"])
def test_painting_that_is_none_of_the_film_s_is_a_new_one(named, beside):
    asked = ("render", "--config", "film.mp4", "--print-config")
    printed = run(*asked, "--styles", named, cwd=beside)
    assert f"note: --styles {named} in the place of the paintings of 'film.mp4'" in printed.stderr
    assert "one.png" not in printed.stdout
    assert named.strip("./") in printed.stdout
    kept = run(*asked, "--styles", "../styles", cwd=beside)
    assert kept.stderr == ""
    assert "two.png" in kept.stdout


def test_photo_that_is_named_and_is_another_is_refused_also_beside_the_right_one(beside):
    told = again(beside, "--content", "../new/other.png", expect=1).stderr
    assert ", and '../new/other.png' is another file (" in told or "is none of" in told
    assert "; for another photo write the settings out first, with --print-config" in told
    told = again(beside, "--content", "gone.png", expect=1).stderr
    assert "and there is no file of that name in 'gone.png' or beside it; name that one" in told
    told = again(beside, "--styles", "gone.png", expect=1).stderr
    assert "there is no painting or folder 'gone.png'" in told
    again(beside, "--content", "../private")


def test_settings_of_a_recipe_are_changed_and_taken_back_by_options(lost):
    shutil.copytree(lost.parent / "styles", lost, dirs_exist_ok=True)
    more = ("--audio", "none", "--title", "none", "--hold", "0.2")
    done = again(lost, "--content", "../private", *more)
    assert done.stdout == "again.mp4\n"
    assert len(film_pixels(lost / "again.mp4")) == 30
    assert json.loads((lost / "again.json").read_text())["settings"]["hold"] == 0.2


def test_what_the_new_format_cannot_carry_is_not_missed(lost):
    words = (
        "--content",
        "../private",
        "--styles",
        "../styles",
        "--workspace",
        "../outputs/workspace",
    )
    told = run("render", "--config", "film.mp4", "-o", "again.gif", *words, cwd=lost).stderr
    assert "warning: left out: audio in 'film.mp4': .gif has no sound" in told


def test_sidecar_that_is_there_is_used(lost):
    shutil.copy(lost.parent / "film.json", lost)
    assert "2 shots found finished" in again(lost).stderr
    (lost / "film").write_text("steps = 7")  # no film, and so not that film's sidecar
    assert "steps = 7" in run("render", "--config", "film", "--print-config", cwd=lost).stdout


@pytest.mark.parametrize("damaged", ["", '{"order": ', "[]", '{"command": "render"}', "\0"])
def test_damaged_sidecar_does_not_hide_the_recipe_in_the_film(damaged, lost):
    (lost / "film.json").write_text(damaged)
    way = "without 'film.json' the recipe in 'film.mp4' will do: rename or remove it\n"
    told = run("render", "--config", "film.mp4", cwd=lost, expect=1).stderr
    assert told.endswith(f"; or {way}")
    told = run("assemble", "film.mp4", "-o", "cut.mp4", cwd=lost, expect=1).stderr
    assert told.endswith(f"; {way}")
    (lost / "film.mp4").write_bytes(b"no film")
    for words in (("render", "--config"), ("assemble",)):
        assert "will do" not in run(*words, "film.mp4", cwd=lost, expect=1).stderr


def test_film_stands_for_its_sidecar_in_every_format(made, lost):
    (lost / "frames").mkdir()
    (lost / "a.gif").touch()
    for name in ("frames", "a.gif"):
        shutil.copy(made / "film.json", (lost / name).with_suffix(".json"))
        assert "steps = 3" in run("render", "--config", name, "--print-config", cwd=lost).stdout


def test_film_with_sound_is_the_same_film_from_every_folder(made):
    for folder, name in ((made, "film.mp4"), (made / "lost", "../film.json")):
        told = run("render", "--config", name, cwd=folder, expect=1).stderr
        assert "' exists; pass --force" in told  # and nothing was otherwise
    told = run("render", "--config", "film.mp4", "--audio", "other.wav", cwd=made, expect=1).stderr
    assert "exists; pass" not in told
    song(made / "other.wav", 1)
    told = run("render", "--config", "film.mp4", "--audio", "other.wav", cwd=made, expect=1).stderr
    assert "was made otherwise: --audio was '" in told


@pytest.mark.parametrize("name", ["film.mp4", "film.json"])
def test_file_that_is_another_since_the_film_was_made_is_told_of(name, made, tmp_path):
    (folder := tmp_path / "made").mkdir()
    shutil.copytree(made, folder, dirs_exist_ok=True)
    sidecar = folder / "film.json"
    sidecar.write_text(sidecar.read_text().replace(str(made), str(folder)))
    asked = ("render", "--config", name, "--print-config")
    assert run(*asked, cwd=folder).stderr == ""
    shutil.copy(folder / "styles" / "one.png", folder / "private" / "photo.png")
    shutil.copy(folder / "styles" / "one.png", folder / "styles" / "two.png")
    song(folder / "private" / "song.wav", 2)
    told = run(*asked, cwd=folder).stderr.splitlines()
    assert told == [
        f"warning: '{folder / file}' is no longer the {what} that 'film.mp4' was made from"
        for file, what in (
            ("private/photo.png", "picture"),
            ("private/song.wav", "file"),
            ("styles/two.png", "picture"),
        )
    ]
    own = ("--content", "styles/one.png", "--styles", "styles/two.png", "--audio", "none")
    assert run(*asked, *own, cwd=folder).stderr == ""  # which nobody takes for the film's


@pytest.mark.parametrize("command", ["render", "walk", "sweep"])
@pytest.mark.parametrize("suffix", [".mp4", ".gif", ""])
def test_film_that_is_named_is_made_again_and_not_the_one_it_was_copied_from(
    command, suffix, tmp_path
):
    order = {"content": "photo.png", "styles": ["a.png"], "output": f"first{suffix}"}
    text = json.dumps({"command": command, "order": order})
    for folder in (tmp_path, tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        (folder / "mine.json").write_text(text)
        (folder / f"mine{suffix}").mkdir() if not suffix else (folder / f"mine{suffix}").touch()
    (tmp_path / "alone.json").write_text(text)
    for named, meant in {
        f"mine{suffix}": f"mine{suffix}",
        "mine.json": f"mine{suffix}",
        f"other/mine{suffix}": f"other/mine{suffix}",
        "other/mine.json": f"other/mine{suffix}",
        "alone.json": f"alone{suffix}",
    }.items():
        told = run(command, "--config", named, "--print-config", cwd=tmp_path).stdout
        assert f"\noutput = {json.dumps(str(tmp_path / meant))}\n" in told
    told = run(command, "--config", "mine.json", "-o", "own.mkv", "--print-config", cwd=tmp_path)
    assert f"\noutput = {json.dumps(str(tmp_path / 'own.mkv'))}\n" in told.stdout


def test_film_of_another_command_is_sent_there(lost):
    words = ("photo.png", "one.png", "-o", "still.png", "--print-config")
    assert "steps = 3" in run("stylize", "--config", "film.mp4", *words, cwd=lost).stdout
    told = run("sweep", "--config", "film.mp4", cwd=lost, expect=1).stderr
    assert "'film.mp4' was made by medley render; pass it to that command" in told
    run("assemble", "../film.mp4", "-o", "cut.mp4", cwd=lost)
    (lost / "cut.json").unlink()
    assert [title for _, _, title in chapters_in(lost / "cut.mp4")] == [
        "A Rose, Ann, 1890",
        "Waves, Bob",
    ]
    told = run("render", "--config", "cut.mp4", cwd=lost, expect=1).stderr
    assert "'cut.mp4' was made by medley assemble; pass it to that command" in told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bare.mp4", "has no sidecar 'bare.json', and there is no recipe in it"),
        ("gone.mp4", "cannot read 'gone.mp4' (No such file"),
        ("a.gif", "is no file of settings"),
    ],
)
def test_film_without_a_recipe_is_told_in_one_line(name, words, tmp_path):
    if name != "gone.mp4":
        (tmp_path / name).write_bytes(b"\xff no film")
    told = run("render", "--config", name, cwd=tmp_path, expect=1).stderr
    assert words in told
    assert told.count("\n") == 1


BAD = ["", "a comment of mine", "[]", "3", '{"order": 3}', "[" * 9999]


@pytest.mark.parametrize("comment", BAD)
def test_comment_that_is_no_recipe_is_refused(comment, tmp_path, monkeypatch):
    monkeypatch.setattr("medley.studio.editing.recipe.read_comment", lambda _: comment)
    with pytest.raises(ConfigError, match="there is no recipe in it"):
        read_recipe(tmp_path / "film.mp4")


def test_recipe_of_a_stranger_writes_and_reads_nowhere_else(tmp_path, monkeypatch):
    order = {"output": "../../x/evil.mp4", "workspace": "/elsewhere", "content": "../photo.png"}
    comment = json.dumps({"command": "render", "order": order | {"styles": ["/etc/hosts"]}})
    monkeypatch.setattr("medley.studio.editing.recipe.read_comment", lambda _: comment)
    file = read_recipe(tmp_path / "film.mp4")
    assert file.table["output"] == str(tmp_path / "film.mp4")
    assert "workspace" not in file.table
    (tmp_path / "film.mp4").touch()
    told = run("render", "--config", "film.mp4", cwd=tmp_path, expect=1).stderr
    assert "of a file 'photo.png' with the SHA-256 .., and there" in told
    assert "of a file 'hosts' with the SHA-256 , and there" in told


@pytest.mark.parametrize("command", ["walk", "sweep"])
def test_other_kinds_of_film_tell_the_same_as_their_sidecars(command, made, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))  # without a float original
    kind = ["--bits", "8", "--hold", "0.3"] if command == "sweep" else ["--steps-per-frame", "1"]
    look = ["--size", "24", "--steps", "2", "--fps", "5", "--seconds-per-painting", "1.2"]
    named = ["--content", "private/photo.png", "--styles", "styles"]
    run(command, *named, *look, *kind, "-o", f"{command}.mkv", cwd=made)
    titles = [title for *_, title in chapters_in(made / f"{command}.mkv")]
    assert titles == ["A Rose, Ann, 1890", "Waves, Bob"]
    asked = (command, "--workspace", "w", "--print-config", "--config")
    sidecar = run(*asked, f"{command}.json", cwd=made).stdout
    (made / f"{command}.json").unlink()
    assert run(*asked, f"{command}.mkv", *named, cwd=made).stdout == sidecar
    again = ("assemble", f"{command}.mkv", "-o", "again.mkv", "--force")
    if command == "walk":
        run(*again, cwd=made)
        same = (film_pixels(made / name) for name in ("walk.mkv", "again.mkv"))
        assert np.array_equal(*same)
        assert "walk" in json.loads((made / "again.json").read_text())
    else:
        assert "of medley sweep in it names no shots" in run(*again, cwd=made, expect=1).stderr


def assembled(folder, *more, expect=0):
    own = () if "--workspace" in more else ("--workspace", "../outputs/workspace")
    words = ("film.mp4", "-o", "again.mp4", *own, *more)
    return run("assemble", *words, cwd=folder, expect=expect).stderr


def test_film_is_assembled_anew_without_its_sidecar_from_what_the_workspace_names(lost):
    told = assembled(lost, expect=1)
    assert "of a file 'song.wav' with the SHA-256" in told  # which no shot names
    assert "put it there, or name one with --audio" in told
    shutil.copy(lost.parent / "private" / "song.wav", lost)
    shots = {str(path) for path in (lost.parent / "outputs").rglob("*.png")}
    assembled(lost)
    assert {str(path) for path in (lost.parent / "outputs").rglob("*.png")} == shots
    assert is_the_same(lost)
    again = json.loads((lost / "again.json").read_text())
    assert again["paintings"][0]["catalog"] == {"artist": "Ann", "date": "1890"}
    assembled(lost, "--audio", "none", "--title", "none", "--order", "2", "--force")
    assert len(film_pixels(lost / "again.mp4")) == 15


def test_what_is_wanted_to_know_a_film_s_shots_is_said(lost):
    quiet = ("--audio", "none")
    told = assembled(lost, *quiet, "--workspace", "empty", expect=1)
    assert "'film.mp4' has no sidecar 'film.json', and its shots are known by its files" in told
    assert "of a file 'one.png' with the SHA-256 " in told
    assert "; put it there, pass the --workspace whose shots name it, or name the shots" in told
    for folder in ("private", "styles"):
        shutil.copytree(lost.parent / folder, lost, dirs_exist_ok=True)
    told = assembled(lost, *quiet, "--workspace", "empty", expect=1)
    assert "of 'film.mp4' is not in 'empty'; pass its --workspace" in told
    assembled(lost, *quiet)
    (lost / "again.json").unlink()
    told = run("assemble", "again.mp4", "-o", "third.mp4", cwd=lost, expect=1).stderr
    assert "has no sidecar 'again.json', and the recipe of medley assemble in it names no" in told
    (lost / "bare.mp4").write_bytes(b"no film")
    told = run("assemble", "bare.mp4", "-o", "third.mp4", cwd=lost, expect=1).stderr
    assert "has no sidecar 'bare.json', and there is no recipe in it; name its shots or" in told
    assert told.count("\n") == 1
    assert not (lost / "third.mp4").exists()


def test_recipe_that_contradicts_itself_is_no_way_to_shots(lost, monkeypatch):
    photo = "0/photo.png"
    order = {"content": photo, "styles": [photo], "keep_strength": 0.5}
    comment = json.dumps({"command": "render", "order": order})
    monkeypatch.setattr("medley.studio.editing.recipe.read_comment", lambda _: comment)
    monkeypatch.setattr("medley.studio.again.find_inputs", lambda values, *_: values)
    assert "the recipe in it contradicts itself; name its shots" in assembled(lost, expect=1)


@pytest.mark.parametrize("name", [".", "/"])
def test_folder_without_a_name_is_no_config(name, tmp_path):
    told = run("render", "--config", name, cwd=tmp_path, expect=1).stderr
    assert "(Is a directory); check its name" in told
    assert told.count("\n") == 1
