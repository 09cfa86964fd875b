"""Clips that others have made: videos, animations and folders, as frames at a constant rate."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from medley.errors import FilmError, PictureError
from medley.film.clips import Part, open_clip
from medley.media import video
from medley.media.ffmpeg import run, url

from .clips import gray_clip, make, numbers
from .conftest import draw_pixels


def made(path, *options):
    done = run("-y", *options, url(path))
    assert done.returncode == 0, done.stderr
    return path


def test_video_becomes_its_own_frames_at_its_own_exact_rate(tmp_path):
    clip = open_clip(gray_clip(tmp_path / "a.mp4", "-r", "24000/1001", "-frames:v", "20"))
    assert (clip.height, clip.width, clip.fps) == (24, 32, Fraction(24000, 1001))
    assert (clip.frame_count, clip.sound, clip.notes) == (20, "", ())
    frames = list(clip.frames())
    assert len(frames) == 20
    assert all(frame.shape == (24, 32, 3) and frame.dtype == np.uint8 for frame in frames)


def test_rate_that_is_asked_for_shows_each_frame_for_as_long(tmp_path):
    path = gray_clip(tmp_path / "a.mp4")
    assert numbers(open_clip(path).frames()) == list(range(20))
    twice = open_clip(path, Part(fps=Fraction(20)))
    assert numbers(twice.frames()) == sorted([*range(20), *range(20)])
    assert twice.length_s == 2
    half = open_clip(path, Part(fps=Fraction(5)))
    assert half.frame_count == len(numbers(half.frames())) == 10


def test_part_begins_with_the_frame_that_is_shown_there_and_ends_in_time(tmp_path):
    path = gray_clip(tmp_path / "a.mp4", "-g", "50")
    part = open_clip(path, Part(start_s=Fraction("0.7"), end_s=Fraction("1.2")))
    assert numbers(part.frames()) == [7, 8, 9, 10, 11]
    assert part.start_s == Fraction("0.7")
    last = open_clip(path, Part(start_s=Fraction("1.9")))
    assert numbers(last.frames()) == [19]
    with pytest.raises(FilmError, match=r"no frame after from 2; name an earlier"):
        open_clip(path, Part(start_s=Fraction(2)))
    with pytest.raises(FilmError, match="to 1 is not after from 1"):
        open_clip(path, Part(start_s=Fraction(1), end_s=Fraction(1)))


def test_changing_rate_becomes_a_constant_one_by_exact_times(tmp_path):
    late = "setpts='(N+3*floor(N/5))/10/TB'"  # after five frames, one stands for four
    path = gray_clip(tmp_path / "a.mkv", "-vf", f"{late},format=yuv420p", "-fps_mode", "vfr")
    clip = open_clip(path, Part(fps=Fraction(10)))
    shown = numbers(clip.frames())
    assert shown[:10] == [0, 1, 2, 3, 4, 4, 4, 4, 5, 6]
    assert shown[-1] == 19


def test_rotation_and_pixel_aspect_are_obeyed(tmp_path):
    picture = draw_pixels(24, 32, 1)
    Image.fromarray(picture).save(tmp_path / "a.png")
    flat = ["-i", url(tmp_path / "a.png"), "-c:v", "ffv1", "-pix_fmt", "bgr0"]
    plain = made(tmp_path / "plain.mov", *flat)
    assert (next(open_clip(plain).frames()) == picture).all()
    turned = made(
        tmp_path / "turned.mov", "-display_rotation", "90", "-i", url(plain), "-c", "copy"
    )
    assert (next(open_clip(turned).frames()) == np.rot90(picture)).all()
    for sar, size in (("2", (24, 64)), ("1/2", (48, 32))):
        path = made(tmp_path / "wide.mkv", *flat, "-vf", f"setsar={sar}")
        clip = open_clip(path)
        assert (clip.height, clip.width) == size
        assert next(clip.frames()).shape[:2] == size


def test_video_without_a_word_on_its_matrix_has_the_one_of_its_size(tmp_path):
    for height, matrix in ((720, "bt709"), (240, "bt601")):
        red = f"color=red:s=64x{height}:d=0.1,scale=out_color_matrix={matrix},format=yuv420p"
        bare = ["-bsf:v", "h264_metadata=matrix_coefficients=2"]
        path = made(tmp_path / "a.mp4", "-f", "lavfi", "-i", red, *bare)
        red = next(open_clip(path).frames()).reshape(-1, 3).mean(0)
        assert np.abs(red - (255, 0, 0)).max() < 4


def light_of_pq(code):
    """Light in cd/m² of a signal from 0 to 1 (SMPTE ST 2084, equation 4.1)."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = code ** (1 / m2)
    return 10_000 * (max(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def test_hdr_of_ten_bits_comes_out_as_bright_as_it_is_meant(tmp_path):
    codes = [64 + round(876 * signal) for signal in (0, 0.25, 0.38, 0.58, 0.7, 0.75)]
    steps = "+".join(f"between(X,{16 * n},{16 * n + 15})*{code}" for n, code in enumerate(codes))
    gray = f"color=black:s=96x32:d=0.2,format=yuv420p10le,geq=lum='{steps}':cb=512:cr=512"
    tags = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=error:crf=1"
    x265 = ["-c:v", "libx265", "-x265-params", tags, "-pix_fmt", "yuv420p10le"]
    clip = open_clip(made(tmp_path / "a.mp4", "-f", "lavfi", "-i", gray, *x265))
    levels = next(clip.frames())[16, 8::16].astype(float)
    assert np.ptp(levels, axis=1).max() <= 2  # gray stays gray
    levels = levels.mean(1)
    assert (np.diff(levels) > 3).all()
    assert levels[0] < 3
    for number in (1, 2):  # what is darker than 0.3 of paper's white is left as it is
        light = light_of_pq((codes[number] - 64) / 876) / 203
        assert levels[number] == pytest.approx(255 * (1.055 * light ** (1 / 2.4) - 0.055), abs=3)
    assert 190 < levels[3] < 235  # paper's white leaves room for highlights
    assert levels[5] > 245


def test_fields_are_woven_into_whole_frames(tmp_path):
    still, bar = "color=black:s=64x48:r=50:d=0.6[b]", "color=white:s=8x48:r=50:d=0.6[w]"
    graph = f"{still};{bar};[b][w]overlay=x=n*2,interlace,format=yuv420p"
    fields = ["-flags", "+ilme+ildct", "-c:v", "mpeg2video", "-q:v", "1"]
    path = made(tmp_path / "a.mpg", "-f", "lavfi", "-i", graph, *fields)
    clip = open_clip(path)
    frame = list(clip.frames())[5].astype(int)[..., 1]
    combed = np.abs(frame[1:-1] - (frame[:-2] + frame[2:]) / 2).mean()
    raw = np.frombuffer(
        b"".join(video.drain(["-i", url(path), "-frames:v", "1", "-ss", "0.2", "-f", "rawvideo",
                              "-pix_fmt", "gray"], 64 * 48)), np.uint8,
    )  # fmt: skip
    woven = raw.reshape(48, 64).astype(int)
    assert combed < np.abs(woven[1:-1] - (woven[:-2] + woven[2:]) / 2).mean() / 4


@pytest.mark.parametrize("name", ["qtrle.mov", "libvpx-vp9.webm", "libvpx.webm"])
def test_what_shines_through_a_video_stands_on_white(tmp_path, name):
    half = "color=red@0.5:s=32x24:d=0.2,format=rgba"
    pixels = ["-pix_fmt", "yuva420p", "-auto-alt-ref", "0"] if "webm" in name else []
    codec = ["-c:v", name.partition(".")[0], *pixels]
    clip = open_clip(made(tmp_path / name, "-f", "lavfi", "-i", half, *codec))
    assert np.abs(next(clip.frames()).reshape(-1, 3).mean(0) - (254, 127, 127)).max() <= 3


def test_broken_end_is_told_and_what_was_whole_is_used(tmp_path):
    data = gray_clip(tmp_path / "a.mp4", "-g", "1", "-movflags", "+faststart").read_bytes()
    begins = data.index(b"mdat")
    (tmp_path / "torn.mp4").write_bytes(data[: begins + (len(data) - begins) * 3 // 4])
    clip = open_clip(tmp_path / "torn.mp4")
    assert 5 < clip.frame_count < 20
    assert numbers(clip.frames()) == list(range(clip.frame_count))
    (note,) = clip.notes
    assert "is damaged (" in note
    assert f"{clip.frame_count / 10:g} s of it could be read" in note


def test_clip_that_changes_size_is_fitted_into_its_first_frame_on_black(tmp_path):
    white = "color=white:s={}:r=25:d=0.2,format=yuv420p"
    for number, size in enumerate(("64x48", "48x64")):
        made(tmp_path / f"{number}.m2v", "-f", "lavfi", "-i", white.format(size), "-bf", "0")
    joined = (tmp_path / "0.m2v").read_bytes() + (tmp_path / "1.m2v").read_bytes()
    (tmp_path / "both.m2v").write_bytes(joined)
    clip = open_clip(tmp_path / "both.m2v")
    assert "another size" in clip.notes[0]
    frames = list(clip.frames())
    assert len(frames) == clip.frame_count == 9  # the first part's last is not decoded
    assert frames[0].min() > 250
    assert frames[-1][:, 32].min() > 240
    assert frames[-1][:, :12].max() < 5


def test_rate_that_no_film_has_is_told_and_becomes_the_fastest(tmp_path):
    fast = make(tmp_path / "a.mp4", "-vf", "settb=1/1000,setpts=N,fps=1000,format=yuv420p")
    clip = open_clip(fast)
    assert clip.fps == 240
    assert "has 1000 frames a second; 240 of them" in clip.notes[0]
    assert open_clip(fast, Part(fps=Fraction(100))).notes == ()


def test_rate_of_a_clock_is_not_taken_for_the_rate_of_frames():
    said = {"rate": Fraction(1000), "average": "29.97"}
    film = video.Video(path="a", height=1, width=1, length_s=None, begins_s=Fraction(0), sound="",
                       has_alpha=False, is_interlaced=False, aspect=Fraction(1),
                       colors=("", "", ""), **said)  # fmt: skip
    from medley.film.clips import _rate_of

    assert _rate_of(film) == (Fraction(30000, 1001), [])


def test_picture_that_begins_after_the_sound_keeps_its_frames_and_tells_when(tmp_path):
    late = ["-itsoffset", "0.35", "-i", url(gray_clip(tmp_path / "a.mp4")), "-c:v", "copy"]
    sine = ["-f", "lavfi", "-i", "sine=d=1", "-map", "0:v", "-map", "1:a"]
    path = made(tmp_path / "late.mkv", *late[:4], *sine, *late[4:])
    clip = open_clip(path)
    assert clip.start_s == Fraction("0.35")
    assert numbers(clip.frames()) == list(range(20))
    part = open_clip(path, Part(start_s=Fraction("0.55"), end_s=Fraction("0.75")))
    assert numbers(part.frames()) == [2, 3]


def test_sound_is_found_and_a_single_frame_is_a_clip(tmp_path):
    sound = ["-f", "lavfi", "-i", "sine=d=1", "-map", "0:v", "-map", "1:a", "-c:a", "flac"]
    clip = open_clip(make(tmp_path / "a.mkv", *sound, "-frames:v", "1", "-pix_fmt", "yuv420p"))
    assert (clip.sound, clip.frame_count) == ("flac", 1)


def no_clips(folder):
    """Files that are no clips, and what is said of each."""
    made(folder / "song.m4a", "-f", "lavfi", "-i", "sine=d=0.2")
    Image.new("RGB", (9, 9)).save(folder / "photo.png")
    Image.new("RGB", (9, 9)).save(folder / "still.gif")
    (folder / "notes.txt").write_text("It was a dark and stormy night.\n" * 9)
    (folder / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(900))
    (folder / "empty.mp4").touch()
    (folder / "none").mkdir()
    return {
        "song.m4a": "nothing but sound",
        "photo.png": "is a picture that does not move",
        "still.gif": "is a picture that does not move",
        "notes.txt": "is no clip",
        "noise.mp4": "is no clip",
        "empty.mp4": "is no clip",
        "none": "there is no picture in",
        "gone.mp4": "there is no",
    }


def test_what_is_no_clip_is_refused_in_one_line_that_names_it(tmp_path):
    for name, words in no_clips(tmp_path).items():
        with pytest.raises((FilmError, PictureError), match=rf"{name}") as told:
            open_clip(tmp_path / name)
        assert words in str(told.value)
        assert "\n" not in str(told.value)


def grays(count):
    return [Image.new("RGB", (32, 24), (12 * n,) * 3) for n in range(count)]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
def test_animation_is_shown_by_its_own_times(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    first, *others = grays(4)
    first.save(path, save_all=True, append_images=others, duration=[100, 300, 100, 100])
    clip = open_clip(path)
    assert (clip.fps, clip.frame_count, clip.height, clip.width) == (10, 6, 24, 32)
    assert numbers(clip.frames()) == [0, 1, 1, 1, 2, 3]
    part = open_clip(path, Part(start_s=Fraction("0.35"), end_s=Fraction("0.55")))
    assert numbers(part.frames()) == [1, 2]


def test_animation_that_is_torn_is_used_as_far_as_it_goes(tmp_path):
    first, *others = (Image.fromarray(draw_pixels(24, 32, n)) for n in range(6))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=100)
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(data[: 2 * len(data) // 3])
    clip = open_clip(tmp_path / "a.gif")
    assert 1 < clip.frame_count < 6
    assert len(list(clip.frames())) == clip.frame_count
    assert "frames of it could be read" in clip.notes[0]


def test_folder_is_shown_in_the_order_of_its_numbers_and_its_faults_are_told(tmp_path):
    for number, picture in enumerate(grays(12)):
        picture.save(tmp_path / f"frame{number}.png")
    grays(1)[0].resize((24, 24)).save(tmp_path / "frame3.png")
    (tmp_path / "frame5.png").write_bytes((tmp_path / "frame5.png").read_bytes()[:60])
    clip = open_clip(tmp_path, Part(fps=Fraction(10)))
    assert (clip.height, clip.width, clip.frame_count, clip.fps) == (24, 32, 11, 10)
    assert numbers(clip.frames()) == [0, 1, 2, 0, 4, *range(6, 12)]
    assert "frame5.png" in clip.notes[0]
    assert "1 pictures" in clip.notes[1]
    assert "no frame rate; 30" in open_clip(tmp_path).notes[0]


def test_size_that_is_asked_for_is_given(tmp_path):
    (tmp_path / "folder").mkdir()
    grays(1)[0].save(tmp_path / "folder" / "1.png")
    for clip in (open_clip(gray_clip(tmp_path / "a.mp4")), open_clip(tmp_path / "folder")):
        assert next(clip.frames((13, 17))).shape == (13, 17, 3)


def test_clip_that_became_shorter_since_is_told(tmp_path):
    path = gray_clip(tmp_path / "a.mp4")
    clip = open_clip(path)
    gray_clip(path, "-frames:v", "3")
    with pytest.raises(FilmError, match="shorter since it was looked at"):
        list(clip.frames())


def test_memory_does_not_grow_with_the_length(tmp_path):
    path = made(tmp_path / "a.mp4", "-f", "lavfi", "-i", "color=gray:s=640x480:r=50:d=4")
    tracemalloc.start()
    clip = open_clip(path)
    assert sum(1 for _ in clip.frames()) == 200
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 640 * 480 * 3


def test_damage_anywhere_is_told_in_one_line_that_names_the_clip_or_read_over(tmp_path):
    rng = np.random.default_rng(3)
    data = gray_clip(tmp_path / "a.mkv", "-g", "5").read_bytes()
    for number in range(6):
        torn = np.frombuffer(data, np.uint8).copy()
        torn[rng.integers(300 if number % 2 else 0, len(torn), 30)] = rng.integers(0, 256, 30)
        path = tmp_path / f"{number}.mkv"
        path.write_bytes(torn.tobytes())
        try:
            clip = open_clip(path)
            assert len(list(clip.frames())) == clip.frame_count
        except FilmError as error:
            assert path.name in str(error)
            assert "\n" not in str(error)
