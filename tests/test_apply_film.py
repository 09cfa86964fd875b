"""`medley apply --style walk`: a photo that drifts through a network's paintings, as a film."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from medley.images import decode
from medley.media.ffmpeg import run as run_ffmpeg
from medley.media.film_file import probe, read_comment
from medley.studio import drift_files, net_films
from medley.stylenet import ready
from medley.stylenet.mix import stations_of
from medley.stylenet.netfile import StyleName, write
from medley.stylenet.network import StyleNet
from medley.stylenet.shape import small_shape
from medley.transfer.style_path import resting

from .conftest import film_pixels
from .test_render import run

STYLES = [
    StyleName("Glass, broken", "Nobody, 1907", "glass"),
    StyleName("Gilded"),
    StyleName("Sea"),
]
BRIEF = ("--fps", "10", "--seconds-per-painting", "1")


@pytest.fixture
def place(make_picture, tmp_path) -> Path:
    """A folder with networks of three paintings and of one, a photo, and a folder of two."""
    torch.manual_seed(5)
    for name, styles in (("net", STYLES), ("single", STYLES[:1])):
        network = StyleNet(small_shape(0.1, 1, styles=len(styles)))
        with torch.no_grad():
            for offset in network.offsets:
                offset.copy_(torch.randn_like(offset))
        write(tmp_path / f"{name}.safetensors", replace(network.to_file(styles, {}), bits=8))
    make_picture("photo.png", height=21, width=33)
    for name in ("a.jpg", "b.png"):
        make_picture(f"in/{name}", height=20, width=30)
    return tmp_path


def drift(place, *arguments, style="walk", net="net", expect=0):
    words = ("--style", style, *arguments, "--device", "cpu")
    return run("apply", f"{net}.safetensors", *words, cwd=place, expect=expect)


@pytest.fixture
def shown(monkeypatch) -> list[np.ndarray]:
    """The frames of all films, before they are encoded."""
    frames, real = [], drift_files.encode

    def encode(pictures, *more):
        def noted():
            for picture in pictures:
                frames.append(picture)
                yield picture

        return real(noted(), *more)

    monkeypatch.setattr(drift_files, "encode", encode)
    return frames


def still(place, style, *more):
    drift(place, "photo.png", "-o", f"{style}.png", *more, style=style)
    return decode(place / f"{style}.png")


def test_a_film_rests_at_each_painting_and_ends_where_it_began(place, shown):
    assert drift(place, "photo.png", "-o", "out.mp4", *BRIEF).stdout == "out.mp4\n"
    facts = probe(place / "out.mp4")
    assert (facts.frame_count, facts.fps, facts.height, facts.width) == (30, 10, 22, 34)
    for number, style in enumerate(("glass", "gilded", "sea")):
        assert np.array_equal(shown[10 * number], still(place, style))
    assert np.array_equal(shown[15], still(place, "gilded:1,sea:1"))
    assert np.abs(shown[-1].astype(int) - shown[0]).mean() < 2
    first, *_, last = film_pixels(place / "out.mp4").astype(int)
    assert np.abs(first - last).mean() < 3


def test_what_lies_beside_a_film_says_how_it_was_made_and_names_no_folder(place):
    drift(place, "in/a.jpg", "-o", "out.mp4", "--size", "24", *BRIEF, style="WALK:sea,Glass")
    assert sorted(path.name for path in place.glob("out*")) == [
        "out.credits.txt", "out.json", "out.mp4", "out.png",
    ]  # fmt: skip
    about = json.loads((place / "out.json").read_text())
    assert about["paintings"] == [
        {"title": "Sea", "frame": 0}, {"title": "Glass, broken", "frame": 10},
    ]  # fmt: skip
    assert about["film"]["frames"] == 20
    assert (about["content"], about["network"]) == ("a.jpg", "net.safetensors")
    assert about["settings"]["size"] == about["film"]["width"] == 24
    assert str(place) not in json.dumps(about)
    assert "2. Glass, broken\n   Nobody, 1907" in (place / "out.credits.txt").read_text()
    inside = json.loads(read_comment(place / "out.mp4"))
    assert inside["settings"] == about["settings"]
    told = run_ffmpeg("-i", str(place / "out.mp4"), "-f", "ffmetadata", "-").stdout
    assert told.count("[CHAPTER]") == 2


def test_each_mix_is_computed_once(place, shown, monkeypatch):
    made = []

    class Counting(ready.Painter):
        def repaint(self, begun):
            made.append(self.mix)
            return super().repaint(begun)

        def __init__(self, network, mix=None):
            self.mix = mix
            super().__init__(network, mix)

    monkeypatch.setattr(ready, "Painter", Counting)
    drift(place, "photo.png", "-o", "out.mp4", "--fps", "25", *BRIEF[2:], style="walk:sea,glass")
    singles = [mix for mix in made if max(mix) == 1]
    assert len(singles) == len(set(singles)) == 2
    assert len(shown) == 50
    assert len(made) <= 50 - 2 * 4  # so many that are a painting's for the second time at least


def test_a_rest_is_still_and_the_way_between_is_smooth():
    ways = [resting(3 + place / 1000, 0.2) for place in range(-1000, 1001)]
    assert ways[900:1101] == [3] * 201
    assert (ways[0], ways[-1]) == (2, 4)
    speeds = np.diff(ways) * 1000
    assert (speeds >= 0).all()
    assert np.abs(np.diff(speeds)).max() < 0.02  # nowhere does it start or stop at once
    assert [resting(place, 0.0) for place in (-2, 0, 5)] == [-2, 0, 5]


@pytest.mark.parametrize("suffix", [".webp", ".mkv"])
def test_other_formats_of_films_are_written_too(place, suffix):
    drift(place, "photo.png", "-o", f"out{suffix}", *BRIEF)
    about = json.loads((place / "out.json").read_text())["film"]
    assert (about["file"], about["frames"], about["fps"]) == (f"out{suffix}", 30, "10")


def test_a_rate_that_the_format_lacks_is_told(place):
    done = drift(place, "photo.png", "-o", "out.gif", "--fps", "12", *BRIEF[2:])
    assert ".gif cannot keep 12 frames a second evenly; the film has 12.5" in done.stderr
    assert json.loads((place / "out.json").read_text())["film"]["fps"] == "25/2"


def test_strength_and_colours_count_as_for_stills(place, shown):
    look = ("--preserve-color", "luminance", "--strength", "0.5", "--size", "20")
    drift(place, "photo.png", "-o", "kept.mp4", *BRIEF, *look)
    assert np.array_equal(shown[0], still(place, "glass", *look))


def test_several_photos_become_films_in_a_folder_once(place):
    done = drift(place, "in", "-o", "out", *BRIEF, "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["path"] for each in told] == ["out/a.mp4", "out/b.mp4"]
    (place / "out" / "b.mp4").unlink()
    (place / "out" / "b.png").unlink()
    (place / "in" / "a.jpg").unlink()
    again = drift(place, "in", "photo.png", "-o", "out", *BRIEF, expect=1)
    assert "'out/b.credits.txt' exists; pass --force" in again.stderr  # whose film was removed
    assert not (place / "out" / "photo.mp4").exists()
    drift(place, "in", "-o", "out", *BRIEF, "--force")
    once = drift(place, "in", "-o", "out", *BRIEF)
    assert once.stdout == ""
    assert "'out/b.mp4' is there already; --force replaces it" in once.stderr


def test_a_broken_photo_is_told_and_the_others_become_films(place):
    (place / "in" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    done = drift(place, "in", "-o", "out", *BRIEF, expect=1)
    assert done.stdout.split() == ["out/b.mp4"]
    assert "passed over: 'in/a.jpg' is not a readable picture" in done.stderr


@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".webp"])
def test_an_interrupted_film_leaves_nothing(place, monkeypatch, suffix):
    real, before = net_films.finish, sorted(place.iterdir())
    made = []

    def interrupted(*arguments):
        made.append(1)
        if len(made) == 12:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(net_films, "finish", interrupted)
    drift(place, "photo.png", "-o", f"out{suffix}", *BRIEF, expect=130)
    assert sorted(place.iterdir()) == before


OUT = ("photo.png", "-o", "a.mp4", "--style")
BAD = {
    "a picture": (["photo.png", "-o", "a.png", "--style", "walk"], 2,
                  "walk makes a film, and --output 'a.png' is none; name one ending in .mp4"),
    "no ending": (["photo.png", "-o", "a", "--style", "walk"], 2, "and --output 'a' is none"),
    "standard output": (["photo.png", "-o", "-", "--style", "walk"], 2, "does not go to standard"),
    "a film without a walk": (["photo.png", "-o", "a.mp4"], 2, "pass --style walk for one"),
    "a mix as a film": ([*OUT, "gilded:2,sea"], 2, "pass --style walk for one"),
    "fps": (["photo.png", "-o", "a.png", "--fps", "9"], 2, "--fps is for films; pass --style walk"),
    "seconds": (["photo.png", "-o", "a.webp", "--seconds-per-painting", "9"], 2,
                "--seconds-per-painting is for films; pass --style walk"),
    "format": ([*OUT, "walk", "--format", "png"], 2, "--format is for pictures, and --style walk"),
    "quality": ([*OUT, "walk", "--file-quality", "9"], 2, "--file-quality is for pictures, and"),
    "several into one": (["in/a.jpg", *OUT, "walk"], 2, "several photos are read; name a folder"),
    "unknown": ([*OUT, "walk:glass,gilden"], 1, "knows no 'gilden'; did you mean 'Gilded'? it has"),
    "a share": ([*OUT, "walk:sea:0.5,glass"], 1, "the network knows no 'sea:0.5'"),
    "nothing": ([*OUT, "walk:"], 1, "--style 'walk:' lacks a painting's name; the network has"),
    "a gap": ([*OUT, "walk:sea,,glass"], 1, "--style 'walk:sea,,glass' lacks a painting's name"),
    "one": ([*OUT, "walk:sea,SEA"], 1, "--style walk:sea,SEA goes through 2 paintings or more; add"
            " one to the one, as in walk:Sea,glass\n"),
    "the first": ([*OUT, "walk:glass"], 1, "as in walk:glass,Gilded\n"),
    "too fast": ([*OUT, "walk", "--seconds-per-painting", "0.1", "--fps", "10"], 1,
                 "less than 2 frames at 10 fps; raise --seconds-per-painting"),
    "poster on the photo": (["photo.png", "-o", "photo.mp4", "--style", "walk", "--force"], 1,
                            "'photo.png' is an input and would be replaced by the film's poster"),
    "network": (["photo.png", "-o", "net.safetensors", "--style", "walk", "--force"], 2, "is none"),
    "existing": ([*OUT[:2], "there.mp4", "--style", "walk"], 1, "'there.mp4' exists; pass --force"),
    "existing poster": ([*OUT[:2], "own.mp4", "--style", "walk"], 1, "'own.png' exists; pass"
                        " --force to replace it by the film's poster, or name another"),
    "no photo": (["absent.png", *OUT[1:], "walk"], 1, "there is no picture 'absent.png'"),
    "rate": ([*OUT, "walk", "--fps", "0"], 2, "not between 1 and 240 frames"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(place, case):
    for name in ("there.mp4", "own.png"):
        (place / name).write_bytes(b"mine")
    before = sorted(path for path in place.rglob("*") if path.is_file())
    arguments, code, words = BAD[case]
    done = run("apply", "net.safetensors", *arguments, cwd=place, expect=code)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path for path in place.rglob("*") if path.is_file()) == before


def test_a_network_of_one_painting_says_that_it_cannot_drift(place):
    done = drift(place, "photo.png", "-o", "a.mp4", net="single", expect=1)
    assert "goes through 2 paintings or more, and the network knows 'glass' alone" in done.stderr
    assert not list(place.glob("a.*"))


def test_a_walk_passes_paintings_in_the_order_of_its_words_or_of_the_file():
    assert stations_of("walk", STYLES) == [0, 1, 2]
    assert stations_of("walk:sea,GLASS,sea, gilded", STYLES) == [2, 0, 2, 1]
