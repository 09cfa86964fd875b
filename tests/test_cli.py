import errno
import importlib
import io
import os
import pkgutil
import re
import signal
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import medley
from medley.cli import COMMANDS, cli, main
from medley.cli.exits import EXITS
from medley.cli.help import by_worth
from medley.cli.options import PATH
from medley.cli.words import clock, counted
from medley.errors import ConfigError
from medley.events import Event
from medley.settings import (
    CatalogSettings,
    CutSettings,
    EffortSettings,
    FilmSettings,
    FormatSettings,
    RenderOrder,
    RunSettings,
    ShotSettings,
    SweepSettings,
)
from medley.settings.base import holds_several, names_files
from medley.settings.load import check_table
from medley.settings.orders import ORDERS
from medley.vgg.weightfile import BUNDLE


def command_of(name):
    """A command, which is imported when it is asked for."""
    return cli.get_command(click.Context(cli), name)


def help_of(*command):
    result = CliRunner().invoke(cli, [*command, "--help"], terminal_width=100)
    assert result.exit_code == 0
    return result.output


def test_help_names_every_command():
    text = help_of()
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_no_command_s_help_imports_anything_slow():
    """One process asks all of them in turn, so that what one imports is laid to the next."""
    code = """
        import sys
        import click
        from medley.cli import COMMANDS, cli
        for name in ["", *COMMANDS]:
            command = cli.get_command(click.Context(cli), name) if name else cli
            inner = getattr(command, "commands", ()) if name else ()
            for words in ([name], *([name, one] for one in inner)):
                cli([*filter(None, words), "--help"], standalone_mode=False)
                slow = {"torch", "rich", "PIL", "numpy", "matplotlib"} & set(sys.modules)
                assert not slow, (words, slow)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: ") > len(COMMANDS)


def test_help_imports_no_command():
    code = (
        "import sys; from medley.cli import COMMANDS, cli; cli(['--help'], standalone_mode=False)"
    )
    imported = "{name for name in COMMANDS if f'medley.cli.{name}' in sys.modules}"
    check = f"{code}; sys.exit(str({imported} or '') or 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  render " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_a_command_what_it_says_itself(name):
    assert command_of(name).name == name
    assert command_of(name).short_help == COMMANDS[name]


def test_every_module_of_a_command_is_known():
    folder = importlib.import_module("medley.cli").__path__
    modules = [module.name for module in pkgutil.iter_modules(folder)]
    own = [name for name in modules
           if isinstance(getattr(importlib.import_module(f"medley.cli.{name}"), name, None),
                         click.Command)]  # fmt: skip
    assert own == list(COMMANDS)


def test_command_that_is_not_there_is_one_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["rendre"])
    told = "Error: No such command 'rendre' (did you mean 'render'?); see 'medley --help'\n"
    assert capsys.readouterr().err == told
    with pytest.raises(SystemExit, match="2"):
        main(["zzz"])
    assert capsys.readouterr().err == "Error: No such command 'zzz'; see 'medley --help'\n"


@pytest.mark.parametrize("group", [[], ["workspace"], ["weights"]])
def test_group_alone_shows_its_help(group, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(group)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"Usage: {' '.join(['medley', *group])} [OPTIONS] COMMAND")
    assert "\nCommands:\n" in shown.err


def default_of(option):
    """An option's default as its command gets it."""
    default = option.default
    return default if default in (None, ()) else option.type_cast_value(None, default)


@pytest.mark.parametrize("command", ["render", "plan"])
@pytest.mark.parametrize("schema", [ShotSettings, CatalogSettings, FilmSettings, RunSettings])
def test_render_has_an_option_for_every_setting_with_its_default(schema, command):
    options = {option.name: option for option in command_of(command).params}
    for name, field in schema.model_fields.items():
        assert default_of(options[name]) == field.default
        assert field.description and field.description.endswith(".")


