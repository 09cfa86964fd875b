"""`medley train --from-workspace`: which finished shots a network learns from, and how."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from medley.images import decode
from medley.paintings.draws import draw
from medley.settings import CatalogSettings
from medley.studio import train_pairs
from medley.studio.train_pairs import find_pairs
from medley.stylenet import netfile
from medley.stylenet.crops import Pair, Pairs, Photos
from medley.stylenet.network import StyleNet
from medley.stylenet.shape import small_shape
from medley.stylenet.training import Course, Trainer
from medley.tensors import to_pixels, to_tensor
from medley.workspace.store import Workspace

from .conftest import draw_pixels
from .test_render import run
from .test_train import interrupt_at, train
from .test_workspace import keep, row

SIDE = 64


@pytest.fixture
def place(make_picture, tmp_path):
    for number in range(2):
        make_picture(f"photos/{number}.png", 90, 80, seed=number)
    make_picture("paintings/red_hills.png", 70, 80, seed=8)
    make_picture("paintings/blue.png", 70, 80, seed=9)
    return tmp_path


def shoot(root, key="a", painting="paintings/blue.png", size=(70, 80), finish=True, **about):
    """A shot in a workspace that goes from one picture to another."""
    number = sum(map(ord, key))
    facts = {"start": "content", "settings": {}, "content_file": "gone.png"}
    with Workspace(root / "ws").record(
        key, facts | {"painting_files": [str(root / painting)]} | about
    ) as recorder:
        for step in (0, 1):
            recorder.note(row(step))
            keep(recorder, step, draw_pixels(*size, number + step))
        if finish:
            recorder.finish({"steps": 1})
    return Workspace(root / "ws").shot(key)


def found_in(root, *styles, told=None):
    places = [root / "paintings" / style for style in styles or ["blue.png", "red_hills.png"]]
    paintings = draw(places, CatalogSettings(), fit).paintings
    tell = (lambda _: None) if told is None else told.append
    return find_pairs([root / "ws"], paintings, SIDE, tell)


def fit(picture, _):
    return train_pairs.thumbnail(picture, SIDE)


def test_a_shot_is_known_by_its_paintings_pixels_wherever_its_file_lies(place):
    first, second = shoot(place), shoot(place, "b", "paintings/red_hills.png")
    moved = place / "elsewhere" / "other name.png"
    moved.parent.mkdir()
    shutil.copy(place / "paintings" / "blue.png", moved)
    third = shoot(place, "c", "elsewhere/other name.png")
    assert found_in(place) == [
        Pair(first.step_path(0), first.step_path(1), 0),
        Pair(second.step_path(0), second.step_path(1), 1),
        Pair(third.step_path(0), third.step_path(1), 0),
    ]


def test_a_painting_that_is_gone_is_known_by_its_name_but_another_one_of_that_name_is_not(place):
    shoot(place, painting="gone/blue.png")
    assert [pair.style for pair in found_in(place)] == [0]
    (place / "gone").mkdir()
    Image.fromarray(draw_pixels(70, 80, 77)).save(place / "gone" / "blue.png")
    with pytest.raises(train_pairs.PictureError, match=r"shots after 'blue' \(1\)"):
        found_in(place)


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"start": "noise:1"}, "sets out from another picture"),
        ({"settings": []}, "sets out from another picture"),
        ({"settings": {"preserve_color": "luminance"}}, "has the photo's colours"),
        ({"settings": {"keep": "subject.png"}}, "keeps a part of the photo"),
        ({"size": (40, 80)}, "fewer than 64 pixels"),
    ],
)
def test_a_shot_that_would_teach_something_else_is_passed_over(place, about, why):
    good, told = shoot(place), []
    shoot(place, "b", **about)
    assert [pair.target for pair in found_in(place, told=told)] == [good.step_path(1)]
    assert why in told[0]


def test_a_shot_of_several_paintings_is_not_after_one_of_them(place):
    files = [str(place / "paintings" / name) for name in ("blue.png", "red_hills.png")]
    shoot(place, painting_files=files)
    with pytest.raises(train_pairs.PictureError, match=r"after 'blue \+ red_hills' \(1\)"):
        found_in(place)


def test_a_shot_pruned_to_its_result_is_learned_from(place):
    shot = shoot(place)
    done = shot.path / "done.json"
    done.write_text(json.dumps(json.loads(done.read_text()) | {"pruned": True}))
    assert len(found_in(place)) == 1


def test_damaged_pictures_are_passed_over_and_none_left_is_said(place):
    shot = shoot(place)
    shot.step_path(1).write_text("no picture")
    with pytest.raises(train_pairs.OutputError, match=r"000001\.png"):
        found_in(place)
    shoot(place, "b")
    told = []
    assert len(found_in(place, told=told)) == 1
    assert "000001.png" in told[0]


def test_crops_of_a_pair_show_the_same_place_of_both_pictures(tmp_path):
    """The target is the photo's negative, so that each crop's is the crop's."""
    photo = draw_pixels(70, 90, 3)
    for name, pixels in (("photo.png", photo), ("target.png", 255 - photo)):
        Image.fromarray(pixels).save(tmp_path / name)
    pairs = Pairs([Pair(tmp_path / "photo.png", tmp_path / "target.png", 4)], pytest.fail)
    seen = set()
    for seed in range(6):
        crops = pairs.batch(64, 2, np.random.default_rng(seed))
        assert crops.photos.shape == (2, 3, 64, 64)
        assert crops.styles == [4, 4]
        assert np.allclose(crops.photos + crops.targets, 1, atol=1e-6)
        seen.add(to_pixels(crops.photos[:1]).tobytes())
    assert len(seen) == 6
    assert pairs.batch(128, 1, np.random.default_rng(0)).photos.shape == (1, 3, 70, 70)


