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
from medley.studio.shooting.device import (
    available_devices,
    choose_device,
    computing_deterministically,
)
from medley.studio.shooting.scene import fit_painting, resize_content, set_scene, shot_key
from PIL import Image

from medley.errors import DivergedError, MedleyError, PictureError
from medley.images import decode, to_tensor
from medley.paintings import Painting
from medley.settings import ShotSettings
from medley.studio.shooting.shoot import shoot
from medley.transfer.losses import Objective
from medley.workspace import Workspace

from .conftest import draw_pixels

CONTENT = Image.fromarray(draw_pixels(30, 40, 1))
PAINTINGS = [Image.fromarray(draw_pixels(28, 36, seed)) for seed in (2, 3)]


def scene(paintings=1, seed=0, **settings):
    chosen = ShotSettings(**{"size": 32, "steps": 4} | settings)
    content = resize_content(CONTENT, chosen, "content.png")
    fitted = [fit_painting(content, each, "painting.png", chosen) for each in PAINTINGS[:paintings]]
    return set_scene(content, [Painting(Path("p.png"), each) for each in fitted], chosen, seed)


def take(tmp_path, model, what=None, on_iterate=id, tell=pytest.fail):
    workspace = Workspace(tmp_path)
    return shoot(what or scene(), model, workspace, {"content_file": "c.png"}, on_iterate, tell)


def test_pictures_are_resized_as_asked_and_paintings_to_the_same_area():
    assert scene().content.shape == (24, 32, 3)
    assert scene(size=None, pixels=1200).content.shape == (30, 40, 3)
    height, width, _ = scene().paintings[0].shape
    assert height * width == pytest.approx(24 * 32, rel=0.05)


def test_shot_keeps_every_iterate_and_says_how_it_was_made(tmp_path, model):
    seen = []
    shot = take(tmp_path, model, on_iterate=seen.append)
    assert shot.steps() == [0, 1, 2, 3, 4]
    assert [row.loss for row in shot.trace()] == pytest.approx([i.loss for i in seen], rel=1e-6)
    assert (decode(shot.step_path(0)) == scene().content).all()
    about = json.loads((shot.path / "shot.json").read_text())
    assert about["settings"]["steps"] == 4
    assert about["weights"] == model.weights.digest
    assert about["content_file"] == "c.png"


def test_reported_loss_is_that_of_the_saved_picture(tmp_path, model):
    shot = take(tmp_path, model, scene(steps=12))
    what = scene(steps=12)
    saved = to_tensor(decode(shot.step_path(12)))
    judge = Objective(
        model.network, to_tensor(what.content), [to_tensor(what.paintings[0])], what.settings
    )
    assert shot.done()["loss"] == pytest.approx(judge(saved).total.item(), rel=1e-4)


def test_thinned_shot_keeps_every_third_and_the_last(tmp_path, model):
    shot = take(tmp_path, model, scene(steps=7, keep_every=3))
    assert shot.steps() == [0, 3, 6, 7]
    assert len(shot.trace()) == 8


def test_tiled_shot_is_the_same_shot(tmp_path, model):
    what = scene(size=96, steps=3)
    whole = take(tmp_path / "whole", model, what)
    tiled = take(tmp_path / "tiled", replace(model, tile=64), what)
    assert tiled.key == whole.key
    assert tiled.done()["loss"] == pytest.approx(whole.done()["loss"], rel=1e-3)


def test_finished_shot_is_not_taken_again(tmp_path, model):
    shot = take(tmp_path, model)
    before = shot.step_path(4).stat().st_mtime_ns
    seen = []
    assert take(tmp_path, model, on_iterate=seen.append) == shot
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
    with pytest.raises(DivergedError, match="at step 0; lower the weights"):
        take(tmp_path, model)
    assert (
        not Workspace(tmp_path)
        .shot(shot_key(scene(), model.weights.digest, model.precision))
        .is_finished
    )


