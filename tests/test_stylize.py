"""`medley stylize`: files, folders, standard input and output."""

import contextlib
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from medley.cli import main
from medley.film.mix import mix
from medley.images import decode
from medley.studio import still

from .conftest import draw_pixels
from .test_render import run

QUICK = ("--size", "32", "--steps", "2", "--precision", "float32", "--device", "cpu")
PYTHON = (sys.executable, "-m", "medley", "stylize")


@pytest.fixture
def place(make_picture, tmp_path):
    make_picture("photo.png")
    make_picture("painting.png", seed=2)
    return tmp_path


def stylize(place, *arguments, expect=0):
    return run("stylize", *arguments, *QUICK, cwd=place, expect=expect)


def piped(place, data, *arguments, monkeypatch):
    """Run the command with bytes on standard input; give exit code, bytes and words."""
    return piped_into(place, data, ["stylize", *arguments, *QUICK], monkeypatch=monkeypatch)


def piped_into(place, data, words, monkeypatch):
    """Run the command line with bytes on standard input; give exit code, bytes and words."""
    out, err = io.BytesIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    stream = io.TextIOWrapper(out)
    with (
        contextlib.chdir(place),
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as exited,
    ):
        main(words)
    stream.flush()
    return exited.value.code or 0, out.getvalue(), err.getvalue()


def test_style_scale_that_does_little_is_told_once_for_all_photos_and_before_a_film(place):
    (place / "photos").mkdir()
    for name in ("one.png", "two.png"):
        (place / "photos" / name).write_bytes((place / "photo.png").read_bytes())
    few = ("--size", "64", "--steps", "1", "--device", "cpu")
    still = ("photos", "painting.png", "-o", "out", "--style-scale", "0.4")
    said = run("stylize", *still, *few, cwd=place).stderr
    assert said.count("a style scale of 0.4 is beyond 0.5 to 2") == 1
    assert said.count("cannot do much at 64x") == 1
    film = ("--content", "photo.png", "--styles", "painting.png", "--style-scale", "0.5")
    assert "cannot do much at 64x" in run("plan", *film, *few, cwd=place).stderr


def test_blend_lies_in_the_file_without_anybody_s_folders(place):
    (place / "sub").mkdir()
    Image.linear_gradient("L").save(place / "sub" / "sky.png")
    stylize(place, "photo.png", "--mask", "sub/sky.png=painting.png", "--mask", "rest=photo.png",
            "--style-weights", "2,1", "-o", "out.png")  # fmt: skip
    with Image.open(place / "out.png") as image:
        wished = json.loads(image.info["Description"])["settings"]
    assert wished["mask"] == ["sky.png=painting.png", "rest=photo.png"]
    assert wished["style_weights"] == "2,1"


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".jpeg", ".webp", ".avif", ".tif", ".tiff"])
def test_suffix_chooses_the_format(place, suffix):
    done = stylize(place, "photo.png", "painting.png", "-o", f"out{suffix}")
    assert done.stdout == f"out{suffix}\n"
    with Image.open(place / f"out{suffix}") as image:
        expected = {".JPG": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
        assert image.format == expected.get(suffix, suffix[1:].upper())
        assert image.size == (32, 27)
        assert image.info["icc_profile"]


def test_settings_lie_in_the_file_without_anybody_s_folders(place):
    (place / "sub").mkdir()
    (place / "photo.png").rename(place / "sub" / "photo.png")
    stylize(place, "sub/photo.png", "painting.png", "-o", "out.png", "--style-weight", "0.5",
            "--average", "0.5", "--init", "sub/photo.png")  # fmt: skip
    with Image.open(place / "out.png") as image:
        about = json.loads(image.info["Description"])
        assert len(image.info["Description"]) < 3000
    assert about["content"] == "photo.png"
    assert about["paintings"] == ["painting.png"]
    assert about["settings"]["style_weight"] == 0.5
    assert about["settings"]["average"] == 0.5
    assert about["settings"]["init"] == "photo.png"
    assert about["loss"] == pytest.approx(
        about["content_loss"] + about["style_loss"] + about["tv_loss"], rel=1e-5
    )


def test_sixteen_bits_are_finer_than_eight_and_else_the_same(place):
    stylize(place, "photo.png", "painting.png", "-o", "deep.tif", "--depth", "16")
    stylize(place, "photo.png", "painting.png", "-o", "flat.png")
    import tifffile

    deep, flat = tifffile.imread(place / "deep.tif"), decode(place / "flat.png")
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - flat).max() <= 0.51
    assert len(np.unique(deep % 257)) > 50