def test_a_pair_that_cannot_be_decoded_is_named_and_another_drawn(place):
    whole, torn = shoot(place), shoot(place, "b")
    cut = torn.step_path(1)
    cut.write_bytes(cut.read_bytes()[:-2000])
    told = []
    pairs = Pairs(found_in(place), told.append)
    random = np.random.default_rng(0)
    wanted = decode(whole.step_path(0))[:64, :64]
    assert all(pairs.batch(64, 1, random).photos.shape[2:] == wanted.shape[:2] for _ in range(8))
    assert len(told) == 1 and "b/steps/000001.png" in told[0]


def test_without_pairs_a_step_is_taken_on_the_same_crops_as_ever(place):
    """Drawn here again, number for number: with them, a network would be another in every bit."""
    path = place / "photos" / "0.png"
    network = StyleNet(small_shape(0.1, 0, styles=3))
    trainer = Trainer(network, None, Photos([path], pytest.fail), Course(9, None, 64, 2, 0.01, 0))
    crops = trainer._draw(64, 2, np.random.default_rng(5))
    random = np.random.default_rng(5)
    assert crops.styles == [int(random.integers(3)), int(random.integers(3))]
    photo = Image.open(path)
    for crop in crops.photos:
        random.integers(1)
        shown = min(80, round(64 * (80 / 64) ** random.random()))
        left, top = int(random.integers(80 - shown + 1)), int(random.integers(90 - shown + 1))
        box = (left, top, left + shown, top + shown)
        again = photo.resize((64, 64), Image.Resampling.LANCZOS, box=box)
        again = ImageOps.mirror(again) if random.random() < 0.5 else again
        assert torch.equal(crop, to_tensor(np.asarray(again))[0])
    assert crops.targets is None


def test_a_network_learns_from_shots_and_its_file_says_from_how_many(place):
    shoot(place)
    assert ", 1 shot\n" in train(place, "--from-workspace", "ws").stderr
    assert netfile.read(place / "net.safetensors").training["pairs"] == 1
    train(place, output="without.safetensors")
    net, without = (netfile.read(place / f"{name}.safetensors") for name in ("net", "without"))
    assert "pairs" not in without.training
    assert not np.array_equal(net.gains, without.gains)


def test_an_unfinished_training_is_not_gone_on_with_by_other_shots(place, monkeypatch):
    shoot(place)
    with monkeypatch.context() as patch:
        interrupt_at(3, patch)
        train(place, "--from-workspace", "ws", expect=130)
    shoot(place, "b")
    assert "--force" in train(place, "--from-workspace", "ws", expect=1).stderr


def test_a_workspace_without_shots_to_learn_from_is_refused_before_the_work(place):
    def refused(name="ws"):
        told = train(place, "--from-workspace", name, expect=1).stderr
        assert told.count("Error: ") == 1
        return told

    assert "there is no workspace at 'ws'" in refused()
    assert "'photos' holds no shots" in refused("photos")
    shoot(place, finish=False)
    assert "no shot in 'ws' is finished" in refused()
    shoot(place, painting="paintings/red_hills.png")
    assert "there are shots after 'red_hills' (1)" in refused()
    assert not list(place.glob("net.*"))
    assert "--from-workspace" in run("train", "--help", cwd=place).stdout
