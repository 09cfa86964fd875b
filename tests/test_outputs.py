"""The files that a film consists of, in every format, from the command line."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medley.errors import OutputError
from medley.film.encode import encode_film
from medley.settings.film import FormatSettings
from medley.studio.editing.outputs import Outputs
from medley.workspace.store import Workspace

from .conftest import draw_pixels
from .test_render import place, render, run  # noqa: F401 - a fixture
from .test_sound import heard, song


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_sheet_and_poster_have_names_of_their_own():
    assert Outputs(Path("out/sheet.png")).poster == Path("out/sheet.poster.png")
    assert Outputs(Path("out/film.gif")).poster == Path("out/film.png")
    assert Outputs(Path("out/frames")).poster == Path("out/frames.png")
    for name in ("sheet.png", "sheet.jpg", "frames", "film.gif"):
        assert len(set(Outputs(Path(name), measured=True).all)) == 6


def test_one_medley_in_every_kind_of_file(place):  # noqa: F811
    render(place, "-o", "out/a.gif", "--quiet")
    told = render(place, "-o", "out/b.gif", "--fps", "30").stderr
    assert ".gif cannot keep 30 frames a second evenly; the film has 33.333, and is as" in told
    assert "100 frames of 48x39 at 33.333 fps, 3.0 s; poster" in told
    sidecar = json.loads((place / "out/b.json").read_text())
    assert sidecar["film"] == {
        "file": "b.gif", "frames": 100, "fps": "100/3", "height": 39, "width": 48, "audio_s": None,
    }  # fmt: skip
    assert Fraction(sidecar["settings"]["fps"]) == Fraction(100, 3)
    render(place, "-o", "out/c.webp", "--quiet")
    for name in ("a.gif", "c.webp"):
        with Image.open(place / "out" / name) as film:
            assert (film.n_frames, film.size) == (30, (48, 39))
            film.load()
            assert film.info["duration"] == 100
    told = render(place, "-o", "out/frames/").stderr
    assert "30 frames of 48x39; poster 'out/frames.png'" in told
    assert len(names(place / "out/frames")) == 30
    assert np.asarray(Image.open(place / "out/frames/000000.png")).shape == (39, 48, 3)
    render(place, "-o", "out/sheet.png", "--quiet")
    assert {"sheet.png", "sheet.poster.png", "sheet.json", "sheet.credits.txt"} < set(
        names(place / "out")
    )
    found = run("styles", "out", cwd=place, expect=1).stderr
    assert "no paintings in" in found  # none of all this is taken for one


def test_music_lies_under_the_film(place):  # noqa: F811
    song(place / "song.wav", 2.0)
    render(place, "-o", "a.webm", "--audio", "song.wav", "--audio-fade", "0.5", "--quiet")
    sidecar = json.loads((place / "a.json").read_text())
    assert sidecar["film"]["audio_s"] == pytest.approx(3, abs=0.1)
    assert sidecar["settings"]["audio"] == "song.wav"
    assert np.abs(heard(place / "a.webm")).max() > 0.3


BAD = {
    "no sound there": (["-o", "a.gif", "--audio", "s.wav"], 2, ".gif has no sound"),
    "no such song": (["--audio", "absent.mp3"], 1, "there is no sound file 'absent.mp3'"),
    "no song": (["--audio", "photo.png"], 1, "'photo.png' has no sound in it"),
    "no such codec": (["--codec", "vp9"], 2, "--codec vp9 does not go into .mp4, which has h264"),
    "song as film": (["--audio", "s.mp4", "-o", "s.mp4", "--force"], 1, "'s.mp4' is an input"),
    "no room for the frames": (
        ["-o", "a.webp", "--resolution", "16384x16"], 1,
        "'a.webp' would be 16384x16, but .webp has 16,383 pixels a side at most; choose another",
    ),
    "no encoder of such frames": (
        ["--codec", "h265", "--resolution", "9000x16"], 1,
        "cannot encode frames of 9000x16 in h265 here (Cannot open libx265 encoder); it can in h264"
        " by x264, av1 by svt-av1, av1 by aom: choose that, or another --resolution",
    ),
    "folder of others": (["-o", "styles"], 1, "'styles' is a folder and holds other files"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_no_format_can_be_is_said_before_any_shot(place, case):  # noqa: F811
    arguments, code, words = BAD[case]
    (place / "s.mp4").write_bytes(b"a song")
    before = sorted(place.rglob("*"))
    assert words in render(place, *arguments, expect=code).stderr
    assert sorted(place.rglob("*")) == before


def test_a_film_is_claimed_by_any_name_of_its_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to("real")
    workspace = Workspace(tmp_path / "shots")
    first, second = (Outputs(tmp_path / name / "a.mp4") for name in ("real", "alias"))
    with first.claim(workspace) as one, second.claim(workspace) as other:
        assert one.take_now()
        assert not other.take_now()


def test_folder_is_replaced_only_if_it_is_a_sequence(tmp_path):
    outputs = Outputs(tmp_path / "frames")
    outputs.check(force=False, inputs=[])
    outputs.film.mkdir()
    outputs.check(force=False, inputs=[])  # an empty one is made for it
    Image.fromarray(draw_pixels(9, 9, 1)).save(outputs.film / "000000.png")
    with pytest.raises(OutputError, match="frames' holds pictures; pass force to replace them"):
        outputs.check(force=False, inputs=[])
    outputs.check(force=True, inputs=[])
    (outputs.film / "letter.txt").touch()
    with pytest.raises(OutputError, match=r"holds other files, such as 'letter\.txt'; name a new"):
        outputs.check(force=True, inputs=[])
    assert names(tmp_path) == ["frames"]
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file' exists; pass force"):
        Outputs(tmp_path / "file").check(force=False, inputs=[])


def test_second_output_of_one_stem_does_not_take_the_other_film_s_sidecar(place):  # noqa: F811
    quick = ("--config", "film.json", "--quiet")
    render(place, "-o", "film.mp4", "--quiet")
    told = "'film.gif' and 'film.mp4' would have one sidecar, 'film.json', and it is that film's"
    before = {path: path.read_bytes() for path in place.glob("film*")}
    for more in ((), ("--force",)):
        for command in (("render", *quick), ("assemble", "film.mp4")):
            done = run(*command, "-o", "film.gif", *more, cwd=place, expect=1)
            assert f"{told}; name another --output, such as 'film-2.gif'" in done.stderr
            assert done.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in place.glob("film*")} == before
    run("render", *quick, "-o", "film.mp4", "--force", cwd=place)
    run("assemble", "film.mp4", "-o", "film-2.gif", "--quiet", cwd=place)
    (place / "film.mp4").unlink()
    run("render", *quick, "-o", "film.gif", "--force", cwd=place)
    assert json.loads((place / "film.json").read_text())["film"]["file"] == "film.gif"


@pytest.mark.parametrize("first", ["film.gif", "film", "film.png", "film.webp"])
def test_sidecar_is_the_film_s_that_it_tells_of_whatever_its_kind(first, tmp_path):
    outputs = Outputs(tmp_path / "film.mp4")
    sidecar = outputs.sidecar
    sidecar.write_text(json.dumps({"film": {"file": first}}))
    outputs.check_own()  # that film is gone
    (tmp_path / first).touch()
    with pytest.raises(OutputError, match=f"film.mp4' and '.*{first}' would have one sidecar"):
        outputs.check_own()
    for other in ("film.mp4", "moved.gif", "", "a/b.gif", 3, None):  # its own, or nobody's
        sidecar.write_text(json.dumps({"film": {"file": other}}))
        (tmp_path / "moved.gif").touch()
        outputs.check_own()
    for damaged in ("", "[]", "{", '{"film": 3}'):
        sidecar.write_text(damaged)
        outputs.check_own()


@pytest.mark.parametrize("command", [("render", "--config", "film.json"), ("assemble", "film.mp4")])
def test_what_a_killed_run_left_of_a_film_goes_when_it_is_cut_again(command, place):  # noqa: F811
    render(place, "-o", "film.mp4", "--quiet")
    again = (*command, "-o", "again.mp4", "--force", "--quiet")
    left = [place / f".again-0a1b2c3d.part{end}" for end in (".mp4", ".json", ".png")]
    folder = place / ".again-4e5f6071.part.mp4"
    other = place / ".another-0a1b2c3d.part.mp4"
    other.touch()

    def leave():
        for path in left:
            path.touch()
        folder.mkdir()
        (folder / "sound.raw").touch()

    leave()
    with Outputs(place / "again.mp4").claim(Workspace(place / "outputs/workspace")) as claim:
        assert claim.take_now()  # as a run that is at the film just now
        run(*again, cwd=place)
    assert all(path.exists() for path in (*left, folder))
    run(*again, cwd=place)
    assert [path.name for path in place.glob(".*")] == [other.name]


def test_all_that_lies_beside_a_film_while_it_is_written_is_swept(tmp_path, monkeypatch):
    song(tmp_path / "song.wav", 0.2)
    frames = [draw_pixels(32, 32, seed) for seed in range(5)]
    monkeypatch.setattr("medley.files._remove", lambda _: None)  # as a killed process would
    for name in ("film.mp4", "film.gif"):
        path = tmp_path / name
        sound = FormatSettings(audio=tmp_path / "song.wav" if name == "film.mp4" else None)
        known = {"fps": Fraction(25), "width": 32, "height": 32, "frame_count": 5}
        encode_film(iter(frames), path, settings=sound, **known)
    monkeypatch.undo()
    left = [path.suffix for path in tmp_path.glob(".*") if path.is_dir() and any(path.iterdir())]
    assert sorted(left) == [".gif", ".mp4"]
    for name in ("film.mp4", "film.gif"):
        Outputs(tmp_path / name).remove_parts()
    assert names(tmp_path) == ["film.gif", "film.mp4", "song.wav"]