def test_strength_mixes_result_and_photo_in_linear_light(place):
    for name, strength in (("none", "0"), ("half", "0.5"), ("full", "1")):
        stylize(place, "photo.png", "painting.png", "-o", f"{name}.png", "--strength", strength)
    none, half, full = (decode(place / f"{name}.png") for name in ("none", "half", "full"))
    with Image.open(place / "photo.png") as photo:
        assert (none == np.asarray(photo.resize((32, 27), Image.Resampling.BILINEAR))).all()
    assert np.abs(half.astype(int) - mix(none, full, 0.5)).max() <= 1
    assert np.abs(full.astype(int) - none).mean() > 3


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_transparency_of_the_photo_stays(place, suffix):
    alpha = draw_pixels(40, 48, 5)[..., 0]
    pixels = np.dstack([draw_pixels(40, 48, 1), alpha])
    Image.fromarray(pixels).save(place / "cut.png")
    stylize(place, "cut.png", "painting.png", "-o", f"out{suffix}", "--depth",
            "16" if suffix == ".tif" else "8")  # fmt: skip
    with Image.open(place / f"out{suffix}") as image:
        found = np.asarray(image)[..., 3]
    expected = np.asarray(Image.fromarray(alpha).resize((32, 27), Image.Resampling.BILINEAR))
    assert (found == expected).all()


def test_four_channels_of_ink_are_no_transparency(place):
    Image.open(place / "photo.png").convert("CMYK").save(place / "ink.tif")
    stylize(place, "ink.tif", "painting.png", "-o", "out.tif")
    with Image.open(place / "out.tif") as image:
        assert image.mode == "RGB"


def test_json_tells_path_size_losses_seconds_and_settings(place):
    done = stylize(place, "photo.png", "painting.png", "-o", "out.png", "--json", "--quiet")
    (line,) = done.stdout.splitlines()
    about = json.loads(line)
    assert (about["content"], about["path"]) == ("photo.png", "out.png")
    assert (about["height"], about["width"]) == (27, 32)
    assert about["loss"] > 0 <= about["seconds"]
    assert about["settings"]["steps"] == 2


def test_picture_goes_through_standard_input_and_output(place, monkeypatch):
    data = (place / "photo.png").read_bytes()
    code, out, err = piped(place, data, "-", "painting.png", "-o", "-", monkeypatch=monkeypatch)
    assert code == 0, err
    stylize(place, "photo.png", "painting.png", "-o", "file.png")
    assert (np.asarray(Image.open(io.BytesIO(out))) == decode(place / "file.png")).all()
    arguments = ("photo.png", "-", "-o", "-", "--format", "webp")
    painting = (place / "painting.png").read_bytes()
    code, out, err = piped(place, painting, *arguments, monkeypatch=monkeypatch)
    assert (code, Image.open(io.BytesIO(out)).format) == (0, "WEBP"), err


@pytest.mark.parametrize(
    ("data", "why"), [(b"no picture\n", "no picture format"), (b"", "the file is empty")]
)
def test_standard_input_that_is_no_picture_is_one_line(place, data, why, monkeypatch):
    code, out, err = piped(
        place, data, "-", "painting.png", "-o", "-", "--quiet", monkeypatch=monkeypatch
    )
    assert (code, out) == (1, b"")
    assert err.startswith("Error: 'standard input' is not a readable picture (")
    assert why in err
    assert len(err.splitlines()) == 1


@pytest.fixture
def folder(place, make_picture):
    for number, name in enumerate(("b.png", "a.jpg", "c.png"), start=3):
        make_picture(f"in/{name}", seed=number)
    (place / "in" / "notes.txt").write_text("no picture")
    (place / "in" / ".hidden.png").write_text("no picture")
    return place


def test_folder_becomes_a_folder(folder):
    done = stylize(folder, "in", "painting.png", "-o", "out", "--format", "jpeg")
    assert done.stdout.split() == ["out/a.jpg", "out/b.jpg", "out/c.jpg"]
    stylize(folder, "in/b.png", "painting.png", "-o", "b.jpg")
    assert (decode(folder / "b.jpg") == decode(folder / "out" / "b.jpg")).all()


def test_photo_that_is_enlarged_more_than_twice_is_spoken_of(place, make_picture):
    make_picture("tiny.png", height=12, width=15)
    done = stylize(place, "tiny.png", "painting.png", "-o", "a.png")
    assert "warning: 'tiny.png' has 15x12 pixels and is enlarged to 32x26; a larger" in done.stderr


