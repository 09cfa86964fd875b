"""Weights files made to order: by layer, by size, from the command line."""

import csv
import itertools
import sys

import numpy as np
import pytest
import torch

from medley.cli.quantize import Size
from medley.errors import WeightsError
from medley.images import decode
from medley.settings.shot import LOSS_LAYERS, STYLE_LAYERS
from medley.studio.compression.allocate import choose_widths, file_bytes, measure_sensitivity
from medley.studio.compression.compare import Candidate, FeatureComparison, measure
from medley.studio.editing.report import draw_comparison, write_comparison
from medley.tensors import to_tensor
from medley.transfer.gram import gram_matrix
from medley.vgg import sources, weightfile
from medley.vgg.quantize import network_codebooks
from medley.vgg.weights import load_weights

from .conftest import draw_pixels
from .test_render import run

COUNTS = {"a": 4000, "b": 20_000, "c": 100_000}


@pytest.fixture
def quantize(float_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(float_cache))
    return lambda *arguments, **more: run("quantize", *arguments, cwd=tmp_path, **more)


@pytest.fixture(scope="module")
def comparison():
    pictures = [to_tensor(draw_pixels(32, 40, seed)) for seed in (1, 2)]
    return FeatureComparison(load_weights(8).tensors, pictures)


def falling(scale):
    """Sensitivity that falls fourfold with every bit, as the square of an error does."""
    return {bits: scale * 4.0**-bits for bits in range(1, 9)}


def test_float_network_has_no_errors(comparison):
    errors = comparison({})
    assert errors.total == 0
    assert set(errors.features) == set(LOSS_LAYERS)
    assert set(errors.grams) == set(STYLE_LAYERS)


def test_errors_are_those_of_a_plain_computation(comparison):
    weight, bias = comparison.originals["conv1_1"]
    errors = comparison({"conv1_1": (weight * 1.25, bias * 1.25)})
    # A scaled first layer scales its features, and its Gram matrix by the square.
    assert errors.features["relu1_1"] == pytest.approx(0.25, rel=1e-4)
    assert errors.grams["relu1_1"] == pytest.approx(1.25**2 - 1, rel=1e-4)
    features = torch.rand(1, 3, 4, 4)
    assert gram_matrix(features * 1.25).sum() == pytest.approx(
        1.25**2 * gram_matrix(features).sum().item(), rel=1e-5
    )


def test_sensitivity_falls_with_bits_and_is_none_behind_the_last_layer_looked_at(comparison):
    originals = {
        name: tuple(tensor.numpy() for tensor in comparison.originals[name])
        for name in ("conv1_1", "conv1_2")
    }
    unseen = np.random.default_rng(0).standard_normal((512, 4, 3, 3), np.float32)
    originals["conv5_4"] = (unseen, np.zeros(512, np.float32))
    weights = {name: weight for name, (weight, _) in originals.items()}
    books = network_codebooks(weights, dict.fromkeys(weights, range(1, 9)), workers=1)
    tried = []
    sensitivity = measure_sensitivity(
        originals, books, comparison, lambda name, bits: tried.append((name, bits))
    )
    assert len(tried) == 24
    for name in ("conv1_1", "conv1_2"):
        assert sensitivity[name][1] > sensitivity[name][3] > sensitivity[name][6] > 0
    assert set(sensitivity["conv5_4"].values()) == {0.0}


@pytest.mark.parametrize("target", [45_000, 60_000, 80_000, 110_000])
def test_chosen_widths_fit_and_are_near_the_best_of_all(target):
    sensitivity = {"a": falling(3.0), "b": falling(1.0), "c": falling(0.2)}
    chosen = choose_widths(sensitivity, COUNTS, target)
    assert file_bytes(chosen, COUNTS) <= target

    def cost(widths):
        return sum(sensitivity[name][bits] for name, bits in widths.items())

    every = (dict(zip(COUNTS, w, strict=True)) for w in itertools.product(range(1, 9), repeat=3))
    best = min(cost(widths) for widths in every if file_bytes(widths, COUNTS) <= target)
    assert cost(chosen) <= best * 4.01


def test_layer_that_does_no_harm_is_narrowed_first():
    sensitivity = {"a": falling(1.0), "b": dict.fromkeys(range(1, 9), 0.0), "c": falling(1.0)}
    full = file_bytes(dict.fromkeys(COUNTS, 8), COUNTS)
    chosen = choose_widths(sensitivity, COUNTS, full - 17_000)
    assert chosen == {"a": 8, "b": 1, "c": 8}


def test_size_below_one_bit_is_refused_with_what_it_takes():
    with pytest.raises(WeightsError, match=r"20,000 bytes are too few: 1 bit a weight takes "):
        choose_widths(dict.fromkeys(COUNTS, falling(1.0)), COUNTS, 20_000)


@pytest.mark.parametrize(
    ("text", "size"), [("5MB", 5_000_000), ("1.5 MiB", 1_572_864), ("800", 800), ("2kb", 2000)]
)
def test_sizes_are_read_with_their_units(text, size):
    assert Size().convert(text, None, None) == size


