"""`medley clip` from end to end: films of clips, and clips that cannot be made one of."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medley.film.clips import Clip
from medley.film.facts import read_facts
from medley.images import decode
from medley.media.ffmpeg import run as ffmpeg
from medley.media.ffmpeg import url
from medley.settings import ClipOrder
from medley.studio import forecast
from medley.studio.clip_cache import ClipCache
from medley.studio.film_shots import clip_lap
from medley.transfer import pursuit
from medley.workspace.shot import Shot

from .conftest import draw_pixels, film_pixels
from .test_pursuit import pan
from .test_render import run

TINY = ("--size", "32", "--steps", "2", "--steps-per-frame", "1", "--device", "cpu")
SHOTS = "outputs/workspace/shots"
_CLIP = Clip(Path("clip.mkv"), 24, 32, Fraction(10), 1)


@pytest.fixture(autouse=True)
def _brief_sway(monkeypatch):
    monkeypatch.setattr(pursuit, "_SWAY", ((0, 0),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a clip of odd sides with sound, and two paintings, made once."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "frames").mkdir()
    for number, frame in enumerate(pan(6)):
        Image.fromarray(frame[:31, :47]).save(folder / f"frames/{number}.png")
    done = ffmpeg(
        "-framerate", "10", "-i", url(folder / "frames/%d.png"), "-f", "lavfi", "-i",
        "sine=d=0.6:r=48000", "-c:v", "ffv1", "-c:a", "aac", url(folder / "clip.mkv"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "styles").mkdir()
    for seed in (2, 3):
        Image.fromarray(draw_pixels(40, 48, seed)).save(folder / f"styles/painting_{seed}.png")
    return folder


@pytest.fixture
def place(folder, tmp_path):
    for name in ("clip.mkv", "frames", "styles"):
        (tmp_path / name).symlink_to(folder / name)
    return tmp_path


def clip(place, *arguments, expect=0, tiny=TINY):
    given = () if "--one" in arguments or "--config" in arguments else ("--styles", "styles")
    return run("clip", *arguments, *given, *tiny, cwd=place, expect=expect)


def heard(path):
    return ffmpeg("-i", url(path), "-map", "0:a", "-c", "copy", "-f", "md5", "-").stdout


def shot_of(place, sidecar="outputs/clip-clip.json"):
    key = json.loads((place / sidecar).read_text())["clip"]["shot"]
    return Shot(key, place / SHOTS / key)


def test_film_has_the_clip_s_frames_rate_and_sound_and_shows_the_results(place):
    told = clip(place, "clip.mkv")
    assert told.stdout == "outputs/clip-clip.mp4\n"
    assert "2 paintings, 32x21 pixels, 6 frames of 1 step each" in told.stderr
    film = place / "outputs/clip-clip.mp4"
    facts = read_facts(film)
    assert (facts.frame_count, facts.fps, facts.height, facts.width) == (6, 10, 22, 32)
    assert heard(film) == heard(place / "clip.mkv")
    shot = shot_of(place)
    assert shot.steps() == [0, 1, 2, 3, 4, 5]
    shown = film_pixels(film)[:, :21].astype(int)
    for number in shot.steps():
        assert np.abs(shown[number].mean(2) - shot.read(number).mean(2)).mean() < 6
    sidecar = json.loads(film.with_suffix(".json").read_text())
    assert [work["frames"] for work in sidecar["paintings"]] == [[0], [5]]
    assert sidecar["clip"]["frames"] == 6
    assert decode(film.with_suffix(".png")).shape[1] > 100
    assert "painting 3" in film.with_suffix(".credits.txt").read_text()
    again = clip(place, "clip.mkv", "-o", "again.mp4")
    assert "2 of 2 shots found finished" in again.stderr


def test_film_of_a_clip_is_made_again_by_its_sidecar_or_its_recipe(place):
    clip(place, "clip.mkv", "--from", "0.1", "--to", "0.5s", "--flicker", "0.4", "-o", "a.mp4")
    assert read_facts(place / "a.mp4").frame_count == 4
    again = run("clip", "--config", "a.mp4", "-o", "b.mp4", cwd=place)
    assert "2 of 2 shots found finished" in again.stderr
    (place / "a.json").unlink()
    told = run("clip", "--config", "a.mp4", "--styles", "styles", "-o", "c.mp4", cwd=place)
    assert "2 of 2 shots found finished" in told.stderr
    (place / "moved").mkdir()
    (place / "a.mp4").rename(place / "moved/a.mp4")
    given = ("clip.mkv", "--config", "moved/a.mp4", "--styles", "styles", "-o", "d.mp4")
    assert "2 of 2 shots found finished" in run("clip", *given, cwd=place).stderr


def test_folder_with_words_inset_title_and_the_clip_beside_it_at_another_rate(place):
    told = clip(
        place, "frames", "--one", "styles/painting_3.png", "-o", "made.mkv", "--beside", "content",
        "--captions", "title", "--inset", "top-left", "--title", "Pan", "--title-seconds", "0.5",
        "--strength", "0.5", "--fps", "15",
    )  # fmt: skip
    facts = read_facts(place / "made.mkv")
    assert (facts.frame_count, facts.fps) == (6, 15)
    assert facts.width > 60
    assert "pictures have no frame rate" not in told.stderr
    shown = film_pixels(place / "made.mkv").astype(int)[:, :21]
    first, last = (
        np.asarray(Image.open(place / f"frames/{n}.png").resize((32, 21))) for n in (0, 5)
    )
    beside = shown[-1][:, -32:]
    assert np.abs(beside - last).mean() < np.abs(beside - first).mean()


def test_next_painting_begins_at_a_cut_and_what_is_not_reached_is_told(place):
    (place / "cut").mkdir()
    for number, frame in enumerate([*pan(3), *(255 - frame for frame in pan(3))]):
        Image.fromarray(frame).save(place / f"cut/{number}.png")
    Image.fromarray(draw_pixels(40, 48, 4)).save(place / "third.png")
    given = ("--per-cut", "--fps", "10", "--styles", "third.png", "--sample", "3")
    told = clip(place, "cut", *given)
    assert "one cut was found in 'cut', so that it is painted after 2 of 3 paintings" in told.stderr
    about = json.loads((place / "outputs/cut-clip.json").read_text())
    assert about["clip"]["cuts"] == [3]
    assert [each["frames"] for each in about["paintings"]] == [[0], [3]]
    assert "3. " not in (place / "outputs/cut-clip.credits.txt").read_text()


def test_gif_is_told_what_it_cannot_keep(place):
    done = ffmpeg("-i", url(place / "clip.mkv"), "-r", "24", url(place / "fast.mkv"))
    assert done.returncode == 0
    told = clip(place, "fast.mkv", "-o", "made.gif", "--to", "0.2")
    assert read_facts(place / "made.gif").fps == 25
    assert "cannot keep 24 frames a second evenly; the film has 25" in told.stderr
    assert "has no sound; that of 'fast.mkv' is left out" in told.stderr
    told = clip(place, "fast.mkv", "-o", "silent.gif", "--to", "0.2", "--audio", "silent")
    assert "has no sound" not in told.stderr


def test_sound_is_left_out_where_the_film_shall_be_silent_and_from_its_sidecar(place):
    clip(place, "clip.mkv", "-o", "silent.mp4", "--audio", "silent")
    assert read_facts(place / "silent.mp4").audio_s is None
    clip(place, "--config", "silent.json", "-o", "again.mp4")
    assert read_facts(place / "again.mp4").audio_s is None


def test_few_steps_that_begin_every_frame_anew_are_told_of(place):
    told = clip(place, "clip.mkv", "--flicker", "1", "--dry-run")
    assert "a flicker of 1 begins every frame anew, and 1 steps leave little" in told.stderr


def test_dry_run_and_the_refusal_of_days_leave_nothing(place, monkeypatch):
    monkeypatch.setattr(forecast, "shot_seconds", lambda *_: 2 * 86_400.0)
    monkeypatch.setattr(forecast, "pace_for", lambda *_: "known")
    told = clip(place, "clip.mkv", "--dry-run")
    assert "forecast: 7 steps, about 96h00" in told.stderr
    assert not (place / "outputs").exists()
    told = clip(place, "clip.mkv", expect=1)
    assert "this would take about 4.0 days; pass --yes, a smaller --size" in told.stderr
    assert not (place / SHOTS).exists()
    assert clip(place, "clip.mkv", "--yes").stdout == "outputs/clip-clip.mp4\n"


def test_long_clip_is_foretold_by_its_beginning_and_refused_before_it_is_decoded(
    place, monkeypatch
):
    # Half a frame a second: four hours in a file that is made in no time.
    slow = ("-f", "lavfi", "-i", "testsrc=s=48x32:r=1/4:d=14400", "-c:v", "ffv1")
    made(place / "slow.mkv", *slow)
    order, short = (
        ClipOrder.of(content=place / name, styles=["styles"], size=32)
        for name in ("slow.mkv", "clip.mkv")
    )
    heard = []
    monkeypatch.setattr(forecast, "shot_seconds", lambda scales, *_: 10.0 * scales[-1].steps)
    monkeypatch.setattr(forecast, "pace_for", lambda *_: "known")
    seconds = forecast.foretell(order, ["cpu"], heard.append)
    whole = forecast.prepare([order], ["cpu"], begins=False).forecast.seconds
    assert seconds == pytest.approx(whole, rel=0.3)
    assert all(event.steps <= 6 for event in heard)
    assert forecast.foretell(short, ["cpu"], print) is None
    monkeypatch.setattr(forecast, "shot_seconds", lambda *_: 5 * 86_400.0)
    told = clip(place, "slow.mkv", "--per-cut", expect=1)
    assert "days; pass --yes" in told.stderr
    assert "counting the frames" not in told.stderr
    assert not (place / "outputs").exists()


def test_batch_takes_clips_and_status_counts_their_frames(place):
    (place / "films.toml").write_text(
        '[defaults]\nstyles = "styles"\nsize = 32\nsteps = 2\nworkspace = "work"\n'
        '[[film]]\nkind = "clip"\ncontent = "clip.mkv"\nsteps_per_frame = 1\nto = 0.3\n'
        'output = "one.mp4"\n[[film]]\nkind = "clip"\ncontent = "text.mp4"\noutput = "two.mp4"\n'
    )
    (place / "text.mp4").write_text("nothing")
    told = run("batch", "films.toml", "--devices", "cpu", cwd=place, expect=1)
    assert "'text.mp4' is no clip that ffmpeg can read" in told.stderr
    assert read_facts(place / "one.mp4").frame_count == 3
    (path,) = [path.parent for path in (place / "work/shots").glob("*/shot.json")
               if "clip" in json.loads(path.read_text())]  # fmt: skip
    (path / "done.json").unlink()
    told = run("status", "work", cwd=place)
    assert "frame 2/2" in told.stdout


def test_part_of_a_way_is_as_long_as_it_is_asked_to_be():
    def lap(frames, paintings, seconds=None):
        order = replace(_CLIP, frame_count=frames, fps=Fraction(10))
        return clip_lap(order, seconds, paintings)

    assert lap(11, 3) == 15  # at its last frame, the 11th, it is at the third painting
    assert lap(11, 2) == 20
    assert lap(11, 1) == 10
    assert lap(11, 3, 0.5) == 15


def made(path, *options):
    done = ffmpeg("-y", *options, url(path))
    assert done.returncode == 0, done.stderr


BLACK = ("-f", "lavfi", "-i", "testsrc=s=48x32:r=10:d=1")


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("gone.mp4", (), "'gone.mp4'; check its name"),
        ("sound.m4a", (), "there is nothing but sound in 'sound.m4a'"),
        ("text.mp4", (), "'text.mp4' is no clip"),
        ("styles/painting_2.png", (), "is a picture that does not move, no clip"),
        ("empty", (), "there is no picture in 'empty'"),
        ("one.mkv", (), "'one.mkv' is a single frame at 10 a second, which is a photo"),
        ("clip.mkv", ("--from", "9"), "'clip.mkv' has no frame after --from 9"),
        ("clip.mkv", ("--from", "2", "--to", "1"), "--to 1 is not after --from 2"),
        ("clip.mkv", ("--to", "0.3", "--seconds-per-painting", "0.1"), "less than 2 frames"),
        (
            "clip.mkv",
            (
                "--to",
                "0.2",
            ),
            "has 2 frames, which are too few for 2 paintings",
        ),
        (
            "clip.mkv",
            ("--per-cut", "--seconds-per-painting", "2"),
            "--per-cut turns to the next painting at cuts, not after --seconds-per-painting 2",
        ),
        ("clip.mkv", ("-o", "made.txt"), "must end in"),
        ("clip.mkv", ("-o", "clip.mkv", "--force"), "clip.mkv"),
    ],
)
def test_what_no_film_can_be_made_of_is_refused_before_the_work(place, name, given, says):
    made(place / "sound.m4a", "-f", "lavfi", "-i", "sine=d=0.3")
    made(place / "one.mkv", *BLACK, "-frames:v", "1", "-c:v", "ffv1")
    (place / "text.mp4").write_text("nothing")
    (place / "empty").mkdir()
    code = 2 if {"made.txt", "--per-cut"} & {*given} else 1
    told = run("clip", name, "--styles", "styles", *given, *TINY, cwd=place, expect=code)
    assert says in told.stderr
    assert told.stderr.count("Error") == 1
    assert not (place / SHOTS).exists()


@pytest.mark.parametrize(
    "given", [("--fps", "0"), ("--fps", "1000"), ("--from", "-1"), ("--flicker", "2"),
              ("--one", "glass", "--styles", "styles"), ("--average", "0.5"), ("--keep", "m.png")]
)  # fmt: skip
def test_values_that_no_clip_can_have_are_refused_in_one_line(place, given):
    told = run("clip", "clip.mkv", *given, *TINY, cwd=place, expect=2)
    assert told.stderr.count("\n") == 1
    assert given[0] in told.stderr or "--one and --styles say the same" in told.stderr


def test_clip_is_named_once_in_one_way_or_the_other(place):
    told = run("clip", *TINY, cwd=place, expect=2)
    assert "CLIP is missing; name a video" in told.stderr
    told = run("clip", "clip.mkv", "--content", "clip.mkv", *TINY, cwd=place, expect=2)
    assert "CLIP and --content say the same; give one" in told.stderr


def test_clip_that_breaks_off_or_changes_its_size_is_used_as_far_as_it_goes_and_told_of(place):
    made(place / "whole.mkv", *BLACK, "-c:v", "libx264", "-g", "2")
    data = (place / "whole.mkv").read_bytes()
    (place / "torn.mkv").write_bytes(data[: len(data) * 3 // 5])
    told = clip(place, "torn.mkv", "-o", "made.mp4", "--to", "0.3")
    assert read_facts(place / "made.mp4").frame_count == 3
    frames = place / "sizes"
    frames.mkdir()
    for number, frame in enumerate(pan(3)):
        Image.fromarray(frame[: 32 - 4 * number]).save(frames / f"{number}.png")
    told = clip(place, "sizes", "-o", "sizes.mp4")
    assert "2 pictures in 'sizes' are of another size than '0.png'" in told.stderr
    assert read_facts(place / "sizes.mp4").frame_count == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_clip_goes_on_from_the_frame_where_it_stood(place, number):
    words = (
        "clip", "clip.mkv", "--styles", "styles", *TINY[:4], "--steps-per-frame", "3",
        "--device", "cpu", "--fps", "40",
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "medley", *words], cwd=place, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
    )  # fmt: skip
    until = time.monotonic() + 120
    while time.monotonic() < until and not (
        found := list(place.glob(f"{SHOTS}/*/steps/000003.png"))
    ):
        time.sleep(0.05)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert found, told
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "what was shot is kept, and the same command goes on from there" in told
    assert not (place / "outputs/clip-clip.mp4").exists()
    again = run(*words, cwd=place)
    if number == signal.SIGINT:
        assert "goes on from frame" in again.stderr, again.stderr
    assert read_facts(place / "outputs/clip-clip.mp4").frame_count == 24


def test_clips_of_a_plan_are_decoded_once(place):
    order = ClipOrder.of(content=place / "clip.mkv", styles=["styles"], size=32)
    heard = []
    cache = ClipCache(heard.append)
    settled, footage = cache.look(order)
    assert settled.film.fps == 10
    counting, looking = (
        [event.step for event in heard if event.title.startswith(what)]
        for what in ("counting", "looking")
    )
    assert (counting, looking) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6])
    assert cache.look(order)[1] is footage
    assert len(heard) == 11


def test_where_opencv_is_not_the_slower_flow_is_taken_and_told_of(place, monkeypatch):
    for module in ("medley.film.flow", "medley.studio.shooting.footage"):
        monkeypatch.setattr(f"{module}.flow_method", lambda: "ilk")
    told = clip(place, "clip.mkv", "--to", "0.3", "--one", "styles/painting_2.png")
    assert "OpenCV is not installed" in told.stderr
    assert "pip install 'medley[video]' brings it" in told.stderr
    assert shot_of(place).description["clip"]["flow"] == "ilk"
