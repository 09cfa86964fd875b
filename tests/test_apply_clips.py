"""`medley apply` to clips: films of the same length, rate and sound."""

import json
import re
import sys
import weakref
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from medley.film.clips import Clip, open_clip
from medley.film.facts import read_facts
from medley.media.ffmpeg import run as ffmpeg
from medley.media.ffmpeg import url
from medley.media.film_file import read_comment
from medley.studio import net_clips, net_walk
from medley.stylenet.apply import Painter
from medley.stylenet.netfile import StyleName, read, write
from medley.stylenet.network import StyleNet, make_network
from medley.stylenet.shape import small_shape

from .conftest import draw_pixels, film_pixels
from .test_render import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a network, and a clip of odd sides with sound, made once."""
    folder = tmp_path_factory.mktemp("place")
    torch.manual_seed(5)
    for name, paintings in (("net", ["Glass"]), ("many", ["Glass", "Gilded", "Sea"])):
        network = StyleNet(small_shape(0.1, 1, styles=len(paintings)))
        with torch.no_grad():
            for offset in network.offsets:
                offset.copy_(torch.randn_like(offset))
        styles = [StyleName(title) for title in paintings]
        write(folder / f"{name}.safetensors", replace(network.to_file(styles, {}), bits=8))
    for number in range(8):
        Image.fromarray(draw_pixels(25, 33, number // 2)).save(folder / f"{number}.png")
    late = "sine=d=0.8:r=48000,volume=enable='lt(t,0.4)':volume=0"
    done = ffmpeg(
        "-framerate", "10", "-i", url(folder / "%d.png"), "-f", "lavfi", "-i", late,
        "-c:v", "ffv1", "-c:a", "aac", url(folder / "clip.mkv"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def place(folder, tmp_path):
    for name in ("net.safetensors", "many.safetensors", "clip.mkv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    return tmp_path


def apply(place, *arguments, expect=0, net="net"):
    words = ("apply", f"{net}.safetensors", *arguments, "--device", "cpu")
    return run(*words, cwd=place, expect=expect)


def drift(place, *arguments, expect=0, style="walk"):
    return apply(place, *arguments, "--style", style, net="many", expect=expect)


@pytest.fixture
def shown(monkeypatch):
    """The frames of all films of clips, before they are encoded."""
    frames, real = [], net_clips.encode

    def encode(pictures, *more):
        def noted():
            for picture in pictures:
                frames.append(picture)
                yield picture

        return real(noted(), *more)

    monkeypatch.setattr(net_clips, "encode", encode)
    return frames


def heard(path, *options):
    """The sound as it lies in a file, by its digest."""
    return ffmpeg("-i", url(path), "-map", "0:a", *options, "-f", "md5", "-").stdout


def test_film_has_the_clip_s_length_rate_and_sound_and_each_frame_is_the_network_s(place):
    told = apply(place, "clip.mkv", "-o", "made.mp4")
    facts = read_facts(place / "made.mp4")
    assert (facts.frame_count, facts.fps, facts.height, facts.width) == (8, 10, 26, 34)
    assert heard(place / "made.mp4", "-c", "copy") == heard(place / "clip.mkv", "-c", "copy")
    assert told.stdout == "made.mp4\n"
    assert "8 frames of 34x26 at 10 fps, 0.8 s with 0.8 s of sound" in told.stderr
    assert "frames a second were repainted" in told.stderr
    painter = Painter(make_network(read(place / "net.safetensors")))
    light = np.array([0.2126, 0.7152, 0.0722])  # as no colour of a single pixel is kept
    shown = film_pixels(place / "made.mp4")[:, :25, :33] @ light
    for number, frame in enumerate(open_clip(place / "clip.mkv").frames()):
        made = painter.repaint(frame).pixels()
        assert np.abs(shown[number] - made @ light).mean() < 5


def test_film_says_how_it_was_made_without_anybody_s_folders(place):
    told = apply(place, place / "clip.mkv", "-o", "made.mkv", "--json", "--size", "24")
    facts = json.loads(told.stdout)
    assert (facts["frames"], facts["fps"], facts["width"]) == (8, "10", 24)
    assert str(place) not in json.dumps({**facts, "content": ""})
    assert read_facts(place / "made.mkv").width == 24


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_part_of_a_clip_has_the_part_of_the_sound_that_belongs_to_it(place, suffix):
    name = f"made{suffix}"
    apply(place, "clip.mkv", "-o", name, "--from", "0.4", "--to", "0.7s", "--fps", "20")
    facts = read_facts(place / name)
    assert (facts.frame_count, facts.fps) == (6, 20)
    raw = place / "raw"
    ffmpeg("-y", "-i", url(place / name), "-f", "f32le", "-ac", "1", "-ar", "48000", url(raw))
    sound = np.abs(np.fromfile(raw, np.float32))
    assert sound[: 48 * 20].max() > 0.05  # loud from its beginning, as the clip is from 0.4 s on
    apply(place, "clip.mkv", "-o", name, "--to", "0.3", "--force")
    assert read_facts(place / name).frame_count == 3


def test_gif_has_a_rate_that_it_can_keep_and_no_sound_and_both_are_told(place):
    done = ffmpeg("-i", url(place / "clip.mkv"), "-r", "24", url(place / "fast.mkv"))
    assert done.returncode == 0
    told = apply(place, "fast.mkv", "-o", "made.gif")
    assert read_facts(place / "made.gif").fps == 25
    assert "cannot keep 24 frames a second evenly; the film has 25" in told.stderr
    assert "has no sound; that of 'fast.mkv' is left out" in told.stderr


def test_video_becomes_a_webp_that_moves(place):
    apply(place, "clip.mkv", "-o", "made.webp")
    facts = read_facts(place / "made.webp")
    assert (facts.frame_count, facts.fps, facts.height, facts.width) == (8, 10, 25, 33)
    apply(place, "made.webp", "-o", "still.webp")
    apply(place, "made.webp", "-o", "part.webp", "--to", "0.4")
    assert read_facts(place / "part.webp").frame_count == 4
    with Image.open(place / "still.webp") as still:
        assert not still.is_animated


def test_folder_and_animation_are_clips_where_a_film_is_asked_for(place):
    (place / "frames").mkdir()
    pictures = [Image.fromarray(draw_pixels(24, 32, n)) for n in range(3)]
    for number, picture in enumerate(pictures):
        picture.save(place / "frames" / f"{number + 8}.png")
    pictures[0].save(place / "a.webp", save_all=True, append_images=pictures[1:], duration=250)
    for name, fps in (("frames", 30), ("a.webp", 4)):
        apply(place, name, "-o", f"{name}.mp4")
        facts = read_facts(place / f"{name}.mp4")
        assert (facts.frame_count, facts.fps) == (3, fps)


def test_frame_that_stands_is_painted_once(place, monkeypatch):
    painted = []
    own = Painter.repaint

    def count(self, *arguments):
        painted.append(1)
        return own(self, *arguments)

    monkeypatch.setattr(Painter, "repaint", count)
    apply(place, "clip.mkv", "-o", "made.mp4", "--fps", "20")
    assert read_facts(place / "made.mp4").frame_count == 16
    assert len(painted) == 4


def test_interrupted_clip_leaves_nothing_behind(place, monkeypatch):
    own, painted = Painter.repaint, []

    def stop(self, *arguments):
        painted.append(1)
        if len(painted) == 3:
            raise KeyboardInterrupt
        return own(self, *arguments)

    monkeypatch.setattr(Painter, "repaint", stop)
    before = sorted(place.iterdir())
    apply(place, "clip.mkv", "-o", "made.mp4", expect=130)
    assert sorted(place.iterdir()) == before


def test_broken_end_is_told_before_the_work(place):
    data = (place / "clip.mkv").read_bytes()
    (place / "clip.mkv").write_bytes(data[: 3 * len(data) // 4])
    told = apply(place, "clip.mkv", "-o", "made.mp4")
    assert "warning: 'clip.mkv' is damaged (" in told.stderr
    count = read_facts(place / "made.mp4").frame_count
    assert 0 < count < 8
    assert f"{count / 10:g} s of it could be read" in told.stderr


def test_clip_drifts_through_paintings_while_it_plays(place, shown):
    pace = ("--seconds-per-painting", "0.4")
    drift(place, "clip.mkv", "-o", "made.mp4", *pace, style="walk:sea,glass")
    facts = read_facts(place / "made.mp4")
    assert (facts.frame_count, facts.fps) == (8, 10)
    assert heard(place / "made.mp4", "-c", "copy") == heard(place / "clip.mkv", "-c", "copy")
    about = json.loads(read_comment(place / "made.mp4"))
    assert about["settings"]["style"] == "walk:sea,glass"
    assert about["paintings"] == [
        {"title": "Sea", "frame": 0}, {"title": "Glass", "frame": 4}, {"title": "Sea", "frame": 7},
    ]  # fmt: skip
    network = make_network(read(place / "many.safetensors"))
    frames = list(open_clip(place / "clip.mkv").frames())
    for at in (0, 7):
        assert np.array_equal(shown[at], Painter(network, (0, 0, 1)).repaint(frames[at]).pixels())
    between = Painter(network, (0.5, 0, 0.5)).repaint(frames[2]).pixels()
    ends = [Painter(network, mix).repaint(frames[2]).pixels() for mix in ((0, 0, 1), (1, 0, 0))]
    apart = [np.abs(shown[2] - each.astype(int)).mean() for each in (between, *ends)]
    assert apart[0] == min(apart)


def test_drift_is_the_same_each_time(place, shown):
    for name in ("one.mkv", "two.mkv"):
        drift(place, "clip.mkv", "-o", name)
    assert np.array_equal(shown[:8], shown[8:])
    assert len(shown) == 16


PASSAGES = {
    "two fit": (30, 4.0, 240, [0, 120, 239]),
    "the rest is shared out": (30, 4.0, 299, [0, 149, 298]),
    "one at least": (30, 4.0, 20, [0, 19]),
    "one frame": (30, 4.0, 1, [0]),
    "exact rate": (Fraction(30000, 1001), 4.0, 480, [0, 120, 240, 359, 479]),
}


@pytest.mark.parametrize("case", PASSAGES)
def test_walk_in_a_clip_begins_and_ends_at_a_painting_and_has_as_many_as_fit(case):
    fps, seconds, frames, expected = PASSAGES[case]
    assert net_walk.passages_of(Fraction(fps), seconds, frames) == expected


def test_folder_and_animation_drift_as_clips_and_a_photo_as_a_loop(place):
    (place / "frames").mkdir()
    pictures = [Image.fromarray(draw_pixels(24, 32, n)) for n in range(5)]
    for number, picture in enumerate(pictures):
        picture.save(place / "frames" / f"{number}.png")
    pictures[0].save(place / "a.gif", save_all=True, append_images=pictures[1:], duration=100)
    for name in ("frames", "a.gif"):
        drift(place, name, "-o", "made.webp", "--fps", "10", "--force")
        assert read_facts(place / "made.webp").frame_count == 5
        assert not (place / "made.json").exists()
    brief = ("--fps", "10", "--seconds-per-painting", "1")
    drift(place, "frames/0.png", "-o", "loop.webp", *brief)
    assert read_facts(place / "loop.webp").frame_count == 30
    assert (place / "loop.json").exists()


def test_clips_and_photos_go_into_a_folder_each_as_what_it_is(place, make_picture):
    make_picture("in/photo.png", height=20, width=30)
    (place / "in" / "clip.mkv").write_bytes((place / "clip.mkv").read_bytes())
    first, *rest = [Image.fromarray(draw_pixels(24, 32, n)) for n in range(3)]
    first.save(place / "in" / "moves.gif", save_all=True, append_images=rest, duration=100)
    (place / "in" / "torn.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(50))
    (place / "in" / "notes.txt").write_text("neither")
    made = ["out/clip.mp4", "out/moves.mp4", "out/photo.jpg"]
    words = ("in", "-o", "out", "--fps", "20", "--format", "jpeg")
    told = apply(place, *words, expect=1)
    assert told.stdout.split() == made
    assert "passed over: 'in/torn.mp4' is no clip that ffmpeg can read" in told.stderr
    assert "Error: 1 of 4 files failed: 'in/torn.mp4'" in told.stderr
    assert read_facts(place / "out" / "clip.mp4").frame_count == 16
    (place / "in" / "torn.mp4").unlink()
    again = apply(place, *words)
    assert again.stdout == ""
    assert all(f"'{name}' is there already; --force replaces it" in again.stderr for name in made)
    assert apply(place, "clip.mkv", "-o", "out", "--force").stdout.split() == ["out/clip.mp4"]


def test_clips_and_photos_drift_into_a_folder(place, make_picture):
    make_picture("photo.png", height=20, width=30)
    told = drift(place, "clip.mkv", "photo.png", "-o", "out", "--fps", "10", "--to", "0.5",
                 "--seconds-per-painting", "0.2")  # fmt: skip
    assert told.stdout.split() == ["out/clip.mp4", "out/photo.mp4"]
    assert read_facts(place / "out" / "clip.mp4").frame_count == 5
    assert read_facts(place / "out" / "photo.mp4").frame_count == 6
    assert (place / "out" / "photo.json").exists()
    assert not (place / "out" / "clip.json").exists()


def test_other_sound_takes_the_place_of_a_clip_s_own_and_none_leaves_it_out(place):
    ffmpeg("-f", "lavfi", "-i", "sine=d=5", url(place / "song.wav"))
    apply(place, "clip.mkv", "-o", "song.mp4", "--audio", "song.wav", "--audio-fade", "0")
    facts = read_facts(place / "song.mp4")
    assert facts.frame_count == 8
    assert abs(facts.audio_s - Fraction(8, 10)) <= Fraction(1, 10)
    raw = place / "raw"
    ffmpeg("-y", "-i", url(place / "song.mp4"), "-f", "f32le", "-ac", "1", url(raw))
    assert np.abs(np.fromfile(raw, np.float32)[:4800]).max() > 0.05  # the clip's own begins silent
    told = apply(place, "clip.mkv", "-o", "silent.gif", "--audio", "none")
    assert "sound" not in told.stderr
    apply(place, "clip.mkv", "-o", "silent.mp4", "--audio", "none")
    assert read_facts(place / "silent.mp4").audio_s is None


def test_smooth_holds_noise_still_and_keeps_rate_length_and_sound(place, shown):
    pytest.importorskip("cv2")
    noise = ["-vf", "loop=7:1:0,scale=64:48,noise=alls=9:allf=t", "-frames:v", "8", "-c:a", "copy"]
    ffmpeg("-i", url(place / "clip.mkv"), *noise, "-c:v", "ffv1", url(place / "noisy.mkv"))
    for more in ([], ["--smooth"]):
        apply(place, "noisy.mkv", "-o", f"made{len(more)}.mp4", *more)
    facts = read_facts(place / "made1.mp4")
    assert (facts.frame_count, facts.fps) == (8, 10)
    assert heard(place / "made1.mp4", "-c", "copy") == heard(place / "clip.mkv", "-c", "copy")
    assert json.loads(read_comment(place / "made1.mp4"))["settings"]["smooth"]
    plain, smooth = (np.array(frames, int) for frames in (shown[:8], shown[8:]))
    assert np.array_equal(plain[0], smooth[0])
    changes = [np.abs(np.diff(frames[2:], axis=0)).mean() for frames in (plain, smooth)]
    assert changes[1] < 0.5 * changes[0]


@pytest.mark.parametrize("more", [["--smooth"], ["--style", "walk"]], ids=str)
def test_clip_of_one_frame_is_a_film_of_one(place, more, shown):
    pytest.importorskip("cv2")
    drawn = Image.fromarray(draw_pixels(24, 32, 1))
    (place / "frames").mkdir()
    drawn.save(place / "frames" / "1.png")
    apply(place, "frames", "-o", "made.mp4", *more, net="many")
    assert read_facts(place / "made.mp4").frame_count == len(shown) == 1
    painter = Painter(make_network(read(place / "many.safetensors")), (1, 0, 0))
    assert np.array_equal(shown[0], painter.repaint(np.asarray(drawn)).pixels())


def test_clip_that_changes_its_size_keeps_the_first_one(place):
    pytest.importorskip("cv2")
    for name, size, to in (("1", "64x48", "small.ts"), ("2", "32x60", "other.ts")):
        source = ["-f", "lavfi", "-i", f"testsrc=s={size}:r=10:d=1"]
        ffmpeg(*source, "-output_ts_offset", name, "-c:v", "libx264", url(place / to))
    joined = (place / "small.ts").read_bytes() + (place / "other.ts").read_bytes()
    (place / "sizes.ts").write_bytes(joined)
    told = apply(place, "sizes.ts", "-o", "made.mp4", "--smooth")
    assert "frames of 'sizes.ts' are of another size than the first and are fitted" in told.stderr
    facts = read_facts(place / "made.mp4")
    assert (facts.height, facts.width) == (48, 64)
    assert facts.frame_count >= 19


def test_moment_of_a_clip_is_a_photo_also_among_several(place):
    told = apply(place, "clip.mkv@0.2s", "clip.mkv@0.6s", "-o", "out")
    assert told.stdout.split() == ["out/clip-0.2s.png", "out/clip-0.6s.png"]


def test_smooth_without_opencv_is_told_before_the_work(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.delitem(sys.modules, "medley.film.steady", raising=False)
    before = sorted(place.iterdir())
    told = apply(place, "clip.mkv", "-o", "made.mp4", "--smooth", expect=1)
    (line,) = told.stderr.splitlines()
    assert "--smooth needs OpenCV" in line
    assert "pip install 'medley[video]' brings it" in line
    assert sorted(place.iterdir()) == before


@pytest.fixture
def alive(monkeypatch):
    """How many frames and results of a clip were in memory together, at most, for each film."""
    counts, peaks = [0], []

    def gone():
        counts[-1] -= 1

    def counted(picture):
        picture = picture.copy()
        weakref.finalize(picture, gone)
        counts[-1] += 1
        peaks[-1] = max(peaks[-1], counts[-1])
        return picture

    def frames(self, size=None):
        peaks.append(0)
        return (counted(frame) for frame in own_frames(self, size))

    own_frames, own_finish = Clip.frames, net_clips.finish
    monkeypatch.setattr(Clip, "frames", frames)
    monkeypatch.setattr(net_clips, "finish", lambda *given: counted(own_finish(*given)))
    return peaks


@pytest.mark.parametrize("words", [".mp4", ".gif", ".webp", ".mkv --style walk", ".mp4 --smooth"])
def test_frames_in_memory_are_as_few_in_a_long_clip_as_in_a_short_one(place, alive, words):
    suffix, *more = words.split()
    if more == ["--smooth"]:
        pytest.importorskip("cv2")
    for count in (8, 40):
        moving = f"testsrc=s=32x24:r=25:d={count / 25}"
        ffmpeg("-y", "-f", "lavfi", "-i", moving, url(place / "moving.mkv"))
        apply(place, "moving.mkv", "-o", f"{count}{suffix}", *more, net="many")
        assert read_facts(place / f"{count}{suffix}").frame_count == count
    # How many wait for the encoder is chance; of a clip kept whole it would be all forty.
    assert 1 <= max(alive) <= 6


CASES = {
    "still": (["photo.png", "-o", "a.mp4"], 2, "'photo.png' does not move; pass --style walk"),
    "no ending": (["clip.mkv", "-o", "new"], 2, "is a clip, and --output 'new' is no film; name"),
    "moment": (["clip.mkv@0.2s", "-o", "a.mp4"], 2, "'clip.mkv@0.2s' does not move; pass --style"),
    "no frame": (["empty.mkv", "-o", "a.mp4"], 1, "'empty.mkv' is no clip that ffmpeg can read"),
    "no pictures": (["emptied", "-o", "a.mp4"], 1, "there is no picture in 'emptied'"),
    "gone": (["gone.mp4", "-o", "a.mp4"], 1, "there is no .*'gone.mp4'; check its name"),
    "sound": (["song.m4a", "-o", "a.mp4"], 1, "nothing but sound in 'song.m4a'"),
    "picture": (["clip.mkv", "-o", "a.png"], 1, r"is a video, .*'clip.mkv@2.5s'"),
    "late": (["clip.mkv", "-o", "a.mp4", "--from", "9"], 1, "no frame after --from 9"),
    "order": (["clip.mkv", "-o", "a.mp4", "--from", "2", "--to", "1"], 1, "--to 1 is not after"),
    "no time": (["clip.mkv", "-o", "a.mp4", "--from", "soon"], 2, "'soon' is not a number of sec"),
    "fps 0": (["clip.mkv", "-o", "a.mp4", "--fps", "0"], 2, "0 is not between 1 and 240"),
    "fps 1000": (["clip.mkv", "-o", "a.mp4", "--fps", "1000"], 2, "not between 1 and 240"),
    "format": (["clip.mkv", "-o", "a.mp4", "--format", "png"], 2, "--format is not for clips"),
    "no clip": (["photo.png", "-o", "a.png", "--from", "1"], 2, "--from is for clips; name one"),
    "no clips": (["photo.png", "-o", ".", "--to", "1"], 2, "--to is for clips, and none is read"),
    "still smooth": (["photo.png", "-o", "a.png", "--smooth"], 2, "--smooth is for clips; name"),
    "smooth loop": (["photo.png", "-o", "a.mp4", "--style", "walk", "--smooth"], 2, "none is read"),
    "no film": (["photo.png", "-o", "a.png", "--audio", "song.m4a"], 2, "--audio is for films"),
    "no sound": (["clip.mkv", "-o", "a.mp4", "--audio", "photo.png"], 1, "'photo.png' has no soun"),
    "no song": (["clip.mkv", "-o", "a.mp4", "--audio", "gone.mp3"], 1, "no sound file 'gone.mp3'"),
    "mute": (["clip.mkv", "-o", "a.gif", "--audio", "song.m4a"], 2, "--audio: .gif has no sound"),
    "its song": (["clip.mkv", "-o", "own.mp4", "--audio", "own.mp4", "--force"], 1, "is an input"),
    "pace": (["clip.mkv", "-o", "a.mp4", "--seconds-per-painting", "1"], 2, "pass --style walk"),
    "one painting": (["clip.mkv", "-o", "a.mp4", "--style", "walk"], 1, "knows 'Glass' alone"),
    "itself": (["clip.mkv", "-o", "clip.mkv", "--force"], 1, "is an input and would be replaced"),
    "there": (["clip.mkv", "-o", "there.mp4"], 1, "'there.mp4' exists; pass --force"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(place, make_picture, case):
    make_picture("photo.png")
    (place / "there.mp4").touch()
    for name in ("song.m4a", "own.mp4"):
        ffmpeg("-f", "lavfi", "-i", "sine=d=0.1", url(place / name))
    (place / "empty.mkv").touch()
    (place / "emptied").mkdir()
    words, code, why = CASES[case]
    before = sorted(place.iterdir())
    told = apply(place, *words, expect=code)
    (line,) = told.stderr.splitlines()
    assert line.startswith("Error: ")
    assert re.search(why, line)
    assert sorted(place.iterdir()) == before


def test_rate_is_exact(place):
    made = ffmpeg("-r", "30000/1001", "-i", url(place / "clip.mkv"), url(place / "ntsc.mkv"))
    assert made.returncode == 0, made.stderr
    apply(place, "ntsc.mkv", "-o", "made.mp4")
    assert read_facts(place / "made.mp4").fps == Fraction(30000, 1001)


def test_an_interrupted_film_claims_nothing(place, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(net_clips, "encode", interrupted)
    told = apply(place, "clip.mkv", "-o", "made.mp4", expect=130).stderr
    assert told.endswith("\nInterrupted.\n")
    assert not (place / "made.mp4").exists()
