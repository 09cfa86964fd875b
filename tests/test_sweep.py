"""`medley sweep` from the command line to its files; pictures are tiny, weights and ffmpeg real."""

import contextlib
import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from medley.errors import WeightsError
from medley.film.composite import border_at, split
from medley.film.lettering import label
from medley.film.mix import mix, wipe
from medley.film.timeline import ease, medley_timeline
from medley.images import decode
from medley.settings import ShotSettings, SweepSettings
from medley.settings.shot import LOSS_LAYERS
from medley.studio.compression import networks
from medley.studio.compression.networks import FLOAT, Variant, list_variants, reference_of
from medley.studio.editing.cut import track
from medley.studio.film_shots import swept_variants
from medley.tensors import to_tensor
from medley.transfer.losses import Objective
from medley.vgg import schemes, sources, weightfile
from medley.vgg.network import VGG19
from medley.vgg.originals import cache_path
from medley.vgg.weights import load_weights
from medley.workspace.shot import Shot

from .conftest import draw_pixels, film_pixels
from .test_render import run

TINY = ("--size", "47", "--steps", "5", "--fps", "10", "--seconds-per-painting", "2")
TINY += ("--hold", "0.4")
HEIGHT, WIDTH, GAP = 39, 47, 4
ABOVE_LABEL = np.s_[:16]


@pytest.fixture(scope="module", autouse=True)
def float_original(float_cache):
    """Every sweep here has a float original: the bundle's 8 bits, decoded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDLEY_CACHE", str(float_cache))
        patch.setattr("medley.studio.compression.compare.LOADS", 1)
        yield


def save(folder, name, seed, height=41, width=50):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_pixels(height, width, seed)).save(path)


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder with two photos and two paintings."""
    save(tmp_path, "photo.png", 1)
    save(tmp_path, "tall.png", 4, height=60, width=44)
    for seed in (2, 3):
        save(tmp_path, f"styles/painting_{seed}.png", seed)
    return tmp_path


