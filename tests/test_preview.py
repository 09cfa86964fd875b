"""`medley render --preview`: a sheet of small results, and nothing else."""

import json

import numpy as np
import pytest
from PIL import Image

from medley.images import decode
from medley.settings import RenderOrder
from medley.shipped import shipped_files
from medley.shipped_nets import net_files
from medley.studio.preview import (
    NET_SIDE,
    SIDE,
    STEPS,
    Small,
    draw_by_net,
    draw_preview,
    plan_preview,
    take_preview,
)

from .test_render import TINY, run

ORDER = ("--content", "photo.png", "--styles", "styles")
QUICK = ("--size", "32", "--steps", "2")


@pytest.fixture
def place(tmp_path, make_picture):
    """A photo, two paintings, and a mask of the photo's left half."""
    make_picture("photo.png", 36, 48, seed=1)
    for number in (2, 3):
        make_picture(f"styles/painting_{number}.png", 36, 48, seed=number)
    left = np.repeat([[255, 0]], 24, axis=1).repeat(36, axis=0).astype(np.uint8)
    Image.fromarray(left).save(tmp_path / "left.png")
    return tmp_path


def files(place):
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())


def test_preview_leaves_a_sheet_and_nothing_else(place):
    before = files(place)
    done = run("render", *ORDER, "--preview", *QUICK, cwd=place)
    assert done.stdout == "outputs/photo-medley-preview.png\n"
    assert sorted({*files(place)} - {*before}) == ["outputs/photo-medley-preview.png"]
    assert "to choose from: --styles styles/painting_2.png styles/painting_3.png" in done.stderr
    sheet = Image.open(place / "outputs/photo-medley-preview.png")
    assert sheet.width > 3 * 48
    assert len(sheet.convert("RGB").getcolors(2**24)) > 1000


def test_film_that_is_there_stays_and_its_shots_too(place):
    run("render", *ORDER, *TINY, "-o", "film.mp4", cwd=place)
    about = {path: (place / path).read_bytes() for path in files(place)}
    run("render", *ORDER, "-o", "film.mp4", "--preview", *QUICK, cwd=place)
    assert {path: (place / path).read_bytes() for path in about} == about
    assert sorted({*files(place)} - {*about}) == ["film-preview.png"]


def test_preview_shows_what_the_film_would_draw(place, make_picture):
    for number in range(4, 8):
        make_picture(f"styles/painting_{number}.png", 36, 48, seed=number)
    drawn = ("--sample", "3", "--seed", "5")
    told = run("render", *ORDER, *drawn, "--preview", *QUICK, cwd=place).stderr
    run("render", *ORDER, *drawn, *TINY, cwd=place)
    about = json.loads((place / "outputs/photo-medley.json").read_text())
    names = " ".join(path.removeprefix(f"{place}/") for path in about["order"]["styles"])
    assert f"to choose from: --styles {names}\n" in told


def test_name_of_a_picture_is_the_sheet_s_own_and_is_not_replaced_unasked(place):
    words = ["render", *ORDER, "--preview", *QUICK, "-o", "sheet.jpg"]
    assert run(*words, "--quiet", cwd=place) == ("sheet.jpg\n", "")
    with Image.open(place / "sheet.jpg") as sheet:
        assert sheet.format == "JPEG"
    refused = run(*words, cwd=place, expect=1)
    assert "'sheet.jpg' exists; pass --force to replace it" in refused.stderr
    run(*words, "--force", cwd=place)
    words[-1] = "photo.png"
    refused = run(*words, "--force", cwd=place, expect=1)
    assert "'photo.png' is an input and would be replaced" in refused.stderr
    words[-1] = "styles/painting_2.png"
    refused = run(*words, "--force", cwd=place, expect=1)
    assert "painting_2.png' is an input and would be replaced" in refused.stderr


def test_bad_painting_is_named_and_the_others_are_shown(place):
    (place / "styles/broken.png").write_text("no picture")
    told = run("render", *ORDER, "--preview", *QUICK, cwd=place).stderr
    assert "passed over: 'styles/broken.png' is not a readable picture" in told
    assert "broken.png styles" not in told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--content", "lost.png"], "there is no picture 'lost.png'"),
        (["--content", "photo.png", "--styles", "glas"], "did you mean 'glass'?"),
        (["--content", "photo.png", "--keep", "lost.png"], "there is no picture 'lost.png'"),
    ],
)
def test_what_cannot_be_shown_is_one_line_and_leaves_no_sheet(place, options, words):
    refused = run("render", *options, "--preview", cwd=place, expect=1).stderr
    assert words in refused
    assert refused.strip().count("\n") == 0
    assert not list(place.rglob("*preview*"))


