"""`medley apply`: pictures, folders, standard input and output through a style network."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image

from medley import decoders
from medley.color import LUMA
from medley.images import decode
from medley.studio import net_stills
from medley.stylenet.apply import Painter
from medley.stylenet.finish import finish
from medley.stylenet.mix import shares_of
from medley.stylenet.netfile import StyleName, write
from medley.stylenet.network import StyleNet
from medley.stylenet.shape import small_shape
from medley.tensors import to_tensor
from medley.transfer.color_transfer import color_statistics

from .conftest import draw_pixels
from .test_render import run
from .test_stylenet_network import make
from .test_stylize import piped_into

STYLES = [
    StyleName("Glass"),
    StyleName("Gilded", "Nobody"),
    StyleName("Sea, with boats", name="boats"),
]


@pytest.fixture
def place(make_picture, tmp_path) -> Path:
    """A folder with a network of three paintings, a photo, and a folder of three."""
    torch.manual_seed(5)
    network = StyleNet(small_shape(0.1, 1, styles=3))
    with torch.no_grad():
        for offset in network.offsets:
            offset.copy_(torch.randn_like(offset))
    write(tmp_path / "net.safetensors", replace(network.to_file(STYLES, {}), bits=8))
    make_picture("photo.png")
    for name in ("a.jpg", "b.png", "c.png"):
        make_picture(f"in/{name}", height=20, width=31)
    return tmp_path


def apply(place, *arguments, expect=0):
    words = (*arguments, "--device", "cpu")
    return run("apply", "net.safetensors", *words, cwd=place, expect=expect)


def test_a_photo_comes_out_at_its_own_size_and_says_how_it_was_made(place):
    (place / "sub").mkdir()
    (place / "photo.png").rename(place / "sub" / "photo.png")
    assert apply(place, "sub/photo.png", "-o", "out.png").stdout == "out.png\n"
    with Image.open(place / "out.png") as image:
        assert image.size == (48, 40)
        assert image.info["icc_profile"]
        about = json.loads(image.info["Description"])
    assert (about["content"], about["network"]) == ("photo.png", "net.safetensors")
    assert about["paintings"] == {"Glass": 1.0}


def test_a_huge_jpeg_keeps_its_size_too(place, monkeypatch):
    monkeypatch.setattr(decoders, "REDUCED_ABOVE", 500)
    apply(place, "in/a.jpg", "-o", "out.png")
    assert decode(place / "out.png").shape == (20, 31, 3)


@pytest.mark.parametrize("size", [16, 96])
def test_size_is_the_long_side(place, size):
    apply(place, "photo.png", "-o", "out.webp", "--size", size)
    assert decode(place / "out.webp").shape == (round(size / 48 * 40), size, 3)


def test_a_style_is_one_painting_or_a_mix_and_case_does_not_count(place):
    wishes = {
        "first": None, "glass": "GLASS", "gilded": "gilded", "comma": "sea, with boats",
        "mix": "Glass:0.6,gilded:0.4", "same": "gilded:2,glass:3", "one": "gilded:7",
    }  # fmt: skip
    for name, wish in wishes.items():
        wished = ["--style", wish] if wish else []
        apply(place, "photo.png", "-o", f"{name}.png", *wished)
    pixels = {name: decode(place / f"{name}.png").astype(int) for name in wishes}
    assert np.array_equal(pixels["first"], pixels["glass"])
    assert np.array_equal(pixels["gilded"], pixels["one"])
    assert np.array_equal(pixels["mix"], pixels["same"])
    for other in ("gilded", "comma", "mix"):
        assert np.abs(pixels["glass"] - pixels[other]).max() > 20
    with Image.open(place / "mix.png") as image:
        mixed = json.loads(image.info["Description"])["paintings"]
    assert mixed == {"Glass": 0.6, "Gilded": 0.4}


@pytest.mark.parametrize("wish", ["boats", "Sea, with boats", "BOATS:2"])
def test_a_painting_is_called_by_its_name_or_its_title(wish):
    assert shares_of(wish, STYLES) == [0, 0, 1]


def test_strength_goes_from_the_photo_to_the_result(place):
    for strength in ("0", "0.5", "1"):
        apply(place, "photo.png", "-o", f"{strength}.png", "--strength", strength)
    none, half, full = (decode(place / f"{name}.png").astype(int) for name in ("0", "0.5", "1"))
    assert np.array_equal(none, decode(place / "photo.png"))
    assert (np.abs(half - none) <= np.abs(full - none) + 1).all()
    assert np.abs(half - none).mean() > 5


def test_luminance_keeps_all_but_light_and_dark_of_the_photo():
    photo = draw_pixels(41, 30, seed=4)
    made = Painter(make(), most_values=1).repaint(photo)
    kept = to_tensor(finish(made, photo, "luminance"))
    light = to_tensor(made.pixels())
    weights = torch.tensor(LUMA).view(1, 3, 1, 1)
    assert ((kept - light) * weights).sum(dim=1).abs().max() < 0.01


def test_statistics_gives_the_photo_s_colours_to_the_whole_and_not_to_each_strip():
    photo = draw_pixels(90, 40, seed=4) // 3 + 80
    photo[:40] //= 2
    network = make()
    network.gains[-1].fill_(0.3)  # so that nothing is black or white, which has no variance
    network.offsets[-1].fill_(0.1)
    kept = [
        finish(Painter(network, most_values=most).repaint(photo), photo, "statistics")
        for most in (2**25, 1)
    ]
    assert np.abs(kept[0].astype(int) - kept[1]).max() <= 1
    found, wanted = (color_statistics([to_tensor(each)]) for each in (kept[1], photo))
    assert torch.allclose(found.mean, wanted.mean, atol=0.01)
    assert torch.allclose(found.covariance, wanted.covariance, atol=0.005)


def test_transparency_is_kept(place):
    picture = Image.fromarray(draw_pixels(30, 40, 3)).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    picture.save(place / "clear.png")
    apply(place, "clear.png", "-o", "out.png")
    with Image.open(place / "out.png") as image:
        assert image.getchannel("A").tobytes() == picture.getchannel("A").tobytes()


def test_standard_input_goes_to_standard_output(place, monkeypatch):
    data = (place / "photo.png").read_bytes()
    arguments = ["apply", "net.safetensors", "-", "-o", "-", "--device", "cpu"]
    code, out, err = piped_into(place, data, arguments, monkeypatch=monkeypatch)
    assert (code, err) == (0, "")
    (place / "piped.png").write_bytes(out)
    apply(place, "photo.png", "-o", "out.png")
    assert np.array_equal(decode(place / "piped.png"), decode(place / "out.png"))


def test_a_folder_and_files_go_into_a_folder_once(place):
    done = apply(place, "in", "photo.png", "in", "-o", "out", "--format", "jpeg")
    names = ["a.jpg", "b.jpg", "c.jpg", "photo.jpg"]
    assert done.stdout.split() == [f"out/{name}" for name in names]
    (place / "out" / "b.jpg").unlink()
    again = apply(place, "in", "photo.png", "-o", "out", "--format", "jpeg")
    assert again.stdout.split() == ["out/b.jpg"]
    assert "'out/a.jpg' is there already; --force replaces it" in again.stderr


def test_a_file_goes_into_a_folder_that_is_there(place):
    (place / "out").mkdir()
    assert apply(place, "photo.png", "-o", "out").stdout.split() == ["out/photo.png"]


def test_a_broken_picture_is_told_and_the_others_are_made(place):
    (place / "in" / "b.png").write_bytes((place / "in" / "b.png").read_bytes()[:60])
    done = apply(place, "in", "-o", "out", expect=1)
    assert done.stdout.split() == ["out/a.png", "out/c.png"]
    assert "passed over: 'in/b.png' is not a readable picture" in done.stderr
    assert done.stderr.endswith("Error: 1 of 3 pictures failed: 'in/b.png'\n")


def test_json_tells_of_each_picture(place):
    (place / "in" / "b.png").write_bytes(b"\x89PNG")
    done = apply(place, "in", "-o", "out", "--json", expect=1)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["path"] for each in told] == ["out/a.png", "out/b.png", "out/c.png"]
    assert "error" in told[1]
    assert told[2]["width"] == 31


def test_an_interrupted_folder_keeps_what_was_finished(place, monkeypatch):
    real = net_stills.read_layers

    def interrupted(path, *more, **options):
        if path.name == "b.png":
            raise KeyboardInterrupt
        return real(path, *more, **options)

    monkeypatch.setattr(net_stills, "read_layers", interrupted)
    done = apply(place, "in", "-o", "out", expect=130)
    assert done.stderr.endswith("Interrupted; pictures that were finished are kept.\n")
    assert [path.name for path in (place / "out").iterdir()] == ["a.png"]
    (place / "in" / "a.jpg").unlink()
    for source, output in (("in", "other"), ("in/b.png", "b.png")):
        assert apply(place, source, "-o", output, expect=130).stderr.endswith("\nInterrupted.\n")


BAD = {
    "unknown painting": (["photo.png", "-o", "a.png", "--style", "glas"], 1,
                         "--style glas: the network knows no 'glas'; did you mean 'Glass'?"),
    "unknown in a mix": (["photo.png", "-o", "a.png", "--style", "glass:1,guilded:2"], 1,
                         "knows no 'guilded'; did you mean 'Gilded'? it has 'Glass', 'Gilded'"),
    "no share": (["photo.png", "-o", "a.png", "--style", "glass:0"], 1, "leaves no share"),
    "a share for some": (["photo.png", "-o", "a.png", "--style", "glass:0.6, gilded"], 1,
                         ": 'gilded' has no share; give each one, or none of them"),
    "negative share": (["photo.png", "-o", "a.png", "--style", "glass:-1"], 1, "'-1' is no share"),
    "endless share": (["photo.png", "-o", "a.png", "--style", "glass:inf"], 1, "is no share"),
    "words for a share": (["photo.png", "-o", "a.png", "--style", "glass:x"], 1, "is no share"),
    "nothing": (["photo.png", "-o", "a.png", "--style", ""], 1, "--style '' lacks a painting"),
    "a share of nothing": (["photo.png", "-o", "a.png", "--style", "glass,:2"], 1, "lacks a paint"),
    "existing": (["photo.png", "-o", "photo.jpg"], 1, "'photo.jpg' exists; pass --force"),
    "itself": (["photo.png", "-o", "photo.png", "--force"], 1, "is an input and would be repl"),
    "suffix": (["photo.png", "-o", "a.bmp"], 2, "--output 'a.bmp' must end in .png"),
    "several into one": (["photo.png", "in/b.png", "-o", "a.png"], 2, "several are read; name a"),
    "several into a file": (["photo.png", "in/b.png", "-o", "photo.jpg"], 1, "is a file, and sev"),
    "one name twice": (["in/b.png", "other/b.png", "-o", "out"], 1, "would both become 'out/b.p"),
    "several to output": (["in", "-o", "-"], 2, "standard output holds one picture, not several"),
    "into itself": (["in", "-o", "in"], 1, "is the folder that is read; name another --output"),
    "two inputs": (["-", "photo.png", "-o", "out"], 2, "standard input holds one picture"),
    "a clip as input": (["-", "-o", "z.mp4"], 2, "clips do not come through standard input; name"),
    "no name": (["-", "-o", "in"], 2, "a picture from standard input has no name"),
    "no photo": (["absent.png", "-o", "a.png"], 1, "there is no picture 'absent.png'"),
    "no network": (["--quiet"], 2, "Missing argument 'PHOTOS...'"),
    "json": (["photo.png", "-o", "-", "--json"], 2, "--json and --output - contradict"),
    "quality": (["photo.png", "-o", "a.png", "--file-quality", "9"], 1, "PNG loses nothing"),
    "strength": (["photo.png", "-o", "a.png", "--strength", "2"], 2, "a number from 0 to 1"),
    "size": (["photo.png", "-o", "a.png", "--size", "3"], 2, "a whole number from 16"),
    "device": (["photo.png", "-o", "a.png", "--device", "tpu"], 2, "there is no device 'tpu'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(place, make_picture, case):
    make_picture("photo.jpg")
    make_picture("other/b.png")
    before = sorted(path for path in place.rglob("*") if path.is_file())
    arguments, code, words = BAD[case]
    done = run("apply", "net.safetensors", *arguments, cwd=place, expect=code)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(path for path in place.rglob("*") if path.is_file()) == before


def test_a_file_that_is_no_network_is_one_line(place):
    safetensors.numpy.save_file({"a": np.zeros(3)}, place / "other.safetensors")
    for name, words in (("other.safetensors", "no style network"), ("photo.png", "no style netw")):
        done = run("apply", name, "photo.png", "-o", "a.png", cwd=place, expect=1)
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (place / "a.png").exists()
