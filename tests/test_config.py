"""Settings from files: what is accepted, what is refused and how, and which layer wins."""

import json
import os
import re
import threading
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import medley
from medley.cli import cli
from medley.errors import ConfigError
from medley.settings import RenderOrder, SweepOrder, read_file, read_table
from medley.settings.base import is_optional
from medley.settings.load import check_table, config_text, plain_values
from medley.settings.orders import ORDERS, order_names

from .conftest import draw_pixels, film_pixels
from .test_render import TINY, place, run  # noqa: F401 - place is a fixture

WHOLE = {"content": "photo.jpg", "styles": ["paintings"]}


def read(folder=Path(), schema=RenderOrder, **table):
    return read_table(schema, {**WHOLE, **table}, "'film.toml'", folder)


def printed(*arguments):
    """What --print-config writes, as TOML reads it."""
    result = CliRunner().invoke(cli, [*arguments, "--print-config"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return tomllib.loads(result.output)


@pytest.fixture
def config(tmp_path):
    """Write a config and give its path."""

    def write(text, name="film.toml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return str(path)

    return write


def test_relative_paths_lie_beside_the_file_and_others_stay():
    order = read(
        Path("/films"), styles=["a", "/b"], init="start.png", workspace="../shots", content="~/x"
    )
    assert order.styles == (Path("/films/a"), Path("/b"))
    assert order.content == (Path.home() / "x",)
    assert order.run.workspace == Path("/films/../shots")
    assert order.shot.init == Path("/films/start.png")
    assert read(Path("/films"), init="noise").shot.init == "noise"
    assert read(Path("/films")).run.workspace == RenderOrder.fields()["workspace"].default


def test_names_have_dashes_or_underscores_and_lists_may_be_one():
    assert read(**{"style-weight": 3}).shot.style_weight == 3
    assert read(styles="one").styles == (Path("one"),)
    table = {"content": "a.jpg", "style": ["x", "y"], "bits": 4, "scales": 3}
    order = read_table(SweepOrder, table, "'sweep.toml'")
    assert order.content == (Path("a.jpg"),)
    assert order.styles == (Path("x"), Path("y"))
    assert (order.sweep.bits, order.shot.scales) == ((4,), 3)


def test_sweep_is_read_by_the_name_that_its_photos_had_once():
    table = {"contents": ["a.jpg", "b.jpg"], "styles": ["x"]}
    order = read_table(SweepOrder, table, "'sweep.toml'")
    assert order.content == (Path("a.jpg"), Path("b.jpg"))
    with pytest.raises(ConfigError, match="content and contents are the same setting; keep one"):
        read_table(SweepOrder, {"content": "c.jpg", **table}, "'sweep.toml'")
    assert "contents" in order_names()


FAULTS = {
    "typo": (
        {"stile_weight": 1},
        "there is no setting 'stile_weight'; did you mean 'style_weight'",
    ),
    "no idea": ({"zzz": 1}, "there is no setting 'zzz'; print_config writes all there are"),
    "twice": ({"fps": 1, "f-p-s": 1}, "there is no setting 'f-p-s'; did you mean 'fps'"),
    "both spellings": (
        {"tv_weight": 1, "tv-weight": 1},
        "tv_weight and tv-weight are the same setting; keep one",
    ),
    "words": ({"steps": "many"}, "steps is 'many'; it must be a whole number from 1 to 100,000"),
    "true": ({"steps": True}, "steps is true; it must be a whole number from 1 to 100,000"),
    "true for x": ({"hold": True}, "hold is true; it must be a number from 0 to 600"),
    "half": ({"steps": 1.5}, r"steps is 1\.5; it must be a whole number from 1"),
    "below": ({"style-weight": -1}, "style-weight is -1; it must be a number from 0 to 1,000,"),
    "nan": ({"tv_weight": float("nan")}, "tv_weight is nan; it must be a number from 0"),
    "none": ({"seconds_per_painting": 0}, "is 0; it must be a number from above 0 to 3,600"),
    "large": ({"seed": -1}, "it must be a whole number from 0 to 9,223,372,036,854,775,807"),
    "choice": (
        {"pooling": "mean"},
        "pooling is 'mean'; it must be 'max', 'average' or 'average-scaled'",
    ),
    "list": ({"fps": [1]}, r"fps is \[1\]; it must be a text"),
    "no paintings": ({"styles": []}, r"styles is \[\]; it must be a list of one or more, each a"),
    "no path": ({"content": 3}, "content is 3; it must be a path"),
    "long": ({"steps": "x" * 999}, r"steps is 'x{59}\.\.\.; it must"),
    "own words": ({"fps": "fast"}, "fps: 'fast' is not a rate such as 24"),
    "device": ({"device": "gpu"}, "device: there is no device 'gpu'; there are auto, cpu, cuda,"),
    "section": ({"film": {"fps": 24}}, r"\[film\] is a table; settings stand in none"),
    "rivals": ({"size": 64, "pixels": 4096}, "size and pixels contradict each other; keep one"),
    "a bad rival": ({"size": 64, "pixels": 0}, "size and pixels contradict each other; keep one"),
    "weights": ({"weights": "w", "bits": 4}, "weights and bits contradict each other; keep one"),
    "nothing pulls": ({"style_weight": 0, "content_weight": 0}, "are both 0; one must pull"),
    "newer": ({"medley": "99.0"}, f"it is of medley 99.0, and this is {medley.__version__}; upgra"),
    "no version": ({"medley": 3}, "medley is 3; it must be the version that wrote the file"),
}


@pytest.mark.parametrize(("table", "words"), FAULTS.values(), ids=FAULTS)
def test_fault_is_named_with_file_key_value_and_bound(table, words):
    with pytest.raises(ConfigError, match=f"^'film.toml': .*{words}"):
        read(**table)


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError) as raised:
        read(steps=0, stepps=1, pooling="x")
    assert len(raised.value.args) == 3
    with pytest.raises(ConfigError) as raised:
        read_table(RenderOrder, {}, "'film.toml'")
    assert sorted(raised.value.args) == [
        "'film.toml': content is missing; say it",
        "'film.toml': styles is missing; say it",
    ]


def test_table_of_the_same_or_an_older_version_is_read():
    assert read(medley=medley.__version__) == read(medley="0.0.9")


@pytest.mark.parametrize("schema", ORDERS.values())
def test_order_is_the_same_after_it_was_written_and_read(schema, tmp_path):
    awkward = 'a "b" \\ ü\x7f\t.png'
    table = {
        "content": awkward,
        "styles": [awkward, "x"],
        "fps": "29.97",
        "artist": "K\nM",
        "size": 99,
    }
    order = read_table(schema, table, "'film.toml'", tmp_path)
    text = config_text(order.flat(), schema.fields(), "medley render")
    again = read_table(schema, tomllib.loads(text), "'film.toml'")
    written = plain_values(order.flat(), schema.fields())
    assert plain_values(again.flat(), schema.fields()) == written
    assert "pixels" not in written
    assert config_text(again.flat(), schema.fields(), "medley render") == text
    assert all(f"\n{name} =" in text or f"\n# {name} =" in text for name in schema.fields())


def test_name_that_is_no_unicode_cannot_be_written():
    order = read(content="\udcff.png")
    with pytest.raises(ConfigError, match="is not Unicode; rename the file"):
        config_text(order.flat(), RenderOrder.fields(), "medley render")


FILES = {
    "missing": ("none.toml", None, r"cannot read '.*none\.toml' \(No such file"),
    "no toml": ("film.toml", b"steps 3", r"film\.toml' line 1: it is not TOML \("),
    "picture": ("film.png", b"\x89PNG\r\n", r"is no file of settings \(byte 0 is not UTF-8\)"),
    "no json": ("film.json", b"{", r"film\.json' line 1: it is not JSON"),
    "deep json": ("film.json", b"[" * 100_000, r"film\.json' is nested too deeply"),
    "deep toml": ("film.toml", b"a = " + b"[" * 100_000, r"film\.toml' is nested too deeply"),
    "long number": (
        "film.toml",
        b"steps = " + b"9" * 5000,
        r"film\.toml': it is not TOML \(",
    ),
    "nul": ("film.toml", b"title = '\0'", r"film\.toml' line 1: it is not TOML \("),
    "torn utf-16": ("film.toml", b"\xff\xfea", r"\(byte 2 is not UTF-16"),
    "no order": ("film.json", b'{"steps": 3}', "has no table 'order', so it is no film's sidecar"),
    "no object": ("film.json", b"[]", "has no table 'order'"),
}


@pytest.mark.parametrize(("name", "data", "words"), FILES.values(), ids=FILES)
def test_file_that_holds_no_settings_is_refused(name, data, words, tmp_path):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError, match=words):
        read_file(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_what_windows_wrote_of_print_config_is_read_again(encoding, tmp_path):
    (path := tmp_path / "film.toml").write_text(
        ("\ufeff" if encoding == "utf-16-be" else "") + 'steps = 3\r\ntitle = "Żółw"\r\n', encoding
    )
    assert read_file(path).table == {"steps": 3, "title": "Żółw"}


@pytest.mark.parametrize("written", ["9" * 4000, "nan", "[[[[1]]]]", "1979-05-27", "{a = {b = 1}}"])
def test_values_that_no_setting_has_are_refused_for_every_setting(written, tmp_path):
    names = [name for name in RenderOrder.fields() if name not in ("quality", "device")]
    (path := tmp_path / "film.toml").write_text("".join(f"{name} = {written}\n" for name in names))
    file = read_file(path)
    with pytest.raises(ConfigError, match="steps is"):
        check_table(RenderOrder.fields(), file.table, file.source)


def test_command_line_wins_over_the_file_and_the_file_over_defaults(config):
    path = config('steps = 7\nstyle-weight = 2\ncontent = "a.jpg"\nstyles = ["b"]')
    found = printed("render", "--config", path, "--steps", "9")
    assert (found["steps"], found["style_weight"], found["tv_weight"]) == (9, 2.0, 0.0)
    assert found["content"] == str(Path(path).parent / "a.jpg")
    assert printed("render", "--steps", "120", "--config", path)["steps"] == 120


def test_command_line_s_rival_drops_the_file_s(config):
    path = config("size = 99\nbits = 4")
    found = printed("render", "--config", path, "--pixels", "10000", "--weights", "w")
    assert (found["pixels"], "size" in found) == (10_000, False)
    assert (Path(found["weights"]).name, "bits" in found) == ("w", False)
    assert printed("render", "--config", config("pixels = 10000"), "--size", "99")["size"] == 99


OPTIONAL = sorted(
    {
        (order.kind, name)
        for order in ORDERS.values()
        for name, field in order.fields().items()
        if is_optional(field)
    }
)
SOME = {"years": "1880", "mask": "m=p", "style_weights": "1,2", "resolution": "720p", "bits": "8-6"}


@pytest.mark.parametrize(("command", "name"), OPTIONAL)
def test_every_optional_setting_of_a_file_is_taken_back_by_the_word_none(command, name, config):
    path = config(f"styles = 'x'\n{name} = {json.dumps(SOME.get(name, '64'))}")
    option = f"--{name.replace('_', '-')}"
    assert name in printed(command, "--config", path)
    assert name not in printed(command, "--config", path, option, "none")
    assert name not in printed(command, "--config", config(f'styles = "x"\n{name} = "none"'))


def test_every_switch_of_a_file_is_turned_off_by_no(config):
    path = config("blend = true\ndeterministic = true\nloop = true")
    words = ["--no-blend", "--no-deterministic", "--no-loop"]
    found = printed("render", "--config", path, *words)
    assert not any(found[name] for name in ("blend", "deterministic", "loop"))


def test_what_is_taken_back_leaves_its_rival_and_the_preset(config):
    found = printed("render", "--config", config("bits = 4"), "--weights", "none")
    assert found["bits"] == 4
    path = config('size = 99\nquality = "draft"')
    assert printed("render", "--config", path, "--size", "none")["pixels"] == 224 * 224
    assert printed("render", "--config", config('size = "none"\npixels = 4096'))["pixels"] == 4096
    assert read(size="none", quality="draft").shot.pixels == 224 * 224


def test_file_that_is_called_none_is_named_with_its_folder():
    found = printed("render", "--audio", "./none", "-o", "./none.mp4")
    assert (Path(found["audio"]).name, Path(found["output"]).name) == ("none", "none.mp4")
    assert read(audio="./none").film.audio == Path("none")


def test_word_none_stands_alone(tmp_path):
    done = run("render", "--mask", "none", "--mask", "a=b", cwd=tmp_path, expect=2)
    assert "--mask none takes all of them back; give it alone" in done.stderr


SHAPELESS = "no effect: the film has its pictures' own shape; give it another by --resolution"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fit", "crop"], "warning: --fit crop has"),
        (["--fit", "pad"], "warning: --fit pad has"),
        (["--fit", "crop", "--focus", "0.3,0.6"], "warning: --fit crop and --focus 0.3,0.6 have"),
        (["--fit", "crop", "--resolution", "1600px"], "warning: --fit crop has"),
        (["--fit", "crop", "--resolution", "none"], "warning: --fit crop has"),
        (["--fit", "crop", "--resolution", "square"], None),
        (["--fit", "crop", "--quiet"], None),
        ([], None),
    ],
)
@pytest.mark.parametrize("command", ["render", "plan", "walk", "sweep"])
def test_fit_and_focus_without_a_frame_are_told_to_have_no_effect(command, options, words):
    if command == "plan" and "--quiet" in options:
        return
    given = ["--style", "b"] if command == "sweep" else ["--styles", "b"]
    words_given = [command, "--content", "a", *given, *options, "--print-config"]
    result = CliRunner().invoke(cli, words_given)
    assert result.exit_code == 0
    assert result.stderr == (f"{words} {SHAPELESS}\n" if words else "")


