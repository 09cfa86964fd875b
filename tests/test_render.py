"""The whole way, from the command line to files; pictures are tiny, weights and ffmpeg real."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from medley.cli import main
from medley.images import decode
from medley.settings import RenderOrder, ShotSettings
from medley.studio.forecast import forecast, pace_for
from medley.studio.plan import plan as plan_films
from medley.studio.shooting.costs import Pace, peak_bytes
from medley.studio.shooting.resources import process_memory
from medley.transfer.losses import Objective
from medley.transfer.scales import Scale

from .conftest import film_pixels


class Printed(NamedTuple):
    stdout: str
    stderr: str


TINY = (
    "--size",
    "48",
    "--steps",
    "3",
    "--fps",
    "10",
    "--seconds-per-painting",
    "1.5",
    "--hold",
    "0.3",
)


def run(*arguments, cwd, expect=0):
    """Run the command line as the installed command does, and give what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as exited,
    ):
        main([str(argument) for argument in arguments])
    assert (exited.value.code or 0) == expect, err.getvalue()
    return Printed(out.getvalue(), err.getvalue())


@pytest.fixture
def place(make_picture, tmp_path) -> Path:
    """A folder with a photo and two paintings."""
    make_picture("photo.png", height=41, width=50)
    for seed in (2, 3):
        make_picture(f"styles/painting_{seed}.png", seed=seed)
    return tmp_path


def render(place, *more, expect=0):
    return run(
        "render", "--content", "photo.png", "--styles", "styles", *TINY, *more,
        cwd=place, expect=expect,
    )  # fmt: skip


def test_film_poster_sidecar_and_workspace_are_made(place):
    done = render(place, "--output", "out/film.mp4", "--size", "47")
    assert done.stdout == "out/film.mp4\n"
    frames = film_pixels(place / "out" / "film.mp4")
    assert frames.shape == (30, 40, 48, 3)  # 47x39 pixels, padded to even
    sidecar = json.loads((place / "out" / "film.json").read_text())
    assert sidecar["film"]["frames"] == 30
    assert sidecar["film"]["fps"] == "10"
    assert [work["title"] for work in sidecar["paintings"]] == ["painting 2", "painting 3"]
    for work in sidecar["paintings"]:
        shot = place / "outputs" / "workspace" / "shots" / work["shot"]
        assert sorted(path.name for path in (shot / "steps").iterdir()) == [
            f"{step:06}.png" for step in range(4)
        ]
    assert decode(place / "out" / "film.png").shape[1] > 100
    assert sorted(path.name for path in (place / "out").iterdir()) == [
        "film.credits.txt",
        "film.json",
        "film.mp4",
        "film.png",
    ]


def test_strength_mixes_the_film_with_the_photo_and_takes_no_shot_again(place):
    render(place, "--crf", "1", "--captions", "none")
    full = film_pixels(place / "outputs" / "photo-medley.mp4").astype(float)
    poster = decode(place / "outputs" / "photo-medley.png")
    done = render(place, "--crf", "1", "--captions", "none", "--strength", "0", "-o", "none.mp4")
    assert "2 shots found finished" in done.stderr
    none = film_pixels(place / "none.mp4").astype(float)
    assert np.abs(none - none[0]).mean(axis=(1, 2, 3)).max() < 1
    assert np.abs(none[0] - full[0]).mean() < 1
    assert (decode(place / "none.png") != poster).any()
    render(place, "--crf", "1", "--captions", "none", "--strength", "0.5", "-o", "half.mp4")
    half = film_pixels(place / "half.mp4").astype(float)
    apart = np.abs(full - none).mean(axis=(1, 2, 3))
    near = np.abs(half - none).mean(axis=(1, 2, 3))
    assert apart.max() > 5
    assert (near[apart > 5] / apart[apart > 5] < 0.8).all()
    assert (near[apart > 5] / apart[apart > 5] > 0.3).all()


