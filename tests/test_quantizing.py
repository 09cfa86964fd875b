"""Weights files made to order: by layer, by size, from the command line."""

import csv
import io
import itertools
import math
import sys

import numpy as np
import pytest
import torch
from rich.console import Console

from medley.cli import progress
from medley.cli.progress import Display
from medley.cli.quantize import Size
from medley.errors import WeightsError
from medley.events import Event, stage
from medley.images import decode
from medley.settings.shot import LOSS_LAYERS, STYLE_LAYERS
from medley.studio.compression import quantizing
from medley.studio.compression.allocate import Trial, choose_widths, file_bytes, try_widths
from medley.studio.compression.compare import Candidate, Errors, FeatureComparison, measure
from medley.studio.compression.quantizing import Quantizer, make_variants
from medley.studio.editing.report import draw_comparison, write_comparison
from medley.tensors import to_tensor
from medley.transfer.gram import gram_matrix
from medley.vgg import calibrate, entropy, schemes, sources, weightfile
from medley.vgg.codebook import optimal_codebooks
from medley.vgg.originals import NAMES
from medley.vgg.weights import load_weights

from .conftest import draw_pixels
from .test_render import run

COUNTS = {"a": 4000, "b": 20_000, "c": 100_000}
FALLS = {"a": 1.0, "b": 0.1, "c": 0.0}