def sweep(place, *more, expect=0):
    given = ("--style", "styles/painting_2.png") if "--styles" not in more else ()
    content = ("--content", "photo.png") if "--content" not in more else ()
    return run("sweep", *content, *given, *TINY, *more, cwd=place, expect=expect)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A finished sweep of three networks, whose workspace others may use."""
    folder = tmp_path_factory.mktemp("swept")
    save(folder, "photo.png", 1)
    save(folder, "styles/painting_2.png", 2)
    done = sweep(folder, "--bits", "32,8,2", "-o", "out/film.mp4", "--crf", "1")
    return folder, done


def sidecar_of(folder, name="out/film.json"):
    def refuse(text):
        raise ValueError(text)

    return json.loads((folder / name).read_text("utf-8"), parse_constant=refuse)


def shots_of(folder, sidecar):
    shots = folder / "outputs" / "workspace" / "shots"
    return [Shot(one["shot"], shots / one["shot"]) for one in sidecar["measures"]]


def apart(picture, other):
    """Mean difference in brightness, of 255: colour has half the resolution in a film."""
    shades = (shown @ np.array([0.2126, 0.7152, 0.0722]) for shown in (picture, other))
    return np.abs(np.subtract(*shades)).mean()


def test_film_sheet_chart_and_measures_are_made(swept):
    folder, done = swept
    assert done.stdout.endswith("out/film.mp4\n")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "film.chart.png", "film.credits.txt", "film.csv", "film.json", "film.mp4", "film.png",
    ]  # fmt: skip
    assert film_pixels(folder / "out/film.mp4").shape == (20, 40, 3 * WIDTH + 2 * GAP + 1, 3)
    assert decode(folder / "out/film.chart.png").shape[1] > 800
    assert decode(folder / "out/film.png").shape[1] > 3 * WIDTH
    assert "painting 2" in (folder / "out/film.credits.txt").read_text()
    assert list((folder / "outputs/workspace/.films").iterdir())


def test_every_pane_of_every_frame_shows_the_same_step_and_its_own_label(swept):
    folder, _ = swept
    sidecar = sidecar_of(folder)
    shots = shots_of(folder, sidecar)
    timeline = medley_timeline(
        [track(shots[0])], fps=Fraction(10), seconds_per_painting=2, hold_s=0.4
    )
    content = decode(shots[0].step_path(0))
    frames = film_pixels(folder / "out/film.mp4")
    labels, steps = ["32-bit float", "8-bit", "2-bit"], set()
    for frame, entry in zip(frames, timeline, strict=True):
        for number, (shot, text) in enumerate(zip(shots, labels, strict=True)):
            stills = [still for still in (entry.first, entry.second) if still]
            pictures = [
                label(content if still.shot is None else decode(shot.step_path(still.step)), text)
                for still in stills
            ]
            steps |= {still.step for still in stills if still.shot is not None}
            expected = mix(pictures[0], pictures[-1], entry.mix)
            left = number * (WIDTH + GAP)
            pane = frame[:HEIGHT, left : left + WIDTH]
            assert apart(pane, expected) < 1.8
    assert steps == set(range(6))
    # A mix-up of steps or networks would be seen.
    one, other = (decode(shots[number].step_path(5))[ABOVE_LABEL] for number in (0, 2))
    assert apart(one, other) > 5
    before = decode(shots[2].step_path(3))[ABOVE_LABEL]
    assert apart(before, other) > 5


def test_losses_are_scored_by_the_float_network_on_the_saved_pictures(swept):
    folder, _ = swept
    sidecar = sidecar_of(folder)
    weights = load_weights(32)
    shots = shots_of(folder, sidecar)
    content = decode(shots[0].step_path(0))
    painting = Image.open(folder / "styles/painting_2.png").resize((48, 39), 2)
    network = VGG19(weights.tensors, LOSS_LAYERS)
    objective = Objective(network, to_tensor(content), [to_tensor(painting)], ShotSettings())
    for one, shot in zip(sidecar["measures"], shots, strict=True):
        with torch.no_grad():
            loss = float(objective(to_tensor(decode(shot.step_path(5)))).total)
        assert one["loss"] == pytest.approx(loss, rel=1e-4)
        assert one["own_loss"] == shot.done()["loss"]
        assert one["ratio"] == pytest.approx(one["loss"] / sidecar["measures"][0]["loss"])
    full, same, coarse = sidecar["measures"]
    # The float original here has the values of the 8-bit bundle.
    assert (full["ratio"], full["ssim"], full["psnr"], full["change"]) == (1, 1, None, 0)
    assert (same["ratio"], same["ssim"], same["psnr"]) == (1, 1, None)
    assert coarse["ssim"] < 0.9
    assert coarse["change"] > 0.01
    assert coarse["own_loss"] != pytest.approx(coarse["loss"], rel=0.1)


def test_table_has_a_row_for_each_network_and_says_what_it_costs(swept):
    folder, done = swept
    with (folder / "out/film.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["bits"] for row in rows] == ["32", "8", "2"]
    sizes = [load_weights(bits).size_bytes for bits in (32, 8, 2)]
    assert [int(row["bytes"]) for row in rows] == sizes
    distortions = [float(row["distortion"]) for row in rows]
    assert distortions[:2] == [0, 0]
    assert 0.05 < distortions[2] < 0.3
    assert all(0 < float(row["load_s"]) < 30 for row in rows)
    assert float(rows[1]["psnr"]) == math.inf
    for words in ("32-bit float", "8-bit", "2-bit", "own loss", "SSIM", "PSNR dB"):
        assert words in done.stdout
    assert "recommended: 8-bit, 20.09 MB: 1.000 times the loss of 32-bit float" in done.stdout


def test_added_width_takes_one_shot_and_the_same_command_none(swept):
    folder, _ = swept
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("done.json")}
    done = sweep(folder, "--bits", "32,8,2-1", "-o", "more.mp4")
    assert "3 of 4 shots found finished" in done.stderr
    assert len(list(folder.rglob("done.json"))) == len(before) + 1
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    again = sweep(folder, "--bits", "32,8,2-1", "-o", "more.mp4", "--force")
    assert "4 of 4 shots found finished" in again.stderr


def test_files_are_compared_beside_widths_and_alone_with_the_reference_only(swept, tmp_path):
    folder, _ = swept
    files = [
        folder / "coarse.safetensors",
        tmp_path / "coarse.safetensors",
        folder / "half.safetensors",
    ]
    tensors = load_weights(8).tensors
    for path, scheme, bits in ((files[0], "affine", 3), (files[2], "float16", 16)):
        layers = {
            name: schemes.quantize_layer(weight.numpy(), bias.numpy(), scheme, bits)
            for name, (weight, bias) in tensors.items()
        }
        weightfile.write(path, layers, scheme, sources.KERAS_ORIGIN)
    shutil.copyfile(files[0], files[1])
    given = [word for path in files for word in ("--weights", path)]
    done = sweep(folder, "--bits", "8", *given, "-o", "files.mp4")
    told = " ".join(done.stderr.split())
    assert f"{files[0]} and {files[1]} are the same weights, and their columns" in told
    assert told.count("the same weights") == 1
    sidecar = sidecar_of(folder, "files.json")
    labels = ["32-bit float", "8-bit", str(files[0]), str(files[1]), "half"]
    assert [network["label"] for network in sidecar["networks"]] == labels
    assert [network["bits"] for network in sidecar["networks"]] == [32, 8, 3, 3, 16]
    sizes = [network["bytes"] for network in sidecar["networks"]]
    assert sizes[2:] == [path.stat().st_size for path in files]
    assert (sidecar["order"]["bits"], len(sidecar["order"]["weights"])) == ("8", 3)
    assert "half" in done.stdout
    with (folder / "files.csv").open(newline="") as file:
        assert [row["network"] for row in csv.DictReader(file)] == labels
    # The same shots are there for a render with that file.
    again = run("render", "--content", "photo.png", "--styles", "styles", *TINY,
                "--weights", files[2], "-o", "half.mp4", cwd=folder)  # fmt: skip
    assert "1 shot found finished" in again.stderr
    alone = sweep(folder, "--weights", files[2], "-o", "alone.mp4")
    assert "2 of 2 shots found finished" in alone.stderr
    shown = [network["label"] for network in sidecar_of(folder, "alone.json")["networks"]]
    assert shown == ["32-bit float", "half"]
    told = sweep(folder, "--weights", files[0], "-o", "alone.mp4", expect=1).stderr
    assert "weights" in told
    assert "bits" not in told
    laid = sweep(folder, "--weights", files[2], "--layout", "row", "-o", "alone.mp4", expect=1)
    assert "made otherwise: --layout was grid and would be row;" in laid.stderr
    remade = run("sweep", "--config", "alone.json", "-o", "remade.mp4", cwd=folder)
    assert "2 of 2 shots found finished" in remade.stderr


@pytest.fixture(scope="module")
def own_files(tmp_path_factory):
    """Another training's network: in floats, and in 6 and 2 bits."""
    folder = tmp_path_factory.mktemp("own")
    origin = weightfile.Origin("a training of ours", "ab" * 32, "ours")
    tensors = load_weights(8).tensors
    paths = []
    for name, scheme, bits in (
        ("own", "float32", 32), ("six", "affine-channel", 6), ("two", "affine-channel", 2),
    ):  # fmt: skip
        layers = {
            name: schemes.quantize_layer(1.1 * weight.numpy(), bias.numpy(), scheme, bits)
            for name, (weight, bias) in tensors.items()
        }
        paths.append(folder / f"{name}.safetensors")
        weightfile.write(paths[-1], layers, scheme, origin)
    return paths