def test_film_begins_and_ends_with_the_content_and_shows_the_results(place):
    render(place, "--crf", "1")
    frames = film_pixels(place / "outputs" / "photo-medley.mp4")
    sidecar = json.loads((place / "outputs" / "photo-medley.json").read_text())
    steps = place / "outputs/workspace/shots" / sidecar["paintings"][1]["shot"] / "steps"
    content, result = decode(steps / "000000.png"), decode(steps / "000003.png")
    height, width, _ = content.shape

    def blocks(picture):
        """Means over 4x4 pixels, since colour has half the resolution in a film."""
        whole = picture[: height // 4 * 4, : width // 4 * 4].astype(float)
        return whole.reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3))

    def apart(frame, picture):
        return np.abs(blocks(frame) - blocks(picture)).mean()

    assert apart(frames[0], content) < 6
    assert apart(frames[-1], content) < 6
    nearest = min(range(15, 30), key=lambda number: apart(frames[number], result))
    assert apart(frames[nearest], result) < 6
    assert apart(frames[nearest], content) > apart(frames[nearest], result)


def test_same_command_again_takes_no_shot_twice(place):
    render(place)
    steps = sorted((place / "outputs").rglob("steps/*.png"))
    before = [path.stat().st_mtime_ns for path in steps]
    again = render(place, "--force", "--fps", "12")
    assert "2 shots found finished" in again.stderr
    assert [path.stat().st_mtime_ns for path in steps] == before
    refused = render(place, expect=1)
    how = "made otherwise: --fps was 12 and would be 10; pass --force"
    assert f"photo-medley.mp4' exists and was {how}" in refused.stderr


def test_sidecar_names_the_devices_that_took_the_shots(place):
    render(place)
    first, last = (place / "outputs" / "workspace" / "shots").glob("*/shot.json")
    sidecar = place / "outputs" / "photo-medley.json"
    assert json.loads(sidecar.read_text())["device"] == "cpu"
    first.write_text(json.dumps(json.loads(first.read_text()) | {"device": "cuda:1"}))
    render(place, "--force")
    assert json.loads(sidecar.read_text())["device"] == "cpu,cuda:1"
    first.write_text('{"device": 3}')
    last.unlink()
    render(place, "--force")
    assert json.loads(sidecar.read_text())["device"] == "cpu"


def test_finished_shot_loses_a_checkpoint_that_a_kill_left_behind(place):
    render(place)
    shot = next((place / "outputs/workspace/shots").glob("[!.]*"))
    (shot / "state.safetensors").write_bytes(b"left")
    assert "2 shots found finished" in render(place, "--force").stderr
    assert not (shot / "state.safetensors").exists()


def test_input_is_never_replaced_even_by_force(place):
    before = (place / "photo.png").read_bytes()
    done = render(place, "-o", "photo.mp4", "--force", expect=1)
    assert "'photo.png' is an input and would be replaced" in done.stderr
    done = render(place, "-o", "styles/painting_2.mp4", "--force", expect=1)
    assert "painting_2.png' is an input" in done.stderr
    done = run("stylize", "photo.png", "styles/painting_2.png", "-o", "photo.png", "--force",
               cwd=place, expect=1)  # fmt: skip
    assert "'photo.png' is an input" in done.stderr
    assert (place / "photo.png").read_bytes() == before


def test_name_too_long_is_one_line(place):
    done = run("render", "--styles", "styles", *TINY, "--content", "x" * 300, cwd=place, expect=1)
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1


def test_torn_iterate_is_named_and_the_same_command_takes_its_shot_again(place):
    render(place)
    torn = sorted((place / "outputs").rglob("steps/000002.png"))[0]
    torn.write_bytes(torn.read_bytes()[:200])
    done = render(place, "--force", expect=1)
    assert "000002.png' is not as it was written; the same command takes it again" in done.stderr
    assert "1 shot found finished" in render(place, "--force").stderr


