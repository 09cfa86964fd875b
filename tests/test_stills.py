"""Stills as files: decoded by other programs, with profile and words."""

import io
import json
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, features

from medley import stills
from medley.errors import OutputError, PictureError
from medley.images import Layers, read_layers
from medley.settings import LOSSY
from medley.stills import check_format, check_size, encode_still, srgb_profile

from .conftest import draw_pixels

WORDS = json.dumps({"style": "Große Welle", "loss": 1.5})
FORMATS = ["png", "jpeg", "webp", "avif", "tiff"]


def picture(channels=3, deep=False):
    pixels = draw_pixels(32, 40, 1)
    if channels == 4:
        pixels = np.dstack([pixels, draw_pixels(32, 40, 2)[..., 0]])
    if not deep:
        return pixels
    noise = np.random.default_rng(0).integers(0, 257, pixels.shape)
    return (pixels.astype(np.uint16) * 256 + noise.clip(0, 255)).astype(np.uint16)


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("channels", [3, 4])
def test_pillow_reads_back_what_was_written(file_format, channels):
    image = opened(encode_still(picture(channels), file_format, WORDS))
    assert image.format.lower() == file_format
    assert image.size == (40, 32)
    has_alpha = channels == 4 and file_format != "jpeg"
    assert image.mode == ("RGBA" if has_alpha else "RGB")
    expected = picture(channels if has_alpha else 3).astype(int)
    found = np.asarray(image).astype(int)
    if file_format in ("png", "tiff"):
        assert (found == expected).all()
    elif channels == 3:  # of colour, WebP keeps less
        assert np.abs((found - expected) @ (0.299, 0.587, 0.114)).mean() < 3
    elif has_alpha:
        assert np.abs(found[..., 3] - expected[..., 3]).mean() < 2


@pytest.mark.parametrize("file_format", FORMATS)
def test_file_carries_the_srgb_profile_and_the_words(file_format):
    image = opened(encode_still(picture(), file_format, WORDS))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    words = image.info.get("Description") or image.getexif()[270]
    assert json.loads(words) == json.loads(WORDS)
    software = image.info.get("Software") or image.getexif()[305]
    assert software.startswith("medley ")


@pytest.mark.parametrize("file_format", ["jpeg", "webp", "avif"])
def test_longest_side_of_a_format_is_what_it_can_write_and_read(file_format):
    most = stills._LONGEST_SIDES[file_format]
    check_size(file_format, 16, most, "a.png")
    data = encode_still(np.full((16, most, 3), 99, np.uint8), file_format, WORDS)
    assert opened(data).size == (most, 16)
    for side in ({"height": most + 1, "width": 16}, {"height": 16, "width": most + 1}):
        with pytest.raises(PictureError, match=rf"'a.png' would become .*{most:,} a side at most"):
            check_size(file_format, **side, name="a.png")
    too_long = np.full((16, most + 1, 3), 99, np.uint8)
    with pytest.raises((OSError, ValueError)):  # AVIF is written, and not read
        opened(encode_still(too_long, file_format, WORDS))


def test_other_formats_have_room_for_any_side():
    for file_format in ("png", "tiff"):
        check_size(file_format, 16, 2**24, "a.png")


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_of_a_png_are_what_ffmpeg_reads(channels):
    pixels = picture(channels, deep=True)
    layout = {3: "rgb48le", 4: "rgba64le"}[channels]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "-", "-f", "rawvideo"]
    data = encode_still(pixels, "png", WORDS)
    raw = subprocess.run(
        [*command, "-pix_fmt", layout, "-"], input=data, capture_output=True, check=True
    )
    assert (np.frombuffer(raw.stdout, "<u2").reshape(pixels.shape) == pixels).all()
    image = opened(data)
    assert image.info["icc_profile"] == srgb_profile()
    assert json.loads(image.info["Description"]) == json.loads(WORDS)


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_of_a_tiff_are_what_was_written(channels):
    pixels = picture(channels, deep=True)
    data = encode_still(pixels, "tiff", WORDS)
    assert (tifffile.imread(io.BytesIO(data)) == pixels).all()
    assert (np.asarray(opened(data)) == pixels >> 8).all()


def test_same_picture_is_the_same_file():
    assert encode_still(picture(), "png", "") == encode_still(picture(), "png", "")
    assert srgb_profile()[24:36] == bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("file_format", LOSSY)
def test_quality_decides_the_size_and_the_error(file_format):
    def coded(quality):
        data = encode_still(picture(), file_format, "", quality)
        error = np.abs(np.asarray(opened(data)).astype(int) - picture()).mean()
        return len(data), error

    (small, wrong), (large, right) = coded(10), coded(95)
    assert small < large
    assert wrong > right


def test_jpeg_lays_what_is_transparent_on_white():
    pixels = np.zeros((16, 16, 4), np.uint8)
    assert np.asarray(opened(encode_still(pixels, "jpeg", ""))).min() > 250


def test_what_a_format_has_not_is_refused():
    with pytest.raises(OutputError, match=r"depth 16 and JPEG contradict .* PNG and TIFF have 16"):
        check_format("jpeg", 16, None)
    with pytest.raises(OutputError, match=r"file_quality 80 and PNG .* PNG loses nothing"):
        check_format("png", 8, 80)
    with pytest.raises(ValueError, match="webp has no 16 bits"):
        encode_still(picture(deep=True), "webp", "")


def test_pillow_without_avif_is_named(monkeypatch):
    monkeypatch.setattr(stills.features, "check", lambda name: name != "avif")
    check_format("webp", 8, None)
    with pytest.raises(OutputError, match=r"Pillow that is installed here cannot write AVIF; in"):
        check_format("avif", 8, None)
    assert features is stills.features


FOUR = {
    "straight alpha": ("rgb", ["unassalpha"], (200, 100, 50), 128),
    "premultiplied alpha": ("rgb", ["assocalpha"], (255, 199, 100), 128),
    "something else": ("rgb", ["unspecified"], (200, 100, 50), None),
    "ink": ("separated", None, None, None),
}


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("kind", FOUR)
def test_fourth_channel_of_a_tiff_is_read_as_it_is_meant(tmp_path, kind, deep):
    photometric, extra, color, alpha = FOUR[kind]
    values = np.broadcast_to(np.array([200, 100, 50, 128], np.uint8), (8, 8, 4))
    values = values.astype(np.uint16) * 257 if deep else values
    more = {"extrasamples": extra} if extra else {}
    tifffile.imwrite(tmp_path / "four.tif", values, photometric=photometric, **more)
    found = read_layers(tmp_path / "four.tif")
    if kind == "ink":  # little light comes back from so much cyan, yet more than from key
        color = Image.new("CMYK", (1, 1), (200, 100, 50, 128)).convert("RGB").getpixel((0, 0))
    assert np.abs(np.array(found.picture.getpixel((3, 3))) - color).max() <= 1
    assert (found.alpha and found.alpha.getpixel((3, 3))) == alpha


def test_opaque_alpha_is_none(tmp_path):
    Image.new("RGBA", (4, 4), (9, 8, 7, 255)).save(tmp_path / "a.png")
    assert read_layers(tmp_path / "a.png").alpha is None
    assert isinstance(read_layers(tmp_path / "a.png"), Layers)
