"""`medley weights`: what lies in a file in numbers, and how much each layer minds fewer bits."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from medley.images import decode
from medley.settings.shot import LOSS_LAYERS, STYLE_LAYERS
from medley.studio.compression import quantizing
from medley.studio.compression.allocate import Trial
from medley.studio.compression.compare import Errors
from medley.studio.editing.sensitivity import draw_sensitivity, list_sensitivity
from medley.vgg import schemes, sources, weightfile
from medley.vgg.weights import load_weights

from .test_render import run

NAMES = ("conv1_1", "conv1_2")


@pytest.fixture
def mixed(tmp_path):
    """A file of two layers, of 8 and of 2 bits, beside their floats."""
    tensors = load_weights(8, layers=NAMES).tensors
    for file, widths in (("mixed", (8, 2)), ("float", (32, 32))):
        layers = {
            name: schemes.quantize_layer(
                weight.numpy(), bias.numpy(), "float32" if bits == 32 else "affine", bits
            )
            for (name, (weight, bias)), bits in zip(tensors.items(), widths, strict=True)
        }
        path = tmp_path / f"{file}.safetensors"
        weightfile.write(path, layers, "float32" if file == "float" else "affine", ORIGIN)
    return tmp_path


ORIGIN = sources.KERAS_ORIGIN


def test_show_tells_every_layer_and_the_whole_as_json(mixed):
    told = json.loads(run("weights", "show", "mixed.safetensors", "--json", cwd=mixed).stdout)
    weights = {name: load_weights(8, layers=[name]).tensors[name][0].numpy() for name in NAMES}
    coarse = load_weights(mixed / "mixed.safetensors").tensors
    counts = np.array([weight.size for weight in weights.values()])
    assert list(told["layers"]) == list(NAMES)
    assert [layer["bits"] for layer in told["layers"].values()] == [8, 2]
    for name, layer in told["layers"].items():
        weight, decoded = weights[name], coarse[name][0].numpy()
        off = np.square(weight - decoded).sum() / np.square(weight).sum()
        assert layer["distortion"] == pytest.approx(off, rel=1e-4)
        shares = np.unique(decoded, return_counts=True)[1] / decoded.size
        assert layer["entropy"] == pytest.approx(-(shares * np.log2(shares)).sum())
        floats = 4 * (weight.size + len(weight))
        assert layer["ratio"] == pytest.approx(floats / layer["bytes"])
        assert layer["shape"] == list(weight.shape)
    assert told["bits"] == pytest.approx((counts * [8, 2]).sum() / counts.sum())
    entropies = [layer["entropy"] for layer in told["layers"].values()]
    assert told["entropy"] == pytest.approx((counts * entropies).sum() / counts.sum())
    size = (mixed / "mixed.safetensors").stat().st_size
    assert (told["bytes"], told["scheme"]) == (size, "affine")
    assert told["ratio"] == pytest.approx(4 * (counts.sum() + 128) / size)
    everything = [
        np.concatenate([w.ravel() for w in of])
        for of in (weights.values(), [c[0].numpy() for c in coarse.values()])
    ]
    off = np.square(everything[0] - everything[1]).sum() / np.square(everything[0]).sum()
    assert told["distortion"] == pytest.approx(off, rel=1e-4)
    assert told["input"] == "BGR, 0-255, minus 103.939, 116.779, 123.68"
    assert told["source"] == ORIGIN.source


def test_float_file_has_no_distortion_and_as_many_bits_as_its_weights(mixed):
    told = json.loads(run("weights", "show", "float.safetensors", "--json", cwd=mixed).stdout)
    assert (told["bits"], told["entropy"], told["distortion"]) == (32, 32, 0)
    assert told["ratio"] == pytest.approx(1, abs=0.02)
    shown = run("weights", "show", "float.safetensors", cwd=mixed).stdout
    assert "MB, no smaller than float; 32 bits a weight" in shown
    assert "fed with BGR, 0-255" in shown


def test_show_takes_the_names_of_the_list_and_their_widths(mixed, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(mixed))
    (mixed / "float.safetensors").rename(mixed / "vgg19-original.safetensors")
    listed = run("weights", "list", cwd=mixed).stdout
    for name, same, file in (
        ("bundled", "8", weightfile.BUNDLE),
        ("original", "32", mixed / "vgg19-original.safetensors"),
    ):
        assert name in listed
        told = json.loads(run("weights", "show", name, "--json", cwd=mixed).stdout)
        assert told["file"] == str(file)
        assert run("weights", "show", same, cwd=mixed) == run("weights", "show", file, cwd=mixed)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("torchvision", "run 'medley weights fetch torchvision'"),
        ("4", "no file has 4 bits: every width up to 8 is made from one; show 'bundled'"),
        ("1", "no file has 1 bit: every"),
        (
            "16",
            "'16' does not exist; give the path of a weights file, or one of bundled, small",
        ),
        ("Smal", "'Smal' does not exist; did you mean 'small'? Else give the path of a weights"),
    ],
)
def test_name_of_no_weights_is_refused_by_show(tmp_path, monkeypatch, name, words):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path))
    assert words in run("weights", "show", name, cwd=tmp_path, expect=1).stderr


def test_file_of_a_weights_name_is_that_file(mixed):
    (mixed / "mixed.safetensors").rename(mixed / "bundled")
    assert "conv2_1" not in run("weights", "show", "bundled", cwd=mixed).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["weights", "import", "none.pth", "-o", "x.safetensors"], "'none.pth' does not exist"),
        (["weights", "import", "folder", "-o", "x.safetensors"], "'folder' is a folder"),
        (["weights", "import", "text", "-o", "text.safetensors"], "'text.safetensors' exists"),
        (["weights", "import", "text", "-o", "x.pth"], "must end in .safetensors"),
        (["weights", "import", "text", "-o", "x.safetensors"], "'text' is neither a PyTorch nor"),
        (["weights", "sensitivity"], "not there yet; run 'medley weights fetch'"),
        (["weights", "sensitivity", "--original", "text"], "'text' is no file of weights"),
        (["quantize", "-o", "x.safetensors"], "not there yet; run 'medley weights fetch'"),
        (["quantize", "-o", "x.csv", "--compare"], "not there yet; run 'medley weights fetch'"),
        (["quantize", "-o", "x.safetensors", "--original", "none"], "'none' does not exist"),
    ],
)
def test_what_is_wrong_at_first_sight_is_said_before_the_network_s_modules_are_imported(
    tmp_path, monkeypatch, arguments, words
):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "cache"))
    (tmp_path / "folder").mkdir()
    for name in ("text", "text.safetensors"):
        (tmp_path / name).write_text("no weights")
    for late in ("weights_import_run", "weights_sensitivity_run", "quantize_run"):
        # None there makes an import fail: a command that comes so far ends with a traceback.
        monkeypatch.setitem(sys.modules, f"medley.cli.{late}", None)
    code = 2 if words.startswith("must") else 1
    assert words in run(*arguments, cwd=tmp_path, expect=code).stderr


def test_first_look_at_weights_needs_no_torch():
    code = "import sys; from medley.cli import quantize, weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def trials_of(names):
    """Errors that halve with every bit; the last layer lies behind all that is looked at."""

    def errors(number, bits):
        off = 0.0 if names[number] == "conv5_4" else 0.5**bits * (number + 1) / 8
        return Errors(dict.fromkeys(LOSS_LAYERS, off), dict.fromkeys(STYLE_LAYERS, 2 * off))

    return {
        name: {bits: Trial(0.25, 0.5, errors(number, bits)) for bits in range(1, 9)}
        for number, name in enumerate(names)
    }


def test_report_has_a_row_for_each_layer_and_width_and_a_chart(tmp_path):
    trials = trials_of(["conv1_1", "conv2_1", "conv5_4"])
    rows = list(csv.DictReader(list_sensitivity(trials).decode().splitlines()))
    assert len(rows) == 24
    assert (rows[10]["layer"], rows[10]["bits"], rows[10]["distortion"]) == ("conv2_1", "3", "0.5")
    assert float(rows[10]["features_relu4_2"]) == 0.03125
    assert float(rows[10]["gram_relu5_1"]) == 0.0625
    (tmp_path / "chart.png").write_bytes(draw_sensitivity(trials))
    assert decode(tmp_path / "chart.png").shape[1] > 800


def test_sensitivity_is_measured_once_and_shown(mixed, monkeypatch, make_picture):
    make_picture("calm.png")
    monkeypatch.setenv("MEDLEY_CACHE", str(mixed / "cache"))
    tried = []

    def stand_in(name, _pair, _books, _comparison, on_trial):
        tried.append(name)
        on_trial()
        return trials_of(list(NAMES))[name]

    monkeypatch.setattr(quantizing, "try_widths", stand_in)
    monkeypatch.setattr(quantizing, "FeatureComparison", lambda *_: None)
    monkeypatch.setattr("medley.vgg.quantize.os.cpu_count", lambda: 1)
    command = ("weights", "sensitivity", "--original", "float.safetensors")
    command += ("--pictures", "calm.png", "-o", "out/s.csv")
    done = run(*command, cwd=mixed)
    assert done.stdout.endswith("\nout/s.csv\n")
    for words in ("features at relu4_2", "worst Gram matrix", "conv1_2", "6.25%"):
        assert words in done.stdout
    assert "lies behind" not in done.stdout
    assert sorted(path.name for path in (mixed / "out").iterdir()) == ["s.csv", "s.png"]
    assert "exists; pass --force" in run(*command, cwd=mixed, expect=1).stderr
    quiet = run(*command, "--force", "--quiet", cwd=mixed)
    assert (quiet.stdout, quiet.stderr) == ("out/s.csv\n", "")
    assert tried == list(NAMES)


@pytest.mark.parametrize(
    "command", [("quantize", "-o", "small.safetensors"), ("weights", "sensitivity")]
)
def test_missing_float_weights_can_be_fetched_or_given(tmp_path, monkeypatch, command):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "empty"))
    (line,) = run(*command, cwd=tmp_path, expect=1).stderr.splitlines()
    assert "run 'medley weights fetch', or give float weights of your own: --original FILE" in line


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-o", "s.txt"], 2, "must end in .csv"),
        (["--original", "none.safetensors"], 1, "'none.safetensors' does not exist"),
        (["--original", "mixed.safetensors"], 1, "is quantized already; quantize the float"),
        (["--original", "small"], 1, "'small' does not exist; give the path of a weights file\n"),
        (["--original", "float.safetensors", "--pictures", "none"], 1, "'none'"),
        (["--original", "float.safetensors", "--pictures", "bare"], 1, "no picture in 'bare'"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_no_file(mixed, arguments, code, words):
    (mixed / "bare").mkdir()
    done = run("weights", "sensitivity", *arguments, cwd=mixed, expect=code)
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("Error: ")
    assert words in f"{line}\n"
    assert list(mixed.rglob("*.csv")) == []