def test_several_style_files_may_follow_one_another(place):
    done = run(
        "render", "--content", "photo.png", "--styles", "styles/painting_3.png",
        "styles/painting_2.png", *TINY, cwd=place,
    )  # fmt: skip
    assert done.stderr.index("painting 3") < done.stderr.index("painting 2")
    again = run(
        "render", "--styles=styles/painting_3.png", "./styles/../styles/painting_3.png",
        "--content", "photo.png", *TINY, "--force", "--quiet", "--styles", "styles/painting_2.png",
        cwd=place,
    )  # fmt: skip
    assert again.stdout == "outputs/photo-medley.mp4\n"
    sidecar = json.loads((place / "outputs/photo-medley.json").read_text())
    assert [work["title"] for work in sidecar["paintings"]] == ["painting 3", "painting 2"]


@pytest.fixture
def known_place(place) -> Path:
    """The same, with a catalog of one of the two paintings."""
    (place / "styles" / "catalog.csv").write_text(
        "artist,date,genre,style,title,in_train,new_filename\n"
        'Éva Gonzalès,1877.0,portrait,Impressionism,"Réveil,\nle matin",FALSE,painting_3.png\n'
    )
    return place


def test_titles_stand_on_the_film_where_a_catalog_gives_them(known_place):
    plain, titled = (known_place / "outputs" / f"{name}.mp4" for name in ("plain", "titled"))
    render(known_place, "-o", "outputs/plain.mp4", "--captions", "none", "--crf", "1")
    render(known_place, "-o", "outputs/titled.mp4", "--crf", "1")
    before, after = film_pixels(plain).astype(int), film_pixels(titled).astype(int)
    changed = np.abs(after - before).mean(axis=(2, 3))  # (frames, rows)
    assert changed[[0, -1]].max() < 3  # the content has no caption, so that the film still loops
    assert changed[7, -8:].mean() > 15
    assert changed[:, :20].max() < 4  # what encoding makes of the rest
    settings = json.loads(titled.with_suffix(".json").read_text())["settings"]
    assert settings["captions"] == "title"
    shots = list((known_place / "outputs" / "workspace" / "shots").glob("[!.]*"))
    assert len(shots) == 2  # words are no part of a shot


def test_film_of_unknown_paintings_has_no_captions(place):
    render(place)
    sidecar = json.loads((place / "outputs" / "photo-medley.json").read_text())
    assert sidecar["settings"]["captions"] == "none"


def test_credits_list_every_work_and_the_sidecar_tells_what_is_known(known_place):
    (known_place / "styles" / "painting_2.png").rename(known_place / "styles" / "a \n b.png")
    render(known_place)
    text = (known_place / "outputs" / "photo-medley.credits.txt").read_text("utf-8")
    assert text == (
        "1. a b\n   a b.png\n\n2. Réveil, le matin\n   Éva Gonzalès, 1877\n   painting_3.png\n"
    )
    sidecar = json.loads((known_place / "outputs" / "photo-medley.json").read_text("utf-8"))
    assert sidecar["paintings"][1]["catalog"] == {
        "artist": "Éva Gonzalès",
        "genre": "portrait",
        "style": "Impressionism",
        "date": "1877.0",
    }
    assert sidecar["paintings"][0]["catalog"] == {}
    (known_place / "outputs" / "photo-medley.mp4").unlink()
    (known_place / "outputs" / "photo-medley.json").unlink()
    (known_place / "outputs" / "photo-medley.png").unlink()
    assert "credits.txt' exists; pass --force" in render(known_place, expect=1).stderr


def test_choice_and_filters_are_told_and_kept(known_place):
    done = render(known_place, "--sample", "1", "--artist", "eva gonzales", "--spread", "style")
    assert "drawn: Réveil, le matin\n" in done.stderr
    sidecar = json.loads((known_place / "outputs" / "photo-medley.json").read_text("utf-8"))
    assert [work["file"] for work in sidecar["paintings"]] == [
        str(known_place / "styles" / "painting_3.png")
    ]
    kept = {name: sidecar["settings"][name] for name in ("artist", "spread", "split", "years")}
    assert kept == {"artist": "eva gonzales", "spread": "style", "split": "test", "years": None}