def test_key_changes_with_everything_that_decides_pixels():
    variants = [
        scene(),
        scene(paintings=2),
        scene(steps=5),
        scene(size=33),
        scene(content_weight=2),
        scene(style_weight=2),
        scene(tv_weight=2),
        scene(pooling="average"),
        scene(optimizer="adam"),
        scene(history=5),
        scene(keep_every=2),
        scene(init="noise"),
        scene(init="noise", seed=1),
        scene(init="color"),
        scene(preserve_color="luminance"),
        scene(preserve_color="statistics"),
        scene(average=0.9),
        scene(optimizer="adam", learning_rate=0.1),
        scene(optimizer="adam", adam_betas="0.5,0.99"),
    ]
    keys = {shot_key(variant, "w", "float32") for variant in variants} | {
        shot_key(scene(), "other weights", "float32")
    }
    assert len(keys) == len(variants) + 1


def test_key_ignores_what_does_not_decide_pixels():
    # The seed matters only to noise; an area that gives the same size gives the same pixels.
    same = [scene(), scene(seed=5), scene(size=None, pixels=24 * 32), scene(bits=4)]
    assert len({shot_key(variant, "w", "float32") for variant in same}) == 1


def test_keys_of_older_shots_are_still_found():
    # Taken down when the recipe was last raised.
    assert shot_key(scene(), "w", "float32") == "c36e9e0df6395657b39ab8c7"
    noise = scene(optimizer="adam", init="noise", seed=3)
    assert shot_key(noise, "w", "float32") == "23ede53369a323579db137a9"


def test_noise_start_depends_on_the_seed_alone():
    first, again, other = (scene(init="noise", seed=seed).start for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).mean() > 0.9


def test_starting_picture_from_a_file_is_resized(tmp_path):
    Image.fromarray(draw_pixels(50, 50, 9)).save(tmp_path / "start.png")
    what = scene(init=str(tmp_path / "start.png"))
    assert what.start.shape == what.content.shape
    with pytest.raises(PictureError, match=r"there is no picture 'absent.png'"):
        scene(init="absent.png")


def test_several_paintings_are_mixed(tmp_path, model):
    one, two = (take(tmp_path, model, scene(paintings=count)) for count in (1, 2))
    assert np.abs(decode(one.step_path(4)).astype(int) - decode(two.step_path(4))).max() > 3


def test_unknown_device_is_refused_with_those_that_are_there():
    if "cuda" in available_devices():
        pytest.skip("this machine has a GPU")
    with pytest.raises(MedleyError, match=r"no device 'cuda:7' here; .* one of cpu"):
        choose_device("cuda:7")
    assert choose_device("auto").type in ("cpu", "mps")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_takes_the_same_shot_as_the_cpu_within_rounding(tmp_path, model):
    from medley.studio.shooting.model import load_model

    gpu = load_model(ShotSettings(), torch.device("cuda"))
    on_cpu, on_gpu = take(tmp_path / "cpu", model), take(tmp_path / "gpu", gpu)
    assert on_gpu.done()["loss"] == pytest.approx(on_cpu.done()["loss"], rel=0.02)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_shot_leaves_whole_iterates_and_is_unfinished(tmp_path, model, how):
    code = """
        import sys, torch
        from pathlib import Path
        from medley.settings import ShotSettings
        from medley.studio.shooting.model import load_model
        from tests.test_shoot import scene, take
        model = load_model(ShotSettings(precision="float32"), torch.device("cpu"))
        take(Path(sys.argv[1]), model, scene(steps=5000), lambda i: print(i.step, flush=True))
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
    shot = Workspace(tmp_path).shot(
        shot_key(scene(steps=5000), model.weights.digest, model.precision)
    )
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
        pytest.raises(MedleyError, match=r"has no deterministic form .* leave out --deterministic"),
        computing_deterministically(True),
    ):
        torch.nn.functional.max_unpool2d(image, torch.zeros(1, 1, 4, 4, dtype=torch.int64), 2)
    with pytest.raises(RuntimeError, match="own"), computing_deterministically(True):
        raise RuntimeError("own")
