"""Small pictures made in code, and one network for all tests."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image

from medley.film.facts import read_facts
from medley.images import Pixels
from medley.settings import ShotSettings
from medley.studio.shooting.model import Model, load_model
from medley.vgg import schemes, weightfile
from medley.vgg.sources import KERAS_ORIGIN
from medley.vgg.weights import load_weights

torch.set_num_threads(1)  # tiny pictures: more threads would only wait for each other

MakePicture = Callable[..., Path]


def draw_pixels(height: int, width: int, seed: int) -> Pixels:
    """Smooth colour with a few hard-edged boxes: enough for features on every layer."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(2 * np.pi * (x * a + y * b + c)) for a, b, c in rng.random((3, 3)) * 4]
    pixels = np.rint(np.stack(waves, axis=2) * 100 + 128).astype(np.uint8)
    for _ in range(4):
        top, left = rng.integers(0, height), rng.integers(0, width)
        pixels[top : top + height // 4, left : left + width // 4] = rng.integers(0, 256, 3)
    return pixels


def film_pixels(path: Path) -> Pixels:
    """Decode a film, by ffmpeg itself, to uint8 RGB `(frames, height, width, 3)`.

    Its quick conversion cuts 10 bits off instead of rounding them, by up to three levels.
    """
    facts = read_facts(path)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-f", "rawvideo"]
    exact = ["-vf", "scale=flags=accurate_rnd+full_chroma_int+full_chroma_inp"]
    raw = subprocess.run(
        [*command, *exact, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    pixels = np.frombuffer(raw.stdout, np.uint8)
    return pixels.reshape(-1, facts.height, facts.width, 3)


@pytest.fixture(autouse=True)
def _same_chance() -> None:
    """Tests that draw at random draw the same every time, alone or after others."""
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever the user has fetched or measured has no part in the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDLEY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def make_picture(tmp_path: Path) -> MakePicture:
    """Write a small picture and give its path."""

    def make(name: str = "photo.png", height: int = 40, width: int = 48, seed: int = 1) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_pixels(height, width, seed)).save(path)
        return path

    return make


@pytest.fixture(scope="session")
def float_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache whose "float original" is the bundle, decoded."""
    folder = tmp_path_factory.mktemp("cache")
    layers = {
        name: schemes.quantize_layer(weight.numpy(), bias.numpy(), "float32", 32)
        for name, (weight, bias) in load_weights(8).tensors.items()
    }
    weightfile.write(folder / "vgg19-original.safetensors", layers, "float32", KERAS_ORIGIN)
    return folder


@pytest.fixture(scope="session")
def model() -> Model:
    """The bundled network on the CPU, the same on every machine."""
    return load_model(ShotSettings(precision="float32"), "cpu")
