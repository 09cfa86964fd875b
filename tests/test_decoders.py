"""Picture files that somebody else has made: of every kind, and damaged in every way."""

import ast
import inspect
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import EpsImagePlugin, Image, ImageFile, JpegImagePlugin, TiffImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

import medley
from medley import decoders, images, kinds, tiffs
from medley.errors import PictureError
from medley.images import read_layers, read_picture
from medley.keywords import open_picture
from medley.kinds import may_be_picture

from .conftest import draw_pixels

PIXELS = draw_pixels(24, 36, 1)


def exif(*entries):
    """EXIF with a few tags, each of a number, a type and the four or eight bytes of its value."""
    after = 8 + 2 + 12 * len(entries) + 4
    table, values = struct.pack("<H", len(entries)), b""
    for tag, kind, value in entries:
        table += struct.pack("<HHL", tag, kind, 1)
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack("<L", after + len(values))
            values += value
    return b"Exif\0\0II*\0\x08\0\0\0" + table + b"\0\0\0\0" + values


ON_ITS_SIDE = (274, 3, struct.pack("<H", 6))


@pytest.mark.parametrize(
    "damage",
    [
        (256, 5, struct.pack("<LL", 3, 2)),  # a width as a fraction
        (282, 7, b"\1"),  # a resolution as bytes
        (282, 5, struct.pack("<LL", 1, 0)),
        (34665, 4, struct.pack("<L", 2**31)),  # a folder of tags beyond the file
        (34853, 2, b"NW\0"),
    ],
    ids=lambda damage: f"{damage[0]}-{damage[1]}",
)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_photo_with_damaged_exif_is_used_whole_and_upright(tmp_path, damage, suffix):
    data = exif(damage, ON_ITS_SIDE)
    path = tmp_path / f"photo{suffix}"
    more = {".jpg": {"quality": 100, "subsampling": 0}, ".webp": {"lossless": True}}
    Image.fromarray(PIXELS).save(path, exif=data, **more.get(suffix, {}))
    picture = read_picture(path)
    assert picture.size == (24, 36)
    difference = np.asarray(picture).astype(int) - np.rot90(PIXELS, -1)
    assert np.abs(difference).mean() < 5


