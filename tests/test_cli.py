import subprocess
import sys

import pytest
from click.testing import CliRunner

import medley
from medley.cli import cli
from medley.settings import (
    CatalogSettings,
    FilmSettings,
    RunSettings,
    ShotSettings,
    SweepSettings,
)

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


@pytest.mark.parametrize("schema", [ShotSettings, CatalogSettings, FilmSettings, RunSettings])
def test_render_has_an_option_for_every_setting_with_its_default(schema):
    options = {option.name: option for option in cli.commands["render"].params}
    for name, field in schema.model_fields.items():
        assert options[name].default == field.default
        assert field.description and field.description.endswith(".")


def test_sweep_has_an_option_for_every_setting_but_those_it_varies():
    options = {option.name: option for option in cli.commands["sweep"].params}
    for schema in (SweepSettings, ShotSettings, CatalogSettings, FilmSettings, RunSettings):
        for name, field in schema.model_fields.items():
            if name in ("weights", "captions") or (schema, name) == (ShotSettings, "bits"):
                continue
            assert options[name].default == field.default
            assert field.description and field.description.endswith(".")
    assert not {"weights", "captions"} & set(options)


def test_version_is_the_package_s():
    result = CliRunner().invoke(cli, ["--version"])
    assert result.output.strip() == f"medley, version {medley.__version__}"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (7500, "2h05")]
)
def test_time_left_is_short_to_read(seconds, expected):
    from medley.cli.progress import clock

    assert clock(seconds) == expected
