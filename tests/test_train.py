"""`medley train`: what it writes, how it goes on after an interruption, and what it refuses."""

import numpy as np
import pytest
import torch
from torch.func import functional_call

from medley.cli import train_run
from medley.events import stage
from medley.images import decode
from medley.studio import train_sheet, training
from medley.studio.train_order import differing
from medley.stylenet import netfile
from medley.stylenet.coded import coded_kernels
from medley.stylenet.network import StyleNet, make_network
from medley.stylenet.perceptual import LAYERS, Balance, Perceptual, palette_distance
from medley.stylenet.shape import small_shape
from medley.stylenet.training import Course, Trainer
from medley.tensors import to_tensor
from medley.vgg.network import VGG19
from medley.vgg.weights import load_weights
from medley.workspace.locks import Claim

from .conftest import draw_pixels
from .test_render import run

QUICK = ("--steps", "3", "--crop", "64", "--batch", "2", "--stroke", "64", "--device", "cpu")
BLANK = np.zeros((8, 8, 3), np.uint8)
COURSE = Course(9, None, 64, 2, 0.01, 0)


@pytest.fixture
def place(make_picture, tmp_path):
    for number in range(3):
        make_picture(f"photos/{number}.png", 90, 80, seed=number)
    make_picture("paintings/red_hills.png", 70, 80, seed=8)
    make_picture("paintings/blue.png", 70, 80, seed=9)
    return tmp_path


def train(place, *more, style="paintings/blue.png", output="net.safetensors", expect=0):
    arguments = ("train", "--style", style, "--images", "photos", "-o", output, *QUICK, *more)
    return run(*arguments, cwd=place, expect=expect)


def interrupt_at(step, monkeypatch):
    """Let Ctrl-C come while a step of a training is taken."""
    take = training.Trainer._take

    def taking(self, number, share):
        if number == step:
            raise KeyboardInterrupt
        return take(self, number, share)

    monkeypatch.setattr(training.Trainer, "_take", taking)


@pytest.fixture(scope="module")
def judge():
    network = VGG19(load_weights(8).tensors, LAYERS).eval()
    painting = to_tensor(draw_pixels(64, 64, 5))
    return Perceptual(network, [painting], Balance(1.0, 1.0))


def test_training_writes_a_network_that_names_its_painting_and_a_picture_of_photos(place):
    train(place)
    net = netfile.read(place / "net.safetensors")
    assert (net.bits, [style.title for style in net.styles]) == (8, ["blue"])
    assert net.shape == small_shape()
    assert (place / "net.safetensors").stat().st_size <= 17_000
    assert decode(place / "net.png").ndim == 3
    assert sorted(path.name for path in place.iterdir()) == [
        "net.png", "net.safetensors", "paintings", "photos",
    ]  # fmt: skip


def test_a_folder_of_paintings_is_learned_by_one_network(place):
    train(place, "--width", "0.1", "--blocks", "1", style="paintings")
    net = netfile.read(place / "net.safetensors")
    assert [style.title for style in net.styles] == ["blue", "red hills"]
    assert [style.name for style in net.styles] == ["blue", "red_hills"]
    assert net.shape == small_shape(0.1, 1, styles=2)


def test_an_interrupted_training_comes_to_the_same_network(place, monkeypatch):
    train(place, output="whole.safetensors")
    with monkeypatch.context() as patch:
        interrupt_at(3, patch)
        told = train(place, expect=130)
    assert "the training is kept, and the same command goes on from there" in told.stderr
    assert (place / "net.training").exists()
    assert not (place / "net.safetensors").exists()
    train(place)
    whole, net = (netfile.read(place / f"{name}.safetensors") for name in ("whole", "net"))
    assert np.array_equal(whole.kernels, net.kernels)
    assert np.array_equal(whole.gains, net.gains)


def test_a_training_that_was_interrupted_behind_its_last_step_is_written(place, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training, "stage", interrupted_at_the_end)
        train(place, expect=130)
    train(place)
    assert netfile.read(place / "net.safetensors").training["step"] == 3