def test_fit_that_only_a_file_asks_for_is_not_spoken_of(config):
    path = config('fit = "crop"\nfocus = "0.3,0.6"')
    result = CliRunner().invoke(cli, ["render", "--config", path, "--print-config"])
    assert (result.exit_code, result.stderr) == (0, "")
    path = config('resolution = "vertical"')
    by_hand = ["render", "--config", path, "--fit", "crop", "--print-config"]
    assert CliRunner().invoke(cli, by_hand).stderr == ""


def test_focus_of_pictures_that_are_assembled_to_a_long_side_counts(tmp_path):
    for options, is_told in (([], True), (["--resolution", "160px"], False)):
        given = ["assemble", str(tmp_path / "none"), "--fit", "crop", "--focus", "0,0", *options]
        assert (SHAPELESS in CliRunner().invoke(cli, given).stderr) is is_told


def test_what_the_asked_format_cannot_carry_is_left_out_if_the_file_brings_it(config):
    path = config('audio = "song.wav"\nencoder = "x265"\ncrf = 20')
    result = CliRunner().invoke(cli, ["render", "--config", path, "-o", "a.gif", "--print-config"])
    found = tomllib.loads(result.stdout)
    assert ("audio" in found, found["encoder"], found["crf"]) == (False, "auto", 20)
    assert f"left out: audio in '{path}': .gif has no sound" in result.stderr
    assert f"left out: encoder = x265 in '{path}' does not write .gif" in result.stderr
    result = CliRunner().invoke(cli, ["render", "-o", "a.gif", "--audio", "song.wav"])
    assert (result.exit_code, "--audio: .gif has no sound" in result.output) == (2, True)
    own = config('audio = "song.wav"\noutput = "a.gif"\ncontent = "a"\nstyles = "b"')
    result = CliRunner().invoke(cli, ["render", "--config", own])
    assert (result.exit_code, f"audio in '{own}': .gif" in result.output) == (2, True)


