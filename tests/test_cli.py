import io
import re
import subprocess
import sys
import textwrap

import pytest
from click.testing import CliRunner

import medley
from medley.cli import cli
from medley.settings import (
    CatalogSettings,
    CutSettings,
    FilmSettings,
    RunSettings,
    ShotSettings,
    SweepSettings,
)
from medley.studio.progress import Progress

COMMANDS = sorted(cli.commands)


def help_of(*command):
    result = CliRunner().invoke(cli, [*command, "--help"], terminal_width=100)
    assert result.exit_code == 0
    return result.output


def test_help_names_every_command():
    text = help_of()
    assert all(f"\n  {name} " in text for name in COMMANDS)


def test_help_is_given_without_importing_torch():
    code = "import sys; from medley.cli import cli; cli(['--help'], standalone_mode=False)"
    check = f"{code}; sys.exit('torch' in sys.modules or 'rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], stdout=subprocess.DEVNULL)
    assert done.returncode == 0


@pytest.mark.parametrize("command", ["render", "plan"])
@pytest.mark.parametrize("schema", [ShotSettings, CatalogSettings, FilmSettings, RunSettings])
def test_render_has_an_option_for_every_setting_with_its_default(schema, command):
    options = {option.name: option for option in cli.commands[command].params}
    for name, field in schema.model_fields.items():
        assert options[name].default == field.default
        assert field.description and field.description.endswith(".")


def test_sweep_has_an_option_for_every_setting_but_those_it_varies():
    options = {option.name: option for option in cli.commands["sweep"].params}
    for schema in (SweepSettings, ShotSettings, CatalogSettings, CutSettings, RunSettings):
        for name, field in schema.model_fields.items():
            if name == "weights" or (schema, name) == (ShotSettings, "bits"):
                continue
            assert options[name].default == field.default
            assert field.description and field.description.endswith(".")
    assert not {"weights", "captions", "title"} & set(options)


def test_assemble_has_an_option_for_everything_about_the_film():
    options = {option.name: option for option in cli.commands["assemble"].params}
    for name, field in FilmSettings.model_fields.items():
        assert options[name].default == field.default
    assert "device" not in options


def test_version_is_the_package_s():
    result = CliRunner().invoke(cli, ["--version"])
    assert result.output.strip() == f"medley, version {medley.__version__}"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (7500, "2h05")]
)
def test_time_left_is_short_to_read(seconds, expected):
    from medley.cli.progress import clock

    assert clock(seconds) == expected


@pytest.mark.parametrize("title", ["short", "a long title " * 20, "[b]富嶽三十六景[/x]\n" * 9])
def test_live_line_fits_the_terminal_and_keeps_the_time_left(title):
    from rich.cells import cell_len
    from rich.console import Console

    from medley.cli.progress import display

    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=80, height=20)
    with display(console) as show:
        show.shot(Progress(12, 15, title, 100, 1629837.0, 55.0, 120, 50))
    shown = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", out.getvalue()).splitlines()
    assert any("painting 12/15" in line and line.rstrip().endswith(" left") for line in shown)
    assert max(map(cell_len, shown)) <= 80
    assert ("…" in out.getvalue()) == (len(title) > 30)


def test_interrupted_while_it_is_imported_it_leaves_no_traceback():
    code = """
        import sys
        class Interrupt:
            def find_spec(self, name, *_):
                if name == "pydantic":
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Interrupt())
        from medley.__main__ import main
        main()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True)
    assert done.returncode == 130
    assert done.stderr == b"Interrupted before anything began.\n"