def weights_options(paths):
    return [word for path in paths for word in ("--weights", path)]


def test_own_float_network_scores_what_was_made_from_it(place, own_files):
    own, six, _ = own_files
    done = sweep(place, *weights_options([six, own]), "--steps", "2", "-o", "film.mp4")
    assert "training" not in done.stderr
    assert "losses are scored at own, whose own result" in done.stdout
    sidecar = sidecar_of(place, "film.json")
    assert sidecar["reference"] == "own"
    assert [network["label"] for network in sidecar["networks"]] == ["own", "six"]
    exact, off = (network["distortion"] for network in sidecar["networks"])
    assert exact == 0
    assert 0 < off < 0.1
    assert sidecar["recommended"]["network"] in ("own", "six")
    again = run("sweep", "--config", "film.json", "-o", "again.mp4", cwd=place)
    assert "2 of 2 shots found finished" in again.stderr
    assert sidecar_of(place, "again.json")["reference"] == "own"


def test_network_of_another_training_is_neither_measured_against_it_nor_recommended(
    place, own_files
):
    own, six, _ = own_files
    done = sweep(place, *weights_options([six]), "--steps", "2", "-o", "film.mp4")
    told = " ".join(done.stderr.split())
    assert "another training made six than the reference, 32-bit float" in told
    assert "recommended: none, as another training made 32-bit float than the others" in done.stdout
    sidecar = sidecar_of(place, "film.json")
    assert [network["distortion"] for network in sidecar["networks"]] == [0, None]
    assert sidecar["recommended"] is None
    with (place / "film.csv").open(newline="") as file:
        assert [row["distortion"] for row in csv.DictReader(file)] == ["0", ""]
    # Beside widths the original stays the reference, and recommends among its own.
    done = sweep(place, "--bits", "8", *weights_options([own, six]), "--steps", "2", "-o", "b.mp4")
    assert "another training made own and six than the reference" in " ".join(done.stderr.split())
    assert sidecar_of(place, "b.json")["recommended"]["network"] in ("32-bit float", "8-bit")