def test_fault_of_a_file_s_setting_is_named_with_its_key_and_the_file(config, tmp_path):
    path = config('optimizer = "adam"\ncontent = "a.png"\nstyles = "b.png"')
    done = run("render", "--config", path, "--history", "3", cwd=tmp_path, expect=2)
    assert f"--history and optimizer = adam in '{path}' contradict each other" in done.stderr
    done = run("render", "--config", path, "--hold", "50", cwd=tmp_path, expect=1)
    assert "raise --seconds-per-painting to" in done.stderr
    assert "or lower --hold" in done.stderr
    path = config('hold = 50\ncontent = "a.png"\nstyles = "b.png"')
    for command in ("render", "sweep"):
        done = run(command, "--config", path, cwd=tmp_path, expect=1)
        assert f"or lower --hold (hold in '{path}')" in done.stderr


def test_way_out_that_the_file_does_not_say_is_an_option(config, tmp_path):
    (tmp_path / "b.png").write_bytes(b"")
    path = config('style_weights = "1,2"\ncontent = "a.png"\nstyles = "b.png"\nblend = false')
    done = run("render", "--config", path, cwd=tmp_path, expect=2)
    assert f"style_weights in '{path}' is for paintings in one shot; pass --blend" in done.stderr
    path = config('audio = "gone.wav"\nyears = "1880"\ncontent = "a.png"\nstyles = "b.png"')
    done = run("render", "--config", path, cwd=tmp_path, expect=1)
    assert f"or name another --audio (audio in '{path}'), or none" in done.stderr
    Image.fromarray(draw_pixels(40, 40, 1)).save(tmp_path / "a.png")
    done = run("render", "--config", path, "--audio", "none", cwd=tmp_path, expect=1)
    assert f"years = 1880 in '{path}' leaves no painting" in done.stderr