def test_file_name_that_is_not_utf8_makes_a_film(place):
    odd = os.fsdecode(b"caf\xe9.png")
    (place / "styles" / "painting_2.png").rename(place / "styles" / odd)
    render(place, "--captions", "full")
    sidecar = json.loads((place / "outputs" / "photo-medley.json").read_text("utf-8"))
    assert os.fsencode(sidecar["paintings"][0]["file"]).endswith(b"/styles/caf\xe9.png")


def test_bad_paintings_are_named_and_passed_over(place):
    (place / "styles" / "empty.jpg").touch()
    (place / "styles" / "page.jpg").write_text("<!DOCTYPE html>")
    (place / "styles" / "notes.txt").write_text("bought in 1890")
    done = render(place)
    assert "passed over: 'styles/empty.jpg' is not a readable picture (the file is empty)" in (
        done.stderr
    )
    assert "passed over: 'styles/page.jpg' is a web page; save the picture" in done.stderr
    sidecar = json.loads((place / "outputs" / "photo-medley.json").read_text())
    assert len(sidecar["skipped"]) == 2


def test_photo_that_is_enlarged_more_than_twice_is_spoken_of(place, make_picture):
    make_picture("photo.png", height=20, width=24)
    assert "is enlarged" not in render(place, "--size", "48").stderr
    done = render(place, "--size", "50", "--force")
    assert "warning: 'photo.png' has 24x20 pixels and is enlarged to 50x42; a larger" in done.stderr


def test_painting_too_thin_is_named_and_another_drawn_in_its_place(place, make_picture):
    make_picture("styles/thin.png", height=10, width=3000)
    render(place, "--sample", "2")
    assert len(json.loads((place / "outputs/photo-medley.json").read_text())["paintings"]) == 2
    done = render(place, "--force")
    assert "passed over: 'styles/thin.png' (3000x10) would become " in done.stderr
    done = render(place, "--sample", "3", "--force", expect=1)
    assert done.stderr.startswith("Error: --sample 3 asks for more than the 2 good")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_folder_of_everything_that_is_no_painting_makes_a_film(place):
    styles = place / "styles"
    os.mkfifo(styles / "pipe.jpg")
    (styles / "device.png").symlink_to("/dev/zero")
    (styles / "self.png").symlink_to("self.png")
    (styles / "round").symlink_to(".")
    (styles / "new\nline\x1b[31m.png").touch()
    for name in ('it\'s "q" & [b].png', "日本.png", os.fsdecode(b"caf\xe9.png")):
        (styles / name).symlink_to(styles / "painting_2.png")
        (styles / f"own {name}").write_bytes((styles / "painting_2.png").read_bytes())
    done = render(place, "--captions", "full")
    assert "'styles/new\\nline\\x1b[31m.png' is not a readable picture" in done.stderr
    assert done.stderr.count("a pipe or a device, no file") == 2
    assert done.stderr.count("passed over: ") == 4
    assert "5 paintings, " in done.stderr
    assert all(line.isprintable() for line in done.stderr.replace("\udce9", "").splitlines())


def test_films_and_workspace_among_the_paintings_are_left_out(place):
    render(place, "--output", "styles/film.mp4", "--workspace", "styles/work")
    again = render(place, "--output", "styles/film.mp4", "--workspace", "styles/work", "--force")
    assert "2 paintings, " in again.stderr
    assert "passed over" not in again.stderr


