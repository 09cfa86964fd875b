"""Small whole files of every kind that medley reads, made in memory, the same every time."""

import io
import struct
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import tifffile
import torch
from PIL import Image, ImageCms

from medley.media.ffmpeg import run, url
from medley.paintings.tables import COLUMNS
from medley.stylenet import netfile, onnx_graph
from medley.stylenet.network import StyleNet
from medley.stylenet.shape import small_shape
from medley.vgg import columns, schemes, weightfile
from medley.vgg.normalization import CAFFE, TORCHVISION

Samples = dict[str, bytes]
"""Files by name, whose suffix is the one they have in the world."""

_HEIGHT, _WIDTH = 24, 32


def pictures() -> Samples:
    """Pictures of every format that is opened, in their modes, and some that are not opened."""
    found = {}
    for name, picture, options in _with_pillow():
        file_format = Image.registered_extensions()[Path(name).suffix]
        if file_format in Image.SAVE:  # not every Pillow writes all of them
            buffer = io.BytesIO()
            picture.save(buffer, file_format, **options)
            found[name] = buffer.getvalue()
    found |= {name: _tiff(*pages) for name, pages in _with_tifffile().items()}
    found["drawing.eps"] = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    found["photo.heic"] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)
    found["layers.psd"] = _psd()
    return found


def weights() -> Samples:
    """Weights of one small layer in each way to encode them, style networks, and state dicts."""
    chance = np.random.default_rng(3)
    weight = chance.normal(size=weightfile.SHAPES["conv1_1"]).astype(np.float32)
    bias = np.zeros(64, np.float32)
    origin = weightfile.Origin("made up", "0" * 64, "none")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.safetensors")
        for scheme, bits in (
            ("kmeans", 8), ("kmeans", 3), ("affine", 4), ("affine-channel", 8), ("float16", 16),
            ("bfloat16", 16), ("float32", 32),
        ):  # fmt: skip
            layer = schemes.quantize_layer(weight, bias, scheme, bits)
            if (scheme, bits) == ("kmeans", 8):
                layer = schemes.with_narrower(layer)
            fed = TORCHVISION if scheme == "float32" else CAFFE
            weightfile.write(path, {"conv1_1": layer}, scheme, replace(origin, fed=fed))
            found[f"{scheme}-{bits}.safetensors"] = path.read_bytes()
        grid = chance.integers(0, 9, (3, 3, 3)).astype(np.uint8)
        codes = chance.integers(-2, 3, weight.shape).astype(np.int8)
        arrays = columns.write(codes, grid) | {"steps": grid, "unit": np.ones(1, np.float32)}
        arrays |= {"scale": np.ones(64, np.float16), "bias": bias}
        layer = schemes.assemble_coded(weight, arrays)
        weightfile.write(path, {"conv1_1": layer}, schemes.ENTROPY, origin)
        found["entropy.safetensors"] = path.read_bytes()
    styles = [netfile.StyleName("Glass"), netfile.StyleName("Gilded", "Nobody")]
    network = StyleNet(small_shape(0.1, 1, len(styles))).to_file(styles, {"steps": 9})
    for bits in (2, 8, 32):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"net-{bits}.safetensors")
            netfile.write(path, replace(network, bits=bits))
            found[path.name] = path.read_bytes()
    found["net.onnx"] = onnx_graph.serialized(onnx_graph.onnx_model(network), network)
    return found | _states({"features.0.weight": weight, "features.0.bias": bias})


def _states(arrays: dict[str, npt.NDArray[np.float32]]) -> Samples:
    """A state dict in the forms that it is stored in."""
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    found = {"state.safetensors": safetensors.torch.save(state)}
    for name, is_zip in (("state.pth", True), ("old.pth", False)):
        buffer = io.BytesIO()
        torch.save(state, buffer, _use_new_zipfile_serialization=is_zip)
        found[name] = buffer.getvalue()
    return found


def sounds() -> Samples:
    """A second of sound in the formats that people have."""
    times = np.arange(8000) / 8000
    samples = (np.sin(440 * 2 * np.pi * times) * 9000).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    found = {"sound.wav": buffer.getvalue()}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "sound.wav")
        source.write_bytes(found["sound.wav"])
        for suffix in (".mp3", ".flac", ".ogg", ".m4a"):
            target = Path(folder, f"sound{suffix}")
            if run("-i", url(source), "-ar", "48000", url(target)).returncode == 0:
                found[target.name] = target.read_bytes()
    return found


def clips() -> Samples:
    """A second of moving pictures in the formats that people have."""
    found: Samples = {}
    moving = ["-f", "lavfi", "-i", "testsrc=s=64x48:r=8:d=1", "-pix_fmt", "yuv420p"]
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".mp4", ".mkv", ".webm", ".avi", ".ts"):
            target = Path(folder, f"clip{suffix}")
            if run(*moving, url(target)).returncode == 0:
                found[target.name] = target.read_bytes()
    frames = [Image.fromarray(np.roll(_pixels(3), number, 1)) for number in range(4)]
    for suffix in (".gif", ".webp", ".png"):
        buffer = io.BytesIO()
        kind = Image.registered_extensions()[suffix]
        frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=100)
        found[f"clip{suffix}"] = buffer.getvalue()
    return found