def test_one_file_serves_commands_that_know_different_settings(config):
    path = config('captions = "full"\nsteps = 7\ncontent = "a"\nlayout = "row"')
    assert printed("stylize", "x", "y", "-o", "z.png", "--config", path)["steps"] == 7
    assert printed("sweep", "--config", path)["layout"] == "row"
    assert "layout" not in printed("plan", "--config", path)


def test_faults_of_a_config_are_printed_a_line_each(config, tmp_path):
    done = run("render", "--config", config("steps = 0\nstepz = 1"), cwd=tmp_path, expect=1)
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("Error: '") and "film.toml': " in line for line in lines)
    assert "did you mean 'steps'?" in lines[1]


def test_printed_config_makes_the_same_settings_again(config):
    words = ["--fps", "29.97", "--years", "1880", "--device", "cpu,cpu", "--size", "300"]
    result = CliRunner().invoke(
        cli, ["render", "--content", "a", "--styles", "b", *words, "--print-config"]
    )
    again = CliRunner().invoke(cli, ["render", "--config", config(result.output), "--print-config"])
    assert again.output == result.output
    assert tomllib.loads(result.output)["fps"] == "30000/1001"


def test_film_is_made_again_from_its_sidecar(place, tmp_path):  # noqa: F811
    made = [
        "--output",
        "a/film.mp4",
        "--sample",
        "1",
        "--seed",
        "3",
        "--captions",
        "title",
        "--device",
        "cpu",
    ]
    run("render", "--content", "photo.png", "--styles", "styles", *TINY, *made, cwd=place)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    again = ["--config", place / "a/film.json", "-o", "b.mp4"]
    done = run("render", *again, cwd=elsewhere)
    assert "1 shot found finished" in done.stderr
    first, second = (
        json.loads(path.read_text()) for path in (place / "a/film.json", elsewhere / "b.json")
    )
    assert [work["shot"] for work in first["paintings"]] == [
        work["shot"] for work in second["paintings"]
    ]
    assert np.array_equal(film_pixels(place / "a/film.mp4"), film_pixels(elsewhere / "b.mp4"))
    assert {**second["order"], "output": "film.mp4"} == first["order"]
    assert first["order"]["device"] == "auto"  # another machine need not have that one
    refused = run("render", "--config", place / "a/film.json", cwd=elsewhere, expect=1)
    assert "film.mp4' exists; pass --force" in refused.stderr
    refused = run("sweep", "--config", place / "a/film.json", cwd=elsewhere, expect=1)
    assert "was made by medley render; pass it to that command" in refused.stderr


