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