def test_sweep_has_an_option_for_every_setting_but_those_it_varies():
    options = {option.name: option for option in command_of("sweep").params}
    for schema in (SweepSettings, ShotSettings, CatalogSettings, CutSettings, RunSettings):
        for name, field in schema.model_fields.items():
            if (schema, name) in ((ShotSettings, "weights"), (ShotSettings, "bits")):
                continue
            assert default_of(options[name]) == field.default
            assert field.description and field.description.endswith(".")
    assert not {"captions", "title"} & set(options)


def test_assemble_has_an_option_for_everything_about_the_film():
    options = {option.name: option for option in command_of("assemble").params}
    for name, field in FilmSettings.model_fields.items():
        assert default_of(options[name]) == field.default
    assert "device" not in options


GROUPED = ["render", "plan", "sweep", "walk", "stylize", "assemble"]


def groups_of(command):
    """The options that --help has under each heading, in its order."""
    groups, names = {}, []
    for line in help_of(command).splitlines():
        if heading := re.fullmatch(r"([A-Z][a-z ]+):", line):
            names = groups[heading[1]] = []
        elif option := re.match(r"  (?:-\w, )?(?:--style, )?(--[\w-]+)", line):
            names.append(option[1])
    return groups


@pytest.mark.parametrize("command", GROUPED)
def test_help_has_every_option_exactly_once_under_a_heading(command):
    shown = [name for names in groups_of(command).values() for name in names]
    options = (one for one in command_of(command).params if isinstance(one, click.Option))
    own = [option for option in options if not option.hidden]
    named = [max(param.opts, key=lambda name: (len(name), name)) for param in own]
    assert sorted(shown) == sorted([*named, "--help"])


def test_render_s_help_begins_with_what_is_used_most():
    groups = groups_of("render")
    headings = ["Inputs and output", "Size and time", "Paintings", "Look", "Network"]
    assert list(groups)[:5] == headings
    assert list(groups)[-1] == "Machine"
    assert groups["Inputs and output"][:4] == ["--content", "--styles", "--output", "--force"]
    assert groups["Size and time"][:4] == ["--quality", "--size", "--pixels", "--steps"]
    assert groups["Look"][:2] == ["--content-weight", "--style-weight"]
    assert groups["Film"][0] == "--seconds-per-painting"
    size = groups["Size and time"]
    assert size.index("--learning-rate") == size.index("--optimizer") + 1


def test_headings_are_those_of_the_schemas_that_add_the_fields():
    headings = by_worth(ShotSettings) | by_worth(FilmSettings)
    assert set(headings) == {*ShotSettings.model_fields, *FilmSettings.model_fields}
    assert all(headings.values())
    assert headings["steps"] == EffortSettings.heading
    assert headings["crf"] == FormatSettings.heading != FilmSettings.heading


def test_stylize_s_help_speaks_of_one_picture():
    about = {param.name: param.help for param in command_of("stylize").params
             if isinstance(param, click.Option)}  # fmt: skip
    assert not any("draw" in about[name] for name in about)
    assert "each painting" not in about["steps"]
    assert "at once" not in about["device"]