def size_of(widths):
    return sum(COUNTS[name] * bits // 8 + 4 * 2**bits for name, bits in widths.items())


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
    tried = []
    for name, pair in originals.items():
        books = optimal_codebooks(pair[0], range(1, 9))
        trials = try_widths(name, pair, books, comparison, lambda: tried.append(name))  # noqa: B023
        costs = [trials[bits].cost for bits in range(1, 9)]
        if name == "conv5_4":
            assert set(costs) == {0.0}
        else:
            assert costs[0] > costs[2] > costs[5] > 0
            assert Trial.of(trials[3].values) == trials[3]
    assert len(tried) == 24


def test_one_layer_s_errors_are_those_of_the_whole_network_with_it_replaced(comparison):
    for name in ("conv1_1", "conv3_1", "conv4_2"):
        changed = tuple(tensor * 1.1 for tensor in comparison.originals[name])
        assert comparison.of_layer(name, *changed) == comparison({name: changed})


@pytest.mark.parametrize("target", [33_000, 48_000, 68_000, 98_000])
def test_chosen_widths_fit_and_are_near_the_best_of_all(target):
    sensitivity = {"a": falling(3.0), "b": falling(1.0), "c": falling(0.2)}
    chosen = choose_widths(sensitivity, size_of, target)
    assert size_of(chosen) <= target

    def cost(widths):
        return sum(sensitivity[name][bits] for name, bits in widths.items())

    every = (dict(zip(COUNTS, w, strict=True)) for w in itertools.product(range(1, 9), repeat=3))
    best = min(cost(widths) for widths in every if size_of(widths) <= target)
    assert cost(chosen) <= best * 4.01


def test_layer_that_does_no_harm_is_narrowed_first():
    sensitivity = {"a": falling(1.0), "b": dict.fromkeys(range(1, 9), 0.0), "c": falling(1.0)}
    full = size_of(dict.fromkeys(COUNTS, 8))
    chosen = choose_widths(sensitivity, size_of, full - 17_500)
    assert chosen == {"a": 8, "b": 1, "c": 8}


@pytest.mark.parametrize("target", range(17_000, 124_000, 1999))
def test_no_layer_can_be_raised_by_one_bit_within_the_target(target):
    rng = np.random.default_rng(target)  # errors that do not even fall with every bit
    costs = {name: dict(enumerate(rng.random(8) * falls, start=1)) for name, falls in FALLS.items()}
    chosen = choose_widths(costs, size_of, target)
    assert size_of(chosen) <= target
    raised = [chosen | {name: bits + 1} for name, bits in chosen.items() if bits < 8]
    assert all(size_of(widths) > target for widths in raised)


@pytest.mark.parametrize("scheme", ["calibrated", "affine", "affine-channel"])
def test_size_of_a_file_in_another_scheme_is_never_more_than_was_foreseen(small, scheme, tmp_path):
    widths = dict(zip(SMALL, (8, 3, 1), strict=True))
    path = tmp_path / "small-coarse.safetensors"
    quantizer = Quantizer(*small, lambda _: None)
    quantizer.write(path, scheme, widths)
    powers = {name: entry.power for name, entry in weightfile.read_header(path).layers.items()}
    trials = {name: {bits: Trial(0.5, powers[name])} for name, bits in widths.items()}
    foreseen = file_bytes(widths, trials, quantizer.origin, scheme)
    assert foreseen - 100 < path.stat().st_size <= foreseen


def test_size_of_a_file_of_some_widths_is_known_to_the_byte_before_it_is_written(tmp_path):
    tensors = load_weights(8, layers=["conv1_1", "conv1_2"]).tensors
    trials, layers = {}, {}
    for name, bits in (("conv1_1", 8), ("conv1_2", 3)):
        weight, bias = (tensor.numpy() for tensor in tensors[name])
        layers[name] = schemes.quantize_layer(weight, bias, "kmeans", bits)
        trials[name] = {bits: Trial(layers[name].distortion, layers[name].power)}
    path = tmp_path / "mixed.safetensors"
    weightfile.write(path, layers, "kmeans", sources.KERAS_ORIGIN)
    widths = {name: layer.bits for name, layer in layers.items()}
    assert file_bytes(widths, trials, sources.KERAS_ORIGIN) == path.stat().st_size


def test_size_below_one_bit_is_refused_with_what_it_takes():
    with pytest.raises(WeightsError, match=r"15,000 bytes are too few: 1 bit a weight takes "):
        choose_widths(dict.fromkeys(COUNTS, falling(1.0)), size_of, 15_000)


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
    "a layer twice": (["--layers", "conv1_1:8,conv1_1:4"], 2, "names conv1_1 twice; name each"),
    "another sign": (
        ["--layers", "conv1_1=8"],
        2,
        "'conv1_1=8' is not NAME:BITS, such as conv1_1:8",
    ),
    "no size": (["--target-size", "small"], 2, "is not a size such as 5MB"),
    "too small": (["--target-size", "1MB"], 1, "1 bit a weight takes 2,5"),
    "two ways": (["--target-size", "5MB", "--bits", "3"], 2, "contradict"),
    "short floats": (["--scheme", "bfloat16", "--bits", "8"], 2, "contradict"),
    "entropy by layer": (
        ["--scheme", "entropy", "--layers", "conv1_1:8"],
        2,
        "--scheme and --layers contradict",
    ),
    "entropy at a width": (
        ["--scheme", "entropy", "--bits", "2", "--target-size", "3MB"],
        2,
        "--target-size and --bits contradict",
    ),
    "no ending": (["-o", "out.bin"], 2, "must end in .safetensors"),
    "no original": (["--original", "absent.safetensors"], 1, "absent.safetensors"),
    "no pictures": (["--pictures", "absent", "--scheme", "calibrated"], 1, "'absent'"),
    "pictures that nothing looks at": (
        ["--pictures", "bare", "--bits", "3"],
        2,
        "--pictures is for --scheme calibrated or entropy, --target-size and --compare; leave it",
    ),
    "an empty folder": (
        ["--pictures", "bare", "--scheme", "entropy", "--target-size", "3MB"],
        1,
        "there is no picture in 'bare'",
    ),
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


def test_size_that_is_no_limit_is_told_and_nothing_is_measured(small, monkeypatch, tmp_path):
    monkeypatch.setattr(Quantizer, "sensitivity", lambda _: pytest.fail("layers are measured"))
    told = []
    quantizer = Quantizer(*small, told.append)
    widths = quantizer.widths("affine", 4, {}, 10**6)
    assert widths == dict.fromkeys(SMALL, 8)
    (event,) = told
    assert event.kind == "told"
    assert "8 bits a weight, the most there are, take 0.1 MB: the 1.0 MB asked for" in event.text
    path = tmp_path / "wide.safetensors"
    quantizer.write(path, "affine", widths)
    # A size that the file just has is no limit either; a few bytes less, and layers are measured.
    size = path.stat().st_size
    assert quantizer.widths("affine", 4, {}, size + 200) == widths
    with pytest.raises(pytest.fail.Exception, match="layers are measured"):
        quantizer.widths("affine", 4, {}, size - 1)


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line_and_leaves_no_file(quantize, tmp_path, case):
    (tmp_path / "file").touch()
    (tmp_path / "bare").mkdir()
    arguments, code, words = BAD[case]
    output = [] if "-o" in arguments else ["-o", "out.safetensors"]
    done = quantize(*output, *arguments, expect=code)
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("Error: ")
    assert words in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare", "file"]


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
    assert NAMES == ("original", "torchvision")


@pytest.fixture
def small(tmp_path, monkeypatch, make_picture):
    """A float file of three layers, pictures to calibrate by, and an empty cache."""
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(quantizing, "CALIBRATION_PIXELS", 32 * 32)
    layers = {
        name: schemes.quantize_layer(weight.numpy(), bias.numpy(), "float32", 32)
        for name, (weight, bias) in load_weights(8, layers=SMALL).tensors.items()
    }
    weightfile.write(tmp_path / "small.safetensors", layers, "float32", sources.KERAS_ORIGIN)
    make_picture("calm.png")
    return tmp_path / "small.safetensors", [tmp_path / "calm.png"]


SMALL = ("conv1_1", "conv1_2", "conv2_1")


def interrupted_after(count, title):
    """A listener that presses Ctrl-C once so many parts of a computation are done."""

    def listen(event):
        if event.title.startswith(title) and event.step == count:
            raise KeyboardInterrupt

    return listen


def calls_of(monkeypatch, module, name):
    """Count the calls of a function from now on."""
    calls, real = [], getattr(module, name)

    def counted(*arguments):
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(module, name, counted)
    return calls


@pytest.mark.parametrize(
    ("scheme", "title", "module", "name"),
    [
        ("kmeans", "codebooks", quantizing.quantize, "optimal_codebooks"),
        ("calibrated", "calibrated", calibrate, "quantize_rows"),
    ],
)
def test_interrupted_quantizing_goes_on_from_the_layer_where_it_stopped(
    small, scheme, title, module, name, tmp_path, monkeypatch
):
    widths = dict.fromkeys(SMALL, 2)
    whole, again = tmp_path / "whole.safetensors", tmp_path / "again.safetensors"
    Quantizer(*small, lambda _: None).write(whole, scheme, widths)
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr("medley.vgg.quantize.os.cpu_count", lambda: 1)
    stopped = Quantizer(*small, interrupted_after(2, title))
    with pytest.raises(KeyboardInterrupt):
        stopped.write(again, scheme, widths)
    assert list(stopped.kept.values()) == [2]
    calls = calls_of(monkeypatch, module, name)
    resumed = Quantizer(*small, lambda _: None)
    resumed.write(again, scheme, widths)
    assert len(calls) == 1
    assert again.read_bytes() == whole.read_bytes()
    assert list(resumed.kept) == (["codebooks"] if scheme == "kmeans" else [])


def test_damaged_part_in_the_cache_is_computed_again(small, tmp_path, monkeypatch):
    Quantizer(*small, lambda _: None).codebooks()
    parts = sorted((tmp_path / "cache").rglob("*.safetensors"))
    assert len(parts) == 3
    parts[1].write_bytes(parts[1].read_bytes()[:40])
    monkeypatch.setattr("medley.vgg.quantize.os.cpu_count", lambda: 1)
    calls = calls_of(monkeypatch, quantizing.quantize, "optimal_codebooks")
    Quantizer(*small, lambda _: None).codebooks()
    assert len(calls) == 1


def test_cache_that_cannot_be_written_keeps_nothing_and_does_no_harm(small, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "file"))
    quantizer = Quantizer(*small, lambda _: None)
    quantizer.write(tmp_path / "a.safetensors", "calibrated", dict.fromkeys(SMALL, 1))
    assert load_weights(tmp_path / "a.safetensors").bits == 1
    assert quantizer.kept == {}