def test_film_appears_last_and_with_it_all_that_belongs_to_it(place, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr("medley.studio.editing.beside.encode_png", refuse)
        done = render(place, "--output", "out/film.mp4", expect=1)
    assert "cannot write 'out/film" in done.stderr and "No space left" in done.stderr
    assert list((place / "out").iterdir()) == []
    rename, taken = Path.replace, []
    monkeypatch.setattr(Path, "replace", lambda s, to: taken.append(to.name) or rename(s, to))
    render(place, "--output", "out/film.mp4")
    assert taken[-4:] == ["film.json", "film.credits.txt", "film.png", "film.mp4"]


def test_quiet_run_prints_only_the_path(place):
    done = render(place, "--quiet")
    assert (done.stdout, done.stderr) == ("outputs/photo-medley.mp4\n", "")


def test_output_that_is_no_terminal_gets_plain_lines(place, monkeypatch):
    monkeypatch.setattr("medley.studio.forecast.known_pace", lambda *_: None)
    lines = render(place).stderr.splitlines()
    assert lines[0].startswith("2 paintings, 48x39 pixels, 3 steps each, 8-bit kmeans weights")
    unknown = r"time unknown \(medley plan measures .*\)"
    forecast = rf"forecast: 6 steps, {unknown}, [\d.]+ .B of memory, 36 KB of disk"
    assert re.fullmatch(forecast, lines[1])
    assert lines[2].startswith("painting 1/2 photo, painting 2: loss ")
    assert lines[-1].startswith(
        "30 frames of 48x40 at 10 fps, 3.0 s; poster 'outputs/photo-medley.png'"
    )
    assert len(lines) == 5
    assert all(line.isprintable() for line in lines)


def plan(place, *more, expect=0):
    return run(
        "plan", "--content", "photo.png", "--styles", "styles", *TINY, *more,
        cwd=place, expect=expect,
    )  # fmt: skip


@pytest.fixture
def quick_pace(monkeypatch):
    """A measured pace, whatever an earlier test of this process has left in the cache."""
    monkeypatch.setattr("medley.studio.forecast.known_pace", lambda *_: None)
    monkeypatch.setattr("medley.studio.shooting.benchmark.benchmark", lambda *_: Pace(1.0, 0.0))


@pytest.mark.usefixtures("quick_pace")
def test_plan_tells_what_a_render_would_take_and_takes_nothing(place):
    said = dict(line.split(maxsplit=1) for line in plan(place).stdout.splitlines())
    assert said["shots"] == "2 to take, 0 found finished"
    assert said["size"] == "48x39 pixels, computed as a whole"
    assert (said["steps"], said["time"]) == ("6", "about 0:06")
    assert re.match(r"[\d.]+ .B at the peak", said["memory"])
    assert said["disk"].startswith("36 KB; ")
    assert not (place / "outputs").exists()
    render(place)
    said = dict(line.split(maxsplit=1) for line in plan(place, "--force").stdout.splitlines())
    assert said["shots"] == "0 to take, 2 found finished"
    assert (said["steps"], said["time"]) == ("0", "none")


@pytest.mark.usefixtures("quick_pace")
def test_pictures_are_tiled_where_they_do_not_fit_as_a_whole(place, monkeypatch):
    large = ("--size", "512", "--precision", "float32")
    peak = peak_bytes([Scale(420, 512, 3)], ShotSettings(), 384) / 0.9
    room = process_memory("cpu") + peak
    monkeypatch.setattr("medley.studio.shooting.resources.free_memory", lambda _: room)
    assert "computed in tiles of 384 pixels" in plan(place, *large).stdout
    whole = plan(place, *large, "--tile", "off", expect=1).stderr
    assert re.fullmatch(r"Error: 512x\d+ .* with --tile off, .*; pass --tile auto.*\n", whole)
    assert "in tiles of 128 pixels" in plan(place, *large, "--tile", "128").stdout
    monkeypatch.setattr("medley.studio.shooting.resources.free_memory", lambda _: room - peak / 2)
    refused = plan(place, *large, expect=1).stderr
    assert re.fullmatch(r"Error: 512x\d+ pixels take .* even in tiles, .*; .*\n", refused)
    assert "Error: 512x" in render(place, *large, expect=1).stderr
    assert list(place.rglob("steps/*.png")) == []


def test_tiled_render_finds_what_a_whole_one_has_taken_and_the_other_way_round(place):
    render(place, "--tile", "64", "--size", "96")
    again = render(place, "--tile", "off", "--size", "96", "--force")
    assert "2 shots found finished" in again.stderr
    assert "forecast" not in again.stderr  # nothing is to be taken


def test_pace_that_is_known_is_told_of_the_smallest_run(place, monkeypatch):
    monkeypatch.setattr("medley.studio.forecast.known_pace", lambda *_: Pace(1.0, 0.0))
    assert "forecast: 6 steps, about 0:06, " in render(place).stderr


@pytest.mark.usefixtures("quick_pace")
def test_pace_is_measured_for_a_run_of_some_seconds(place):
    inputs = {"content": place / "photo.png", "styles": (place / "styles",)}
    order = RenderOrder.of(**inputs, workspace=place / "shots", size=256, steps=20)
    planned = plan_films([order], ["cpu"])
    assert forecast(planned, ["cpu"], pace_for(planned, "cpu", "worth it")).seconds == 40


def test_disk_far_too_small_is_told_before_any_shot(place, monkeypatch):
    monkeypatch.setattr("medley.studio.forecast.free_disk", lambda _: 1000)
    refused = render(place, expect=1)
    assert "the disk has 1.0 KB free; pass --keep-every" in refused.stderr
    assert list(place.rglob("steps/*.png")) == []


def test_memory_that_runs_out_leaves_what_was_kept_and_one_line(place, monkeypatch):
    def evaluate(self, image, with_gradient, asked=[]):  # noqa: B006 - counts its calls
        asked.append(1)
        if len(asked) > 6:  # in the second shot
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return original(self, image, with_gradient)

    original = Objective.evaluate
    monkeypatch.setattr(Objective, "evaluate", evaluate)
    done = render(place, expect=1)
    last = done.stderr.splitlines()[-1]
    assert (
        last == "Error: 'styles/painting_3.png': the memory ran out at 48x39 pixels; pass --size 16"
    )
    assert len(list(place.rglob("done.json"))) == 1
    assert len(list(place.rglob("steps/*.png"))) == 6
    monkeypatch.undo()
    assert "1 shot found finished" in render(place).stderr


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_any_kind_of_photo_is_taken(place, mode):
    suffix = ".tif" if mode == "CMYK" else ".png"
    Image.open(place / "photo.png").convert(mode).save(place / f"other{suffix}")
    done = run("stylize", f"other{suffix}", "styles/painting_2.png", "-o", "out.png", "--size",
               "32", "--steps", "1", cwd=place)  # fmt: skip
    assert done.stdout == "out.png\n"
    assert decode(place / "out.png").shape == (26, 32, 3)


def test_single_pixel_photo_is_enlarged_like_any_other(place):
    Image.new("RGB", (1, 1), (200, 90, 30)).save(place / "dot.png")
    run("stylize", "dot.png", "styles/painting_2.png", "-o", "out.png", "--size", "32", "--steps",
        "2", cwd=place)  # fmt: skip
    assert decode(place / "out.png").shape == (32, 32, 3)


BAD = {
    "stray word": (["stray.jpg"], 2, "unexpected extra argument (stray.jpg)"),
    "lossless": (["--crf", "0"], 2, "--crf is '0'; it must be"),
    "no such folder": (["--styles", "absent"], 1, "no painting or folder 'absent'"),
    "nine bits": (["--bits", "9"], 2, "9 is not a width; weights have 1 to 8 bits, or 32"),
    "no bits": (["--bits", "four"], 2, "--bits is 'four'; it must be"),
    "no device": (["--device", "cuda:77"], 1, "there is no device 'cuda:77'"),
    "no such device": (["--device", "gpu"], 2, "--device: there is no device 'gpu'"),
    "no steps": (["--steps", "0"], 2, "--steps is '0'; it must be"),
    "no weight": (["--style-weight", "nan"], 2, "--style-weight is 'nan'; it must be"),
    "nothing pulls": (["--style-weight", "0", "--content-weight", "0"], 2, "both 0"),
    "two sizes": (["--pixels", "4000"], 2, "--size and --pixels contradict"),
    "too small": (["--size", "15"], 2, "--size is '15'; it must be"),
    "no size": (["--size", "0"], 2, "--size is '0'; it must be a whole number from 16"),
    "less than no size": (["--size", "-5"], 2, "--size is '-5'; it must be a whole number"),
    "too large": (["--size", "16385"], 2, "--size is '16385'; it must be a whole number"),
    "no history": (["--history", "0"], 2, "--history is '0'; it must be"),
    "no tile": (["--tile", "0"], 2, "'0' is not auto, off, or a side of 64 pixels or more"),
    "no such tile": (["--tile", "big"], 2, "'big' is not auto, off, or a side"),
    "no film": (["--output", "film.avi"], 2, "must end in .mp4, .mov, .mkv, .webm, .gif, "),
    "too short": (["--seconds-per-painting", "0.3"], 1, "raise --seconds-per-painting to"),
    "shorter than a frame": (
        ["--seconds-per-painting", "0.01"],
        1,
        "0 frames per painting (0.01 s at 10 fps) are too few",
    ),
    "long hold": (["--hold", "60"], 1, "or lower --hold"),
    "no such turn": (["--transition", "spin"], 2, "--transition is 'spin'; it must be"),
    "no such pace": (["--pace", "fast"], 2, "--pace is 'fast'; it must be"),
    "no such rate": (["--fps", "fast"], 2, "--fps: 'fast' is not a rate"),
    "no rate": (["--fps", "0"], 2, "0 is not between 1 and 240 frames a second"),
    "too high a rate": (["--fps", "1000"], 2, "1000 is not between 1 and 240 frames a second"),
    "too many": (["--sample", "5"], 1, "asks for more than the 2 good paintings"),
    "no artist": (["--artist", "Monet"], 1, "--artist 'Monet' leaves no painting"),
    "no years": (["--years", "90s"], 2, "'90s' is not a year such as 1890"),
    "no captions": (["--captions", "big"], 2, "--captions is 'big'; it must be"),
    "no folder": (["--output", "photo.png/film.mp4"], 1, "cannot write"),
    "no workspace": (["--workspace", "photo.png"], 1, "choose another --workspace"),
    "no original": (["--bits", "32"], 1, "medley weights fetch"),
}


def test_photo_that_is_not_there_is_named_before_anything_is_taken(place):
    told = run("render", "--content", "no.jpg", "--styles", "styles", cwd=place, expect=1).stderr
    assert "there is no picture 'no.jpg'" in told
    assert not (place / "outputs" / "workspace").exists()


def test_what_can_show_nothing_is_told_of(place):
    own = ("--styles", "photo.png", "--title", " \t ", "--title-seconds", "5", "-o", "film.mp4")
    told = run("render", "--content", "photo.png", *own, *TINY, cwd=place).stderr
    assert told.count("'photo.png' is the photo itself, and after itself it changes in") == 1
    assert told.count("the title would stand for 5 s, and there is no title") == 1
    assert len(film_pixels(place / "film.mp4")) < 5 * 10  # there is none, dim and empty


def test_a_film_that_is_there_is_told_of_last(place):
    render(place, "--output", "film.mp4")
    done = render(place, "--output", "film.mp4", "--hold", "60", expect=1)
    assert "or lower --hold" in done.stderr
    assert "pass --force" not in done.stderr
    assert "pass --force" in render(place, "--output", "film.mp4", expect=1).stderr


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line_and_leaves_no_film(place, case, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(place / "cache"))
    arguments, code, words = BAD[case]
    done = render(place, *arguments, expect=code)
    assert words in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert list(place.rglob("*.mp4")) == []
    assert list(place.rglob("steps/*.png")) == []


def test_interrupted_run_keeps_finished_shots_and_no_half_film(place):
    command = [sys.executable, "-m", "medley", "render", "--content", "photo.png", "--styles"]
    process = subprocess.Popen(
        [*command, "styles", *TINY, "--steps", "60"],
        cwd=place,
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    shots = place / "outputs" / "workspace" / "shots"
    deadline = time.monotonic() + 60
    while not list(shots.glob("*/done.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Interrupted" in said
    assert b"Traceback" not in said
    assert list(place.rglob("*.mp4")) == []
    finished = next(shots.glob("*/done.json"))
    before = finished.stat().st_mtime_ns
    again = render(place, "--steps", "60")
    assert "1 shot found finished" in again.stderr
    assert finished.stat().st_mtime_ns == before