ANY_ORDER = ["--content", "photo.jpg", "--styles", "paintings"]
REFUSED = {
    "no number": (["--steps", "many"], "--steps is 'many'; it must be a whole number from 1 to"),
    "out of bounds": (["--size", "3"], "--size is '3'; it must be a whole number from 16 to"),
    "no choice": (["--pace", "x"], "--pace is 'x'; it must be 'visual', 'ease' or 'even'"),
    "words of our own": (["--bits", "9"], "--bits: 9 is not a width; weights have 1 to 8 bits"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_value_is_refused_in_the_words_of_files(case):
    words, expected = REFUSED[case]
    result = CliRunner().invoke(cli, ["render", *ANY_ORDER, *words])
    assert result.exit_code == 2
    assert f"Error: {expected}" in result.output
    name, value = words[0].removeprefix("--"), words[1]
    with pytest.raises(ConfigError) as caught:
        check_table(RenderOrder.fields(), {name: value}, "'film.toml'")
    assert str(caught.value) == (
        f"'film.toml': {result.output.splitlines()[-1].removeprefix('Error: --')}"
    )


def paths_of(command):
    """The options and arguments that name files, of a command and of those in it."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from paths_of(command.get_command(context, name))
        return
    own = {name: field for order in ORDERS.values() for name, field in order.fields().items()}
    for param in command.params:
        if param.type is PATH or (param.name in own and names_files(own[param.name])):
            yield command, param


def test_no_command_takes_an_empty_path_for_the_current_folder():
    found = list(paths_of(cli))
    assert len(found) > 40
    for command, param in found:
        context = click.Context(command)
        with pytest.raises(click.UsageError, match="the path is empty; name a file or folder"):
            param.type.convert("", param, context)


@pytest.mark.parametrize("order", ORDERS.values(), ids=lambda order: order.kind)
def test_no_file_s_empty_path_is_taken_for_the_current_folder(order):
    fields = {name: field for name, field in order.fields().items() if names_files(field)}
    assert {"content", "styles", "output", "workspace", "audio", "keep"} <= fields.keys()
    for name, field in fields.items():
        for empty in ["", ["", "a.jpg"]] if holds_several(field) else [""]:
            with pytest.raises(ConfigError, match=f"^film.toml: {name}: the path is empty; name"):
                check_table(order.fields(), {name: empty}, "film.toml")
    assert check_table(order.fields(), {"artist": ""}, "film.toml")["artist"] == ""
    empty = CliRunner().invoke(cli, ["assemble", ""])
    assert "Error: SOURCES: the path is empty" in empty.output


@pytest.mark.parametrize("group", [[], ["workspace"], ["weights"], ["styles"]])
def test_short_help_is_whole_on_a_narrow_terminal(group):
    text = CliRunner().invoke(cli, [*group, "--help"], terminal_width=80).output
    assert "..." not in text.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 shots"), (1, "1 shot"), (2, "2 shots"), (1200, "1,200 shots")]
)
def test_one_thing_is_no_plural(number, expected):
    assert counted(number, "shot") == expected


WORKSPACES = [["status"], ["workspace", "list"], ["workspace", "verify"], ["workspace", "prune"]]


@pytest.mark.parametrize("command", WORKSPACES)
def test_a_workspace_is_named_as_an_argument_or_as_an_option(command, tmp_path):
    wish = ["--unused"] if command[-1] == "prune" else []
    (tmp_path / "film.json").write_text("{}")
    place = str(tmp_path / "absent")
    by_word = CliRunner().invoke(cli, [*command, place, *wish])
    by_option = CliRunner().invoke(cli, [*command, "--workspace", place, *wish])
    assert place in str(by_word.exception) and str(by_word.exception) == str(by_option.exception)
    both = CliRunner().invoke(cli, [*command, place, "--workspace", "w", *wish])
    assert both.exit_code == 2
    assert f"'{place}' and --workspace name two workspaces; give one" in both.output


TWICE = [
    ("render", "--content", "a.png"),
    ("render", "--keep", "a.png"),
    ("walk", "--output", "a.mp4"),
    ("sweep", "--workspace", "w"),
    ("assemble", "--audio", "a.wav"),
    ("stylize", "--output", "a.png"),
    ("plan", "--config", "a.toml"),
]


@pytest.mark.parametrize(("command", "option", "value"), TWICE)
def test_of_two_files_for_one_none_is_passed_over_silently(command, option, value, capsys):
    short = {"--output": "-o"}.get(option, option)
    words = ["photo.png"] if command in ("assemble", "stylize") else []
    with pytest.raises(SystemExit) as exited:
        main([command, *words, option, value, short, "other"])
    assert exited.value.code == 2
    assert f"{option} is given twice, and takes one; leave one out" in capsys.readouterr().err


def test_version_is_the_package_s():
    result = CliRunner().invoke(cli, ["--version"])
    assert result.output.strip() == f"medley, version {medley.__version__}"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (7500, "2h05")]
)
def test_time_left_is_short_to_read(seconds, expected):
    assert clock(seconds) == expected


@pytest.mark.parametrize("title", ["short", "a long title " * 20, "[b]富嶽三十六景[/x]\n" * 9])
def test_live_line_fits_the_terminal_and_keeps_the_time_left(title, monkeypatch):
    from rich.cells import cell_len
    from rich.console import Console

    from medley.cli import progress
    from medley.cli.progress import display

    monkeypatch.setattr(progress, "_REFRESH_S", 0.0)
    titles = {str(number): title for number in range(1, 16)}

    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=80, height=20)
    with display(console=console) as show:
        show.expect_shots("painting", titles, dict.fromkeys(titles, 150))
        show.on(Event("step", "12", title, step=100, steps=150, loss=1629837.0, seconds=55.0))
    shown = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", out.getvalue()).splitlines()
    assert any("painting 12/15" in line and line.rstrip().endswith(" left") for line in shown)
    assert max(map(cell_len, shown)) <= 80
    assert ("…" in out.getvalue()) == (len(title) > 30)


def interrupted_import(module, *arguments):
    """The command line, interrupted just when it imports a module."""
    code = """
        import sys
        class Interrupt:
            def find_spec(self, name, *_):
                if name == MODULE:
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Interrupt())
        from medley.__main__ import main
        main()
    """.replace("MODULE", repr(module))
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_interrupted_while_it_is_imported_it_leaves_no_traceback():
    done = interrupted_import("click")
    assert done.returncode == 130
    assert done.stderr == "Interrupted before anything began.\n"
    done = interrupted_import("pydantic", "quantize", "--help")
    assert done.returncode == 130
    assert done.stderr.strip() == "Interrupted."


@pytest.mark.parametrize(
    ("code", "way"),
    [
        (errno.ENOSPC, "make room there"),
        (errno.ENAMETOOLONG, "check that name and its permissions"),
    ],
)
def test_what_the_system_refuses_is_one_line_with_a_way_out(code, way, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(code, os.strerror(code), "somewhere")

    monkeypatch.setattr("medley.cli.console.show_table", refuse)
    with pytest.raises(SystemExit, match="1"):
        main(["presets"])
    assert (
        capsys.readouterr().err
        == f"Error: [Errno {code}] {os.strerror(code)}: 'somewhere'; {way}\n"
    )


@pytest.fixture
def interrupted(monkeypatch, capsys):
    """Interrupt a command as soon as it calls a function, and give what it says."""

    def run(target, *arguments):
        def interrupt(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(target, interrupt)
        with pytest.raises(SystemExit, match="130"):
            main(list(map(str, arguments)))
        return capsys.readouterr().err.strip()

    return run


def test_interrupted_command_that_takes_shots_says_that_they_are_kept(interrupted, tmp_path):
    kept = "Interrupted; what was shot is kept, and the same command goes on from there."
    place = ["--workspace", tmp_path / "w"]
    order = ["--content", "photo.jpg", "--styles", "paintings", "-o", tmp_path / "a.mp4", *place]
    manifest = tmp_path / "films.toml"
    manifest.write_text('[[film]]\ncontent = "photo.jpg"\nstyles = "paintings"\n')
    (tmp_path / "photo.jpg").touch()
    (tmp_path / "paintings").mkdir()
    read = "medley.studio.picture_cache.PictureCache.content"
    for command in ("render", "sweep", "walk"):
        assert interrupted(read, command, *order) == kept
    assert interrupted(read, "batch", manifest, *place) == kept


SIGNALS = {signal.SIGTERM: 143, signal.SIGUSR1: 128 + signal.SIGUSR1}


@pytest.mark.parametrize("number", SIGNALS, ids=[number.name for number in SIGNALS])
def test_a_signal_ends_every_command_as_an_interrupt_does(number, monkeypatch, capsys):
    def ask(*_, **__):
        for _ in range(2):  # the second must not cut off what the first made the command write
            os.kill(os.getpid(), number)
        try:
            pytest.fail("no interrupt came")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    before = [signal.getsignal(other) for other in SIGNALS]
    monkeypatch.setattr("medley.studio.picture_cache.PictureCache.content", ask)
    with pytest.raises(SystemExit) as ended:
        main(["plan", "--content", "a", "--styles", "b"])
    assert ended.value.code == SIGNALS[number]
    assert capsys.readouterr().err.strip() == f"Ended by {number.name}."
    assert [signal.getsignal(other) for other in SIGNALS] == before


def test_a_signal_that_the_caller_ignores_stays_ignored(monkeypatch, capsys):
    monkeypatch.setattr(
        "medley.cli.console.show_table", lambda *_: os.kill(os.getpid(), signal.SIGTERM)
    )
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as ended:
            main(["layers"])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not ended.value.code
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(signal.SIGUSR1 != 10, reason="the page has Linux's numbers")
def test_the_page_of_exit_codes_has_just_those_that_help_lists():
    page = Path(__file__).parent.parent / "docs" / "exit-codes.md"
    told = re.findall(r"^\| (\d+) \| (.*?) \|", page.read_text("utf-8"), re.MULTILINE)
    assert {int(code): meaning for code, meaning in told} == EXITS
    shown = re.findall(r"^  (\d+) +(.*)$", help_of(), re.MULTILINE)
    assert shown == [(str(code), meaning) for code, meaning in EXITS.items()]


def test_interrupted_command_that_takes_none_claims_nothing(interrupted, tmp_path):
    out = tmp_path / "a.safetensors"
    named = "medley.cli.quantize_run.Quantizer"
    assert interrupted(named, "quantize", "-o", out, "--original", BUNDLE) == "Interrupted."
    assert interrupted(
        "medley.studio.picture_cache.PictureCache.content",
        "plan",
        "--content",
        "a",
        "--styles",
        "b",
    ) == ("Interrupted.")
    assert interrupted("medley.vgg.sources.fetch", "weights", "fetch") == "Interrupted."
    assert list(tmp_path.iterdir()) == []


def printed_in(encoding, monkeypatch, *words):
    """What a command writes to a standard output of that encoding."""
    out, err = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(err, encoding))
    with pytest.raises(SystemExit) as exited:
        main(words)
    assert not exited.value.code, err.getvalue()
    sys.stdout.flush()
    return out.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_what_the_output_s_encoding_lacks_is_escaped_and_never_an_error(
    encoding, tmp_path, monkeypatch
):
    for name in ("春.png", "Żółw.png", "nul\udcff.png"):
        (tmp_path / name).touch()
    told = printed_in(encoding, monkeypatch, "styles", str(tmp_path))
    assert ("春" if encoding == "utf-8" else r"\u6625") in told
    assert r"nul\udcff" in told
    told = printed_in(encoding, monkeypatch, "render", "--title", "春 é", "--print-config")
    (tmp_path / "film.toml").write_text(told, encoding)
    again = printed_in(
        "utf-8", monkeypatch, "render", "--config", str(tmp_path / "film.toml"), "--print-config"
    )
    assert tomllib.loads(again)["title"] == "春 é"


def test_home_is_put_in_behind_an_equals_sign_too(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    paths = ("--content=~/p.jpg", "--styles=~/s", "--output=~/o.mp4", "--workspace=~/w")
    told = CliRunner().invoke(cli, ["render", *paths, "--print-config"]).output
    found = tomllib.loads(told)
    assert found["content"] == str(tmp_path / "p.jpg")
    assert found["styles"] == [str(tmp_path / "s")]
    assert (found["output"], found["workspace"]) == (str(tmp_path / "o.mp4"), str(tmp_path / "w"))
    (tmp_path / "films.toml").write_text('content = "~/p.jpg"')
    told = CliRunner().invoke(cli, ["plan", "--config=~/films.toml", "--print-config"]).output
    assert tomllib.loads(told)["content"] == str(tmp_path / "p.jpg")
