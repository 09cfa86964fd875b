import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from medley.cli.words import in_options
from medley.errors import DivergedError, MedleyError, PictureError
from medley.images import decode
from medley.settings import ShotSettings
from medley.studio.shooting.devices import available_devices, name_device
from medley.studio.shooting.model import computing_deterministically, load_model
from medley.studio.shooting.problem import start_pixels
from medley.tensors import to_tensor
from medley.transfer.losses import Objective
from medley.workspace.store import Workspace

from .conftest import draw_pixels
from .specs import small_spec, take


def test_pictures_are_resized_as_asked_and_paintings_to_the_same_area():
    assert small_spec().content.shape == (24, 32, 3)
    assert small_spec(size=None, pixels=1200).content.shape == (30, 40, 3)
    height, width, _ = small_spec().paintings[0].picture.shape
    assert height * width == pytest.approx(24 * 32, rel=0.05)


def test_shot_keeps_every_iterate_and_says_how_it_was_made(tmp_path, model):
    seen = []
    shot = take(tmp_path, model, on_step=seen.append)
    assert shot.steps() == [0, 1, 2, 3, 4]
    assert [row.loss for row in shot.trace()] == pytest.approx([i.loss for i in seen], rel=1e-6)
    assert (decode(shot.step_path(0)) == small_spec().content.pixels()).all()
    about = json.loads((shot.path / "shot.json").read_text())
    assert about["settings"]["steps"] == 4
    assert about["weights"] == model.weights.digest
    assert about["content_file"] == str(Path("content.png").absolute())


def test_reported_loss_is_that_of_the_saved_picture(tmp_path, model):
    shot = take(tmp_path, model, small_spec(steps=12))
    what = small_spec(steps=12)
    saved = to_tensor(decode(shot.step_path(12)))
    content, painting = (each.pixels() for each in (what.content, what.paintings[0].picture))
    objective = Objective(model.network, to_tensor(content), [to_tensor(painting)], what.settings)
    assert shot.done()["loss"] == pytest.approx(objective(saved).total.item(), rel=1e-4)


def test_thinned_shot_keeps_every_third_and_the_last(tmp_path, model):
    shot = take(tmp_path, model, small_spec(steps=7, keep_every=3))
    assert shot.steps() == [0, 3, 6, 7]
    assert len(shot.trace()) == 8


def test_tiled_shot_is_the_same_shot(tmp_path, model):
    what = small_spec(size=96, steps=3)
    whole = take(tmp_path / "whole", model, what)
    tiled = take(tmp_path / "tiled", model, what, tile=64)
    assert tiled.key == whole.key
    assert tiled.done()["loss"] == pytest.approx(whole.done()["loss"], rel=1e-3)


def test_finished_shot_is_not_taken_again(tmp_path, model):
    shot = take(tmp_path, model)
    before = shot.step_path(4).stat().st_mtime_ns
    seen = []
    assert take(tmp_path, model, on_step=seen.append) == shot
    assert seen == []
    assert shot.step_path(4).stat().st_mtime_ns == before


def test_shot_that_lost_its_last_iterate_is_taken_again(tmp_path, model):
    shot = take(tmp_path, model)
    before = decode(shot.step_path(4))
    shot.step_path(4).unlink()
    take(tmp_path, model)
    assert (decode(shot.step_path(4)) == before).all()


def test_diverged_shot_stays_unfinished(tmp_path, model, monkeypatch):
    monkeypatch.setattr("medley.transfer.style._STYLE_SCALE", torch.tensor(float("nan")))
    with pytest.raises(DivergedError, match="at step 0; lower the weights") as error:
        take(tmp_path, model)
    assert str(error.value).count("'painting_2.png': ") == 1
    assert not Workspace(tmp_path).shot(small_spec().key).is_finished


def test_overflow_of_halves_is_told_once_and_the_shot_goes_on_in_float32(tmp_path, model):
    network = load_model(ShotSettings(precision="float32"), "cpu").network
    network.get_buffer("conv1_1_weight").fill_(float("inf"))
    half = replace(model, network=network, make_exact=lambda: model.network, precision="float16")
    told = []
    shot = take(tmp_path / "half", half, warn=told.append)
    assert told == ["'painting_2.png': float16 overflowed; this shot goes on in float32"]
    whole = take(tmp_path / "whole", model)
    for step in range(5):
        assert (decode(shot.step_path(step)) == decode(whole.step_path(step))).all()


