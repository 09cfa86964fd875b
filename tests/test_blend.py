"""Several paintings in one picture: strengths and masks, from files to films."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from medley.errors import PictureError
from medley.images import decode
from medley.settings import BlendSettings, ShotSettings
from medley.studio.shooting.blend import Blend, read_blend
from medley.studio.shooting.kept import read_kept
from medley.studio.shooting.masks import read_masks, shared
from medley.studio.shooting.model import load_model
from medley.studio.shooting.problem import make_objective_of
from medley.transfer.color_transfer import Patch, color_statistics, match_colors

from .conftest import draw_pixels
from .specs import spec_of, take
from .test_render import place, run  # noqa: F401

CONTENT = draw_pixels(24, 32, 1)


def masked(*masks):
    return Blend((1.0, 1.0), shared((), masks, sum(masks), ""))


def spec(blend=None, paintings=1, **settings):
    works = [draw_pixels(24, 32, seed) for seed in range(2, 2 + paintings)]
    chosen = ShotSettings(**{"size": 32, "steps": 3} | settings)
    return spec_of(CONTENT, works, chosen, blend=blend)


def test_shots_at_their_defaults_keep_the_keys_that_they_had():
    y, x = np.mgrid[0:24, 0:32]
    pixels = np.stack([y * 9, x * 7, (x * y) % 256], 2).astype(np.uint8)
    plain = spec_of(pixels, [pixels[::-1].copy()], ShotSettings(size=32, steps=4))
    assert replace(plain, weights="weights").key == "686d10e357e285785e927443"
    assert replace(plain, blend=Blend((1.0,))).key == plain.key


def test_whatever_changes_pixels_changes_the_key():
    mask = np.linspace(0, 1, 24 * 32, dtype=np.float32).reshape(24, 32)
    others = [
        spec(),
        spec(style_loss="wasserstein"),
        spec(style_layers="relu1_1"),
        spec(style_layers="relu1_1:2"),
        spec(content_layers="relu3_2"),
        spec(padding="reflect"),
        spec(pooling="average"),
        spec(pooling="average-scaled"),
        spec(paintings=2),
        spec(Blend((1.5, 0.5)), 2),
        spec(masked(mask, 1 - mask), 2),
        spec(masked(1 - mask, mask), 2),
    ]
    assert len({each.key for each in others}) == len(others)


@pytest.mark.parametrize("name", ["masks", "wasserstein", "reflect"])
def test_interrupted_shot_comes_to_the_same_pixels(tmp_path, name):
    half = np.zeros((24, 32), np.float32)
    half[:, :16] = 1
    what = {
        "masks": spec(masked(half, 1 - half), 2, scales="2"),
        "wasserstein": spec(style_loss="wasserstein", steps=4),
        "reflect": spec(padding="reflect", style_layers="relu2_1,relu4_1:2"),
    }[name]
    settings = what.settings.model_copy(update={"precision": "float32"})
    model = load_model(settings, "cpu")

    class StopError(Exception):
        pass

    def stop(event):
        if event.step == 2:
            raise StopError

    with pytest.raises(StopError):
        take(tmp_path / "a", model, what, stop)
    shots = [take(tmp_path / folder, model, what) for folder in ("a", "b")]
    for step in shots[1].steps():
        again, straight = (decode(shot.step_path(step)) for shot in shots)
        assert (again == straight).all()


def test_shot_loads_the_network_no_deeper_than_it_is_looked_at(model):
    settings = ShotSettings(precision="float32", style_layers="relu2_1", content_layers="conv1_2")
    shallow = load_model(settings, "cpu")
    assert list(shallow.network.weights()) == ["conv1_1", "conv1_2", "conv2_1"]
    assert len(model.network.weights()) == 13
    losses, _ = make_objective_of(spec(**settings.model_dump()), shallow).evaluate(
        torch.rand(1, 3, 24, 32), with_gradient=False
    )
    assert losses.style.item() > 0


def save_mask(path, values, mode="L"):
    Image.fromarray(np.asarray(values, np.uint8)).convert(mode).save(path)
    return str(path)


@pytest.fixture
def masks(tmp_path):
    """Left half white, right half white, all white, all black."""
    left = np.zeros((24, 32))
    left[:, :16] = 255
    pictures = {"left": left, "right": 255 - left, "all": left * 0 + 255, "none": left * 0}
    return {name: save_mask(tmp_path / f"{name}.png", each) for name, each in pictures.items()}


def read(*pairs, told=None, **options):
    wishes = BlendSettings(mask=tuple(f"{mask}=p.jpg" for mask in pairs), **options)
    warn = pytest.fail if told is None else told.append
    return read_blend(wishes, len(pairs), *CONTENT.shape[:2], warn)


def values(blend):
    return blend.masks.values


def test_rest_is_what_the_other_masks_leave_softly(tmp_path):
    soft = np.tile(np.linspace(0, 255, 32), (24, 1))
    blend = read(save_mask(tmp_path / "soft.png", soft), "rest")
    np.testing.assert_allclose(values(blend)[0] + values(blend)[1], 1, atol=1e-6)
    assert values(blend)[0][0, 15] == pytest.approx(np.uint8(soft[0, 15]) / 255)


def test_a_plan_holds_no_masks_and_notices_one_that_was_changed(masks):
    planned = read(masks["left"], "rest").without_masks()
    assert planned.masks.held is None
    expected = values(read(masks["left"], "rest"))
    for again, before in zip(values(planned), expected, strict=True):
        np.testing.assert_array_equal(again, before)
    assert planned.holding_masks().digest == planned.digest
    shutil.copyfile(masks["right"], masks["left"])
    with pytest.raises(
        PictureError, match=r"left.png' was changed since it was looked at; start again"
    ):
        planned.holding_masks()


def test_masks_that_overlap_share_the_place_and_it_is_said(masks):
    told = []
    blend = read(masks["all"], masks["left"], told=told)
    assert told == ["the masks overlap on 50% of the picture, whose paintings share it there"]
    assert values(blend)[0][0, 0] == values(blend)[1][0, 0] == 0.5
    assert (values(blend)[0][0, 31], values(blend)[1][0, 31]) == (1, 0)


def test_picture_outside_all_masks_is_spoken_of(masks):
    told = []
    read(masks["left"], told=told)
    assert told == [
        "50% of the picture is in no mask and stays as it is; a mask 'rest=PAINTING' fills it"
    ]


def test_mask_of_other_proportions_is_stretched_and_it_is_said(tmp_path):
    told = []
    right = np.zeros((48, 96))
    right[:, 48:] = 255
    blend = read(save_mask(tmp_path / "large.png", right), "rest", told=told)
    assert values(blend)[0].shape == (24, 32)
    assert (values(blend)[0][:, :15] == 0).all()
    assert (values(blend)[0][:, 17:] == 1).all()
    (line,) = told
    assert (
        "large.png' is stretched from 96x48 to 32x24; its proportions are not the photo's" in line
    )


@pytest.mark.parametrize(
    ("mask", "shot", "is_told"),
    [
        ((3000, 2000), (384, 256), False),
        ((300, 200), (32, 21), False),
        ((1000, 303), (64, 19), False),  # 19.4 rows
        ((24, 32), (32, 24), True),
        ((1000, 1040), (100, 100), True),
    ],
)
def test_only_a_mask_of_other_proportions_than_the_photo_s_is_spoken_of(
    tmp_path, mask, shot, is_told
):
    path = tmp_path / "mask.png"
    Image.new("L", mask, 255).save(path)
    told = []
    ((read,), _) = read_masks([path], shot[1], shot[0], told.append)
    assert read.shape == shot[::-1]
    assert (read == 1).all()
    assert bool(told) is is_told


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_part_of_a_mask_is_no_part_of_it(tmp_path, mode):
    pixels = np.full((24, 32, 4), 255, np.uint8)
    pixels[:, 16:, 3] = 0
    mask = Image.fromarray(pixels)
    if mode == "P":
        mask = mask.quantize(2, method=Image.Quantize.FASTOCTREE)
    mask.convert(mode).save(tmp_path / "cut.png")
    blend = read(tmp_path / "cut.png", "rest")
    assert (values(blend)[0][:, :16] == 1).all()
    assert (values(blend)[0][:, 16:] == 0).all()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["none"], r"none.png' of 'p.jpg' covers nothing: it is black all over; paint white"),
        (["all", "rest"], "mask 'rest' of 'p.jpg' covers nothing: the masks leave nothing for it"),
        (["missing.png"], "there is no picture 'missing.png'; check its name"),
        (["text"], "text.png' is not a readable picture"),
        (["empty"], "empty.png' is not a readable picture .the file is empty"),
    ],
)
def test_masks_that_cannot_be_used_are_one_line(masks, tmp_path, names, words):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    others = {name: str(tmp_path / f"{name}.png") for name in ("text", "empty")}
    with pytest.raises(PictureError, match=words) as error:
        read(*(({**masks, **others}).get(name, name) for name in names))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ((255, 0), (255, 0), "it is transparent all over, and what is transparent counts as black"),
        ((0, 255), (255, 0), "it is black wherever it is not transparent, and what is transparent"),
        ((0, 255), (0, 255), "it is black all over; paint white"),
    ],
)
def test_mask_without_any_white_is_told_what_it_shows(tmp_path, left, right, words):
    path = tmp_path / "mask.png"
    pixels = np.full((24, 32, 2), left, np.uint8)
    pixels[:, 16:] = right
    Image.fromarray(pixels, "LA").save(path)
    with pytest.raises(PictureError, match=f"covers nothing: {words}.* where it shall pull"):
        read(str(path), "rest")
    with pytest.raises(PictureError, match=f"mask.png' keeps nothing: {words}.* what shall stay"):
        read_kept(path, 24, 32, pytest.fail)


def test_colors_are_given_only_where_a_patch_is():
    image = torch.rand((1, 3, 8, 10), generator=torch.Generator().manual_seed(1))
    target = color_statistics([image.flip(1) ** 3])
    mask = torch.zeros(1, 1, 8, 10)
    mask[..., :5] = 1
    found = match_colors(image, [Patch(target, mask)])
    torch.testing.assert_close(found[..., 5:], image[..., 5:])
    torch.testing.assert_close(found[..., :5], match_colors(image, target)[..., :5])


def test_colors_of_a_stronger_painting_count_more():
    first, second = torch.full((1, 3, 4, 4), 0.2), torch.full((1, 3, 4, 4), 0.8)
    mixed = color_statistics([first, second], [1.5, 0.5])
    torch.testing.assert_close(mixed.mean, torch.full((3,), 0.35))


TINY = ("--size", "48", "--steps", "3", "--fps", "10", "--hold", "0.3")


def render(place, *more, expect=0):  # noqa: F811
    return run(
        "render", "--content", "photo.png", *TINY, "--seconds-per-painting", "1.5", *more,
        cwd=place, expect=expect,
    )  # fmt: skip


def test_blend_is_one_stretch_of_film_whose_caption_names_all(place):  # noqa: F811
    render(place, "--styles", "styles", "--blend", "--style-weights", "2,1", "--captions", "title")
    about = json.loads((place / "outputs/photo-medley.json").read_text())
    assert about["film"]["frames"] == 15
    assert [work["title"] for work in about["paintings"]] == ["painting 2", "painting 3"]
    assert len({work["shot"] for work in about["paintings"]}) == 1
    assert (about["settings"]["blend"], about["settings"]["style_weights"]) == (True, "2,1")
    credit_list = (place / "outputs/photo-medley.credits.txt").read_text()
    assert "painting 2" in credit_list
    assert "painting 3" in credit_list


def test_masks_make_one_shot_of_render_and_stylize_alike(place, masks):  # noqa: F811
    pair = ("--mask", f"{masks['left']}=styles/painting_3.png")
    rest = ("--mask", "rest=styles/painting_2.png")
    done = render(place, *pair, *rest)
    assert "mask '" in done.stderr
    about = json.loads((place / "outputs/photo-medley.json").read_text())
    assert [work["title"] for work in about["paintings"]] == ["painting 3", "painting 2"]
    shot = place / "outputs/workspace/shots" / about["paintings"][0]["shot"] / "steps"
    run("stylize", "photo.png", *pair, *rest, "-o", "out.png", *TINY[:4], cwd=place)
    assert (decode(place / "out.png") == decode(shot / "000003.png")).all()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--styles", "styles", "--blend", "--style-weights", "2,1,1"], 1,
         "--style-weights 2,1,1 has 3 weights for 2 paintings; give one for each"),
        (["--styles", "styles", "--style-weights", "2,1"], 2, "pass --blend with it"),
        (["--styles", "styles", "--mask", "m.png=p.jpg"], 2, "leave --styles out"),
        (["--mask", "m.png"], 2, "'m.png' is not MASK=PAINTING"),
        (["--mask", "m.png=p.jpg"], 1, "p.jpg"),
        (["--styles", "styles", "--style-layers", "relu6_1"], 2, "there is no layer 'relu6_1'"),
        (["--styles", "styles", "--style-layers", "pool5", "--size", "30"], 1,
         "VGG-19 needs 32 on the short side"),
    ],
)  # fmt: skip
def test_what_cannot_be_blended_is_one_line(place, options, code, words):  # noqa: F811
    done = render(place, *options, expect=code)
    assert words in done.stderr
    assert done.stderr.strip().count("\n") == 0


def test_stylize_wants_paintings_or_masks_but_not_both(place):  # noqa: F811
    for given, words in (
        ([], "there is no painting; name one, or pass --mask MASK=PAINTING"),
        (["styles/painting_2.png", "--mask", "m.png=p.png"], "leave the others out"),
        (["styles/painting_2.png", "--style-weights", "1,2"], "2 weights for 1 painting"),
    ):
        done = run("stylize", "photo.png", *given, "-o", "out.png", cwd=place, expect=1)
        assert words in done.stderr