@pytest.mark.parametrize("name", ["write", "quantized"])
def test_a_training_that_is_interrupted_while_it_is_written_loses_no_step(place, monkeypatch, name):
    with monkeypatch.context() as patch:
        patch.setattr(training, name, interrupted)
        train(place, expect=130)
    assert (place / "net.png").exists()
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_take", interrupted)
        train(place)
    assert netfile.read(place / "net.safetensors").training["step"] == 3
    assert not (place / "net.training").exists()


def interrupted(*_):
    raise KeyboardInterrupt


def interrupted_at_the_end(what, done, total, is_timed):
    if done == total:
        raise KeyboardInterrupt
    return stage(what, done, total, is_timed)


def test_two_trainings_at_once_do_not_write_to_one_file(place):
    with Claim(place, "net.safetensors") as claim:
        assert claim.take_now()
        assert "another training" in train(place, expect=1).stderr


def test_an_interruption_before_the_first_step_and_after_the_last_claims_nothing(
    place, monkeypatch
):
    with monkeypatch.context() as patch:
        interrupt_at(1, patch)
        assert train(place, expect=130).stderr.endswith("\nInterrupted.\n")
    with monkeypatch.context() as patch:
        patch.setattr(train_run, "_told", interrupted)
        assert train(place, expect=130).stderr.endswith("\nInterrupted.\n")
    assert (place / "net.safetensors").exists()


OTHER = {
    "with --rate 0.01": ["--rate", "0.02"],
    "with --steps 3": ["--steps", "4"],
    "with --stroke 64": ["--stroke", "80"],
    "with --seed 0": ["--seed", "1"],
    "with --bits 8": ["--bits", "4"],
    "without --warm-start": ["--warm-start", "glass"],
    "for other --net-bits": ["--net-bits", "2"],
    "with a network of other size": ["--blocks", "1"],
    "after other paintings": ["--style", "glass"],
}


def test_a_training_that_an_older_version_left_is_gone_on_with():
    stamp = {"version": 1, "photos": 3, "training": {"rate": 0.01}}
    assert differing(stamp, stamp | {"photo_names": "abc"}) == ()
    assert differing(stamp, stamp | {"photos": 4}) == ("on other photos",)


