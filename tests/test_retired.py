"""A setting that was retired is taken at every door, ignored, and warned of once."""

import json
import subprocess
import sys
import tomllib

import pytest
from click.testing import CliRunner

import medley
from medley.cli import cli
from medley.settings import RenderOrder
from medley.settings.load import read_file, read_table
from medley.settings.manifest import read_manifest
from medley.settings.manifest_schema import manifest_schema
from medley.settings.orders import ORDERS
from medley.settings.retired import warn_retired

FILM = 'content = "photo.png"\nstyles = "styles"\n'


@pytest.fixture(autouse=True)
def forgotten():
    warn_retired.cache_clear()


@pytest.fixture
def warned(caplog):
    def check(name):
        said = [record.getMessage() for record in caplog.records]
        assert said == [f"{name} has no effect any more; leave it out"]

    return check


def printed(*command):
    result = CliRunner().invoke(cli, [*command, "--print-config"])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("command", ["render", "plan", "sweep", "walk"])
def test_command_line_takes_it_and_hides_it(command, warned):
    assert "batch_size" not in printed(command, "--batch-size", "2")
    warned("--batch-size")
    assert "batch-size" not in CliRunner().invoke(cli, [command, "--help"]).stdout


def test_user_reads_the_warning_on_standard_error():
    command = [sys.executable, "-m", "medley", "render", "--batch-size", "auto", "--print-config"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == "--batch-size has no effect any more; leave it out\n"


@pytest.mark.parametrize("command", [["render"], ["stylize", "x", "y", "-o", "z.png"]])
@pytest.mark.parametrize("key", ["batch_size", "batch-size"])
def test_config_file_may_have_it(command, key, tmp_path, warned):
    path = tmp_path / "film.toml"
    path.write_text(f"steps = 7\n{key} = 2\n")
    found = printed(*command, "--config", str(path))
    assert (tomllib.loads(found)["steps"], "batch_size" in found) == (7, False)
    warned(key)


@pytest.mark.parametrize("value", ["auto", 4])
def test_sidecar_of_before_has_it_and_nobody_asked_for_its_default(value, tmp_path, caplog):
    path = tmp_path / "film.json"
    order = {"content": "a.jpg", "styles": ["b"], "batch_size": value}
    path.write_text(json.dumps({"command": "render", "order": order}))
    file = read_file(path)
    assert not hasattr(read_table(RenderOrder, file.table, file.source), "batch_size")
    assert len(caplog.records) == (value != "auto")


def test_manifest_may_have_it_anywhere_and_a_list_of_it_makes_one_film(make_picture, warned):
    folder = make_picture().parent
    make_picture("styles/painting.png", seed=2)
    path = folder / "films.toml"
    film = "[[film]]\nbatch_size = [1, 4]\noutput = "
    path.write_text(f'[defaults]\nbatch_size = 2\n{FILM}{film}"a.mp4"\n{film}"b.mp4"\n')
    assert [film.path.name for film in read_manifest(path).films] == ["a.mp4", "b.mp4"]
    warned("batch_size")


def test_python_takes_it(make_picture, tmp_path, warned):
    folder = make_picture().parent
    make_picture("styles/painting.png", seed=2)
    facts = medley.render(
        folder / "photo.png",
        folder / "styles",
        tmp_path / "film.mp4",
        batch_size=2,
        size=32,
        steps=2,
        workspace=tmp_path / "workspace",
    )
    assert facts.path.exists()
    warned("batch_size")
    order = json.loads((tmp_path / "film.json").read_text())["order"]
    assert "batch_size" not in order


def test_no_schema_names_it():
    assert "batch_size" not in json.dumps(manifest_schema())
    assert not any("batch_size" in kind.model_fields for kind in ORDERS.values())