def test_picture_too_long_for_its_format_is_refused_before_the_work(place, monkeypatch):
    Image.new("RGB", (16_384, 16)).save(place / "long.png")
    monkeypatch.setattr(still, "iterate", lambda *_, **__: pytest.fail("it was computed"))
    size = ("--size", "16384", "--steps", "1", "--precision", "float32", "--device", "cpu")
    done = run("stylize", "long.png", "painting.png", "-o", "a.webp", *size, cwd=place, expect=1)
    words = "'long.png' would become 16384x16 pixels, and WEBP has 16,383 a side at most; lower"
    assert f"{words} --size, or choose PNG" in done.stderr


def test_bad_picture_of_a_folder_is_named_and_passed_over(folder):
    (folder / "in" / "b.png").write_bytes((folder / "in" / "b.png").read_bytes()[:300])
    done = stylize(folder, "in", "painting.png", "-o", "out", "--json", expect=1)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["path"] for each in told] == ["out/a.png", "out/b.png", "out/c.png"]
    assert ["error" in each for each in told] == [False, True, False]
    assert "'in/b.png' is not a readable picture (truncated" in told[1]["error"]
    assert "warning: passed over: 'in/b.png' is not a" in done.stderr
    assert done.stderr.endswith("Error: 1 of 3 pictures failed: 'in/b.png'\n")
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.png", "c.png"]


def test_pictures_of_a_folder_are_known_by_content_and_photos_not_read_are_named(folder):
    (folder / "in" / "a.jpg").rename(folder / "in" / "D7Xk2.jpg_large")
    (folder / "in" / "b.png").rename(folder / "in" / "scan")
    (folder / "in" / "clip.mpg").write_bytes(b"\0\0\1\xba" + bytes(40))
    (folder / "in" / "IMG_2.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    done = stylize(folder, "in", "painting.png", "-o", "out", expect=1)
    assert done.stdout.split() == ["out/D7Xk2.png", "out/c.png", "out/scan.png"]
    assert "passed over: 'in/IMG_2.HEIC' is a HEIC photo, which is not read here" in done.stderr
    assert done.stderr.endswith("Error: 1 of 4 pictures failed: 'in/IMG_2.HEIC'\n")


def test_finished_pictures_of_a_folder_are_not_painted_twice(folder):
    stylize(folder, "in", "painting.png", "-o", "out")
    (folder / "out" / "b.png").unlink()
    before = (folder / "out" / "a.png").stat().st_mtime_ns
    done = stylize(folder, "in", "painting.png", "-o", "out")
    assert done.stdout.split() == ["out/b.png"]
    assert "'out/a.png' is there already; --force replaces it" in done.stderr
    assert (folder / "out" / "a.png").stat().st_mtime_ns == before
    assert len(stylize(folder, "in", "painting.png", "-o", "out", "--force").stdout.split()) == 3


def test_pictures_of_one_name_do_not_replace_each_other(folder, make_picture):
    make_picture("in/a.png", seed=9)
    done = stylize(folder, "in", "painting.png", "-o", "out")
    names = ["a.jpg.png", "a.png.png", "b.png", "c.png"]
    assert done.stdout.split() == [f"out/{name}" for name in names]


def test_interrupted_folder_keeps_what_was_finished(folder, monkeypatch):
    real = still.iterate

    def interrupted(spec, model, *more, **options):
        if (folder / "out" / "a.png").exists():
            raise KeyboardInterrupt
        return real(spec, model, *more, **options)

    monkeypatch.setattr(still, "iterate", interrupted)
    done = stylize(folder, "in", "painting.png", "-o", "out", expect=130)
    assert done.stderr.endswith("Interrupted; pictures that were finished are kept.\n")
    assert [path.name for path in (folder / "out").iterdir()] == ["a.png"]


def test_painting_is_never_replaced_even_by_force(folder, make_picture):
    painting = make_picture("out/a.png", seed=2)
    before = painting.read_bytes()
    done = stylize(folder, "in", "out/a.png", "-o", "out", "--force", expect=1)
    assert "'out/a.png' is an input and would be replaced" in done.stderr
    assert [path.name for path in (folder / "out").iterdir()] == ["a.png"]
    assert painting.read_bytes() == before


BAD = {
    "suffix": (["-o", "out.bmp"], 2, "--output 'out.bmp' must end in .png, .jpg, .jpeg, .webp"),
    "two formats": (["-o", "a.png", "--format", "webp"], 2, "--format webp and --output 'a.png'"),
    "no such format": (["-o", "a.png", "--format", "bmp"], 2, "--format is 'bmp'"),
    "deep jpeg": (["-o", "a.jpg", "--depth", "16"], 1, "--depth 16 and JPEG contradict"),
    "no depth": (["-o", "a.png", "--depth", "12"], 2, "12 is not a depth; pictures have 8 or 16"),
    "png quality": (["-o", "a.png", "--file-quality", "9"], 1, "PNG loses nothing"),
    "quality": (["-o", "a.jpg", "--file-quality", "101"], 2, "a whole number from 1 to 100"),
    "json into a picture": (["-o", "-", "--json"], 2, "--json and --output - contradict each"),
    "no strength": (["-o", "a.png", "--strength", "1.5"], 2, "a number from 0 to 1"),
    "nan strength": (["-o", "a.png", "--strength", "nan"], 2, "--strength is 'nan'"),
    "full average": (["-o", "a.png", "--average", "1"], 2, "it must be a number from 0 to below 1"),
    "negative average": (["-o", "a.png", "--average", "-0.1"], 2, "a number from 0 to below 1"),
    "no rate": (["-o", "a.png", "--learning-rate", "0"], 2, "a number from above 0 to 1"),
    "rate of L-BFGS": (["-o", "a.png", "--learning-rate", "0.1"], 2, "pass --optimizer adam"),
    "one beta": (["-o", "a.png", "--adam-betas", "0.9"], 2, "is not two numbers such as 0.9,0.9"),
    "beta of one": (["-o", "a.png", "--adam-betas", "0.9,1"], 2, "not from 0 to below 1"),
    "nan beta": (["-o", "a.png", "--adam-betas", "nan,0.9"], 2, "not from 0 to below 1"),
    "no such wish": (["-o", "a.png", "--preserve-color", "hue"], 2, "--preserve-color is 'hue'"),
    "two wishes": (["-o", "a.png", "--init", "color", "--preserve-color", "luminance"], 2,
                   "--init color takes the painting's colours, --preserve-color luminance keeps"),
    "no start": (["-o", "a.png", "--init", "colour"], 1, "there is no picture 'colour'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_one_line(place, case):
    arguments, code, words = BAD[case]
    done = stylize(place, "photo.png", "painting.png", *arguments, expect=code)
    assert done.stdout == ""
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path.name for path in place.iterdir()) == ["painting.png", "photo.png"]


BAD_PLACES = {
    "input from twice": (["-", "-", "-o", "a.png"], 2, "standard input holds one picture"),
    "folder into output": (["in", "painting.png", "-o", "-"], 2, "holds one picture, not a fold"),
    "folder into a file": (["in", "painting.png", "-o", "painting.png"], 1, "name a folder for it"),
    "folder into a new file": (["in", "painting.png", "-o", "r.png"], 2, "names one picture"),
    "folder into itself": (["in", "painting.png", "-o", "in"], 1, "is the folder that is read"),
    "empty folder": (["empty", "painting.png", "-o", "out"], 1, "there is no picture in 'empty'"),
    "bad painting": (["in", "in/notes.txt", "-o", "out"], 1, "no picture format"),
    "file into a folder": (["photo.png", "painting.png", "-o", "in.png"], 1, "'in.png' is a fold"),
}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nopics", "glass", "-o", "out2"], "there is no picture or folder 'nopics'; check its"),
        (["photo.png", "shipped", "-o", "a.png"], "'shipped' stands for all paintings that ship,"),
        (["https://a.org/b.png", "glass", "-o", "a.png"], "; addresses are not fetched: name a"),
    ],
)
def test_what_is_no_picture_is_named_as_it_was_typed(place, words, told):
    assert told in run("stylize", *words, cwd=place, expect=1).stderr