def tables() -> Samples:
    """Tables of paintings."""
    rows = [
        COLUMNS,
        ("A Rose", "Ann", "portrait", "Realism", "c.1890", "True", "a.jpg"),
        ('Träumerei, "am Kamin"', "Böcklin", "genre", "", "1889-1890", "", "./b.jpg"),
    ]
    comma = "\n".join(",".join(_quoted(cell) for cell in row) for row in rows)
    other = comma.replace(",", ";")
    encodings = {"utf-8": comma, "utf-8-sig": comma, "utf-16": comma, "latin-1": other}
    return {f"{name}.csv": text.encode(name) for name, text in encodings.items()}


def settings() -> Samples:
    """A command's settings, a batch's manifest, and a film's sidecar."""
    film = 'content = "*.jpg"\nstyles = "."\nsize = 96\nsteps = [2, 3]\n'
    films = [f"[[film]]\n{film}output = '{kind}{{steps}}.mp4'\n" for kind in ("a", "b")]
    manifest = "\n".join(
        ["[defaults]\nquality = 'draft'\n", films[0], films[1] + "kind = 'walk'\n"]
    )
    config = 'content = "photo.jpg"\nstyles = ["."]\nsize = 256\nsteps = 12\nfps = "24000/1001"\n'
    config += 'resolution = "720p"\ntitle = "a\\nb"\n'
    order = '{"content": "photo.jpg", "styles": ["a"], "size": 96, "fps": 12.5, "loop": true}'
    sidecar = f'{{"medley": "0.1.0", "command": "render", "order": {order}}}'
    texts = {"config.toml": config, "films.toml": manifest, "film.json": sidecar}
    return {name: text.encode() for name, text in texts.items()}


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"') else cell


def _pixels(channels: int) -> npt.NDArray[np.uint8]:
    """A gradient with a little noise, `(height, width, channels)`."""
    rows, columns = np.mgrid[:_HEIGHT, :_WIDTH]
    planes = [rows * 10, columns * 7, rows * columns // 4, 255 - rows * 3][:channels]
    noise = np.random.default_rng(channels).integers(0, 9, (_HEIGHT, _WIDTH, channels))
    return (np.stack(planes, -1) + noise).clip(0, 255).astype(np.uint8)


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "maker", 72.0
    exif.get_ifd(0x8769)[0x829A] = 0.01
    exif.get_ifd(0x8825)[1] = "N"
    return exif.tobytes()


def _with_pillow() -> Iterator[tuple[str, Image.Image, dict[str, Any]]]:
    """Name, picture and options of the files that Pillow can write."""
    rgb, rgba = Image.fromarray(_pixels(3)), Image.fromarray(_pixels(4))
    gray, palette = rgb.convert("L"), rgb.quantize(16)
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    exif = _exif()
    for suffix in ("jpg", "png", "webp", "avif", "tif"):
        yield f"exif.{suffix}", rgb, {"exif": exif}
    for suffix in ("bmp", "dds", "dib", "gif", "ico", "icns", "jp2", "pcx", "ppm", "qoi", "sgi"):
        yield f"rgb.{suffix}", rgb, {}
    for suffix in ("png", "webp", "tif", "tga", "jp2", "dds", "avif"):
        yield f"rgba.{suffix}", rgba, {}
    for suffix in ("jpg", "png", "tif", "pgm", "tga", "pcx"):
        yield f"gray.{suffix}", gray, {}
    yield "palette.png", palette, {"transparency": 3}
    yield "keyed.png", rgb, {"transparency": (3, 4, 5)}
    yield "gray-alpha.png", rgba.convert("LA"), {}
    yield "one-bit.png", gray.convert("1"), {}
    yield "one-bit.tif", gray.convert("1"), {"compression": "group4"}
    yield "deep.png", deep, {"transparency": 257}
    yield "deep.pgm", deep, {}
    yield "profile.png", rgb, {"icc_profile": _profile()}
    yield "ink.jpg", rgb.convert("CMYK"), {"icc_profile": _profile()}
    yield "progressive.jpg", rgb, {"progressive": True, "exif": exif}
    yield "lossless.webp", rgb, {"lossless": True}
    yield "packed.tga", rgb, {"compression": "tga_rle"}
    for way in ("tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate"):
        yield f"{way}.tif", rgb, {"compression": way}
    for suffix in ("gif", "webp", "png", "tif"):
        yield f"animated.{suffix}", palette, {"save_all": True, "append_images": [palette] * 2}


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _with_tifffile() -> dict[str, Any]:
    rgb = _pixels(3)
    return {
        "floats.tif": [(rgb / 255).astype(np.float32)],
        "float.tif": [(rgb[..., 0] / 200).astype(np.float32)],
        "deep.tif": [rgb.astype(np.uint16) * 257],
        "preview.dng": [rgb[::4, ::4], rgb],
    }


def _tiff(*pages: npt.NDArray[Any]) -> bytes:
    """A TIFF of the first page, and the others within it."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for number, page in enumerate(pages):
            kind = {"photometric": "rgb" if page.ndim == 3 else "minisblack", "metadata": None}
            within = len(pages) - 1 if not number else 0
            file.write(page, subifds=within, subfiletype=int(bool(within)), **kind)
    return buffer.getvalue()


def _psd() -> bytes:
    """A Photoshop file of one layer, its planes uncompressed."""
    head = b"8BPS" + struct.pack(">H6xHLLHH", 1, 3, _HEIGHT, _WIDTH, 8, 3)
    planes = np.moveaxis(_pixels(3), -1, 0).tobytes()
    return head + struct.pack(">LLLH", 0, 0, 0, 0) + planes