def test_key_changes_with_everything_that_decides_pixels():
    variants = [
        small_spec(),
        small_spec(paintings=2),
        small_spec(steps=5),
        small_spec(size=33),
        small_spec(content_weight=2),
        small_spec(style_weight=2),
        small_spec(tv_weight=2),
        small_spec(pooling="average"),
        small_spec(optimizer="adam"),
        small_spec(history=5),
        small_spec(keep_every=2),
        small_spec(init="noise"),
        small_spec(init="noise", seed=1),
        small_spec(init="color"),
        small_spec(preserve_color="luminance"),
        small_spec(preserve_color="statistics"),
        small_spec(average=0.9),
        small_spec(optimizer="adam", learning_rate=0.1),
        small_spec(optimizer="adam", adam_betas="0.5,0.99"),
    ]
    variants += [
        replace(small_spec(), weights="others"),
        replace(small_spec(), precision="bfloat16"),
    ]
    assert len({variant.key for variant in variants}) == len(variants)


def test_key_ignores_what_does_not_decide_pixels():
    # The seed matters only to noise; an area that gives the same size gives the same pixels.
    same = [
        small_spec(),
        small_spec(seed=5),
        small_spec(size=None, pixels=24 * 32),
        small_spec(bits=4),
    ]
    assert len({variant.key for variant in same}) == 1


def test_keys_of_older_shots_are_still_found():
    # Taken down when the recipe was last raised.
    assert replace(small_spec(), weights="w").key == "c36e9e0df6395657b39ab8c7"
    noise = small_spec(optimizer="adam", init="noise", seed=3)
    assert replace(noise, weights="w").key == "23ede53369a323579db137a9"


def test_noise_start_depends_on_the_seed_alone():
    first, again, other = (start_pixels(small_spec(init="noise", seed=seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).mean() > 0.9


def test_starting_picture_from_a_file_is_resized(tmp_path):
    Image.fromarray(draw_pixels(50, 50, 9)).save(tmp_path / "start.png")
    what = small_spec(init=str(tmp_path / "start.png"))
    assert start_pixels(what).shape == what.content.shape
    with pytest.raises(PictureError, match=r"there is no picture 'absent.png'"):
        small_spec(init="absent.png")


def test_several_paintings_are_mixed(tmp_path, model):
    one, two = (take(tmp_path, model, small_spec(paintings=count)) for count in (1, 2))
    assert np.abs(decode(one.step_path(4)).astype(int) - decode(two.step_path(4))).max() > 3


def test_unknown_device_is_refused_with_those_that_are_there():
    if "cuda" in available_devices():
        pytest.skip("this machine has a GPU")
    with pytest.raises(MedleyError, match=r"no device 'cuda:7' here; .* one of cpu"):
        name_device("cuda:7")
    assert name_device("auto") in ("cpu", "mps")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_takes_the_same_shot_as_the_cpu_within_rounding(tmp_path, model):
    gpu = load_model(ShotSettings(), "cuda")
    on_cpu, on_gpu = take(tmp_path / "cpu", model), take(tmp_path / "gpu", gpu)
    assert on_gpu.done()["loss"] == pytest.approx(on_cpu.done()["loss"], rel=0.02)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_shot_leaves_whole_iterates_and_is_unfinished(tmp_path, how):
    code = """
        import sys
        from pathlib import Path
        from medley.settings import ShotSettings
        from medley.studio.shooting.model import load_model
        from tests.specs import small_spec, take
        model = load_model(ShotSettings(precision="float32"), "cpu")
        tell = lambda event: print(event.step, flush=True)
        take(Path(sys.argv[1]), model, small_spec(steps=5000), tell)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 12:
            break
    time.sleep(0.05)
    os.kill(process.pid, how)
    process.stdout.close()
    assert process.wait(timeout=60) != 0
    shot = Workspace(tmp_path).shot(small_spec(steps=5000).key)
    assert not shot.is_finished
    for step in shot.steps():
        assert decode(shot.step_path(step)).shape == (24, 32, 3)
    assert len(shot.steps()) >= 3


def test_deterministic_block_is_left_as_it_was_entered(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "mine")
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    with pytest.raises(KeyError), computing_deterministically(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        raise KeyError
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == "mine"
    with computing_deterministically(False):
        assert not torch.are_deterministic_algorithms_enabled()


def test_operation_without_deterministic_form_is_one_line():
    image = torch.rand(1, 1, 4, 4)
    with (
        pytest.raises(MedleyError, match="has no deterministic form on this device") as error,
        computing_deterministically(True),
    ):
        torch.nn.functional.max_unpool2d(image, torch.zeros(1, 1, 4, 4, dtype=torch.int64), 2)
    assert error.value.worded(in_options).endswith("; leave out --deterministic")
    words = "CuBLAS is not deterministic; you must set CUBLAS_WORKSPACE_CONFIG=:4096:8 or"
    with (
        pytest.raises(MedleyError, match=r"^cuBLAS was in use before; set CUBLAS_WORK"),
        computing_deterministically(True),
    ):
        raise RuntimeError(words)
    with pytest.raises(RuntimeError, match="own"), computing_deterministically(True):
        raise RuntimeError("own")