def test_interrupted_search_for_widths_tries_no_layer_twice(small, monkeypatch):
    errors = Errors(dict.fromkeys(LOSS_LAYERS, 0.1), dict.fromkeys(STYLE_LAYERS, 0.2))
    tried = []

    def stand_in(name, _pair, books, _comparison, on_trial):
        tried.append(name)
        on_trial()
        return {bits: Trial(0.25, 1.0, errors) for bits in books}

    monkeypatch.setattr(quantizing, "try_widths", stand_in)
    monkeypatch.setattr(quantizing, "FeatureComparison", lambda *_: None)
    stopped = Quantizer(*small, interrupted_after(2, "trying conv1_2"))
    with pytest.raises(KeyboardInterrupt):
        stopped.sensitivity()
    assert stopped.kept == {"errors": 1, "codebooks": 3}
    found = Quantizer(*small, lambda _: None).sensitivity()
    assert tried == ["conv1_1", "conv1_2", "conv1_2", "conv2_1"]
    assert list(found) == list(SMALL)
    assert found["conv1_1"][5] == Trial(0.25, 1.0, errors)


def test_interrupted_comparison_measures_no_candidate_twice(small, monkeypatch):
    errors = Errors(dict.fromkeys(LOSS_LAYERS, 0.1), dict.fromkeys(STYLE_LAYERS, 0.2))
    measured = []

    def stand_in(_quantizer, scheme, bits, _comparison):
        measured.append((scheme, bits))
        return Candidate(scheme, bits, 1234, 0.5, 0.25, errors)

    monkeypatch.setattr(Quantizer, "_measured", stand_in)
    monkeypatch.setattr(quantizing, "FeatureComparison", lambda *_: None)
    stopped = Quantizer(*small, interrupted_after(9, "compared"))
    with pytest.raises(KeyboardInterrupt):
        stopped.candidates()
    assert stopped.kept == {"measures": 9}
    resumed = Quantizer(*small, lambda _: None)
    rows = resumed.candidates()
    assert len(measured) == len(set(measured)) == len(rows)
    assert rows[0] == Candidate("kmeans", 1, 1234, 0.5, 0.25, errors)
    resumed.forget()
    assert resumed.kept == {}


