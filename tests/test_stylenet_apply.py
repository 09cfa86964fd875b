"""The quick pass gives the network's own numbers, in however many strips, within bounded memory."""

import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import torch

from medley.errors import ResourceError
from medley.stylenet import apply
from medley.stylenet.apply import Painter
from medley.stylenet.network import StyleNet
from medley.stylenet.shape import full_shape, small_shape
from medley.tensors import to_tensor

from .test_stylenet_network import make

STRIPS = 1  # most values of a picture in one strip, so that there are several of four rows each
SIZES = [(1, 9), (8, 8), (9, 13), (37, 50), (64, 33), (90, 131)]
SHAPES = [small_shape(styles=2), full_shape(0.1, 2), small_shape(0.1, 0)]


def draw(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def painted(network, photo, mix=None, most_values=2**25):
    made = Painter(network, mix, most_values).repaint(photo)
    picture = torch.cat([band for _, band in made.bands()])
    assert picture.shape == photo.shape
    return picture


@pytest.mark.parametrize("most_values", [2**25, STRIPS])
@pytest.mark.parametrize("shape", SHAPES, ids=["small", "full", "without blocks"])
def test_the_pass_in_one_strip_or_many_is_that_of_the_network(shape, most_values):
    network = make(shape=shape)
    mix = [0.3, 0.7] if shape.styles == 2 else None
    for size in SIZES:
        photo = draw(*size)
        expected = network(to_tensor(photo), mix)[0].permute(1, 2, 0)
        assert (painted(network, photo, mix, most_values) - expected).abs().max() < 1e-4


def test_strips_do_not_show_where_a_picture_is_dark_above_and_bright_below():
    photo = (draw(120, 40) // 8 + np.linspace(0, 220, 120)[:, None, None]).astype(np.uint8)
    network = make()
    difference = painted(network, photo, most_values=STRIPS) - painted(network, photo)
    assert difference.abs().max() < 1e-4


def test_a_flat_photo_becomes_flat_in_strips_as_in_one():
    network = make()
    for level in (0, 77, 255):
        photo = np.full((40, 24, 3), level, np.uint8)
        whole, strips = (painted(network, photo, most_values=most) for most in (2**25, STRIPS))
        assert (whole - whole[0, 0]).abs().max() < 1e-3
        assert (whole - strips).abs().max() < 1e-3


def test_pixels_are_rounded_and_rows_come_in_any_order():
    network, photo = make(), draw(41, 30)
    made = Painter(network, most_values=STRIPS).repaint(photo)
    expected = network(to_tensor(photo))[0].permute(1, 2, 0)
    assert np.abs(made.pixels() - (expected * 255).numpy()).max() < 0.51
    assert torch.equal(made.band(30, 41), torch.cat([made.band(30, 35), made.band(35, 41)]))


def test_a_painter_takes_one_photo_after_another():
    network, photos = make(), [draw(20, 30), draw(33, 17), draw(20, 30)]
    painter = Painter(network)
    first, _, again = (painter.repaint(photo).pixels() for photo in photos)
    assert np.array_equal(first, again)


@pytest.mark.parametrize("most_values", [2**25, 1])
def test_a_photo_that_was_begun_with_serves_all_mixes(most_values):
    network, photo = make(styles=2), draw(22, 31, seed=2)
    begun = Painter(network, most_values=most_values).begin(photo)
    for mix in ([0.0, 1.0], [0.3, 0.7], [0.0, 1.0], None):
        painter = Painter(network, mix, most_values)
        assert np.array_equal(painter.repaint(begun).pixels(), painter.repaint(photo).pixels())


def test_a_read_only_photo_is_taken():
    photo = draw(16, 16)
    photo.flags.writeable = False
    assert Painter(make()).repaint(photo).pixels().shape == (16, 16, 3)


def test_a_disk_too_small_is_told_before_the_work(monkeypatch):
    class Usage(NamedTuple):
        free: int = 1000

    monkeypatch.setattr(apply.shutil, "disk_usage", lambda _: Usage())
    with pytest.raises(ResourceError, match="TMPDIR"):
        Painter(make(), most_values=STRIPS).repaint(draw(40, 40))


def test_a_disk_that_becomes_full_is_told(monkeypatch):
    class Full:
        def seek(self, _):
            pass

        def write(self, _):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(apply.tempfile, "TemporaryFile", Full)
    with pytest.raises(ResourceError, match="No space left"):
        Painter(make(), most_values=STRIPS).repaint(draw(40, 40))


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory as Linux counts it")
def test_memory_does_not_grow_with_the_picture():
    code = """
import resource, numpy as np, torch
torch.set_num_threads(1)
from medley.stylenet.apply import Painter
from medley.stylenet.network import StyleNet
from medley.stylenet.shape import small_shape
painter = Painter(StyleNet(small_shape(0.1, 1)), most_values=2**18)
for rows in (512, 4096):
    photo = np.zeros((rows, 512, 3), np.uint8)
    photo[::3] = 200
    painter.repaint(photo).pixels()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    small, large = map(int, run.stdout.split())
    assert large - small < 25e6  # a feature map of the larger one has 25 MB, and two are needed


def test_weights_that_are_trained_on_do_not_change_a_painter():
    network = StyleNet(small_shape(0.1, 1))
    photo = draw(16, 16)
    painter = Painter(network)
    before = painter.repaint(photo).pixels()
    with torch.no_grad():
        for kernel in network.kernels:
            kernel.mul_(torch.randn_like(kernel))
    assert np.array_equal(painter.repaint(photo).pixels(), before)
