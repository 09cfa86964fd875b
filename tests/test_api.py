"""What `import medley` offers, used as a program would."""

import subprocess
import sys
from inspect import signature
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import medley
from medley.cli import cli
from medley.errors import MedleyError, OutputError, PictureError
from medley.images import decode
from medley.tensors import to_pixels
from medley.vgg.layers import LAYERS

from .conftest import draw_pixels

EXAMPLE = Path(__file__).parent.parent / "examples/film.py"


def last(*arguments, **options):
    *_, found = medley.stylize(*arguments, **options)
    return found


def test_importing_medley_imports_no_torch():
    code = "import sys, medley; dir(medley); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_unknown_name_is_said():
    with pytest.raises(AttributeError, match="module 'medley' has no attribute 'stilize'"):
        _ = medley.stilize
    assert set(medley.__all__) <= set(dir(medley))


def test_iterates_are_those_of_the_command(make_picture, tmp_path):
    photo, painting = make_picture("a.png"), make_picture("b.png", seed=2)
    options = ["--size", "48", "--steps", "2", "--style-weight", "2", "--style-scale", "0.7"]
    out = str(tmp_path / "out.png")
    CliRunner().invoke(cli, ["stylize", str(photo), str(painting), "-o", out, *options])
    found = last(photo, str(painting), size=48, steps=2, style_weight=2, style_scale=0.7)
    assert np.array_equal(decode(Path(out)), to_pixels(found.image))


def test_blends_and_masks_are_those_of_the_command(make_picture, tmp_path):
    photo, first, second = (make_picture(f"{seed}.png", seed=seed) for seed in (1, 2, 3))
    mask = tmp_path / "mask.png"
    Image.linear_gradient("L").save(mask)
    masks = [f"{mask}={first}", f"rest={second}"]
    options = {"size": 48, "steps": 2, "style_weights": [3, 0.5]}
    mixed = last(photo, [first, second], **options)
    guided = last(photo, mask=masks, **options)
    command = ["stylize", str(photo), "--size", "48", "--steps", "2", "--style-weights", "3,0.5"]
    ways = [[str(first), str(second)], [word for each in masks for word in ("--mask", each)]]
    for found, way in zip([mixed, guided], ways, strict=True):
        out = tmp_path / "out.png"
        CliRunner().invoke(cli, [*command, *way, "-o", str(out), "--force"])
        assert np.array_equal(decode(out), to_pixels(found.image))
    assert not torch.equal(mixed.image, guided.image)
    with pytest.raises(ValueError, match="and was given both"):
        medley.stylize(photo, first, mask=masks, size=48)
    with pytest.raises(PictureError, match="has 1 weights for 2 paintings; give one for each"):
        medley.stylize(photo, [first, second], size=48, style_weights=[1])


def test_pictures_come_as_files_pillow_arrays_or_tensors(make_picture):
    path = make_picture("a.png", height=40, width=48)
    pixels = decode(path)
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 255
    transparent = Image.fromarray(pixels).convert("RGBA")
    forms = [path, str(path), Image.fromarray(pixels), transparent, pixels, tensor, tensor[None]]
    painting = draw_pixels(40, 48, 3)
    firsts = [next(medley.stylize(form, [painting, form], size=48)).image for form in forms]
    assert all(torch.equal(image, firsts[0]) for image in firsts)
    assert firsts[0].shape == (1, 3, 40, 48)


def test_transparent_pictures_lie_on_white():
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    first = next(medley.stylize(clear, draw_pixels(32, 32, 1), size=32))
    assert first.image.min() == 1


def test_kept_iterates_keep_no_history_of_the_optimizer_s():
    pixels = draw_pixels(24, 32, 1)
    iterates = list(medley.stylize(pixels, pixels, size=32, steps=2))
    assert [iterate.state for iterate in iterates] == [None] * 3