def test_interrupted_command_says_what_is_kept(small, tmp_path, monkeypatch):
    show = Display.on
    interrupt = interrupted_after(2, "calibrated")
    monkeypatch.setattr(Display, "on", lambda own, event: (show(own, event), interrupt(event)))
    done = run(
        "quantize", "-o", "out.safetensors", "--original", small[0], "--pictures", small[1][0],
        "--scheme", "calibrated", cwd=tmp_path, expect=130,
    )  # fmt: skip
    assert [line for line in done.stderr.splitlines() if line] == [
        "kept in the cache: calibration of 2 layers; the same command goes on from there",
        "Interrupted.",
    ]
    assert not (tmp_path / "out.safetensors").exists()


def test_seconds_of_a_computation_are_told_as_a_time(monkeypatch):
    now, text = [0.0], io.StringIO()
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    show = Display(Console(file=text), None, str)
    show.on(stage("training, loss 3.300", 67, 138, is_timed=True))
    now[0] = 10.0
    show.remind()
    assert text.getvalue() == "training, loss 3.300: 1:07/2:18\n"


def test_long_computation_says_a_line_every_ten_seconds_where_nothing_can_be_overwritten(
    monkeypatch,
):
    now, text = [0.0], io.StringIO()
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    show = Display(Console(file=text), None, str)
    for second in range(65):
        now[0] = float(second)
        if second in (0, 12, 40, 62):
            show.count("codebooks", {0: 0, 12: 1, 40: 2, 62: 4}[second], 4)
        show.remind()
    assert text.getvalue().splitlines() == [
        "codebooks: 0/4",
        "codebooks: 1/4  1:00 left",
        "codebooks: 1/4  1:30 left",
        "codebooks: 2/4  0:40 left",
        "codebooks: 2/4  0:50 left",
        "codebooks: 2/4  1:00 left",
    ]


