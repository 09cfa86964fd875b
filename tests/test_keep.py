"""What is kept of the photo stays in every iterate, softly at its edge, whatever else is asked."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

import medley
from medley.errors import PictureError
from medley.images import decode
from medley.studio.shooting import checkpoint
from medley.studio.shooting.masks import read_masks
from medley.studio.shooting.problem import iterate, make_objective_of, make_problem
from medley.tensors import to_pixels, to_tensor
from medley.transfer.color_transfer import color_statistics, match_colors
from medley.transfer.keep import Keep
from medley.transfer.lbfgs import FIRST_MOVE, LBFGS
from medley.transfer.losses import Objective
from medley.transfer.preserve import recolor_painting

from .specs import small_spec, take
from .test_render import run

HEIGHT, WIDTH = 24, 32
RAMP = np.clip((np.arange(WIDTH) - 8) / 16, 0, 1)  # 0 as far as column 8, 1 from column 24 on
KEPT = slice(24, WIDTH)


@pytest.fixture
def ramp(tmp_path):
    """A mask of a shot's size that keeps the right quarter, and less and less of the middle."""
    return save(tmp_path / "ramp.png", np.tile(RAMP * 255, (HEIGHT, 1)))


def save(path, values):
    Image.fromarray(np.rint(values).astype(np.uint8)).save(path)
    return path