def test_steps_are_taken_only_as_they_are_asked_for():
    run = medley.stylize(draw_pixels(32, 32, 1), draw_pixels(32, 32, 2), size=32, steps=100_000)
    assert [current.step for current in islice(run, 2)] == [0, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"style_wait": 1}, "medley.stylize: there is no setting 'style_wait'; did you mean"),
        ({"steps": 0}, "medley.stylize: steps is 0; it must be a whole number from 1"),
        ({"size": 64, "pixels": 5000}, "size and pixels contradict each other"),
        ({"device": "gpu"}, "there is no device 'gpu'"),
        ({"tile": 3}, "3 is not auto, off, or a side"),
        ({"seed": -1}, "seed is -1; it must be"),
    ],
)
def test_options_that_are_not_accepted_are_value_errors_at_once(options, words):
    picture = draw_pixels(32, 32, 1)
    with pytest.raises(ValueError, match=words):
        medley.stylize(picture, picture, **options)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((32, 32), np.uint8), r"uint8 \(height, width, 3\), not uint8 \(32, 32\)"),
        (np.zeros((32, 32, 3)), "not float64"),
        (torch.zeros(2, 3, 32, 32), r"float \(1, 3, height, width\).* not torch.float32 \(2, 3,"),
        (torch.zeros(3, 32, 32, dtype=torch.uint8), "not torch.uint8"),
        ([], "stylize needs paintings or masks that name them, and was given none"),
    ],
)
def test_pictures_of_other_shapes_are_value_errors(picture, words):
    with pytest.raises(ValueError, match=words):
        medley.stylize(draw_pixels(32, 32, 1), picture, size=32)


def test_missing_picture_is_what_a_user_can_mend(tmp_path):
    with pytest.raises(PictureError, match=r"there is no picture '.*none\.png'"):
        medley.stylize(tmp_path / "none.png", tmp_path / "none.png")


def test_features_are_those_of_the_network(make_picture):
    path = make_picture("a.png")
    network = medley.load_vgg(bits=3, layers=["relu1_1", "relu2_1"])
    image = torch.from_numpy(decode(path).copy()).permute(2, 0, 1)[None] / 255
    expected = network(image)["relu2_1"]
    found = medley.features(path, ["relu2_1"], bits=3)
    assert list(found) == ["relu2_1"]
    assert torch.equal(found["relu2_1"], expected)
    assert not found["relu2_1"].requires_grad
    assert torch.equal(medley.features(path, ["relu2_1"], network=network)["relu2_1"], expected)


def test_features_of_all_layers_are_the_default(make_picture):
    assert tuple(medley.features(make_picture(height=32, width=32))) == LAYERS


def test_network_that_cannot_be_is_refused(make_picture):
    network = medley.load_vgg(layers=["relu1_1"])
    picture = make_picture()
    with pytest.raises(ValueError, match="the network was loaded without relu2_1"):
        medley.features(picture, ["relu2_1"], network=network)
    with pytest.raises(ValueError, match="bits cannot be changed in a network that is given"):
        medley.features(picture, ["relu1_1"], network=network, bits=4)
    with pytest.raises(ValueError, match="relu9_9"):
        medley.load_vgg(layers=["relu9_9"])
    with pytest.raises(ValueError, match="weights and bits contradict each other"):
        medley.load_vgg(4, weights="x.safetensors")
    with pytest.raises(ValueError, match="9 is not a width"):
        medley.load_vgg(9)


def test_network_says_what_pictures_it_takes():
    network = medley.load_vgg(layers=["relu3_1"])
    for image, words in (
        (torch.zeros(1, 3, 3, 9), r"relu3_1 needs 4 pixels or more .* not a tensor \(1, 3, 3, 9\)"),
        (torch.zeros(1, 3, 9, 9, dtype=torch.float16), "of torch.float32, not torch.float16"),
        (torch.zeros(1, 3, 9, 9, dtype=torch.float64), "of torch.float32, not torch.float64"),
        (torch.zeros(3, 9, 9), r"not torch.float32 \(3, 9, 9\)"),
    ):
        with pytest.raises(ValueError, match=words):
            network(image)
    with pytest.raises(ValueError, match="relu3_1 needs 4 pixels"):
        medley.features(draw_pixels(3, 9, 1), "relu3_1")
    assert network(torch.zeros(1, 3, 4, 4))["relu3_1"].shape == (1, 256, 1, 1)


def test_one_layer_goes_by_its_name_alone(make_picture):
    picture = make_picture()
    assert list(medley.features(picture, "relu1_2")) == ["relu1_2"]
    assert list(medley.load_vgg(layers="relu1_1")(torch.zeros(1, 3, 8, 8))) == ["relu1_1"]