def test_look_counts_but_size_and_steps_are_the_preview_s(place):
    order = RenderOrder.of(
        content=place / "photo.png", styles=[place / "styles"], size=2048, steps=500, scales=4,
        style_weight=3.0, keep=place / "left.png", transition="chain", precision="float32",
    )  # fmt: skip
    for spec in plan_preview(order, "cpu", place / "few").films[0].shots:
        assert max(spec.content.height, spec.content.width) == SIDE
        assert (spec.settings.steps, len(spec.scales)) == (STEPS, 1)
        assert spec.settings.style_weight == 3
        assert spec.after is None
        assert spec.kept.values[0][:, : SIDE // 2 - 1].min() == 1
    small = order.model_copy(
        update={"shot": order.shot.model_copy(update={"size": 32, "steps": 1})}
    )
    preview = plan_preview(small, "cpu", place / "fewer")
    told = []
    (_, result, _), _ = take_preview(preview, "cpu", told.append, {})
    assert [event.step for event in told if event.kind == "step"] == [0, 1, 0, 1]
    photo = preview.films[0].shots[0].content.pixels()
    assert np.array_equal(result[:, :15], photo[:, :15])
    assert not np.array_equal(result, photo)


def test_paintings_of_one_picture_have_one_place(place):
    order = RenderOrder.of(
        content=place / "photo.png", styles=[place / "styles"], size=32, steps=1, blend=True
    )
    (preview,) = plan_preview(order, "cpu", place / "few").films
    (spec,) = preview.shots
    assert len(preview.works) == 2
    sheets = []
    for level, strength in ((0, 0), (255, 0), (255, 1)):
        small = Small(spec, spec.content.pixels() * 0 + level)
        sheets.append(draw_preview([small], strength))
    assert np.array_equal(sheets[0], sheets[1])  # of strength 0 only the photo is seen
    assert not np.array_equal(sheets[1], sheets[2])


def by_net(place, *styles, **options):
    """What the network makes of the photo, by the names of the paintings' files."""
    order = RenderOrder.of(content=place / "photo.png", styles=styles, **options)
    (film,) = plan_preview(order, "cpu", place / "few").films
    drawn = draw_by_net(film, order, "cpu", place / "few")
    return {
        "+".join(work.path.stem for work in spec.paintings): drawn[spec.key]
        for spec in film.shots
        if spec.key in drawn
    }


def test_net_draws_what_it_knows_at_once_and_the_others_are_as_ever(place):
    styles = ("--styles", "glass", "styles/painting_2.png", "gilded")
    done = run("render", "--content", "photo.png", *styles, "--preview", "net", *QUICK, cwd=place)
    assert done.stdout == "outputs/photo-medley-preview.png\n"
    told = "by the network 'many': glass, gilded; unknown to it, and in 2 steps: painting_2.png\n"
    assert told in done.stderr
    assert "painting 1/1 " in done.stderr  # only one is optimized
    assert "to choose from: --styles glass styles/painting_2.png gilded" in done.stderr


def test_nothing_is_said_of_others_where_there_are_none(place):
    (place / "many").mkdir()  # of the network's name, and no network
    styles = ("--styles", "glass", "--preview=net")
    told = run("render", "--content", "photo.png", *styles, *QUICK, cwd=place).stderr
    assert "by the network 'many': glass\n" in told
    assert "step" not in told


def test_what_the_net_draws_is_what_apply_makes_in_more_pixels(place, make_picture):
    make_picture("photo.png", 300, 400, seed=1)
    small = by_net(place, shipped_files()["glass"])["glass"]
    assert max(small.pixels.shape) == NET_SIDE
    size = ("--size", NET_SIDE, "--style", "glass")
    run("apply", net_files()["many"], "photo.png", "-o", "a.png", *size, cwd=place)
    assert np.abs(small.pixels.astype(int) - decode(place / "a.png")).max() <= 1


def test_net_knows_paintings_by_their_bytes_and_not_by_their_names(place):
    ours = shipped_files()
    (place / "copy.jpg").write_bytes(ours["glass"].read_bytes())
    (place / "glass.jpg").write_bytes(ours["gilded"].read_bytes())
    drawn = by_net(place, place / "copy.jpg", place / "glass.jpg", size=32)
    alone = by_net(place, ours["glass"], ours["gilded"], size=32)
    assert np.array_equal(drawn["copy"].pixels, alone["glass"].pixels)
    assert np.array_equal(drawn["glass"].pixels, alone["gilded"].pixels)
    Image.new("RGB", (40, 40), "red").save(place / "glass.jpg")
    assert by_net(place, place / "glass.jpg", size=32) == {}


def test_net_mixes_known_paintings_by_their_weights_and_leaves_masks_to_the_optimizer(place):
    ours = [shipped_files()[name] for name in ("glass", "hatching")]
    first, second = (
        by_net(place, *ours, size=32, blend=True, style_weights=weights)["glass+hatching"].pixels
        for weights in ("1,0", "1,1")
    )
    assert np.array_equal(first, by_net(place, ours[0], size=32)["glass"].pixels)
    assert not np.array_equal(second, first)
    assert by_net(place, *ours, place / "styles/painting_2.png", size=32, blend=True) == {}
    masks = (f"{place}/left.png={ours[0]}", f"rest={ours[1]}")
    assert by_net(place, size=32, mask=masks) == {}


def test_net_leaves_of_the_photo_what_is_kept_and_its_colors(place):
    glass = shipped_files()["glass"]
    plain = by_net(place, glass, size=48)["glass"]
    photo = plain.spec.content.pixels()
    kept = by_net(place, glass, size=48, keep=place / "left.png")["glass"].pixels
    assert np.array_equal(kept[:, :23], photo[:, :23])
    assert np.array_equal(kept[:, 25:], plain.pixels[:, 25:])
    gray = np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    Image.fromarray(gray).save(place / "photo.png")
    colorless = by_net(place, glass, size=48, preserve_color="luminance")["glass"].pixels
    assert np.ptp(colorless.astype(int), axis=2).max() <= 2


@pytest.mark.parametrize("way", ["nett", "--preview=", "net:many"])
def test_other_ways_are_refused(place, way):
    words = [way] if way.startswith("-") else ["--preview", way]
    refused = run("render", *ORDER, *words, cwd=place, expect=2).stderr
    assert "'steps', 'net'" in refused
    assert refused.strip().count("\n") == 0
