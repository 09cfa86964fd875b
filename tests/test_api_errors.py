"""What a program is told when something is wrong, and that its wishes come to the loop."""

from contextlib import contextmanager

import pytest

import medley
from medley.errors import ConfigError, ResourceError, Setting

from .conftest import draw_pixels


def test_film_is_made_deterministically_if_that_is_asked_for(make_picture, tmp_path, monkeypatch):
    entered = []

    @contextmanager
    def computing(wanted):
        entered.append(wanted)
        yield

    monkeypatch.setattr("medley.studio.engines.worker.computing_deterministically", computing)
    for number, wish in enumerate([{"deterministic": True}, {}]):
        medley.render(
            make_picture("a.png"), make_picture("b.png", seed=2), tmp_path / f"{number}.mp4",
            workspace=tmp_path / f"{number}", size=32, steps=1, **wish,
        )  # fmt: skip
    assert entered == [True, False]


EMPTY = {
    "a photo": lambda: medley.render("", "art"),
    "paintings": lambda: medley.render("photo.jpg", ""),
    "one of several paintings": lambda: medley.render("photo.jpg", ["art", ""]),
    "a film": lambda: medley.render("photo.jpg", "art", ""),
    "a workspace": lambda: medley.render("photo.jpg", "art", workspace=""),
    "a picture": lambda: medley.stylize("", "glass"),
    "a painting": lambda: medley.stylize("photo.jpg", ""),
    "a start": lambda: medley.stylize("photo.jpg", "glass", init=""),
    "a result": lambda: medley.quantize("", bits=4),
    "calibrating pictures": lambda: medley.quantize("x.safetensors", bits=4, pictures=[""]),
    "an original": lambda: medley.quantize("x.safetensors", bits=4, original=""),
    "weights": lambda: medley.load_vgg(weights=""),
}


@pytest.mark.parametrize("what", EMPTY)
def test_an_empty_path_is_never_taken_for_the_current_folder(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="the path is empty; name a file or folder"):
        EMPTY[what]()
    assert list(tmp_path.iterdir()) == []


def test_errors_while_iterating_speak_of_keywords(monkeypatch):
    def optimize(*_):
        raise MemoryError

    monkeypatch.setattr("medley.studio.shooting.problem.optimize", optimize)
    picture = draw_pixels(600, 600, 1)
    iterates = medley.stylize(picture, picture, size=600)
    with pytest.raises(ResourceError, match=r"at 600x600 pixels; pass tile=256 or size=\d+$"):
        next(iterates)


def test_several_things_to_mend_stay_several(monkeypatch, make_picture):
    def refuse(*_):
        raise ConfigError("one", ("leave out ", Setting("tile", 512)), ("or ", Setting("size")))

    monkeypatch.setattr("medley.api.name_devices", refuse)
    with pytest.raises(ConfigError, match=r"^one; leave out tile=512; or size$") as caught:
        medley.render(make_picture("a.png"), make_picture("b.png"))
    assert caught.value.faults == [("one",), ("leave out tile=512",), ("or size",)]