def test_option_that_features_has_not_is_named_with_those_it_has(make_picture):
    words = "medley.features: there is no option 'size'; there are bits, weights, pooling, "
    for network in (None, medley.load_vgg(layers="relu1_1")):
        with pytest.raises(ValueError, match=words):
            medley.features(make_picture(), "relu1_1", network=network, size=64)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bits": 4, "target_bytes": 5_000_000}, "target_bytes and bits contradict each other"),
        ({"layers": {"conv1_1": 8}, "target_bytes": 10**7}, "target_bytes and layers contradict"),
        ({"scheme": "float16", "bits": 4}, "scheme=float16 and bits contradict each other"),
        ({"target_bytes": "5MB"}, "target_bytes is '5MB'; it must be a number"),
        ({"scheme": "entropy", "layers": {"conv1_1": 8}}, "scheme=entropy and layers contradict"),
        ({"scheme": "entropy", "bits": 2, "target_bytes": 10**6}, "target_bytes and bits contra"),
        ({"scheme": "bfloat16", "target_bytes": 10**7}, "scheme=bfloat16 and target_bytes"),
    ],
)
def test_options_of_quantize_that_contradict_or_are_no_numbers_are_refused(
    tmp_path, options, words
):
    with pytest.raises(ValueError, match=words):
        medley.quantize(tmp_path / "small.safetensors", **options)


def test_quantized_file_is_what_load_vgg_takes(float_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDLEY_CACHE", str(float_cache))
    path = medley.quantize(tmp_path / "small.safetensors", scheme="affine", bits=2)
    weight, _ = medley.load_vgg(weights=path, layers=["conv1_1"]).weights()["conv1_1"]
    assert len(weight.unique()) <= 4
    with pytest.raises(OutputError, match="exists; pass force=True to replace it"):
        medley.quantize(path, scheme="affine", bits=2)
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        medley.quantize(tmp_path / "small.bin")
    with pytest.raises(ValueError, match="there is no convolution 'conv9_9'"):
        medley.quantize(tmp_path / "b.safetensors", layers={"conv9_9": 3})
    with pytest.raises(ValueError, match="scheme is 'zip'; it must be 'kmeans'"):
        medley.quantize(tmp_path / "b.safetensors", scheme="zip")


def test_film_is_made_and_its_steps_are_watched(make_picture, tmp_path):
    photo, painting = make_picture("a.png"), make_picture("b.png", seed=2)
    seen = []
    made = medley.render(
        photo, painting, tmp_path / "film.mp4", workspace=tmp_path / "shots", size=48, steps=3,
        fps=10, seconds_per_painting=1.5, hold=0.3, watch=lambda now: seen.append(now.step),
    )  # fmt: skip
    assert seen == [0, 1, 2, 3]
    assert (made.path, made.frame_count, made.width) == (tmp_path / "film.mp4", 15, 48)
    with pytest.raises(
        MedleyError,
        match=r"exists and .*steps was 3 and would be 120; pass force=True to replace it",
    ):
        medley.render(photo, painting, made.path)
    with pytest.raises(ValueError, match=r"film\.txt' must end in \.mp4"):
        medley.render(photo, painting, tmp_path / "film.txt")
    with pytest.raises(ValueError, match=r"medley\.render: steps is 0"):
        medley.render(photo, painting, steps=0)


def test_example_is_short_and_makes_a_film(make_picture, tmp_path):
    assert len(EXAMPLE.read_text().splitlines()) < 20
    photo, painting = make_picture("a.png", 20, 24), make_picture("b.png", 20, 24, seed=2)
    command = [sys.executable, EXAMPLE, photo, painting, "film.mp4"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "b: step 30 of 30, loss " in done.stdout
    assert "film.mp4: 120 frames of 246x204 pixels" in done.stdout
    assert (tmp_path / "film.json").is_file()


def test_example_without_arguments_says_how_it_is_used():
    done = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("film.py PHOTO FOLDER FILM.mp4\n")
    assert len(done.stderr.splitlines()) == 1


def test_defaults_are_those_of_the_settings():
    from medley.settings import CatalogSettings, QuantizeSettings, RunSettings
    from medley.settings.load import as_written

    for function, schema in (
        (medley.stylize, RunSettings),
        (medley.stylize, CatalogSettings),
        (medley.quantize, QuantizeSettings),
    ):
        for name, parameter in signature(function).parameters.items():
            if name in schema.model_fields:
                field = schema.model_fields[name]
                defaults = (field.default, as_written(field, field.default))
                assert parameter.default in (None, *defaults)  # None takes the schema's