def test_other_events_end_the_lines_about_a_computation(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(progress, "_LINE_S", 0)
    show = Display(Console(file=text), None, str)
    show.on(Event("stage", title="planning", step=1, steps=3))
    show.on(Event("started", key="a", worker="cpu"))
    show.remind()
    assert text.getvalue() == ""


def test_entropy_file_has_the_size_that_is_asked_for_and_is_taken_like_any_other(small, tmp_path):
    original, pictures = small
    done = run("quantize", "-o", "own.safetensors", "--scheme", "entropy", "--target-size", "36KB",
               "--original", original, "--pictures", pictures[0], cwd=tmp_path)  # fmt: skip
    path = tmp_path / "own.safetensors"
    assert 0.95 * 36_000 < path.stat().st_size <= 36_000
    assert "one picture is little to calibrate by" in done.stderr
    loaded = load_weights(path)
    assert tuple(loaded.tensors) == SMALL
    assert f"{loaded.bits:.3g} bits a weight" in done.stderr
    table = run("weights", "show", path, cwd=tmp_path).stdout
    assert "entropy, 0.04 MB" in table
    assert f"{loaded.bits:.3g} bits a weight" in table
    deeper = run("stylize", pictures[0], pictures[0], "-o", "a.png", "--weights", path, "--size",
                 "32", "--steps", "1", cwd=tmp_path, expect=1)  # fmt: skip
    assert "own.safetensors' holds no conv2_2, conv3_1" in deeper.stderr
    assert "choose other layers, or weights that have them" in deeper.stderr


@pytest.mark.parametrize(
    ("target", "words"),
    [(3_000, "3,000 bytes are too few: the smallest file that is of use takes about"),
     (10**6, "the finest codes take 0.1 MB: the 1.0 MB asked for are no limit")],
)  # fmt: skip
def test_size_that_no_codes_have_is_told_before_layers_are_coded(small, target, words, tmp_path):
    told = []
    quantizer = Quantizer(*small, told.append)
    path = tmp_path / "out.safetensors"
    if target < 10**6:
        with pytest.raises(WeightsError, match=words):
            quantizer.make(path, "entropy", 4, {}, target)
        assert not path.exists()
        assert not any(event.title.startswith("coded") for event in told)
    else:
        quantizer.make(path, "entropy", 4, {}, target)
        assert any(words in event.text for event in told if event.kind == "told")


def test_entropy_codes_of_a_sweep_take_the_bits_that_are_asked_for_on_the_mean(small, tmp_path):
    paths = {bits: tmp_path / f"{bits}.safetensors" for bits in (7, 6)}
    make_variants(
        small[0], {path: ("entropy", bits) for bits, path in paths.items()}, lambda _: None
    )
    count = sum(weight.numel() for weight, _ in load_weights(small[0]).tensors.values())
    for bits, path in paths.items():
        assert 0.95 * count * bits / 8 < path.stat().st_size <= count * bits / 8
        assert 0.9 * bits < load_weights(path).bits <= bits


def test_weights_that_are_no_numbers_are_named_before_they_are_coded(small, tmp_path):
    original, pictures = small
    path, told = tmp_path / "torn.safetensors", []
    weights = load_weights(original).tensors
    layers = {
        name: schemes.quantize_layer(weight.numpy(), bias.numpy(), "float32", 32)
        for name, (weight, bias) in weights.items()
    }
    layers["conv1_2"].arrays["weight"][0, 0, 0, 0] = math.nan
    weightfile.write(path, layers, "float32", sources.KERAS_ORIGIN)
    with pytest.raises(WeightsError, match="conv1_2"):
        Quantizer(path, pictures, told.append).make(tmp_path / "x", "entropy", 4, {}, 30_000)
    assert not told


def test_pictures_that_are_all_alike_are_told_of(small, tmp_path):
    told = []
    quantizer = Quantizer(small[0], [small[1][0]] * 8, told.append)
    quantizer.make(tmp_path / "out.safetensors", "entropy", 4, {}, 30_000)
    texts = [event.text for event in told if event.kind == "told"]
    assert texts == ["the pictures to calibrate by are all alike, and all others will lose"]


def test_interrupted_entropy_coding_goes_on_from_the_layer_where_it_stopped(
    small, tmp_path, monkeypatch
):
    whole, again = tmp_path / "whole.safetensors", tmp_path / "again.safetensors"
    Quantizer(*small, lambda _: None).make(whole, "entropy", 4, {}, 30_000)
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "other"))
    stopped = Quantizer(*small, interrupted_after(2, "coded"))
    with pytest.raises(KeyboardInterrupt):
        stopped.make(again, "entropy", 4, {}, 30_000)
    assert stopped.kept == {"outlook": 3, "codes": 2}
    calls = calls_of(monkeypatch, entropy, "frame_of")
    resumed = Quantizer(*small, lambda _: None)
    resumed.make(again, "entropy", 4, {}, 30_000)
    assert len(calls) == 1
    assert again.read_bytes() == whole.read_bytes()
    assert resumed.kept == {"outlook": 3}
