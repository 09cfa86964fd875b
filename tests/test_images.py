import io
import os

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from medley import decoders, images
from medley.errors import PictureError
from medley.images import (
    encode_png,
    read_picture,
    resize,
    size_for_pixels,
    size_for_side,
    thumbnail,
)
from medley.settings import LONGEST_SIDE
from medley.tensors import send_pixels, to_pixels, to_tensor

RED, GREEN = (255, 0, 0), (0, 255, 0)


def two_colours() -> Image.Image:
    """Left half red, right half green, 6x4."""
    picture = Image.new("RGB", (6, 4), RED)
    picture.paste(GREEN, (3, 0, 6, 4))
    return picture


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to see it upright
    two_colours().save(tmp_path / "a.png", exif=exif)
    upright = read_picture(tmp_path / "a.png")
    assert upright.size == (4, 6)
    assert upright.getpixel((1, 0)) == RED
    assert upright.getpixel((1, 5)) == GREEN


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA"])
def test_other_modes_become_rgb(tmp_path, mode):
    picture = two_colours().convert(mode)
    picture.save(tmp_path / "a.png")
    read = read_picture(tmp_path / "a.png")
    assert (read.mode, read.size) == ("RGB", (6, 4))
    assert read.tobytes() == picture.convert("RGB").tobytes()


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    Image.new("RGB", (32, 32), (200, 60, 40)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    pixel = np.array(read_picture(tmp_path / "a.jpg").getpixel((9, 9)))
    assert np.abs(pixel - (200, 60, 40)).max() <= 4


def test_sixteen_bit_gray_keeps_its_range(tmp_path):
    levels = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    assert np.asarray(read_picture(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_float_tiff_is_read_as_zero_to_one(tmp_path):
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], dtype=np.float32)).save(tmp_path / "a.tif")
    assert np.asarray(read_picture(tmp_path / "a.tif"))[0, :, 0].tolist() == [0, 128, 255]


def test_transparency_is_laid_on_white(tmp_path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").getpixel((0, 0)) == (255, 255, 255)


def test_embedded_profile_is_converted_to_srgb(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    two_colours().save(tmp_path / "same.png", icc_profile=lab)
    assert read_picture(tmp_path / "same.png").getpixel((0, 0)) == RED
    two_colours().save(tmp_path / "broken.png", icc_profile=b"no profile")
    assert read_picture(tmp_path / "broken.png").getpixel((0, 0)) == RED


def test_truncated_file_is_named_with_its_length(tmp_path):
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 60).save(buffer, "JPEG")
    (tmp_path / "wall.jpg").write_bytes(buffer.getvalue()[:900])
    with pytest.raises(PictureError, match=r"wall\.jpg' is not a readable picture \(truncated aft"):
        read_picture(tmp_path / "wall.jpg")


def test_other_unreadable_files_say_why(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(PictureError, match="the file is empty"):
        read_picture(tmp_path / "empty.jpg")
    with pytest.raises(PictureError, match="no picture format"):
        read_picture(tmp_path / "notes.txt")
    with pytest.raises(PictureError, match="there is no picture"):
        read_picture(tmp_path / "absent.jpg")
    with pytest.raises(PictureError, match="is a folder"):
        read_picture(tmp_path)


def test_whatever_medley_makes_it_can_read():
    assert Image.MAX_IMAGE_PIXELS == LONGEST_SIDE**2


def test_decompression_bomb_is_refused(tmp_path, monkeypatch):
    two_colours().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(PictureError, match="megapixels"):
        read_picture(tmp_path / "a.png")


def test_huge_jpeg_is_decoded_at_reduced_scale(tmp_path, monkeypatch):
    two_colours().resize((640, 480), Image.Resampling.NEAREST).save(tmp_path / "a.jpg", quality=95)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 90_000)
    for limit, size in ((400_000, None), (80_000, (320, 240)), (20_000, (160, 120))):
        monkeypatch.setattr(decoders, "REDUCED_ABOVE", limit)
        if size is None:
            with pytest.raises(PictureError, match="megapixels"):
                read_picture(tmp_path / "a.jpg")
            continue
        read = read_picture(tmp_path / "a.jpg")
        assert read.size == size
        left, right = (np.array(read.getpixel((x, 9))) for x in (9, size[0] - 9))
        assert np.abs(left - RED).max() < 9
        assert np.abs(right - GREEN).max() < 9


def test_jpeg_that_is_huge_even_when_reduced_is_refused(tmp_path, monkeypatch):
    Image.new("L", (640, 480)).save(tmp_path / "a.jpg")
    monkeypatch.setattr(decoders, "REDUCED_ABOVE", 1_000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4_000)
    with pytest.raises(PictureError, match="megapixels"):
        read_picture(tmp_path / "a.jpg")


def test_progressive_jpeg_is_held_to_the_limit_of_other_pictures(tmp_path, monkeypatch):
    Image.new("L", (640, 480)).save(tmp_path / "a.jpg", progressive=True)
    monkeypatch.setattr(decoders, "REDUCED_ABOVE", 100_000)
    assert read_picture(tmp_path / "a.jpg").size == (640, 480)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200_000)
    with pytest.raises(PictureError, match="megapixels"):
        read_picture(tmp_path / "a.jpg")