def test_reference_of_files_alone_is_the_float_one_that_another_was_made_from(own_files):
    own, six, two = own_files

    def reference(*paths, bits=None):
        return swept_variants(SweepSettings(weights=paths, bits=bits))[0]

    assert reference(six, own, two).file == own
    assert reference(six, two) == FLOAT
    assert reference(own) == FLOAT
    assert reference(own, six, bits="8") == FLOAT


def test_shots_are_those_of_render(swept):
    folder, _ = swept
    done = run(
        "render", "--content", "photo.png", "--styles", "styles", *TINY, "--bits", "2", cwd=folder
    )
    assert "1 shot found finished" in done.stderr


@pytest.mark.parametrize(
    ("layout", "frames", "height", "width"),
    [("row", 20, 40, 150), ("sequence", 60, 40, 48), ("split", 20, 40, 48)],
)
def test_layouts_have_their_size_and_length(swept, layout, frames, height, width):
    folder, _ = swept
    output = f"{layout}.mp4"
    done = sweep(
        folder, "--bits", "32,8,2", "--layout", layout, "-o", output, "--crf", "1", "--quiet"
    )
    assert (done.stdout, done.stderr) == (f"{output}\n", "")
    found = film_pixels(folder / output)
    assert found.shape == (frames, height, width, 3)
    last = [decode(shot.step_path(5)) for shot in shots_of(folder, sidecar_of(folder))]
    if layout == "sequence":
        for number, result in enumerate(last):  # each one's result is held before the next begins
            shown = found[number * 20 + 15, :HEIGHT, :WIDTH]
            assert apart(shown[ABOVE_LABEL], result[ABOVE_LABEL]) < 1.8
    if layout == "split":
        held = found[13]  # the border stands at column 40 then
        left, right = np.s_[:16, :36], np.s_[:16, 42:46]
        assert apart(held[left], last[0][left]) < apart(held[left], last[2][left]) / 3
        assert apart(held[right], last[2][right]) < apart(held[right], last[0][right]) / 1.5


def test_wipe_moves_over_both_sides_of_a_split_alike(swept):
    folder, _ = swept
    sweep(
        folder, "--bits", "32,8,2", "--layout", "split", "-o", "wiped.mp4", "--crf", "1",
        "--transition", "wipe", "--seconds-per-painting", "6",
    )  # fmt: skip
    found = film_pixels(folder / "wiped.mp4")[:, :HEIGHT, :WIDTH]
    shots = shots_of(folder, sidecar_of(folder))
    content, first, last = shots[0].read(0), shots[0].result(), shots[2].result()
    for number, part in ((54, 1 / 6), (56, 1 / 2), (58, 5 / 6)):
        sides = [wipe(side, content, ease(part)) for side in (first, last)]
        both = split(*sides, border_at(number, 60, 10))
        assert apart(found[number][ABOVE_LABEL], both[ABOVE_LABEL]) < 1.8
        assert apart(found[number][ABOVE_LABEL], content[ABOVE_LABEL]) > 3


def test_strength_mixes_every_pane_with_the_photo(place):
    sweep(place, "--bits", "8,2", "--strength", "0", "--crf", "1", "-o", "none.mp4")
    frames = film_pixels(place / "none.mp4").astype(float)
    assert np.abs(frames - frames[0]).mean(axis=(1, 2, 3)).max() < 1


def test_split_needs_two_widths(place):
    done = sweep(place, "--bits", "8", "--layout", "split", expect=1)
    assert "--layout split needs two widths, and '8' is one; add another" in done.stderr