def test_an_unfinished_training_is_not_gone_on_with_by_other_settings(place, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_at(3, patch)
        train(place, expect=130)
    for words, other in OTHER.items():
        told = train(place, *other, expect=1).stderr
        way = "name another output, or begin anew with --force\n"
        assert told.endswith(f"Error: 'net.training' was begun {words}; {way}")
    (place / "photos/2.png").rename(place / "photos/3.png")
    assert "was begun on other photos;" in train(place, expect=1).stderr
    train(place, "--rate", "0.02", "--force")


def test_a_network_that_is_there_is_replaced_by_force_only(place):
    (place / "net.safetensors").write_bytes(b"mine")
    assert "--force" in train(place, expect=1).stderr
    assert (place / "net.safetensors").read_bytes() == b"mine"


def test_the_sheet_replaces_no_painting_and_no_picture_of_that_name(place):
    painting = place / "paintings" / "blue.png"
    before = painting.read_bytes()
    told = train(place, "--force", output="paintings/blue.safetensors", expect=1).stderr
    assert "'paintings/blue.png' is an input" in told
    assert painting.read_bytes() == before
    (place / "net.png").write_bytes(b"mine")
    assert "'net.png' exists" in train(place, expect=1).stderr
    assert (place / "net.png").read_bytes() == b"mine"
    train(place, "--force")


def test_minutes_end_a_training_too(place):
    arguments = [word for word in QUICK if word not in ("--steps", "3")]
    run(
        "train", "--style", "paintings/blue.png", "--images", "photos", "-o", "net.safetensors",
        "--minutes", "0.01", *arguments, cwd=place,
    )  # fmt: skip
    assert netfile.read(place / "net.safetensors").training["step"] >= 1


def test_a_network_of_few_bits_is_trained_as_its_file_will_give_it():
    torch.manual_seed(0)
    network = StyleNet(small_shape(0.1, 1))
    file = netfile.quantized(network.to_file((), {}), 2)
    coded = coded_kernels(network, 2)
    photo = to_tensor(draw_pixels(24, 24, 1))
    with torch.no_grad():
        picture = functional_call(network, coded, photo)
        assert torch.allclose(picture, make_network(file)(photo), atol=1e-3)
        assert not torch.allclose(picture, network(photo), atol=0.02)


def test_the_gradient_passes_rounding_as_if_it_were_none():
    network = StyleNet(small_shape(0.1, 0))
    coded = coded_kernels(network, 1)["kernels.0"]
    slope = torch.rand(coded.shape)
    (coded * slope).sum().backward()
    assert torch.equal(network.kernels[0].grad, slope)


@pytest.mark.parametrize("bits", [32, 8, 5])
def test_rounding_to_many_bits_is_not_trained_for(bits):
    trainer = Trainer(StyleNet(small_shape(0.1, 0)), None, None, COURSE, bits=bits)
    assert trainer._coded(1.0) == {}


def test_few_bits_are_trained_for_in_the_second_half():
    trainer = Trainer(StyleNet(small_shape(0.1, 0)), None, None, COURSE, bits=4)
    assert trainer._coded(0.49) == {}
    assert len(trainer._coded(0.5)) == 6


def test_weights_that_are_no_numbers_are_left_to_the_loss():
    network = StyleNet(small_shape(0.1, 0))
    with torch.no_grad():
        network.kernels[0][0, 0, 0, 0] = torch.nan
    assert coded_kernels(network, 2) == {}


def test_a_training_for_few_bits_goes_on_to_the_same_network_and_not_for_others(place, monkeypatch):
    small = ("--width", "0.1", "--blocks", "0", "--net-bits")
    train(place, *small, "2", output="whole.safetensors")
    with monkeypatch.context() as patch:
        interrupt_at(3, patch)
        train(place, *small, "2", expect=130)
    assert "--force" in train(place, *small, "3", expect=1).stderr
    train(place, *small, "2")
    whole, net = (netfile.read(place / f"{name}.safetensors") for name in ("whole", "net"))
    assert np.array_equal(whole.kernels, net.kernels)
    assert np.array_equal(whole.gains, net.gains)


def test_a_warm_start_begins_with_the_other_networks_weights(place):
    train(place, "--net-bits", "32")
    train(place, "--warm-start", "net.safetensors", "--rate", "1e-9", "--net-bits", "32",
          output="warm.safetensors")  # fmt: skip
    begun, warm = (netfile.read(place / f"{name}.safetensors") for name in ("net", "warm"))
    assert np.allclose(begun.kernels, warm.kernels, atol=1e-6)


def test_a_warm_start_of_another_size_or_kind_is_refused(place):
    train(place, "--blocks", "1")
    told = train(place, "--warm-start", "net.safetensors", output="warm.safetensors", expect=1)
    assert "net.safetensors" in told.stderr
    told = train(place, "--warm-start", "photos/0.png", output="warm.safetensors", expect=1)
    assert "photos/0.png" in told.stderr


def test_a_folder_of_photos_that_does_not_exist_is_taken_for_no_painting(place):
    told = train(place, "--images", "glas", expect=1).stderr
    assert told == "Error: there is no picture or folder 'glas'; check its name\n"


def test_paintings_and_folders_of_photos_are_lists(place, make_picture):
    make_picture("more/9.png", 90, 80, seed=7)
    told = run(
        "train", "--style", "paintings/blue.png", "glass", "--images", "photos", "more", *QUICK,
        "-o", "net.safetensors", "--width", "0.1", "--blocks", "0", cwd=place,
    ).stderr  # fmt: skip
    assert "2 paintings, 4 photos\n" in told


def test_photos_that_are_kept_out_are_told_and_hang_under_their_names(
    place, make_picture, monkeypatch
):
    hung = []
    monkeypatch.setattr(train_sheet, "gallery", lambda works, **_: hung.extend(works) or BLANK)
    for number in range(3, 12):
        make_picture(f"photos/{number}.png", 90, 80, seed=number)
    told = train(place, "--width", "0.1", "--blocks", "0").stderr
    assert "1 painting, 12 photos (3 of them kept out, to judge by)\n" in told
    names = [name for _, name in hung]
    assert names == ["0", "blue", "2", "blue", "6", "blue"]


@pytest.mark.parametrize("count", [0, 1])
def test_a_folder_with_fewer_than_two_photos_is_refused(place, count):
    for path in sorted((place / "photos").iterdir())[count:]:
        path.write_text("no picture")
    told = train(place, expect=1)
    assert ["no photo", "one photo"][count] in told.stderr


def test_a_photo_that_cannot_be_decoded_is_named_and_another_drawn(place):
    for number in (0, 1):
        torn = place / "photos" / f"{number}.png"
        torn.write_bytes(torn.read_bytes()[:-2000])
    assert "passed over: 'photos/0.png'" in train(place).stderr


def test_what_no_network_can_be_is_refused_before_the_work(place):
    assert "leave a layer with none" in train(place, "--width", "0.01", expect=1).stderr
    assert ".safetensors" in train(place, output="net.onnx", expect=2).stderr
    assert "--minutes" in train(place, "--minutes", "1", expect=2).stderr
    assert "nothing.png" in train(place, style="nothing.png", expect=1).stderr


def test_a_loss_that_is_no_number_ends_the_training(place, monkeypatch):
    judged = Perceptual.__call__

    def overflowing(self, *given):
        return judged(self, *given)._replace(total=torch.tensor(float("nan")))

    monkeypatch.setattr(Perceptual, "__call__", overflowing)
    assert "lower the learning rate" in train(place, expect=1).stderr


def test_training_lowers_the_loss(judge):
    """Of a single photo, which a network learns by heart in a few steps."""
    photo = to_tensor(draw_pixels(64, 64, 3))
    torch.manual_seed(0)
    network = StyleNet(small_shape())
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    losses = []
    for step in range(12):
        judged = judge(network(photo), photo, [0], torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        judged.total.backward()
        optimizer.step()
        losses.append(judged.total.item())
    assert losses[-1] < 0.7 * losses[0]


def test_style_is_zero_for_the_painting_and_content_for_the_photo(judge):
    painting, photo = (to_tensor(draw_pixels(64, 64, seed)) for seed in (5, 3))
    random = torch.Generator().manual_seed(0)
    assert judge(painting, photo, [0], random).style < 1e-6
    assert judge(photo, photo, [0], random).content < 1e-3
    assert judge(painting, photo, [0], random).content > 0.3


def test_content_does_not_mind_level_and_contrast_of_colours(judge):
    photo = to_tensor(draw_pixels(64, 64, 3))
    random = torch.Generator().manual_seed(0)
    pale = judge(0.3 + 0.6 * photo, photo, [0], random)
    other = judge(to_tensor(draw_pixels(64, 64, 4)), photo, [0], random)
    assert pale.content < 0.25 * other.content


def test_palettes_are_as_far_apart_as_their_colours():
    """Of two single colours, the mean over all lines is a third of the squared distance."""
    random = torch.Generator().manual_seed(0)
    one, other = torch.zeros(100, 3), torch.tensor([[0.3, 0.0, 0.0]]).expand(100, 3)
    found = [float(palette_distance(one, other, random)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(0.09 / 3, rel=0.05)
    assert palette_distance(one, one, random) == 0


def test_the_course_goes_from_many_small_crops_to_few_large_ones_as_the_rate_falls():
    course = Course(100, None, 128, 8, 0.01, 0)
    assert [course.crops(share) for share in (0.0, 0.7, 1.0)] == [(128, 8), (192, 4), (256, 2)]
    rates = [course.rate_at(step, course.share(step, 0)) for step in (20, 50, 99)]
    assert rates == sorted(rates, reverse=True)
    assert Course(None, 60.0, 128, 8, 0.01, 0).share(7, 30.0) == 0.5


def test_a_network_read_back_makes_what_the_quantized_one_made(place):
    train(place)
    net = make_network(netfile.read(place / "net.safetensors"))
    with torch.no_grad():
        picture = net(to_tensor(draw_pixels(30, 41, 2)))
    assert picture.shape == (1, 3, 30, 41)
    assert picture.min() >= 0 and picture.max() <= 1