def spec_that_keeps(path, **settings):
    return small_spec(keep=path, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adam"},
        {"scales": "2", "steps": 6, "size": 48},
        {"average": 0.8},
        {"init": "noise"},
        {"init": "color"},
        {"preserve_color": "luminance"},
        {"preserve_color": "luminance", "init": "noise", "scales": "2", "size": 48},
        {"preserve_color": "statistics"},
        {"style_loss": "wasserstein"},
        {"tv_weight": 1e5},
        {"paintings": 2},
    ],
    ids=str,
)
def test_photo_stays_to_the_digit_where_the_mask_is_white(model, tmp_path, settings):
    width = settings.get("size", WIDTH)
    mask = np.zeros((width * 3 // 4, width))
    mask[:, width // 2 :] = 255
    spec = spec_that_keeps(save(tmp_path / "half.png", mask), **settings)
    photo = spec.content.pixels()
    for current in iterate(spec, model):
        shown = to_pixels(current.image)
        assert np.array_equal(shown[:, width // 2 :], photo[:, width // 2 :])
    moved = np.abs(shown.astype(int) - photo)[:, : width // 2]
    assert moved.mean() > 3


def test_no_pixel_leaves_the_photo_further_than_the_mask_lets_it(model, ramp):
    for strength in (1, 0.6):
        spec = spec_that_keeps(ramp, keep_strength=strength, optimizer="adam", learning_rate=0.5)
        photo = to_tensor(spec.content.pixels())
        free = torch.tensor(1 - strength * np.rint(RAMP * 255) / 255)
        for current in iterate(spec, model):
            assert ((current.image - photo).abs() <= free + 0.5 / 255 + 1e-6).all()


def test_more_strength_keeps_more_and_none_is_the_shot_without(model, ramp):
    apart = []
    for strength in (0, 0.3, 0.7, 1):
        spec = spec_that_keeps(ramp, keep_strength=strength, steps=6)
        *_, last = iterate(spec, model)
        apart.append(float((last.image - to_tensor(spec.content.pixels()))[..., KEPT].abs().mean()))
    assert all(more > less for more, less in pairwise(apart))
    assert apart[-1] < 1e-6
    assert spec_that_keeps(ramp, keep_strength=0).key == small_spec().key


def test_key_is_another_for_each_mask_and_strength(ramp, tmp_path):
    keys = [spec_that_keeps(ramp, keep_strength=strength).key for strength in (0.5, 1)]
    other = save(tmp_path / "other.png", np.tile(RAMP[::-1] * 255, (HEIGHT, 1)))
    keys += [small_spec().key, spec_that_keeps(other).key]
    assert len(set(keys)) == 4
    same = save(tmp_path / "same.png", np.tile(RAMP * 255, (HEIGHT, 1)))
    assert spec_that_keeps(same).key == keys[1]


def test_loss_is_that_of_what_is_shown(model, ramp):
    spec = spec_that_keeps(ramp)
    objective = make_objective_of(spec, model)
    for current in iterate(spec, model):
        losses, _ = objective.evaluate(current.image, False)
        assert float(losses.total) == pytest.approx(current.loss, rel=1e-4)


def test_gradient_is_that_of_what_is_moved(model, ramp):
    problem = make_problem(spec_that_keeps(ramp), model)
    keep, objective = problem.keep, problem.objective_at(HEIGHT, WIDTH, True)
    moved = torch.rand((1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1))
    _, gradient = objective.evaluate(keep.seen(moved), True)
    moved.requires_grad_()
    expected = torch.autograd.grad(objective(keep.seen(moved)).total, moved)[0]
    torch.testing.assert_close(keep.slope(gradient), expected, rtol=1e-3, atol=1e-2)
    assert (keep.slope(gradient)[..., KEPT] == 0).all()


def test_tiles_come_to_the_same(model, tmp_path):
    mask = np.tile(np.linspace(0, 255, 96), (72, 1))
    spec = spec_that_keeps(save(tmp_path / "soft.png", mask), size=96)
    image = torch.rand((1, 3, 72, 96), generator=torch.Generator().manual_seed(1))
    found = []
    for tile in (None, 64):
        objective = make_objective_of(spec, model, tile)
        found.append(objective.evaluate(image, True))
    (whole, gradient), (tiled, in_tiles) = found
    assert float(tiled.total) == pytest.approx(float(whole.total), rel=1e-4)
    assert (gradient - in_tiles).norm() < 1e-3 * gradient.norm()


def test_what_is_kept_has_no_part_in_the_style(model, ramp):
    spec = spec_that_keeps(ramp)
    objective = make_objective_of(spec, model)
    assert isinstance(objective, Objective)
    guides = objective._style._guides
    assert len(guides) == 1
    assert (guides[0]["relu1_1"][..., KEPT] == 0).all()
    # Two paintings without masks look at one and the same statistic.
    both = make_objective_of(spec_that_keeps(ramp, paintings=2), model)
    assert isinstance(both, Objective)
    assert len(both._style._guides) == 1


def test_two_equal_paintings_pull_like_one(model, ramp):
    spec = spec_that_keeps(ramp)
    image = torch.rand((1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1))
    work, problem = spec.paintings[0], make_problem(spec, model)
    one = make_objective_of(spec, model).evaluate(image, False)[0]
    twice = type(spec)(
        spec.content, (work, work), spec.start, spec.settings, spec.weights, spec.precision,
        kept=spec.kept,
    )  # fmt: skip
    two = make_objective_of(twice, model).evaluate(image, False)[0]
    assert float(two.style) == pytest.approx(float(one.style), rel=1e-4)
    assert problem.free_share == pytest.approx(float(1 - spec.kept.values[0].mean()))


def test_colors_are_matched_without_what_is_kept():
    generator = torch.Generator().manual_seed(1)
    image, painting = (torch.rand((1, 3, 8, 12), generator=generator) for _ in range(2))
    image[..., 6:] *= torch.tensor([1.0, 0.1, 0.1]).view(1, 3, 1, 1)
    free = torch.ones(1, 1, 8, 12)
    free[..., 6:] = 0
    wanted = color_statistics([painting])
    found = match_colors(image, wanted, free)[..., :6]
    alone = match_colors(image[..., :6], wanted)
    torch.testing.assert_close(found, alone, rtol=1e-3, atol=1e-4)
    given = recolor_painting(painting, image, "statistics", free)
    torch.testing.assert_close(
        given, recolor_painting(painting, image[..., :6], "statistics"), rtol=1e-3, atol=1e-4
    )


def test_first_move_is_as_far_however_little_is_repainted():
    gradient = torch.zeros(1, 3, 10, 10)
    gradient[..., :2] = torch.randn((1, 3, 10, 2), generator=torch.Generator().manual_seed(1))
    image = torch.full_like(gradient, 0.5)
    moved = LBFGS(20, free_share=0.2).step(image, gradient)
    assert float((moved - image)[..., :2].abs().mean()) == pytest.approx(FIRST_MOVE, rel=1e-3)


def test_start_that_another_shot_left_is_seen_again():
    generator = torch.Generator().manual_seed(1)
    photo, moved = (torch.rand((1, 3, 6, 8), generator=generator) for _ in range(2))
    hold = torch.linspace(0, 1, 8).expand(1, 1, 6, 8)
    keep = Keep(lambda: photo, hold)
    left = keep.seen(moved)
    torch.testing.assert_close(keep.seen(keep.moved(left)), left, atol=2e-3, rtol=0)
    assert torch.equal(keep.seen(moved)[..., -1], photo[..., -1])


def test_shot_goes_on_from_a_checkpoint_with_the_same_pixels(model, ramp, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL_S", 0)
    monkeypatch.setattr(checkpoint, "LARGEST_SHARE", float("inf"))
    spec = spec_that_keeps(ramp, steps=6, scales="2", size=32)
    whole = take(tmp_path / "whole", model, spec)

    def stop(event):
        if event.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(tmp_path / "torn", model, spec, stop)
    again = take(tmp_path / "torn", model, spec)
    for step in range(7):
        name = f"steps/{step:06}.png"
        assert (again.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_a_plan_holds_no_mask_and_notices_one_that_was_changed(ramp):
    spec = spec_that_keeps(ramp)
    assert spec.kept.held is None
    loaded = spec.loaded(lambda picture: picture.pixels())
    assert np.array_equal(loaded.kept.values[0], spec.kept.values[0])
    assert loaded.key == spec.key
    save(ramp, np.tile(RAMP[::-1] * 255, (HEIGHT, 1)))
    assert np.array_equal(loaded.kept.values[0][:, KEPT], np.ones((HEIGHT, 8)))
    with pytest.raises(PictureError, match="was changed since it was looked at; start again"):
        spec.loaded(lambda picture: picture.pixels())


# From the command line


@pytest.fixture
def place(tmp_path, make_picture):
    """Photo, two paintings, and masks: of the subject on the left, and of all but that."""
    make_picture("photo.png", 36, 48, seed=1)
    for number in (2, 3):
        make_picture(f"styles/painting_{number}.png", 36, 48, seed=number)
    left = np.zeros((36, 48))
    left[:, :16] = 255
    save(tmp_path / "left.png", left)
    save(tmp_path / "right.png", 255 - left)
    save(tmp_path / "small.png", left[:, :24])
    save(tmp_path / "none.png", left * 0)
    save(tmp_path / "all.png", left * 0 + 255)
    return tmp_path


SHORT = ("--size", "48", "--steps", "2")
FILM = (*SHORT, "--fps", "10", "--seconds-per-painting", "1.5", "--hold", "0.3")
ORDER = ("--content", "photo.png", "--styles", "styles", "--keep", "left.png")


def shots(place, about):
    return [
        decode(place / "outputs/workspace/shots" / key / "steps" / "000002.png") for key in about
    ]


def test_render_stylize_and_python_keep_alike(place, monkeypatch):
    run("render", *ORDER, *FILM, cwd=place)
    about = json.loads((place / "outputs/photo-medley.json").read_text())
    first, second = shots(place, (work["shot"] for work in about["paintings"]))
    photo = decode(place / "photo.png")
    assert np.array_equal(first[:, :16], photo[:, :16])
    assert np.array_equal(second[:, :16], photo[:, :16])
    assert not np.array_equal(first, second)
    assert about["order"]["keep"] == str(place / "left.png")
    words = ["stylize", "photo.png", "styles/painting_2.png", "--keep", "left.png", *SHORT]
    run(*words, "-o", "out.png", cwd=place)
    assert np.array_equal(decode(place / "out.png"), first)
    monkeypatch.chdir(place)
    *_, last = medley.stylize(
        "photo.png", "styles/painting_2.png", keep="left.png", size=48, steps=2
    )
    assert np.array_equal(to_pixels(last.image), first)
    again = run("render", *ORDER, *FILM, "--force", cwd=place)
    assert "2 shots found finished" in again.stderr


def test_masks_choose_the_painting_for_what_is_not_kept(place):
    save(place / "middle.png", np.tile(np.where(np.arange(48) < 32, 255, 0), (36, 1)))
    masks = ["--mask", "middle.png=styles/painting_2.png", "--mask", "rest=styles/painting_3.png"]
    words = ["stylize", "photo.png", *masks, *SHORT]
    run(*words, "--keep", "left.png", "-o", "kept.png", cwd=place)
    kept, photo = decode(place / "kept.png"), decode(place / "photo.png")
    assert np.array_equal(kept[:, :16], photo[:, :16])
    assert np.abs(kept[:, 16:].astype(int) - photo[:, 16:]).mean() > 3
    refused = run(*words, "--keep", "right.png", "-o", "room.png", cwd=place, expect=1)
    assert "mask 'rest' of 'styles/painting_3.png' lies wholly in what" in refused.stderr


def test_chain_goes_on_from_what_was_seen(place):
    run("render", *ORDER, "--keep-strength", "0.5", "--transition", "chain", *FILM, cwd=place)
    about = json.loads((place / "outputs/photo-medley.json").read_text())
    first, second = (work["shot"] for work in about["paintings"])
    begun = decode(place / "outputs/workspace/shots" / second / "steps/000000.png")
    assert np.abs(shots(place, [first])[0].astype(int) - begun).max() <= 1


def test_walk_keeps_all_the_way_and_has_no_seam(place):
    walk = ("--seconds-per-painting", "1", "--fps", "5", *SHORT)
    run("walk", *ORDER, "--keep-strength", "0.5", *walk, cwd=place)
    about = json.loads((place / "outputs/photo-walk.json").read_text())
    root = place / "outputs/workspace/shots"
    left = shots(place, [about["opening"]["shot"]])[0]
    begun = decode(root / about["walk"]["shot"] / "steps/000000.png")
    assert np.abs(left.astype(int) - begun).max() <= 1
    run("walk", *ORDER, *walk, "--force", cwd=place)
    about = json.loads((place / "outputs/photo-walk.json").read_text())
    photo = decode(place / "photo.png")
    for step in (root / about["walk"]["shot"] / "steps").iterdir():
        assert np.array_equal(decode(step)[:, :16], photo[:, :16])


def test_batch_varies_what_is_kept(place):
    (place / "films.toml").write_text(
        '[defaults]\nstyles = "styles/painting_2.png"\nsize = 48\nsteps = 2\nfps = 10\n'
        'seconds-per-painting = 1.5\nhold = 0.3\n[[film]]\ncontent = "photo.png"\n'
        'keep = "left.png"\nkeep-strength = [0, 1]\noutput = "{keep_strength}.mp4"\n'
    )
    run("batch", "films.toml", cwd=place)
    assert {path.name for path in place.glob("*.mp4")} == {"0.mp4", "1.mp4"}
    (place / "films.toml").write_text(
        '[[film]]\ncontent = "photo.png"\nstyles = "styles"\nkeep = "lost.png"\n'
    )
    refused = run("batch", "films.toml", cwd=place, expect=1)
    assert "keep: there is no '" in refused.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--keep", "none.png"], 1, "'none.png' keeps nothing: it is black all over; paint white"),
        (["--keep", "all.png"], 1, "'all.png' keeps everything: it is white all over; paint black"),
        (["--keep", "lost.png"], 1, "there is no picture 'lost.png'"),
        (["--keep", "photo.txt"], 1, "'photo.txt' is not a readable picture"),
        (["--keep-strength", "0.5"], 2, "--keep-strength 0.5 is of what --keep names"),
        (["--keep", "left.png", "--keep-strength", "2"], 2, "must be a number from 0 to 1"),
        (["--keep", "left.png", "-o", "left.png", "--force"], 1, "left.png"),
    ],
)
def test_what_cannot_be_kept_is_one_line_on_every_door(place, options, code, words):
    (place / "photo.txt").write_text("no picture")
    doors = [
        ["render", "--content", "photo.png", "--styles", "styles", *FILM],
        ["stylize", "photo.png", "styles/painting_2.png", *SHORT],
    ]
    if "-o" not in options:
        doors[1] += ["-o", "out.png"]
    for door in doors:
        refused = run(*door, *options, cwd=place, expect=code).stderr
        assert words in refused
        assert refused.strip().count("\n") == 0
    assert decode(place / "left.png").shape == (36, 48, 3)


def test_mask_of_another_shape_is_resized_and_told_once(place):
    words = ["--content", "photo.png", "--styles", "styles", "--keep", "small.png", *FILM]
    told = run("render", *words, cwd=place).stderr
    assert told.count("mask 'small.png' is stretched from 24x36 to 48x36; its proportions") == 1


def test_mask_in_colors_is_told_once_that_its_brightness_counts(place):
    photo = Image.open(place / "photo.png").convert("RGB")
    photo.save(place / "colors.png")
    cut = photo.copy()
    cut.putalpha(Image.open(place / "left.png"))
    cut.save(place / "cutout.png")
    Image.open(place / "left.png").convert("RGB").save(place / "gray.jpg", quality=60)
    white = Image.new("RGBA", photo.size, "white")
    white.putalpha(Image.open(place / "left.png"))
    white.save(place / "white.png")
    white.paste((200, 30, 30, 0), (0, 0, 8, 8))  # a color that nobody sees
    white.save(place / "unseen.png")
    ways = {
        "colors.png": "give one that is white where it is meant and black elsewhere",
        "cutout.png": "its opacity is likely what is meant: give that, its alpha channel, as a",
        "gray.jpg": None,
        "white.png": None,
        "unseen.png": None,
    }
    for name, way in ways.items():
        notes = []
        read_masks([place / name], 36, 48, notes.append)
        assert len(notes) == (1 if way else 0)
        assert (way or "") in "".join(notes)
    words = ["--content", "photo.png", "--styles", "styles", "--keep", "cutout.png", *FILM]
    told = run("render", *words, cwd=place).stderr
    assert told.count("mask 'cutout.png' is colored, and its brightness counts; its opacity") == 1
    mask = ["--mask", "cutout.png=glass", "--mask", "rest=styles/painting_2.png"]
    told = run("stylize", "photo.png", *mask, *SHORT, "-o", "out.png", cwd=place).stderr
    assert told.count("mask 'cutout.png' is colored, and its brightness counts; its opacity") == 1