def test_every_photo_is_repainted_after_every_painting(place):
    done = sweep(
        place, "--content", "photo.png", "--content", "tall.png", "--styles", "styles",
        "--sample", "2", "--bits", "8,3", "--steps", "2", "-o", "film.mp4",
    )  # fmt: skip
    assert "3 networks, 2 photos, 2 paintings" in done.stderr
    assert "0 of 12 shots found finished" in done.stderr
    assert "drawn: painting " in done.stderr
    assert ": own loss " in done.stderr
    assert "medians (least to most) of 4 pairs" in done.stdout
    # Two widths in a row; panes are as wide as the wide photo and as high as the tall one.
    assert film_pixels(place / "film.mp4").shape == (80, 48, 98, 3)
    sidecar = sidecar_of(place, "film.json")
    assert len(sidecar["measures"]) == 12
    assert {(one["content"], one["painting"]) for one in sidecar["measures"]} == {
        (content, painting)
        for content in ("photo", "tall")
        for painting in ("painting 2", "painting 3")
    }
    ratios = [one["ratio"] for one in sidecar["measures"] if one["network"] == "3-bit"]
    assert sidecar["summary"]["3-bit"]["ratio"] == {
        "median": pytest.approx(np.median(ratios)),
        "least": min(ratios),
        "most": max(ratios),
    }


def test_schemes_are_compared_and_their_weights_kept(place):
    done = sweep(place, "--bits", "2", "--scheme", "kmeans,affine", "--steps", "1", "-o", "a.mp4")
    sidecar = sidecar_of(place, "a.json")
    labels = [network["label"] for network in sidecar["networks"]]
    assert labels == ["32-bit float", "2-bit kmeans", "2-bit affine"]
    kmeans, affine = (network["distortion"] for network in sidecar["networks"][1:])
    assert 0 < kmeans < affine  # k-means is optimal, an affine grid is not
    (kept,) = (place / "outputs" / "workspace" / "weights").iterdir()
    assert sidecar["networks"][2]["bytes"] == kept.stat().st_size
    before = kept.stat().st_mtime_ns
    again = sweep(place, "--bits", "2", "--scheme", "affine", "--steps", "1", "-o", "b.mp4")
    assert kept.stat().st_mtime_ns == before
    assert "2 of 2 shots found finished" in again.stderr
    assert "2-bit affine" in done.stdout
    kept.write_bytes(kept.read_bytes()[:5000])
    assert networks._is_whole(kept, sources.KERAS_SHA256) is False


@pytest.fixture
def no_float(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(tmp_path / "empty"))


@pytest.mark.usefixtures("no_float")
def test_eight_bits_stand_in_for_a_missing_float_original(place):
    done = sweep(place, "--bits", "8,1", "--steps", "1")
    assert "the float original is not here, so 8-bit weights stand in as the reference" in (
        done.stderr.replace("\n", " ")
    )
    assert "losses are scored at 8-bit" in done.stdout
    assert sidecar_of(place, "outputs/photo-sweep.json")["reference"] == "8-bit"


@pytest.mark.usefixtures("no_float")
def test_float_original_is_fetched_only_with_consent(place, float_cache, monkeypatch):
    fetched = []

    def fetch():
        fetched.append(cache_path("original"))
        shutil.copytree(float_cache, fetched[0].parent)

    monkeypatch.setattr(sources, "fetch", fetch)
    refused = sweep(place, "--bits", "32,8", "--steps", "1", expect=1)
    assert "32 bits needs the float original" in refused.stderr
    assert "pass --fetch (74 MB, once)" in refused.stderr
    assert fetched == []
    sweep(place, "--bits", "32,8", "--steps", "1", "--fetch")
    assert len(fetched) == 1
    assert sidecar_of(place, "outputs/photo-sweep.json")["reference"] == "32-bit float"


def test_variants_are_listed_in_the_order_asked_for():
    assert list_variants(SweepSettings(), with_float=True) == [
        FLOAT, *(Variant("kmeans", bits) for bits in range(8, 0, -1)),
    ]  # fmt: skip
    assert list_variants(SweepSettings(), with_float=False)[0] == Variant("kmeans", 8)
    chosen = SweepSettings(bits="2,32", scheme="affine,kmeans")
    assert list_variants(chosen, with_float=True) == [
        Variant("affine", 2), FLOAT, Variant("kmeans", 2),
    ]  # fmt: skip
    with pytest.raises(WeightsError, match="'affine' needs the float original"):
        list_variants(SweepSettings(bits="4", scheme="affine"), with_float=False)
    assert reference_of(with_float=True) == FLOAT
    assert reference_of(with_float=False) == Variant("kmeans", 8)