@pytest.mark.parametrize("case", BAD_PLACES)
def test_bad_places_are_one_line_and_nothing_is_written(folder, case):
    (folder / "empty").mkdir()
    (folder / "in.png").mkdir()
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    arguments, code, words = BAD_PLACES[case]
    done = stylize(folder, *arguments, expect=code)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == before
    assert not (folder / "r.png").exists()


def test_terminal_is_no_place_for_a_picture(place):
    near, far = os.openpty()
    with open(far, "rb+", buffering=0) as terminal:  # noqa: PTH123 - no path, a descriptor
        for arguments, streams, words in (
            (["-", "painting.png", "-o", "a.png"], {"stdin": terminal}, "standard input is a term"),
            (
                ["photo.png", "painting.png", "-o", "-"],
                {"stdout": terminal},
                "output is a terminal",
            ),
        ):
            done = subprocess.run(
                [*PYTHON, *arguments], cwd=place, stderr=subprocess.PIPE, text=True, **streams
            )
            assert done.returncode == 2
            assert words in done.stderr
    os.close(near)


def test_deterministic_run_leaves_torch_as_it_was(place):
    import torch

    stylize(place, "photo.png", "painting.png", "-o", "a.png", "--deterministic")
    stylize(place, "photo.png", "painting.png", "-o", "b.png")
    assert (decode(place / "a.png") == decode(place / "b.png")).all()
    assert not torch.are_deterministic_algorithms_enabled()