def test_jpeg_of_a_camera_s_size_is_read_as_it_is(tmp_path):
    Image.new("L", (7000, 5000), 90).save(tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg").size == (7000, 5000)


@pytest.mark.parametrize("length", [3, 4, 20, 200])
def test_jpeg_with_a_torn_header_is_a_picture_error(tmp_path, length):
    buffer = io.BytesIO()
    two_colours().save(buffer, "JPEG")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue()[:length])
    with pytest.raises(PictureError, match=r"a\.jpg' is not a readable picture"):
        read_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("height", "width", "pixels", "expected"),
    [(768, 1024, 65536, (222, 296)), (1, 1, 400, (20, 20)), (333, 500, 250000, (408, 613))],
)
def test_sizes_for_an_area_are_those_of_pastiche(height, width, pixels, expected):
    assert size_for_pixels(height, width, pixels) == expected


def test_long_side_is_exact():
    assert size_for_side(300, 400, 256) == (192, 256)
    assert size_for_side(400, 300, 256) == (256, 192)
    assert size_for_side(77, 77, 256) == (256, 256)


def test_too_narrow_a_picture_is_refused_by_name():
    with pytest.raises(PictureError, match=r"'strip\.png' \(100x1\) would become 400x4"):
        resize(Image.new("RGB", (100, 1)), 4, 400, "strip.png")


def test_pixels_survive_the_way_through_a_tensor_and_png(tmp_path):
    pixels = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3) * 2
    tensor = to_tensor(pixels)
    assert tensor.shape == (1, 3, 5, 7)
    assert tensor.dtype == torch.float32
    assert tensor[0, 1, 2, 3].item() == pytest.approx(pixels[2, 3, 1] / 255)
    assert (to_pixels(tensor) == pixels).all()
    (tmp_path / "a.png").write_bytes(encode_png(pixels))
    assert (np.asarray(read_picture(tmp_path / "a.png")) == pixels).all()


def test_quick_png_is_no_larger_where_nothing_repeats_and_small_one_where_it_does():
    def deflated(pixels):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        return len(buffer.getvalue())

    ramp = np.add.outer(np.arange(200), np.arange(300))[..., None] // 3 % 256
    noise = np.random.default_rng(0).integers(0, 20, (200, 300, 3))
    brushwork = ((ramp + noise) % 256).astype(np.uint8)
    assert len(encode_png(brushwork)) <= deflated(brushwork)
    flat = np.zeros((200, 300, 3), np.uint8)
    assert len(encode_png(flat, small=True)) <= deflated(flat) < len(encode_png(flat))
    for data in (encode_png(brushwork), encode_png(brushwork, small=True)):
        assert (np.asarray(Image.open(io.BytesIO(data))) == brushwork).all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipe_and_device_are_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    for name in ("pipe.jpg", "zero.jpg"):
        with pytest.raises(PictureError, match=r"is not a readable picture \(a pipe or a device"):
            read_picture(tmp_path / name)


def test_link_that_leads_to_itself_is_refused(tmp_path):
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    with pytest.raises(PictureError, match=r"loop\.jpg' is not a readable picture \(Too many"):
        read_picture(tmp_path / "loop.jpg")


def test_thumbnail_has_its_long_side_however_thin():
    assert thumbnail(Image.new("RGB", (400, 300)), 100).shape == (75, 100, 3)
    assert thumbnail(Image.new("RGB", (2, 5000)), 100).shape == (100, 1, 3)


def test_sent_pixels_are_those_of_the_picture_when_it_was_sent():
    image = torch.rand(1, 3, 37, 41)
    expected = to_pixels(image)
    wait = send_pixels(image)
    image.zero_()
    assert (wait() == expected).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_pixels_sent_from_a_gpu_are_those_of_the_picture(monkeypatch):
    monkeypatch.setattr(images, "_AT_ONCE", 1000)
    image = torch.rand(1, 3, 370, 41)
    on_gpu = image.cuda()
    waits = [send_pixels(on_gpu) for _ in range(20)]
    on_gpu.zero_()
    for wait in waits:
        assert (wait() == to_pixels(image)).all()