def test_picture_that_python_gives_is_turned_once_whatever_its_exif(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", exif=exif((256, 5, bytes(8)), ON_ITS_SIDE))
    Image.fromarray(PIXELS).save(tmp_path / "a.tif", tiffinfo={274: 6})
    for name in ("a.jpg", "a.tif"):
        with Image.open(tmp_path / name) as picture:
            assert open_picture(picture).size == (24, 36)


def test_photo_whose_exif_is_rubbish_is_used_as_it_lies(tmp_path):
    for data in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nothing at all", b"\xff"):
        Image.fromarray(PIXELS).save(tmp_path / "photo.jpg", exif=data)
        assert read_picture(tmp_path / "photo.jpg").size == (36, 24)


FAULTS = [
    struct.error("unpack requires a buffer of 4 bytes"),
    AttributeError("'NoneType' object has no attribute 'read'"),
    RecursionError("maximum recursion depth exceeded"),
    zlib.error("Error -3 while decompressing data"),
    OverflowError("Python int too large"),
    MemoryError(),
    SyntaxError("not a PNG file"),
    AssertionError(),
    KeyError(3),
    ZeroDivisionError("division by zero"),
    UnicodeDecodeError("ascii", b"\xff", 0, 1, "ordinal not in range"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_whatever_a_decoder_raises_is_that_file_s_failure(tmp_path, monkeypatch, fault):
    def fail(*_, **__):
        raise fault

    every_kind(tmp_path)
    for where, name, path in (
        (Image, "open", "a.png"),
        (ImageFile.ImageFile, "load", "a.png"),
        (TiffImagePlugin.TiffImageFile, "load", "preview.tif"),
        (Image.Image, "convert", "palette.png"),
        (JpegImagePlugin.JpegImageFile, "_open", "a.jpg"),
        (JpegImagePlugin.JpegImageFile, "draft", "a.jpg"),
        (tifffile.TiffPage, "asarray", "floats.tif"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, fail)
            with pytest.raises(PictureError, match=rf"^'.*{path}' is not a readable [^\n]+\)$"):
                read_picture(tmp_path / path)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_page_or_tag_that_pillow_cannot_read_counts_as_absent(tmp_path, monkeypatch, fault):
    def fail(*_):
        raise fault

    tiff(tmp_path / "a.tif", (LARGE, {}), (SMALL, {"subfiletype": 1}))
    for name in ("load", "__getitem__"):
        with monkeypatch.context() as patch:
            patch.setattr(tiffs, "ImageFileDirectory_v2", type("", (ImageFileDirectory_v2,), {}))
            patch.setattr(tiffs.ImageFileDirectory_v2, name, fail)
            assert (np.asarray(read_picture(tmp_path / "a.tif")) == LARGE).all()


OWN = [
    (module, name)
    for module in (decoders, tiffs, images)
    for name, one in inspect.getmembers(module, inspect.isfunction)
    if one.__module__ == module.__name__
]
UNREAD = {"size_in", "_look", "_why"}  # no size is asked for, and nothing fails


def every_kind(folder):
    """Pictures that lead through all that medley does itself when it reads one."""
    Image.fromarray(PIXELS).save(folder / "a.png")
    Image.fromarray(PIXELS).save(folder / "a.jpg", icc_profile=b"none")
    (folder / "palette.png").write_bytes(half_transparent("P", ".png"))
    Image.fromarray(np.full((4, 4), 9999, np.uint16)).save(folder / "deep.png")
    tiff(folder / "preview.tif", [PREVIEW, (LARGE, RGB)])
    tifffile.imwrite(folder / "floats.tif", (PIXELS / 255).astype(np.float32), photometric="rgb")


@pytest.mark.parametrize("fault", [AttributeError, SyntaxError, struct.error, ValueError])
def test_fault_of_medley_s_own_keeps_its_traceback(tmp_path, monkeypatch, fault):
    def fail(*_, **__):
        raise fault("ours")

    every_kind(tmp_path)
    met = set()
    for module, name in OWN:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            for path in sorted(tmp_path.iterdir()):
                try:
                    read_picture(path)
                except fault as error:
                    assert str(error) == "ours"
                    met.add(name)
    assert {"_apart", "upright", "_page", "_list_pages", "white_of", "decode_deep"} <= met
    used = {name for module, name in OWN if module is not images}
    assert used - UNREAD == met & used


def test_every_call_that_opens_a_picture_says_which_formats_it_takes():
    found = 0
    for path in Path(medley.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open":
                found += 1
                assert "formats" in {keyword.arg for keyword in node.keywords}, path
    assert found


ENDLESS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{} loop\nshowpage\n"


@pytest.mark.parametrize("name", ["logo.eps", "art.jpg", "art"])
@pytest.mark.parametrize("data", [ENDLESS, b"\xc5\xd0\xd3\xc6" + struct.pack("<LL", 30, 99) * 2])
def test_postscript_starts_no_program_whatever_its_name(tmp_path, monkeypatch, name, data):
    started = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: started.append(1))
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PictureError, match="is a PostScript drawing; save it as PNG"):
        read_picture(tmp_path / name)
    assert not started


BRANDS = b"\0\0\0\x18ftyp%s\0\0\0\0mif1%s"
OTHERS = {
    "a HEIC photo": BRANDS % (b"heic", b"heic"),
    "HEIC photo, which": BRANDS % (b"mif1", b"heix"),
    "JPEG XL": b"\xff\x0a" + bytes(30),
    "JPEG XL picture": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20),
    "raw file": b"II*\0\x10\0\0\0CR\2\0" + bytes(20),
    "a camera's raw": BRANDS % (b"crx ", b"crx "),
    "camera": b"FUJIFILMCCD-RAW 0201" + bytes(20),
}
LEFT = {
    "a video": BRANDS % (b"isom", b"isom"),
    "video": b"\0\0\1\xba" + bytes(40),
    "a PDF": b"%PDF-1.4\n%%EOF\n",
    "SVG": b"  <svg xmlns='http://www.w3.org/2000/svg'/>",
    "web page": b"\n<!DOCTYPE html><html></html>",
    "not a readable picture": b"BMW and other cars, by price",
    "no picture": bytes(64),
    "not a readable": b"Pythons of the world",
    "empty": b"",
}


@pytest.mark.parametrize("words", [*OTHERS, *LEFT])
def test_file_that_is_no_raster_picture_is_called_what_it_is(tmp_path, words):
    path = tmp_path / "IMG_0002.jpg"
    path.write_bytes((OTHERS | LEFT)[words])
    with pytest.raises(PictureError, match=rf"^'.*IMG_0002\.jpg' is .*{words}"):
        read_picture(path)


def test_format_that_this_pillow_lacks_is_named_with_what_has_it(tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "raster_formats", lambda: ("PNG", "JPEG"))
    (tmp_path / "IMG_3").write_bytes(BRANDS % (b"avif", b"avif"))
    assert may_be_picture(tmp_path / "IMG_3")
    kind = kinds.kind_of((tmp_path / "IMG_3").read_bytes())
    assert "AVIF" in kind.name
    assert "pillow 11.3" in kind.way


def test_pictures_are_known_by_content_where_the_suffix_says_nothing(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    plain = b"P3\n1 1\n255\n9 9 9\n"
    yes = {"scan": buffer.getvalue(), "a.jpg_large": b"\xff\xd8\xff\xe0" + bytes(30), "b": plain}
    for number, data in enumerate(OTHERS.values()):
        yes[f"{number}.HEIC"] = data
    no = {f"{number}.dat": data for number, data in enumerate(LEFT.values())}
    for name, data in (yes | no).items():
        (tmp_path / name).write_bytes(data)
    found = {path.name for path in tmp_path.iterdir() if may_be_picture(path)}
    assert found == set(yes)


def test_what_has_a_picture_s_suffix_is_not_opened_to_be_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(kinds.os, "stat", lambda _: pytest.fail("looked at"))
    assert may_be_picture(tmp_path / "absent.JPG")


def test_file_of_a_few_bytes_is_of_no_kind_and_no_fault(tmp_path):
    for begin in (
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"BM",
        b"\x0a\x05",
        b"\x01\xda",
        b"P6\n",
        b"DDS ",
    ):
        for length in range(len(begin) + 1):
            (tmp_path / "scan").write_bytes(begin[:length])
            may_be_picture(tmp_path / "scan")
            with pytest.raises(PictureError):
                read_picture(tmp_path / "scan")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipe_without_a_suffix_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert may_be_picture(tmp_path / "pipe")
    with pytest.raises(PictureError, match="a pipe or a device"):
        read_picture(tmp_path / "pipe")


def tiff(path, *pages, byteorder="<", bigtiff=False):
    """Write pages; a list of two is a page with another one within."""
    with tifffile.TiffWriter(path, byteorder=byteorder, bigtiff=bigtiff) as file:
        for page in pages:
            outer, *within = page if isinstance(page, list) else [page]
            pixels, more = outer
            file.write(pixels, photometric="rgb", subifds=len(within), metadata=None, **more)
            for pixels, more in within:
                file.write(pixels, metadata=None, **more)


LARGE, SMALL = draw_pixels(60, 80, 2), draw_pixels(6, 8, 2)
PREVIEW = (SMALL, {"subfiletype": 1})
RGB = {"photometric": "rgb"}
MOSAIC = (LARGE[..., 0], {"photometric": 32803})
SIDEWAYS = [(274, "H", 1, 6, True)]


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_of_a_tiff_with_a_preview_the_picture_is_read(tmp_path, byteorder, compression):
    tiff(tmp_path / "in.tif", [PREVIEW, (LARGE, RGB | {"compression": compression})],
         byteorder=byteorder)  # fmt: skip
    assert (np.asarray(read_picture(tmp_path / "in.tif")) == LARGE).all()
    after = (LARGE, {"compression": compression})
    for more in ({"byteorder": byteorder}, {"bigtiff": True}):
        tiff(tmp_path / "after.tif", (SMALL, {}), after, **more)
        assert (np.asarray(read_picture(tmp_path / "after.tif")) == LARGE).all()


def test_picture_behind_a_preview_is_turned_as_the_preview_says(tmp_path):
    sideways = (SMALL, {"subfiletype": 1, "extratags": SIDEWAYS})
    tiff(tmp_path / "a.tif", [sideways, (LARGE, RGB)])
    assert (np.asarray(read_picture(tmp_path / "a.tif")) == np.rot90(LARGE, -1)).all()


def test_of_pages_of_about_one_size_the_first_is_read(tmp_path):
    tiff(tmp_path / "a.tif", (LARGE[:40], {}), (LARGE, {}))
    assert (np.asarray(read_picture(tmp_path / "a.tif")) == LARGE[:40]).all()


def test_raw_file_with_a_preview_alone_is_refused_with_the_way_out(tmp_path):
    tiff(tmp_path / "a.dng", [PREVIEW, MOSAIC])
    with pytest.raises(PictureError, match=r"a\.dng' \(80x60\) only a preview of 8x6.*develop it"):
        read_picture(tmp_path / "a.dng")
    tiff(tmp_path / "b.dng", [PREVIEW, MOSAIC, (LARGE, RGB)])
    assert (np.asarray(read_picture(tmp_path / "b.dng")) == LARGE).all()


def test_gray_floats_that_pillow_lacks_are_read(tmp_path):
    values = (LARGE[..., 0] / 255).astype(np.float16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    pixels = np.asarray(read_picture(tmp_path / "a.tif"))[..., :1].astype(int)
    assert np.abs(pixels - LARGE[..., :1]).max() <= 1


def test_pages_that_lead_to_themselves_end(tmp_path):
    tiff(tmp_path / "a.tif", (LARGE, {}))
    data = bytearray((tmp_path / "a.tif").read_bytes())
    start = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[start : start + 2], "little")
    end = start + 2 + 12 * count
    data[end : end + 4] = data[4:8]
    (tmp_path / "a.tif").write_bytes(data)
    assert (np.asarray(read_picture(tmp_path / "a.tif")) == LARGE).all()


def gray(values, **more):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.asarray(values), metadata=None, **more)
    return read_layers(Path("a.tif"), buffer.getvalue()).picture


HDR = np.array([[0.1, 0.5, 1.0, 1.2]], np.float32)


@pytest.mark.parametrize(
    ("values", "more", "expected"),
    [
        (HDR, {}, [26, 128, 255, 255]),
        (HDR * 200, {}, [20, 100, 200, 240]),
        (HDR, {"extratags": [(341, "f", 1, 2.0, True)]}, [13, 64, 128, 153]),
        (HDR[:, :3] / 2, {"extratags": [(341, "f", 1, 0.5, True)]}, [13, 64, 128]),
        (np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32), {}, [0, 255, 0, 128]),
        (np.array([[0, 2048, 4095]], np.uint16), {"extratags": [(281, "H", 1, 4095, True)]},
         [0, 128, 255]),
        (np.array([[0, 32896, 65535]], np.uint16), {"extratags": [(281, "H", 1, 60000, True)]},
         [0, 128, 255]),
        (np.zeros((1, 3), np.uint16), {}, [0, 0, 0]),
    ],
)  # fmt: skip
def test_many_bits_are_scaled_by_what_the_file_says(values, more, expected):
    assert np.asarray(gray(values, **more))[0, :, 0].tolist() == expected


def test_floats_that_claim_to_be_huge_are_refused_before_there_is_room_made_for_them(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PictureError, match="claims more than"):
        gray((PIXELS / 255).astype(np.float32), photometric="rgb")


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
def test_floats_of_three_colours_are_read(planar, dtype):
    values = (PIXELS / 255).astype(dtype)
    if planar == "separate":
        values = np.moveaxis(values, -1, 0)
    pixels = np.asarray(gray(values, photometric="rgb", planarconfig=planar)).astype(int)
    assert np.abs(pixels - PIXELS).max() <= (dtype is np.float16)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((4, 4), 4016, np.uint16), "reach 4,016, and it does not say which one is white"),
        (np.full((4, 4), 300.5, np.float32), "reach 300.5, .*; scale them to 0 to 1"),
        (np.full((4, 4), 70_000, np.int32), "reach 70,000"),
    ],
)
def test_many_bits_without_a_scale_are_refused_with_what_is_wanted(values, words):
    with pytest.raises(PictureError, match=words):
        gray(values)


