"""Style networks that ship: found from any folder by name, in every place that takes a file."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medley.errors import WeightsError
from medley.images import decode
from medley.keywords import read_options
from medley.settings import ShotSettings
from medley.settings.catalog import find_shipped, name_shipped
from medley.settings.shot import NetStart
from medley.shipped import shipped_files
from medley.shipped_nets import MANY, check_net_there, net_at, net_files, net_name_of
from medley.stylenet.netfile import read

from .conftest import draw_pixels
from .test_render import TINY, run

QUICK = (*TINY, "--steps", "1", "--init", "net:many")


@pytest.fixture
def empty(tmp_path) -> Path:
    """A folder with a photo and nothing else."""
    Image.fromarray(draw_pixels(40, 48, 1)).save(tmp_path / "photo.png")
    return tmp_path


def test_the_network_that_ships_knows_every_painting_that_does():
    assert sorted(style.handle for style in read(net_files()[MANY]).styles) == [*shipped_files()]


def test_networks_of_one_painting_that_ship_are_called_after_it_and_small_enough_to_send():
    single = {name: path for name, path in net_files().items() if name != MANY}
    assert len(single) >= 3
    for name, path in single.items():
        assert [style.handle for style in read(path).styles] == [name]
        assert name in shipped_files()
        assert path.stat().st_size <= 17_000
    assert net_files()[MANY].stat().st_size <= 40_000


def test_an_existing_file_wins_over_a_name_and_a_folder_does_not(empty, monkeypatch):
    monkeypatch.chdir(empty)
    assert net_at(Path("many")) == net_files()["many"]
    (empty / "many").touch()
    assert net_at(Path("many")) == Path("many")
    assert net_at(Path("many"), empty / "elsewhere") == net_files()["many"]
    (empty / "glass").mkdir()  # as `apply glass photos/ -o glass` leaves it
    assert net_at(Path("glass")) == net_files()["glass"]
    assert net_at(Path("many.safetensors")) == Path("many.safetensors")


def test_what_ships_is_written_by_name_and_any_other_file_by_its_path(empty):
    assert net_name_of(net_files()[MANY]) == Path(MANY)
    copy = empty / "many.safetensors"
    copy.write_bytes(net_files()[MANY].read_bytes())
    assert net_name_of(copy) == copy
    start = find_shipped("init", NetStart(Path("many")))
    assert start.path == net_files()[MANY]
    assert name_shipped("init", start) == NetStart(Path("many"))


def test_python_and_files_take_the_name_too():
    shot = read_options(ShotSettings, {"init": "net:many"}, "stylize")
    assert shot.init == NetStart(net_files()[MANY])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mnay", f"did you mean 'many'? Those that ship: {', '.join(net_files())}"),
        ("Many.safetensors", "did you mean 'many'?"),
        ("starry", f"check its name, or take one that ships: {', '.join(net_files())}"),
    ],
)
def test_a_name_that_is_no_file_and_does_not_ship_is_refused_with_a_guess(name, told):
    with pytest.raises(WeightsError, match="there is no style network") as refused:
        check_net_there(Path(name))
    assert told in str(refused.value)


def test_apply_takes_the_name_as_it_takes_the_file(empty):
    run("apply", "many", "photo.png", "-o", "a.png", "--style", "glass", cwd=empty)
    run("apply", net_files()[MANY], "photo.png", "-o", "b.png", "--style", "glass", cwd=empty)
    assert np.array_equal(decode(empty / "a.png"), decode(empty / "b.png"))
    refused = run("apply", "mayn", "photo.png", "-o", "c.png", cwd=empty, expect=1)
    assert refused.stderr.startswith("Error: there is no style network 'mayn'; did you mean 'many'")


def test_a_film_begun_by_the_name_is_made_again_where_medley_lies_elsewhere(empty):
    film = ("--content", "photo.png", "--styles", "glass", "-o", "film.mp4", *QUICK)
    run("render", *film, cwd=empty)
    assert json.loads((empty / "film.json").read_text())["order"]["init"] == "net:many"
    (empty / "film.json").unlink()  # the recipe in the film knows the network by its digest
    again = run("render", "--config", "film.mp4", "-o", "again.mp4", cwd=empty)
    assert "1 shot found finished" in again.stderr


@pytest.mark.parametrize("init", ["net:mayn", "net:many"])
def test_what_the_network_does_not_know_is_refused_before_the_work(empty, init):
    words = ["--content", "photo.png", "--styles", "photo.png", "-o", "film.mp4", *TINY]
    refused = run("render", *words, "--init", init, cwd=empty, expect=1).stderr
    told = {"net:mayn": "did you mean 'many'?", "net:many": "--init net:many knows no 'photo'"}
    assert told[init] in refused
    assert not (empty / "outputs").exists()
