import kmeans1d
import numpy as np
import pytest
import torch

from medley.tensors import to_tensor
from medley.vgg import calibrate, codebook, schemes, weightfile
from medley.vgg.calibrate import (
    Calibrated,
    Statistics,
    feed_back,
    quantize_rows,
    refit,
    weighted_codebooks,
)
from medley.vgg.network import VGG19
from medley.vgg.quantize import quantize_calibrated
from medley.vgg.weightfile import Origin
from medley.vgg.weights import load_weights

from .conftest import draw_pixels


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    return torch.randn((6, 45), generator=generator) * torch.logspace(-1, 0, 45)


@pytest.fixture
def moments():
    """Of inputs that go together, as neighbouring pixels do."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn((45, 400), generator=generator).cumsum(dim=0)
    return inputs @ inputs.T / 400 + torch.eye(45)


def output_error(rows, codes, books, moments):
    error = books.gather(1, codes) - rows
    return ((error @ moments) * error).sum().item()


def nearest(rows, books):
    return (rows[:, :, None] - books[:, None, :]).abs().argmin(2)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_unweighted_codebooks_come_near_the_optimum(rows, size):
    books = weighted_codebooks(rows, torch.ones(45), size)
    for row, book in zip(rows.numpy().astype(float), books.numpy(), strict=True):
        best = np.array(kmeans1d.cluster(row, size).centroids)
        ours = np.square(row[:, None] - book).min(1).sum()
        optimum = np.square(row[:, None] - best).min(1).sum()
        assert optimum * (1 - 1e-5) <= ours <= optimum * 2


def test_weighted_codebook_entries_are_the_weighted_means_of_their_cells(rows):
    weights = torch.linspace(0.1, 3, 45)
    books = weighted_codebooks(rows, weights, 4)
    codes = nearest(rows, books)
    for row, code, book in zip(rows, codes, books, strict=True):
        for entry in code.unique():
            cell = code == entry
            mean = (row[cell] * weights[cell]).sum() / weights[cell].sum()
            assert book[entry].item() == pytest.approx(mean.item(), abs=2e-3)


def test_feedback_without_correlation_is_rounding(rows):
    books = weighted_codebooks(rows, torch.ones(45), 8)
    assert torch.equal(feed_back(rows, books, torch.eye(45)), nearest(rows, books))


def test_feedback_and_refit_each_lower_the_error_of_the_output(rows, moments):
    books = weighted_codebooks(rows, moments.diagonal(), 4)
    rounded = output_error(rows, nearest(rows, books), books, moments)
    codes = feed_back(rows, books, moments)
    fed_back = output_error(rows, codes, books, moments)
    fitted = output_error(rows, codes, refit(rows, codes, books, moments), moments)
    assert fed_back < rounded * 0.7
    assert fitted < fed_back


def test_refit_agrees_with_a_plain_least_squares_solver(rows, moments):
    books = weighted_codebooks(rows, torch.ones(45), 4)
    codes = nearest(rows, books)
    fitted = refit(rows, codes, books, moments)
    root = torch.linalg.cholesky(moments, upper=True).double()
    for row, code, book in zip(rows, codes, fitted, strict=True):
        chosen = torch.nn.functional.one_hot(code, 4).double()
        solution = torch.linalg.lstsq(root @ chosen, root @ row.double()[:, None]).solution
        ours, best = (
            (root @ (chosen @ values - row.double())).square().sum()
            for values in (book.double(), solution[:, 0])
        )
        assert ours <= best * 1.001


def test_bias_takes_up_what_is_constant():
    generator = torch.Generator().manual_seed(2)
    inputs = torch.rand((1, 2, 12, 12), generator=generator) + 3
    weight, bias = torch.randn((5, 18), generator=generator), torch.randn(5)
    seen = Statistics(torch.cat([weight, bias[:, None]], dim=1))
    seen.add(inputs, inputs)
    codes, books, shift = quantize_rows(weight, bias, seen, 2)
    decoded = books.float().gather(1, codes).view(5, 2, 3, 3)
    ours = torch.nn.functional.conv2d(inputs, decoded, shift, padding=1)
    exact = torch.nn.functional.conv2d(inputs, weight.view(5, 2, 3, 3), bias, padding=1)
    assert (ours - exact).mean((0, 2, 3)).abs().max() < 0.05
    assert (ours - exact).norm() / (exact - exact.mean((2, 3), keepdim=True)).norm() < 0.2


def test_calibrated_layers_beat_plain_codebooks_on_a_picture_not_seen(tmp_path):
    names = ("conv1_1", "conv1_2", "conv2_1")
    tensors = load_weights(8, layers=names).tensors
    originals = {name: (w.numpy(), b.numpy()) for name, (w, b) in tensors.items()}
    pictures = [to_tensor(draw_pixels(64, 64, seed)) for seed in (1, 2, 3)]
    told: dict[str, Calibrated] = {}
    layers = quantize_calibrated(originals, dict.fromkeys(names, 3), pictures, told.__setitem__)
    assert tuple(told) == names
    plain = {
        name: (torch.from_numpy(schemes.decode(schemes.quantize_layer(w, b, "kmeans", 3))), b)
        for name, (w, b) in originals.items()
    }
    weightfile.write(tmp_path / "c.safetensors", layers, "calibrated", Origin("test", "0", "none"))
    loaded = load_weights(tmp_path / "c.safetensors")
    image = to_tensor(draw_pixels(64, 64, 9))

    def see(network_tensors):
        as_torch = {n: (w, torch.as_tensor(b)) for n, (w, b) in network_tensors.items()}
        return VGG19(as_torch, ["relu2_1"])(image)["relu2_1"]

    exact = see(tensors)
    ours, theirs = ((see(t) - exact).norm() / exact.norm() for t in (loaded.tensors, plain))
    assert ours < theirs / 2
    assert loaded.label == "3-bit calibrated"


def test_codebooks_of_all_channels_add_little_to_a_layer():
    weight = np.random.default_rng(0).standard_normal((256, 256, 3, 3)).astype(np.float32)
    codes = np.zeros(weight.shape, np.uint8)
    bias = np.zeros(256, np.float32)
    for bits in (3, 4):
        books = np.zeros((256, 2**bits), np.float16)
        ours = schemes.assemble(weight, codes, books, bias, bits).size_bytes
        plain = schemes.quantize_layer(
            weight, bias, "kmeans", bits, np.zeros(2**bits, np.float32)
        ).size_bytes
        assert ours / plain < 1.04


def test_calibration_needs_pictures():
    with pytest.raises(ValueError, match="at least one picture"):
        calibrate.calibrate({}, {}, [])
    assert range(1, 9) == codebook.WIDTHS