BAD = {
    "no widths": (["--bits", ""], 2, "an empty list is not a width"),
    "no bits": (["--bits", "8-0"], 2, "0 is not a width"),
    "a width twice": (["--bits", "8,8"], 2, "'8,8' names 8 bits twice"),
    "a width in two spellings": (["--bits", "8-6,7"], 2, "'8-6,7' names 7 bits twice"),
    "no scheme": (["--scheme", "huffman"], 2, "there is no scheme 'huffman'"),
    "layers that a scheme leaves out": (
        ["--scheme", "entropy", "--bits", "2", "--content-layers", "relu5_4"],
        1,
        "weights of the scheme 'entropy' hold no conv5_2, conv5_3, conv5_4; choose other layers",
    ),
    "a scheme twice": (["--scheme", "affine,affine"], 2, "names affine twice"),
    "no layout": (["--layout", "pile"], 2, "--layout is 'pile'"),
    "no photo": (["--content", "absent.jpg"], 1, "there is no picture 'absent.jpg'"),
    "no painting": (["--styles", "broken.png"], 1, "'broken.png' is not a readable picture"),
    "no folder": (["--styles", "absent"], 1, "no painting or folder 'absent'"),
    "no film": (["--output", "film.avi"], 2, "must end in .mp4, .mov, .mkv, .webm, .gif, "),
    "too short": (["--seconds-per-painting", "0.3"], 1, "raise --seconds-per-painting to"),
    "a chain": (["--transition", "chain"], 2, "shots that start alike; pass rewind, dissolve"),
    "two sizes": (["--pixels", "4000"], 2, "--size and --pixels contradict"),
    "no weights": (["--weights", "w"], 1, "'w' does not exist; give the path of a weights file"),
    "no weights of medley's": (["--weights", "photo.png"], 1, "'photo.png' is no file of weights"),
    "an input": (["--output", "photo.mp4", "--force"], 1, "'photo.png' is an input"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line_and_leaves_nothing(place, case):
    (place / "broken.png").write_bytes((place / "photo.png").read_bytes()[:300])
    arguments, code, words = BAD[case]
    done = sweep(place, *arguments, expect=code)
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("Error: ")
    assert words in line
    assert [*place.rglob("*.mp4"), *place.rglob("steps/*.png"), *place.rglob("*.csv")] == []


def test_unreadable_painting_is_named_and_passed_over(place):
    (place / "styles" / "torn.png").write_bytes((place / "photo.png").read_bytes()[:300])
    done = sweep(place, "--styles", "styles", "--bits", "32", "--steps", "1")
    assert "passed over: 'styles/torn.png' is not a readable picture (truncated" in done.stderr
    assert "1 network, 1 photo, 2 paintings" in done.stderr


def test_full_disk_is_named_and_leaves_no_half_table(place, monkeypatch):
    real = Path.write_bytes

    def full(path, data):
        if path.suffix == ".csv":
            raise OSError(28, os.strerror(28), str(path))
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    done = sweep(place, "--bits", "32", "--steps", "1", "-o", "film.mp4", expect=1)
    assert "Error: cannot write 'film.csv' (No space left on device)" in done.stderr
    assert list(place.glob("*.csv")) + list(place.glob(".*.part*")) == []


def test_interrupted_sweep_keeps_finished_widths_and_leaves_no_film(place):
    command = [sys.executable, "-m", "medley", "sweep", "--content", "photo.png", "--style"]
    command += ["styles/painting_2.png", *TINY, "--bits", "32,2", "--steps", "40"]
    process = subprocess.Popen(
        command, cwd=place, stderr=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    shots = place / "outputs" / "workspace" / "shots"
    deadline = time.monotonic() + 60
    while not list(shots.glob("*/done.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Interrupted; what was shot is kept" in said
    assert b"Traceback" not in said
    assert [path.name for path in (place / "outputs").iterdir()] == ["workspace"]
    finished = next(shots.glob("*/done.json"))
    before = finished.stat().st_mtime_ns
    again = sweep(place, "--bits", "32,2", "--steps", "40")
    assert "1 of 2 shots found finished" in again.stderr
    assert finished.stat().st_mtime_ns == before