def test_file_of_mixed_widths_is_taken_by_stylize(quantize, make_picture, tmp_path):
    done = quantize("-o", "small.safetensors", "--scheme", "affine", "--bits", "6", "--layers",
                    "conv1_1:8,conv5_4:1")  # fmt: skip
    assert done.stdout == "small.safetensors\n"
    header = weightfile.read_header(tmp_path / "small.safetensors")
    assert (header.layers["conv1_1"].bits, header.layers["conv5_4"].bits) == (8, 1)
    assert header.layers["conv3_3"].bits == 6
    make_picture("photo.png")
    make_picture("painting.png", seed=2)
    still = ("stylize", "photo.png", "painting.png", "--size", "32", "--steps", "2")
    run(*still, "-o", "a.png", "--weights", "small.safetensors", cwd=tmp_path)
    run(*still, "-o", "b.png", cwd=tmp_path)
    assert (decode(tmp_path / "a.png") != decode(tmp_path / "b.png")).any()
    shown = run("weights", "show", "small.safetensors", cwd=tmp_path)
    assert "conv5_4" in shown.stdout
    refused = quantize("-o", "small.safetensors", "--scheme", "affine", expect=1)
    assert "exists; pass --force" in refused.stderr


BAD = {
    "no bits": (["--bits", "0"], 2, "a whole number from 1 to 8"),
    "words": (["--bits", "four"], 2, "--bits is 'four'"),
    "no layer": (["--layers", "conv9_1:4"], 2, "there is no layer 'conv9_1'; there are conv1_1"),
    "no width": (["--layers", "conv1_1:9"], 2, "1 to 8 bits"),
    "no size": (["--target-size", "small"], 2, "is not a size such as 5MB"),
    "too small": (["--target-size", "1MB"], 1, "1 bit a weight takes 2,5"),
    "two ways": (["--target-size", "5MB", "--bits", "3"], 2, "contradict"),
    "short floats": (["--scheme", "bfloat16", "--bits", "8"], 2, "contradict"),
    "no ending": (["-o", "out.bin"], 2, "must end in .safetensors"),
    "no original": (["--original", "absent.safetensors"], 1, "absent.safetensors"),
    "no pictures": (["--pictures", "absent", "--scheme", "calibrated"], 1, "'absent'"),
    "no folder": (["-o", "file/x.safetensors"], 1, "cannot write"),
}


@pytest.mark.parametrize("scheme", ["float16", "bfloat16"])
def test_short_floats_take_two_bytes_a_weight(quantize, tmp_path, scheme):
    quantize("-o", "half.safetensors", "--scheme", scheme)
    loaded = load_weights(tmp_path / "half.safetensors")
    assert loaded.bits == 16
    assert loaded.size_bytes == pytest.approx(2 * 20_018_880, rel=0.01)
    exact = load_weights(8).tensors["conv3_1"][0]
    torch.testing.assert_close(loaded.tensors["conv3_1"][0], exact, rtol=0.01, atol=1e-6)


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line_and_leaves_no_file(quantize, tmp_path, case):
    (tmp_path / "file").touch()
    arguments, code, words = BAD[case]
    output = [] if "-o" in arguments else ["-o", "out.safetensors"]
    done = quantize(*output, *arguments, expect=code)
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("Error: ")
    assert words in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_missing_original_says_how_to_get_it(quantize, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "none"))
    assert "run 'medley weights fetch'" in quantize("-o", "a.safetensors", expect=1).stderr
    assert "not here; medley weights fetch" in run("weights", "list", cwd=tmp_path).stdout


def test_quantized_file_is_not_quantized_again(quantize):
    done = quantize("-o", "a.safetensors", "--original", weightfile.BUNDLE, expect=1)
    assert "is quantized already; quantize the float original" in done.stderr


def test_weights_and_bits_contradict(tmp_path):
    done = run("stylize", "a", "b", "-o", "c.png", "--bits", "4", "--weights", "w", cwd=tmp_path,
               expect=2)  # fmt: skip
    assert "--weights and --bits contradict" in done.stderr


def test_comparison_has_a_row_for_each_candidate_and_a_chart(comparison, tmp_path):
    full = measure(weightfile.BUNDLE, comparison)
    assert full.errors.total == 0
    assert full.size_bytes == weightfile.BUNDLE.stat().st_size
    assert 0 < full.load_s < 10
    assert 0 < full.distortion < 1e-4
    rows = [full, Candidate("affine", 4, 1000, 0.1, 0.2, comparison({}))]
    write_comparison(rows, tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["scheme"] for row in read] == ["kmeans", "affine"]
    assert float(read[0]["gram_relu5_1"]) == 0
    draw_comparison(rows, tmp_path / "c.png")
    assert decode(tmp_path / "c.png").shape[1] > 800


def test_weights_list_answers_without_torch():
    import subprocess

    code = (
        "import sys; from medley.cli import cli; "
        "cli(['weights', 'list'], standalone_mode=False); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    assert done.returncode == 0
    assert sources.NAMES == ("original", "torchvision")