def half_transparent(mode, suffix):
    """White on the left; transparent on the right, whatever lies there."""
    picture = Image.new("RGBA", (8, 4), (255, 255, 255, 255))
    picture.paste((0, 128, 0, 0), (4, 0, 8, 4))
    buffer = io.BytesIO()
    options = {"format": suffix[1:], "lossless": True}
    if mode in ("P", "PA"):
        picture = picture.quantize(4, method=Image.Quantize.FASTOCTREE)
    elif mode == "LA":
        picture = picture.convert("LA")
    elif mode in ("L", "RGB", "1"):
        picture = picture.convert("RGB").convert(mode, dither=Image.Dither.NONE)
        options["transparency"] = picture.getpixel((7, 0))
    elif mode == "I;16":
        deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
        picture = Image.fromarray(deep)
        options["transparency"] = int(deep[0, 7])
    picture.save(buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        *((mode, ".png") for mode in ("RGBA", "P", "LA", "L", "RGB", "1", "I;16")),
        ("RGBA", ".gif"), ("RGBA", ".webp"), ("RGBA", ".tiff"), ("LA", ".tiff"),
    ],
)  # fmt: skip
def test_opacity_counts_in_every_mode_that_has_any(mode, suffix):
    picture, alpha = read_layers(Path("a"), half_transparent(mode, suffix))
    assert (np.asarray(alpha)[:, :4] == 255).all()
    assert (np.asarray(alpha)[:, 4:] == 0).all()
    assert (np.asarray(picture)[:, :4] == 255).all()


def test_colour_of_sixteen_bits_that_is_transparent_is_found():
    rows = np.zeros((2, 4, 3), ">u2")
    rows[:, 2:] = (0x1234, 0x5678, 0x9ABC)

    def chunk(name, data):
        return (
            struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))
        )

    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">LLBBBBB", 4, 2, 16, 2, 0, 0, 0))
    data += chunk(b"tRNS", struct.pack(">HHH", 0x1234, 0x5678, 0x9ABC))
    data += chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    alpha = np.asarray(read_layers(Path("a.png"), data).alpha)
    assert alpha.tolist() == [[255, 255, 0, 0]] * 2