def test_sweep_is_made_again_from_its_sidecar(place, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))  # without a float original
    made = ["--styles", "styles", "--sample", "1", "--bits", "8,2", "--layout", "row", *TINY]
    run("sweep", "--content", "photo.png", *made, "-o", "a.mp4", cwd=place)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run("sweep", "--config", place / "a.json", "-o", "b.mp4", cwd=elsewhere)
    left, total = re.search(r"(\d) of (\d) shots found finished", done.stderr).groups()
    assert left == total
    assert np.array_equal(film_pixels(place / "a.mp4"), film_pixels(elsewhere / "b.mp4"))
    order = json.loads((place / "a.json").read_text())["order"]
    assert (order["bits"], order["layout"], order["output"]) == ("8,2", "row", "a.mp4")
    refused = run("stylize", "x", "y", "-o", "z", "--config", place / "a.json", cwd=place, expect=1)
    assert "was made by medley sweep; pass it to that command" in refused.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_settings_may_come_through_a_pipe(tmp_path):
    """As the shell makes one of `--config <(...)`; it can be read once."""
    os.mkfifo(tmp_path / "film.toml")
    writer = threading.Thread(target=lambda: (tmp_path / "film.toml").write_text("steps = 3\n"))
    writer.start()
    assert read_file(tmp_path / "film.toml").table == {"steps": 3}
    writer.join()
